"""`<Choices>`, `<Taxonomy>` and `<Rating>` for each region, item or repeated part: which, and how often."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from backend.learning.controls.occurrences import Occurrence, Occurrences, items_of
from backend.learning.controls.rating import Rating
from backend.learning.labeling_config import ControlTag


class PerPart(Occurrences):
    """A control with perRegion or perItem, or in a <Repeater>; its answers of a task are counted together."""

    LEARNS = "which answers occur in a task and about how often; none is ever shown"

    @staticmethod
    def takes(tag: ControlTag) -> bool:
        return tag.tag in _ANSWERS and (tag.per_region or tag.per_item or tag.repeated)

    @property
    def offered(self) -> tuple[str, ...]:
        if self.tag.tag == "Rating":
            return Rating(self.tag).offered
        return self.tag.labels if self.tag.tag == "Choices" and self.tag.dynamic is None else ()

    def answer_of(self, result: Sequence[Mapping[str, Any]]) -> frozenset[Occurrence] | None:
        found = super().answer_of(result)
        # Without a region nobody was asked about one.
        return found if found or not self.tag.per_region or _has_regions(result) else None

    def found_in(self, result: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Any, str]]:
        read = _ANSWERS[self.tag.tag]
        for place, (key, item, value) in enumerate(items_of(result)):
            if self.is_own(item):
                # Each answer counts, be it one of several about the same item.
                yield from (((key, place), label) for label in read(value))


def _choices(value: Mapping[str, Any]) -> Iterator[str]:
    given = value.get("choices")
    for each in given if isinstance(given, list) else ():
        last = each[-1] if isinstance(each, list) and each else each
        if isinstance(last, str):
            yield last


def _paths(value: Mapping[str, Any]) -> Iterator[str]:
    given = value.get("taxonomy")
    for each in given if isinstance(given, list) else ():
        path = each if isinstance(each, list) else [each]
        if path and all(isinstance(part, str) for part in path):
            yield " / ".join(path)


def _stars(value: Mapping[str, Any]) -> Iterator[str]:
    stars = value.get("rating")
    if isinstance(stars, int | float) and not isinstance(stars, bool) and 1 <= stars < 1000:
        yield f"{stars:g}"


_ANSWERS: dict[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    "Choices": _choices,
    "Taxonomy": _paths,
    "Rating": _stars,
}


def _has_regions(result: Sequence[Any]) -> bool:
    # An answer about a region shares the region's id; alone it speaks of the task.
    return any(str(item.get("type")).lower() not in _OF_TASKS for _, item, _ in items_of(result))


_OF_TASKS = frozenset(
    ("choices", "taxonomy", "rating", "number", "textarea", "datetime", "pairwise", "ranker")
)
