"""Who has answered what: the annotations of a project as answers to its questions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from backend.label_studio.records import Annotation
from backend.learning.answers import Answer
from backend.learning.controls import Control


@dataclass(frozen=True)
class Opinion:
    """One annotator's answer to a question about a task."""

    annotation: Annotation
    answer: Answer

    @property
    def who(self) -> str:
        """The annotator, for people to read."""
        # By number: names are Label Studio's to show, to those who may see them.
        return "an annotator" if self.annotation.by is None else f"annotator {self.annotation.by}"


def opinions_on(
    control: Control, annotated: Iterable[tuple[int, Sequence[Annotation]]]
) -> Iterator[tuple[int, list[Opinion]]]:
    """Yield each task that has usable answers to a question, with all of them, oldest first."""
    for task, given in annotated:
        found = [opinion for a in given if (opinion := _opinion(control, a)) is not None]
        if found:
            yield task, found


def _opinion(control: Control, annotation: Annotation) -> Opinion | None:
    if annotation.was_cancelled:
        return None
    try:
        asked = control.asked(annotation.result)
        answer = control.answer_of(annotation.result) if asked else None
        usable = answer is not None and control.in_config(answer)
    except Exception:  # noqa: BLE001  annotations may be imported, and hold anything
        return None
    return Opinion(annotation, answer) if usable else None


def name_of(control: Control, answer: Answer) -> str:
    """Return an answer for people to read."""
    return ", ".join(sorted(control.counts([answer]))) or "nothing"
