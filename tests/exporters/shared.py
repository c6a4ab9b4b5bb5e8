"""Where the shared real files are: beside the checkout, or where CLEAN_AL_SHARED says."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("CLEAN_AL_SHARED") or Path(__file__).resolve().parents[3] / "shared")


def real(folder: str, pattern: str = "*") -> list[Path]:
    """Return the real files of a tool; none when the folder is absent."""
    return sorted((SHARED / "real").glob(f"{folder}/{pattern}"))


def need(files: list[Path]) -> list[Path]:
    """Return the files, or skip the test."""
    if not files:
        pytest.skip(f"no shared real files under {SHARED}")
    return files
