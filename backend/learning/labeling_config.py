"""A project's labeling config as the loop reads it: the exporters' parser, and a digest of the text."""

from __future__ import annotations

import hashlib

from backend.errors import LabelingConfigError
from exporters.errors import InputError
from exporters.label_studio.config_tree import MAX_CHARACTERS, MAX_DEPTH
from exporters.label_studio.labeling_config import (
    Choice,
    ControlTag,
    LabelingConfig,
    ObjectTag,
    choices_in,
    read_labeling_config,
)
from exporters.label_studio.loose_ends import incomplete, names_in, shown_besides


def read_config(label_config: str) -> LabelingConfig:
    """Return what a labeling config declares.

    Raises
    ------
    LabelingConfigError
        When the XML is empty, too large, too deep, malformed, or defines entities.
    """
    if not label_config.strip():
        raise LabelingConfigError("label_config: is empty")
    try:
        return read_labeling_config(label_config)
    except InputError as error:
        # The exporters' error becomes one of ours, which all here know how to tell.
        raise LabelingConfigError(str(error)) from None


def read_controls(label_config: str) -> list[ControlTag]:
    """Return the controls of a labeling config, in its order; errors are those of `read_config`."""
    return list(read_config(label_config).controls)


def shown_objects(label_config: str) -> list[ObjectTag]:
    """Return what annotators are shown of the task data, in the config's order; errors as `read_config`'s."""
    config = read_config(label_config)
    # A fixed text is no data.
    return [o for o in (*config.objects, *shown_besides(config)) if o.value.variables]


def config_digest(label_config: str) -> str:
    """Return a short digest that changes when the labeling config does."""
    # surrogatepass: JSON lets halves of characters through, and a digest must not fail at them.
    return hashlib.blake2b(label_config.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


__all__ = [
    "MAX_CHARACTERS",
    "MAX_DEPTH",
    "Choice",
    "ControlTag",
    "LabelingConfig",
    "ObjectTag",
    "choices_in",
    "config_digest",
    "incomplete",
    "names_in",
    "read_config",
    "read_controls",
    "shown_objects",
]
