"""The real Label Studio imports what we write, and gives back the same."""

import json

import pytest

import exporters
from backend.label_studio import LabelStudio
from exporters.geometry import box_from_corner
from exporters.label_studio.make_config import TYPES, make_config
from exporters.records import Annotation, Answer, Box, Ellipse, Item, KeyFrame, Polygon, Region, Track
from tests.e2e.conftest import label_studio_binary, real_label_studio  # noqa: F401
from tests.exporters.test_convert import read, write
from tests.exporters.test_judges import TASKS

pytestmark = pytest.mark.e2e


@pytest.fixture
def client(real_label_studio):  # noqa: F811
    """A client of the real Label Studio."""
    return LabelStudio(real_label_studio.url, real_label_studio.token)


def there_and_back(client, folder, name):
    """Import a file of ours with its config into a new project; return the tasks that it then has."""
    config = (folder / f"{name}.label-config.xml").read_text()
    project = client.create_project(title=f"Imported {name}", label_config=config)["id"]
    ids = client.import_tasks(project, json.loads((folder / f"{name}.json").read_text()))
    return [client.task(task) for task in ids]


def plain(result):
    """Return what a result says, without what Label Studio adds."""
    return {key: result[key] for key in ("id", "type", "from_name", "to_name", "value") if key in result}


def test_shapes_predictions_and_their_labels_arrive_in_order(client, tmp_path):
    tasks = [
        {
            **task,
            "predictions": [{"model_version": "m", "score": 0.5, "result": task["annotations"][0]["result"]}],
        }
        for task in TASKS
    ]
    (tmp_path / "in.json").write_text(json.dumps(tasks))
    exporters.convert(tmp_path / "in.json", tmp_path / "a.xml", image_root=None, sizes=lambda _: (200, 100))
    report = exporters.convert(tmp_path / "a.xml", tmp_path / "b.json")
    found = there_and_back(client, tmp_path, "b")
    wanted = json.loads((tmp_path / "b.json").read_text())
    assert [task["data"] for task in found] == [task["data"] for task in wanted]
    for ours, theirs in zip(wanted, found, strict=True):
        for kind in ("annotations", "predictions"):
            assert [[plain(r) for r in entry["result"]] for entry in theirs[kind]] == [
                [plain(r) for r in entry["result"]] for entry in ours[kind]
            ]
    assert found[1]["predictions"][0]["model_version"] == "m"
    assert report.carried["mask"] == 4


def test_texts_sounds_and_videos_arrive(client, tmp_path):
    lines = [
        {
            "text": "Ann lives in Rome",
            "answer": "accept",
            "meta": {"task_id": 4},
            "relations": [
                {
                    "head": 0,
                    "child": 3,
                    "label": "lives",
                    "head_span": {"start": 0, "end": 3},
                    "child_span": {"start": 13, "end": 17},
                }
            ],
            "spans": [{"start": 0, "end": 3, "label": "PER"}, {"start": 13, "end": 17, "label": "LOC"}],
        },
        {"text": "no", "answer": "ignore"},
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, lines)))
    exporters.convert(tmp_path / "in.jsonl", tmp_path / "t.json")
    first, second = there_and_back(client, tmp_path, "t")
    kinds = [result["type"] for result in first["annotations"][0]["result"]]
    assert kinds == ["labels", "labels", "relation"]
    assert second["annotations"][0]["was_cancelled"] is True
    frames = (KeyFrame(0, Box(10, 10, 20, 20)), KeyFrame(9, Box(20, 10, 20, 20), True))
    item = Item(
        "video",
        "http://127.0.0.1/v.mp4",
        None,
        200,
        100,
        {},
        (Annotation((Region(Track(frames, 30), ("car",), "t"),)),),
    )
    write([item], "label-studio", tmp_path / "v.json")
    (task,) = there_and_back(client, tmp_path, "v")
    (tmp_path / "v2.json").write_text(json.dumps([task]))
    (again,) = read("label-studio", tmp_path / "v2.json", (tmp_path / "v.label-config.xml").read_text())
    (region,) = again.annotations[0].regions
    assert [(k.frame, k.outside) for k in region.shape.frames] == [(0, False), (8, False), (9, True)]
    assert region.labels == ("car",)


def test_our_own_export_of_its_tasks_is_imported_again(client, tmp_path):
    turned = box_from_corner(50, 40, 30, 20, 33)
    regions = (
        Region(turned, ("a",), "r1"),
        Region(Polygon(((1, 1), (50, 1), (20, 60))), ("b",), "r2"),
        Region(Ellipse(60, 50, 10, 5, 12), ("a",), "r3"),
        Region(Answer("choices", ("good",)), (), "r4"),
    )
    item = Item("image", "http://127.0.0.1/a.png", 1, 200, 100, {}, (Annotation(regions),))
    write([item], "label-studio", tmp_path / "a.json")
    config = (tmp_path / "a.label-config.xml").read_text()
    tasks = there_and_back(client, tmp_path, "a")
    exporters.export_tasks(tasks, format="label-studio", output=tmp_path / "b.json", label_config=config)
    stripped = [
        {"data": task["data"], "annotations": [{"result": entry["result"]} for entry in task["annotations"]]}
        for task in json.loads((tmp_path / "b.json").read_text())
    ]
    (tmp_path / "b.json").write_text(json.dumps(stripped))
    (again,) = there_and_back(client, tmp_path, "b")
    (tmp_path / "c.json").write_text(json.dumps([again]))
    (found,) = read("label-studio", tmp_path / "c.json", config)
    shape = found.annotations[0].regions[0].shape
    assert tuple(shape) == pytest.approx(tuple(turned), abs=1e-6)
    assert [region.labels for region in found.annotations[0].regions] == [("a",), ("b",), ("a",), ()]


def test_every_labeling_config_that_we_make_is_taken(client):
    for name in sorted(TYPES):
        project = client.create_project(title=name, label_config=make_config(name, ["a", "b & <c>"]))
        assert project["id"]
