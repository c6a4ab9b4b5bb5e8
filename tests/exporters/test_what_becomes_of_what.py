"""The table of docs/exporters.md, row by row: what a result of Label Studio becomes in CVAT and in Prodigy.

The picture is 200 by 100, so a percent is two pixels across and one down.
"""

import json
import re

import pytest

from exporters import export_tasks

SIZE = {"original_width": 200, "original_height": 100, "image_rotation": 0}


def result(kind, value, label="car", **more):
    labels = {kind: [label]} if kind.endswith("labels") else {}
    return {"id": "r", "from_name": "n", "to_name": "x", "type": kind, "value": {**value, **labels}, **more}


def exported(folder, target, data, results, **head):
    suffix = {"cvat": ".xml", "prodigy": ".jsonl"}[target]
    task = {"id": 1, "data": data, "annotations": [{"id": 2, "result": results, **head}]}
    report = export_tasks([task], format=target, output=folder / f"o{suffix}", label_config="")
    return (folder / f"o{suffix}").read_text(), report


def told(report):
    """Return (carried, changed, dropped) kinds with their counts."""
    changed, dropped = (
        {kind: n for (kind, _), n in part.items()} for part in (report.changed, report.dropped)
    )
    return report.carried, changed, dropped


RECTANGLE = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0}
PICTURES = [
    (
        result("rectanglelabels", RECTANGLE),
        '<box label="car" source="manual" occluded="0" xtl="20.00" ytl="20.00" xbr="80.00" ybr="60.00"',
        {"type": "rect", "x": 20, "y": 20, "width": 60, "height": 40},
    ),
    (
        # Turned by 90 degrees about its top left corner (20, 20): it hangs to the left of it.
        result("rectanglelabels", {**RECTANGLE, "rotation": 90}),
        'xtl="-30.00" ytl="30.00" xbr="30.00" ybr="70.00" rotation="90.00"',
        {"type": "polygon", "points": [[20, 20], [-20, 20], [-20, 80], [20, 80]]},
    ),
    (
        result("polygonlabels", {"points": [[0, 0], [50, 0], [50, 50]]}),
        '<polygon label="car" source="manual" occluded="0" points="0.00,0.00;100.00,0.00;100.00,50.00"',
        {"type": "polygon", "points": [[0, 0], [100, 0], [100, 50]]},
    ),
    (
        result("polygonlabels", {"points": [[0, 0], [50, 0]], "closed": False}),
        '<polyline label="car" source="manual" occluded="0" points="0.00,0.00;100.00,0.00"',
        None,
    ),
    (
        result("vectorlabels", {"vertices": [{"x": 0, "y": 0}, {"x": 50, "y": 50}], "closed": False}),
        '<polyline label="car" source="manual" occluded="0" points="0.00,0.00;100.00,50.00"',
        None,
    ),
    (
        result("keypointlabels", {"x": 25, "y": 50, "width": 1}),
        '<points label="car" source="manual" occluded="0" points="50.00,50.00"',
        None,
    ),
    (
        result("ellipselabels", {"x": 50, "y": 50, "radiusX": 10, "radiusY": 20, "rotation": 0}),
        '<ellipse label="car" source="manual" occluded="0" cx="100.00" cy="50.00" rx="20.00" ry="20.00"',
        {"type": "polygon"},
    ),
]


@pytest.mark.parametrize(
    ("item", "row", "span"), PICTURES, ids=["box", "turned", "polygon", "line", "vector", "point", "ellipse"]
)
def test_shapes_on_pictures(tmp_path, item, row, span):
    text, report = exported(tmp_path, "cvat", {"image": "a.png"}, [{**item, **SIZE}])
    assert row in text
    assert sum(report.carried.values()) == 1
    assert report.lossless
    text, report = exported(tmp_path, "prodigy", {"image": "a.png"}, [{**item, **SIZE}])
    line = json.loads(text)
    assert (line["width"], line["height"]) == (200, 100)
    if span is None:
        assert "spans" not in line
        assert sum(told(report)[2].values()) == 1
        return
    (found,) = line["spans"]
    assert found["label"] == "car"
    for key, value in span.items():
        wanted = pytest.approx(value) if key != "points" else [pytest.approx(point) for point in value]
        assert found[key] == wanted


def test_a_brush_stroke_is_a_mask_in_cvat_and_its_outline_in_prodigy(tmp_path):
    np = pytest.importorskip("numpy")
    from exporters.masks import pack_brush

    pixels = np.zeros((100, 200), bool)
    pixels[10:20, 30:50] = True
    item = {**result("brushlabels", {"format": "rle", "rle": pack_brush(pixels)}), **SIZE}
    text, report = exported(tmp_path, "cvat", {"image": "a.png"}, [item])
    assert 'rle="0, 200" left="30" top="10" width="20" height="10"' in text
    assert report.carried == {"mask": 1}
    text, report = exported(tmp_path, "prodigy", {"image": "a.png"}, [item])
    assert json.loads(text)["spans"][0]["points"] == [[30, 10], [50, 10], [50, 20], [30, 20]]
    assert told(report) == ({}, {"mask": 1}, {})


def test_a_video_rectangle_is_a_track_and_prodigy_has_none(tmp_path):
    keys = [{"frame": f, "enabled": f == 1, "time": f / 24, **RECTANGLE} for f in (1, 11)]
    value = {"framesCount": 40, "duration": 2, "sequence": keys, "labels": ["car"]}
    item = {**result("videorectangle", value), **SIZE}
    text, report = exported(tmp_path, "cvat", {"video": "a.mp4"}, [item])
    frames = re.findall(r'<box frame="(\d+)" keyframe="1" outside="(\d)"', text)
    assert frames == [("0", "0"), ("10", "0"), ("11", "1")]
    assert report.carried == {"track": 1}
    _, report = exported(tmp_path, "prodigy", {"video": "a.mp4"}, [item])
    assert told(report) == ({}, {}, {"track": 1})


def test_a_stretch_of_frames_is_a_tag_on_each(tmp_path):
    item = result("timelinelabels", {"ranges": [{"start": 3, "end": 5}]})
    text, report = exported(tmp_path, "cvat", {"video": "a.mp4"}, [item])
    assert re.findall(r'<image id="(\d+)"', text) == ["2", "3", "4"]
    assert text.count('<tag label="car"') == 3
    assert told(report) == ({}, {"frame range": 1}, {})


def test_a_stretch_of_sound_is_a_row_in_cvat_and_an_audio_span_in_prodigy(tmp_path):
    item = {**result("labels", {"start": 0.5, "end": 61.25}), "original_length": 90.0}
    _, report = exported(tmp_path, "cvat", {"audio": "a.wav"}, [item])
    assert (
        (tmp_path / "o.audio.tsv")
        .read_text()
        .splitlines()[1]
        .startswith("a.wav\t00:00:00.500000\t00:01:01.250000\tcar")
    )
    assert report.carried == {"audio region": 1}
    text, report = exported(tmp_path, "prodigy", {"audio": "a.wav"}, [item])
    assert json.loads(text)["audio_spans"] == [{"start": 0.5, "end": 61.25, "label": "car", "id": "r"}]
    assert report.lossless


@pytest.mark.parametrize(
    ("kind", "value", "tag", "answer"),
    [
        ("choices", {"choices": ["wet", "cold"]}, ["wet", "cold"], None),
        ("taxonomy", {"taxonomy": [["Animal", "Cat"]]}, ["Animal / Cat"], [["Animal", "Cat"]]),
        ("rating", {"rating": 4}, ["n"], [4]),
        ("number", {"number": 2.5}, ["n"], [2.5]),
        ("datetime", {"datetime": "2026-01-31"}, ["n"], ["2026-01-31"]),
        ("textarea", {"text": ["one", "two"]}, ["n"], ["one", "two"]),
    ],
)
def test_answers_about_the_whole_are_tags_in_cvat_and_accept_or_answers_in_prodigy(
    tmp_path, kind, value, tag, answer
):
    text, report = exported(tmp_path, "cvat", {"image": "a.png"}, [result(kind, value)])
    assert re.findall(r'<tag label="([^"]+)"', text) == tag
    assert report.carried == {kind: 1}
    text, report = exported(tmp_path, "prodigy", {"image": "a.png"}, [result(kind, value)])
    line = json.loads(text)
    if answer is None:
        assert line["accept"] == tag
        assert [option["text"] for option in line["options"]] == tag
    else:
        assert line["answers"] == {"n": {"type": kind, "values": answer}}
    assert report.carried == {kind: 1}


def test_an_answer_about_a_region_is_an_attribute_of_its_shape(tmp_path):
    about = {**result("textarea", {"text": ["rusty"]}), "from_name": "note"}
    results = [{**result("rectanglelabels", RECTANGLE), **SIZE}, about]
    text, report = exported(tmp_path, "cvat", {"image": "a.png"}, results)
    assert '<attribute name="note">rusty</attribute>' in text
    assert report.joined == {"region": 1}
    text, report = exported(tmp_path, "prodigy", {"image": "a.png"}, results)
    assert json.loads(text)["spans"][0]["attributes"] == {"note": ["rusty"]}
    assert report.lossless


def test_a_relation_is_a_group_in_cvat_and_one_between_spans_in_prodigy(tmp_path):
    link = {"type": "relation", "from_id": "r", "to_id": "s", "direction": "right", "labels": ["tows"]}
    boxes = [{**result("rectanglelabels", RECTANGLE), **SIZE, "id": key} for key in "rs"]
    text, report = exported(tmp_path, "cvat", {"image": "a.png"}, [*boxes, link])
    assert text.count('group_id="1"') == 2
    assert told(report) == ({"box": 2}, {"relation": 1}, {})
    spans = [
        {**result("labels", {"start": start, "end": end}), "id": key}
        for key, start, end in (("r", 0, 3), ("s", 9, 13))
    ]
    text, report = exported(tmp_path, "prodigy", {"text": "Ann left Rome."}, [*spans, link])
    (found,) = json.loads(text)["relations"]
    assert (found["head"], found["child"], found["label"]) == (0, 2, "tows")
    assert report.lossless


@pytest.mark.parametrize(("labels", "count"), [(["a", "b"], 2), ([], 1)])
def test_several_labels_are_a_shape_for_each_and_none_is_an_object(tmp_path, labels, count):
    item = {**result("rectangle", RECTANGLE), **SIZE, "type": "rectanglelabels"}
    item["value"]["rectanglelabels"] = labels
    for target, sign in (("cvat", "<box "), ("prodigy", '"type":"rect"')):
        text, report = exported(tmp_path, target, {"image": "a.png"}, [item])
        assert text.count(sign) == count
        assert told(report) == ({}, {"box": 1}, {})
        assert labels or "object" in text


def test_a_skipped_annotation_stays_behind_in_cvat_and_is_ignored_in_prodigy(tmp_path):
    text, report = exported(tmp_path, "cvat", {"image": "a.png"}, [], was_cancelled=True)
    assert 'name="a.png"' in text
    assert told(report) == ({}, {}, {"annotation": 1})
    text, report = exported(tmp_path, "prodigy", {"image": "a.png"}, [], was_cancelled=True)
    assert json.loads(text)["answer"] == "ignore"
    assert report.lossless


def test_texts_and_series_have_no_place_in_cvat(tmp_path):
    span = result("labels", {"start": 0, "end": 3, "text": "Ann"})
    _, report = exported(tmp_path, "cvat", {"text": "Ann left"}, [span])
    assert told(report) == ({}, {}, {"item": 1, "region": 1})
    stretch = result("timeserieslabels", {"start": 1, "end": 2})
    for target in ("cvat", "prodigy"):
        _, report = exported(tmp_path, target, {"csv": "a.csv"}, [stretch])
        assert told(report) == ({}, {}, {"item": 1, "region": 1})
