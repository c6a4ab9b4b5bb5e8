"""What a task shows, when there is no labeling config to say so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from exporters.label_studio.labeling_config import ObjectTag
from exporters.label_studio.value_expression import ValueExpression

IMAGES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".svg", ".avif")
SOUNDS = (".wav", ".mp3", ".flac", ".ogg", ".m4a", ".aac", ".opus", ".aiff", ".au")
VIDEOS = (".mp4", ".webm", ".avi", ".mov", ".mkv", ".m4v", ".mpg", ".mpeg")
SUFFIXES = {"image": IMAGES, "audio": SOUNDS, "video": VIDEOS}
KEYS = {
    "image": ("image", "img", "image_url", "picture", "photo", "images"),
    "audio": ("audio", "sound", "wav", "audio_url"),
    "video": ("video", "video_url"),
    "html": ("html", "hypertext"),
    "paragraphs": ("dialogue", "dialog", "paragraphs", "conversation"),
    "text": ("text", "document", "sentence", "body", "content", "ner"),
    "series": ("timeseries", "csv", "ts"),
}
_BY_TYPE = {
    "hypertextlabels": "html",
    "paragraphlabels": "paragraphs",
    "timeserieslabels": "series",
    "videorectangle": "video",
    "timelinelabels": "video",
}
_NUMBERED = re.compile(r"(\d{1,6})$")
_PICTURES = ("rectangle", "polygon", "keypoint", "ellipse", "brush", "bitmask", "vector", "magicwand")


def kind_of_result(item: Mapping[str, Any]) -> str | None:
    """Return what kind of object a result item lies on; None when it could be any."""
    kind = str(item.get("type"))
    if kind in _BY_TYPE:
        return _BY_TYPE[kind]
    value = item.get("value")
    if kind.startswith(_PICTURES) or "original_width" in item:
        return "image"
    if not isinstance(value, Mapping) or "start" not in value:
        return None
    if "globalOffsets" in value or "startOffset" in value:
        return "html"
    is_sound = "original_length" in item or "channel" in value or isinstance(value["start"], float)
    # Both have start and end under the type `labels`: seconds are floats or come with a length, a text quotes
    # itself.
    return "audio" if is_sound and "text" not in value else "text"


def kind_of_value(value: Any) -> str | None:
    """Return what kind of medium a value of the task's data is."""
    if isinstance(value, list):
        if value and all(isinstance(entry, Mapping) and "text" in entry for entry in value):
            return "paragraphs"
        # Texts alone: lists in lists can be a thousand deep.
        is_images = bool(value) and all(
            type(each) is str and kind_of_value(each) == "image" for each in value
        )
        return "image" if is_images else None
    if not isinstance(value, str):
        return None
    # Signed addresses of storages end in a query, not in the file's suffix.
    path = value.split("?", 1)[0].lower()
    for kind, suffixes in SUFFIXES.items():
        if path.endswith(suffixes) or value.startswith(f"data:{kind}/"):
            return kind
    return None


def guess_shown(data: Mapping[str, Any], results: Iterable[Mapping[str, Any]], target: str = "") -> ObjectTag:
    """Return the object that the results lie on, or that the data alone suggest."""
    kinds: list[str] = []
    source, found = "", list(results)
    for item in found:
        kind = kind_of_result(item)
        kinds += [kind] if kind else []
        source = source or str(item.get("source") or "")
    kind = kinds[0] if kinds else None
    shown = ValueExpression(source)
    if not (shown.variables and shown.is_found_in(data)):
        key = target if target in data else _key(data, kind)
        shown = _page(data, kind, target, found) or ValueExpression.of_key(key)
    value, key = shown.resolve(data), shown.text.lstrip("$")
    kind = kind or kind_of_value(value) or _kind_by_key(key)
    if kind is None:
        kind = "text" if isinstance(value, str) and value else "other"
    return ObjectTag("", target, kind, shown, isinstance(value, list) and kind == "image")


def _page(
    data: Mapping[str, Any], kind: str | None, target: str, results: list[Mapping[str, Any]]
) -> ValueExpression | None:
    """Return the entry of a list that an object such as `page_1` shows: a <Repeater> numbers them so."""
    number = _NUMBERED.search(target)
    if number is None or target in data:
        return None
    index = int(number[1])
    for name, value in data.items():
        if not isinstance(value, list) or index >= len(value) or not name.isidentifier():
            continue
        entry = value[index]
        if isinstance(entry, str) and _is_page(entry, kind, results, data):
            return ValueExpression(f"${name}[{index}]")
        key = _key_of_page(entry, kind, results) if isinstance(entry, Mapping) else ""
        if key.isidentifier():
            return ValueExpression(f"${name}[{index}].{key}")
    return None


def _is_page(entry: str, kind: str | None, results: list[Mapping[str, Any]], data: Mapping[str, Any]) -> bool:
    """Return whether a text in a list is what results lie on: it may be a list of tags as well."""
    if kind is not None and kind_of_value(entry) == kind:
        return True
    # Answers quote nothing: they are about an entry where there is nothing else to be about.
    is_all = kind is None and not any(isinstance(value, str) for value in data.values())
    return is_all or _is_quoted(entry, results)


def _key_of_page(entry: Mapping[str, Any], kind: str | None, results: list[Mapping[str, Any]]) -> str:
    quoted = [key for key, value in entry.items() if isinstance(value, str) and _is_quoted(value, results)]
    fitting = [key for key in entry if kind in (kind_of_value(entry[key]), _kind_by_key(key))]
    return next(iter(quoted + fitting), "")


def _is_quoted(text: str, results: list[Mapping[str, Any]]) -> bool:
    """Return whether a result quotes this text where it lies."""
    values = (item["value"] for item in results if isinstance(item.get("value"), Mapping))
    for value in values:
        start, end, said = value.get("start"), value.get("end"), value.get("text")
        if isinstance(start, int) and isinstance(end, int) and said and text[start:end] == said:
            return True
    return False


def _key(data: Mapping[str, Any], kind: str | None) -> str:
    for wanted in (kind,) if kind else KEYS:
        keys = [key for key, value in data.items() if kind_of_value(value) == wanted]
        keys += [key for key in data if key.lower() in KEYS.get(wanted or "", ())]
        if keys:
            return keys[0]
    return next((key for key, value in data.items() if isinstance(value, str)), next(iter(data), ""))


def _kind_by_key(key: str) -> str | None:
    return next((kind for kind, keys in KEYS.items() if key.lower() in keys), None)
