"""Encoders of a few columns, for CLEAN_AL_TEXT_ENCODER=tests.backend.tiny_encoder:topics and its like."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

TOPICS = (
    ("cat", "kitten", "purr", "whisker"),
    ("bank", "stock", "bond", "coin"),
    ("army", "battle", "siege"),
)
# A file whose first line says what the encoder does at its next text; nothing where there is none.
ORDERS = "TINY_ENCODER_ORDERS"


class Topics:
    """Counts the words of each topic; the last column is 1."""

    dimension = len(TOPICS) + 1

    def __init__(self, identity: str = "topics 1"):
        self.identity = identity

    def encode(self, values: Sequence[str]) -> np.ndarray:
        """Return rows of shape (n, 4)."""
        _obey()
        return np.array(
            [[*(sum(text.count(w) for w in t) for t in TOPICS), 1] for text in values], np.float32
        )


class Brightness:
    """The mean of each color of a picture, from 0 to 1."""

    identity, dimension = "brightness 1", 3

    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """Return rows of shape (n, 3)."""
        return np.array([np.asarray(v, np.float32).mean(axis=(0, 1)) / 255 for v in values], np.float32)


def topics() -> Topics:
    return Topics()


def brightness() -> Brightness:
    return Brightness()


def named() -> Topics:
    """An encoder that changes with what a file says."""
    return Topics(Path(os.environ[ORDERS]).read_text())


def broken() -> Topics:
    raise OSError("the weights are cut off")


def _obey() -> None:
    path = Path(os.environ.get(ORDERS, "/nowhere"))
    order = path.read_text().strip() if path.exists() else ""
    if order == "fail":
        raise RuntimeError("no memory for this")
    if order == "hang":
        path.with_suffix(".hangs").touch()
        time.sleep(600)
