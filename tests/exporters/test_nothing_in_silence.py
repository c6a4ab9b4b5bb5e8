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


def cvat_twice(folder, document):
    return converted(folder, "in.xml", document, ".xml")


def attribute(name, value):
    return f'<attribute name="{name}">{value}</attribute>'


OWN = [
    ("score", "high"),
    ("priority", "urgent"),
    ("annotation_score", "n/a"),
    ("ground_truth", "maybe"),
    ("ground_truth", "false"),
]


@pytest.mark.parametrize(("name", "value"), OWN)
def test_an_attribute_of_the_label_by_one_of_our_names_is_kept(tmp_path, name, value):
    document = image(f"<box{BOX}>{attribute(name, value)}</box>")
    text, report = cvat_twice(tmp_path, document)
    assert text.count(attribute(name, value)) == 1
    assert report.lossless

    text, _ = converted(tmp_path, "in.xml", document, ".json")
    assert value in text


def test_of_two_scores_of_one_shape_the_second_is_kept_as_its_own(tmp_path):
    document = image(f"<box{BOX}>{attribute('score', '0.5')}{attribute('score', '0.25')}</box>")
    text, report = cvat_twice(tmp_path, document)
    assert attribute("score", "0.5") in text
    assert hows(report, "box") == {"of two attributes of one name the first stands": 1}


def test_priorities_that_differ_within_an_image_are_counted(tmp_path):
    boxes = [f"<box{BOX}>{attribute('priority', value)}</box>" for value in (1, 2)]
    _, report = cvat_twice(tmp_path, image(*boxes))
    assert hows(report, "attribute") == {"'priority' differs within an image: the last stands": 1}


PARTS = (
    '<points label="p" source="manual" outside="0" occluded="0" points="1,1"/>'
    '<points label="q" source="manual" outside="0" occluded="0" points="2,2"/>'
)


def test_a_skeleton_keeps_its_group_its_layer_and_that_it_is_occluded(tmp_path):
    given = 'label="s" source="manual" occluded="1" group_id="3" z_order="2"'
    text, report = cvat_twice(tmp_path, image(f"<skeleton {given}>{PARTS}</skeleton>"))
    assert f"<skeleton {given}>" in text
    assert report.lossless


def test_names_of_skeleton_points_stay_apart_and_are_counted(tmp_path):
    names = ["p" * 70 + "0", "p" * 70 + "1", "a\x01b"]
    results = [
        {
            "id": f"k{i}",
            "parentID": "s",
            "type": "keypointlabels",
            "original_width": 100,
            "original_height": 100,
            "from_name": "k",
            "to_name": "image",
            "value": {"x": i, "y": 1, "width": 1, "keypointlabels": [name]},
        }
        for i, name in enumerate(names)
    ]
    text, report = converted(
        tmp_path, "in.json", [{"data": {"image": "a.png"}, "annotations": [{"result": results}]}], ".xml"
    )
    points = [line.split('label="')[1].split('"')[0] for line in text.splitlines() if "<points" in line]
    assert len(set(points)) == 3
    assert [len(name) for name in points] == [64, 64, 3]
    assert points[2] == "a\N{REPLACEMENT CHARACTER}b"
    assert all(f"<name>{name}</name>" in text for name in points)
    (how,) = hows(report, "skeleton")
    assert "cut to 64" in how
    assert "XML cannot hold" in how


def rectangle(key="a", **more):
    size = {"original_width": 100, "original_height": 100, "from_name": "k", "to_name": "image"}
    value = {"x": 1, "y": 1, "width": 5, "height": 5, "rectanglelabels": ["c"]}
    return {"id": key, "type": "rectanglelabels", **size, "value": value, **more}


def task(*results):
    return [{"data": {"image": "a.png"}, "annotations": [{"result": list(results)}]}]


def test_the_parent_of_a_box_is_counted_where_cvat_has_none(tmp_path):
    _, report = converted(tmp_path, "in.json", task(rectangle(), rectangle("b", parentID="a")), ".xml")
    assert hows(report, "box") == {"its parent left out": 1}
    assert report.carried["box"] == 1


def test_a_long_name_of_a_control_is_cut_with_a_digest_and_counted(tmp_path):
    answers = [
        {
            "id": "a",
            "type": "textarea",
            "from_name": "n" * 70 + end,
            "to_name": "image",
            "value": {"text": [end]},
        }
        for end in "xy"
    ]
    text, report = converted(tmp_path, "in.json", task(rectangle(), *answers), ".xml")
    (box,) = [line for line in text.splitlines() if "<box" in line]
    assert ">x</attribute>" in box
    assert ">y</attribute>" in box
    assert hows(report, "box") == {"name of an attribute cut to 64 characters": 1}


def test_a_score_is_written_in_full(tmp_path):
    text, report = converted(tmp_path, "in.json", task(rectangle(score=0.123456789)), ".xml")
    assert attribute("score", "0.123456789") in text
    assert report.lossless
    text, _ = converted(tmp_path, "in.json", task(rectangle(score=0.5)), ".xml")
    assert attribute("score", "0.5") in text


@pytest.mark.parametrize("source", ["semi-auto", "file"])
def test_a_source_that_no_other_format_has_is_counted(tmp_path, source):
    _, report = cvat_twice(tmp_path, image(f"<box{BOX}/>".replace("manual", source)))
    assert hows(report, "attribute") == {f"source '{source}': as manual": 1}


def video(track):
    head = (
        "<meta><task><id>1</id><name>v</name><mode>interpolation</mode><source>v.mp4</source></task></meta>"
    )
    return f"<annotations><version>1.1</version>{head}{track}</annotations>"


def key_frame(frame, z_order):
    head = f'frame="{frame}" keyframe="1" outside="0" occluded="0"'
    return f'<box {head} xtl="1.00" ytl="1.00" xbr="5.00" ybr="5.00" z_order="{z_order}"></box>'


def test_a_track_keeps_the_layer_of_each_key_frame(tmp_path):
    frames = [key_frame(0, 4), key_frame(3, 0), key_frame(5, -1)]
    document = video(f'<track id="0" label="c" source="manual">{"".join(frames)}</track>')
    text, report = cvat_twice(tmp_path, document)
    assert [frame in text for frame in frames] == [True] * 3
    assert report.lossless


def test_a_label_that_is_cut_on_the_frames_of_a_video_is_counted(tmp_path):
    stretch = {"ranges": [{"start": 1, "end": 2}], "timelinelabels": ["L" * 80]}
    result = {"id": "a", "type": "timelinelabels", "from_name": "t", "to_name": "video", "value": stretch}
    tasks = [{"data": {"video": "a.mp4"}, "annotations": [{"result": [result]}]}]
    _, report = converted(tmp_path, "in.json", tasks, ".xml")
    assert hows(report, "frame range") == {"a tag on each of its frames; label cut to 64 characters": 1}


@pytest.mark.parametrize(
    ("start", "end", "row", "verb"),
    [
        (-0.5, 1.0, "00:00:00.000000\t00:00:01.000000", "changed"),
        (0.0, 1.0, "00:00:00.000000\t00:00:01.000000", "carried"),
        (-2.0, -1.0, None, "dropped"),
    ],
)
def test_a_stretch_that_begins_before_the_sound_is_cut_to_it_and_counted(tmp_path, start, end, row, verb):
    value = {"start": start, "end": end, "labels": ["x"]}
    result = {"id": "a", "type": "labels", "from_name": "c", "to_name": "t", "value": value}
    tasks = [{"data": {"audio": "a.wav"}, "annotations": [{"result": [result]}]}]
    _, report = converted(tmp_path, "in.json", tasks, ".xml")
    rows = (tmp_path / "out.audio.tsv").read_text().splitlines()[1:]
    assert rows == ([] if row is None else [f"a.wav\t{row}\tx\t\t"])
    assert [name for name in ("carried", "changed", "dropped") if getattr(report, name)] == [verb]


def test_one_side_of_a_picture_is_no_size_in_cvat_and_counted(tmp_path):
    line = {"width": 640, "answer": "accept", "label": "x"}
    for kind, name in (("video", "a.mp4"), ("image", "a.png")):
        text, report = converted(tmp_path, "in.jsonl", {kind: name, **line}, ".xml")
        assert "None" not in text
        assert len(hows(report, "item")) == 1


def test_prodigy_keeps_what_cvat_says_of_a_shape(tmp_path):
    given = (
        'source="manual" occluded="1" xtl="1.00" ytl="1.00" xbr="2.00" ybr="2.00" z_order="3" group_id="5"'
    )
    polygon = 'source="manual" occluded="1" points="1.00,1.00;2.00,1.00;2.00,2.00" z_order="-1" group_id="5"'
    document = image(f'<box label="p" {given}/><polygon label="q" {polygon}/>')
    text, report = converted(tmp_path, "in.xml", document, ".jsonl")
    spans = json.loads(text)["spans"]
    assert [(s["occluded"], s["z_order"], s["group_id"]) for s in spans] == [(True, 3, 5), (True, -1, 5)]
    assert report.lossless
    back, report = converted(tmp_path, "in.jsonl", text, ".xml")
    assert f'<box label="p" {given}>' in back
    assert f'<polygon label="q" {polygon}>' in back
    assert report.lossless


def test_a_span_of_prodigy_has_none_of_these_keys_where_there_is_nothing_to_say(tmp_path):
    text, _ = converted(tmp_path, "in.json", task(rectangle()), ".jsonl")
    (span,) = json.loads(text)["spans"]
    assert not {"occluded", "z_order", "group_id", "parent_id", "attributes"} & span.keys()


def test_a_parent_comes_back_through_prodigy(tmp_path):
    text, report = converted(tmp_path, "in.json", task(rectangle(), rectangle("b", parentID="a")), ".jsonl")
    assert [span.get("parent_id") for span in json.loads(text)["spans"]] == [None, "a"]
    assert report.lossless
    back, _ = converted(tmp_path, "in.jsonl", text, ".json")
    assert [item.get("parentID") for item in json.loads(back)[0]["annotations"][0]["result"]] == [None, "a"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("choices", {"choices": ["big"]}),
        ("taxonomy", {"taxonomy": [["animal", "dog"]]}),
        ("rating", {"rating": 4}),
        ("textarea", {"text": ["two", "lines"]}),
    ],
)
def test_an_answer_about_a_region_keeps_its_type_through_prodigy(tmp_path, kind, value):
    answer = {"id": "a", "type": kind, "from_name": "about", "to_name": "image", "value": value}
    text, report = converted(tmp_path, "in.json", task(rectangle(), answer), ".jsonl")
    assert report.lossless
    back, _ = converted(tmp_path, "in.jsonl", text, ".json")
    _, told = json.loads(back)[0]["annotations"][0]["result"]
    assert (told["id"], told["type"], told["value"]) == ("a", kind, value)


def test_of_two_answers_of_one_name_about_a_region_prodigy_keeps_the_first_and_counts(tmp_path):
    answers = [
        {"id": "a", "type": "textarea", "from_name": "n", "to_name": "image", "value": {"text": [text]}}
        for text in ("one", "two")
    ]
    text, report = converted(tmp_path, "in.json", task(rectangle(), *answers), ".jsonl")
    assert json.loads(text)["spans"][0]["attributes"] == {"n": ["one"]}
    assert hows(report, "box") == {"of two attributes of one name the first stands": 1}


@pytest.mark.parametrize("side", ["width", "height"])
def test_prodigy_keeps_the_one_side_of_a_picture_that_is_known(tmp_path, side):
    line = {"image": "a.png", side: 640, "answer": "accept", "label": "x"}
    text, report = converted(tmp_path, "in.jsonl", line, ".jsonl")
    assert {key: value for key, value in json.loads(text).items() if key in ("width", "height")} == {
        side: 640
    }
    assert report.lossless


def test_a_group_with_a_skeleton_becomes_a_relation_to_a_region_that_is_there(tmp_path):
    skeleton = f'<skeleton label="s" source="manual" group_id="5" z_order="0">{PARTS}</skeleton>'
    box = f"<box{BOX}/>".replace("/>", ' group_id="5"/>')
    text, report = converted(tmp_path, "in.xml", image(skeleton, box), ".json")
    results = json.loads(text)[0]["annotations"][0]["result"]
    (link,) = [item for item in results if item["type"] == "relation"]
    assert (link["from_id"], link["to_id"]) == (results[0]["id"], results[2]["id"])
    assert hows(report, "relation") == {"with the first key point of a skeleton": 1}


def test_the_score_and_the_priority_of_a_task_without_a_place_in_cvat_are_counted(tmp_path):
    (shown,) = task(rectangle())
    _, report = converted(tmp_path, "in.json", [{**shown, "_priority": 2.0}], ".xml")
    assert report.lossless
    _, report = converted(tmp_path, "in.json", [{**shown, "_score": 0.5}], ".xml")
    assert hows(report, "item") == {"its score and, of a sound, its priority left out": 1}
    _, report = converted(tmp_path, "in.json", [{**task()[0], "_priority": 2.0}], ".xml")
    assert hows(report, "item") == {"its priority left out: it has no shape to keep it": 1}
