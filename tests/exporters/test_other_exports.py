"""Exports of Label Studio that are not its JSON: read where they say enough, refused by name where not."""

import csv
import json

import pytest

from exporters import InputError, convert

CLASSES = """<View><Text name="t" value="$review"/><Choices name="mood" toName="t"><Choice value="up"/>
<Choice value="down"/></Choices><TextArea name="why" toName="t"/><Rating name="stars" toName="t"/>
<Choices name="about" toName="t" choice="multiple"><Choice value="price"/><Choice value="taste"/></Choices>
</View>"""
SPANS = (
    '<View><Labels name="n" toName="t"><Label value="CITY"/></Labels><Text name="t" value="$review"/></View>'
)
BOXES = """<View><Image name="i" value="$scan"/><RectangleLabels name="b" toName="i"><Label value="seal"/>
</RectangleLabels><TextArea name="said" toName="i" perRegion="true"/></View>"""
TASKS = [
    (
        CLASSES,
        {"review": "Fresh, and cheap", "shop": "12"},
        [
            ("mood", "choices", {"choices": ["up"]}),
            ("why", "textarea", {"text": ["it was fresh"]}),
            ("stars", "rating", {"rating": 4}),
            ("about", "choices", {"choices": ["price", "taste"]}),
        ],
    ),
    (
        SPANS,
        {"review": "Graz, then Wien."},
        [
            ("n", "labels", {"start": 0, "end": 4, "text": "Graz", "labels": ["CITY"]}),
            ("n", "labels", {"start": 11, "end": 15, "text": "Wien", "labels": ["CITY"]}),
        ],
    ),
    (
        BOXES,
        {"scan": "deeds/3.png"},
        [("b", "rectanglelabels", {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0})],
    ),
]
TAGS = {"choices": "Choices", "textarea": "TextArea"}
TIMES = {"created_at": "2026-03-01T00:00:00Z", "updated_at": "2026-03-01T00:00:00Z", "lead_time": 2.5}


def shortened(results):
    """Return the answers as Label Studio shortens them in JSON_MIN and CSV."""
    columns = {}
    for name, kind, value in results:
        part = dict(value)
        if kind == "rectanglelabels":
            part |= {"rectanglelabels": ["seal"], "original_width": 500, "original_height": 200}
        if kind == "choices" and len(part["choices"]) == 1:
            part = part["choices"][0]
        elif kind == "textarea":
            part = part["text"][0]
        columns.setdefault(name, []).append((kind, part))
    return {
        name: parts[0][1] if len(parts) == 1 and parts[0][0] in TAGS else [part for _, part in parts]
        for name, parts in columns.items()
    }


def json_min(data, results, number=1):
    signed = {"annotator": 3, "annotation_id": 70 + number, **TIMES}
    return {**data, "id": number, **shortened(results), **signed}


def as_csv(path, rows, delimiter):
    """Write rows as Label Studio does: columns in alphabetical order, answers that are no texts as JSON."""
    keys = sorted({key for row in rows for key in row})
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(keys)
        for row in rows:
            cells = (row.get(key, "") for key in keys)
            writer.writerow([json.dumps(cell) if isinstance(cell, list | dict) else cell for cell in cells])


def whole(data, results, number=1):
    """Return the same as a task of Label Studio's JSON."""
    made = []
    for index, (name, kind, value) in enumerate(results):
        item = {
            "id": f"{name}-{index}",
            "from_name": name,
            "to_name": "t",
            "type": kind,
            "value": dict(value),
        }
        if kind == "rectanglelabels":
            item["value"]["rectanglelabels"] = ["seal"]
            item |= {"to_name": "i", "original_width": 500, "original_height": 200}
        made.append(item)
    head = {"id": 70 + number, "completed_by": 3, "result": made, **TIMES}
    return {"id": number, "data": data, "annotations": [head]}


def lines(path, config=""):
    target = path.with_name("out.jsonl")
    report = convert(path, target, to_format="prodigy", label_config=config, strict=True)
    assert report.lossless
    return [
        {key: value for key, value in json.loads(line).items() if key != "options"}
        for line in target.read_text().splitlines()
    ]


def without_ids(made):
    return json.loads(json.dumps(made), object_hook=lambda d: {k: v for k, v in d.items() if k != "id"})


@pytest.mark.parametrize(("config", "data", "results"), TASKS, ids=["classes", "spans", "boxes"])
@pytest.mark.parametrize("suffix", [".json", ".csv", ".tsv"])
def test_shortened_exports_say_the_same_as_the_json(tmp_path, config, data, results, suffix):
    path = tmp_path / f"min{suffix}"
    row = json_min(data, results)
    if suffix == ".json":
        path.write_text(json.dumps([row]))
    else:
        as_csv(path, [row], "\t" if suffix == ".tsv" else ",")
    (tmp_path / "whole.json").write_text(json.dumps([whole(data, results)]))
    assert without_ids(lines(path, config)) == without_ids(lines(tmp_path / "whole.json", config))


def test_without_a_config_the_order_of_json_min_tells_answers_from_data(tmp_path):
    _, data, results = TASKS[0]
    (tmp_path / "m.json").write_text(json.dumps([json_min(data, results[:1])]))
    (line,) = lines(tmp_path / "m.json")
    assert line["text"] == "Fresh, and cheap"
    assert line["accept"] == ["up"]


def test_without_a_config_spans_are_told_by_their_form_also_in_a_csv(tmp_path):
    _, data, results = TASKS[1]
    as_csv(tmp_path / "m.csv", [json_min({"text": data["review"]}, results)], ",")
    (line,) = lines(tmp_path / "m.csv")
    assert [(span["start"], span["end"], span["label"]) for span in line["spans"]] == [
        (0, 4, "CITY"),
        (11, 15, "CITY"),
    ]


def test_a_csv_whose_answers_cannot_be_told_asks_for_the_config(tmp_path):
    _, data, results = TASKS[0]
    as_csv(tmp_path / "m.csv", [json_min(data, results[:1])], ",")
    with pytest.raises(InputError, match=r"m\.csv, line 2: which of mood, review, shop are answers"):
        convert(tmp_path / "m.csv", tmp_path / "o.jsonl")


def test_rows_of_one_task_are_its_annotations(tmp_path):
    _, data, results = TASKS[0]
    rows = [json_min(data, results[:1]), {**json_min(data, results[:1]), "mood": "down", "annotation_id": 99}]
    rows.append(json_min({"review": "Stale", "shop": "3"}, results[:1], 2))
    (tmp_path / "m.json").write_text(json.dumps(rows))
    convert(tmp_path / "m.json", tmp_path / "o.json", label_config=CLASSES)
    tasks = json.loads((tmp_path / "o.json").read_text())
    assert [task["id"] for task in tasks] == [1, 2]
    said = [part["result"][0]["value"]["choices"] for part in tasks[0]["annotations"]]
    assert said == [["up"], ["down"]]
    assert tasks[0]["data"] == {"review": "Fresh, and cheap", "shop": "12"}
    assert tasks[0]["annotations"][0]["created_at"] == TIMES["created_at"]


def test_an_answer_about_a_region_stays_with_it(tmp_path):
    place = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0}
    sizes = {"original_width": 500, "original_height": 200}
    both = [{**place, **sizes, "rectanglelabels": ["seal"]}, {**place, **sizes, "text": ["MMXX"]}]
    row = {**json_min({"scan": "a.png"}, []), "b": both[:1], "said": both[1:]}
    (tmp_path / "m.json").write_text(json.dumps([row]))
    convert(tmp_path / "m.json", tmp_path / "o.xml", label_config=BOXES, strict=True)
    text = (tmp_path / "o.xml").read_text()
    assert text.count("<box ") == 1
    assert '<attribute name="said">MMXX</attribute>' in text


def of_storage(number, text, **more):
    item = {"from_name": "n", "to_name": "t", "type": "labels"}
    value = {"start": 0, "end": 2, "text": text[:2], "labels": ["X"]}
    task = {"id": number, "data": {"text": text}, "project": 4}
    return {"id": 900 + number, "result": [{**item, "id": "a", "value": value}], "task": task, **more}


@pytest.mark.parametrize("form", ["object", "array", "lines"])
def test_annotations_that_hold_their_task_are_read_as_target_storages_write_them(tmp_path, form):
    things = [of_storage(1, "Ulm is far.", completed_by={"id": 2, "email": "u@example.org"})]
    if form != "object":
        things.append(of_storage(2, "Bern too.", completed_by=5, was_cancelled=True))
    texts = {"object": json.dumps(things[0], indent=1), "array": json.dumps(things)}
    (tmp_path / "s.json").write_text(texts.get(form, "\n".join(map(json.dumps, things))))
    found = lines(tmp_path / "s.json")
    assert [line["text"] for line in found] == ["Ulm is far.", "Bern too."][: len(things)]
    assert [line["answer"] for line in found] == ["accept", "ignore"][: len(things)]
    assert found[0]["spans"][0]["label"] == "X"
    assert found[0]["_annotator_id"] == "u@example.org"


def test_tasks_of_the_interface_and_completions_of_0_x_are_read(tmp_path):
    _, data, results = TASKS[1]
    task = whole(data, results)
    old = {"id": 2, "data": data, "completions": task["annotations"], "task_path": "x.json"}
    (tmp_path / "page.json").write_text(json.dumps({"tasks": [task, old], "total": 2}))
    found = lines(tmp_path / "page.json", SPANS)
    assert [len(line["spans"]) for line in found] == [2, 2]


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        (
            "coco.json",
            '{"images": [], "annotations": [{"id": 1, "bbox": [0, 0, 1, 1]}], "categories": []}',
            "COCO",
        ),
        (
            "results.json",
            '[{"image_id": 1, "category_id": 2, "bbox": [0, 0, 1, 1], "score": 1}]',
            "COCO results",
        ),
        ("via.json", '{"_via_img_metadata": {}}', "VGG Image Annotator"),
        ("labelme.json", '{"shapes": [], "imagePath": "a.png"}', "LabelMe"),
        ("asr.json", '{"audio_filepath": "a.wav", "duration": 1.5, "text": "hi"}', "an ASR manifest"),
        ("result.conll", "-DOCSTART- -X- O\nUlm -X- _ B-LOC\n", "CoNLL 2003"),
        ("labels.txt", "0 0.5 0.25 0.125 0.5\n1 0.5 0.5 0.5 0.5\n", "YOLO"),
        ("voc.xml", "<annotation><folder/></annotation>", "Pascal VOC"),
        ("spacy.json", '[["Ulm is far", {"entities": [[0, 3, "LOC"]]}]]', "spaCy's training pairs"),
        ("spacy2.json", '[{"id": 0, "paragraphs": []}]', "spaCy's JSON training format"),
    ],
)
def test_files_of_other_kinds_are_refused_by_their_name(tmp_path, name, text, kind):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=f"{name}: this is {kind}"):
        convert(tmp_path / name, tmp_path / "o.jsonl", to_format="prodigy")
    assert [path.name for path in tmp_path.iterdir()] == [name]


SAID = {"id": 5, "result": [{"type": "choices", "from_name": "mood", "value": {"choices": ["up"]}}]}


@pytest.mark.parametrize(
    "whole",
    [
        {
            "count": 1,
            "next": None,
            "previous": None,
            "results": [{"id": 3, "data": {"review": "Fine."}, "annotations": [SAID]}],
        },
        {"action": "ANNOTATION_CREATED", "task": {"id": 3, "data": {"review": "Fine."}}, "annotation": SAID},
    ],
    ids=["a page of the API", "what a webhook is told"],
)
def test_tasks_inside_what_the_server_says_are_read(tmp_path, whole):
    (tmp_path / "in.json").write_text(json.dumps(whole))
    report = convert(tmp_path / "in.json", tmp_path / "o.jsonl", strict=True)
    assert report.carried == {"choices": 1}
    (line,) = map(json.loads, (tmp_path / "o.jsonl").read_text().splitlines())
    assert (line["text"], line["accept"], line["meta"]["task_id"]) == ("Fine.", ["up"], 3)


@pytest.mark.parametrize(
    ("answer", "kind", "value"),
    [
        (4, "number", {"number": 4}),
        (0.5, "number", {"number": 0.5}),
        ([["a", "b"]], "taxonomy", {"taxonomy": [["a", "b"]]}),
        ("up", "choices", {"choices": ["up"]}),
        (True, "choices", {"choices": [True]}),
    ],
)
def test_an_answer_in_json_min_keeps_its_type_without_a_config(tmp_path, answer, kind, value):
    row = {"review": "Fine.", "id": 1, "said": answer, "annotator": 1, "annotation_id": 2, "created_at": "x"}
    (tmp_path / "in.json").write_text(json.dumps([row]))
    convert(tmp_path / "in.json", tmp_path / "o.json")
    (task,) = json.loads((tmp_path / "o.json").read_text())
    (result,) = task["annotations"][0]["result"]
    assert (result["type"], result["value"]) == (kind, value)


def test_annotations_without_their_tasks_are_refused(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([{"id": 1, "result": [], "task": 8}]))
    with pytest.raises(InputError, match="an annotation without its task"):
        convert(tmp_path / "a.json", tmp_path / "o.jsonl")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,annotator,lead_time\n1,2\n", "line 2: 2 cells under 3 columns"),
        ("id,id,annotator,lead_time\n1,1,2,3\n", "two columns of one name"),
        ("id,annotator,lead_time\n1,2,\xff\n", "is not UTF-8"),
    ],
)
def test_a_broken_table_is_refused_with_its_place(tmp_path, text, message):
    (tmp_path / "t.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=message):
        convert(tmp_path / "t.csv", tmp_path / "o.jsonl")


def of_batch(annotations, tasks):
    return {"action": "ANNOTATIONS_CREATED", "annotation": annotations, "task": tasks, "project": {"id": 1}}


def mood(number, task, choice):
    said = {"type": "choices", "from_name": "mood", "to_name": "t", "value": {"choices": [choice]}}
    return {"id": number, "task": task, "result": [said]}


HOOKED = [{"id": 7, "data": {"review": "Fine."}}, {"id": 8, "data": {"review": "Bad."}}]


@pytest.mark.parametrize(
    ("annotations", "tasks"),
    [
        ([mood(1, 7, "up"), mood(2, 8, "down"), mood(3, 7, "so-so")], [*HOOKED, HOOKED[0]]),
        # Each with its task by place alone, and by id alone.
        ([mood(1, None, "up"), mood(2, None, "down"), mood(3, None, "so-so")], [*HOOKED, HOOKED[0]]),
        ([mood(1, 7, "up"), mood(2, 8, "down"), mood(3, 7, "so-so")], HOOKED[::-1]),
    ],
)
def test_annotations_that_a_webhook_is_told_at_once_are_put_to_their_tasks(tmp_path, annotations, tasks):
    (tmp_path / "in.json").write_text(json.dumps(of_batch(annotations, tasks)))
    report = convert(tmp_path / "in.json", tmp_path / "o.jsonl", strict=True)
    assert report.carried == {"choices": 3}
    lines = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [(line["text"], *line["accept"], line["meta"]["task_id"]) for line in lines] == [
        ("Fine.", "up", 7),
        ("Fine.", "so-so", 7),
        ("Bad.", "down", 8),
    ]


def test_tasks_that_a_webhook_is_told_of_are_read(tmp_path):
    whole = {"action": "TASKS_CREATED", "tasks": HOOKED, "project": {"id": 1}}
    (tmp_path / "in.json").write_text(json.dumps(whole))
    convert(tmp_path / "in.json", tmp_path / "o.jsonl", strict=True)
    lines = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [line["text"] for line in lines] == ["Fine.", "Bad."]


@pytest.mark.parametrize(
    "whole",
    [
        {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 5}], "project": {"id": 1}},
        {"action": "TASKS_DELETED", "tasks": [{"id": 5}], "project": {"id": 1}},
        {"action": "PROJECT_UPDATED", "project": {"id": 1, "title": "Reviews"}},
    ],
)
def test_what_a_webhook_is_told_without_a_task_is_refused_by_its_name(tmp_path, whole):
    (tmp_path / "in.json").write_text(json.dumps(whole))
    with pytest.raises(InputError, match=f"a webhook's {whole['action']}, which holds no task"):
        convert(tmp_path / "in.json", tmp_path / "o.jsonl")


def test_an_annotation_without_its_task_in_a_batch_is_refused(tmp_path):
    whole = of_batch([mood(1, 7, "up"), mood(2, 9, "down"), mood(3, 10, "so-so")], HOOKED)
    (tmp_path / "in.json").write_text(json.dumps(whole))
    with pytest.raises(InputError, match="an annotation without its task"):
        convert(tmp_path / "in.json", tmp_path / "o.jsonl")
