"""CVAT XML: what is written, and what is read back."""

import json
import shlex
from xml.etree import ElementTree

import pytest

import exporters
from exporters.cvat.labels import Labels
from exporters.cvat.names import ImageNames, SeenHashes
from exporters.cvat.reader import read_cvat
from exporters.cvat.write_sound import clock
from exporters.errors import InputError
from exporters.paths import media_name
from exporters.records import Box, Polygon, Track
from exporters.report import Ledger

SIZED = {"original_width": 200, "original_height": 100}


def task(*results, image="a.jpg", **more):
    return {"id": 1, "data": {"image": image}, "annotations": [{"result": list(results), **more}]}


def box(label="car", key="r1", **more):
    value = {"x": 10, "y": 20, "width": 50, "height": 25, "rotation": 0, "rectanglelabels": [label]}
    return {
        "id": key,
        "type": "rectanglelabels",
        "value": {**value, **more.pop("value", {})},
        **SIZED,
        **more,
    }


def written(tmp_path, tasks, **options):
    path = tmp_path / "annotations.xml"
    config = options.pop("label_config", "")
    report = exporters.export_tasks(
        tasks, format="cvat", output=path, label_config=config, name="T", **options
    )
    return ElementTree.parse(path).getroot(), report


def test_a_box_stands_in_pixels_with_two_decimals(tmp_path):
    root, report = written(tmp_path, [task(box())])
    element = root.find("image/box")
    assert {k: element.get(k) for k in ("label", "source", "xtl", "ytl", "xbr", "ybr", "z_order")} == {
        "label": "car",
        "source": "manual",
        "xtl": "20.00",
        "ytl": "20.00",
        "xbr": "120.00",
        "ybr": "45.00",
        "z_order": "0",
    }
    assert root.find("image").attrib == {"id": "0", "name": "a.jpg", "width": "200", "height": "100"}
    assert report.carried == {"box": 1}
    assert report.lossless


def test_rotation_is_about_the_center_and_in_the_full_turn(tmp_path):
    root, _ = written(
        tmp_path, [task(box(value={"rotation": -90, "x": 0, "y": 0, "width": 10, "height": 10}))]
    )
    element = root.find("image/box")
    # 20 x 10 pixels, turned by -90 degrees about (0, 0): the center is at (5, -10).
    assert element.get("rotation") == "270.00"
    assert (float(element.get("xtl")), float(element.get("ytl"))) == (-5, -15)


def test_a_turn_that_rounds_to_360_is_written_as_none(tmp_path):
    root, _ = written(tmp_path, [task(box(value={"rotation": 359.9999}))])
    assert root.find("image/box").get("rotation") == "0.00"


def test_predictions_are_marked_and_keep_their_score(tmp_path):
    tasks = [
        {
            "data": {"image": "a.jpg"},
            "predictions": [{"model_version": "m1", "score": 0.5, "result": [box(score=0.875)]}],
            "_priority": 3.0,
        }
    ]
    root, _ = written(tmp_path, tasks, predictions=True)
    element = root.find("image/box")
    assert element.get("source") == "auto"
    attributes = {a.get("name"): a.text for a in element}
    assert attributes == {"score": "0.875", "model_version": "m1", "annotation_score": "0.5", "priority": "3"}
    declared = [a.findtext("name") for a in root.iterfind("meta/task/labels/label/attributes/attribute")]
    assert sorted(declared) == sorted(attributes)
    listed = json.loads((tmp_path / "annotations.labels.json").read_text())
    assert sorted(a["name"] for a in listed[0]["attributes"]) == sorted(attributes)


def test_skipped_annotations_are_left_out_and_counted_and_their_image_stays(tmp_path):
    root, report = written(tmp_path, [task(box(), was_cancelled=True)])
    assert [e.tag for e in root.find("image")] == []
    gone = ("box", "of an annotation that is left out")
    assert report.dropped == {("annotation", "skipped by the annotator"): 1, gone: 1}


def test_every_label_of_a_region_gets_a_shape_and_none_gets_a_name(tmp_path):
    two = box(value={"rectanglelabels": ["a", "b"]})
    none = {**box(key="r2"), "type": "rectangle"}
    none["value"].pop("rectanglelabels")
    root, report = written(tmp_path, [task(two, none)])
    assert [e.get("label") for e in root.iterfind("image/box")] == ["a", "b", "object"]
    assert sum(report.changed.values()) == 2
    assert not report.lossless


def test_image_names_never_share_a_stem(tmp_path):
    names = ["a.jpg", "a.png", "x/a.jpg", "x\\b.jpg", "../../etc/passwd", "a.jpg", ""]
    root, report = written(tmp_path, [task(image=name) for name in names])
    found = [e.get("name") for e in root.iterfind("image")]
    assert found == ["a.jpg", "a-2.png", "x/a.jpg", "x/b.jpg", "etc/passwd", "a-3.jpg", "image_000006"]
    assert len({name.rsplit(".", 1)[0] for name in found}) == len(found)
    assert sum(report.changed.values()) == 3
    listed = (tmp_path / "annotations.images.txt").read_text().splitlines()
    assert listed == found
    sources = dict(
        line.split("\t") for line in (tmp_path / "annotations.sources.tsv").read_text().splitlines()
    )
    assert sources["a-2.png"] == "a.png"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/data/upload/7/1a2b-cat%20one.jpg", "7/1a2b-cat one.jpg"),
        ("/data/local-files/?d=photos/a%20b.jpg", "photos/a b.jpg"),
        ("s3://bucket/2024/a.jpg", "2024/a.jpg"),
        ("https://host.example/x/y.png?sig=a/b", "x/y.png"),
        ("C:\\photos\\a.jpg", "photos/a.jpg"),
        ("./a//b/../c.jpg", "a/b/c.jpg"),
        ("what? no.jpg", "what? no.jpg"),
        ("data:image/png;base64,AAAA", ""),
        ("http://[broken", "http:/[broken"),
    ],
)
def test_names_come_out_of_every_kind_of_address(address, name):
    assert media_name(address) == name


def test_many_names_are_told_apart():
    seen = SeenHashes()
    assert [seen.add(f"name {n}") for n in range(5000)] == [False] * 5000
    assert all(seen.add(f"name {n}") for n in range(5000))
    names = ImageNames("basename")
    assert names.given(*names.wanted("x/a.jpg"), 0) == ("a.jpg", "")
    assert names.given(*names.wanted("y/a.jpg"), 1)[0] == "a-2.jpg"


def test_labels_are_as_cvat_wants_them():
    labels = Labels([("  a b ", ""), ("c", "#00ff00"), ("d", "green")])
    long = "x" * 70
    names = [labels.name(label)[0] for label in ("a b", long, long + "y", "bad\x00", "")]
    assert len({*names, "c", "d"}) == 7
    assert all(0 < len(name) <= 64 for name in names)
    assert labels.name("  a b ") == ("a b", "blanks of the label trimmed")
    assert labels.name("c  d") == ("c  d", "")
    assert labels.name("c\nd") == ("c d", "blanks of the label trimmed")
    assert labels.name("a b")[1].startswith("label renamed")
    assert labels.name(long)[1] == "label cut to 64 characters"
    assert labels.name("bad\x00") == (
        "bad\N{REPLACEMENT CHARACTER}",
        "label had characters that XML cannot hold",
    )
    assert [label["color"] for label in labels.specification()][1] == "#00ff00"


def test_characters_that_would_break_the_document_are_replaced_and_told(tmp_path):
    words = {
        "id": "r1",
        "type": "textarea",
        "from_name": "t",
        "value": {"text": ['a\x00b\ufffe <&> "q"\nline']},
    }
    root, report = written(tmp_path, [task(box(label="<car & 'b'>\t"), words, image='q"<é>.jpg')])
    element = root.find("image/box")
    assert element.get("label") == "<car & 'b'>"
    assert element.find("attribute").text == 'a\ufffdb\ufffd <&> "q"\nline'
    assert root.find("image").get("name") == 'q"<é>.jpg'
    assert [how for (_, how) in report.changed] == [
        "attribute had characters that XML cannot hold; blanks of the label trimmed"
    ]


def test_answers_become_tags_and_come_back(tmp_path):
    answers = [
        {"id": "a", "type": "choices", "from_name": "c", "value": {"choices": ["good", "big"]}},
        {"id": "b", "type": "rating", "from_name": "stars", "value": {"rating": 4}},
        {"id": "c", "type": "taxonomy", "from_name": "tax", "value": {"taxonomy": [["A", "B"]]}},
    ]
    root, _ = written(tmp_path, [task(*answers)])
    tags = [(e.get("label"), [(a.get("name"), a.text) for a in e]) for e in root.iterfind("image/tag")]
    assert tags == [("good", []), ("big", []), ("stars", [("rating", "4")]), ("A / B", [])]
    (item,) = items(tmp_path / "annotations.xml")
    shapes = [(region.shape.kind, region.shape.values) for region in item.annotations[0].regions]
    assert shapes == [("choices", ("good", "big", "A / B")), ("rating", (4,))]


def test_relations_become_groups_and_are_counted_as_changed(tmp_path):
    links = [
        {"type": "relation", "from_id": "r1", "to_id": "r2", "direction": "right"},
        {"type": "relation", "from_id": "r1", "to_id": "gone"},
    ]
    root, report = written(tmp_path, [task(box(), box(key="r2"), box(key="r3"), *links)])
    groups = [e.get("group_id") for e in root.iterfind("image/box")]
    assert groups[0] == groups[1] == "1"
    assert groups[2] is None
    assert report.changed == {("relation", "as a group: direction and labels left out"): 1}
    assert report.dropped == {("relation", "an end of it is missing"): 1}


def test_key_points_of_one_parent_become_its_skeleton(tmp_path):
    def point(key, x, label):
        value = {"x": x, "y": 50, "width": 1, "keypointlabels": [label]}
        return {"id": key, "type": "keypointlabels", "parentID": "r1", "value": value, **SIZED}

    root, report = written(tmp_path, [task(box("person"), point("a", 10, "nose"), point("b", 20, "ear"))])
    skeleton = root.find("image/skeleton")
    assert skeleton.get("label") == "person skeleton"
    assert [(p.get("label"), p.get("points")) for p in skeleton.iterfind("points")] == [
        ("nose", "20.00,50.00"),
        ("ear", "40.00,50.00"),
    ]
    labels = {e.findtext("name"): (e.findtext("type"), e.findtext("parent")) for e in root.iter("label")}
    assert labels["person skeleton"] == ("skeleton", None)
    assert labels["nose"] == ("points", "person skeleton")
    assert report.carried == {"box": 1, "skeleton": 1}


def test_shapes_are_cut_to_the_picture_on_request(tmp_path):
    out = box(value={"x": 90, "width": 20})
    away = box(key="r2", value={"x": 110, "width": 20})
    root, report = written(tmp_path, [task(out, away, box(key="r3"))], clamp=True)
    assert [e.get("xbr") for e in root.iterfind("image/box")] == ["200.00", "120.00"]
    assert report.carried == {"box": 1}
    assert report.changed == {("box", "cut to the picture"): 1}
    assert report.dropped == {("box", "lies outside the picture"): 1}


def video(name, *keys, count=30):
    value = {"sequence": list(keys), "framesCount": count, "labels": ["Car"]}
    result = {"id": "v", "type": "videorectangle", "value": value, **SIZED}
    return {"data": {"video": name}, "annotations": [{"result": [result]}]}


def key(frame, enabled=True):
    return {"frame": frame, "enabled": enabled, "x": 10, "y": 10, "width": -10, "height": 10, "rotation": 0}


def test_a_lone_video_is_the_document_with_its_tracks(tmp_path):
    root, report = written(tmp_path, [video("/data/upload/1/clip.mp4", key(1), key(5, False))])
    assert root.findtext("meta/task/mode") == "interpolation"
    assert root.findtext("meta/task/original_size/width") == "200"
    assert root.findtext("meta/task/size") == "30"
    frames = [(e.get("frame"), e.get("keyframe"), e.get("outside"), e.get("xtl")) for e in root.find("track")]
    assert frames == [("0", "1", "0", "0.00"), ("4", "1", "0", "0.00"), ("5", "1", "1", "0.00")]
    assert report.carried == {"track": 1}


def test_each_of_several_videos_has_a_document(tmp_path):
    tasks = [video("a/clip.mp4", key(1)), task(box()), video("b/clip.mp4", key(2))]
    root, report = written(tmp_path, tasks)
    assert [e.tag for e in root][2:] == ["image"]
    found = sorted(path.name for path in tmp_path.glob("annotations.clip*.xml"))
    assert found == ["annotations.clip-2.xml", "annotations.clip.xml"]
    assert ElementTree.parse(tmp_path / found[0]).getroot().find("track/box").get("frame") == "1"
    assert {path for path in report.files if path.endswith(".xml")} == {
        str(tmp_path / name) for name in ("annotations.xml", *found)
    }


def test_frame_ranges_are_tags_on_frames_and_come_back(tmp_path):
    timeline = {
        "id": "t",
        "type": "timelinelabels",
        "value": {"ranges": [{"start": 3, "end": 5}], "timelinelabels": ["jump"]},
    }
    tasks = [{"data": {"video": "a.mp4"}, "annotations": [{"result": [timeline]}]}]
    root, _ = written(tmp_path, tasks)
    assert [e.get("name") for e in root.iterfind("image")] == ["frame_000002", "frame_000003", "frame_000004"]
    (item,) = items(tmp_path / "annotations.xml")
    assert item.annotations[0].regions[0].shape == (2, 4)


def test_sound_goes_into_the_table_beside(tmp_path):
    results = [
        {
            "id": "s",
            "type": "labels",
            "score": 0.5,
            "value": {"start": 1.5, "end": 3661.25, "labels": ["a\tb"]},
        },
        {"id": "c", "type": "choices", "value": {"choices": ["x"]}},
    ]
    tasks = [
        {"data": {"audio": "/data/upload/1/a.wav"}, "annotations": [{"result": results, "completed_by": 7}]}
    ]
    _, report = written(tmp_path, tasks)
    rows = (tmp_path / "annotations.audio.tsv").read_text().splitlines()
    assert rows == [
        "filename\tstart\tstop\tlabel\tscore\tannotator",
        "1/a.wav\t00:00:01.500000\t01:01:01.250000\ta b\t0.5\t7",
    ]
    assert report.dropped == {("choices", "CVAT's audio table has regions only"): 1}
    assert clock(59.9999999) == "00:01:00.000000"


def test_the_command_creates_the_task_in_our_order(tmp_path):
    _, report = written(tmp_path, [task(box())])
    words = shlex.split(report.notes[-1].split(": ", 1)[1])
    assert words[words.index("--sorting-method") + 1] == "predefined"
    assert words[words.index("--annotation_path") + 1] == str(tmp_path / "annotations.xml")
    assert words[words.index("-a") + 1] == str(tmp_path / "annotations.images.txt")
    assert words[-1] == "local"


def test_names_with_folders_are_looked_for_on_the_share(tmp_path):
    tasks = [task(box(), image="/data/upload/1/a.jpg")]
    _, report = written(tmp_path, tasks)
    assert report.notes[-1].endswith(" share")
    root, report = written(tmp_path, tasks, names="basename")
    assert root.find("image").get("name") == "a.jpg"
    assert report.notes[-1].endswith(" local")


def items(path, ledger=None):
    with path.open("rb") as file:
        return list(read_cvat(file, path.name, ledger or Ledger()))


def document(body, meta=""):
    return f'<?xml version="1.0" encoding="utf-8"?><annotations><meta>{meta}</meta>{body}</annotations>'


def read_text(tmp_path, text, ledger=None):
    (tmp_path / "in.xml").write_text(text)
    return items(tmp_path / "in.xml", ledger)


def test_swapped_corners_are_put_right(tmp_path):
    body = '<image id="0" name="a"><box label="x" xtl="30" ytl="40" xbr="10" ybr="20"/></image>'
    (item,) = read_text(tmp_path, document(body))
    assert item.annotations[0].regions[0].shape == Box(10, 20, 20, 20)


@pytest.mark.parametrize(
    ("element", "why"),
    [
        ('<box label="x" xtl="1" ytl="1" xbr="2"/>', "has no 'ybr'"),
        ('<box xtl="1" ytl="1" xbr="2" ybr="2"/>', "has no 'label'"),
        ('<box label="x" xtl="nan" ytl="1" xbr="2" ybr="2"/>', "a coordinate is not finite"),
        ('<box label="x" xtl="one" ytl="1" xbr="2" ybr="2"/>', "a number is wrong"),
        ('<polygon label="x" points="1,2;3,4"/>', "fewer than 3 points"),
        ('<mask label="x" rle="1, 2" left="0" top="0" width="2" height="2"/>', "do not fill"),
        ('<mask label="x" rle="" left="0" top="0" width="2" height="2"/>', "a number is wrong"),
    ],
)
def test_a_shape_that_is_wrong_is_counted_with_its_line(tmp_path, element, why):
    ledger = Ledger()
    (item,) = read_text(tmp_path, document(f'<image id="0" name="a">\n{element}</image>'), ledger)
    assert item.annotations == ()
    (((_, found), count),) = ledger.dropped.items()
    assert why in found
    assert count == 1
    assert list(ledger.places.values()) == [["in.xml, line 2"]]


def test_a_trailing_semicolon_does_no_harm(tmp_path):
    body = '<image id="0" name="a"><polygon label="x" points="1,2; 3,4;5,6;"/></image>'
    (item,) = read_text(tmp_path, document(body))
    assert item.annotations[0].regions[0].shape == Polygon(((1, 2), (3, 4), (5, 6)))


def test_what_holds_for_a_whole_track_is_kept_with_it(tmp_path):
    frame = '<box frame="{}" keyframe="1" outside="0" xtl="1" ytl="1" xbr="2" ybr="2">{}</box>'
    one, two = (f'<attribute name="kind">van</attribute><attribute name="lit">{v}</attribute>' for v in "ab")
    body = f'<track id="0" label="car">{frame.format(3, one)}{frame.format(7, two)}</track>'
    (item,) = read_text(tmp_path, document(body, "<task><name>clip</name><mode>interpolation</mode></task>"))
    (region,) = item.annotations[0].regions
    assert isinstance(region.shape, Track)
    assert region.attributes == (("kind", "van"),)
    assert [frame.attributes for frame in region.shape.frames] == [(("lit", "a"),), (("lit", "b"),)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<annotations><image id='0' name='a'>", "not XML, or cut short"),
        ("", "not XML, or cut short"),
        ("<html></html>", "expected <annotations>"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><annotations/>", "DOCTYPE"),
    ],
)
def test_what_is_no_document_is_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_text(tmp_path, text)
