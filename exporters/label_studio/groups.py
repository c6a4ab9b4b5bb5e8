"""What a task shows, object by object and page by page, with what was said about each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from exporters.label_studio.guess import guess_shown
from exporters.label_studio.labeling_config import OTHER, LabelingConfig, ObjectTag
from exporters.label_studio.value_expression import as_text
from exporters.records import new

# An annotation or prediction, its results on one object, and whether it is a prediction.
Entry = tuple[Mapping[str, Any], list[Any], bool]


class Group(NamedTuple):
    """One medium of a task: its object, which page of it, where it lies, and what was said about it."""

    shown: ObjectTag
    page: int
    media: str
    entries: list[Entry]


# What a task is about, when it shows several objects: pictures before sounds before texts.
_RANK = {"image": 0, "video": 0, "audio": 1, "series": 2}


class Grouper:
    """Sorts the results of a task by what they lie on; `only` is what all of them lie on, if there is one."""

    def __init__(self, config: LabelingConfig):
        self._config = config
        self._shown = _media(config)
        self.only: ObjectTag | None = None
        # Once: it looks at every tag of the config.
        self._repeats = config.has_repeater
        first = next(iter(self._shown.values()), None)
        if first is not None and len(self._shown) == 1 and not (first.is_list or self._repeats):
            self.only = first

    def groups(self, data: Mapping[str, Any], said: list[Entry]) -> list[Group]:
        """Return what the task shows; the first is what it is about."""
        if self.only is not None:
            return [new(Group, (self.only, 0, medium(data, self.only, 0), said))]
        if self._repeats:
            self._shown = _media(self._config.for_task(data))
        return self._group(data, said)

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
        return Group(shown, index, medium(data, shown, index), parts)

    def _with_untouched(self, data: Mapping[str, Any], found: list[Group], said: list[Entry]) -> list[Group]:
        touched = {(group.shown.name, group.page) for group in found}
        for shown in self._shown.values():
            for index in range(_count(data, shown)):
                media = medium(data, shown, index)
                if (shown.name, index) not in touched and (media or shown.value.is_found_in(data)):
                    found.append(Group(shown, index, media, [(head, [], flag) for head, _, flag in said]))
        order = {name: i for i, name in enumerate(self._shown)}
        ranked = sorted(
            found,
            key=lambda group: (_RANK.get(group.shown.kind, 3), order.get(group.shown.name, 99), group.page),
        )
        return ranked or [self._resolve(data, ("", 0), [])._replace(entries=said)]


def _media(config: LabelingConfig) -> dict[str, ObjectTag]:
    return {shown.name: shown for shown in config.objects if shown.kind != OTHER}


def medium(data: Mapping[str, Any], shown: ObjectTag, index: int = 0) -> str:
    """Return where a medium of a task lies, or the text itself; empty where the task has none."""
    value = shown.value.resolve(data)
    if isinstance(value, list) and shown.kind == "image":
        value = value[index] if 0 <= index < len(value) else None
    if isinstance(value, str):
        return value
    return "" if value is None or isinstance(value, list | dict) else as_text(value)


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
        key = (str(item.get("to_name") or ""), _page(item.get("item_index")))
        groups.setdefault(key, []).append(item)
        homes.setdefault(str(item.get("id")), key)
    first = next(iter(groups), ("", 0))
    for link in links:
        home = homes.get(str(link.get("from_id")), first) if isinstance(link, dict) else first
        groups.setdefault(home, []).append(link)
    return groups or {first: []}


def _page(index: Any) -> int:
    """Return the number of a page; scripts write it as a text or a float now and then."""
    try:
        return int(index or 0)
    except (TypeError, ValueError, OverflowError):
        return 0


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
    return [group._replace(entries=_whole(group.entries)) for group in merged.values()]


def _whole(entries: list[Entry]) -> list[Entry]:
    """Return the entries with the parts of one annotation put together again."""
    done: dict[int, Entry] = {}
    for head, results, is_prediction in entries:
        _, before, _ = done.get(id(head), (head, [], is_prediction))
        done[id(head)] = (head, [*before, *results], is_prediction)
    return list(done.values())
