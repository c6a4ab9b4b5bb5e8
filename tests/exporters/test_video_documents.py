"""Videos in CVAT XML: tracks, tags on frames, and several videos, by hand."""

import re

import pytest

from tests.exporters.converting import SIZE, answer, converted, objects, told


def key(frame, x=10, **more):
    return {"frame": frame, "enabled": True, "x": x, "y": 5, "width": 20, "height": 10, "rotation": 0, **more}


def track(*frames, name="a", labels=("car",), length=20, **more):
    value = {"framesCount": length, "duration": 1, "labels": list(labels), "sequence": list(frames)}
    head = {"id": name, "from_name": "box", "to_name": "video", "type": "videorectangle", **SIZE}
    return {**head, "value": value, **more}


def stretch(*ranges, name="s", labels=("rain",)):
    value = {
        "ranges": [{"start": start, "end": end} for start, end in ranges],
        "timelinelabels": list(labels),
    }
    head = {"id": name, "from_name": "tl", "to_name": "video", "type": "timelinelabels"}
    return {**head, "value": value}


def video(*results, name="v.mp4", **more):
    return {"id": 1, "data": {"video": name}, "annotations": [{"id": 1, "result": list(results)}], **more}


FRAME = re.compile(r'<box frame="(\d+)" keyframe="1" outside="(\d)" .*?xtl="([\d.]+)"')


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        # Label Studio counts from 1, and pixels are those of 100 x 200.
        ([key(1), key(11, 30)], [("0", "0", "10.00"), ("10", "0", "30.00")]),
        # The last frame that shows the object; it has left on the next.
        ([key(1), key(5, enabled=False)], [("0", "0", "10.00"), ("4", "0", "10.00"), ("5", "1", "10.00")]),
        # Back on that very next frame: it never left.
        ([key(5, enabled=False), key(6, 30)], [("4", "0", "10.00"), ("5", "0", "30.00")]),
        # Back later.
        (
            [key(5, enabled=False), key(9, 30)],
            [("4", "0", "10.00"), ("5", "1", "10.00"), ("8", "0", "30.00")],
        ),
        # At the end of the video there is no next frame.
        ([key(20, enabled=False)], [("19", "0", "10.00")]),
        # In any order.
        ([key(11, 30), key(1)], [("0", "0", "10.00"), ("10", "0", "30.00")]),
    ],
)
def test_key_frames_become_those_of_cvat(tmp_path, frames, expected):
    text, report = converted(tmp_path, "in.json", [video(track(*frames))], ".xml")
    assert FRAME.findall(text) == expected
    assert report.lossless
    assert "<size>20</size>" in text
    assert "<original_size><width>100</width><height>200</height></original_size>" in text


@pytest.mark.parametrize("frames", [[key(1), key(11, 30)], [key(1), key(5, enabled=False), key(9, 30)]])
def test_tracks_come_back_from_cvat_as_they_were(tmp_path, frames):
    text, _ = converted(tmp_path, "in.json", [video(track(*frames))], ".xml")
    (made,), report = objects(tmp_path, "in.xml", text, ".json")
    (result,) = made["annotations"][0]["result"]
    assert [
        {name: each[name] for name in ("frame", "enabled", "x", "y", "width", "height", "rotation")}
        for each in result["value"]["sequence"]
    ] == [{**each, "rotation": 0.0} for each in frames]
    assert result["value"]["framesCount"] == 20
    assert result["value"]["labels"] == ["car"]
    assert report.lossless


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (track(key(1), labels=["a", "b"]), {"track": {"several labels: one shape for each": 1}}),
        (track(key(1), labels=[]), {"track": {"had no label: labeled 'object'": 1}}),
        (track(key(1), key(30)), {"track": {"key frames past the end left out": 1}}),
        (track(key(30)), {"track": {"has no key frame inside the video": 1}}),
        (track(), {"videorectangle": {"the track has no key frame": 1}}),
        (stretch((3, 5)), {"frame range": {"a tag on each of its frames": 1}}),
        (stretch((5, 3)), {"frame range": {"is empty, negative or too long": 1}}),
        (stretch((0, 3)), {"frame range": {"is empty, negative or too long": 1}}),
        (stretch((1, 3), (5, 6)), {"frame range": {"a tag on each of its frames": 2}}),
        (stretch(), {"timelinelabels": {"a timeline region without one range": 1}}),
        (
            answer("q", "choices", {"choices": ["night"]}, to_name="video"),
            {"choices": {"about the whole video: a tag on its first frame": 1}},
        ),
    ],
)
def test_what_a_document_of_a_video_holds_otherwise_is_counted(tmp_path, result, expected):
    _, report = converted(tmp_path, "in.json", [video(result)], ".xml")
    assert told(report) == expected


def test_a_region_of_several_stretches_becomes_one_for_each(tmp_path):
    whole = video(stretch((1, 2), (4, 4), (1, 2)), track(key(1)))
    text, report = converted(tmp_path, "in.json", [whole], ".xml")
    assert re.findall(r'<image id="(\d)" name="[^"]*">\n    <tag label="rain"', text) == ["0", "1", "3"]
    # The third says the same as the first, and is one with it.
    assert report.seen == {"region": 2, "relation": 0}
    assert report.joined == {"region": -1}


def test_a_stretch_is_a_tag_on_each_frame_and_comes_back_as_one(tmp_path):
    text, _ = converted(tmp_path, "in.json", [video(stretch((3, 5)), track(key(1)))], ".xml")
    assert re.findall(r'<image id="(\d)" name="frame_(\d+)">\n    <tag label="rain"', text) == [
        ("2", "000002"),
        ("3", "000003"),
        ("4", "000004"),
    ]
    (made,), _ = objects(tmp_path, "in.xml", text, ".json")
    values = [item["value"] for item in made["annotations"][0]["result"] if item["type"] == "timelinelabels"]
    assert values == [{"ranges": [{"start": 3, "end": 5}], "timelinelabels": ["rain"]}]


def test_each_of_several_videos_has_a_document_of_its_own(tmp_path):
    given = [video(track(key(1)), name=name) for name in ("d/a.mp4", "e/a.mp4", "b c.mp4")]
    _, report = converted(tmp_path, "in.json", given, ".xml")
    names = sorted(path.name for path in tmp_path.glob("out.*.xml"))
    assert names == ["out.a-2.xml", "out.a.xml", "out.b_c.xml"]
    assert [text.count("<track") for text in ((tmp_path / name).read_text() for name in names)] == [1, 1, 1]
    assert report.carried == {"track": 3}
    assert report.items == 3


def test_what_a_video_says_besides_is_counted(tmp_path):
    given = video(track(key(1)))
    given["data"]["site"] = "north"
    _, report = converted(tmp_path, "in.json", [given], ".xml")
    assert told(report) == {"task data": {"CVAT has no place for it beside video": 1}}


def test_prodigy_has_no_tracks(tmp_path):
    text, report = converted(tmp_path, "in.json", [video(track(key(1)), stretch((1, 2)))], ".jsonl")
    assert '"video":"v.mp4"' in text
    assert told(report) == {
        "track": {"Prodigy has no such shape": 1},
        "frame range": {"Prodigy has no such shape": 1},
    }
