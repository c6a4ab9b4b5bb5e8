"""Texts and pages as the annotator saw them: values of the config, pages of a task, quotes of a browser."""

import json

import pytest

from exporters import convert, export_tasks
from exporters.label_studio.read_texts import rendered, span_in
from exporters.records import TextSpan


def lines(tmp_path, tasks, config=""):
    report = export_tasks(
        tasks, format="prodigy", output=tmp_path / "o.jsonl", label_config=config, strict=True
    )
    assert report.lossless
    return [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]


def labeled(data, start, end, quote, to_name="t", kind="labels"):
    value = {"start": start, "end": end, "text": quote, kind: ["X"]}
    item = {"id": "a", "from_name": "n", "to_name": to_name, "type": kind, "value": value}
    return {"data": data, "annotations": [{"result": [item]}]}


def config(value, tag="Text"):
    labels = '<Labels name="n" toName="t"><Label value="X"/></Labels>'
    return f'<View>{labels}<{tag} name="t" value="{value}"/></View>'


@pytest.mark.parametrize(
    ("value", "data", "text", "start"),
    [
        ("$mail.parts[1]", {"mail": {"parts": ["no", "Ines wrote"]}}, "Ines wrote", 0),
        ("From $who: $mail.body", {"who": "Ines", "mail": {"body": "hi"}}, "From Ines: hi", 5),
        ("$3", {"3": "Ines wrote"}, "Ines wrote", 0),
        ("$full text", {"full text": "Ines wrote"}, "Ines wrote", 0),
        ("$mail.body", {"mail.body": "Ines wrote", "mail": {"body": "no"}}, "Ines wrote", 0),
    ],
)
def test_spans_count_in_the_text_that_the_config_shows(tmp_path, value, data, text, start):
    for tag in ("Text", "text", "TEXT"):
        (line,) = lines(tmp_path, [labeled(data, start, start + 4, "Ines")], config(value, tag))
        assert line["text"] == text
        assert [(s["start"], s["end"], s["label"]) for s in line["spans"]] == [(start, start + 4, "X")]


DIALOGUE = [{"name": "A", "line": "Is it far?"}, {"name": "B", "line": "Two miles, no more."}]


@pytest.mark.parametrize("with_config", [True, False])
def test_a_dialogue_has_its_texts_under_the_configs_text_key_or_where_the_regions_quote_them(
    tmp_path, with_config
):
    said = config("$talk", "Paragraphs").replace("<Paragraphs", '<Paragraphs textKey="line" nameKey="name"')
    said = said.replace("Labels name", "ParagraphLabels name").replace("</Labels", "</ParagraphLabels")
    task = labeled({"talk": DIALOGUE}, "1", "1", "miles", kind="paragraphlabels")
    task["annotations"][0]["result"][0]["value"].update(startOffset=4, endOffset=9)
    (line,) = lines(tmp_path, [task], said if with_config else "")
    assert line["text"] == "Is it far?\nTwo miles, no more."
    assert [(s["start"], s["end"]) for s in line["spans"]] == [(15, 20)]


@pytest.mark.parametrize(
    ("text", "start", "end", "quote"),
    [
        ("To: Lyon,  France", 4, 17, "Lyon, France"),
        ("To: Lyon,\tFrance", 4, 16, "Lyon, France"),
        ("To: Lyon,\n\n  France", 4, 19, "Lyon,\nFrance"),
        ("To: Lyon,\xa0France", 4, 16, "Lyon, France"),
        ("To: Lyon,\r\nFrance", 4, 17, "Lyon,\\nFrance"),
        ("To: Lyon ", 4, 9, "Lyon"),
    ],
)
def test_a_quote_may_differ_from_the_text_in_blanks_alone(text, start, end, quote):
    assert span_in(text, start, end, quote) == TextSpan(start, end)


def test_blocks_of_rich_text_break_the_quote_but_not_the_text():
    text = rendered("<p>one</p><p>two</p>")
    assert text == "onetwo"
    assert span_in(text, 0, 6, "one\n\ntwo") == TextSpan(0, 6)


def test_utf16_offsets_are_told_from_code_points_also_where_blanks_were_normalized():
    assert span_in("\U0001f600 Lyon,  France", 3, 16, "Lyon, France") == TextSpan(2, 15)
    with pytest.raises(ValueError, match="do not match"):
        span_in("Lyon, France", 0, 4, "Nice")
    with pytest.raises(ValueError, match="do not match"):
        span_in("a    b", 1, 4, "xyz")


PAGES = {"leaves": [{"file": "a/1.png"}, {"file": "a/2.png"}, {"file": "a/3.png"}]}
REPEATED = """<View><Repeater on="$leaves" indexFlag="{{n}}">
<Image name="leaf_{{n}}" value="$leaves[{{n}}].file"/>
<RectangleLabels name="b_{{n}}" toName="leaf_{{n}}"><Label value="Seal"/></RectangleLabels>
</Repeater></View>"""


def box(page, x, size):
    value = {"x": x, "y": 10, "width": 10, "height": 10, "rectanglelabels": ["Seal"]}
    item = {"id": f"r{page}", "from_name": f"b_{page}", "to_name": f"leaf_{page}", "type": "rectanglelabels"}
    return {**item, "value": value, "original_width": size, "original_height": 100}


@pytest.mark.parametrize(("given", "shown"), [(REPEATED, 3), ("", 2)])
def test_the_pages_of_a_repeater_are_images_of_their_own(tmp_path, given, shown):
    task = {"data": PAGES, "annotations": [{"result": [box(0, 10, 200), box(2, 50, 400)]}]}
    (tmp_path / "t.json").write_text(json.dumps([task]))
    report = convert(tmp_path / "t.json", tmp_path / "o.xml", label_config=given)
    text = (tmp_path / "o.xml").read_text()
    assert report.carried == {"box": 2}
    assert text.count("<image ") == shown
    first, last = text.index('name="a/1.png" width="200"'), text.index('name="a/3.png" width="400"')
    assert 'xtl="20.00"' in text[first:last]
    assert 'xtl="200.00"' in text[last:]


def test_the_pages_of_a_value_list_are_images_of_their_own(tmp_path):
    shown = '<View><Image name="i" valueList="$scans.all"/><RectangleLabels name="b" toName="i"/></View>'
    results = [{**box(0, 10, 200), "to_name": "i", "item_index": 1}, {**box(2, 50, 400), "to_name": "i"}]
    task = {"data": {"scans": {"all": ["1.png", "2.png", "3.png"]}}, "annotations": [{"result": results}]}
    export_tasks([task], format="cvat", output=tmp_path / "o.xml", label_config=shown)
    text = (tmp_path / "o.xml").read_text()
    one, two, three = (text.index(f'name="{n}.png"') for n in (1, 2, 3))
    assert 'xtl="200.00"' in text[one:two]
    assert 'xtl="20.00"' in text[two:three]
    assert "<box" not in text[three:]
