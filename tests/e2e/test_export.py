"""The queue leaves in its order, and comes back into Label Studio."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from defusedxml.ElementTree import parse

from backend.label_studio.client import LabelStudio
from tests.e2e.loop_runner import Loop, wait_for
from tests.e2e.projects import Annotator, make_image_project, make_text_project, topic_of
from tests.e2e.truth import assert_nothing_is_lost


@pytest.fixture(scope="module")
def project(loop: Loop, admin: LabelStudio, first: Annotator) -> int:
    """A connected text project with 8 labels."""
    number = loop.connected(make_text_project(admin, 60))
    assert loop.run("options", str(number), "prefill=always").code == 0
    for _ in range(8):
        first.label_next(number)
    wait_for("8 labels", lambda: loop.status(number).labels == 8)
    assert_nothing_is_lost(loop, number)
    return number


def texts_of(admin: LabelStudio, ids: list[int]) -> list[str]:
    """Return the texts of tasks, in the order of `ids`."""
    return [admin.task(i)["data"]["text"] for i in ids]


def export(loop: Loop, project: int, target: Path, *options: str) -> dict[str, Any]:
    """Run `clean-al export` and return its report."""
    said = loop.run("export", str(project), *options, "-o", str(target), "--json")
    assert said.code == 0, said.err
    return dict(said.json)


def test_prodigy_gets_the_queue_in_its_order(
    loop: Loop, admin: LabelStudio, project: int, tmp_path: Path
) -> None:
    target = tmp_path / "queue.jsonl"
    export(loop, project, target, "--format", "prodigy")
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert [line["text"] for line in lines] == texts_of(admin, loop.head(project))


def test_finished_labels_leave_as_they_were_given(
    loop: Loop, admin: LabelStudio, project: int, tmp_path: Path
) -> None:
    target = tmp_path / "labeled.jsonl"
    export(loop, project, target, "--format", "prodigy", "--what", "labeled")
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert len(lines) == 8
    assert all(line["accept"] == [topic_of({"text": line["text"]})] for line in lines)


def test_label_studio_takes_back_what_leaves_as_its_own_json(
    loop: Loop, admin: LabelStudio, project: int, tmp_path: Path
) -> None:
    target = tmp_path / "queue.json"
    export(loop, project, target, "--format", "label-studio", "--predictions")
    tasks = json.loads(target.read_text())
    head = texts_of(admin, loop.head(project))
    assert [task["data"]["text"] for task in tasks] == head
    config = admin.project(project)["label_config"]
    other = int(admin.create_project(title="came back", label_config=config)["id"])
    ids = admin.import_tasks(other, tasks)
    assert texts_of(admin, ids) == head
    # Tasks of the audit share are shown nothing, and so nothing of them leaves.
    audit = loop.published(project).audit  # type: ignore[union-attr]
    assert sum(admin.model_versions(other).values()) == len(head) - len(audit)


def test_cvat_gets_the_pictures_in_the_queues_order(loop: Loop, admin: LabelStudio, tmp_path: Path) -> None:
    project = loop.connected(make_image_project(admin, 6))
    target = tmp_path / "queue.xml"
    export(loop, project, target, "--format", "cvat")
    images = parse(target).getroot().findall("image")
    paths = [admin.task(i)["data"]["image"].rsplit("/", 1)[1] for i in loop.head(project)]
    assert [image.get("name").rsplit("/", 1)[-1] for image in images] == paths
    assert {(image.get("width"), image.get("height")) for image in images} == {("16", "16")}


def test_a_project_that_is_not_there_writes_no_file(loop: Loop, tmp_path: Path) -> None:
    said = loop.run("export", "999999", "--format", "prodigy", "-o", str(tmp_path / "x.jsonl"))
    assert said.code == 1
    assert "no such project" in said.err
    assert list(tmp_path.iterdir()) == []
