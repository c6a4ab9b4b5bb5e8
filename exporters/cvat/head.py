"""The head of a CVAT document."""

from __future__ import annotations

from exporters.cvat.labels import Labels
from exporters.xml_text import escape


def head(name: str, size: int, mode: str, labels: Labels, extra: str = "") -> bytes:
    """Return everything before the first image or track."""
    text = (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  <meta>\n'
        f"    <task>\n      <name>{escape(name)}</name>\n      <size>{size}</size>\n"
        f"      <mode>{mode}</mode>\n      <overlap>0</overlap>\n      <bugtracker></bugtracker>\n"
        f"      <start_frame>0</start_frame>\n      <stop_frame>{max(size - 1, 0)}</stop_frame>\n"
        f"      <frame_filter></frame_filter>\n      {labels.meta()}\n{extra}    </task>\n  </meta>\n"
    )
    return text.encode("utf-8", "replace")
