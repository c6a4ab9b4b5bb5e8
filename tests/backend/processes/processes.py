"""What tests of real processes share: who is alive, and waiting for it to change."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PATIENCE = 60.0


def is_alive(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def marked(mark: str) -> dict[int, str]:
    """Every living process with `mark` in its environment or command line: pid -> command line."""
    needle, found = mark.encode(), {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            command = Path(f"/proc/{name}/cmdline").read_bytes()
            if needle in command or needle in Path(f"/proc/{name}/environ").read_bytes():
                found[int(name)] = command.replace(b"\0", b" ").decode(errors="replace")
    found.pop(os.getpid(), None)
    return {pid: command for pid, command in found.items() if is_alive(pid)}


def wait_until(condition: Callable[[], object], patience: float = PATIENCE) -> bool:
    """Whether `condition` came true; the patience only bounds a failing test."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
