"""Lines of Prodigy as people and recipes write them: every value is read, or told in the report."""

import json

import pytest

from tests.exporters.converting import converted, objects, told

ACCEPT = {"answer": "accept"}
OPTIONS = [{"id": 0, "text": "Praise"}, {"id": 1, "text": "Complaint"}]
TOKENS = [{"text": "hi", "start": 0, "end": 2, "id": 0}, {"text": "yo", "start": 3, "end": 5, "id": 1}]


def made(tmp_path, *lines):
    """Return (tasks of Label Studio, report)."""
    return objects(tmp_path, "in.jsonl", list(lines), ".json")


def results(task):
    return [item for said in task["annotations"] for item in said["result"]]


def chosen(task):
    return {
        item["from_name"]: item["value"]["choices"] for item in results(task) if item["type"] == "choices"
    }


@pytest.mark.parametrize(
    ("line", "choices"),
    [
        ({"accept": [1], "options": OPTIONS}, {"choices": ["Complaint"]}),
        ({"accept": [1.0], "options": OPTIONS}, {"choices": ["Complaint"]}),
        ({"accept": ["1"], "options": OPTIONS}, {"choices": ["Complaint"]}),
        ({"accept": [9], "options": OPTIONS}, {"choices": ["9"]}),
        ({"accept": [1], "options": [{"id": 1, "html": "<b>Yes</b>!"}]}, {"choices": ["Yes!"]}),
        ({"accept": [1], "options": [{"id": 1}]}, {"choices": ["1"]}),
        ({"label": "POS"}, {"choices": ["POS"]}),
        ({"cats": {"A": 1, "B": 0, "C": True}}, {"choices": ["A", "C"]}),
        ({"accept": [0], "options": OPTIONS, "label": "POS"}, {"choices": ["Praise"], "label": ["POS"]}),
        ({"label": "POS", "cats": {"A": 1}}, {"choices": ["POS"], "cats": ["A"]}),
        ({"label": "POS", "cats": {"A": 0}}, {"choices": ["POS"]}),
    ],
)
def test_choices_are_what_was_accepted_by_its_name(tmp_path, line, choices):
    (task,), report = made(tmp_path, {"text": "x", **line, **ACCEPT})
    assert chosen(task) == choices
    assert report.lossless


def test_categories_between_yes_and_no_are_counted_and_all_are_offered(tmp_path):
    (task,), report = made(tmp_path, {"text": "x", "cats": {"A": 0.75, "B": 0.25, "C": 0}, **ACCEPT})
    assert chosen(task) == {"choices": ["A"]}
    assert told(report) == {"answer": {"categories are numbers: chosen from 0.5 on": 1}}
    config = (tmp_path / "out.label-config.xml").read_text()
    assert [f'<Choice value="{name}"/>' in config for name in "ABC"] == [True] * 3


def test_two_options_of_one_id_are_counted(tmp_path):
    options = [{"id": 1, "text": "A"}, {"id": 1, "text": "B"}]
    (task,), report = made(tmp_path, {"text": "x", "accept": [1], "options": options, **ACCEPT})
    assert chosen(task) == {"choices": ["B"]}
    assert told(report) == {"answer": {"two options have one id: called as the last": 1}}


def test_two_options_of_one_text_stay_apart(tmp_path):
    options = [{"id": "a", "text": "A"}, {"id": "b", "text": "A"}]
    (task,), _ = made(tmp_path, {"text": "x", "accept": ["b"], "options": options, **ACCEPT})
    assert chosen(task) == {"choices": ["A (b)"]}


def test_an_answer_that_is_none_costs_no_other_answer(tmp_path):
    answers = {
        "bad": {"type": "poem", "values": ["x"]},
        "worse": {"type": "number", "values": [1e999]},
        "good": {"type": "rating", "values": [4]},
    }
    (task,), report = made(tmp_path, {"text": "x", "answers": answers, **ACCEPT})
    assert [(item["from_name"], item["value"]) for item in results(task)] == [("good", {"rating": 4})]
    assert told(report) == {"answer": {"is of an unknown type": 1, "an answer that is no finite number": 1}}


@pytest.mark.parametrize(
    ("line", "data"),
    [
        ({"image": "a.png", "text": "a caption"}, {"image": "a.png", "text": "a caption"}),
        ({"text": "hi", "html": "<b>hi</b>"}, {"text": "hi", "html": "<b>hi</b>"}),
        ({"html": "<b>hi</b> yo"}, {"text": "hi yo", "html": "<b>hi</b> yo"}),
        ({"audio": "a.wav", "image": "a.png"}, {"image": "a.png", "audio": "a.wav"}),
        ({"text": "hi", "source": "a letter", "model": "m", "rank": 2}, None),
        ({"text": "hi", "meta": {"source": "a letter", "page": 4}}, None),
    ],
)
def test_what_is_shown_beside_goes_along_as_data(tmp_path, line, data):
    (task,), report = made(tmp_path, {**line, "label": "L", **ACCEPT})
    expected = data or {**{k: v for k, v in line.items() if k != "meta"}, **line.get("meta", {})}
    assert task["data"] == expected
    assert report.lossless


def test_names_of_ours_in_the_meta_of_others_stay_their_own(tmp_path):
    meta = {
        "priority": "high",
        "score": "good",
        "task_id": [1],
        "ground_truth": "maybe",
        "model_version": [2],
    }
    (line,), report = objects(
        tmp_path, "in.jsonl", [{"text": "hi", "meta": meta, "label": "L", **ACCEPT}], ".jsonl"
    )
    assert line["data"] == meta
    assert "meta" not in line
    assert report.lossless


def test_score_and_priority_beside_the_meta_count_unless_the_meta_has_its_own(tmp_path):
    (task,), report = made(tmp_path, {"text": "hi", "score": 0.75, "priority": 3, "label": "L"})
    assert task["predictions"][0]["score"] == 0.75
    assert task["meta"] == {"priority": 3.0}
    (task,), report = made(
        tmp_path,
        {"text": "hi", "score": 0.75, "priority": 3, "label": "L", "meta": {"score": 0.5, "priority": 3}},
    )
    assert task["predictions"][0]["score"] == 0.5
    assert task["data"] == {"text": "hi", "score": 0.75}
    assert report.lossless


def test_one_name_in_the_task_and_in_its_meta_is_two_and_counted(tmp_path):
    (task,), report = made(
        tmp_path, {"text": "hi", "title": "a", "meta": {"title": "b"}, "label": "L", **ACCEPT}
    )
    assert task["data"] == {"text": "hi", "title": "a", "title_2": "b"}
    assert list(told(report)) == ["task data"]


@pytest.mark.parametrize(
    ("line", "name", "count"),
    [
        ({"_annotator_id": "ana", "_session_id": "ana"}, "ana", 0),
        ({"_session_id": "news-ana"}, "news-ana", 0),
        ({"_annotator_id": 7}, "7", 0),
        ({"meta": {"annotator": "ana"}}, "ana", 0),
        ({"_annotator_id": "ana", "meta": {"annotator": "ana"}}, "ana", 0),
        ({"_annotator_id": "ana", "_session_id": "2026-01-02"}, "ana", 1),
    ],
)
def test_who_answered_is_the_annotator_or_the_session(tmp_path, line, name, count):
    (task,), report = made(tmp_path, {"text": "hi", "label": "L", **line, **ACCEPT})
    assert task["meta"] == {"annotators": [name]}
    assert task["data"] == {"text": "hi"}
    assert sum(told(report).get("annotation", {}).values()) == count


def test_another_annotator_in_the_meta_is_data(tmp_path):
    (task,), report = made(
        tmp_path, {"text": "hi", "label": "L", "_annotator_id": "ana", "meta": {"annotator": "bo"}, **ACCEPT}
    )
    assert task["meta"] == {"annotators": ["ana"]}
    assert task["data"] == {"text": "hi", "annotator": "bo"}
    assert report.lossless


def spans(task):
    return [
        (item["value"]["start"], item["value"]["end"], *item["value"]["labels"]) for item in results(task)
    ]


@pytest.mark.parametrize(
    ("span", "found", "told_of"),
    [
        ({"start": 3, "end": 5}, [(3, 5, "A")], {}),
        ({"start": 3, "end": 5, "text": "yo"}, [(3, 5, "A")], {}),
        ({"start": 3, "end": 5, "answer": "accept"}, [(3, 5, "A")], {}),
        ({"token_start": 0, "token_end": 1}, [(0, 5, "A")], {}),
        ({"start": 3, "end": 5, "answer": "reject"}, [], {"text span": {"was answered with reject": 1}}),
        ({"token_start": 1, "token_end": 0}, [], {"text span": {"its tokens are no whole numbers": 1}}),
        ({"token_start": 0, "token_end": 7}, [], {"text span": {"a part of it is of the wrong type": 1}}),
        ({"start": 3}, [], {"text span": {"has no 'end'": 1}}),
        (
            {"start": 3, "end": 5, "text": "hi"},
            [(3, 5, "A")],
            {"attribute": {"a span quotes another text: its offsets stand": 1}},
        ),
    ],
)
def test_spans_are_where_they_say_or_their_tokens(tmp_path, span, found, told_of):
    line = {"text": "hi yo", "tokens": TOKENS, "spans": [{"label": "A", **span}], **ACCEPT}
    (task,), report = made(tmp_path, line)
    assert spans(task) == found
    assert told(report) == told_of


def test_a_span_in_utf16_units_is_told_by_the_text_that_it_quotes(tmp_path):
    text = "\N{PARTY POPPER} at Oslo"
    for start, end in ((5, 9), (6, 10)):  # the popper takes two units
        span = {"start": start, "end": end, "text": "Oslo", "label": "LOC"}
        (task,), report = made(tmp_path, {"text": text, "spans": [span], **ACCEPT})
        assert spans(task) == [(5, 9, "LOC")]
        assert report.lossless


def test_the_channel_of_a_sound_is_kept(tmp_path):
    span = {"start": 0, "end": 2.5, "label": "A", "channel": 1, "id": "q"}
    (task,), report = made(tmp_path, {"audio": "a.wav", "audio_spans": [span], **ACCEPT})
    (item,) = results(task)
    assert (item["id"], item["value"]) == ("q", {"start": 0.0, "end": 2.5, "channel": 1, "labels": ["A"]})
    assert report.lossless


def drawn(tmp_path, span):
    picture = {"image": "x.png", "width": 100, "height": 100}
    (task,), report = made(tmp_path, {**picture, "spans": [{"label": "q", **span}], **ACCEPT})
    return [(item["type"], item["value"]) for item in results(task)], report


def test_a_rect_is_told_by_its_sides_its_corners_or_two_of_them(tmp_path):
    sides = {"x": 1, "y": 1, "width": 4, "height": 4}
    corners = [[1, 1], [1, 5], [5, 5], [5, 1]]
    for span in (
        {**sides, "type": "rect"},
        sides,
        {"type": "rect", "points": corners},
        {"type": "rect", "points": corners[::2]},
        {**sides, "type": "rect", "points": corners},
    ):
        found, report = drawn(tmp_path, span)
        assert found == [
            (
                "rectanglelabels",
                {"x": 1.0, "y": 1.0, "width": 4.0, "height": 4.0, "rotation": 0.0, "rectanglelabels": ["q"]},
            )
        ]
        assert report.lossless


def test_a_rect_whose_points_stand_askew_is_a_polygon(tmp_path):
    points = [[5, 1], [9, 5], [5, 9], [1, 5]]
    ((kind, value),), report = drawn(tmp_path, {"type": "rect", "points": points})
    assert (kind, value["points"]) == ("polygonlabels", [[5.0, 1.0], [9.0, 5.0], [5.0, 9.0], [1.0, 5.0]])
    assert report.lossless


def test_sides_stand_where_the_points_of_a_rect_say_something_else(tmp_path):
    span = {"x": 50, "y": 50, "width": 2, "height": 2, "type": "rect", "points": [[1, 1], [5, 5]]}
    ((_, value),), report = drawn(tmp_path, span)
    assert (value["x"], value["width"]) == (50.0, 2.0)
    assert told(report) == {"attribute": {"points and sides of a rect differ: its sides stand": 1}}


@pytest.mark.parametrize(
    ("span", "why"),
    [
        ({"type": "rect"}, "has neither sides nor points"),
        ({"type": "rect", "points": [[1, 1], [2, 5], [4, 4]], "x": 1}, None),
        ({"points": [[1, 1], [2, 2]]}, "fewer than 3 points"),
        ({"type": "star", "points": [[1, 1]]}, "unknown type of span"),
        (
            {"x": 1, "y": 1, "width": -4, "height": 4},
            "a coordinate is not finite or out of range, or a side negative",
        ),
    ],
)
def test_what_is_no_shape_is_counted(tmp_path, span, why):
    found, report = drawn(tmp_path, span)
    assert told(report) == ({} if why is None else {"image span": {why: 1}})
    assert len(found) == (why is None)


def session(name, **more):
    return {"text": "x", "label": "A", "_input_hash": 1, "_session_id": name, **ACCEPT, **more}


@pytest.mark.parametrize(
    ("more", "tasks", "count"),
    [
        ({}, 1, 0),
        ({"meta": {"page": 2}}, 1, 0),
        ({"meta": {"page": 1, "task_id": 5}}, 2, 0),
        ({"text": "y"}, 2, 0),
        ({"meta": {"page": 1, "priority": 9}}, 1, 0),
    ],
)
def test_lines_of_one_hash_are_one_task_where_nothing_sets_them_apart(tmp_path, more, tasks, count):
    found, report = made(tmp_path, session("a"), session("b", **more))
    assert len(found) == tasks
    assert sum(len(task["annotations"]) for task in found) == 2
    assert sum(report.changed.values()) == count


def test_what_differs_between_lines_of_one_task_is_counted(tmp_path):
    one, other = {"page": 1, "priority": 1}, {"page": 2, "priority": 2}
    (task,), report = made(tmp_path, session("a", meta=one), session("b", meta=other))
    assert task["data"] == {"text": "x", "page": 1}
    assert task["meta"] == {"priority": 1.0, "annotators": ["a", "b"]}
    assert told(report) == {
        "task data": {
            "differs between lines about one input: the first is kept": 1,
            "priority differs between lines about one input: the first is kept": 1,
        }
    }


def test_pictures_of_two_sizes_are_two_tasks(tmp_path):
    rect = {"label": "q", "type": "rect", "points": [[1, 1], [5, 5]]}
    lines = [
        {"image": "x.png", "width": side, "height": side, "_input_hash": 1, "spans": [rect], **ACCEPT}
        for side in (10, 20)
    ]
    found, _ = made(tmp_path, *lines)
    assert [results(task)[0]["value"]["x"] for task in found] == [10.0, 5.0]


def test_a_ranking_comes_back_from_prodigy_as_it_was(tmp_path):
    ranking = {"_": ["a", "b"], "good": ["c"]}
    item = {"id": "c", "from_name": "rk", "to_name": "t", "type": "ranker", "value": {"ranker": ranking}}
    task = {"id": 1, "data": {"text": "x"}, "annotations": [{"result": [item]}]}
    text, report = converted(
        tmp_path, "in.json", [task], ".jsonl", label_config='<View><Text name="t" value="$text"/></View>'
    )
    assert json.loads(text)["answers"]["rk"]["values"] == [ranking]
    (back,), _ = objects(tmp_path, "in.jsonl", text, ".json")
    assert results(back)[0]["value"] == {"ranker": ranking}
    assert report.lossless
