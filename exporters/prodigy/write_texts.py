"""The part of a Prodigy task that is about a text: tokens, spans on them, relations between spans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exporters.prodigy.tokens import TokenIndex, Tokenizer, cut_at, rows, tokenize
from exporters.prodigy.write_spans import Span, dressed
from exporters.records import Region, Relation, TextSpan

UNNAMED_RELATION = "RELATED"


class TextTask:
    """Builds `tokens`, `spans` and `relations`; notes what could not be carried."""

    def __init__(self, text: str, tokenizer: Tokenizer | None):
        self._text, self._offsets = text, (tokenizer or tokenize)(text)
        self._words = TokenIndex(self._offsets)
        self._changed: list[tuple[str, str]] = []
        self._dropped: list[tuple[str, str]] = []
        self._linked = 0

    def on_words(self, span: TextSpan) -> TextSpan | None:
        """Return the span without the blanks at its ends, which belong to no token; None when it is blank."""
        return self._words.within(span)

    def fill(
        self, task: dict[str, Any], texts: Sequence[tuple[Region, str]], relations: Sequence[Relation]
    ) -> None:
        """Add the parts to the task, for (region, label) pairs whose shapes are text spans."""
        bounds = [bound for region, _ in texts for bound in _bounds(region)]
        # Cut, never the span moved: a token is a means, the span is what somebody marked.
        offsets, _ = cut_at(self._offsets, bounds)
        index = TokenIndex(offsets)
        task["tokens"] = rows(self._text, offsets)
        spans = [self._span(region, label, index) for region, label in texts]
        task["spans"] = sorted(spans, key=lambda span: (span["start"], span["end"]))
        if relations:
            task["relations"] = self._relations(relations, texts, spans)

    def _span(self, region: Region, label: str, index: TokenIndex) -> Span:
        start, end = _bounds(region)
        span: Span = {"start": start, "end": end}
        found = index.find(start, end)
        if found is not None:
            span["token_start"], span["token_end"] = found
        return dressed(span, region, label)

    def _relations(
        self, relations: Sequence[Relation], texts: Sequence[tuple[Region, str]], spans: list[Span]
    ) -> list[dict[str, Any]]:
        by_id = {region.id: span for (region, _), span in zip(texts, spans, strict=True)}
        links = []
        for relation in relations:
            ends = (by_id.get(relation.from_id), by_id.get(relation.to_id))
            if ends[0] is None or ends[1] is None or any("token_end" not in end for end in ends if end):
                self._dropped.append(("relation", "an end of it is no span of the text"))
                continue
            links.extend(self._links(relation, ends[0], ends[1]))
        return links

    def _links(self, relation: Relation, head: Span, child: Span) -> list[dict[str, Any]]:
        if relation.direction == "left":
            head, child = child, head
        hows = [] if len(relation.labels) == 1 else ["one link for each label"]
        labels = relation.labels or (UNNAMED_RELATION,)
        if not relation.labels:
            hows = [f"had no label: {UNNAMED_RELATION!r}"]
        links = [_link(head, child, label) for label in labels]
        if relation.direction == "bi":
            hows.append("two-way: one link for each way")
            links += [_link(child, head, label) for label in labels]
        if hows:
            self._changed.append(("relation", "; ".join(hows)))
        else:
            self._linked += 1
        return links

    def count(self, ledger: Any, place: str) -> None:
        """Put what was noted into the ledger."""
        for kind, how in self._changed:
            ledger.change(kind, how, place)
        for kind, why in self._dropped:
            ledger.drop(kind, why, place)
        if self._linked:
            ledger.carried["relation"] += self._linked


def _bounds(region: Region) -> TextSpan:
    assert isinstance(region.shape, TextSpan)
    return region.shape


def _link(head: Span, child: Span, label: str) -> dict[str, Any]:
    """Return a relation; its ends are the spans' last tokens."""
    return {
        "head": head["token_end"],
        "child": child["token_end"],
        "label": label,
        "head_span": _ends(head),
        "child_span": _ends(child),
    }


def _ends(span: Span) -> Span:
    return {key: span[key] for key in ("start", "end", "token_start", "token_end", "label")}
