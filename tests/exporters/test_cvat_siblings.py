"""Groups, tags, labels and names of videos between CVAT and the others: kept, or told."""

import json
import re

import pytest

from exporters import OptionError
from tests.exporters.converting import answer, box, converted, objects, task, told

SIDES = 'occluded="0" xtl="1.00" ytl="2.00" xbr="11.00" ybr="22.00" z_order="0"'
PICTURE = {"image": "a.png"}


def document(body, meta=""):
    return f"<annotations><version>1.1</version>{meta}{body}</annotations>"


def image(*elements):
    return document(f'<image id="0" name="a.png" width="100" height="200">{"".join(elements)}</image>')


def shape(label="b", more=""):
    return f'<box label="{label}" source="manual" {SIDES}{more}></box>'


def tag(label, more="", inner=""):
    return f'<tag label="{label}" source="manual"{more}>{inner}</tag>'


def results(text):
    return [item for made in json.loads(text) for said in made["annotations"] for item in said["result"]]


def test_a_tag_keeps_its_group_in_cvat(tmp_path):
    given = [tag("t", ' group_id="4"'), tag("u", ' group_id="4"'), tag("v"), shape(more=' group_id="4"')]
    text, report = converted(tmp_path, "in.xml", image(*given), ".xml")
    assert [part in text for part in given] == [True] * 4
    assert report.lossless


def test_the_group_of_a_tag_is_counted_where_relations_are_between_regions(tmp_path):
    given = [tag("t", ' group_id="4"'), shape(more=' group_id="4"'), shape(more=' group_id="4"')]
    text, report = converted(tmp_path, "in.xml", image(*given), ".json")
    assert [item["type"] for item in results(text)] == [
        "choices",
        "rectanglelabels",
        "rectanglelabels",
        "relation",
    ]
    assert told(report) == {
        "group": {"as relations": 1, "of a tag left out: relations are between regions": 1}
    }
    _, report = converted(tmp_path, "in.xml", image(given[0]), ".jsonl")
    assert told(report) == {"choices": {"what was said about the answer left out": 1}}


def test_a_group_of_one_region_is_counted(tmp_path):
    _, report = converted(tmp_path, "in.xml", image(shape(more=' group_id="4"'), shape()), ".json")
    assert told(report) == {"group": {"has one region in its annotation: left out": 1}}


def test_a_tag_given_twice_is_chosen_once_and_counted(tmp_path):
    text, report = converted(tmp_path, "in.xml", image(tag("t"), tag("u"), tag("t")), ".json")
    assert [item["value"] for item in results(text)] == [{"choices": ["t", "u"]}]
    assert told(report) == {"choices": {"chosen twice: kept once": 1}}


def test_what_is_said_of_a_tag_is_counted_in_label_studio(tmp_path):
    given = tag("t", inner='<attribute name="sure">no</attribute>')
    _, report = converted(tmp_path, "in.xml", image(given), ".json")
    assert told(report) == {"choices": {"attributes of a tag left out": 1}}


@pytest.mark.parametrize(
    ("label", "name", "count"),
    [
        ("big dog", "big dog", 0),
        (" big  dog ", "big  dog", 1),
        ("big\tdog", "big dog", 1),
        ("big  dog", "big  dog", 0),
    ],
)
def test_blanks_of_a_label_are_trimmed_as_cvat_does_and_counted(tmp_path, label, name, count):
    text, report = converted(tmp_path, "in.json", [task(PICTURE, box(labels=[label]))], ".xml")
    assert re.findall(r'<box label="([^"]*)"', text) == [name]
    assert told(report) == ({"box": {"blanks of the label trimmed": 1}} if count else {})


def attributed(value, kind="number"):
    declared = (
        "<meta><task><id>1</id><labels><label><name>b</name><attributes><attribute><name>age</name>"
        f"<input_type>{kind}</input_type></attribute></attributes></label></labels></task></meta>"
    )
    box_of = shape().replace("></box>", f'><attribute name="age">{value}</attribute></box>')
    return image(box_of).replace("</version>", f"</version>{declared}")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("4", ("number", {"number": 4})),
        ("4.5", ("number", {"number": 4.5})),
        ("-2", ("number", {"number": -2})),
        ("007", ("textarea", {"text": ["007"]})),
        ("4.50", ("textarea", {"text": ["4.50"]})),
        ("1e400", ("textarea", {"text": ["1e400"]})),
        ("old", ("textarea", {"text": ["old"]})),
    ],
)
def test_a_number_that_cvat_declares_comes_back_as_it_was(tmp_path, value, said):
    text, _ = converted(tmp_path, "in.xml", attributed(value), ".json")
    _, about = results(text)
    assert (about["type"], about["value"]) == said
    back, _ = converted(tmp_path, "back.json", text, ".xml")
    assert f'<attribute name="age">{value}</attribute>' in back


def track(task_id):
    frame = f'<box frame="0" keyframe="1" outside="0" {SIDES}></box>'
    return f'<track id="0" label="b" source="manual" task_id="{task_id}">{frame}</track>'


def project(*sources):
    tasks = "".join(
        f"<task><id>{number}</id><name>t{number}</name><mode>interpolation</mode>"
        f"<original_size><width>100</width><height>100</height></original_size>"
        f"{f'<source>{source}</source>' if source else ''}</task>"
        for number, source in enumerate(sources)
    )
    meta = f"<meta><project><id>7</id><tasks>{tasks}</tasks></project></meta>"
    return document("".join(track(number) for number in range(len(sources))), meta)


@pytest.mark.parametrize(
    ("sources", "videos"),
    [
        (("n.mp4", "s.mp4"), ["n.mp4", "s.mp4"]),
        (("n.mp4", ""), ["n.mp4", "clip.mp4"]),
        (("",), ["clip.mp4"]),
    ],
)
def test_a_name_given_for_the_video_is_that_of_the_one_without(tmp_path, sources, videos):
    made, _ = objects(tmp_path, "in.xml", project(*sources), ".json", video="clip.mp4")
    assert [each["data"]["video"] for each in made] == videos


def test_one_name_is_refused_for_several_videos_without(tmp_path):
    with pytest.raises(OptionError, match="2 of its videos have no name"):
        converted(tmp_path, "in.xml", project("", "", "n.mp4"), ".json", video="clip.mp4")


def test_the_rank_of_an_image_comes_back_from_cvat_through_label_studio(tmp_path):
    given = {**task(PICTURE, box()), "_priority": 2.5}
    first, _ = converted(tmp_path, "in.json", [given], ".xml")
    through, _ = converted(tmp_path, "in.xml", first, ".json")
    assert json.loads(through)[0]["meta"] == {"id": "0", "priority": 2.5}
    again, report = converted(tmp_path, "again.json", through, ".xml")
    assert '<attribute name="priority">2.5</attribute>' in again
    assert report.lossless


def test_a_score_of_an_answer_is_an_attribute_of_its_tag(tmp_path):
    said = answer("q", "choices", {"choices": ["x"]}, score=0.25)
    text, report = converted(tmp_path, "in.json", [task(PICTURE, said)], ".xml")
    assert '<tag label="x" source="manual"><attribute name="score">0.25</attribute></tag>' in text
    assert report.lossless
