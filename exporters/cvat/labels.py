"""CVAT's labels: names that it accepts, their attributes, the meta block and labels.json."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Iterable
from typing import Any

from exporters.declared import DeclaredAttribute, DeclaredLabel
from exporters.label_studio.make_config import PALETTE
from exporters.xml_text import ILLEGAL, REPLACEMENT, escape

# CVAT refuses a whole task for one longer name, and an annotation file for a label that the task has not.
LONGEST_NAME = 64
LONGEST_DEFAULT = 128
INPUT_TYPES = ("checkbox", "radio", "number", "text", "select")
UNNAMED = "object"
_COLOR = re.compile("#[0-9a-fA-F]{6}")
_BREAK = re.compile("[\t\n\r\x0b\x0c\x85\u2028\u2029]")


class Labels:
    """Maps labels to names that CVAT accepts, and remembers which attributes each one carries.

    CVAT refuses names over 64 characters and names that are equal after trimming; an attribute that the
    task's labels do not declare is dropped in silence.
    """

    def __init__(self, declared: Iterable[tuple[str, str]] = ()):
        """Start with (label, color) pairs, in the order in which the task is to offer them."""
        self._names: dict[str, tuple[str, str]] = {}
        self._attributes: dict[str, dict[str, None]] = {}
        self._part_names: dict[str, dict[str, tuple[str, str]]] = {}
        self._parts: dict[str, dict[str, dict[str, None]]] = {}
        self._declared: dict[tuple[str, str], DeclaredAttribute] = {}
        self._colors: dict[str, str] = {}
        for label, color in declared:
            name = self.name(label)[0]
            if _COLOR.fullmatch(color):
                self._colors[name] = color

    def name(self, label: str) -> tuple[str, str]:
        """Return (the name in CVAT, how it differs), the second empty when it does not."""
        known = self._names.get(label)
        if known is None:
            known = self._names[label] = self._new(label)
        return known

    def _new(self, label: str) -> tuple[str, str]:
        name, how = _accepted(label, self._attributes)
        self._attributes[name] = {}
        return name, how

    def part_name(self, name: str, label: str) -> tuple[str, str]:
        """Return (the name of a skeleton's element in CVAT, how it differs), for a skeleton of this name."""
        known = self._part_names.setdefault(name, {})
        if label not in known:
            known[label] = _accepted(label, {taken for taken, _ in known.values()})
        return known[label]

    def has(self, name: str, attribute: str) -> None:
        """Note that a shape of this label carries this attribute."""
        self._attributes[name][attribute] = None

    def part(self, name: str, element: str, attributes: Iterable[str] = ()) -> None:
        """Note that this label is a skeleton with such an element, which carries these attributes."""
        known = self._parts.setdefault(name, {}).setdefault(element, {})
        known.update(dict.fromkeys(attributes))

    def declare(self, labels: Iterable[DeclaredLabel]) -> None:
        """Take labels over from a document: colors, attributes, and the values that these may have."""
        for label in labels:
            name = self.name(label.name)[0]
            if _COLOR.fullmatch(label.color):
                self._colors[name] = label.color
            for attribute in label.attributes:
                self.has(name, attribute.name)
                self._declared[name, attribute.name] = attribute

    @property
    def count(self) -> int:
        """How many labels have a name."""
        return len(self._names)

    def found(self, count: int) -> tuple[list[tuple[str, str, str]], dict[str, list[str]]] | None:
        """Return what came up after the first `count` labels, for `join`; None where it cannot be told so."""
        if self._parts:
            return None
        names = [(label, *told) for label, told in list(self._names.items())[count:]]
        return names, {name: list(own) for name, own in self._attributes.items() if own}

    def join(self, names: list[tuple[str, str, str]], attributes: dict[str, list[str]]) -> bool:
        """Take over what others found after the same start; False, and nothing is taken, for a clash."""
        taken = set(self._attributes)
        for label, name, how in names:
            known = self._names.get(label) or _accepted(label, taken)
            if known != (name, how):
                return False
            taken.add(name)
        for label, _, _ in names:
            self.name(label)
        for name, own in attributes.items():
            self._attributes[name].update(dict.fromkeys(own))
        return True

    def specification(self) -> list[dict[str, Any]]:
        """Return what goes into labels.json."""
        return [self._label(i, name) for i, name in enumerate(self._attributes)]

    def _label(self, index: int, name: str) -> dict[str, Any]:
        color = self._colors.get(name) or PALETTE[index % len(PALETTE)]
        attributes = [
            _attribute(attribute, self._declared.get((name, attribute)))
            for attribute in self._attributes[name]
        ]
        label: dict[str, Any] = {"name": name, "color": color, "type": "any", "attributes": attributes}
        if name in self._parts:
            label["type"] = "skeleton"
            label["sublabels"] = [
                {"name": part, "color": color, "type": "points", "attributes": list(map(_attribute, own))}
                for part, own in self._parts[name].items()
            ]
            label["svg"] = _skeleton_svg(list(self._parts[name]))
        return label

    def meta(self) -> str:
        """Return the `<labels>` element of the document's head."""
        rows = [_label_xml(label) for label in self.specification()]
        return "<labels>\n" + "".join(rows) + "      </labels>"


def _accepted(label: str, taken: Container[str]) -> tuple[str, str]:
    """Return (a name that CVAT accepts beside those that are taken, how it differs from the label)."""
    text = label if isinstance(label, str) else str(label)
    name, how = ILLEGAL.sub(REPLACEMENT, text), ""
    if name != text:
        how = "label had characters that XML cannot hold"
    # As CVAT trims them; a line break inside would not come back from an attribute of its form either.
    trimmed = _BREAK.sub(" ", name).strip()
    if trimmed != name:
        name, how = trimmed, how or "blanks of the label trimmed"
    name = name or UNNAMED
    if len(name) > LONGEST_NAME:
        name, how = shortened(name), f"label cut to {LONGEST_NAME} characters"
    if name in taken:
        # Trimmed to the same as another label: CVAT would refuse two of one name.
        name, how = shortened(f"{name} {_digest(text)}"), "label renamed: equal to another after trimming"
    return name, how


def _attribute(name: str, declared: DeclaredAttribute | None = None) -> dict[str, Any]:
    """Return the attribute as it was declared; else as a text."""
    told = declared or DeclaredAttribute(name)
    kind = told.input_type if told.input_type in INPUT_TYPES else "text"
    return {
        "name": name,
        "mutable": told.mutable,
        "input_type": kind,
        "default_value": told.default[:LONGEST_DEFAULT],
        "values": list(told.values),
    }


def _label_xml(label: dict[str, Any], parent: str = "") -> str:
    attributes = "".join(map(_attribute_xml, label["attributes"]))
    ending = f"<parent>{escape(parent)}</parent>" if parent else ""
    ending += f"<svg>{escape(label['svg'])}</svg>" if "svg" in label else ""
    row = (
        f"        <label><name>{escape(label['name'])}</name><color>{label['color']}</color>"
        f"<type>{label['type']}</type><attributes>{attributes}</attributes>{ending}</label>\n"
    )
    return row + "".join(_label_xml(part, label["name"]) for part in label.get("sublabels", ()))


def _attribute_xml(attribute: dict[str, Any]) -> str:
    values = "\n".join(map(escape, attribute["values"]))
    return (
        f"<attribute><name>{escape(attribute['name'])}</name><mutable>{attribute['mutable']}</mutable>"
        f"<input_type>{attribute['input_type']}</input_type>"
        f"<default_value>{escape(attribute['default_value'])}</default_value>"
        f"<values>{values}</values></attribute>"
    )


def _skeleton_svg(parts: list[str]) -> str:
    """Return the drawing that CVAT wants for a skeleton: its nodes on a line."""
    step = 80 / max(len(parts) - 1, 1)
    return "".join(
        f'<circle r="1.5" stroke="black" fill="#b3b3b3" cx="{10 + i * step:.2f}" cy="50" stroke-width="0.1" '
        f'data-type="element node" data-element-id="{i + 1}" data-node-id="{i + 1}" '
        f'data-label-name="{escape(part)}"></circle>'
        for i, part in enumerate(parts)
    )


def _digest(text: str) -> str:
    # Of the text, not a counter: the same label gets the same name in the next export.
    return hashlib.blake2s(text.encode("utf-8", "surrogatepass"), digest_size=3).hexdigest()


def shortened(name: str) -> str:
    """Return a name of no more than 64 characters; names that differ stay apart."""
    if len(name) <= LONGEST_NAME:
        return name
    # Seven for a blank and six hexadecimal digits, so that labels alike in their first 57 characters stay
    # apart.
    return f"{name[: LONGEST_NAME - 7].rstrip()} {_digest(name)}"
