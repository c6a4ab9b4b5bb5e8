"""A file written, converted and read again, as the tests here do it; and small tasks to begin with."""

import json

from exporters import convert

SIZE = {"original_width": 100, "original_height": 200}


def converted(folder, name, content, suffix, **options):
    """Return (text of the output, report) of an input given as text, or as lines or JSON of its objects."""
    if not isinstance(content, str):
        is_lines = name.endswith(".jsonl")
        content = "\n".join(map(json.dumps, content)) if is_lines else json.dumps(content)
    (folder / name).write_text(content, encoding="utf-8")
    output = folder / f"out{suffix}"
    report = convert(folder / name, output, **options)
    return output.read_text("utf-8"), report


def objects(folder, name, content, suffix, **options):
    """Return (objects of the output, report)."""
    text, report = converted(folder, name, content, suffix, **options)
    found = json.loads(text) if suffix == ".json" else [json.loads(line) for line in text.splitlines()]
    return found, report


def told(report):
    """Return all that was changed or dropped: kind to {how or why: count}."""
    found = {}
    for (kind, how), count in (*report.changed.items(), *report.dropped.items()):
        found.setdefault(kind, {})[how] = count
    return found


def task(data, *results, **more):
    """Return a task with one annotation of these results."""
    return {"id": 1, "data": data, "annotations": [{"id": 1, "result": list(results)}], **more}


def box(key="a", x=10, name="b", labels=("A",), **more):
    """Return a rectangle, 20 x 10 pixels, 20 from the top; `x` counts from the left in percent and pixels."""
    value = {"x": x, "y": 10, "width": 20, "height": 5, "rotation": 0, "rectanglelabels": list(labels)}
    head = {"id": key, "from_name": name, "to_name": "image", "type": "rectanglelabels", **SIZE}
    return {**head, "value": value, **more}


def answer(key, kind, value, name="c", to_name="image", **more):
    """Return an answer."""
    return {"id": key, "from_name": name, "to_name": to_name, "type": kind, "value": value, **more}


def span(key, start, end, label="L", **more):
    """Return a text region that quotes nothing."""
    value = {"start": start, "end": end, "labels": [label]}
    return {"id": key, "from_name": "n", "to_name": "text", "type": "labels", "value": value, **more}
