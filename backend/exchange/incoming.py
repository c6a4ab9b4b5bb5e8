"""What comes back from a tool, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backend.exchange.origin import Origin
from exporters.label_studio.fit import DROPPED, Draft, Note
from exporters.report import REMARKS


@dataclass(frozen=True)
class Incoming:
    """One annotation made elsewhere, as the project's labeling config has it.

    Attributes
    ----------
    origin : which annotation of which tool, and the task that it is about
    result : what Label Studio is to hold
    notes : what became of each of its regions on the way
    cancelled : whether the annotator skipped the task
    text : the text that was annotated, where there is one: the task must still show it
    place : where it stands over there, for messages
    """

    origin: Origin
    result: list[dict[str, Any]]
    notes: tuple[Note, ...] = ()
    cancelled: bool = False
    text: str | None = None
    place: str = ""

    @classmethod
    def of(cls, origin: Origin, draft: Draft, place: str, **more: Any) -> Incoming:
        """Return what a draft holds."""
        return cls(origin, draft.results, tuple(draft.notes), place=place, **more)

    @property
    def stamp(self) -> int:
        """The `import_id` under which it is written."""
        return self.origin.stamp(self.result, self.cancelled)

    @property
    def lacks(self) -> int:
        """How many of its regions and relations have no place in the labeling config."""
        # A remark is about something that is counted elsewhere: nothing of the annotation is missing by it.
        return sum(note.verb == DROPPED and note.kind not in REMARKS for note in self.notes)


@dataclass(frozen=True)
class Lost:
    """One annotation that cannot be brought to any task: why, and where it stands over there."""

    why: str
    place: str = ""
