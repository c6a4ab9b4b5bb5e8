import os
from pathlib import Path

import pytest

from backend.processes.lockfile import LockFile, LockHeld
from tests.backend.processes.processes import wait_until

HOLDER = """
import sys, time
from pathlib import Path
from backend.processes.lockfile import LockFile
lock = LockFile(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
time.sleep(600)
"""


def test_a_second_holder_is_told_the_first_ones_pid(tmp_path: Path) -> None:
    with LockFile(tmp_path / "lock"), pytest.raises(LockHeld) as caught:
        LockFile(tmp_path / "lock").acquire()
    assert caught.value.pid == os.getpid()
    assert str(tmp_path / "lock") in str(caught.value)


def test_a_released_lock_can_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        with LockFile(tmp_path / "lock"):
            assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path, launch):
    holder = launch(HOLDER, str(tmp_path / "lock"))
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(LockHeld) as caught:
        LockFile(tmp_path / "lock").acquire()
    assert caught.value.pid == holder.pid
    holder.kill()
    holder.wait()

    def free() -> bool:
        try:
            LockFile(tmp_path / "lock").acquire()
        except LockHeld:
            return False
        return True

    assert wait_until(free)


def test_the_lock_file_is_for_its_owner_only(tmp_path: Path) -> None:
    with LockFile(tmp_path / "lock"):
        assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600


def test_release_without_acquire_does_nothing(tmp_path: Path) -> None:
    LockFile(tmp_path / "lock").release()
    assert not (tmp_path / "lock").exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept")
    (tmp_path / "lock").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="lock"):
        LockFile(tmp_path / "lock").acquire()
    assert (tmp_path / "precious").read_text() == "kept"
