"""JSON_MIN, CSV and TSV of Label Studio as tasks: a row for each annotation, answers beside the task's data.

A row says neither which of its columns are answers nor of which type. The labeling config tells; without one
the order of the columns does (JSON_MIN: data, `id`, answers, `annotator`), then the form of the values; where
nothing does, the row is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from exporters.errors import InputError
from exporters.json_stream import parse
from exporters.label_studio.guess import KEYS, kind_of_value
from exporters.label_studio.labeling_config import ControlTag, LabelingConfig
from exporters.label_studio.read_shapes import ANSWERS
from exporters.label_studio.table import BOOKKEEPING, Cell

Row = Mapping[str, Any]
_SIGNS = frozenset(("annotation_id", "annotator"))
_MORE_SIGNS = BOOKKEEPING - _SIGNS - {"id"}
_MEDIA_NAMES = frozenset(name for names in KEYS.values() for name in names)
_SIZES = ("original_width", "original_height")
# Where data and control share a name, the CSV calls the data so.
_RENAMED = "_data_"
_BROKEN = re.compile(r"\s*(?:\[\s*\[|\[?\s*\{\s*['\"]|\[\s*')")


def is_row(thing: Row) -> bool:
    """Return whether an object is a row of JSON_MIN or CSV."""
    found = _SIGNS & thing.keys()
    return len(found) == 2 or bool(found and _MORE_SIGNS & thing.keys()) or bool(_between(thing))


def _between(row: Row) -> list[str] | None:
    """Return what stands between `id` and `annotator`, JSON_MIN's answers; None if that tells nothing."""
    order = list(row)
    # In sorted keys (written anew by some tool) positions say nothing; nor where no data stand before the id,
    # as in tables that people make.
    if "id" not in row or "annotator" not in row or order == sorted(order) or order[0] == "id":
        return None
    begin, end = order.index("id") + 1, order.index("annotator")
    # The times and counts of the annotation come last: else somebody put the keys into another order.
    return order[begin:end] if begin <= end and BOOKKEEPING.issuperset(order[end:]) else None


def _told(value: Any) -> Any:
    """Return what a cell holds: the value of its JSON, else its text."""
    if isinstance(value, Cell) and value[:1] in ("[", "{") and value[-1:] in ("]", "}"):
        try:
            return parse(value.encode("utf-8", "surrogatepass"), "a cell")
        except InputError:
            return str(value)
    return str(value) if isinstance(value, Cell) else value


def _in_data(key: str, value: Any, texts: Collection[str | None]) -> Any:
    """Return what a task's data hold for a cell: what is shown as a text is one, JSON elsewhere its value."""
    is_text = key in texts if texts else key.lower() in KEYS["text"]
    return str(value) if is_text and isinstance(value, Cell) else _told(value)


def plain_rows(rows: Iterable[tuple[Row, str]]) -> Iterator[tuple[Row, str]]:
    """Yield the rows of a table, those that tell of no annotation with their cells as plain values."""
    for row, place in rows:
        yield (row if is_row(row) else {key: _in_data(key, value, ()) for key, value in row.items()}), place


def tasks_of_rows(
    rows: Iterable[tuple[Row, str]], config: LabelingConfig
) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield (task, place): rows of one task that follow each other are its annotations."""
    last: dict[str, Any] | None = None
    where = ""
    for row, place in rows:
        task = _task(row, place, config)
        if last is not None and task["data"] == last["data"] and task.get("id") == last.get("id") is not None:
            last["annotations"] += task["annotations"]
            continue
        if last is not None:
            yield last, where
        last, where = task, place
    if last is not None:
        yield last, where


def _task(row: Row, place: str, config: LabelingConfig) -> dict[str, Any]:
    shown = config.for_task(row)
    controls = {control.name: control for control in shown.controls}
    names = _answers(row, controls, place)
    row = {key: _told(value) if key in names else value for key, value in row.items()}
    _refuse_broken(row, names, controls, place)
    texts = {each.value.key_in(row) for each in shown.objects if each.kind in ("text", "html")}
    data = {
        key.removeprefix(_RENAMED) if key.removeprefix(_RENAMED) in names else key: _in_data(
            key, value, texts
        )
        for key, value in row.items()
        if key not in names and key not in BOOKKEEPING
    }
    task: dict[str, Any] = {"data": data, "annotations": []}
    if row.get("id") is not None:
        task["id"] = row["id"]
    results = _joined(
        [part for name in names for part in results_of(name, row.get(name), controls.get(name))],
        {name for name, control in controls.items() if control.per_region},
    )
    if results or row.get("annotation_id") is not None or row.get("annotator") not in (None, "", {}):
        head = {"id": row.get("annotation_id"), "completed_by": row.get("annotator"), "result": results}
        told = {
            key: row[key] for key in ("created_at", "updated_at", "lead_time") if row.get(key) is not None
        }
        task["annotations"].append({**head, **told})
    return task


def _refuse_broken(row: Row, names: list[str], controls: Mapping[str, ControlTag], place: str) -> None:
    """Refuse answers that were meant as JSON: a list as Python prints it, or one nested too deeply."""
    for name in names:
        is_text = name in controls and controls[name].tag == "TextArea"
        if not is_text and isinstance(row.get(name), str) and _BROKEN.match(row[name]):
            raise InputError(
                f"{place}: {name!r} holds a list or an object that is no JSON (as Python prints it, or "
                "nested too deeply); write the cells with json.dumps, or export JSON"
            )


def _answers(row: Row, controls: Mapping[str, ControlTag], place: str) -> list[str]:
    """Return which columns are answers."""
    if len(_SIGNS & row.keys()) == 2 and all(row[key] in (None, "", {}) for key in _SIGNS):
        # Nobody has annotated it: there are none.
        return []
    keys = [key for key in row if key not in BOOKKEEPING]
    if controls:
        return [key for key in controls if key in row]
    told = _between(row)
    formed = [key for key in keys if _is_answer(_told(row[key]))]
    if told is not None:
        marked = [key for key in formed if _is_marked(_told(row[key]))]
        return told if _is_in_order(told, marked) else marked
    rest = [key for key in keys if key.lower() not in _MEDIA_NAMES and kind_of_value(_told(row[key])) is None]
    if formed or len(rest) <= 1:
        return formed or rest
    raise InputError(
        f"{place}: which of {', '.join(keys)[:200]} are answers cannot be told from CSV or JSON_MIN; "
        "give the labeling config (--label-config), or export JSON"
    )


def _is_in_order(told: list[str], marked: list[str]) -> bool:
    """Return whether order tells the answers: regions stand among them, or no medium does."""
    if not marked or any(key in told for key in marked):
        return True
    return bool(told) and not any(key.lower() in _MEDIA_NAMES for key in told)


def _is_marked(value: Any) -> bool:
    """Return whether a value says by a label or a choice that it is an answer; a dialogue has texts alone."""
    parts = value if isinstance(value, list) else [value]
    return all(_type(part) not in (None, "textarea", "pairwise") for part in parts)


def _is_answer(value: Any) -> bool:
    parts = value if isinstance(value, list) else [value]
    return bool(parts) and all(isinstance(part, Mapping) and _type(part) is not None for part in parts)


def results_of(name: str, value: Any, control: ControlTag | None) -> list[dict[str, Any]]:
    """Return the results that one column tells."""
    parts = value if isinstance(value, list) else [] if value is None or value == "" else [value]
    kind = control.tag.lower() if control is not None else None
    target = control.to_name if control is not None else ""
    return [
        {"id": f"{name}-{number}", "from_name": name, "to_name": target, **_result(part, kind)}
        for number, part in enumerate(parts)
    ]


_GEOMETRY = frozenset(
    (
        "x",
        "y",
        "width",
        "height",
        "rotation",
        "radiusX",
        "radiusY",
        "points",
        "start",
        "end",
        "rle",
        "sequence",
    )
)


def _joined(results: list[dict[str, Any]], about_regions: Collection[str]) -> list[dict[str, Any]]:
    """Return the results with answers about regions under the regions' ids: they repeat where those lie.

    An answer that is one choice or one text says nothing of it; about the only region it is all the same.
    """
    homes: dict[str, str] = {}
    for part in results:
        if part["type"] not in ANSWERS:
            homes.setdefault(_where(part), part["id"])
    only = next(iter(homes.values())) if len(homes) == 1 else None

    def home(part: dict[str, Any]) -> str:
        around = homes.get(_where(part))
        return around or (only if part["from_name"] in about_regions else None) or part["id"]

    return [{**part, "id": home(part)} if part["type"] in ANSWERS else part for part in results]


def _where(part: Mapping[str, Any]) -> str:
    where = sorted((key, repr(entry)) for key, entry in part["value"].items() if key in _GEOMETRY)
    return repr(where) if where else ""


def _result(part: Any, kind: str | None) -> dict[str, Any]:
    if not isinstance(part, Mapping):
        kind = kind or _bare_type(part)
        part = _counted(part) if kind in ("rating", "number") else part
        key = "text" if kind == "textarea" else kind
        return {"type": kind, "value": {key: [part] if kind in ("choices", "textarea", "taxonomy") else part}}
    sizes = {key: part[key] for key in _SIZES if key in part}
    parent = {"parentID": part["parentID"]} if part.get("parentID") else {}
    value = {key: entry for key, entry in part.items() if key not in (*_SIZES, "parentID", "id")}
    return {"type": kind or _type(part) or "unknown", "value": value, **sizes, **parent}


def _counted(part: Any) -> Any:
    """Return a number that a cell holds as text; what is none stays as it is, and is told by its reader."""
    try:
        number = float(part) if isinstance(part, str) else part
        return int(number) if isinstance(number, float) and number == int(number) else number
    except (ValueError, OverflowError):
        return part


def _bare_type(part: Any) -> str:
    """Return the type of an answer that stands alone, without a labeling config to tell."""
    if isinstance(part, list):
        return "taxonomy"
    is_number = isinstance(part, int | float) and not isinstance(part, bool)
    # A rating, or a number: choices are texts.
    return "number" if is_number else "choices"


def _type(part: Mapping[str, Any]) -> str | None:
    """Return the type of a result by its value's keys."""
    if "sequence" in part:
        return "videorectangle"
    labels = [key for key, entry in part.items() if key.endswith("labels") and isinstance(entry, list)]
    answers = [key for key in ANSWERS if key in part]
    if labels or answers:
        return (labels or answers)[0]
    if set(part) == {"text"}:
        return "textarea"
    return "pairwise" if set(part) == {"selected"} else None
