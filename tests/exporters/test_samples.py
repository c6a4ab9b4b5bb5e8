"""The calls of the user's document: arrays of samples, ids, image paths and texts."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest

from exporters import CVATExporter, LabelStudioExporter, OptionError, ProdigyExporter


def test_label_studio_tasks_keep_the_order_the_ids_and_the_metadata(tmp_path):
    X = np.array([[1.0, 2.0], [3.0, 4.5], [5.0, 6.0]])
    indices = np.array([2, 0])
    path = tmp_path / "label_studio_tasks.json"
    exporter = LabelStudioExporter(project_name="Quality Review", label_config_type="classification")

    report = exporter.export(
        samples=X[indices], sample_ids=indices, output_path=str(path), metadata={"source": "active_learning"}
    )

    tasks = json.loads(path.read_text())
    assert [task["data"]["sample_id"] for task in tasks] == [2, 0]
    assert tasks[0]["data"]["features"] == [5.0, 6.0]
    assert tasks[0]["data"]["text"] == "5, 6"
    assert tasks[1]["meta"] == {"project": "Quality Review", "source": "active_learning", "priority": 1}
    assert report.items == 2
    assert report.lossless


def test_the_labeling_config_beside_the_tasks_shows_the_key_that_they_have(tmp_path):
    exporter = LabelStudioExporter("Review", "classification", labels=["good & fine", "bad"])
    exporter.export(["a", "b"], output_path=tmp_path / "t.json")

    root = ElementTree.fromstring((tmp_path / "t.label-config.xml").read_text())
    shown, choices = root.find("Text"), root.find("Choices")
    assert shown.get("value") == "$text"
    assert choices.get("toName") == shown.get("name")
    assert [choice.get("value") for choice in choices] == ["good & fine", "bad"]


def test_an_unknown_label_config_type_names_the_valid_ones():
    with pytest.raises(OptionError, match=r"bounding_boxes.*classification"):
        LabelStudioExporter(label_config_type="telepathy")


def test_as_many_ids_as_samples_are_asked_for(tmp_path):
    with pytest.raises(OptionError, match="2 ids for 1 samples"):
        LabelStudioExporter().export(["a"], [1, 2], tmp_path / "t.json")
    assert list(tmp_path.iterdir()) == []


def test_cvat_images_keep_the_order_of_the_paths_and_the_labels(tmp_path):
    image_paths = np.array(["z/cat.jpg", "a/dog.jpg", "m/bird.jpg"])
    exporter = CVATExporter(task_name="Image Classification", labels=["cat", "dog", "bird"])

    exporter.export(image_paths=image_paths[[2, 0]], output_path=tmp_path / "cvat_tasks.xml")

    root = ElementTree.parse(tmp_path / "cvat_tasks.xml").getroot()
    assert root.findtext("version") == "1.1"
    assert root.findtext("meta/task/name") == "Image Classification"
    assert [e.text for e in root.iterfind("meta/task/labels/label/name")] == ["cat", "dog", "bird"]
    assert [(e.get("id"), e.get("name")) for e in root.iterfind("image")] == [
        ("0", "m/bird.jpg"),
        ("1", "z/cat.jpg"),
    ]
    assert (tmp_path / "cvat_tasks.images.txt").read_text() == "m/bird.jpg\nz/cat.jpg\n"
    assert [label["name"] for label in json.loads((tmp_path / "cvat_tasks.labels.json").read_text())] == [
        "cat",
        "dog",
        "bird",
    ]


def test_prodigy_textcat_offers_the_labels_for_each_text_in_order(tmp_path):
    texts = np.array(["one", "two", "three"])
    path = tmp_path / "prodigy_tasks.jsonl"

    ProdigyExporter().export(
        texts=texts[np.array([1, 2])], output_path=path, task_type="textcat", labels=["positive", "negative"]
    )

    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["text"] for line in lines] == ["two", "three"]
    for line in lines:
        assert line["options"] == [
            {"id": "positive", "text": "positive"},
            {"id": "negative", "text": "negative"},
        ]
        assert line["_view_id"] == "choice"
        assert "answer" not in line
        assert "accept" not in line


def test_prodigy_binary_asks_about_one_label(tmp_path):
    path = tmp_path / "t.jsonl"
    ProdigyExporter().export(["x"], path, task_type="textcat_binary", labels=["SPAM"])
    assert json.loads(path.read_text())["label"] == "SPAM"
    with pytest.raises(OptionError, match="one label"):
        ProdigyExporter().export(["x"], path, task_type="textcat_binary", labels=["A", "B"])


def test_prodigy_ner_brings_tokens_whose_offsets_give_their_text(tmp_path):
    path = tmp_path / "t.jsonl"
    ProdigyExporter().export(["Ann isn't 3.5 m tall."], path, task_type="ner", labels=["P"])
    line = json.loads(path.read_text())
    assert [token["text"] for token in line["tokens"]] == ["Ann", "is", "n't", "3.5", "m", "tall", "."]
    assert all(line["text"][t["start"] : t["end"]] == t["text"] for t in line["tokens"])
    assert [token["ws"] for token in line["tokens"]] == [True, False, True, True, True, False, False]
