"""Label Studio's tasks, annotations and predictions, read into records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from exporters.errors import InputError
from exporters.label_studio.choose import chosen, why_not
from exporters.label_studio.groups import Entry, Group, Grouper, medium
from exporters.label_studio.known_keys import (
    ANNOTATION,
    ANNOTATION_READ,
    EARLIER,
    PLAIN_ANNOTATIONS,
    PLAIN_TASKS,
    TASK,
    TASK_READ,
    annotations_in,
    note_misplaced,
    note_results_in,
    note_unknown,
    result_lists,
)
from exporters.label_studio.labeling_config import LabelingConfig, ObjectTag
from exporters.label_studio.read_beside import number_in
from exporters.label_studio.read_further import Own, further_of, own_of, signed
from exporters.label_studio.read_results import ObjectReader
from exporters.label_studio.read_texts import Dialogue, rendered, text_key
from exporters.label_studio.value_expression import as_text
from exporters.options import Options, Size
from exporters.paths import media_name
from exporters.records import Annotation, Answer, Item, Region, new
from exporters.report import Ledger

Task = Mapping[str, Any]
TASK_KEYS = frozenset(("data", "annotations", "completions", "predictions"))


class TaskReader:
    """Turns tasks into items; what cannot be read is counted in the ledger."""

    def __init__(self, config: LabelingConfig, options: Options, ledger: Ledger):
        self._options, self._ledger = options, ledger
        self._grouper = Grouper(config)
        # What every task shows, where that is one thing and no text.
        only = self._grouper.only
        self._only = None if only is None or only.kind in _TEXTS else only
        self._readers: dict[str, ObjectReader] = {}
        self._about_regions = {control.name for control in config.controls if control.per_region}

    def read(self, task: Any, place: str) -> list[Item]:
        """Return the items of one task: mostly one; several when it shows several objects.

        Raises `InputError` when it is no task at all.
        """
        usual = self._usual(task, place)
        return self._any(task, place) if usual is None else [usual]

    def _usual(self, task: Any, place: str) -> Item | None:
        """Return the item of a task that shows one thing, annotated once, and says little besides.

        None, and nothing is counted, for any other. Most tasks are of this kind, and what `_any` looks for is
        not in them.
        """
        shown = self._only
        if shown is None or type(task) is not dict or not PLAIN_TASKS.is_usual(task):
            return None
        data, entries = task.get("data"), task.get("annotations")
        if type(data) is not dict or type(entries) is not list or len(entries) != 1:
            return None
        entry = entries[0]
        results = entry.get("result") if type(entry) is dict and PLAIN_ANNOTATIONS.has(entry) else None
        if type(results) is not list or self._options.annotators != "all":
            return None
        if task.get("predictions") or task.get("meta") or task.get("drafts"):
            return None
        media = medium(data, shown)
        if not media:
            return None
        note_results_in(data, self._ledger)
        self._ledger.seen["annotation"] += 1
        kind, part, key = shown.kind, (entry, results, False), task.get("id")
        read = self._readers.get(kind) or self._reader(kind)
        size = self._size(kind, media, [part])
        done = (self._annotation(part, read, size, place),)
        further = further_of(data, task, shown, media, new(Own, (key, None, None, (), None)))
        width, height = size or (None, None)
        return new(Item, (kind, media, key, width, height, further, done, None, None, True, place))

    def _any(self, task: Any, place: str) -> list[Item]:
        data, said, own = self._parts(task, place)
        note_results_in(data, self._ledger)
        groups = self._grouper.groups(data, said)
        if len(groups) > 1:
            self._count_parts(groups, len(said))
        items = []
        for i, (shown, _, media, parts) in enumerate(groups):
            kind = shown.kind
            if kind in _TEXTS:
                text, dialogue = self._text_of(shown, data, parts)
                read = ObjectReader(kind, text, dialogue, self._ledger)
                kind, media, width, height = "text", media if text is None else text, None, None
                if text is None and shown.value:
                    self._missing(shown, media, data, place)
            else:
                read = self._readers.get(kind) or self._reader(kind)
                width, height = self._size(kind, media, parts) or (None, None)
                if not media and kind != "other":
                    self._missing(shown, media, data, place)
            size = None if width is None or height is None else (width, height)
            done = tuple([self._annotation(part, read, size, place) for part in parts])
            further = {} if i else further_of(data, task, shown, media, own)
            told = (kind, media, own.id, width, height, further, done, own.priority, own.score, i == 0, place)
            items.append(new(Item, told))
        return items

    def _count_parts(self, groups: list[Group], said: int) -> None:
        # What was said about several objects is handed on once for each.
        parts = sum([len(group.entries) for group in groups])
        if parts > said:
            self._ledger.merged("annotation", said - parts)

    def _missing(self, shown: ObjectTag, media: str, data: Mapping[str, Any], place: str) -> None:
        how = f"shows nothing: {shown.value.text[:40]!r} is not in its data"
        if media and (shown.by_address or shown.kind != "paragraphs"):
            how = "its text lies at an address, which is not fetched: the address stands for it"
        elif shown.kind == "paragraphs" and (media or shown.value.is_found_in(data)):
            how = "shows a dialogue that is none"
        elif isinstance(value := shown.value.resolve(data), list):
            how = f"shows nothing: {shown.value.text[:40]!r} has no such page"
        elif shown.kind not in _TEXTS and value == "" and shown.value.is_found_in(data):
            return  # nothing is what the task says
        self._ledger.change("item", how, place)

    def _reader(self, kind: str) -> ObjectReader:
        return self._readers.setdefault(kind, ObjectReader(kind, None, None, self._ledger))

    def _parts(self, task: Any, place: str) -> tuple[Mapping[str, Any], list[Entry], Own]:
        if not isinstance(task, dict):
            raise InputError(f"{place}: a task must be an object, not {type(task).__name__}")
        data = task.get("data")
        if data is None and not TASK_KEYS & task.keys():
            data = task
        if not isinstance(data, dict):
            if data is not None:
                raise InputError(f"{place}: data must be an object, not {type(data).__name__}")
            data = {}
        if data is task:
            note_misplaced(data, frozenset(), place, self._ledger)
        elif not PLAIN_TASKS.has(task):
            note_unknown(task, TASK, "a task", place, self._ledger)
            note_misplaced(task, TASK_READ, place, self._ledger)
        drafts = task.get("drafts")
        if drafts and isinstance(drafts, list):
            self._ledger.drop("draft", "stays behind", place, len(drafts))
        return data, *self._annotations(task, place)

    def _annotations(self, task: Task, place: str) -> tuple[list[Entry], Own]:
        entries = task.get("annotations")
        if "completions" in task:
            entries = annotations_in(task)
        said = self._entries(entries, "annotation", place) if entries else []
        own = own_of(task, said, place, self._ledger)
        if own.annotators:
            said = signed(said, own.annotators)
        if self._options.annotators != "all":
            said = self._chosen(said, place)
        if task.get("predictions"):
            found = self._entries(task["predictions"], "prediction", place)
            if self._options.predictions:
                said += found
            elif found:
                self._ledger.left_out["prediction"] += len(found)
                self._ledger.unread("annotation", len(found))
        return said, own

    def _entries(self, entries: Any, kind: str, place: str) -> list[Entry]:
        if not isinstance(entries, list | tuple):
            raise InputError(f"{place}: {kind}s must be a list, not {type(entries).__name__}")
        said: list[Entry] = []
        self._ledger.seen["annotation"] += len(entries)
        for entry in entries:
            result = entry.get("result") if isinstance(entry, dict) else None
            if isinstance(result, list):
                said.append((entry, result, kind == "prediction"))
                if not PLAIN_ANNOTATIONS.has(entry):
                    self._note_further(entry, place)
            else:
                why = "has no result list" if isinstance(entry, dict) else "only an id, without its content"
                self._ledger.drop(kind, why, place)
        return said

    def _note_further(self, entry: Mapping[str, Any], place: str) -> None:
        note_misplaced(entry, ANNOTATION_READ, place, self._ledger)
        note_unknown(entry, ANNOTATION, "an annotation", place, self._ledger)
        # What an annotator began with, and what stood there before: nobody's answer any more.
        count = sum(len(result_lists(entry.get(key))) for key in EARLIER if entry.get(key))
        if count:
            self._ledger.left_out["earlier version"] += count

    def _chosen(self, said: list[Entry], place: str) -> list[Entry]:
        choice = self._options.annotators
        kept = chosen(said, choice, lambda part: part[0])
        if len(kept) < len(said):
            why, count = why_not(choice), len(said) - len(kept)
            self._ledger.drop("annotation", why, place, count)
        return kept

    def _text_of(
        self, shown: ObjectTag, data: Mapping[str, Any], parts: list[Entry]
    ) -> tuple[str | None, Dialogue | None]:
        value = shown.value.resolve(data)
        if shown.kind == "paragraphs":
            key = shown.attributes.get("textKey") or text_key(
                value, (item for _, said, _ in parts for item in said)
            )
            try:
                dialogue = Dialogue(value, key)
            except ValueError:
                return None, None
            return dialogue.text, dialogue
        if shown.by_address or (value == "" and not shown.value.is_found_in(data)):
            return None, None
        text = value if isinstance(value, str) else as_text(value)
        return (rendered(text) if shown.kind == "html" else text), None

    def _size(self, kind: str, media: str, parts: list[Entry]) -> Size | None:
        if kind not in ("image", "video"):
            return None
        for _, results, _ in parts:
            for item in results:
                try:
                    width, height = item["original_width"], item["original_height"]
                    if width > 0 < height:
                        return int(width), int(height)
                except (KeyError, TypeError, ValueError, OverflowError):
                    continue
        return self._options.size_of(media) or self._options.size_of(media_name(media))

    def _annotation(self, part: Entry, read: ObjectReader, size: Size | None, place: str) -> Annotation:
        head, results, is_prediction = part
        regions, relations = read(results, size, place)
        if self._about_regions:
            self._note_loose(regions, place)
        by = head.get("completed_by")
        if isinstance(by, dict):
            # An export with users in full has an object here; the email means something outside this Label
            # Studio.
            by = next((by[key] for key in ("email", "username", "id") if by.get(key)), by or None)
        if by is not None and not isinstance(by, str | int):
            by = None
            how = "its annotator left out: neither a name nor an id"
            self._ledger.change("prediction" if is_prediction else "annotation", how, place)
        told = (
            regions,
            relations,
            is_prediction,
            head.get("id"),
            None if by is None else str(by),
            head.get("model_version"),
            number_in(head, "score", place, self._ledger) if "score" in head else None,
            bool(head.get("was_cancelled") or head.get("skipped")),
            bool(head.get("ground_truth") or head.get("honeypot")),
            False,
            not head["result"],
        )
        return new(Annotation, told)

    def _note_loose(self, regions: tuple[Region, ...], place: str) -> None:
        """Count answers to questions about a region that do not say about which, as rows of JSON_MIN have."""
        for region in regions:
            if type(region.shape) is Answer and region.control in self._about_regions:
                how = "about a region, but not told about which: about the whole"
                self._ledger.change("answer", how, place)


_TEXTS = frozenset(("text", "html", "paragraphs"))


def read_tasks(
    tasks: Iterable[tuple[Any, str]], config: LabelingConfig, options: Options, ledger: Ledger
) -> Iterator[Item]:
    """Yield the items of (task, place) pairs, in order."""
    reader = TaskReader(config, options, ledger)
    for task, place in tasks:
        yield from reader.read(task, place)
