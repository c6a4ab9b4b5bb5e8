"""The table of tools. A new one is a module that pushes, one that pulls, and one line here."""

from __future__ import annotations

from backend.exchange import cvat_pull, cvat_push, prodigy_dataset, prodigy_stream
from backend.exchange.errand import Tool

TOOLS: dict[str, Tool] = {
    "cvat": Tool("CVAT", cvat_push.push, cvat_pull.pull, "task"),
    "prodigy": Tool("Prodigy", prodigy_stream.push, prodigy_dataset.pull, "task", True, True),
}
