"""Common tasks are read by shorter ways: these say the same as the long ones, of any task."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters import export_tasks
from exporters.json_stream import parse
from exporters.label_studio.labeling_config import read_labeling_config
from exporters.label_studio.read_plain import plain_boxes
from exporters.label_studio.reader import read_tasks
from exporters.options import Options
from exporters.report import Ledger

CONFIG = """<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">
<Label value="car"/><Label value="tree"/></RectangleLabels></View>"""
ODD = st.sampled_from(
    [None, [], {}, "", "a", 0, -1, 7, True, 5.0, -0.0, 1e300, float("nan"), ["a"], ["a", "b"], [1], {"a": 1}]
)
SIDES = st.floats(0, 90)


@st.composite
def boxes(draw):
    value = {"x": draw(SIDES), "y": draw(SIDES), "width": draw(SIDES), "height": draw(SIDES), "rotation": 0}
    box = {
        "id": draw(st.sampled_from("abcde")),
        "from_name": "label",
        "to_name": "image",
        "type": "rectanglelabels",
        "original_width": 200,
        "original_height": 100,
        "value": value | {"rectanglelabels": [draw(st.sampled_from(["car", "tree", "a & <b>"]))]},
    }
    return draw(changed(box) | changed(value).map(lambda odd: box | {"value": odd}) | st.just(box))


@st.composite
def changed(draw, thing):
    """Return an object with one key missing, or holding what it should not."""
    key = draw(st.sampled_from(sorted(thing)))
    rest = {name: entry for name, entry in thing.items() if name != key}
    return draw(st.just(rest) | ODD.map(lambda odd: thing | {key: odd}))


@st.composite
def tasks(draw):
    annotation = {"id": 2, "result": draw(st.lists(boxes(), max_size=3))}
    named = st.sampled_from(["completed_by", "was_cancelled", "ground_truth", "score", "model_version", "x"])
    if draw(st.booleans()):
        annotation[draw(named)] = draw(ODD)
    task = {"id": draw(ODD), "data": {"image": draw(ODD)}, "annotations": [annotation]}
    if draw(st.booleans()):
        task[draw(st.sampled_from(["predictions", "meta", "drafts", "project"]))] = draw(ODD)
    return task


def read(task):
    ledger = Ledger()
    try:
        items = list(read_tasks([(task, "here")], read_labeling_config(CONFIG), Options(), ledger.reading()))
    except Exception as error:  # noqa: BLE001 - the same error is due by both ways
        return repr(error)
    return repr(items), ledger.plain()


@given(tasks())
def test_a_task_says_the_same_by_the_short_way_and_by_the_long_one(task):
    # A score that is none sends a task the long way.
    assert read(task) == read({**task, "_score": None})


@given(tasks())
def test_results_say_the_same_at_one_go_and_one_by_one(task):
    long = copy.deepcopy(task)
    results = long["annotations"][0]["result"]
    for item in results:
        # It says nothing, but whoever reads results at one go does not know it.
        item["meta"] = {}
    assert read(task) == read(long)


def test_boxes_are_read_at_one_go_only_where_all_are_plain():
    box = {
        "id": "a",
        "from_name": "label",
        "to_name": "image",
        "type": "rectanglelabels",
        "original_width": 200,
        "original_height": 50,
        "value": {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0, "rectanglelabels": ["car"]},
    }
    (region,) = plain_boxes([box])
    assert region.shape == (20.0, 10.0, 60.0, 20.0, 0.0)
    assert (region.labels, region.id, region.control) == (("car",), "a", "label")
    assert plain_boxes([box, box]) is None  # one id for two
    assert plain_boxes([box, {**box, "id": None}]) is None
    assert plain_boxes([box | {"value": box["value"] | {"rotation": 3}}]) is None
    assert plain_boxes([box | {"value": box["value"] | {"rectanglelabels": "c"}}]) is None


@pytest.mark.parametrize("version", ["1", "a"])
def test_shapes_of_annotations_that_say_different_things_begin_differently(tmp_path, version):
    result = {
        "id": "a",
        "from_name": "label",
        "to_name": "image",
        "type": "rectanglelabels",
        "original_width": 200,
        "original_height": 50,
        "value": {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0, "rectanglelabels": ["car"]},
    }
    said = [
        {"completed_by": 1, "result": [result]},
        {"completed_by": 2, "result": [result]},
        {"completed_by": 1, "ground_truth": True, "result": [result]},
        {"result": [result]},
    ]
    task = {"data": {"image": "a.png"}, "annotations": said}
    task["predictions"] = [{"model_version": version, "score": -0.0, "result": [result]}]
    out = tmp_path / "out.xml"
    export_tasks([task], format="cvat", output=out, label_config=CONFIG, predictions=True)
    rows = [row for row in out.read_text("utf-8").splitlines() if "<box" in row]
    assert ['name="annotator">1<' in row for row in rows] == [True, False, True, False, False]
    assert ['name="annotator">2<' in row for row in rows] == [False, True, False, False, False]
    assert ['name="ground_truth">true<' in row for row in rows] == [False, False, True, False, False]
    assert ['source="auto"' in row for row in rows] == [False] * 4 + [True]
    assert f'name="model_version">{version}<' in rows[4]
    assert 'name="annotation_score">-0<' in rows[4]


def test_a_key_that_stands_twice_is_seen_in_large_files_too(tmp_path):
    # Beyond some megabytes quotes are counted by another way.
    from exporters import InputError, convert

    good = b'{"data": {"image": "a.png"}, "annotations": [{"id": 1, "result": []}], "created_at": "today"}'
    bad = good.replace(b'"id": 1', b'"id": 1, "id": 2')
    source = tmp_path / "many.jsonl"
    source.write_bytes(b"\n".join([good] * 400_000 + [bad]))
    with pytest.raises(InputError, match="item 400001: the key 'id' stands twice"):
        convert(source, tmp_path / "out.json", from_format="label-studio")
    assert parse(good, "here")["data"] == {"image": "a.png"}
