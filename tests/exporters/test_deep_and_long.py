"""What is nested a thousand deep or never ends: refused by its name, or carried; never a traceback."""

import json

import pytest

from exporters import InputError, convert
from exporters.label_studio import table

HEAD = "id,text,label,annotator,annotation_id,created_at,updated_at,lead_time\n"
PLACES = {
    "beside the text": '[{"data": {"text": "Ulm", "x": @}, "annotations": []}]',
    "in the place of the text": '[{"data": {"text": @}, "annotations": []}]',
    "in an answer": '[{"data": {"text": "Ulm"}, "annotations": [{"result": [{"type": "taxonomy", "value": '
    '{"taxonomy": @}}]}]}]',
    "in a line of Prodigy": '[{"text": "Ulm", "meta": {"x": @}, "_input_hash": 5, "answer": "accept"}]',
    "in JSON_MIN": '[{"text": "Ulm", "id": 1, "label": @, "annotator": 1, "annotation_id": 4}]',
}


@pytest.mark.parametrize("depth", [300, 900, 960, 985, 995, 200_000])
@pytest.mark.parametrize("text", PLACES.values(), ids=PLACES)
def test_what_is_nested_deep_is_converted_or_refused(tmp_path, text, depth):
    for inner in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        (tmp_path / "in.json").write_text(text.replace("@", inner))
        for to in ("o.json", "o.jsonl", "o.xml"):
            (tmp_path / to).write_text("old")
            try:
                convert(tmp_path / "in.json", tmp_path / to)
            except InputError:
                assert (tmp_path / to).read_text() == "old"


@pytest.mark.parametrize("depth", [900, 200_000])
def test_a_cell_that_is_nested_too_deeply_is_not_taken_for_a_choice(tmp_path, depth):
    (tmp_path / "in.csv").write_text(f'{HEAD}1,Ulm,"{"[" * depth}{"]" * depth}",1,4,x,x,2\n')
    try:
        report = convert(tmp_path / "in.csv", tmp_path / "o.jsonl")
    except InputError:
        return
    assert report.dropped


def test_a_quote_that_is_never_closed_is_told_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "MOST_LINES", 1000)
    (tmp_path / "in.csv").write_text(f'{HEAD}1,"Ulm,L,1,4,x,x,2\n' + "2,Bonn,L,1,4,x,x,2\n" * 2000)
    with pytest.raises(InputError, match="one row has more than 1,000 lines; is a quote not closed"):
        convert(tmp_path / "in.csv", tmp_path / "o.jsonl")
    rows_of = "".join(f"{number},Ulm,L,1,4,x,x,2\n" for number in range(3000))
    (tmp_path / "in.csv").write_text(HEAD + rows_of)
    convert(tmp_path / "in.csv", tmp_path / "o.jsonl")
    assert len((tmp_path / "o.jsonl").read_text().splitlines()) == 3000


def test_a_text_that_begins_like_json_stays_one_where_the_config_asks_for_a_text(tmp_path):
    config = '<View><Text name="t" value="$text"/><TextArea name="label" toName="t"/></View>'
    (tmp_path / "in.csv").write_text(f"{HEAD}1,Ulm,['a' is a list,1,4,x,x,2\n")
    assert convert(tmp_path / "in.csv", tmp_path / "o.jsonl", label_config=config).lossless
    (line,) = map(json.loads, (tmp_path / "o.jsonl").read_text().splitlines())
    assert line["answers"]["label"]["values"] == ["['a' is a list"]
