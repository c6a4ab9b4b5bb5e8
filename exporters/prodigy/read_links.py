"""Prodigy's relations: between spans, or between words by the positions of their tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exporters.records import Region, Relation, TextSpan
from exporters.report import Ledger

Task = Mapping[str, Any]
MISSING = "an end of it is neither a span nor a token of the task"
_ERRORS = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError)


class LinkReader:
    """Reads the relations of one task; `regions` grows by the words that are linked but are no spans."""

    def __init__(self, task: Task, regions: list[Region]):
        self.regions = regions
        tokens = task.get("tokens")
        self._tokens = tokens if isinstance(tokens, list) else []
        self._length = len(task["text"]) if isinstance(task.get("text"), str) else 0
        self._by_span: dict[TextSpan, str] = {}
        self._by_label: dict[tuple[TextSpan, str], str] = {}
        self._by_end: dict[int, str] = {}
        self._misnamed = 0
        for region in regions:
            if isinstance(region.shape, TextSpan) and region.id is not None:
                # Of two spans at one place the label tells, else the first is meant.
                self._by_span.setdefault(region.shape, region.id)
                self._by_label.setdefault((region.shape, "".join(region.labels)), region.id)
                self._by_end.setdefault(region.shape.end, region.id)

    def read(self, links: Any, ledger: Ledger, place: str) -> list[Relation]:
        """Return the relations; those with an end that is not there are counted and left out."""
        relations = []
        self._misnamed = 0
        for link in links if isinstance(links, list) else ():
            try:
                ends = self._end(link, "head"), self._end(link, "child")
                label = link.get("label")
                relations.append(Relation(*ends, () if not label else (str(label),)))
            except _ERRORS:
                ledger.drop("relation", MISSING, place)
        if self._misnamed:
            how = "a link gives its end another label: the span's stands"
            ledger.change("attribute", how, place, self._misnamed)
        return relations

    def _end(self, link: Task, side: str) -> str:
        """Return the id of the region at this end."""
        told = link.get(f"{side}_span")
        if isinstance(told, dict) and "start" in told:
            return self._of(told["start"], told["end"], told.get("label"))
        # An index is that of a span's last token; a word that ends no span stands for itself.
        index = link[side]
        if not isinstance(index, int) or isinstance(index, bool) or index < 0:
            raise ValueError(MISSING)
        token = self._tokens[index]
        return self._by_end.get(token["end"]) or self._of(token["start"], token["end"], None)

    def _of(self, start: Any, end: Any, label: Any) -> str:
        span = TextSpan(start, end)
        known = self._by_span.get(span)
        if known is not None:
            named = isinstance(label, str) and self._by_label.get((span, label))
            if not named and label:
                self._misnamed += 1
            return named or known
        is_inside = isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= self._length
        if not is_inside or label is not None:  # a labeled span that the task does not have
            raise ValueError(MISSING)
        key = f"word-{start}-{end}"
        self.regions.append(Region(span, (), key))
        self._by_span[span] = self._by_end[end] = key
        return key
