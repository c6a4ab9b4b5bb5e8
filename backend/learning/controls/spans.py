"""`<Labels>`, `<HyperTextLabels>` and `<ParagraphLabels>` on text: the labeled spans, where they stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from backend.learning.answers import Answer, Guess, Span
from backend.learning.controls.base import Control
from backend.learning.labeling_config import ControlTag
from backend.learning.learned import How, Learned
from backend.learning.learned.spans_in import SpansIn
from backend.learning.measures import F1
from backend.learning.shown_text import KINDS, Place, ShownText
from backend.learning.tasks import Tasks

TAGS = frozenset(("labels", "hypertextlabels", "paragraphlabels"))


class Spans(Control):
    """A control that labels spans of a text; answers are tuples of `Span`, in the order of the text.

    Nothing marked is an answer, too, unless the control is required.
    """

    LEARNS = "the labeled spans, by a conditional random field over the words"
    MEASURE = F1

    @staticmethod
    def takes(tag: ControlTag) -> bool:
        return tag.tag.lower() in TAGS and bool(tag.objects) and tag.objects[0].kind in KINDS

    @staticmethod
    def why_not(tag: ControlTag) -> str | None:
        if tag.repeated:
            return "spans in a <Repeater> belong to one of several texts"
        if tag.objects[0].by_address:
            return "the text lies elsewhere (valueType), so its words are not at hand"
        return None

    @property
    def offered(self) -> tuple[str, ...]:
        return () if self.tag.dynamic is not None else self.tag.labels

    def answer_of(self, result: Sequence[Mapping[str, Any]]) -> tuple[Span, ...] | None:
        # The order of drawing says nothing: sorted, two annotators who marked the same agree.
        spans = tuple(sorted(set(self._spans(result))))
        required = self.tag.attributes.get("required", "").lower() == "true"
        return None if required and not spans else spans

    def in_config(self, answer: Answer) -> bool:
        return not self.offered or all(span[2] in self.offered for span in _spans_of(answer))

    def settle(self, answers: Sequence[Answer]) -> Answer:
        """Return the spans that most annotators marked; where they are even, as the latest has it."""
        votes = Counter(span for answer in answers for span in _spans_of(answer))
        latest = _spans_of(answers[-1])
        # Twice the votes against the number of annotators; one less where the latest has it, which decides a
        # tie.
        return tuple(sorted(s for s, n in votes.items() if 2 * n > len(answers) - (s in latest)))

    @property
    def settled_by(self) -> str:
        return "the majority counts, span by span"

    def misplaced(self, tasks: Tasks, answers: Sequence[Answer]) -> tuple[np.ndarray, str]:
        shown = ShownText.of(self.tag)
        pages = (shown.page(data) for data in tasks.data)
        wrong = [
            page is not None and any(not page.holds(span[0], span[1]) for span in _spans_of(answer))
            for page, answer in zip(pages, answers, strict=True)
        ]
        what = "a span past the end of the text, or one that ends before it begins; it is not learned from"
        return tasks.ids[np.array(wrong, dtype=bool)], what

    def counts(self, answers: Sequence[Answer]) -> dict[str, int]:
        return dict(Counter(label for a in answers for label in dict.fromkeys(s[2] for s in _spans_of(a))))

    def result_for(self, guess: Guess) -> list[dict[str, Any]]:
        kind = self.tag.tag.lower()
        sure = dict(guess.parts)
        items = []
        for number, span in enumerate(map(Span._make, _spans_of(guess.answer))):
            item = self.result(kind, [span.label], sure.get(span, guess.confidence))
            # Label Studio joins items of one id to one region: each span needs its own.
            item["id"] = f"{self.name}-{number}"
            item["value"] |= self._range(span.start, span.end)
            items.append(item)
        return items

    def learn(self, tasks: Tasks, answers: Sequence[Any], how: How) -> Learned | str:
        return SpansIn.learned(tasks, answers, how, ShownText.of(self.tag))

    def _spans(self, result: Sequence[Mapping[str, Any]]) -> Iterator[Span]:
        for item in result:
            if not isinstance(item, Mapping) or item.get("from_name") != self.name:
                continue
            value = item.get("value")
            labels = value.get(self.tag.tag.lower()) if isinstance(value, Mapping) else None
            if isinstance(labels, list) and labels and all(isinstance(label, str) for label in labels):
                start, end = self._ends(value)  # type: ignore[arg-type]
                yield from (Span(start, end, label) for label in labels)

    def _ends(self, value: Mapping[str, Any]) -> tuple[Place, Place]:
        """Return where a region begins and ends; `ValueError` when it does not say."""
        kind = self.tag.objects[0].kind
        if kind == "paragraphs":
            start = _whole(value.get("start")), _whole(value.get("startOffset"))
            end = _whole(value.get("end")), _whole(value.get("endOffset"))
            return start, end
        around = value.get("globalOffsets")
        where = around if kind == "html" and isinstance(around, Mapping) else value
        return _whole(where.get("start")), _whole(where.get("end"))

    def _range(self, start: Place, end: Place) -> dict[str, Any]:
        if isinstance(start, tuple) and isinstance(end, tuple):
            ends = {"startOffset": start[1], "endOffset": end[1]}
            return {"start": str(start[0]), "end": str(end[0]), **ends}
        if self.tag.objects[0].kind == "html":
            # The editor takes these where it finds no element by that path, and then fills the path in.
            around = {"start": start, "end": end}
            return {"start": "-", "end": "-", "startOffset": 0, "endOffset": 0, "globalOffsets": around}
        return {"start": start, "end": end}


def _spans_of(answer: Answer) -> tuple[Any, ...]:
    return answer if isinstance(answer, tuple) else ()


def _whole(value: Any) -> int:
    """Return an offset, which a dialogue's phrases have as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or value < 0:
        raise ValueError("a span without whole offsets")
    return int(value)
