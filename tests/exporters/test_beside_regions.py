"""Results that share an id, and what stands beside a region's shape: kept, or told in the report."""

import re

import pytest

from tests.exporters.converting import SIZE, answer, box, converted, objects, span, task, told

PICTURE = {"image": "a.png"}


def lefts(text):
    return re.findall(r'xtl="([\d.]+)"', text)


def test_two_boxes_with_one_id_at_two_places_are_two_boxes(tmp_path):
    text, report = converted(tmp_path, "in.json", [task(PICTURE, box(), box(x=50))], ".xml")
    assert lefts(text) == ["10.00", "50.00"]
    assert report.carried == {"box": 2}
    assert report.joined == {}


def test_two_results_of_one_box_are_one_box_with_both_labels(tmp_path):
    (line,), report = objects(tmp_path, "in.json", [task(PICTURE, box(), box(labels=["B"]))], ".jsonl")
    assert [(each["label"], each["x"]) for each in line["spans"]] == [("A", 10.0), ("B", 10.0)]
    assert report.joined == {"region": 1}
    assert told(report) == {"box": {"several labels: one span for each": 1}}


def test_what_is_said_under_an_id_is_about_the_first_region_that_has_it(tmp_path):
    said = answer("a", "textarea", {"text": ["torn"]})
    (line,), _ = objects(tmp_path, "in.json", [task(PICTURE, box(), box(x=50), said)], ".jsonl")
    assert [each.get("attributes") for each in line["spans"]] == [{"c": ["torn"]}, None]


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0)])
def test_answers_about_a_region_are_kept_wherever_they_stand(tmp_path, order):
    parts = [
        box(),
        answer("a", "textarea", {"text": ["torn"]}, "what"),
        answer("a", "choices", {"choices": ["big"]}, "size"),
    ]
    given = task(PICTURE, *[parts[at] for at in order])
    (line,), report = objects(tmp_path, "in.json", [given], ".jsonl")
    (found,) = line["spans"]
    assert found["attributes"] == {"what": ["torn"], "size": {"type": "choices", "values": ["big"]}}
    assert report.lossless
    assert report.joined == {"region": 2}


def test_answers_of_one_id_about_no_region_stay_answers(tmp_path):
    given = task(
        PICTURE,
        answer("q", "rating", {"rating": 4}, "stars"),
        answer("q", "textarea", {"text": ["fine"]}, "why"),
    )
    (line,), report = objects(tmp_path, "in.json", [given], ".jsonl")
    assert line["answers"] == {
        "stars": {"type": "rating", "values": [4]},
        "why": {"type": "textarea", "values": ["fine"]},
    }
    assert report.lossless
    assert report.joined == {}


@pytest.mark.parametrize("score", ["0.5", [0.5], True, float("inf")])
def test_a_score_that_is_no_number_is_counted(tmp_path, score):
    _, report = converted(tmp_path, "in.json", [task(PICTURE, box(score=score))], ".jsonl")
    assert told(report) == {"key": {"'score' is no finite number": 1}}
    assert report.carried == {"box": 1}


def test_scores_and_parents_that_differ_between_results_of_one_region_are_counted(tmp_path):
    said = answer("a", "choices", {"choices": ["big"]}, score=0.25, parentID="q")
    (line,), report = objects(
        tmp_path, "in.json", [task(PICTURE, box(score=0.5, parentID="p"), said)], ".jsonl"
    )
    assert (line["spans"][0]["score"], line["spans"][0]["parent_id"]) == (0.5, "p")
    assert told(report)["attribute"] == {
        "score differs between results of one region: the first": 1,
        "parent differs between results of one region: the first": 1,
    }


def test_notes_on_any_result_of_a_region_are_kept_once(tmp_path):
    note = {"meta": {"text": ["look again"]}}
    said = answer("a", "choices", {"choices": ["big"]}, **note)
    other = answer("a", "rating", {"rating": 2}, "stars", meta={"text": ["no"]})
    (line,), report = objects(tmp_path, "in.json", [task(PICTURE, box(**note), said, other)], ".jsonl")
    found = line["spans"][0]["attributes"]
    assert found["note"] == ["look again"]
    assert told(report) == {"box": {"of two attributes of one name the first stands": 1}}


def test_a_note_on_an_answer_is_told_where_it_has_no_place(tmp_path):
    said = answer("q", "choices", {"choices": ["x"]}, meta={"text": ["unsure"]})
    _, report = converted(tmp_path, "in.json", [task(PICTURE, said)], ".jsonl")
    assert told(report) == {"choices": {"what was said about the answer left out": 1}}
    text, report = converted(tmp_path, "in.json", [task(PICTURE, said)], ".xml")
    assert '<attribute name="note">unsure</attribute>' in text
    assert report.lossless


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"meta": {"reviewed": "yes"}}, "'reviewed' of a region's meta is not known"),
        ({"meta": ["yes"]}, "'meta' of a result is no object"),
        ({"labels": ["B"]}, "'labels' of a result is not read"),
        ({"states": [{"choices": ["B"]}]}, "'states' of a result is not read"),
        ({"normalization": {"to": "B"}}, "'normalization' is no text"),
        ({"parentID": ["p"]}, "'parentID' is no id"),
    ],
)
def test_what_stands_beside_a_region_and_is_not_read_is_counted(tmp_path, more, why):
    _, report = converted(tmp_path, "in.json", [task(PICTURE, {**box(), **more})], ".jsonl")
    assert told(report) == {"key": {why: 1}}


def test_the_normal_form_of_a_span_goes_along_with_it(tmp_path):
    given = task({"text": "on the 5th of May"}, span("a", 7, 17, normalization="05-05"))
    (line,), report = objects(tmp_path, "in.json", [given], ".jsonl")
    assert line["spans"][0]["attributes"] == {"normalization": ["05-05"]}
    assert report.lossless


@pytest.mark.parametrize(
    ("direction", "heads", "count"),
    [("right", [0], 0), ("left", [1], 0), ("bi", [0, 1], 0), (None, [0], 0), ("up", [0], 1)],
)
def test_a_direction_that_a_relation_cannot_have_is_counted(tmp_path, direction, heads, count):
    link = {"type": "relation", "from_id": "a", "to_id": "b", "direction": direction, "labels": ["of"]}
    given = task({"text": "one two"}, span("a", 0, 3), span("b", 4, 7), link)
    (line,), report = objects(tmp_path, "in.json", [given], ".jsonl")
    assert [each["head"] for each in line["relations"]] == heads
    assert sum(told(report).get("key", {}).values()) == count


def key_frame(frame, x=1, **more):
    return {"frame": frame, "enabled": True, "x": x, "y": 1, "width": 5, "height": 5, "rotation": 0, **more}


def track(*frames):
    value = {"framesCount": 10, "labels": ["c"], "sequence": list(frames)}
    head = {"id": "a", "from_name": "box", "to_name": "video", "type": "videorectangle", **SIZE}
    return task({"video": "v.mp4"}, {**head, "value": value})


def test_of_key_frames_of_one_frame_the_last_stands_and_the_others_are_counted(tmp_path):
    frames = [key_frame(1), key_frame(3, enabled=False), key_frame(3, 7), key_frame(3, 9)]
    text, report = converted(tmp_path, "in.json", [track(*frames)], ".xml")
    assert re.findall(r'frame="(\d)".*?outside="(\d)".*?xtl="([\d.]+)"', text) == [
        ("0", "0", "1.00"),
        ("2", "0", "9.00"),
    ]
    assert told(report) == {"key frame": {"several of one frame: the last stands": 2}}


def test_a_key_frame_before_the_first_is_the_first_and_counted(tmp_path):
    text, report = converted(tmp_path, "in.json", [track(key_frame(0))], ".xml")
    assert 'frame="0"' in text
    assert told(report) == {"key frame": {"its number is no whole one from 1 on": 1}}


def test_what_a_key_frame_says_besides_its_box_is_counted(tmp_path):
    _, report = converted(tmp_path, "in.json", [track(key_frame(1, labels=["c2"]), key_frame(2))], ".xml")
    assert told(report) == {"key": {"'labels' of a key frame is not known": 1}}


def test_curves_of_a_vector_are_counted(tmp_path):
    vertices = [{"x": 1, "y": 1}, {"x": 5, "y": 1, "isBezier": True}, {"x": 9, "y": 9}]
    for straight in (False, True):
        found = [{**vertex, "isBezier": False} for vertex in vertices] if straight else vertices
        value = {"vertices": found, "closed": False, "vectorlabels": ["v"]}
        drawn = {"id": "a", "from_name": "v", "to_name": "image", "type": "vectorlabels", **SIZE}
        text, report = converted(tmp_path, "in.json", [task(PICTURE, {**drawn, "value": value})], ".xml")
        assert 'points="1.00,2.00;5.00,2.00;9.00,18.00"' in text
        assert told(report) == ({} if straight else {"curve": {"as straight lines between its points": 1}})


@pytest.mark.parametrize(("index", "page"), [(1, 1), ("1", 1), (1.0, 1), (None, 0), ("second", 0)])
def test_a_page_may_be_numbered_by_a_text_or_a_float(tmp_path, index, page):
    config = (
        '<View><Image name="image" valueList="$pages"/>'
        '<RectangleLabels name="b" toName="image"><Label value="A"/></RectangleLabels></View>'
    )
    given = task({"pages": ["p0.png", "p1.png"]}, box(item_index=index))
    text, _ = converted(tmp_path, "in.json", [given], ".xml", label_config=config)
    images = text.split("<image ")[1:]
    assert ["<box" in image for image in images] == [page == 0, page == 1]


@pytest.mark.parametrize(
    ("data", "value", "text", "found"),
    [
        (PICTURE, {"x": 10, "y": 10, "width": 20, "height": 5}, "", (10.0, 20.0)),
        ({"text": "one two"}, {"start": 4, "end": 7}, "one two", (4, 7)),
        ({"audio": "a.wav"}, {"start": 0.5, "end": 2.0}, "", (0.5, 2.0)),
    ],
)
def test_an_answer_that_says_where_it_lies_is_about_a_region_there(tmp_path, data, value, text, found):
    said = answer("a", "choices", {"choices": ["torn"], **value}, to_name=next(iter(data)))
    said |= SIZE if "image" in data else {}
    (line,), report = objects(tmp_path, "in.json", [task(data, said)], ".jsonl")
    (region,) = line.get("audio_spans") or line["spans"]
    assert (region.get("x", region.get("start")), region.get("y", region.get("end"))) == found
    assert region["attributes"] == {"c": {"type": "choices", "values": ["torn"]}}
    assert (region["label"], line.get("text", "")) == ("object", text)
    assert [how for _, how in report.changed] == ["had no label: 'object'"]
    assert "accept" not in line


def test_an_answer_whose_place_cannot_be_read_stays_an_answer_and_is_counted(tmp_path):
    said = answer("a", "choices", {"choices": ["torn"], "start": 4, "end": 70}, to_name="text")
    (line,), report = objects(tmp_path, "in.json", [task({"text": "one two"}, said)], ".jsonl")
    assert line["accept"] == ["torn"]
    assert told(report) == {"answer": {"where it lies left out: offsets past the text": 1}}


def test_a_region_after_such_an_answer_is_the_same_one(tmp_path):
    value = {key: entry for key, entry in box()["value"].items() if key != "rectanglelabels"}
    said = {**answer("a", "choices", {"choices": ["torn"], **value}), **SIZE}
    (line,), report = objects(tmp_path, "in.json", [task(PICTURE, said, box())], ".jsonl")
    (region,) = line["spans"]
    assert (region["label"], region["attributes"]) == ("A", {"c": {"type": "choices", "values": ["torn"]}})
    assert report.lossless
    assert report.joined == {"region": 1}


@pytest.mark.parametrize(
    ("quoted", "found"),
    [("cat", [(4, 7)]), (" cat ", [(4, 7)]), ("dog", []), ("", [(4, 7)]), (None, [(4, 7)])],
)
def test_a_region_of_a_phrase_lies_where_its_quote_says(tmp_path, quoted, found):
    talk = [{"text": "hi"}, {"text": "\N{GRINNING FACE}cat"}]
    # In units of UTF-16, of which the face takes two.
    value = {"start": "1", "end": "1", "startOffset": 2, "endOffset": 5, "paragraphlabels": ["G"]}
    region = {"id": "a", "from_name": "p", "to_name": "d", "type": "paragraphlabels", "value": value}
    if quoted is not None:
        value["text"] = quoted
    (line,), report = objects(tmp_path, "in.json", [task({"talk": talk}, region)], ".jsonl")
    assert [(each["start"], each["end"]) for each in line.get("spans", ())] == found
    assert report.lossless == bool(found)


def test_a_stored_annotation_keeps_the_others_of_its_task(tmp_path):
    results = [[span("a", 0, 4)], [span("b", 5, 7)]]
    others = [5, {"id": 5, "result": []}, {"id": 6, "result": results[1]}]
    stored = {
        "id": 5,
        "result": results[0],
        "task": {"id": 8, "data": {"text": "Oslo is"}, "annotations": others},
    }
    lines, report = objects(tmp_path, "in.json", stored, ".jsonl")
    assert [[(each["start"], each["end"]) for each in line["spans"]] for line in lines] == [
        [(0, 4)],
        [(5, 7)],
    ]
    assert report.lossless
