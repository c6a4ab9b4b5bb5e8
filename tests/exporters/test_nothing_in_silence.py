"""What used to vanish without a word is carried, or counted in the report."""

import csv
import json

import pytest

from exporters import convert


def written(folder, name, text):
    path = folder / name
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return path


def converted(folder, name, text, suffix):
    output = folder / f"out{suffix}"
    report = convert(written(folder, name, text), output)
    return output.read_text(), report


def choice(key, value):
    given = {"id": key, "type": "choices", "from_name": "c", "to_name": "t"}
    return {"result": [{**given, "value": {"choices": [value]}}]}


def hows(report, kind):
    return {how: count for (what, how), count in report.changed.items() if what == kind}


YES, NO = choice("a", "yes"), choice("b", "no")


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        ([YES], [], [YES]),
        ([], [NO], [NO]),
        (None, [NO], [NO]),
        ([YES], None, [YES]),
        ([YES], [NO], [YES, NO]),
        ([YES], [YES], [YES]),
        ([], [], []),
    ],
)
def test_annotations_and_completions_of_one_task_both_count(tmp_path, now, before, expected):
    tasks = [{"data": {"text": "hi"}, "annotations": now, "completions": before}]
    text, report = converted(tmp_path, "in.json", tasks, ".json")
    (task,) = json.loads(text)
    assert task["annotations"] == expected
    assert "completions" not in task
    assert report.lossless
    assert report.carried.get("annotation", 0) == len(expected)

    text, report = converted(tmp_path, "in.json", tasks, ".jsonl")
    accepted = [json.loads(line)["accept"] for line in text.splitlines() if "accept" in line]
    assert accepted == [entry["result"][0]["value"]["choices"] for entry in expected]
    assert report.lossless
    assert report.seen["region"] == len(expected)


def test_the_score_of_an_accepted_line_is_counted_where_annotations_have_none(tmp_path):
    line = {"text": "hi there", "spans": [{"start": 0, "end": 2, "label": "A"}], "answer": "accept"}
    text, report = converted(tmp_path, "in.jsonl", {**line, "meta": {"score": 0.3}}, ".json")
    assert "0.3" not in text
    assert list(hows(report, "annotation").values()) == [1]
    assert not report.lossless

    _, report = converted(tmp_path, "in.jsonl", line, ".json")
    assert report.lossless


def image(*elements, width=40, height=40):
    head = f'<image id="0" name="a.png" width="{width}" height="{height}">'
    return f"<annotations><version>1.1</version>{head}{''.join(elements)}</image></annotations>"


BOX = ' label="p" source="manual" xtl="1" ytl="1" xbr="2" ybr="2"'


def test_a_part_that_no_picture_holds_leaves_its_skeleton_out_and_not_the_export(tmp_path):
    mask = '<mask label="p" outside="0" occluded="0" rle="0,4" left="0" top="0" width="2" height="2"/>'
    point = '<points label="q" outside="0" occluded="0" points="1,1"/>'
    skeleton = f'<skeleton label="s" source="manual" z_order="0">{mask}{point}</skeleton>'
    document = image(skeleton, f"<box{BOX}/>", width=40000, height=40000)
    text, report = converted(tmp_path, "in.xml", document, ".json")
    (task,) = json.loads(text)
    assert [item["type"] for item in task["annotations"][0]["result"]] == ["rectanglelabels"]
    assert [kind for kind, _ in report.dropped] == ["skeleton"]
    assert report.carried["box"] == 1


def test_reading_a_table_leaves_the_limit_of_csv_as_it_was(tmp_path):
    before = csv.field_size_limit()
    long = "x" * (before + 1)
    text, _ = converted(tmp_path, "in.csv", f"id,text,label,annotator\n1,{long},x,a\n", ".json")
    assert json.loads(text)[0]["data"]["text"] == long
    assert csv.field_size_limit() == before
