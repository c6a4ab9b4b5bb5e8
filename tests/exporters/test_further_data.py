"""What a task says besides what it shows: kept under its own name, taken back, or told."""

import json

import pytest

from tests.exporters.converting import answer, box, converted, objects, task, told

PICTURE = {"image": "a.png"}


def line_of(tmp_path, given, **options):
    (line,), report = objects(tmp_path, "in.json", [given], ".jsonl", **options)
    return line, report


def test_id_priority_and_score_come_back_from_the_meta_that_our_writer_writes(tmp_path):
    lines = [
        {"text": "hi", "meta": {"task_id": 7, "priority": 2.5, "score": 0.25}},
        {"text": "yo", "meta": {"task_id": 8}},
    ]
    text, report = converted(tmp_path, "in.jsonl", lines, ".json")
    assert report.lossless
    assert [each["meta"] for each in json.loads(text)] == [
        {"id": 7, "priority": 2.5, "score": 0.25},
        {"id": 8},
    ]
    back, report = objects(tmp_path, "in.json", text, ".jsonl")
    assert back == lines
    assert report.lossless


def test_names_of_annotators_come_back_from_meta_unless_label_studio_knows_its_own(tmp_path):
    given = task(PICTURE, box(), meta={"annotators": ["ana"]})
    assert line_of(tmp_path, given)[0]["_annotator_id"] == "ana"
    given["annotations"][0]["completed_by"] = 3
    line, report = line_of(tmp_path, given)
    assert line["_annotator_id"] == "3"
    assert line["data"] == {"meta": {"annotators": ["ana"]}}
    assert report.lossless


@pytest.mark.parametrize(
    ("meta", "ours", "rest"),
    [
        ({"id": "doc-5"}, {"task_id": 1}, {"id": "doc-5"}),
        ({"priority": "high"}, {"task_id": 1}, {"priority": "high"}),
        ({"priority": 3}, {"task_id": 1, "priority": 3.0}, None),
        ({"score": [1]}, {"task_id": 1}, {"score": [1]}),
        ({"annotators": ["a", "b"]}, {"task_id": 1}, {"annotators": ["a", "b"]}),
        (["a", "b"], {"task_id": 1}, ["a", "b"]),
        ("words", {"task_id": 1, "meta": "words"}, None),
    ],
)
def test_meta_that_is_not_as_we_write_it_goes_along_with_the_data(tmp_path, meta, ours, rest):
    line, report = line_of(tmp_path, task(PICTURE, box(), meta=meta))
    assert line["meta"] == ours
    assert line.get("data") == (None if rest is None else {"meta": rest})
    assert report.lossless


def test_the_meta_of_a_task_and_a_meta_in_its_data_are_both_kept(tmp_path):
    line, report = line_of(tmp_path, task({**PICTURE, "meta": "own"}, box(), meta={"from": "z"}))
    assert line["meta"] == {"task_id": 1, "meta": "own"}
    assert line["data"] == {"task_meta": {"from": "z"}}
    assert report.lossless


def test_a_rank_of_today_stands_before_one_of_an_earlier_export(tmp_path):
    line, _ = line_of(tmp_path, task(PICTURE, box(), meta={"priority": 3}, _priority=5))
    assert line["meta"]["priority"] == 5.0
    assert line["data"] == {"meta": {"priority": 3}}
    _, report = line_of(tmp_path, task(PICTURE, box(), _priority="high"))
    assert told(report) == {"key": {"'_priority' is no finite number": 1}}


@pytest.mark.parametrize(
    ("by", "name"),
    [
        ({"email": "a@example.org", "username": "ana", "id": 3}, "a@example.org"),
        ({"username": "ana", "id": 3}, "ana"),
        ({"id": 3}, "3"),
        ({"first_name": "Ana"}, None),
        ({}, None),
    ],
)
def test_an_annotator_in_full_goes_by_email_name_or_id(tmp_path, by, name):
    given = task(PICTURE, box())
    given["annotations"][0]["completed_by"] = by
    line, report = line_of(tmp_path, given)
    assert line.get("_annotator_id") == name
    assert report.lossless == (name is not None or not by)


def test_who_speaks_in_a_dialogue_goes_along(tmp_path):
    talk = [{"author": "Ann", "text": "hi there", "start": 1.5}, {"author": "Bo", "text": "yo"}]
    value = {"start": "0", "end": "1", "startOffset": 3, "endOffset": 2, "paragraphlabels": ["G"]}
    region = {"id": "a", "from_name": "p", "to_name": "d", "type": "paragraphlabels", "value": value}
    line, report = line_of(tmp_path, task({"talk": talk}, region))
    assert line["text"] == "hi there\nyo"
    assert [(each["start"], each["end"]) for each in line["spans"]] == [(3, 11)]
    assert line["data"] == {"talk": talk}
    assert report.lossless


def test_the_source_of_a_page_goes_along_where_it_says_more_than_its_text(tmp_path):
    config = '<View><HyperText name="h" value="$page"/></View>'
    for page, text, meta in (
        ("<p>hi <b>you</b></p>", "hi you", {"task_id": 1, "page": "<p>hi <b>you</b></p>"}),
        ("no tags", "no tags", {"task_id": 1}),
    ):
        line, report = line_of(tmp_path, task({"page": page}), label_config=config)
        assert (line["text"], line["meta"]) == (text, meta)
        assert report.lossless


def test_pages_that_are_no_addresses_go_along_whole(tmp_path):
    config = '<View><Image name="image" valueList="$pages"/></View>'
    pages = ["p0.png", {"url": "p1.png"}]
    lines, _ = objects(tmp_path, "in.json", [task({"pages": pages}, box())], ".jsonl", label_config=config)
    assert lines[0]["image"] == "p0.png"
    assert lines[0]["data"] == {"pages": pages}


def test_a_name_that_label_studio_needs_for_what_is_shown_is_given_up_and_counted(tmp_path):
    lines = [{"text": "hi", "meta": {"text": "from a letter", "text_2": "p. 4"}}]
    (made,), report = objects(tmp_path, "in.jsonl", lines, ".json")
    assert made["data"] == {"text": "hi", "text_2": "p. 4", "text_3": "from a letter"}
    assert told(report) == {"task data": {"'text' renamed: what is shown has this name": 1}}
    (made,), report = objects(tmp_path, "in.jsonl", [{"text": "hi", "meta": {"text": "hi"}}], ".json")
    assert made["data"] == {"text": "hi"}
    assert report.lossless


def test_annotations_are_chosen_where_tasks_are_copied_too(tmp_path):
    said = [
        {"id": 1, "result": [], "updated_at": "2026-01-01T00:00:00Z", "ground_truth": True},
        {"id": 2, "result": [], "updated_at": "2026-02-01T00:00:00Z"},
        {"id": 3, "result": [], "updated_at": "2026-03-01T00:00:00Z", "was_cancelled": True},
    ]
    given = [{"data": {"text": "x"}, "annotations": said}]
    for choice, kept, count in (("all", [1, 2, 3], 0), ("latest", [2], 2), ("ground_truth", [1], 2)):
        (made,), report = objects(tmp_path, "in.json", given, ".json", annotators=choice)
        assert [each["id"] for each in made["annotations"]] == kept
        assert report.carried == {"annotation": len(kept)}
        assert sum(told(report).get("annotation", {}).values()) == count


YES_NO = [
    answer("p", "choices", {"choices": ["yes"]}, "good"),
    answer("q", "choices", {"choices": ["no"]}, "old"),
]


def choices(name, *values):
    offered = "".join(f'<Choice value="{value}"/>' for value in values)
    return f'<Choices name="{name}" toName="image">{offered}</Choices>'


@pytest.mark.parametrize("suffix", [".jsonl", ".xml"])
def test_answers_to_several_questions_come_back_each_to_its_own(tmp_path, suffix):
    given = [task(PICTURE, *YES_NO)]
    shown = '<Image name="image" value="$image"/>'
    same = f"<View>{shown}{choices('good', 'yes', 'no')}{choices('old', 'yes', 'no')}</View>"
    apart = f"<View>{shown}{choices('good', 'yes', 'so')}{choices('old', 'no', 'maybe')}</View>"
    for config in ("", same, apart):
        text, report = converted(tmp_path, "in.json", given, suffix, label_config=config)
        assert (report.carried.get("choices"), sum(report.changed.values())) == (2, 0), config
        (made,), _ = objects(tmp_path, f"in{suffix}", text, ".json", label_config=config)
        found = {r["from_name"]: r["value"]["choices"] for r in made["annotations"][0]["result"]}
        assert found == {"good": ["yes"], "old": ["no"]}, config


def test_annotations_that_are_ids_alone_are_copied_whatever_is_chosen(tmp_path):
    given = [{"data": {"text": "x"}, "annotations": [4, {"id": 5, "result": [], "ground_truth": True}]}]
    (made,), report = objects(tmp_path, "in.json", given, ".json", annotators="ground_truth")
    assert made["annotations"] == given[0]["annotations"]
    assert report.carried == {"annotation": 2}


@pytest.mark.parametrize(
    ("heads", "kept"),
    [
        ([{"was_cancelled": True}], [0]),
        ([{"was_cancelled": True}, {}], [1]),
        ([{"created_at": "2026-02-01"}, {"created_at": "2026-01-01"}], [0]),
        ([{"created_at": "2026-02-01", "updated_at": "2026-02-01"}, {"created_at": "2026-03-01"}], [1]),
        ([], []),
    ],
)
def test_the_latest_is_the_last_that_was_not_skipped_or_the_only_one(tmp_path, heads, kept):
    said = [{"id": at, "result": [], **head} for at, head in enumerate(heads)]
    given = [{"data": {"text": "x"}, "annotations": said}]
    (made,), _ = objects(tmp_path, "in.json", given, ".json", annotators="latest")
    assert [each["id"] for each in made["annotations"]] == kept
