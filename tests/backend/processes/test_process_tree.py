import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from backend.processes import process_tree
from backend.processes.process_tree import Child, Supervisor
from tests.backend.processes.processes import is_alive, marked, wait_until

# Notes in a file what it is and when it is told to end; argv: log, name, seconds that its end takes.
CHILD = """
import signal, subprocess, sys, time
log, name, pause = sys.argv[1], sys.argv[2], float(sys.argv[3])
def note(what):
    with open(log, "a") as file:
        file.write(f"{name} {what}\\n")
def end(*_):
    note("asked")
    time.sleep(pause)
    note("done")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
subprocess.Popen(["sleep", "600"], start_new_session=True)
note("up")
while True:
    time.sleep(600)
"""
# argv: log, seconds that a worker's end takes, its grace time.
TREE = """
import json, logging, sys
from backend.processes.process_tree import Child, Supervisor
log, pause, grace = sys.argv[1], sys.argv[2], float(sys.argv[3])
child = sys.stdin.read() if not sys.stdin.isatty() else open(log + ".child").read()
def made(name, rank, pause="0", grace=30):
    return Child(name, [sys.executable, "-c", child, log, name, pause], stop_rank=rank, grace=grace)
tree = Supervisor([made("queue", 2), made("web", 1), made("worker", 0, pause, grace)])
def ready():
    print(json.dumps(tree.pids), flush=True)
sys.exit(tree.run(ready))
"""
SLEEP = ["sleep", "600"]


class Tree:
    """A supervisor in a process of its own, with three children that note what happens to them."""

    def __init__(self, directory: Path, mark: str, pause: float = 0, grace: float = 30, **options) -> None:
        self.log = directory / "tree.log"
        self.mark = mark
        (directory / "tree.log.child").write_text(CHILD)
        with open(directory / "tree.log.child") as source, open(directory / "stderr.log", "w") as errors:
            options = {"stdin": source, "stdout": subprocess.PIPE, "stderr": errors} | options
            self.process = subprocess.Popen(
                [sys.executable, "-c", TREE, str(self.log), str(pause), str(grace)],
                env={**os.environ, "TEST_MARK": mark},
                start_new_session=True,
                **options,
            )

    def wait_until_up(self) -> None:
        names = {"queue up", "web up", "worker up"}
        assert wait_until(lambda: self.log.exists() and set(self.notes()) >= names)
        assert wait_until(lambda: len(marked(self.mark)) == 10)  # ourselves, and thrice keeper, child, sleep

    def notes(self) -> list[str]:
        return self.log.read_text().splitlines()

    def nothing_left(self) -> bool:
        return wait_until(lambda: not marked(self.mark))


@pytest.fixture
def tree(tmp_path: Path, mark: str):
    tree = Tree(tmp_path, mark)
    tree.wait_until_up()
    with tree.process:
        yield tree
        tree.process.kill()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_tree, "FIRST_BACKOFF", 0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_ends_everything_in_order_and_leaves_nothing(tree: Tree, number: int) -> None:
    tree.process.send_signal(number)
    assert tree.process.wait(60) == 0
    assert not marked(tree.mark)
    assert tree.notes()[-6:] == [
        *("worker asked", "worker done"),
        *("web asked", "web done"),
        *("queue asked", "queue done"),
    ]


def test_a_killed_supervisor_leaves_nothing(tree: Tree) -> None:
    tree.process.kill()
    assert tree.nothing_left(), marked(tree.mark)


def test_a_killed_child_comes_back_and_its_own_child_goes(tree: Tree) -> None:
    before = json.loads(tree.process.stdout.readline())
    os.kill(before["worker"], signal.SIGKILL)
    assert wait_until(lambda: tree.notes().count("worker up") == 2)
    assert wait_until(lambda: len(marked(tree.mark)) == 10), marked(tree.mark)
    assert tree.notes().count("web up") == 1


def test_a_worker_may_finish_what_it_does_within_its_grace_time(tmp_path: Path, mark: str) -> None:
    tree = Tree(tmp_path, mark, pause=0.5, grace=60)
    tree.wait_until_up()
    with tree.process:
        tree.process.terminate()
        assert tree.process.wait(60) == 0
    assert "worker done" in tree.notes()
    assert not marked(mark)


def test_a_worker_that_does_not_finish_is_killed_and_the_others_still_end_in_order(
    tmp_path: Path, mark: str
) -> None:
    tree = Tree(tmp_path, mark, pause=600, grace=0.3)
    tree.wait_until_up()
    with tree.process:
        tree.process.terminate()
        assert tree.process.wait(60) == 0
    assert tree.notes()[3:] == ["worker asked", "web asked", "web done", "queue asked", "queue done"]
    assert not marked(mark)


def test_a_second_signal_ends_everything_at_once(tmp_path: Path, mark: str) -> None:
    tree = Tree(tmp_path, mark, pause=600, grace=600)
    tree.wait_until_up()
    with tree.process:
        tree.process.send_signal(signal.SIGINT)
        assert wait_until(lambda: "worker asked" in tree.notes())
        tree.process.send_signal(signal.SIGINT)
        assert tree.process.wait(60) == 0
    assert "worker done" not in tree.notes()
    assert not marked(mark)


def test_ctrl_c_in_a_terminal_ends_everything_in_order(tmp_path: Path, mark: str) -> None:
    ours, theirs = pty.openpty()
    tree = Tree(tmp_path, mark, stdin=theirs, stdout=theirs, preexec_fn=_take_terminal)
    os.close(theirs)
    with tree.process:
        tree.wait_until_up()
        os.write(ours, b"\x03")
        assert tree.process.wait(60) == 0
    os.close(ours)
    assert [note for note in tree.notes() if note.endswith("done")] == [
        *("worker done", "web done", "queue done")
    ]
    assert not marked(mark)


def test_a_closed_terminal_ends_everything(tmp_path: Path, mark: str) -> None:
    ours, theirs = pty.openpty()
    tree = Tree(tmp_path, mark, stdin=theirs, stdout=theirs, preexec_fn=_take_terminal)
    os.close(theirs)
    with tree.process:
        tree.wait_until_up()
        os.close(ours)
        assert tree.process.wait(60) == 0
    assert not marked(mark)


def test_nohup_is_honored(tmp_path: Path, mark: str) -> None:
    tree = Tree(tmp_path, mark, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    tree.wait_until_up()
    with tree.process:
        tree.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert "worker asked" not in tree.notes()
        tree.process.terminate()
        assert tree.process.wait(60) == 0


def test_a_job_in_the_background_still_ends_at_sigint(tmp_path: Path, mark: str) -> None:
    """A shell without job control starts such a job with SIGINT ignored."""
    tree = Tree(tmp_path, mark, preexec_fn=_as_in_the_background)
    tree.wait_until_up()
    with tree.process:
        tree.process.send_signal(signal.SIGINT)
        assert tree.process.wait(60) == 0
    assert not marked(mark)


def _as_in_the_background() -> None:
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _run(supervisor: Supervisor, **options) -> int:
    """What `run` returns, in a thread of its own so that a broken one cannot hang the tests."""
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(supervisor.run(**options)), daemon=True)
    thread.start()
    thread.join(60)
    assert codes, "the supervisor did not come to an end"
    return codes[0]


def test_the_next_child_waits_until_the_one_before_is_ready(tmp_path: Path) -> None:
    first = Child(
        "first",
        ["sh", "-c", f"sleep 0.3; touch {tmp_path}/ready; sleep 600"],
        is_ready=(tmp_path / "ready").exists,
    )
    second = Child(
        "second", ["sh", "-c", f"test -e {tmp_path}/ready && touch {tmp_path}/in-order; sleep 600"]
    )
    tree = Supervisor([first, second])
    stopper = threading.Timer(0, lambda: wait_until((tmp_path / "in-order").exists) and tree.stop())
    stopper.start()
    assert _run(tree) == 0
    stopper.join()
    assert (tmp_path / "in-order").exists()


def test_everything_is_announced_once_after_all_are_ready() -> None:
    calls: list[set[str]] = []
    tree = Supervisor([Child("a", SLEEP, is_ready=lambda: True), Child("b", SLEEP)])

    def announce() -> None:
        wait_until(lambda: len(tree.pids) == 2)
        calls.append(set(tree.pids))
        tree.stop()

    assert _run(tree, on_ready=announce) == 0
    assert calls == [{"a", "b"}]
    assert tree.pids == {}


@pytest.mark.usefixtures("quick")
def test_wrong_settings_end_the_start_instead_of_repeating_it(tmp_path: Path) -> None:
    tree = Supervisor(
        [
            Child("queue", SLEEP, is_ready=lambda: True),
            Child("worker", ["sh", "-c", f"echo x >> {tmp_path}/starts; exit 2"]),
            Child("web", SLEEP, is_ready=lambda: False),
        ]
    )
    assert _run(tree) == 1
    assert (tmp_path / "starts").read_text() == "x\n"


@pytest.mark.usefixtures("quick")
def test_a_child_that_dies_three_times_before_it_is_ready_ends_the_start(tmp_path: Path) -> None:
    web = Child("web", ["sh", "-c", f"echo x >> {tmp_path}/starts; exit 1"], is_ready=lambda: False)
    assert _run(Supervisor([web])) == 1
    assert (tmp_path / "starts").read_text() == "x\n" * 3


@pytest.mark.usefixtures("quick")
def test_once_all_are_ready_a_child_is_started_again_whatever_its_exit_code(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    tree = Supervisor([Child("worker", ["sh", "-c", f"sleep 0.2; echo x >> {starts}; exit 2"])])
    stopper = threading.Timer(
        0, lambda: wait_until(lambda: starts.exists() and len(starts.read_text()) >= 8) and tree.stop()
    )
    stopper.start()
    assert _run(tree) == 0
    stopper.join()


def test_a_child_that_is_not_ready_in_time_ends_the_start() -> None:
    assert _run(Supervisor([Child("web", SLEEP, is_ready=lambda: False, ready_within=0.2)])) == 1


def test_a_child_that_cannot_be_started_ends_the_start_and_what_runs_already(mark: str) -> None:
    def broken():
        raise RuntimeError("no such thing")

    tree = Supervisor([Child("queue", SLEEP, {"TEST_MARK": mark}), Child("broken", broken)])
    assert _run(tree) == 1
    assert not marked(mark)


def test_the_pause_before_a_new_start_doubles_up_to_4_s_and_starts_over_after_a_long_life(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(process_tree.time, "monotonic", lambda: now)
    one = process_tree._Running(Child("worker", lambda: None))
    pauses = []
    for life in [0.0] * 6 + [4.9, 5.0, 0.0]:
        one.start()
        now += life
        pauses.append(one.start_later())
    assert pauses == [0.25, 0.5, 1, 2, 4, 4, 4, 0.25, 0.5]


def test_the_log_says_who_ended_and_why(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    tree = Supervisor([Child("worker", SLEEP)])

    def kill_and_stop() -> None:
        wait_until(lambda: tree.pids)
        pid = tree.pids["worker"]
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: tree.pids and tree.pids["worker"] != pid)
        tree.stop()

    killer = threading.Thread(target=kill_and_stop)
    killer.start()
    assert _run(tree) == 0
    killer.join()
    assert "ended: killed by SIGKILL; starting it again in 0.25 s" in caplog.text
    assert "ended: killed by SIGTERM" in caplog.text


def test_no_zombie_is_left(mark: str) -> None:
    children = Path(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/children")
    before = children.read_text() if children.exists() else ""
    tree = Supervisor([Child("a", SLEEP), Child("b", ["sh", "-c", "sleep 600 & sleep 600"])])
    pids: list[int] = []

    def announce() -> None:
        wait_until(lambda: len(tree.pids) == 2)
        pids.extend(tree.pids.values())
        tree.stop()

    assert _run(tree, on_ready=announce) == 0
    assert len(pids) == 2
    assert not [pid for pid in pids if is_alive(pid)]
    assert not children.exists() or children.read_text() == before
