"""More siblings of public bug reports: what is read otherwise than it looks is right, or told."""

import json

import pytest

from exporters import InputError, convert
from tests.exporters.test_case_siblings import said


def task(text, value, kind="labels"):
    result = {"id": "a", "from_name": "l", "to_name": "t", "type": kind, "value": value}
    return {"data": {"text": text}, "annotations": [{"result": [result]}]}


BOX = {"x": 10, "y": 10, "width": 30, "height": 40, "rectanglelabels": ["car"]}


def drawn(kind="rectanglelabels", value=BOX, **more):
    result = {"id": "a", "from_name": "l", "to_name": "image", "type": kind, "value": value, **more}
    sized = {**result, "original_width": 100, "original_height": 100}
    return {"data": {"image": "a.jpg"}, "annotations": [{"result": [sized]}]}


def account(tmp_path, *tasks, to="o.jsonl", **options):
    (tmp_path / "in.json").write_text(json.dumps(tasks))
    return convert(tmp_path / "in.json", tmp_path / to, **options)


BREAKS = {
    "one break of Windows": ("in\r\nBad Ems now", 3, 10, "Bad Ems", (4, 11)),
    "two": ("a\r\nb\r\nUlm now", 4, 7, "Ulm", (6, 9)),
    "a break within": ("in Bad\r\nEms now", 3, 10, "Bad\nEms", (3, 11)),
    "breaks behind": ("Ulm\r\nnow\r\n", 0, 3, "Ulm", (0, 3)),
    "one character each, as Label Studio counts": ("in\r\nUlm now", 4, 7, "Ulm", (4, 7)),
}


@pytest.mark.parametrize(("text", "start", "end", "quote", "place"), BREAKS.values(), ids=BREAKS)
def test_line_breaks_of_windows_count_as_the_quoted_text_tells(tmp_path, text, start, end, quote, place):
    found, report = said(tmp_path, [task(text, {"start": start, "end": end, "text": quote, "labels": ["L"]})])
    assert found == [(text, [(*place, "L")], None)]
    assert report.lossless


@pytest.mark.parametrize("page", ["<p>a\r\nUlm</p>", "<p>a\rUlm</p>", "<p>a\nUlm</p>"])
def test_a_page_has_one_kind_of_line_breaks_as_in_a_browser(tmp_path, page):
    value = {"globalOffsets": {"start": 2, "end": 5}, "text": "Ulm", "hypertextlabels": ["L"]}
    given = task("", value, "hypertextlabels") | {"data": {"html": page}}
    found, report = said(tmp_path, [given])
    assert found == [("a\nUlm", [(2, 5, "L")], None)]
    assert report.lossless


def test_half_of_a_surrogate_pair_becomes_one_character_so_offsets_stand(tmp_path):
    value = {"start": 4, "end": 7, "text": "Ulm", "labels": ["L"]}
    found, _ = said(tmp_path, json.dumps([task("a \ud83d Ulm", value)]))
    assert found == [("a \ufffd Ulm", [(4, 7, "L")], None)]


def test_a_phrase_without_a_text_is_empty(tmp_path):
    value = {"start": "1", "end": "1", "startOffset": 0, "endOffset": 5, "text": "hello"}
    given = task("", {**value, "paragraphlabels": ["L"]}, "paragraphlabels")
    given["data"] = {"dialogue": [{"text": None}, {"text": "hello you"}]}
    found, _ = said(tmp_path, [given])
    assert found == [("\nhello you", [(1, 6, "L")], None)]


BESIDE = {
    "labels of another control": drawn(value={**BOX, "labels": ["bus"]}),
    "labels of another shape": drawn(value={**BOX, "polygonlabels": ["bus"]}),
    "a text on a picture": drawn(value={**BOX, "text": ["bus"]}),
    "labels in an answer": drawn("choices", {"choices": ["x"], "labels": ["bus"]}),
    "labels in a written answer": drawn("textarea", {"text": ["x"], "rectanglelabels": ["bus"]}),
    "two kinds of labels on a text": task(
        "Ulm", {"start": 0, "end": 3, "labels": ["L"], "paragraphlabels": ["bus"]}
    ),
    "a text in a sound": {
        "data": {"audio": "a.wav"},
        **{
            k: v
            for k, v in task(
                "", {"start": 0.5, "end": 1.5, "channel": 0, "labels": ["L"], "text": ["bus"]}
            ).items()
            if k != "data"
        },
    },
}


@pytest.mark.parametrize("given", BESIDE.values(), ids=BESIDE)
def test_labels_and_texts_beside_those_of_a_type_are_told(tmp_path, given):
    assert any("is not read" in why for _, why in account(tmp_path, given).dropped)


def test_labels_that_are_repeated_are_no_loss(tmp_path):
    assert account(tmp_path, drawn(value={**BOX, "labels": ["car"]})).lossless


def test_a_region_and_its_written_answer_are_both_carried(tmp_path):
    given = drawn()
    answer = {**given["annotations"][0]["result"][0], "type": "textarea", "from_name": "w"}
    answer["value"] = {key: BOX[key] for key in ("x", "y", "width", "height")} | {"text": ["word"]}
    given["annotations"][0]["result"].append(answer)
    assert account(tmp_path, given).lossless


ENDS = {"annotator": 1, "annotation_id": 4, "created_at": "x", "updated_at": "x", "lead_time": 2.5}
PER_REGION = """<View><Image name="i" value="$image"/><RectangleLabels name="label" toName="i">
<Label value="car"/></RectangleLabels><Choices name="q" toName="i" perRegion="true"><Choice value="bad"/>
</Choices></View>"""
SIZED = {**BOX, "original_width": 100, "original_height": 100}


def test_an_answer_of_json_min_about_the_only_region_goes_to_it(tmp_path):
    row = {"image": "a.jpg", "id": 1, "label": [SIZED], "q": "bad", **ENDS}
    assert account(tmp_path, row, label_config=PER_REGION).lossless
    (line,) = map(json.loads, (tmp_path / "o.jsonl").read_text().splitlines())
    assert "accept" not in line
    assert line["spans"][0]["attributes"] == {"q": {"type": "choices", "values": ["bad"]}}


def test_answers_of_json_min_about_regions_that_they_do_not_name_are_told(tmp_path):
    row = {"image": "a.jpg", "id": 1, "label": [SIZED, {**SIZED, "x": 50}], "q": ["bad", "bad"], **ENDS}
    report = account(tmp_path, row, label_config=PER_REGION)
    assert report.changed[("answer", "about a region, but not told about which: about the whole")] == 2


@pytest.mark.parametrize("cell", ["[{'start': 0, 'labels': ['L']}]", "{'choices': ['A', 'B']}", "['A', 'B']"])
def test_a_cell_that_python_printed_is_refused(tmp_path, cell):
    head = "id,text,mood,annotator,annotation_id,created_at,updated_at,lead_time"
    with pytest.raises(InputError, match="'mood' holds a list or an object that is no JSON"):
        said(tmp_path, f'{head}\n1,fine,"{cell}",1,4,x,x,2\n', "in.csv")


FOREIGN = {
    "COCO without images": ({"annotations": [{"id": 1}], "categories": []}, "COCO"),
    "Labelbox": ({"ID": "1", "Labeled Data": "x", "Label": {}}, "Labelbox"),
    "Labelbox now": ({"data_row": {"id": "1"}, "projects": {}}, "Labelbox"),
    "words and tags": ({"tokens": ["Ulm"], "ner_tags": [1]}, "words and tags"),
}


@pytest.mark.parametrize(("given", "name"), FOREIGN.values(), ids=FOREIGN)
def test_exports_of_other_tools_are_refused_by_their_name(tmp_path, given, name):
    with pytest.raises(InputError, match=name):
        said(tmp_path, [given])


def test_who_says_that_there_is_nothing_is_told_where_cvat_has_no_place_for_it(tmp_path):
    empty = {"data": {"image": "a.jpg"}, "annotations": [{"completed_by": {"email": "a@b"}, "result": []}]}
    why = ("annotation", "has no shape to say it with: who made it left out")
    assert account(tmp_path, empty, to="o.xml").changed == {why: 1}
    assert account(tmp_path, empty).lossless
    assert account(tmp_path, {**empty, "annotations": [{"result": []}]}, to="o.xml").lossless


PAGES = '<View><Image name="image" valueList="$pages"/></View>'


def test_a_region_on_a_page_that_is_not_there_is_told(tmp_path):
    given = drawn(item_index=5) | {"data": {"pages": ["a.jpg", "b.jpg"]}}
    report = account(tmp_path, given, label_config=PAGES)
    assert report.changed == {("item", "shows nothing: '$pages' has no such page"): 1}


def lines(tmp_path, *tasks, **options):
    """Return the tasks of Label Studio that lines of Prodigy become, and the report."""
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))
    report = convert(tmp_path / "in.jsonl", tmp_path / "o.json", **options)
    return json.loads((tmp_path / "o.json").read_text()), report


WORDS = [
    {"text": text, "start": start, "end": start + len(text), "id": number}
    for number, (text, start) in enumerate((("Ulm", 0), ("is", 4), ("far", 7)))
]
LINE = {"text": "Ulm is far", "tokens": WORDS, "answer": "accept"}


def test_of_two_spans_at_one_place_a_link_means_the_one_of_its_label(tmp_path):
    spans = [{"start": 0, "end": 3, "label": name} for name in ("A", "B")]
    spans.append({"start": 7, "end": 10, "label": "C"})
    ends = {"head_span": spans[1], "child_span": spans[2]}
    given = {**LINE, "spans": spans, "relations": [{"head": 0, "child": 2, "label": "R", **ends}]}
    (task,), report = lines(tmp_path, given)
    results = {result.get("id"): result for result in task["annotations"][0]["result"]}
    link = results.pop(None)
    assert report.lossless
    assert results[link["from_id"]]["value"]["labels"] == ["B"]
    ends["head_span"] = {**spans[1], "label": "Z"}
    _, report = lines(tmp_path, {**given, "relations": [{"head": 0, "child": 2, "label": "R", **ends}]})
    assert report.changed == {("attribute", "a link gives its end another label: the span's stands"): 1}


PLACES = {
    "floats": {"start": 0.0, "end": 3.0},
    "nulls beside tokens": {"start": None, "end": None, "token_start": 0, "token_end": 0},
    "tokens as floats": {"token_start": 0.0, "token_end": 0.0},
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_span_is_placed_by_whole_numbers_in_any_form(tmp_path, place):
    (task,), report = lines(tmp_path, {**LINE, "spans": [{**place, "label": "L"}]})
    value = task["annotations"][0]["result"][0]["value"]
    assert (value["start"], value["end"], report.lossless) == (0, 3, True)


def test_hashes_that_became_floats_still_tell_one_input(tmp_path):
    rows = [{"text": "x", "label": name, "answer": "accept", "_input_hash": 5.0} for name in ("A", "B")]
    (task,), _ = lines(tmp_path, *rows)
    assert len(task["annotations"]) == 2


def test_options_are_read_by_name_or_told(tmp_path):
    given = {"text": "x", "options": ["A", {"text": "B"}, {"id": None, "text": "C"}], "accept": ["A"]}
    (task,), report = lines(tmp_path, {**given, "answer": "accept"})
    assert task["annotations"][0]["result"][0]["value"] == {"choices": ["A"]}
    assert report.dropped == {("answer", "an option without an id that is a text or a number"): 2}


@pytest.mark.parametrize("values", ["abc", {"a": "b"}, 3])
def test_an_answer_whose_values_are_no_list_is_told(tmp_path, values):
    _, report = lines(tmp_path, {**LINE, "answers": {"c": {"type": "textarea", "values": values}}})
    assert sum(report.dropped.values()) == 1


def track(head):
    box = '<box frame="2" keyframe="1" outside="0" occluded="0" xtl="1" ytl="1" xbr="5" ybr="5"/>'
    size = "<original_size><width>10</width><height>10</height></original_size>"
    meta = f"<meta><task>{head}<mode>interpolation</mode>{size}<source>v.mp4</source></task></meta>"
    return f'<annotations>{meta}<track id="0" label="car">{box}</track></annotations>'


HEADS = {
    "a last frame": ("<size>5</size><stop_frame>9</stop_frame>", 10),
    "a number of frames alone": ("<size>7</size>", 7),
    "every second frame": ("<size>7</size><frame_filter>step=2</frame_filter>", 3),
}


@pytest.mark.parametrize(("head", "length"), HEADS.values(), ids=HEADS)
def test_a_video_is_as_long_as_its_head_tells(tmp_path, head, length):
    (tmp_path / "in.xml").write_text(track(head))
    convert(tmp_path / "in.xml", tmp_path / "o.json")
    (task,) = json.loads((tmp_path / "o.json").read_text())
    assert task["annotations"][0]["result"][0]["value"]["framesCount"] == length


RESULT = {
    "from_name": "l",
    "to_name": "t",
    "type": "labels",
    "value": {"start": 0, "end": 3, "labels": ["L"]},
}
HELD = {
    "a list of them": [RESULT],
    "predictions": [{"model_version": "m", "result": [RESULT]}],
    "one by its name": {"first": RESULT},
}


@pytest.mark.parametrize("held", HELD.values(), ids=HELD)
@pytest.mark.parametrize("config", ["", '<View><Text name="t" value="$text"/></View>'])
def test_results_that_stand_in_the_data_are_told_once_and_stay_data(tmp_path, held, config):
    given = {"data": {"text": "Ulm", "before": held}, "annotations": [{"result": []}]}
    report = account(tmp_path, given, given, label_config=config)
    note = "'before' in the data of tasks holds results: carried as data, not as annotations"
    assert (report.lossless, report.notes) == (True, (note,))
    line = json.loads((tmp_path / "o.jsonl").read_text().splitlines()[0])
    assert line["data"] == {"before": held}


@pytest.mark.parametrize(
    "data", [{"rating": 4, "labels": ["a"]}, {"vector": [0.5] * 9}, {"choices": [{"value": "a"}]}]
)
def test_other_data_are_no_results(tmp_path, data):
    report = account(tmp_path, {"data": {"text": "Ulm", **data}, "annotations": []})
    assert (report.lossless, report.notes) == (True, ())


OVERLAPPING = """<View><{tag} name="t" value="${key}"/><Choices name="urgent" toName="t"><Choice value="yes"/>
<Choice value="no"/></Choices><Choices name="spam" toName="t"><Choice value="yes"/><Choice value="no"/>
</Choices></View>"""


def asked(key, **answers):
    said = [
        {"id": name, "from_name": name, "to_name": "t", "type": "choices", "value": {"choices": list(values)}}
        for name, values in answers.items()
    ]
    return {"data": {key: "a.jpg"}, "annotations": [{"result": said}]}


def answered(tmp_path, source):
    convert(tmp_path / source, tmp_path / "back.json", strict=True)
    (task,) = json.loads((tmp_path / "back.json").read_text())
    return {each["from_name"]: each["value"]["choices"] for each in task["annotations"][0]["result"]}


@pytest.mark.parametrize(
    "answers", [{"urgent": ["yes"], "spam": ["no"]}, {"urgent": ["yes"], "spam": ["yes"]}]
)
@pytest.mark.parametrize(("key", "to"), [("image", "o.xml"), ("image", "o.jsonl"), ("text", "o.jsonl")])
def test_choices_of_several_controls_go_there_and_back(tmp_path, answers, key, to):
    config = OVERLAPPING.format(tag=key.title(), key=key)
    assert account(tmp_path, asked(key, **answers), to=to, label_config=config).lossless
    assert answered(tmp_path, to) == answers


def test_a_control_alone_needs_no_name_and_an_attribute_of_that_name_stays_one(tmp_path):
    config = OVERLAPPING.format(tag="Image", key="image")
    account(tmp_path, asked("image", urgent=["yes"]), to="o.xml", label_config=config)
    assert 'name="control"' not in (tmp_path / "o.xml").read_text().split("</meta>")[1]
    tag = '<tag label="rain"><attribute name="control">much</attribute></tag>'
    (tmp_path / "in.xml").write_text(f'<annotations><image id="0" name="a.jpg">{tag}</image></annotations>')
    assert convert(tmp_path / "in.xml", tmp_path / "two.xml").lossless
    assert tag.split(">", 1)[1] in (tmp_path / "two.xml").read_text()


def test_what_was_chosen_anew_in_prodigy_stands_and_its_controls_are_told_as_lost(tmp_path):
    config = OVERLAPPING.format(tag="Text", key="text")
    account(tmp_path, asked("text", urgent=["yes"], spam=["no"]), label_config=config)
    (line,) = map(json.loads, (tmp_path / "o.jsonl").read_text().splitlines())
    (task,), report = lines(tmp_path, {**line, "accept": ["no"]})
    assert [each["value"] for each in task["annotations"][0]["result"]] == [{"choices": ["no"]}]
    why = "what was chosen has changed: of which controls it was is left out"
    assert report.changed == {("answer", why): 1}
