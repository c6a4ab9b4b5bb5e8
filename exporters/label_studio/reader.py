"""Label Studio's tasks, annotations and predictions, read into records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from exporters.errors import InputError
from exporters.label_studio.guess import guess_shown
from exporters.label_studio.known_keys import ANNOTATION, TASK, note_unknown
from exporters.label_studio.labeling_config import OTHER, LabelingConfig, ObjectTag
from exporters.label_studio.read_results import ObjectReader, number
from exporters.label_studio.read_texts import Dialogue, rendered, text_key
from exporters.label_studio.value_expression import as_text
from exporters.options import Options, Size
from exporters.paths import media_name
from exporters.records import Annotation, Item
from exporters.report import Ledger

Task = Mapping[str, Any]
# An annotation or prediction, its results on one object, and whether it is a prediction.
Entry = tuple[Mapping[str, Any], list[Any], bool]


class Group(NamedTuple):
    """One medium of a task: its object, which page of it, where it lies, and what was said about it."""

    shown: ObjectTag
    page: int
    media: str
    entries: list[Entry]


TASK_KEYS = frozenset(("data", "annotations", "completions", "predictions"))


class TaskReader:
    """Turns tasks into items; what cannot be read is counted in the ledger."""

    def __init__(self, config: LabelingConfig, options: Options, ledger: Ledger):
        self._config, self._options, self._ledger = config, options, ledger
        self._shown = _media(config)
        self._only: ObjectTag | None = None
        first = next(iter(self._shown.values()), None)
        if first is not None and len(self._shown) == 1 and not (first.is_list or config.has_repeater):
            self._only = first
        self._readers: dict[str, ObjectReader] = {}

    def read(self, task: Any, place: str) -> Iterator[Item]:
        """Yield the items of one task: mostly one; several when it shows several objects.

        Raises `InputError` when it is no task at all.
        """
        data, said = self._parts(task, place)
        if self._config.has_repeater:
            self._shown = _media(self._config.for_task(data))
        if self._only is not None:
            groups = [Group(self._only, 0, _medium(data, self._only, 0), said)]
        else:
            groups = self._group(data, said)
        get = task.get
        self._count_parts(groups, len(said))
        for i, (shown, _, media, parts) in enumerate(groups):
            kind = shown.kind
            if kind in _TEXTS:
                text, dialogue = self._text_of(shown, data, parts)
                read = ObjectReader(kind, text, dialogue, self._ledger)
                kind, media, width, height = "text", media if text is None else text, None, None
                if shown.value and text is None and not media:
                    self._missing(shown, place)
            else:
                read = self._readers.get(kind) or self._reader(kind)
                width, height = self._size(kind, media, parts) or (None, None)
            size = None if width is None or height is None else (width, height)
            done = tuple([self._annotation(part, read, size, place) for part in parts])
            priority, score = get("_priority"), get("_score")
            told = (
                None if priority is None else number(priority),
                None if score is None else number(score),
                i == 0,
                place,
            )
            further = {} if i else _further(data, task, shown)
            yield Item(kind, media, get("id"), width, height, further, done, *told)

    def _count_parts(self, groups: list[Group], said: int) -> None:
        # What was said about several objects is handed on once for each.
        parts = sum([len(group.entries) for group in groups])
        if parts > said:
            self._ledger.merged("annotation", said - parts)

    def _missing(self, shown: ObjectTag, place: str) -> None:
        self._ledger.change("item", f"shows nothing: {shown.value.text[:40]!r} is not in its data", place)

    def _reader(self, kind: str) -> ObjectReader:
        return self._readers.setdefault(kind, ObjectReader(kind, None, None, self._ledger))

    def _parts(self, task: Any, place: str) -> tuple[Mapping[str, Any], list[Entry]]:
        if not isinstance(task, dict):
            raise InputError(f"{place}: a task must be an object, not {type(task).__name__}")
        data = task.get("data")
        if data is None and not TASK_KEYS & task.keys():
            data = task
        if not isinstance(data, dict):
            if data is not None:
                raise InputError(f"{place}: data must be an object, not {type(data).__name__}")
            data = {}
        if data is not task and not task.keys() <= TASK:
            note_unknown(task, TASK, "a task", place, self._ledger)
        drafts = task.get("drafts")
        if drafts and isinstance(drafts, list):
            self._ledger.drop("draft", "stays behind", place, len(drafts))
        return data, self._annotations(task, place)

    def _annotations(self, task: Task, place: str) -> list[Entry]:
        entries = task.get("annotations")
        if entries is None:
            entries = task.get("completions")
        said = self._entries(entries, "annotation", place) if entries else []
        meta = task.get("meta")
        if isinstance(meta, dict) and isinstance(meta.get("annotators"), list):
            said = _signed(said, meta["annotators"])
        if self._options.annotators != "all":
            said = self._chosen(said, place)
        if task.get("predictions"):
            found = self._entries(task["predictions"], "prediction", place)
            if self._options.predictions:
                said += found
            elif found:
                self._ledger.left_out["prediction"] += len(found)
                self._ledger.unread("annotation", len(found))
        return said

    def _entries(self, entries: Any, kind: str, place: str) -> list[Entry]:
        if not isinstance(entries, list | tuple):
            raise InputError(f"{place}: {kind}s must be a list, not {type(entries).__name__}")
        said: list[Entry] = []
        self._ledger.saw("annotation", len(entries))
        for entry in entries:
            result = entry.get("result") if isinstance(entry, dict) else None
            if isinstance(result, list):
                said.append((entry, result, kind == "prediction"))
                if not entry.keys() <= ANNOTATION:
                    note_unknown(entry, ANNOTATION, "an annotation", place, self._ledger)
            else:
                why = "has no result list" if isinstance(entry, dict) else "only an id, without its content"
                self._ledger.drop(kind, why, place)
        return said

    def _chosen(self, said: list[Entry], place: str) -> list[Entry]:
        choice = self._options.annotators
        if choice == "ground_truth":
            kept = [part for part in said if part[0].get("ground_truth")]
        else:
            done = [part for part in said if not part[0].get("was_cancelled")] or said
            kept = [max(done, key=_when)] if done else []
        if len(kept) < len(said):
            why = f"not chosen by annotators={choice}"
            self._ledger.drop("annotation", why, place, len(said) - len(kept))
        return kept

    def _group(self, data: Mapping[str, Any], said: list[Entry]) -> list[Group]:
        """Return (object, medium, annotations on it); the first is the one that the task is about."""
        groups: dict[tuple[str, int], list[Entry]] = {}
        for head, results, is_prediction in said:
            for key, part in _by_object(results).items():
                groups.setdefault(key, []).append((head, part, is_prediction))
        found = [self._resolve(data, key, parts) for key, parts in groups.items()]
        if not self._shown:
            return _merge(found) if found else [self._resolve(data, ("", 0), [])._replace(entries=said)]
        return self._with_untouched(data, found, said)

    def _resolve(self, data: Mapping[str, Any], key: tuple[str, int], parts: list[Entry]) -> Group:
        name, index = key
        shown = self._shown.get(name)
        if shown is None:
            results = (item for _, part, _ in parts for item in part if isinstance(item, dict))
            shown = guess_shown(data, results, name)
        return Group(shown, index, _medium(data, shown, index), parts)

    def _with_untouched(self, data: Mapping[str, Any], found: list[Group], said: list[Entry]) -> list[Group]:
        touched = {(group.shown.name, group.page) for group in found}
        for shown in self._shown.values():
            for index in range(_count(data, shown)):
                media = _medium(data, shown, index)
                if (shown.name, index) not in touched and (media or shown.value.is_found_in(data)):
                    found.append(Group(shown, index, media, [(head, [], flag) for head, _, flag in said]))
        order = {name: i for i, name in enumerate(self._shown)}
        ranked = sorted(
            found,
            key=lambda group: (_RANK.get(group.shown.kind, 3), order.get(group.shown.name, 99), group.page),
        )
        return ranked or [self._resolve(data, ("", 0), [])._replace(entries=said)]

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
        by, score = head.get("completed_by"), head.get("score")
        if isinstance(by, dict):
            by = by.get("email") or by.get("id")
        return Annotation(
            regions,
            relations,
            is_prediction,
            head.get("id"),
            None if by is None else str(by),
            head.get("model_version"),
            None if score is None else number(score),
            bool(head.get("was_cancelled") or head.get("skipped")),
            bool(head.get("ground_truth") or head.get("honeypot")),
        )


_TEXTS = frozenset(("text", "html", "paragraphs"))
# What a task is about, when it shows several objects: pictures before sounds before texts.
_RANK = {"image": 0, "video": 0, "audio": 1, "series": 2}


def _media(config: LabelingConfig) -> dict[str, ObjectTag]:
    return {shown.name: shown for shown in config.objects if shown.kind != OTHER}


def _signed(said: list[Entry], names: list[Any]) -> list[Entry]:
    """Return the annotations with the annotators that our writer kept in the task's meta."""
    if len(names) != len(said):
        return said
    return [
        part if not name or "completed_by" in part[0] else ({**part[0], "completed_by": name}, *part[1:])
        for part, name in zip(said, names, strict=True)
    ]


def _when(part: Entry) -> str:
    return str(part[0].get("updated_at") or part[0].get("created_at") or "")


def _medium(data: Mapping[str, Any], shown: ObjectTag, index: int) -> str:
    value = shown.value.resolve(data)
    if isinstance(value, list) and shown.kind == "image":
        value = value[index] if 0 <= index < len(value) else None
    if isinstance(value, str):
        return value
    return "" if value is None or isinstance(value, list | dict) else as_text(value)


_OURS_IN_META = frozenset(("annotators", "priority", "score", "id"))


def _further(data: Mapping[str, Any], task: Task, shown: ObjectTag) -> Mapping[str, Any]:
    """Return what a task says besides what its item shows."""
    key = shown.value.key_in(data)
    further = {} if len(data) == 1 and key in data else {k: v for k, v in data.items() if k != key}
    meta = task.get("meta") if data is not task else None
    if isinstance(meta, dict) and not meta.keys() <= _OURS_IN_META and "meta" not in data:
        further["meta"] = {k: v for k, v in meta.items() if k not in _OURS_IN_META}
    return further


def _count(data: Mapping[str, Any], shown: ObjectTag) -> int:
    value = shown.value.resolve(data)
    return len(value) if isinstance(value, list) and shown.kind == "image" else 1


def _by_object(results: list[Any]) -> dict[tuple[str, int], list[Any]]:
    """Return the results of each (object, page); a relation stays with the region that it starts from."""
    groups: dict[tuple[str, int], list[Any]] = {}
    if _share_one(results):
        return {(results[0]["to_name"], 0): results}
    homes: dict[str, tuple[str, int]] = {}
    links = []
    for item in results:
        if not isinstance(item, dict) or item.get("type") == "relation":
            links.append(item)
            continue
        index = item.get("item_index")
        key = (str(item.get("to_name") or ""), index if isinstance(index, int) else 0)
        groups.setdefault(key, []).append(item)
        homes.setdefault(str(item.get("id")), key)
    first = next(iter(groups), ("", 0))
    for link in links:
        home = homes.get(str(link.get("from_id")), first) if isinstance(link, dict) else first
        groups.setdefault(home, []).append(link)
    return groups or {first: []}


def _share_one(results: list[Any]) -> bool:
    """Return whether all results lie on one object, as they mostly do."""
    try:
        places = {(item["to_name"], item.get("item_index")) for item in results}
        name, index = places.pop() if len(places) == 1 else (None, None)
        return isinstance(name, str) and index is None
    except (TypeError, KeyError):  # relations have no object
        return False


def _merge(found: list[Group]) -> list[Group]:
    """Return the groups with those of one medium put together: controls named differently can share it."""
    merged: dict[tuple[str, str], Group] = {}
    for group in found:
        # Where nothing tells what they show, two objects stay two.
        key = (group.shown.value.text, group.media or f"\0{group.shown.name}")
        known = merged.get(key)
        if known is None:
            merged[key] = group._replace(entries=list(group.entries))
        else:
            known.entries.extend(group.entries)
    return list(merged.values())


def read_tasks(
    tasks: Iterable[tuple[Any, str]], config: LabelingConfig, options: Options, ledger: Ledger
) -> Iterator[Item]:
    """Yield the items of (task, place) pairs, in order."""
    reader = TaskReader(config, options, ledger)
    for task, place in tasks:
        yield from reader.read(task, place)
