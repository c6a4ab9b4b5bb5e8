"""When a control is shown: what `visibleWhen` says, on the control and on the views around it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element

_ANSWERS = frozenset(
    ("choices", "datetime", "number", "pairwise", "ranker", "rating", "relation", "taxonomy", "textarea")
)


@dataclasses.dataclass(frozen=True)
class Condition:
    """One condition under which a control is shown.

    Attributes
    ----------
    when : "choice-selected", "choice-unselected", "region-selected"; others always hold
    control : the name of the control that it speaks of; empty for any
    values : the choices or labels of which one must be there; empty for any
    """

    when: str
    control: str = ""
    values: frozenset[str] = frozenset()

    def holds(self, result: Sequence[Any]) -> bool:
        """Return whether an annotation with this result shows the control. It may hold anything."""
        if self.when == "region-selected":
            return self._among(_labels_of_regions(result, self.control))
        if self.when in ("choice-selected", "choice-unselected"):
            return self._among(_chosen(result, self.control)) == (self.when == "choice-selected")
        return True

    def _among(self, found: Iterator[str]) -> bool:
        return any(not self.values or each in self.values for each in found)


def conditions_of(element: Element, parents: Mapping[Element, Element]) -> tuple[Condition, ...]:
    """Return the conditions on an element and on all that it stands in, the outermost last."""
    found = []
    at: Element | None = element
    while at is not None:
        choices = at.get("whenChoiceValue") or ""
        # A choice to wait for stands for the whole word even where nothing says when.
        when = at.get("visibleWhen") or ("choice-selected" if choices else "")
        if when:
            written = choices or at.get("whenLabelValue") or ""
            values = frozenset(value for value in written.split(",") if value)
            found.append(Condition(when, at.get("whenTagName") or "", values))
        at = parents.get(at)
    return tuple(found)


def _items(result: Sequence[Any], control: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for item in result:
        if not isinstance(item, Mapping) or (control and item.get("from_name") != control):
            continue
        kind, value = item.get("type"), item.get("value")
        if isinstance(value, Mapping):
            yield (kind if isinstance(kind, str) else ""), value


def _chosen(result: Sequence[Any], control: str) -> Iterator[str]:
    for _, value in _items(result, control):
        for key in ("choices", "taxonomy"):
            given = value.get(key)
            for each in given if isinstance(given, list) else ():
                # Choices below others are answered as paths; the condition names the last step.
                last = each[-1] if isinstance(each, list) and each else each
                if isinstance(last, str):
                    yield last


def _labels_of_regions(result: Sequence[Any], control: str) -> Iterator[str]:
    for kind, value in _items(result, control):
        if not kind or kind in _ANSWERS:
            continue
        labels = [each for key, given in value.items() if key.endswith("labels") for each in _texts(given)]
        # A region without a label is a region, too.
        yield from labels or [""]


def _texts(given: Any) -> list[str]:
    return [each for each in given if isinstance(each, str)] if isinstance(given, list) else []
