"""A project's labeling config as the loop reads it: the exporters' parser, and a digest of the text."""

from __future__ import annotations

import hashlib

from backend.errors import LabelingConfigError
from exporters.errors import InputError
from exporters.label_studio.config_tree import MAX_CHARACTERS, MAX_DEPTH
from exporters.label_studio.labeling_config import ControlTag, read_labeling_config


def read_controls(label_config: str) -> list[ControlTag]:
    """Return the controls of a labeling config, in its order.

    Raises
    ------
    LabelingConfigError
        When the XML is empty, too large, too deep, malformed, or defines entities.
    """
    if not label_config.strip():
        raise LabelingConfigError("label_config: is empty")
    try:
        return list(read_labeling_config(label_config).controls)
    except InputError as error:
        raise LabelingConfigError(str(error)) from None


def config_digest(label_config: str) -> str:
    """Return a short digest that changes when the labeling config does."""
    return hashlib.blake2b(label_config.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


__all__ = ["MAX_CHARACTERS", "MAX_DEPTH", "ControlTag", "config_digest", "read_controls"]
