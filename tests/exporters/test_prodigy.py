"""Prodigy's JSON Lines: tokens, spans, relations, answers, hashes."""

import json
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import exporters
from exporters.formats import FORMATS
from exporters.json_stream import dump
from exporters.prodigy.hashes import input_hash, murmur3_32, task_hash
from exporters.prodigy.tokens import TokenIndex, cut_at, rows, tokenize
from tests.exporters.shared import need, real

SPAN_KEYS = [
    "start",
    "end",
    "label",
    "id",
    "type",
    "points",
    "x",
    "y",
    "width",
    "height",
    "head_span",
    "child_span",
]
TASK_KEYS = [
    "spans",
    "audio_spans",
    "relations",
    "accept",
    "options",
    "label",
    "answer",
    "meta",
    "cats",
    "answers",
]
TASK_KEYS += ["width", "height", "_annotator_id", "priority", "transcript", "text"]


def written(tmp_path, tasks, **options):
    path = tmp_path / "o.jsonl"
    config = options.pop("label_config", "")
    report = exporters.export_tasks(tasks, format="prodigy", output=path, label_config=config, **options)
    return [json.loads(line) for line in path.read_text().splitlines()], report


def text_task(text, *results, **more):
    return {"id": 9, "data": {"text": text}, "annotations": [{"result": list(results), **more}]}


def span(key, start, end, *labels, text=None):
    value = {"start": start, "end": end, "labels": list(labels)}
    return {"id": key, "type": "labels", "value": value if text is None else {**value, "text": text}}


def test_murmur3_gives_its_published_values():
    # Appleby's own verification vectors.
    assert murmur3_32(b"") == 0
    assert murmur3_32(b"", 1) == 0x514E28B7
    assert murmur3_32(b"\x21\x43\x65\x87") & 0xFFFFFFFF == 0xF55B516B
    assert murmur3_32(b"\x21\x43\x65") & 0xFFFFFFFF == 0x7E4A8634
    assert murmur3_32(b"Hello, world!", 0x9747B28C) & 0xFFFFFFFF == 0x24884CBA


def _hashed():
    for path in need(real("prodigy", "*.jsonl")):
        for line in path.read_text().splitlines():
            task = json.loads(line) if line.strip() else {}
            if "_input_hash" in task:
                yield path.name, task


def test_input_hashes_equal_those_of_the_real_files():
    counts = {}
    for name, task in _hashed():
        right, total = counts.get(name, (0, 0))
        counts[name] = (right + (input_hash(task) == task["_input_hash"]), total + 1)
    assert counts.pop("recipes_annotated_reddit-INSULT-textcat.jsonl", (0, 500))[0] == 0  # an older Prodigy
    assert sum(total for _, total in counts.values()) >= 2000
    assert all(right == total for right, total in counts.values()), counts


def test_task_hashes_equal_those_of_the_real_files():
    """A hash is of the task before it was annotated: without spans, or as it was streamed with none."""
    counts = {}
    for name, task in _hashed():
        if "fashion_brands" not in name and "headlines-ORG" not in name:
            continue
        before = {k: v for k, v in task.items() if k in ("text", "meta")}
        hashes = {task_hash(t, task["_input_hash"]) for t in (before, {**before, "spans": []}, task)}
        right, total = counts.get(name, (0, 0))
        counts[name] = (right + (task["_task_hash"] in hashes), total + 1)
    assert counts
    assert all(right == total for right, total in counts.values()), counts


def test_the_real_tokens_tell_that_token_end_is_inclusive():
    checked = 0
    for path in need(real("prodigy", "*.jsonl")):
        for line in path.read_text().splitlines():
            task = json.loads(line) if line.strip() else {}
            index = TokenIndex([(t["start"], t["end"]) for t in task.get("tokens", ())])
            for mark in task.get("spans", ()):
                if "token_end" in mark:
                    found = index.find(mark["start"], mark["end"])
                    assert found == (mark["token_start"], mark["token_end"])
                    checked += 1
    assert checked > 1000


texts = st.text(alphabet=st.sampled_from("ab3.,'’ \n\t\u00e9\U0001f600n-"), max_size=40)


@settings(deadline=None)
@given(texts, st.data())
def test_tokens_cover_the_text_in_order_and_are_cut_at_spans(text, data):
    bounds = data.draw(st.lists(st.integers(0, len(text)), max_size=4))
    offsets, _ = cut_at(tokenize(text), bounds)
    assert all(0 <= start < end <= len(text) for start, end in offsets)
    assert all(one[1] <= other[0] for one, other in pairwise(offsets))
    covered = {i for start, end in offsets for i in range(start, end)}
    assert {i for i, c in enumerate(text) if not c.isspace()} <= covered
    assert not any(start < bound < end for start, end in offsets for bound in bounds)
    for token in rows(text, offsets):
        assert text[token["start"] : token["end"]] == token["text"]
        assert token["ws"] == (text[token["end"] : token["end"] + 1] == " ")


def test_spans_stand_on_tokens_and_the_end_is_the_last_one(tmp_path):
    text = "Ann Lee lives in New-York."
    (line,), report = written(tmp_path, [text_task(text, span("a", 0, 7, "PER"), span("b", 17, 25, "LOC"))])
    assert [t["text"] for t in line["tokens"]] == ["Ann", "Lee", "lives", "in", "New", "-", "York", "."]
    assert [(s["token_start"], s["token_end"], s["label"]) for s in line["spans"]] == [
        (0, 1, "PER"),
        (4, 6, "LOC"),
    ]
    assert line["answer"] == "accept"
    assert line["meta"]["task_id"] == 9
    assert report.lossless


def test_a_span_inside_a_word_cuts_the_word_and_is_not_moved(tmp_path):
    (line,), _ = written(tmp_path, [text_task("unhappiness", span("a", 2, 7, "ROOT", text="happi"))])
    assert [t["text"] for t in line["tokens"]] == ["un", "happi", "ness"]
    assert (line["spans"][0]["token_start"], line["spans"][0]["token_end"]) == (1, 1)
    assert [t["ws"] for t in line["tokens"]] == [False, False, False]


def test_relations_point_to_the_last_tokens(tmp_path):
    links = [
        {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right", "labels": ["lives in"]},
        {"type": "relation", "from_id": "a", "to_id": "b", "direction": "left", "labels": ["home of"]},
        {"type": "relation", "from_id": "a", "to_id": "zzz"},
    ]
    spans = [span("a", 0, 7, "PER"), span("b", 17, 25, "LOC")]
    (line,), report = written(tmp_path, [text_task("Ann Lee lives in New York.", *spans, *links)])
    found = [(r["head"], r["child"], r["label"]) for r in line["relations"]]
    assert found == [(1, 5, "lives in"), (5, 1, "home of")]
    assert line["relations"][0]["head_span"] == {
        "start": 0,
        "end": 7,
        "token_start": 0,
        "token_end": 1,
        "label": "PER",
    }
    assert report.carried["relation"] == 2
    assert report.dropped == {("relation", "an end of it is no span of the text"): 1}


def test_a_choice_names_its_options_in_the_order_of_the_config(tmp_path):
    config = (
        '<View><Text name="t" value="$text"/><Choices name="c" toName="t" choice="single">'
        '<Choice value="pos"/><Choice value="neg"/></Choices></View>'
    )
    choice = {"id": "a", "type": "choices", "from_name": "c", "to_name": "t", "value": {"choices": ["neg"]}}
    lines, _ = written(tmp_path, [text_task("x", choice), {"data": {"text": "y"}}], label_config=config)
    assert lines[0]["accept"] == ["neg"]
    assert [option["id"] for option in lines[0]["options"]] == ["pos", "neg"]
    assert lines[0]["config"] == {"choice_style": "single"}
    assert "accept" not in lines[1]
    assert [option["id"] for option in lines[1]["options"]] == ["pos", "neg"]


def test_skipped_is_ignore_and_each_annotator_has_a_line(tmp_path):
    task = text_task("x", completed_by=4)
    task["annotations"].append({"result": [], "was_cancelled": True, "completed_by": 5})
    lines, _ = written(tmp_path, [task])
    assert [(line["answer"], line["_annotator_id"], line["_session_id"]) for line in lines] == [
        ("accept", "4", "4"),
        ("ignore", "5", "5"),
    ]


def test_predictions_have_no_answer_and_priority_is_kept(tmp_path):
    task = {
        "id": 1,
        "data": {"text": "ab"},
        "_priority": 0.25,
        "_score": 0.75,
        "predictions": [{"model_version": "m", "result": [span("a", 0, 2, "L")]}],
    }
    (line,), _ = written(tmp_path, [task], predictions=True)
    assert "answer" not in line
    assert line["meta"] == {"task_id": 1, "priority": 0.25, "score": 0.75, "model_version": "m"}
    assert line["spans"][0]["label"] == "L"


def test_image_spans_have_both_points_and_sides(tmp_path):
    value = {"x": 10, "y": 20, "width": 50, "height": 25, "rotation": 0, "rectanglelabels": ["car"]}
    sized = {"original_width": 200, "original_height": 100}
    box = {"id": "b", "type": "rectanglelabels", "value": value, **sized}
    turned = {**box, "id": "t", "value": {**value, "rotation": 90}}
    dot = {"id": "d", "type": "keypointlabels", "value": {"x": 1, "y": 1, "keypointlabels": ["k"]}, **sized}
    task = {"data": {"image": "a.jpg"}, "annotations": [{"result": [box, turned, dot]}]}
    (line,), report = written(tmp_path, [task])
    assert (line["image"], line["width"], line["height"]) == ("a.jpg", 200, 100)
    rect, polygon = line["spans"]
    assert rect == {
        "x": 20.0,
        "y": 20.0,
        "width": 100.0,
        "height": 25.0,
        "center": [70.0, 32.5],
        "type": "rect",
        "points": [[20.0, 20.0], [20.0, 45.0], [120.0, 45.0], [120.0, 20.0]],
        "label": "car",
        "id": "b",
    }
    assert polygon["type"] == "polygon"
    assert polygon["points"][2] == pytest.approx([-5.0, 120.0])
    assert report.carried == {"box": 1}
    assert report.changed == {("box", "turned box: as a polygon"): 1}
    assert report.dropped == {("keypoints", "Prodigy has no such shape"): 1}


def test_sound_regions_are_audio_spans(tmp_path):
    result = {"id": "s", "type": "labels", "value": {"start": 1.5, "end": 2.5, "labels": ["beat"]}}
    task = {"data": {"audio": "a.wav"}, "annotations": [{"result": [result]}]}
    (line,), _ = written(tmp_path, [task])
    assert line["audio_spans"] == [{"start": 1.5, "end": 2.5, "label": "beat", "id": "s"}]


def test_hashes_come_on_request_and_tell_tasks_apart(tmp_path):
    tasks = [{"data": {"text": "a"}}, {"data": {"text": "b"}}, {"data": {"text": "a"}}]
    lines, _ = written(tmp_path, tasks, hashes=True)
    assert lines[0]["_input_hash"] == lines[2]["_input_hash"] != lines[1]["_input_hash"]
    assert lines[0]["_task_hash"] == lines[2]["_task_hash"]
    assert "_input_hash" not in written(tmp_path, tasks)[0][0]


def test_a_tokenizer_of_ones_own_is_used(tmp_path):
    lines, _ = written(
        tmp_path, [text_task("ab", span("a", 0, 1, "L"))], tokenizer=lambda text: [(0, len(text))]
    )
    assert [t["text"] for t in lines[0]["tokens"]] == ["a", "b"]


def test_lone_surrogates_do_not_stop_the_export(tmp_path):
    lines, _ = written(tmp_path, [text_task("a\ud83db", span("s", 0, 1, "L"))])
    assert lines[0]["text"].startswith("a")


junk = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.integers(-5, 50),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(SPAN_KEYS), inner, max_size=4)
    ),
    max_leaves=6,
)
tasks = st.dictionaries(st.sampled_from(TASK_KEYS), junk, max_size=6)


@settings(max_examples=150, deadline=None)
@given(tasks, st.sampled_from(["text", "image", "audio", "video"]))
def test_broken_lines_are_counted_and_never_crash(tmp_path_factory, task, kind):
    folder = tmp_path_factory.mktemp("broken")
    (folder / "in.jsonl").write_bytes(dump({kind: "abc", **task}) + b"\n")
    for name, form in FORMATS.items():
        report = exporters.convert(
            folder / "in.jsonl", folder / f"o{form.suffix}", to_format=name, from_format="prodigy"
        )
        assert report.items + sum(report.dropped.values()) >= 1


def converted(tmp_path, lines, target="out.json", **options):
    """Return (what the lines become, report)."""
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, lines)))
    report = exporters.convert(tmp_path / "in.jsonl", tmp_path / target, **options)
    text = (tmp_path / target).read_text()
    return (
        json.loads(text) if target.endswith(".json") else [json.loads(x) for x in text.splitlines()]
    ), report


def of_input(key, who, text="soup", **more):
    return {"text": text, "_input_hash": key, "_annotator_id": who, "answer": "accept", **more}


def test_lines_of_one_input_are_one_task_wherever_they_stand(tmp_path):
    lines = [
        of_input(7, "a", "soup", label="HOT"),
        of_input(8, "a", "tea", label="COLD"),
        {"text": "no hash", "label": "HOT", "answer": "accept"},
        of_input(7, "b", "soup", label="COLD"),
        of_input(8, "b", "tea", label="COLD"),
        of_input(7, "c", "soup", label="HOT"),
    ]
    tasks, report = converted(tmp_path, lines)
    assert [task["data"]["text"] for task in tasks] == ["soup", "tea", "no hash"]
    assert [task["meta"]["annotators"] for task in tasks[:2]] == [["a", "b", "c"], ["a", "b"]]
    said = [[a["result"][0]["value"]["choices"] for a in task["annotations"]] for task in tasks]
    assert said == [[["HOT"], ["COLD"], ["HOT"]], [["COLD"], ["COLD"]], [["HOT"]]]
    assert report.lossless
    back = [json.loads(line) for line in _back(tmp_path).splitlines()]
    assert [(line["text"], line.get("_annotator_id")) for line in back] == [
        ("soup", "a"),
        ("soup", "b"),
        ("soup", "c"),
        ("tea", "a"),
        ("tea", "b"),
        ("no hash", None),
    ]
    again, _ = converted(tmp_path, back, "again.json")
    assert [len(task["annotations"]) for task in again] == [3, 2, 1]


def _back(tmp_path):
    exporters.convert(tmp_path / "out.json", tmp_path / "back.jsonl")
    return (tmp_path / "back.jsonl").read_text()


def test_bare_lines_and_other_texts_of_one_hash_stay_tasks_of_their_own(tmp_path):
    lines = [
        {"text": "a", "_input_hash": 1},
        {"text": "a", "_input_hash": 1},
        of_input(1, "x", "b", label="L"),
    ]
    tasks, _ = converted(tmp_path, lines)
    assert [task["data"]["text"] for task in tasks] == ["a", "a", "b"]


def test_what_differs_between_lines_of_one_input_is_counted(tmp_path):
    lines = [of_input(1, "a", meta={"page": 3}, label="L"), of_input(1, "b", meta={"page": 4}, label="L")]
    (task,), report = converted(tmp_path, lines)
    assert task["data"]["page"] == 3
    assert report.changed == {("task data", "differs between lines about one input: the first is kept"): 1}


@pytest.mark.parametrize("accept", [[1], ["1"]])
def test_a_choice_is_what_its_option_is_called(tmp_path, accept):
    options = [
        {"id": 0, "text": "Praise"},
        {"id": 1, "text": "Blame"},
        {"id": 2, "text": "Praise"},
        {"id": "x"},
    ]
    line = {"text": "t", "options": options, "accept": accept, "answer": "accept"}
    (task,), _ = converted(tmp_path, [{**line, "config": {"choice_style": "multiple"}}])
    assert task["annotations"][0]["result"][0]["value"] == {"choices": ["Blame"]}
    config = ElementTree.parse(tmp_path / "out.label-config.xml").find("Choices")
    assert [choice.get("value") for choice in config] == ["Praise (0)", "Blame", "Praise (2)", "x"]
    assert config.get("choice") == "multiple"
    (line,), _ = converted(tmp_path, [line], "out.jsonl")
    assert [option["text"] for option in line["options"]] == ["Praise (0)", "Blame", "Praise (2)", "x"]


TOKENS = [
    {"text": word, "start": start, "end": start + len(word), "id": i}
    for i, (word, start) in enumerate([("Ann", 0), ("Lee", 4), ("met", 8), ("Bo", 12)])
]


def test_an_option_that_is_a_page_is_called_by_what_it_says(tmp_path):
    options = [{"id": 1, "html": "<b>Nine &amp; ten</b>"}, {"id": 2, "html": "<b>Two</b>", "text": "2nd"}]
    line = {"text": "How many?", "options": options, "accept": [1, 2], "answer": "accept"}
    (tmp_path / "in.jsonl").write_text(json.dumps(line))
    assert exporters.convert(tmp_path / "in.jsonl", tmp_path / "o.json", strict=True).carried == {
        "choices": 1
    }
    (task,) = json.loads((tmp_path / "o.json").read_text())
    assert task["annotations"][0]["result"][0]["value"] == {"choices": ["Nine & ten", "2nd"]}


def test_what_an_option_shows_beside_its_name_is_counted(tmp_path):
    line = {"text": "Which?", "options": [{"id": 2, "image": "b.jpg"}], "accept": [2], "answer": "accept"}
    (tmp_path / "in.jsonl").write_text(json.dumps(line))
    report = exporters.convert(tmp_path / "in.jsonl", tmp_path / "o.json")
    assert report.carried == {"choices": 1}
    assert report.dropped == {("key", "'image' in options is not known"): 1}


def test_relations_by_the_positions_of_tokens_alone_are_read(tmp_path):
    line = {
        "text": "Ann Lee met Bo",
        "tokens": TOKENS,
        "spans": [{"start": 0, "end": 7, "token_start": 0, "token_end": 1, "label": "P"}],
        "relations": [
            {"head": 1, "child": 3, "label": "object"},  # a span's last token, and a word that is no span
            {"head": 3, "child": 2, "label": "verb"},
            {"head": 9, "child": 2, "label": "nowhere"},
        ],
        "answer": "accept",
    }
    (task,), report = converted(tmp_path, [line])
    results = task["annotations"][0]["result"]
    ids = {r["value"]["text"]: r["id"] for r in results if "value" in r}
    assert list(ids) == ["Ann Lee", "Bo", "met"]
    links = [(r["from_id"], r["to_id"], r["labels"]) for r in results if r["type"] == "relation"]
    assert links == [(ids["Ann Lee"], ids["Bo"], ["object"]), (ids["Bo"], ids["met"], ["verb"])]
    assert report.dropped == {("relation", "an end of it is neither a span nor a token of the task"): 1}


@pytest.mark.parametrize("blank", [" ", "\t", "\n", "\u00a0", "\u2003", " \r\n "])
def test_blanks_at_the_ends_of_a_span_belong_to_no_token_and_are_left_out(tmp_path, blank):
    text = f"see{blank}Frida Holm{blank}there{blank}"
    start, end = len("see"), len(f"see{blank}Frida Holm{blank}")
    spans = [(start, end, "PER"), (start, start + len(blank), "GAP")]
    result = [
        {"id": label, "type": "labels", "value": {"start": a, "end": b, "labels": [label]}}
        for a, b, label in spans
    ]
    task = {"id": 1, "data": {"text": text}, "annotations": [{"result": result}]}
    report = exporters.export_tasks([task], format="prodigy", output=tmp_path / "o.jsonl", label_config="")
    line = json.loads((tmp_path / "o.jsonl").read_text())
    (span,) = line["spans"]
    assert text[span["start"] : span["end"]] == "Frida Holm"
    assert line["tokens"][span["token_start"]]["start"] == span["start"]
    assert line["tokens"][span["token_end"]]["end"] == span["end"]
    assert report.changed == {("text span", "blanks at its ends left out"): 1}
    assert report.dropped == {("text span", "is blank: Prodigy's spans stand on tokens"): 1}
