"""What a reader does not know is counted: keys of Prodigy, elements of CVAT, results in odd places."""

import json

import pytest

from exporters import LossError, convert
from exporters.label_studio.known_keys import note_misplaced, note_unknown_of_results, result_lists
from exporters.prodigy.known_keys import note_unknown
from exporters.report import Ledger

LINE = {
    "text": "Rain in Bern",
    "spans": [{"start": 8, "end": 12, "label": "CITY", "token_start": 2, "token_end": 2}],
    "answer": "accept",
    "_input_hash": 5,
    "_task_hash": 6,
    "_view_id": "ner_manual",
}


def keys_of(ledger):
    return sorted(why for kind, why in ledger.dropped if kind == "key")


def test_a_plain_line_of_prodigy_has_no_unknown_key():
    ledger = Ledger()
    assert note_unknown(LINE, "p", ledger) == {}
    assert not ledger.dropped


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"spanz": [{"start": 0}]}, "'spanz' is not known"),
        ({"spans": {"inner": []}}, "'spans' is of the wrong type"),
        ({"accept": "CITY"}, "'accept' is of the wrong type"),
        ({"label": 4}, "'label' is of the wrong type"),
        ({"score": True}, "'score' is of the wrong type"),
        ({"answer": "CITY"}, "'answer' is 'CITY', not accept, reject or ignore"),
        ({"spans": [{"start": 0, "end": 1, "labels": "X"}]}, "'labels' in spans is not known"),
        ({"spans": [{"start": 0, "end": 1, "token_end": "X"}]}, "'token_end' in spans is of the wrong type"),
        ({"relations": [{"head": 0, "child": 1, "lable": "X"}]}, "'lable' in relations is not known"),
    ],
)
def test_keys_and_types_that_prodigy_does_not_write_are_counted(change, told):
    ledger = Ledger()
    note_unknown({**LINE, **change}, "p, item 1", ledger)
    assert keys_of(ledger) == [told]
    assert ledger.places["key", told] == ["p, item 1"]


def test_plain_values_under_unknown_keys_go_along_as_data(tmp_path):
    ledger = Ledger()
    assert note_unknown({**LINE, "shop": "x", "lot": 4, "source": "s", "none": None}, "p", ledger) == {
        "shop": "x",
        "lot": 4,
        "source": "s",
    }
    assert not ledger.dropped
    (tmp_path / "in.jsonl").write_text(json.dumps({**LINE, "shop": "x", "meta": {"page": 3}}))
    assert convert(tmp_path / "in.jsonl", tmp_path / "t.json", strict=True).lossless
    (task,) = json.loads((tmp_path / "t.json").read_text())
    assert task["data"] == {"text": "Rain in Bern", "shop": "x", "page": 3}


def cvat(inside):
    labels = "<labels><label><name>boat</name><attributes/></label></labels>"
    meta = f"<meta><task><name>T</name><mode>annotation</mode>{labels}</task></meta>"
    return f"<annotations><version>1.1</version>{meta}{inside}</annotations>"


BOX = '<box label="boat" occluded="0" xtl="1" ytl="1" xbr="5" ybr="5" z_order="0"></box>'


@pytest.mark.parametrize(
    ("inside", "kind", "why"),
    [
        (
            f'<image id="0" name="a.png"><boxx label="boat"/>{BOX}</image>',
            "element",
            "<boxx> is not known here",
        ),
        (f'<image id="0" name="a.png"><group>{BOX}</group></image>', "element", "<group> is not known here"),
        (f'<imagez id="0" name="a.png">{BOX}</imagez>', "element", "<imagez> is not known here"),
        (
            f'<image id="0" name="a.png">{BOX.replace("></box>", "><attribute>7</attribute></box>")}</image>',
            "attribute",
            "has no name",
        ),
        (
            f'<image id="0" name="a.png">{BOX.replace("></box>", "><image>7</image></box>")}</image>',
            "element",
            "<image> is not known here",
        ),
    ],
)
def test_elements_that_cvat_does_not_write_are_counted(tmp_path, inside, kind, why):
    (tmp_path / "a.xml").write_text(cvat(inside))
    for suffix in (".json", ".xml", ".jsonl"):
        report = convert(tmp_path / "a.xml", tmp_path / f"o{suffix}", sizes=lambda _: (10, 10))
        assert report.dropped[kind, why] == 1
        with pytest.raises(LossError):
            convert(tmp_path / "a.xml", tmp_path / f"p{suffix}", sizes=lambda _: (10, 10), strict=True)


def test_a_point_of_a_skeleton_outside_the_picture_is_told(tmp_path):
    inside = """<image id="0" name="a.png" width="9" height="9">
    <skeleton label="boat" source="manual" z_order="0">
    <points label="bow" outside="0" occluded="0" points="1,1"></points>
    <points label="mast" outside="0" occluded="0" points="2,1"></points>
    <points label="stern" outside="1" occluded="0" points="0,0"></points></skeleton></image>"""
    (tmp_path / "a.xml").write_text(cvat(inside))
    report = convert(tmp_path / "a.xml", tmp_path / "o.xml")
    assert report.changed == {("skeleton point", "outside the picture: left out"): 1}
    assert report.carried == {"skeleton": 1}


RESULT = {
    "from_name": "n",
    "to_name": "t",
    "type": "labels",
    "value": {"start": 0, "end": 1, "labels": ["A"]},
}


def test_results_are_found_wherever_they_stand():
    assert result_lists({"deep": [{"er": {"result": [RESULT, RESULT]}}]}) == [RESULT, RESULT]
    assert result_lists([1.5] * 5 + [{"start": 0, "labels": ["A"]}]) == [{"start": 0, "labels": ["A"]}]
    assert result_lists({"number": 4, "text": "x", "list": ["labels"]}) == []
    endless: dict = {}
    endless["again"] = endless
    assert result_lists(endless) == []


def test_results_under_a_key_that_is_known_for_something_else_are_counted():
    ledger = Ledger()
    thing = {"comment_authors": [{"result": [RESULT]}], "project": 4, "data": {"x": [RESULT]}, "meta": {}}
    note_misplaced(thing, frozenset(("data",)), "task 3", ledger)
    assert ledger.dropped == {("key", "'comment_authors' holds results"): 1}


def test_unknown_keys_of_results_are_counted_each_time_and_known_forms_never():
    ledger = Ledger()
    odd = {**RESULT, "extra": "A"}
    inner = {**RESULT, "value": {**RESULT["value"], "extra": "A"}}
    # What is known in a result need not be known in its value.
    moved = {**RESULT, "value": {**RESULT["value"], "from_name": "n"}}
    for _ in range(2):
        note_unknown_of_results([RESULT, odd, inner, moved, "no result", {"value": 3}], "p", ledger)
    assert ledger.dropped == {
        ("key", "'extra' of a result is not known"): 2,
        ("key", "'extra' of a result's value is not known"): 2,
        ("key", "'from_name' of a result's value is not known"): 2,
    }


@pytest.mark.parametrize(
    ("kind", "value", "unknown"),
    [
        ("choices", {"choices": ["a"], "x": 1, "y": 2, "width": 3, "height": 4}, 0),
        ("rectanglelabels", {"x": 1, "y": 2, "width": 3, "height": 4, "choices": ["a"]}, 1),
        ("pairwise", {"selected": "left"}, 0),
        ("textarea", {"text": ["a"]}, 0),
        ("rating", {"rating": 3, "choices": ["a"]}, 1),
        (["odd"], {"x": 1}, 0),
    ],
)
def test_an_answer_may_stand_in_its_own_type_only(kind, value, unknown):
    ledger = Ledger()
    note_unknown_of_results([{"type": kind, "value": value}], "p", ledger)
    assert sum(ledger.dropped.values()) == unknown


PLACE = {"x": 1.0, "y": 1.0, "width": 5.0, "height": 5.0, "rotation": 0}
HEAD = {"id": "r", "to_name": "i", "original_width": 10, "original_height": 10}


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ({**PLACE, "rotation": [["Animal"]], "taxonomy": 0}, "rotation"),
        ({**PLACE, "y": [["Animal"]], "taxonomy": 53.5}, "y"),
        ({**PLACE, "points": [["Animal"]], "taxonomy": [[1.0, 2.0]]}, "points"),
        ({**PLACE, "text": ["Animal"], "taxonomy": [["Ulm"]]}, "text"),
    ],
)
def test_an_answer_that_stands_where_a_place_is_due_is_told(tmp_path, value, key):
    box = {**HEAD, "type": "rectanglelabels", "from_name": "b", "value": PLACE | {"rectanglelabels": ["car"]}}
    about = {**HEAD, "type": "taxonomy", "from_name": "t", "value": value}
    task = {"data": {"image": "a.png"}, "annotations": [{"result": [box, about]}]}
    (tmp_path / "in.json").write_text(json.dumps([task]))
    report = convert(tmp_path / "in.json", tmp_path / "o.xml")
    assert report.dropped == {("key", f"'{key}' of an answer does not say where it lies"): 1}


def test_an_answer_that_repeats_where_its_region_lies_is_whole(tmp_path):
    value = {"points": [[1, 1], [5, 1], [5, 5]], "closed": True}
    outline = {**HEAD, "type": "polygonlabels", "from_name": "b", "value": value | {"polygonlabels": ["car"]}}
    about = {**HEAD, "type": "choices", "from_name": "t", "value": value | {"choices": ["old"]}}
    task = {"data": {"image": "a.png"}, "annotations": [{"result": [outline, about]}]}
    (tmp_path / "in.json").write_text(json.dumps([task]))
    assert convert(tmp_path / "in.json", tmp_path / "o.xml", strict=True).lossless


def test_labels_among_the_tokens_of_prodigy_are_told(tmp_path):
    tokens = [{"text": "Ulm", "start": 0, "end": 3, "id": 0, "ws": False, "disabled": False}]
    line = {"text": "Ulm", "tokens": tokens, "answer": "accept"}
    (tmp_path / "in.jsonl").write_text(json.dumps(line))
    assert convert(tmp_path / "in.jsonl", tmp_path / "o.json").lossless
    line["tokens"] = [{"start": 0, "end": 3, "label": "LOC"}]
    (tmp_path / "in.jsonl").write_text(json.dumps(line))
    report = convert(tmp_path / "in.jsonl", tmp_path / "o.json")
    assert report.dropped == {("key", "'label' in tokens is not known"): 1}
