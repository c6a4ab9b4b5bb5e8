from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.errors import LabelStudioError, ModelStoreError
from backend.label_studio.client import LabelStudio
from backend.store import snapshot as snapshot_module
from backend.store import snapshot_file
from backend.store.snapshot import Refresh, Snapshot
from tests.backend.samples import chosen
from tests.fakes.label_studio import FakeLabelStudio


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Snapshot:
    # What happened in these tests happened a moment ago; the overlap would read all of it again.
    monkeypatch.setattr(snapshot_module, "OVERLAP", snapshot_module.OVERLAP * 0)
    return Snapshot(tmp_path / "project" / "snapshot.sqlite")


@pytest.fixture
def ids(label_studio: LabelStudio, project_id: int) -> list[int]:
    return label_studio.import_tasks(project_id, [{"data": {"text": f"text {i}"}} for i in range(6)])


@pytest.fixture
def refresh(snapshot: Snapshot, label_studio: LabelStudio, project_id: int) -> Callable[[], Refresh]:
    return lambda: snapshot.refresh(label_studio, project_id)


def truth(fake: FakeLabelStudio, project_id: int) -> dict[int, Any]:
    """What Label Studio holds: data, whether open, and annotations by task."""
    world = fake.world
    return {
        task["id"]: (
            task["data"],
            not task["is_labeled"],
            sorted((a["id"], a["was_cancelled"], str(a["result"])) for a in world.annotations_of(task["id"])),
        )
        for task in world.tasks_of(project_id)
    }


def held(snapshot: Snapshot) -> dict[int, Any]:
    """What the snapshot holds, in the same form."""
    ids, is_open, _ = snapshot.tasks()
    annotations = {
        task: sorted((a.id, a.was_cancelled, str(a.result)) for a in given)
        for task, given in snapshot.annotations()
    }
    data = snapshot.data(ids)
    return {
        int(i): (d, bool(o), annotations.get(int(i), [])) for i, d, o in zip(ids, data, is_open, strict=True)
    }


def test_the_first_refresh_reads_everything(
    fake: FakeLabelStudio,
    snapshot: Snapshot,
    refresh: Any,
    label_studio: LabelStudio,
    project_id: int,
    ids: list[int],
) -> None:
    label_studio.annotate(ids[1], chosen("cats"))
    label_studio.annotate(ids[2], [], was_cancelled=True)
    assert refresh() == Refresh(6, complete=True)
    assert held(snapshot) == truth(fake, project_id)


def test_an_empty_project_is_read(snapshot: Snapshot, refresh: Any) -> None:
    refresh()
    numbers, is_open, versions = snapshot.tasks()
    assert len(numbers) == len(is_open) == len(versions) == 0
    assert numbers.dtype == versions.dtype == np.int64
    assert list(snapshot.annotations()) == list(snapshot.data([])) == []


def test_later_refreshes_read_only_what_has_changed(
    fake: FakeLabelStudio,
    snapshot: Snapshot,
    refresh: Any,
    label_studio: LabelStudio,
    project_id: int,
    ids: list[int],
) -> None:
    refresh()
    assert refresh() == Refresh(0, complete=False)
    label_studio.annotate(ids[3], chosen("cats"))
    assert refresh() == Refresh(1, complete=False)
    (new,) = label_studio.import_tasks(project_id, [{"data": {"text": "new"}}])
    assert refresh() == Refresh(1, complete=False)
    assert held(snapshot) == truth(fake, project_id)
    assert new in held(snapshot)


Change = Callable[[FakeLabelStudio, LabelStudio, int, list[int]], Any]


def _annotation_of(fake: FakeLabelStudio, task: int) -> int:
    return int(fake.world.annotations_of(task)[0]["id"])


def _delete_all_tasks(fake: FakeLabelStudio, client: LabelStudio, project: int, ids: list[int]) -> None:
    fake.world.delete_tasks(project, ids, silent=True)


def _delete_silently(fake: FakeLabelStudio, client: LabelStudio, project: int, ids: list[int]) -> None:
    """Annotations deleted in bulk: no webhook, no new time on the tasks."""
    del fake.world.annotations[_annotation_of(fake, ids[0])]
    fake.world._recount(ids[0])


def _delete_skip_silently(fake: FakeLabelStudio, client: LabelStudio, project: int, ids: list[int]) -> None:
    del fake.world.annotations[_annotation_of(fake, ids[1])]
    fake.world._recount(ids[1])


def _want_two_annotations(fake: FakeLabelStudio, client: LabelStudio, project: int, ids: list[int]) -> None:
    for i in ids:
        fake.world.tasks[i]["overlap"] = 2
        fake.world._recount(i)


def _import_annotated(fake: FakeLabelStudio, client: LabelStudio, project: int, ids: list[int]) -> None:
    client.import_tasks(project, [{"data": {"text": "x"}, "annotations": [{"result": chosen("money")}]}])


def _change_data(fake: FakeLabelStudio, client: LabelStudio, project: int, ids: list[int]) -> None:
    fake.world.tasks[ids[4]]["data"] = {"text": "another text"}
    fake.world.touch(ids[4])


CHANGES: dict[str, Change] = {
    "annotated": lambda fake, client, project, ids: client.annotate(ids[5], chosen("money")),
    "skipped": lambda fake, client, project, ids: client.annotate(ids[5], [], was_cancelled=True),
    "annotation changed": lambda fake, client, project, ids: client.update_annotation(
        _annotation_of(fake, ids[0]), result=chosen("money")
    ),
    "annotation deleted": lambda fake, client, project, ids: client.delete_annotation(
        _annotation_of(fake, ids[0])
    ),
    "annotation deleted, not announced": _delete_silently,
    "skip deleted, not announced": _delete_skip_silently,
    "data changed": _change_data,
    "task deleted": lambda fake, client, project, ids: client.delete_tasks(project, [ids[0]]),
    "tasks deleted in bulk, not announced": _delete_all_tasks,
    "task imported": lambda fake, client, project, ids: client.import_tasks(
        project, [{"data": {"text": "x"}}]
    ),
    "task imported with annotations": _import_annotated,
    "more annotations wanted": _want_two_annotations,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_arrives(
    change: Change,
    fake: FakeLabelStudio,
    snapshot: Snapshot,
    refresh: Any,
    label_studio: LabelStudio,
    project_id: int,
    ids: list[int],
) -> None:
    label_studio.annotate(ids[0], chosen("cats"))
    label_studio.annotate(ids[1], [], was_cancelled=True)
    refresh()
    before = held(snapshot)
    change(fake, label_studio, project_id, ids)
    refresh()
    assert held(snapshot) == truth(fake, project_id) != before


def test_a_changed_text_gets_a_new_data_version_and_a_label_does_not(
    fake: FakeLabelStudio,
    snapshot: Snapshot,
    refresh: Any,
    label_studio: LabelStudio,
    project_id: int,
    ids: list[int],
) -> None:
    refresh()
    _change_data(fake, label_studio, project_id, ids)
    label_studio.annotate(ids[0], chosen("cats"))
    refresh()
    assert snapshot.tasks()[2].tolist() == [1, 1, 1, 1, 2, 1]


def test_an_annotation_that_comes_between_two_calls_costs_no_full_read(
    snapshot: Snapshot,
    refresh: Any,
    label_studio: LabelStudio,
    project_id: int,
    ids: list[int],
    monkeypatch: Any,
) -> None:
    refresh()
    waiting = [ids[2], ids[3]]
    counts = label_studio.counts

    def late(project: int) -> Any:
        if waiting:
            label_studio.annotate(waiting.pop(), chosen("cats"))
        return counts(project)

    monkeypatch.setattr(label_studio, "counts", late)
    assert not refresh().complete
    assert {task for task, _ in snapshot.annotations()} == {ids[2], ids[3]}


def test_a_project_that_never_rests_is_read_whole_rather_than_for_ever(
    refresh: Any, label_studio: LabelStudio, project_id: int, ids: list[int], monkeypatch: Any
) -> None:
    refresh()
    counts = label_studio.counts

    def busy(project: int) -> Any:
        label_studio.import_tasks(project, [{"data": {"text": "more"}}])
        return counts(project)

    monkeypatch.setattr(label_studio, "counts", busy)
    assert refresh().complete


def test_what_changes_while_everything_is_read_is_seen_next_time(
    fake: FakeLabelStudio,
    snapshot: Snapshot,
    refresh: Any,
    label_studio: LabelStudio,
    project_id: int,
    ids: list[int],
    monkeypatch: Any,
) -> None:
    iter_tasks = label_studio.iter_tasks

    def interrupted(*args: Any, **how: Any) -> Any:
        for page in iter_tasks(*args, **how):
            yield page
            if not how.get("with_annotations") and not how.get("ordering") and not fake.world.annotations:
                label_studio.annotate(ids[0], chosen("cats"))
                label_studio.delete_tasks(project_id, [ids[5]])
                label_studio.import_tasks(project_id, [{"data": {"text": "late"}}])

    monkeypatch.setattr(label_studio, "iter_tasks", interrupted)
    refresh()
    refresh()
    assert held(snapshot) == truth(fake, project_id)


def test_many_pages_are_read(
    fake: FakeLabelStudio, snapshot: Snapshot, label_studio: LabelStudio, project_id: int, monkeypatch: Any
) -> None:
    monkeypatch.setattr(snapshot_module, "PAGE_SIZE", 2)
    ids = label_studio.import_tasks(project_id, [{"data": {"text": f"t{i}"}} for i in range(45)])
    for i in ids[:5]:
        label_studio.annotate(i, chosen("cats"))
    assert snapshot.refresh(label_studio, project_id) == Refresh(45, complete=True)
    assert held(snapshot) == truth(fake, project_id)
    for i in ids[:7]:
        label_studio.annotate(i, chosen("money"))
    assert snapshot.refresh(label_studio, project_id) == Refresh(7, complete=False)
    assert held(snapshot) == truth(fake, project_id)


def test_data_come_in_the_order_asked_for_and_across_blocks(
    snapshot: Snapshot, label_studio: LabelStudio, project_id: int
) -> None:
    ids = label_studio.import_tasks(project_id, [{"data": {"text": str(i)}} for i in range(1203)])
    snapshot.refresh(label_studio, project_id)
    order = np.random.default_rng(0).permutation(ids)
    found = [int(d["text"]) for d in snapshot.data(order)]
    assert [ids[n] for n in found] == order.tolist()
    assert list(snapshot.data([10**9, ids[7]])) == [{}, {"text": "7"}]


def test_annotations_come_oldest_first_whatever_their_zone_and_precision(
    fake: FakeLabelStudio, snapshot: Snapshot, refresh: Any, label_studio: LabelStudio, ids: list[int]
) -> None:
    times = [
        "2026-03-01T10:00:00.900000Z",
        "2026-03-01T10:00:00Z",
        "2026-03-01T11:59:59.500000+02:00",
        "2026-03-01T05:00:02-05:00",
    ]
    made = [label_studio.annotate(ids[0], chosen(f"{n}"))["id"] for n in range(4)]
    for number, time in zip(made, times, strict=True):
        fake.world.annotations[number]["updated_at"] = time
    refresh()
    ((_, given),) = snapshot.annotations()
    assert [made.index(a.id) for a in given] == [2, 1, 0, 3]


def test_everything_is_read_anew_once_a_day(
    fake: FakeLabelStudio,
    snapshot: Snapshot,
    refresh: Any,
    label_studio: LabelStudio,
    project_id: int,
    ids: list[int],
) -> None:
    label_studio.annotate(ids[0], chosen("cats"))
    refresh()
    # one annotation vanishes unannounced while another one is made: the counts are the same
    _delete_silently(fake, label_studio, project_id, ids)
    label_studio.annotate(ids[1], chosen("cats"))
    refresh()
    with sqlite3.connect(snapshot.path) as db:
        db.execute("UPDATE note SET value = '2026-01-01T00:00:00+00:00' WHERE key = 'complete_at'")
    db.close()
    assert refresh().complete
    assert held(snapshot) == truth(fake, project_id)


def test_only_the_owner_may_read_it(snapshot: Snapshot, refresh: Any, ids: list[int]) -> None:
    refresh()
    assert snapshot.path.stat().st_mode & 0o777 == 0o600
    assert snapshot.path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("damage", ["cut", "zeros", "text", "empty", "no tables", "other version", "journal"])
def test_a_damaged_file_is_made_anew(
    damage: str, fake: FakeLabelStudio, snapshot: Snapshot, refresh: Any, project_id: int, ids: list[int]
) -> None:
    refresh()
    whole = snapshot.path.read_bytes()
    if damage == "no tables":
        with sqlite3.connect(snapshot.path) as db:
            db.execute("DROP TABLE note")
        db.close()
    elif damage == "other version":
        with sqlite3.connect(snapshot.path) as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
    else:
        content = {"cut": whole[:5000], "zeros": bytes(len(whole)), "text": b"x" * 9000, "empty": b""}
        snapshot.path.write_bytes(content.get(damage, whole[:4096]))
        if damage == "journal":
            snapshot.path.with_name("snapshot.sqlite-journal").write_bytes(whole)
    refresh()
    assert held(snapshot) == truth(fake, project_id)


def test_damage_that_shows_later_is_repaired_by_the_next_round(
    fake: FakeLabelStudio, snapshot: Snapshot, refresh: Any, label_studio: LabelStudio, project_id: int
) -> None:
    label_studio.import_tasks(project_id, [{"data": {"text": f"{i} " * 300}} for i in range(300)])
    refresh()
    damaged = bytearray(snapshot.path.read_bytes())
    for page in range(3, len(damaged) // 4096, 2):
        damaged[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    snapshot.path.write_bytes(damaged)
    with (
        pytest.raises(ModelStoreError, match="reads the project anew"),
        snapshot.kept_sound(),
    ):
        held(snapshot)
    refresh()
    assert held(snapshot) == truth(fake, project_id)


def test_a_locked_file_is_not_taken_for_a_damaged_one(
    snapshot: Snapshot, refresh: Any, ids: list[int]
) -> None:
    refresh()
    locked = sqlite3.OperationalError("database is locked")
    with pytest.raises(sqlite3.OperationalError), snapshot.kept_sound():
        raise locked
    assert snapshot.path.exists()


def test_a_crash_while_the_schema_is_made_leaves_nothing_half(
    snapshot: Snapshot, refresh: Any, ids: list[int], monkeypatch: Any
) -> None:
    half = snapshot_file.SCHEMA.partition("CREATE INDEX")[0]
    with monkeypatch.context() as patch:
        patch.setattr(snapshot_file, "SCHEMA", half)
        with pytest.raises(sqlite3.OperationalError):
            refresh()
    refresh()
    assert len(snapshot.tasks()[0]) == 6


def test_when_label_studio_breaks_off_the_rest_is_read_next_time(
    fake: FakeLabelStudio,
    snapshot: Snapshot,
    refresh: Any,
    label_studio: LabelStudio,
    project_id: int,
    ids: list[int],
) -> None:
    label_studio.annotate(ids[0], chosen("cats"))
    for call in range(1, 5):
        done: list[str] = []
        original = label_studio.iter_tasks

        def broken(
            *args: Any, _n: int = call, _done: list[str] = done, _original: Any = original, **how: Any
        ) -> Any:
            _done.append("call")
            if len(_done) == _n:
                raise LabelStudioError("the connection broke off")
            return _original(*args, **how)

        label_studio.iter_tasks = broken  # type: ignore[method-assign]
        try:
            with pytest.raises(LabelStudioError):
                refresh()
        finally:
            label_studio.iter_tasks = original  # type: ignore[method-assign]
    refresh()
    assert held(snapshot) == truth(fake, project_id)
