import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.processes.keeper import Kept, descendants
from tests.backend.processes.processes import is_alive, marked, wait_until

# A program with a child in a session of its own: what an RQ worker and its work horse look like.
WITH_HORSE = ["sh", "-c", "setsid sleep 600 & sleep 600"]
# Deaf once it has made the file.
DEAF = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).touch()
time.sleep(600)
"""
PARENT = """
import sys, time, threading
from backend.processes.keeper import Kept
kept = []
def start():
    kept.append(Kept(["sh", "-c", "setsid sleep 600 & sleep 600"], grace=600))
    while kept[0].pid is None:
        time.sleep(0.01)
thread = threading.Thread(target=start)
thread.start()
thread.join()
print(kept[0].pid, flush=True)
time.sleep(600)
"""


def _started(kept: Kept, below: int = 1) -> int:
    """The program's pid, once it and at least `below` - 1 children of its own run."""
    assert wait_until(lambda: kept.pid is not None and len(descendants(kept.pid)) >= below - 1)
    assert kept.pid is not None
    return kept.pid


@pytest.fixture
def ours() -> Callable[[], set[int]]:
    """Gives what this process has started since the test began: servers of other tests may be running."""
    before = descendants(os.getpid())
    return lambda: descendants(os.getpid()) - before


def _deaf(tmp_path: Path, grace: float) -> tuple[Kept, int]:
    kept = Kept([sys.executable, "-c", DEAF, str(tmp_path / "deaf")], grace=grace)
    assert wait_until((tmp_path / "deaf").exists)
    return kept, _started(kept)


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", -9), ("kill -15 $$", -15)]
)
def test_the_exit_code_is_that_of_the_program(script: str, code: int) -> None:
    kept = Kept(["sh", "-c", script])
    assert kept.wait(30) == code
    assert kept.end() == code


def test_a_program_that_does_not_exist_ends_with_127(capfd: pytest.CaptureFixture[str]) -> None:
    assert Kept(["no-such-program"]).wait(30) == 127
    assert "cannot run no-such-program" in capfd.readouterr().err


def test_the_end_takes_along_a_grandchild_in_a_session_of_its_own(ours: Callable[[], set[int]]) -> None:
    kept = Kept(WITH_HORSE)
    tree = {_started(kept, 3)} | ours()
    assert len(tree) == 4  # the keeper, the shell, two sleeps
    assert kept.end() == -signal.SIGTERM
    assert not [pid for pid in tree if is_alive(pid)]


def test_a_program_that_dies_takes_its_children_along() -> None:
    kept = Kept(WITH_HORSE)
    pid = _started(kept, 3)
    horses = descendants(pid)
    os.kill(pid, signal.SIGKILL)
    assert kept.wait(30) == -signal.SIGKILL
    assert not [horse for horse in horses if is_alive(horse)]


@pytest.mark.parametrize("grace", [0.0, 0.3])
def test_a_program_deaf_to_sigterm_is_killed_after_the_grace_time(grace: float, tmp_path: Path) -> None:
    kept, pid = _deaf(tmp_path, grace)
    assert kept.end() == -signal.SIGKILL
    assert not is_alive(pid)


def test_a_kill_does_not_wait_for_the_grace_time(tmp_path: Path) -> None:
    kept, pid = _deaf(tmp_path, grace=600)
    kept.terminate()
    kept.kill()
    assert kept.wait(60) is not None
    assert not is_alive(pid)


def test_a_program_ends_with_its_killed_parent_and_not_with_the_thread_that_started_it(launch, mark):
    parent = launch(PARENT)
    pid = int(parent.stdout.readline())
    time.sleep(0.2)  # the starting thread is long gone
    assert is_alive(pid)
    parent.kill()
    assert wait_until(lambda: not marked(mark)), marked(mark)


def test_a_program_ends_with_its_killed_keeper(ours: Callable[[], set[int]]) -> None:
    kept = Kept(["sleep", "600"])
    pid = _started(kept)
    (keeper,) = ours() - {pid}
    os.kill(keeper, signal.SIGKILL)
    assert kept.wait(30) == -signal.SIGKILL
    assert wait_until(lambda: not is_alive(pid))


def test_a_signal_to_the_keeper_ends_the_program_too(ours: Callable[[], set[int]]) -> None:
    kept = Kept(["sleep", "600"])
    pid = _started(kept)
    (keeper,) = ours() - {pid}
    os.kill(keeper, signal.SIGTERM)
    assert kept.wait(30) == -signal.SIGTERM


@pytest.fixture
def _as_under_nohup_and_in_the_background() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("_as_under_nohup_and_in_the_background")
def test_the_program_starts_with_no_signal_ignored(tmp_path: Path) -> None:
    Kept(["sh", "-c", f"grep SigIgn /proc/self/status > {tmp_path}/ignored"]).wait(30)
    ignored = int((tmp_path / "ignored").read_text().split()[1], 16)
    assert not [number for number in signal.valid_signals() if number < 32 and ignored >> (number - 1) & 1]


def test_the_program_has_the_given_environment_and_umask_alone(tmp_path: Path) -> None:
    Kept(["sh", "-c", f"env > {tmp_path}/env; umask > {tmp_path}/umask"], env={"A": "1"}, umask=0o077).wait(
        30
    )
    names = {line.partition("=")[0] for line in (tmp_path / "env").read_text().splitlines()}
    assert "A" in names
    assert not names & {"HOME", "PATH_INFO", "LABEL_STUDIO_API_KEY", "TEST_MARK", "PYTEST_CURRENT_TEST"}
    assert (tmp_path / "umask").read_text().strip() == "0077"
