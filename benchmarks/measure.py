"""Time and peak memory of one call; needs nothing but Python."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


def memory(field: str) -> float:
    """A memory figure of this process in MB: VmRSS (now) or VmHWM (peak); nan where there is no /proc."""
    if not STATUS.exists():
        return float("nan")
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def measured(call: Callable[[], Any]) -> tuple[float, float, Any]:
    """Seconds, MB above what was in use before, and the result of a call."""
    gc.collect()
    if CLEAR.exists():
        CLEAR.write_text("5")  # sets the peak back to the present
    before = memory("VmRSS")
    start = time.perf_counter()
    result = call()
    seconds = time.perf_counter() - start
    return seconds, max(memory("VmHWM") - before, 0.0), result
