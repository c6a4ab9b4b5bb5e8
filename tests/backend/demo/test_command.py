"""`clean-al demo` as a process: what it refuses, and that Ctrl-C leaves nothing behind."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backend.processes.processes import marked, wait_until

COMMAND = [sys.executable, "-P", "-m", "backend.cli", "demo"]
# Starts a child of its own, as Label Studio might, and never answers.
STAND_IN = "#!/bin/sh\nsleep 600 &\nsleep 600\n"


def test_without_label_studio_it_says_how_to_get_it(tmp_path: Path) -> None:
    run = subprocess.run(
        [*COMMAND, "--label-studio", "no-such-program"], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 2
    assert "--label-studio no-such-program: no such program; run `make demo`" in run.stderr
    assert list(tmp_path.iterdir()) == []


def _in_the_background() -> None:
    """A shell without job control starts such a job so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.mark.parametrize(
    ("stop", "before"),
    [
        (signal.SIGINT, None),
        (signal.SIGTERM, None),
        (signal.SIGHUP, None),
        (signal.SIGINT, _in_the_background),
    ],
)
def test_a_signal_while_it_starts_leaves_no_process_and_no_folder(
    tmp_path: Path, stop: signal.Signals, before: Callable[[], None] | None
) -> None:
    binary, mark = tmp_path / "label-studio", secrets.token_hex(8)
    binary.write_text(STAND_IN)
    binary.chmod(0o755)
    temporary = tmp_path / mark
    temporary.mkdir()
    run = subprocess.Popen(
        [*COMMAND, "--label-studio", str(binary), "--out", str(tmp_path / "out")],
        env=os.environ | {"TMPDIR": str(temporary)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=before,
    )
    try:
        assert wait_until(lambda: any("sleep 600" in command for command in marked(mark).values()))
        run.send_signal(stop)
        said, _ = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 130
    assert "Traceback" not in said
    assert wait_until(lambda: not marked(mark)), marked(mark)
    assert list(temporary.iterdir()) == []
