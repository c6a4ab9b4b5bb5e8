"""Label Studio tasks written as Label Studio tasks: whole, in the order in which they come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from exporters.contract import Job
from exporters.errors import InputError
from exporters.files import beside
from exporters.json_stream import dump_told
from exporters.label_studio.choose import chosen, why_not
from exporters.label_studio.known_keys import annotations_in

# What Label Studio gives to a task anew when it is imported, or computes itself.
_SERVER_KEYS = frozenset(("drafts", "_priority", "_score"))


class TaskCopier:
    """Writes a JSON array of tasks; drafts stay behind, predictions come when they are asked for."""

    def __init__(self, job: Job):
        self._file, self._options, self._ledger = job.outputs.open(job.path), job.options, job.ledger
        if job.config.text.strip() and job.options.sidecars:
            companion = job.outputs.open(beside(job.path, ".label-config.xml"))
            companion.write(job.config.text.encode("utf-8", "replace"))
        self._count = 0

    def state(self) -> None:
        """Nothing: a copied task depends on no other."""

    def join(self, count: int, text: bytes, place: Callable[[str], str]) -> bool:
        """Append tasks that were copied elsewhere."""
        if count:
            self._file.write(b"[\n" if not self._count else b",\n")
            self._file.write(text)
        self._count += count
        return True

    def write(self, task: Any, place: str) -> None:
        """Append one task; `InputError` when it is none."""
        if not isinstance(task, Mapping):
            raise InputError(f"{place}: a task must be an object, not {type(task).__name__}")
        for key in ("annotations", "completions", "predictions"):
            if not isinstance(task.get(key) or [], list | tuple):
                raise InputError(f"{place}: {key} must be a list, not {type(task[key]).__name__}")
        done = self._task(task, place)
        self._file.write(b"[\n" if not self._count else b",\n")
        text, is_same = dump_told(done)
        self._file.write(text)
        if not is_same:
            self._ledger.change("task", "characters or numbers that JSON in UTF-8 cannot hold", place)
        self._count += 1
        self._ledger.items += 1

    def _task(self, task: Mapping[str, Any], place: str) -> dict[str, Any]:
        done = {key: value for key, value in task.items() if key not in _SERVER_KEYS}
        # A bare object is the data of a task, as Label Studio's import takes it.
        if "data" not in task and not {"annotations", "predictions", "completions"} & task.keys():
            done = {"data": done}
        if "completions" in done:
            del done["completions"]
            done["annotations"] = annotations_in(task) or []
        self._choose(done, place)
        annotations = len(done.get("annotations") or ())
        if annotations:
            self._ledger.carried["annotation"] += annotations
        drafts = task.get("drafts")
        if drafts and isinstance(drafts, list):
            self._ledger.drop("draft", "stays behind", place, len(drafts))
        predictions = len(done.get("predictions") or ())
        counts = self._ledger.carried if self._options.predictions else self._ledger.left_out
        if predictions:
            counts["prediction"] += predictions
        if not self._options.predictions:
            done.pop("predictions", None)
        ours = {"priority": task.get("_priority"), "score": task.get("_score")}
        told = {key: value for key, value in ours.items() if value is not None}
        if told:
            meta = done.get("meta")
            done["meta"] = {**(meta if isinstance(meta, Mapping) else {}), **told}
        return done

    def _choose(self, done: dict[str, Any], place: str) -> None:
        entries, choice = done.get("annotations"), self._options.annotators
        # Entries can be ids alone: then nothing tells which of them is meant.
        if choice == "all" or not entries or not all(isinstance(entry, Mapping) for entry in entries):
            return
        done["annotations"] = chosen(entries, choice, lambda entry: entry)
        if count := len(entries) - len(done["annotations"]):
            self._ledger.drop("annotation", why_not(choice), place, count)

    def finish(self) -> None:
        """End the array."""
        self._file.write(b"\n]\n" if self._count else b"[]\n")

    def close(self) -> None:
        """Nothing is held."""


class CopiedTasks(TaskCopier):
    """Copies the tasks of one stretch of the input, for `TaskCopier.join`."""

    def __init__(self, job: Job, state: None):
        # The labeling config is written once, by whoever joins.
        super().__init__(replace(job, options=replace(job.options, sidecars=False)))

    def piece(self) -> tuple[int, bytes]:
        """Return (how many tasks they are, the tasks with what stands between them)."""
        self._file.file.seek(2)  # behind the bracket that opens the array, and its line
        return self._count, self._file.file.read()
