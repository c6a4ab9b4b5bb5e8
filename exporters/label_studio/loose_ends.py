"""What a labeling config holds beside its objects and controls: what else it shows, and half controls."""

from __future__ import annotations

import dataclasses
from xml.etree.ElementTree import Element

from exporters.label_studio.labeling_config import (
    OFFERED,
    ControlTag,
    LabelingConfig,
    ObjectTag,
    control_of,
    object_of,
    repeated_in,
    shows,
)
from exporters.label_studio.value_expression import ValueExpression

# What these show of the data is for the eyes alone: regions and answers need an object with a name.
_NAMELESS = frozenset(("Header", "Markdown"))


def shown_besides(config: LabelingConfig) -> tuple[ObjectTag, ...]:
    """Return what annotators see of the data outside the objects: headers, markdown, their own interfaces."""
    if config.root is None:
        return ()
    repeated = repeated_in(config.root)
    found = (_besides(each, id(each) in repeated) for each in config.root.iter())
    return tuple(each for each in found if each is not None and each.value.variables)


def incomplete(config: LabelingConfig) -> tuple[ControlTag, ...]:
    """Return the tags with one alone of the two names of a control, and no value that makes an object."""
    if config.root is None:
        return ()
    halves = (e for e in config.root.iter() if e.tag not in OFFERED and not shows(e))
    lacking = (e for e in halves if bool(e.get("name")) != bool((e.get("toName") or "").strip(" ,")))
    return tuple(control_of(each, {}, repeated=False) for each in lacking)


def names_in(config: LabelingConfig) -> frozenset[str]:
    """Return all names that tags of a config have."""
    return (
        frozenset(each.get("name", "") for each in config.root.iter())
        if config.root is not None
        else frozenset()
    )


def _besides(element: Element, repeated: bool) -> ObjectTag | None:
    if element.tag in _NAMELESS and not element.get("name"):
        return object_of(element, repeated)
    # An interface of one's own is a control, and takes what it shows by another attribute.
    data = element.get("data") or ""
    if element.get("toName") and data.startswith("$"):
        return dataclasses.replace(object_of(element, repeated), value=ValueExpression(data))
    return None
