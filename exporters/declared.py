"""What a document declares beside its annotations: labels with their colors, and what may be answered."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class DeclaredAttribute:
    """An attribute of a label: how it is asked for, and the values it may have."""

    name: str
    input_type: str = "text"
    values: tuple[str, ...] = ()
    default: str = ""
    mutable: bool = False


@dataclass(frozen=True)
class DeclaredLabel:
    """A label, its color (`#rrggbb`, or empty) and its attributes."""

    name: str
    color: str = ""
    kind: str = "any"
    attributes: tuple[DeclaredAttribute, ...] = ()


@dataclass
class Declared:
    """Filled by a reader as it comes upon declarations; a writer looks at it when it finishes.

    Attributes
    ----------
    labels : dict of str to DeclaredLabel
        Labels of regions and tags, in the order of the document.
    choices : dict of str to None
        What a choice of the whole item offers.
    is_multiple : bool
        Whether several of them can be chosen.
    """

    labels: dict[str, DeclaredLabel] = field(default_factory=dict)
    choices: dict[str, None] = field(default_factory=dict)
    is_multiple: bool = False

    def attribute(self, name: str) -> DeclaredAttribute | None:
        """Return the attribute of this name; None when labels declare it differently, or none does."""
        found = {each for label in self.labels.values() for each in label.attributes if each.name == name}
        kinds = {each.input_type for each in found}
        # One question for all labels cannot be a number for one and a list for another: then it stays a text.
        if len(kinds) != 1:
            return None
        values = dict.fromkeys(value for each in found for value in each.values)
        return DeclaredAttribute(name, kinds.pop(), tuple(values))
