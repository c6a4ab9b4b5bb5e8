"""JSON_MIN, CSV and TSV, of several releases and tools: cells are what Label Studio meant by them."""

import pytest

from exporters import InputError
from tests.exporters.converting import objects

END = {"annotator": 1, "annotation_id": 2, "created_at": "2026", "updated_at": "2026", "lead_time": 1.0}
CONFIG = """<View><Text name="t" value="$text"/>
<Rating name="stars" toName="t"/><Number name="price" toName="t"/><TextArea name="note" toName="t"/>
<Choices name="c" toName="t" choice="multiple"><Choice value="a"/><Choice value="b"/></Choices>
<Taxonomy name="tree" toName="t"><Choice value="q"><Choice value="z"/></Choice></Taxonomy></View>"""


def test_json_min_of_an_old_release_has_no_id_of_the_annotation(tmp_path):
    row = {"text": "x", "id": 1, "mood": "good", "annotator": "a@example.org"}
    (line,), report = objects(tmp_path, "in.json", [row], ".jsonl")
    assert (line["accept"], line["_annotator_id"]) == (["good"], "a@example.org")
    assert line["meta"] == {"task_id": 1, "annotator": "a@example.org"}
    assert report.lossless


def test_an_object_with_an_id_and_no_annotator_is_the_data_of_a_task(tmp_path):
    (line,), _ = objects(tmp_path, "in.json", [{"text": "x", "id": 1, "mood": "good"}], ".jsonl")
    assert "accept" not in line
    assert line["meta"]["mood"] == "good"


def test_each_answer_of_json_min_has_the_type_that_its_form_tells(tmp_path):
    row = {
        "text": "x",
        "id": 1,
        "stars": [{"rating": 4}],
        "price": [{"number": 2.5}],
        "tree": [{"taxonomy": [["q", "z"]]}],
        "day": [{"datetime": "2026-01-02"}],
        "c": {"choices": ["a", "b"]},
        **END,
    }
    (line,), report = objects(tmp_path, "in.json", [row], ".jsonl")
    assert line["accept"] == ["a", "b"]
    assert {name: (said["type"], said["values"]) for name, said in line["answers"].items()} == {
        "stars": ("rating", [4]),
        "price": ("number", [2.5]),
        "tree": ("taxonomy", [["q", "z"]]),
        "day": ("datetime", ["2026-01-02"]),
    }
    assert report.lossless


@pytest.mark.parametrize("mark", [",", "\t", ";"])
def test_cells_of_a_table_are_numbers_where_the_config_says_so(tmp_path, mark):
    header = ["text", "id", "stars", "price", "c", "note", "tree", "annotator", "annotation_id", "lead_time"]
    cells = [
        "ok",
        "1",
        "4",
        "3.5",
        '{"choices": ["a", "b"]}',
        '["one", "two"]',
        '[["q", "z"]]',
        "3",
        "5",
        "1.5",
    ]
    quoted = mark.join('"' + cell.replace('"', '""') + '"' for cell in cells)
    table = f"{mark.join(header)}\n{quoted}\n"
    (made,), report = objects(tmp_path, "in.csv", table, ".json", label_config=CONFIG)
    (annotation,) = made["annotations"]
    values = [(item["from_name"], item["value"]) for item in annotation["result"]]
    assert values == [
        ("stars", {"rating": 4}),
        ("price", {"number": 3.5}),
        ("note", {"text": ["one"]}),
        ("note", {"text": ["two"]}),
        ("c", {"choices": ["a", "b"]}),
        ("tree", {"taxonomy": [["q", "z"]]}),
    ]
    assert (annotation["lead_time"], annotation["id"], made["id"]) == (1.5, 5, 1)
    assert report.lossless


@pytest.mark.parametrize("text", ["[1, 2]", '{""a"": 1}', '[{""text"": ""hi""}]'])
@pytest.mark.parametrize("config", ["", CONFIG])
def test_a_text_that_looks_like_json_stays_a_text(tmp_path, text, config):
    if not config and "text" in text:
        pytest.skip("without a config that is a dialogue")
    table = f'text,id,c,annotator,annotation_id\n"{text}",1,a,3,5\n'
    (line,), _ = objects(tmp_path, "in.csv", table, ".jsonl", label_config=config)
    assert line["text"] == text.replace('""', '"')
    assert line["accept"] == ["a"]


def test_a_dialogue_in_a_cell_is_read_as_one(tmp_path):
    talk = '[{""author"": ""A"", ""text"": ""hi there""}]'
    place = '""start"": ""0"", ""end"": ""0"", ""startOffset"": 3, ""endOffset"": 8'
    said = f'[{{{place}, ""paragraphlabels"": [""G""]}}]'
    table = f'dialogue,id,label,annotator,annotation_id\n"{talk}",1,"{said}",3,5\n'
    (line,), report = objects(tmp_path, "in.csv", table, ".jsonl")
    assert line["text"] == "hi there"
    assert [(each["start"], each["end"], each["label"]) for each in line["spans"]] == [(3, 8, "G")]
    assert line["data"] == {"dialogue": [{"author": "A", "text": "hi there"}]}
    assert report.lossless


def test_a_table_without_annotations_gives_tasks(tmp_path):
    (line,), _ = objects(tmp_path, "in.csv", 'text,tags\n"[1, 2]","[1, 2]"\n', ".jsonl")
    assert (line["text"], line["data"]) == ("[1, 2]", {"tags": [1, 2]})


@pytest.mark.parametrize("by", ["", "3"])
def test_a_row_that_nobody_has_annotated_has_data_alone(tmp_path, by):
    # As Label Studio sorts the columns of its CSV, their order tells nothing.
    table = f"annotation_id,annotator,id,mood,text,topic\n{by},{by},1,good,hello,sports\n"
    if by:
        with pytest.raises(InputError, match="mood, text, topic are answers cannot be told"):
            objects(tmp_path, "in.csv", table, ".jsonl")
        return
    (line,), _ = objects(tmp_path, "in.csv", table, ".jsonl")
    assert line == {"text": "hello", "meta": {"mood": "good", "topic": "sports", "task_id": 1}}


@pytest.mark.parametrize("name", ["in.json", "in.jsonl"])
def test_json_min_is_known_though_its_controls_are_called_as_prodigys_keys(tmp_path, name):
    row = {"url": "a.mp3", "id": 1, "answer": {"text": ["Mario"]}, "label": "song", **END}
    (line,), report = objects(tmp_path, name, [row], ".jsonl")
    assert line["answers"] == {"answer": {"type": "textarea", "values": ["Mario"]}}
    assert (line["audio"], line["accept"]) == ("a.mp3", ["song"])
    assert report.lossless


def test_a_cell_of_numbers_that_is_none_stays_as_it_was(tmp_path):
    table = "text,id,stars,annotator,annotation_id\nhello,1,four,3,5\n"
    (made,), _ = objects(tmp_path, "in.csv", table, ".json", label_config=CONFIG)
    assert made["annotations"][0]["result"][0]["value"] == {"rating": "four"}


def test_a_table_that_begins_with_ids_shows_its_text(tmp_path):
    table = "id,text,mood,annotator,annotation_id\n1,hello,good,3,5\n"
    (line,), report = objects(tmp_path, "in.csv", table, ".jsonl")
    assert (line["text"], line["accept"]) == ("hello", ["good"])
    assert report.lossless


def test_a_row_of_json_min_without_answers_is_no_guess(tmp_path):
    (line,), report = objects(tmp_path, "in.json", [{"review": "fine words", "id": 1, **END}], ".jsonl")
    assert (line["text"], "accept" in line) == ("fine words", False)
    assert report.lossless
