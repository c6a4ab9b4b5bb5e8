"""Which process this is, so that another process of the same machine can tell that it is no more."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def this_process() -> str:
    """Return the machine, the process id and the time of its start, as one word."""
    pid = os.getpid()
    return f"{_machine()}/{pid}/{_started(pid) or 0}"


def is_gone(process: str) -> bool:
    """Whether `this_process` said this here and that process has ended; False when there is no knowing."""
    machine, _, rest = process.partition("/")
    pid, _, started = rest.partition("/")
    if machine != _machine() or not pid.isdigit() or int(pid) == 0:
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    now = _started(int(pid))
    # A zombie has ended; another time of start is another process that was given the number.
    return now == 0 or (started not in ("", "0") and now is not None and str(now) != started)


@cache
def _machine() -> str:
    """Return a digest of what sets this machine's process ids apart from those of others."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(BOOT_ID.read_text().strip())
    with suppress(OSError):
        # Containers on one host count their processes for themselves.
        parts.append(os.readlink("/proc/self/ns/pid"))
    return blake2b("|".join(parts).encode(), digest_size=8).hexdigest()


def _started(pid: int) -> int | None:
    """Return when a process began, in ticks since boot; 0 for a zombie, None where that cannot be seen."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return 0 if fields[0] == "Z" else int(fields[19])
