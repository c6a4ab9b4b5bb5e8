import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.backend.processes.processes import marked

Launch = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def _needs_proc() -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("reads /proc to see which processes are left")


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[str]:
    """A word in the environment of everything a test starts; whatever bears it at the end is killed."""
    yield str(tmp_path)
    for pid in marked(str(tmp_path)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def launch(tmp_path: Path, mark: str) -> Iterator[Launch]:
    """Runs Python source as a process of its own, marked, with its output in a pipe."""
    started = []

    def _launch(source: str, *arguments: str, **env: str) -> "subprocess.Popen[str]":
        with (tmp_path / "stderr.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", source, *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "TEST_MARK": mark, **env},
                start_new_session=True,
            )
        started.append(process)
        return process

    yield _launch
    for process in started:
        with process:
            process.kill()
