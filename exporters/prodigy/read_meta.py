"""What a line of Prodigy says besides its input and its spans: id and rank, who answered, further data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from exporters.label_studio.read_beside import number
from exporters.prodigy.known_keys import note_unknown
from exporters.report import Ledger

Task = Mapping[str, Any]
# In the order in which they are looked for: a text beside a picture is its caption.
KINDS = ("image", "audio", "video", "text")


class Own(NamedTuple):
    """What our writer keeps of an item and its annotation in `meta`; Prodigy has keys for some of it."""

    id: int | str | None = None
    priority: float | None = None
    score: float | None = None
    model_version: str | None = None
    annotator: str | None = None
    ground_truth: bool = False


class MetaReader:
    """Reads what stands beside the input of one line: `own`, and `data` with all that is not of it."""

    def __init__(self, task: Task, is_bare: bool, place: str, ledger: Ledger):
        """Take a line; `is_bare` when it has no annotation, of which a model or a person could be told."""
        meta = task.get("meta")
        self._task, self._meta = task, dict(meta) if isinstance(meta, dict) else {}
        self._place, self._ledger = place, ledger
        self._twice: list[tuple[str, Any]] = []
        key = self._take("task_id", str, int)
        priority, score = self._number("priority"), self._number("score")
        if is_bare:
            self.own = Own(key, priority, score)
        else:
            model = self._take("model_version", str, int, float)
            truth = self._meta.get("ground_truth") is True and self._meta.pop("ground_truth")
            model = None if model is None else str(model)
            self.own = Own(key, priority, score, model, self._annotator(), bool(truth))

    def _take(self, name: str, *kinds: type) -> Any:
        """Return what stands in `meta` as we write it; anything else is somebody's data."""
        value = self._meta.get(name)
        if isinstance(value, bool) or not isinstance(value, kinds):
            return None
        return self._meta.pop(name)

    def _number(self, name: str) -> float | None:
        found = number(self._meta.get(name))
        if found is not None:
            del self._meta[name]
        beside = number(self._task.get(name))
        # The meta is what our writer writes; a recipe's own key beside it is kept as data.
        if beside is not None and found not in (None, beside):
            self._twice.append((name, self._task[name]))
        return beside if found is None else found

    def _annotator(self) -> str | None:
        ids = [self._task.get(name) for name in ("_annotator_id", "_session_id")]
        told = [str(each) for each in ids if isinstance(each, str | int) and each != ""]
        if len(set(told)) > 1:
            how = "its session left out: it goes by its annotator"
            self._ledger.change("annotation", how, self._place)
        ours = self._meta.get("annotator")
        if told and str(ours) != told[0]:
            return told[0]
        ours = self._take("annotator", str, int)
        return str(ours) if ours is not None else told[0] if told else None

    def data(self, kind: str) -> dict[str, Any]:
        """Return the further data of a task that shows a medium of this kind."""
        said = self._task.get("data")
        beside = [(name, self._task.get(name)) for name in (*KINDS, "html") if name != kind]
        shown = {name: value for name, value in beside if isinstance(value, str) and value}
        parts = [
            note_unknown(self._task, self._place, self._ledger),
            shown,
            dict(self._twice),
            said if isinstance(said, dict) else {},
            self._meta,
        ]
        found: dict[str, Any] = {}
        for name, value in (pair for part in parts for pair in part.items()):
            if name in found and found[name] != value:
                how = "one name stands twice, in the task and in its meta: one is renamed"
                self._ledger.change("task data", how, self._place)
                name = _free(name, found)
            found[name] = value
        return found


def _free(name: str, taken: Mapping[str, Any]) -> str:
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
