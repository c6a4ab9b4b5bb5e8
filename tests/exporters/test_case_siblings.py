"""Siblings of public bug reports: other orders, encodings, tools and versions, right or refused by name."""

import json
import re

import pytest

from exporters import InputError, convert

ENDS = {"annotator": 1, "annotation_id": 4, "created_at": "x", "updated_at": "x", "lead_time": 2.5}
ULM = {"start": 0, "end": 3, "text": "Ulm", "labels": ["LOC"]}
MIN = {"id": 1, "text": "Ulm is far.", "label": [ULM], **ENDS}
MOOD = {"text": "fine", "id": 1, "mood": "A", **ENDS}
SPAN = {"id": "a", "type": "labels", "from_name": "l", "to_name": "t", "value": ULM}
TASK = {"id": 9, "data": {"text": "Ulm is far."}}
SAID = {"id": 1, "result": [SPAN]}
WHOLE = {**TASK, "annotations": [SAID]}
FAR = [("Ulm is far.", [(0, 3, "LOC")], None)]
CHOICES = """<View><Text name="t" value="$text"/><Choices name="mood" toName="t"><Choice value="A"/>
<Choice value="B"/></Choices></View>"""
HEADER = "id,text,mood,annotator,annotation_id,created_at,updated_at,lead_time"


def lines(*things):
    return "".join(json.dumps(thing) + "\n" for thing in things)


def turned(thing):
    return dict(reversed(list(thing.items())))


def ordered(*names):
    return {name: MIN[name] for name in names} | ENDS


def said(tmp_path, given, name="in.json", config="", **options):
    """Return (text, spans, choices) of each line that the input becomes, and the report."""
    source = tmp_path / name
    if isinstance(given, bytes):
        source.write_bytes(given)
    else:
        source.write_text(
            given if isinstance(given, str) else json.dumps(given), encoding="utf-8", newline=""
        )
    report = convert(source, tmp_path / "o.jsonl", to_format="prodigy", label_config=config, **options)
    found = map(json.loads, (tmp_path / "o.jsonl").read_text("utf-8").splitlines())
    return [
        (
            line.get("text", line.get("image")),
            [(span["start"], span["end"], span["label"]) for span in line.get("spans", [])],
            line.get("accept"),
        )
        for line in found
    ], report


SHORT = {
    "a byte order mark": (b"\xef\xbb\xbf" + json.dumps([MIN]).encode(), FAR),
    "keys turned around": ([turned(MIN)], FAR),
    "the label first": ([ordered("label", "text", "id")], FAR),
    "text and label exchanged": ([ordered("label", "id", "text")], FAR),
    "sorted keys": ([dict(sorted(MIN.items()))], FAR),
    "a row alone": (json.dumps(MIN, indent=2), FAR),
    "lines": (lines(MIN, {**MIN, "id": 2}), FAR * 2),
    "lines with blank ones between": (lines(MIN) + "\n\n" + lines({**MIN, "id": 2}), FAR * 2),
    "several choices": ([{**MOOD, "mood": {"choices": ["A", "B"]}}], [("fine", [], ["A", "B"])]),
    "one choice, turned around": ([turned(MOOD)], [("fine", [], ["A"])]),
    "a dialogue before the id": (
        [{"dialogue": [{"text": "hi"}], "id": 1, "mood": "A", **ENDS}],
        [("hi", [], ["A"])],
    ),
}


@pytest.mark.parametrize(("given", "expected"), SHORT.values(), ids=SHORT)
def test_json_min_is_read_in_any_order_and_form(tmp_path, given, expected):
    found, report = said(tmp_path, given)
    assert found == expected
    assert report.lossless


TABLES = {
    "CSV of Windows": ("in.csv", f"\ufeff{HEADER}\r\n1,fine,A,1,4,x,x,2.0\r\n", [("fine", [], ["A"])]),
    "a text of two lines": ("in.csv", f'{HEADER}\n1,"a\r\nb",A,1,4,x,x,2.0\n', [("a\r\nb", [], ["A"])]),
    "TSV": ("in.tsv", f"{HEADER}\n1,fine,A,1,4,x,x,2.0\n".replace(",", "\t"), [("fine", [], ["A"])]),
    "semicolons": ("in.csv", f"{HEADER}\n1,fine,A,1,4,x,x,2\n".replace(",", ";"), [("fine", [], ["A"])]),
    "choices as JSON": (
        "in.csv",
        f'{HEADER}\n1,fine,"{{""choices"":[""A"",""B""]}}",1,4,x,x,2\n',
        [("fine", [], ["A", "B"])],
    ),
}


@pytest.mark.parametrize(("name", "text", "expected"), TABLES.values(), ids=TABLES)
def test_tables_of_other_programs_are_read(tmp_path, name, text, expected):
    found, report = said(tmp_path, text, name, CHOICES)
    assert found == expected
    assert report.lossless


STORED = {
    "the task first": {"task": TASK, **SAID},
    "lines": lines({**SAID, "task": TASK}),
    "lines of Windows": lines({**SAID, "task": TASK}).replace("\n", "\r\n"),
    "written over many lines": json.dumps({**SAID, "task": TASK}, indent=4),
    "a prediction": {**SAID, "model_version": "v1", "score": 0.5, "task": TASK},
    "its own id in the task": {**SAID, "task": {**TASK, "annotations": [1], "predictions": []}},
    "all that a task has": {**SAID, "project": 4, "task": {**TASK, "is_labeled": True, "meta": {}}},
    "completions": [{**TASK, "completions": [SAID]}],
    "completions with their old marks": {**TASK, "completions": [{**SAID, "created_ago": "1 day"}]},
    "a page of tasks": {"tasks": [WHOLE], "total": 1, "total_annotations": 1, "total_predictions": 0},
    "a page of results": {"count": 1, "next": None, "results": [WHOLE]},
    "an update as a webhook tells it": {"action": "ANNOTATION_UPDATED", "annotation": SAID, "task": TASK},
}


@pytest.mark.parametrize("given", STORED.values(), ids=STORED)
def test_annotations_that_hold_their_task_are_read_however_they_are_stored(tmp_path, given):
    found, report = said(tmp_path, given)
    assert found == FAR
    assert report.lossless


REFUSED = {
    "a task's id alone": ({**SAID, "task": 9}, "an annotation without its task"),
    "the API's list of annotations": ([{**SAID, "task": 9}], "an annotation without its task"),
    "UTF-16": (json.dumps([MIN]).encode("utf-16"), "is UTF-16; save it as UTF-8"),
    "UTF-16 without a mark": (json.dumps([MIN]).encode("utf-16-le"), "is UTF-16; save it as UTF-8"),
    "UTF-16, the other end first": (json.dumps([MIN]).encode("utf-16-be"), "is UTF-16; save it as UTF-8"),
    "Latin-1": ('[{"data": {"text": "caf\xe9"}}]'.encode("latin-1"), "is not UTF-8; save it as UTF-8"),
    "a comma at the end": ("[" + json.dumps(MIN) + ",]", "expected an object or the end of the array"),
    "Python's own words": (str([MIN]), "not JSON"),
    "tasks under data": ({"data": [WHOLE]}, "data must be an object, not list"),
    "a text as data": ([{**WHOLE, "data": "Ulm is far."}], "data must be an object, not str"),
    "an annotation alone": ([{**TASK, "annotations": SAID}], "annotations must be a list, not dict"),
    "COCO in another order": ({"annotations": [], "categories": [], "images": []}, "this is COCO"),
    "Doccano": (lines({"id": 1, "text": "Ulm", "entities": [], "relations": []}), "this is Doccano"),
    "two columns that could be answers": ([turned({"topic": "t", **MOOD})], "give the labeling config"),
}


@pytest.mark.parametrize(("given", "why"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_is_refused_by_its_name(tmp_path, given, why):
    with pytest.raises(InputError, match=re.escape(why)):
        said(tmp_path, given)


def test_a_table_that_is_not_utf8_is_refused(tmp_path):
    for encoding in ("latin-1", "utf-16"):
        with pytest.raises(InputError, match="is not UTF-8; save it as UTF-8"):
            said(tmp_path, f"{HEADER}\n1,caf\xe9,A,1,4,x,x,2\n".encode(encoding), "in.csv", CHOICES)


QUOTED = {
    "a hard blank": ("in Bad\u00a0Ems now", 3, 10, "Bad Ems", (3, 10)),
    "a tab": ("in Bad\tEms now", 3, 10, "Bad Ems", (3, 10)),
    "a line break and a blank": ("in Bad\n Ems now", 3, 11, "Bad Ems", (3, 11)),
    "a line break of Windows": ("in Bad\r\nEms now", 3, 11, "Bad\nEms", (3, 11)),
    "an escaped line break": ("in Bad\nEms now", 3, 10, "Bad\\nEms", (3, 10)),
    "UTF-16 units": ("\U0001f600 Ulm now", 3, 6, "Ulm", (2, 5)),
    "code points": ("\U0001f600 Ulm now", 2, 5, "Ulm", (2, 5)),
    "floats": ("in Ulm now", 3.0, 6.0, "Ulm", (3, 6)),
}


@pytest.mark.parametrize(("text", "start", "end", "quote", "place"), QUOTED.values(), ids=QUOTED)
def test_a_span_lies_where_the_annotator_marked_it(tmp_path, text, start, end, quote, place):
    value = {"start": start, "end": end, "text": quote, "labels": ["LOC"]}
    task = {"data": {"text": text}, "annotations": [{"result": [{**SPAN, "value": value}]}]}
    found, report = said(tmp_path, [task])
    assert found == [(text, [(*place, "LOC")], None)]
    assert report.lossless


WRONG = {
    "another text": ({"start": 3, "end": 7, "text": "K\u00f6ln", "labels": ["L"]}, "offsets do not match"),
    "offsets as texts": ({"start": "3", "end": "6", "text": "Ulm", "labels": ["L"]}, "not whole numbers"),
    "the end first": ({"start": 6, "end": 3, "text": "Ulm", "labels": ["L"]}, "offsets do not match"),
    "no end": ({"start": 3, "text": "Ulm", "labels": ["L"]}, "has no 'end'"),
    "past the text": ({"start": 3, "end": 60, "labels": ["L"]}, "offsets past the text"),
    "a label alone": ({"start": 3, "end": 6, "text": "Kol", "labels": "L"}, "labels are not a list"),
}


@pytest.mark.parametrize(("value", "why"), WRONG.values(), ids=WRONG)
def test_a_span_that_lies_nowhere_is_told(tmp_path, value, why):
    task = {"data": {"text": "in Koln now"}, "annotations": [{"result": [{**SPAN, "value": value}]}]}
    found, report = said(tmp_path, [task])
    assert found == [("in Koln now", [], None)]
    assert any(why in reason for _, reason in report.dropped)


FIELDS = {
    "$a[1]": {"a": ["no", "Ulm is far."]},
    "$a.b.c": {"a": {"b": {"c": "Ulm is far."}}},
    "$a.b": {"a.b": "Ulm is far."},
    "$a.b[0]": {"a": {"b": ["Ulm is far."]}},
    "$a is $b": {"a": "Ulm", "b": "far."},
}


@pytest.mark.parametrize(("value", "data"), FIELDS.items())
def test_a_field_is_found_wherever_it_lies(tmp_path, value, data):
    shown = f'<TEXT name="t" VALUE="{value}"/>'
    config = f'<VIEW><labels NAME="l" toname="t"><label value="LOC"/></labels>{shown}</VIEW>'
    found, report = said(tmp_path, [{"data": data, "annotations": [SAID]}], config=config)
    assert found == FAR
    assert report.lossless


def options_of(accept, *options, **more):
    return lines({"text": "x", "options": list(options), "accept": accept, "answer": "accept", **more})


PICKED = {
    "numbers as ids": (
        options_of([2], {"id": 1, "text": "Praise"}, {"id": 2, "text": "Question"}),
        ["Question"],
    ),
    "no texts": (options_of(["Praise"], {"id": "Praise"}, {"id": "Question"}), ["Praise"]),
    "pages": (options_of([1], {"id": 1, "html": "<b>Yes</b>"}, {"id": 2, "html": "No"}), ["Yes"]),
    "an id as text": (options_of(["1"], {"id": 1, "text": "Praise"}), ["Praise"]),
    "two of one text": (options_of([2], {"id": 1, "text": "Yes"}, {"id": 2, "text": "Yes"}), ["Yes (2)"]),
    "categories": (lines({"text": "x", "cats": {"A": 1, "B": 0}, "answer": "accept"}), ["A"]),
    "a label": (lines({"text": "x", "label": "A", "answer": "accept"}), ["A"]),
}


@pytest.mark.parametrize(("text", "chosen"), PICKED.values(), ids=PICKED)
def test_a_choice_of_prodigy_is_what_was_read_on_it(tmp_path, text, chosen):
    (tmp_path / "in.jsonl").write_text(text)
    convert(tmp_path / "in.jsonl", tmp_path / "o.json", strict=True)
    (task,) = json.loads((tmp_path / "o.json").read_text())
    (result,) = task["annotations"][0]["result"]
    assert result["value"]["choices"] == chosen


def document(body, head='<?xml version="1.0" encoding="utf-8"?>'):
    return f"{head}<annotations><version>1.1</version>{body}</annotations>"


IMAGE = (
    '<image id="0" name="\xf6.png" width="100" height="50">'
    '<box label="car" xtl="10" ytl="5" xbr="40" ybr="25"/></image>'
)
DOCUMENTS = {
    "UTF-16": document(IMAGE, '<?xml version="1.0" encoding="utf-16"?>').encode("utf-16"),
    "Latin-1": document(IMAGE, '<?xml version="1.0" encoding="ISO-8859-1"?>').encode("latin-1"),
    "of Windows": document(IMAGE, '<?xml version="1.0" encoding="windows-1252"?>').encode("cp1252"),
    "a byte order mark alone": document(IMAGE, "\ufeff").encode(),
    "single quotes": document(IMAGE.replace('"', "'")).encode(),
    "no id": document(IMAGE.replace('id="0" ', "")).encode(),
    "corners exchanged": document(
        IMAGE.replace('xtl="10"', 'xtl="40"').replace('xbr="40"', 'xbr="10"')
    ).encode(),
    "a name space": document(IMAGE).replace("<annotations>", '<annotations xmlns="http://x">').encode(),
    "version 1.0": document(IMAGE).replace(">1.1<", ">1.0<").encode(),
}


@pytest.mark.parametrize("given", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_of_cvat_is_read_in_any_encoding_and_order(tmp_path, given):
    (tmp_path / "in.xml").write_bytes(given)
    convert(tmp_path / "in.xml", tmp_path / "o.json", strict=True)
    (task,) = json.loads((tmp_path / "o.json").read_text("utf-8"))
    (result,) = task["annotations"][0]["result"]
    value = result["value"]
    assert (task["data"], value["rectanglelabels"]) == ({"image": "\xf6.png"}, ["car"])
    assert [value[side] for side in ("x", "y", "width", "height")] == [10.0, 10.0, 30.0, 40.0]
