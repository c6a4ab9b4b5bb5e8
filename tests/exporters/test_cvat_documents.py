"""Whole CVAT documents: projects of several tasks, jobs, declared labels, skeleton tracks; broken ones."""

import json
from xml.etree import ElementTree

import pytest

from exporters import InputError, convert
from exporters.cvat import read_videos
from exporters.cvat import reader as reading

LABELS = """
<labels>
  <label><name>gull</name><color>#33ddff</color><type>rectangle</type><attributes>
    <attribute><name>age</name><mutable>False</mutable><input_type>select</input_type>
      <default_value>young</default_value><values>young
old</values></attribute>
    <attribute><name>span</name><mutable>True</mutable><input_type>number</input_type>
      <default_value>1</default_value><values>1;9;1</values></attribute>
  </attributes></label>
  <label><name>never seen</name><color>#fa3253</color><type>polygon</type><attributes></attributes></label>
  <label><name>foggy</name><color>#aabbcc</color><type>tag</type><attributes></attributes></label>
</labels>"""
PROJECT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><project><id>1</id><name>coast</name>
<tasks>
  <task><id>8</id><name>west</name><size>9</size><mode>interpolation</mode><stop_frame>8</stop_frame>
    <original_size><width>200</width><height>100</height></original_size><source>west.mp4</source></task>
  <task><id>5</id><name>stills</name><size>2</size><mode>annotation</mode></task>
  <task><id>6</id><name>east</name><size>30</size><mode>interpolation</mode><stop_frame>29</stop_frame>
    <original_size><width>400</width><height>200</height></original_size><source>east.mp4</source></task>
</tasks>%s</project></meta>
<image id="0" name="a.jpg" task_id="5" subset="Train" width="50" height="40">
  <box label="gull" occluded="0" xtl="5" ytl="4" xbr="10" ybr="8" z_order="0">
    <attribute name="age">old</attribute><attribute name="span">3</attribute></box>
</image>
<image id="2" name="frame_000002" task_id="6" width="400" height="200">
  <box label="gull" occluded="0" xtl="40" ytl="20" xbr="80" ybr="40" z_order="0"></box>
</image>
<track id="0" label="gull" task_id="6" subset="default">
  <box frame="3" keyframe="1" outside="0" occluded="0" xtl="0" ytl="0" xbr="40" ybr="20" z_order="0"></box>
</track>
<track id="1" label="gull" task_id="8" subset="default">
  <box frame="1" keyframe="1" outside="0" occluded="0" xtl="20" ytl="10" xbr="40" ybr="20" z_order="0"></box>
  <box frame="4" keyframe="0" outside="0" occluded="0" xtl="20" ytl="10" xbr="40" ybr="20" z_order="0"></box>
</track>
</annotations>"""


def read(tmp_path, text, name="in.xml", **options):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    report = convert(path, tmp_path / "out.json", **options)
    return json.loads((tmp_path / "out.json").read_text()), report


def config_of(tmp_path):
    return ElementTree.parse(tmp_path / "out.label-config.xml").getroot()


def test_each_task_of_a_project_is_an_item_of_its_own(tmp_path):
    tasks, report = read(tmp_path, PROJECT % LABELS)
    assert [task["data"] for task in tasks] == [
        {"subset": "Train", "task": "stills", "image": "a.jpg"},
        {"subset": "default", "task": "west", "video": "west.mp4"},
        {"task": "east", "video": "east.mp4"} | {"subset": "default"},
    ]
    west, east = (task["annotations"][0]["result"] for task in tasks[1:])
    assert [(r["original_width"], r["value"]["framesCount"]) for r in west] == [(200, 9)]
    assert [(r["original_width"], len(r["value"]["sequence"])) for r in east] == [(400, 1), (400, 1)]
    # A frame of a video is a track that leaves with the next one; x in percent of 400 pixels.
    key = east[1]["value"]["sequence"][0]
    assert (key["frame"], key["enabled"], key["x"], key["width"]) == (3, False, 10.0, 10.0)
    assert report.dropped == {}


def test_declared_labels_are_offered_with_their_colors_whether_used_or_not(tmp_path):
    tasks, _ = read(tmp_path, PROJECT % LABELS)
    config = config_of(tmp_path)
    (boxes,) = config.findall("RectangleLabels")
    assert [(label.get("value"), label.get("background")) for label in boxes] == [("gull", "#33ddff")]
    (polygons,) = config.findall("PolygonLabels")
    assert [(label.get("value"), label.get("background")) for label in polygons] == [
        ("never seen", "#fa3253")
    ]
    # A choice is of one object, so images and videos have each their own.
    assert all(
        [c.get("value") for c in tags] == ["foggy"] for tags in config.findall("Choices[@name='choices']")
    )
    values = {r["from_name"]: r["value"] for r in tasks[0]["annotations"][0]["result"]}
    assert values["age"] == {"choices": ["old"]}
    assert values["span"] == {"number": 3.0}
    assert [c.get("value") for c in config.find("Choices[@name='age']")] == ["young", "old"]


def test_declared_labels_go_on_into_cvat(tmp_path):
    (tmp_path / "in.xml").write_text(PROJECT % LABELS)
    convert(tmp_path / "in.xml", tmp_path / "out.xml")
    gull, never, foggy = json.loads((tmp_path / "out.labels.json").read_text())
    assert [label["color"] for label in (gull, never, foggy)] == ["#33ddff", "#fa3253", "#aabbcc"]
    assert gull["attributes"][0] == {
        "name": "age",
        "mutable": False,
        "input_type": "select",
        "default_value": "young",
        "values": ["young", "old"],
    }
    head = ElementTree.parse(tmp_path / "out.xml").find("meta/task/labels/label/attributes/attribute")
    assert (head.findtext("input_type"), head.findtext("values")) == ("select", "young\nold")


JOB = """<annotations><meta><job><id>77</id><mode>interpolation</mode><stop_frame>11</stop_frame>
</job><original_size><width>100</width><height>50</height></original_size></meta>
<track id="0" label="van"><box frame="2" keyframe="1" outside="0" xtl="10" ytl="5" xbr="20" ybr="10"/></track>
</annotations>"""


def test_a_job_names_no_video_which_is_told_and_can_be_said(tmp_path):
    (task,), report = read(tmp_path, JOB)
    assert task["data"]["video"] == "job 77"
    assert "in.xml names no video, as exports of CVAT's jobs do not: 'job 77'" in report.notes[0]
    (task,), report = read(tmp_path, JOB, video="clip.mp4")
    assert (task["data"]["video"], report.notes) == ("clip.mp4", ())
    assert task["annotations"][0]["result"][0]["value"]["sequence"][0]["x"] == 10.0


SKELETONS = """<annotations><meta><task><mode>interpolation</mode><stop_frame>9</stop_frame>
<source>v.mp4</source><original_size><width>100</width><height>100</height></original_size></task></meta>
<track id="0" label="dog" source="manual">
  <skeleton frame="0" keyframe="1" z_order="0">
    <points label="nose" outside="0" occluded="0" points="10,20">
      <attribute name="wet">yes</attribute></points>
    <points label="tail" outside="0" occluded="1" points="30,60"></points>
  </skeleton>
  <skeleton frame="5" keyframe="1" z_order="0">
    <points label="nose" outside="1" occluded="0" points="10,20"></points>
    <points label="tail" outside="1" occluded="0" points="30,60"></points>
  </skeleton>
</track>
<track id="1" label="kite"><points frame="1" keyframe="1" outside="0" points="10,20;40,60"/></track>
<track id="2" label="roof"><polygon frame="1" keyframe="1" outside="0" points="0,0;10,0;10,30"/></track>
</annotations>"""


def test_tracks_of_skeletons_points_and_polygons_become_their_bounding_boxes_and_are_counted(tmp_path):
    (task,), report = read(tmp_path, SKELETONS)
    dog, kite, roof = (r["value"]["sequence"] for r in task["annotations"][0]["result"])
    assert [(k["frame"], k["enabled"], k["x"], k["y"], k["width"], k["height"]) for k in dog] == [
        (1, True, 10, 20, 20, 40),
        (5, False, 10, 20, 20, 40),
    ]
    assert [(k["x"], k["y"], k["width"], k["height"]) for k in (*kite, *roof)] == [
        (10, 20, 30, 40),
        (0, 0, 10, 30),
    ]
    assert report.changed == {("track", "track: as its bounding boxes"): 3}


def test_tracks_of_skeletons_stay_what_they_are_in_cvat(tmp_path):
    (tmp_path / "in.xml").write_text(SKELETONS)
    report = convert(tmp_path / "in.xml", tmp_path / "out.xml")
    assert report.lossless
    root = ElementTree.parse(tmp_path / "out.xml").getroot()
    first, second = root.findall("track[@label='dog']/skeleton")
    assert [(p.get("label"), p.get("occluded"), p.get("points")) for p in first] == [
        ("nose", "0", "10.00,20.00"),
        ("tail", "1", "30.00,60.00"),
    ]
    assert first[0].findtext("attribute[@name='wet']") == "yes"
    assert {p.get("outside") for p in second} == {"1"}
    (label,) = [x for x in json.loads((tmp_path / "out.labels.json").read_text()) if x["name"] == "dog"]
    assert [(part["name"], [a["name"] for a in part["attributes"]]) for part in label["sublabels"]] == [
        ("nose", ["wet"]),
        ("tail", []),
    ]


def test_an_element_that_is_not_known_is_counted_and_passed_over(tmp_path):
    text = """<annotations><version>1.1</version><image id="0" name="a.jpg" width="10" height="10">
      <circle label="x"><attribute name="a"><b/></attribute></circle>
      <box label="x" xtl="1" ytl="1" xbr="2" ybr="2"><box label="y"/><attribute name="k">v</attribute></box>
      <image id="1" name="b.jpg"/>
    </image><extra/></annotations>"""
    (task,), report = read(tmp_path, text)
    told = [f"<{tag}> is not known here" for tag in ("circle", "box", "image", "extra")]
    assert report.dropped == {("element", why): 1 for why in told}
    assert [r["type"] for r in task["annotations"][0]["result"]] == ["rectanglelabels", "textarea"]


@pytest.mark.parametrize("encoding", ["utf-7", "shift_jis", "nope", "base64", "rot13", "big5"])
def test_an_encoding_that_is_not_read_is_named(tmp_path, encoding):
    text = f'<?xml version="1.0" encoding="{encoding}"?><annotations/>'.encode()
    with pytest.raises(InputError, match=f"in.xml: the encoding '{encoding}' is not read; save it as UTF-8"):
        read(tmp_path, text)


@pytest.mark.parametrize("encoding", ["windows-1251", "koi8-r", "iso-8859-1", "utf-16", "US-ASCII", "utf-8"])
def test_an_encoding_of_a_byte_a_character_is_read(tmp_path, encoding):
    name = "a.jpg" if encoding == "US-ASCII" else "\u00fc.jpg" if encoding == "iso-8859-1" else "\u0416.jpg"
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?><annotations><image id="0" name="{name}"/></annotations>'
    )
    tasks, _ = read(tmp_path, text.encode(encoding))
    assert tasks[0]["data"]["image"] == name


@pytest.mark.parametrize(
    "start",
    [
        "<annotations>",
        "<annotations><version>",
        "<annotations><meta>",
        '<annotations><image id="0" name="a">',
        '<annotations><image id="0" name="a"><box label="x">',
        '<annotations><image id="0" name="a"><box label="x"><attribute name="a">',
        '<annotations><track label="x">',
    ],
)
def test_a_document_nested_too_deeply_is_refused_in_bounded_memory(tmp_path, start):
    with pytest.raises(InputError, match="nested more than 1000 deep"):
        read(tmp_path, start + "<a>" * 200_000)


def test_what_is_held_at_a_time_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "LARGEST_TOKEN", 1 << 18)
    monkeypatch.setattr(reading, "LARGEST_HEAD", 1 << 18)
    monkeypatch.setattr(reading, "LARGEST_IMAGE", 1 << 21)
    monkeypatch.setattr(reading, "MOST_TEXTS", 32)
    monkeypatch.setattr(read_videos, "MOST_KEY_FRAMES", 1000)
    image, long = '<annotations><image id="0" name="a">', "x" * (1 << 20)
    box = '<box label="x" xtl="1" ytl="1" xbr="2" ybr="2"/>'
    key = '<box frame="1" xtl="1" ytl="1" xbr="2" ybr="2"/>'
    for text, message in (
        (f'{image}<polygon points="{long}"/>', "one element is larger than"),
        (f'{image}<box label="x"><attribute name="a">{long}', "one element is larger than"),
        (f"<annotations><meta><name>{long}", "<meta> is larger than"),
        ("<annotations><meta>" + "<task></task>" * 40_000, "<meta> is larger than"),
        (image + box * 60_000, "one image is larger than"),
        (f'<annotations><track label="x">{key * 2000}</track>', "more than 1,000 key frames"),
    ):
        with pytest.raises(InputError, match=message):
            read(tmp_path, text)


def test_many_shapes_and_tags_of_one_image_take_time_in_proportion(tmp_path):
    """Each of these was quadratic: 20,000 would take minutes."""
    n = 20_000
    box = '<box label="x" xtl="1" ytl="1" xbr="2" ybr="2"></box>'
    tags = "".join(f'<tag label="t{i}"></tag>' for i in range(n))
    attributes = "".join(f'<attribute name="a{i}">v</attribute>' for i in range(n))
    text = f'<annotations><image id="0" name="a" width="9" height="9">{box * n}{tags}'
    text += f'<box label="x" xtl="1" ytl="1" xbr="2" ybr="2">{attributes}</box></image></annotations>'
    (task,), report = read(tmp_path, text)
    assert report.carried == {"box": n + 1, "choices": 1}
    assert len({r["id"] for r in task["annotations"][0]["result"]}) == n + 2
