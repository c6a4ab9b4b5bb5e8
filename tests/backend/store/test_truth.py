"""The snapshot is the project as it is now, whatever befell clocks, backups and bytes."""

from __future__ import annotations

import copy
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backend.errors import ModelStoreError
from backend.label_studio.client import LabelStudio
from backend.loop.observe import observe
from backend.store.snapshot import Snapshot
from tests.backend.samples import chosen
from tests.fakes.label_studio import FakeLabelStudio

SECRET_TEXT = "what nobody else may read"


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    return Snapshot(tmp_path / "snapshot.sqlite")


@pytest.fixture
def tasks(label_studio: LabelStudio, project_id: int) -> list[int]:
    texts = ["one", "two", SECRET_TEXT]
    return label_studio.import_tasks(project_id, [{"data": {"text": text}} for text in texts])


def labels(snapshot: Snapshot) -> dict[int, str]:
    return {task: given[-1].result[0]["value"]["choices"][0] for task, given in snapshot.annotations()}


class TestClocks:
    def test_a_task_stamped_ahead_hides_no_later_correction(
        self,
        snapshot: Snapshot,
        tasks: list[int],
        label_studio: LabelStudio,
        project_id: int,
        fake: FakeLabelStudio,
    ) -> None:
        given = label_studio.annotate(tasks[0], chosen("cats"))
        stamp = fake.world.tasks[tasks[1]]["updated_at"]
        ahead = (datetime.fromisoformat(stamp) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        fake.world.tasks[tasks[1]]["updated_at"] = ahead
        snapshot.refresh(label_studio, project_id)
        seen = observe(label_studio, project_id)
        label_studio.update_annotation(given["id"], result=chosen("war"))
        assert observe(label_studio, project_id) != seen, "the poll sees it"
        assert not snapshot.refresh(label_studio, project_id).complete
        assert labels(snapshot) == {tasks[0]: "war"}

    def test_a_task_that_is_stamped_ahead_again_is_seen_too(
        self, tasks: list[int], label_studio: LabelStudio, project_id: int, fake: FakeLabelStudio
    ) -> None:
        seen = []
        for hours in (2, 3):
            stamp = datetime.fromisoformat(fake.world.tasks[tasks[0]]["updated_at"]) + timedelta(hours=hours)
            fake.world.tasks[tasks[1]]["updated_at"] = stamp.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            seen.append(observe(label_studio, project_id))
        assert seen[0] != seen[1]


class TestBackups:
    @pytest.mark.parametrize("then", ["nothing", "work", "more work", "work, and a forced round"])
    def test_a_correction_that_a_restored_backup_does_not_know_is_unlearned(
        self,
        then: str,
        snapshot: Snapshot,
        tasks: list[int],
        label_studio: LabelStudio,
        project_id: int,
        fake: FakeLabelStudio,
    ) -> None:
        given = label_studio.annotate(tasks[0], chosen("cats"))
        other = label_studio.annotate(tasks[1], chosen("money"))
        # What changed in the last seconds is read again in any case.
        for task in tasks:
            an_hour_ago = datetime.now(UTC) - timedelta(hours=1, seconds=task)
            fake.world.tasks[task]["updated_at"] = an_hour_ago.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        snapshot.refresh(label_studio, project_id)
        backup = copy.deepcopy((fake.world.tasks, fake.world.annotations))
        label_studio.update_annotation(given["id"], result=chosen("war"))
        snapshot.refresh(label_studio, project_id)
        assert labels(snapshot)[tasks[0]] == "war"
        fake.world.tasks, fake.world.annotations = backup
        if then != "nothing":
            label_studio.update_annotation(other["id"], result=chosen("cats"))
        if then == "more work":
            label_studio.import_tasks(project_id, [{"data": {"text": f"new {n}"}} for n in range(200)])
        read = snapshot.refresh(label_studio, project_id, anew=then.endswith("forced round"))
        assert read.complete
        assert labels(snapshot)[tasks[0]] == "cats"
        label_studio.annotate(tasks[2], chosen("cats"))
        assert not snapshot.refresh(label_studio, project_id).complete

    def test_as_many_other_predictions_that_a_backup_brought_back_are_read_too(
        self,
        snapshot: Snapshot,
        tasks: list[int],
        label_studio: LabelStudio,
        project_id: int,
        fake: FakeLabelStudio,
    ) -> None:
        rows = [{"task": tasks[0], "model_version": "theirs", "score": 0.2, "result": chosen("cats")}]
        label_studio.import_predictions(project_id, rows)
        given = label_studio.annotate(tasks[0], chosen("cats"))
        world = fake.world
        backup = copy.deepcopy((world.tasks, world.annotations, world.predictions))
        label_studio.update_annotation(given["id"], result=chosen("war"))
        (prediction,) = world.predictions.values()
        prediction["score"] = 0.9

        def score() -> float:
            snapshot.refresh(label_studio, project_id)
            snapshot.refresh_predictions(label_studio, project_id, {"theirs": 1})
            (found,) = snapshot.predictions([tasks[0]], "theirs")
            assert found is not None
            return float(found["score"])

        assert score() == 0.9
        world.tasks, world.annotations, world.predictions = backup
        assert score() == 0.2


def damage(snapshot: Snapshot, statement: str, *values: Any) -> None:
    with closing(sqlite3.connect(snapshot.path)) as db, db:
        db.execute(statement, values)


DAMAGES = [
    ("UPDATE task SET data = CAST(? AS TEXT) WHERE id = 3", b'{"text": "what nobody else may r\xffad"}'),
    ("UPDATE task SET data = ?", '{"text": "what nobody else may read'),
    ("UPDATE task SET data = ?", b"\x00\x01"),
    ("UPDATE task SET is_labeled = ?", "what nobody else may read"),
    ("UPDATE task SET data_version = ?", "x"),
    ("UPDATE annotation SET result = CAST(? AS TEXT)", b"\xff"),
    ("UPDATE annotation SET result = ?", "["),
    ("UPDATE annotation SET result = ?", '{"a": 1}'),
    ("UPDATE note SET value = ?", "yesterday"),
    ("UPDATE note SET value = CAST(? AS TEXT)", b"\xff"),
]


@pytest.mark.parametrize(("statement", "value"), DAMAGES)
def test_a_damaged_row_heals_and_its_text_stands_in_no_error(
    statement: str,
    value: Any,
    snapshot: Snapshot,
    tasks: list[int],
    label_studio: LabelStudio,
    project_id: int,
) -> None:
    label_studio.annotate(tasks[0], chosen("cats"))
    snapshot.refresh(label_studio, project_id)
    damage(snapshot, statement, value)

    def everything() -> Any:
        snapshot.refresh(label_studio, project_id)
        with snapshot.kept_sound():
            ids, is_open, _ = snapshot.tasks()
            return list(snapshot.data(ids)), is_open.tolist(), labels(snapshot)

    told = ""
    try:
        found = everything()
    except ModelStoreError as error:
        told = f"{error} {error.__cause__}"
        found = everything()
    assert "nobody" not in told
    assert found == (
        [{"text": "one"}, {"text": "two"}, {"text": SECRET_TEXT}],
        [False, True, True],
        {1: "cats"},
    )


def test_a_folder_in_the_place_of_the_snapshot_is_put_aside(
    snapshot: Snapshot, tasks: list[int], label_studio: LabelStudio, project_id: int
) -> None:
    snapshot.path.mkdir()
    assert snapshot.refresh(label_studio, project_id).complete
