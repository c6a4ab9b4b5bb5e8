"""Damaged files in MODEL_DIR: each heals or is named, alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.project.overview import project_status
from backend.store.connection import (
    Connection,
    is_connected,
    is_damaged,
    read_connection,
    remove_connection,
    save_connection,
)
from backend.store.encoded import EncodedStore
from backend.store.files import read_json, write_json
from backend.store.models import ModelStore, Published
from backend.store.poll_note import PollNote, note_poll
from backend.store.progress import LARGEST_HISTORY, Progress, ProgressFile
from backend.store.queue_note import QueueNote
from backend.store.shards import Wish

REPORT = {
    "outcome": "published",
    "labels": 3,
    "seconds": {"fetch": 1.0},
    "notes": ["n"],
    "has_model": True,
    "fence": 1,
}
FILES = (
    "published.json",
    "progress.json",
    "poll.json",
    "rounds.jsonl",
    "connection.json",
    "connection-copy.json",
)


def a_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()
    (path / "x").touch()


def bytes_of(content: bytes) -> Callable[[Path], None]:
    return lambda path: bool(path.write_bytes(content)) and None


FIELDS = (
    *Connection.__dataclass_fields__,
    *Progress.__dataclass_fields__,
    *Published.__dataclass_fields__,
    *PollNote.__dataclass_fields__,
)
DAMAGES = {
    "a folder": a_folder,
    "empty": bytes_of(b""),
    "no UTF-8": bytes_of(b'{"problem": "\xff\xfe"}\n'),
    "zeros": bytes_of(b"\x00" * 200),
    "a list": bytes_of(b"[1, 2]"),
    "cut short": bytes_of(b'{"version": "clean'),
    "nested": bytes_of(b"[" * 100_000),
    "other types": bytes_of(json.dumps({name: {"a": ["b"]} for name in FIELDS}).encode()),
    "other types in the report": bytes_of(
        json.dumps(
            {
                "report": {
                    "labels": "x",
                    "seconds": [1],
                    "notes": 5,
                    "accuracy": {"value": "x"},
                    "questions": 7,
                }
            }
        ).encode()
    ),
}


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """Two projects after a round each."""
    store = ModelStore(tmp_path)
    for project in (1, 2):
        save_connection(store, project, Connection(webhook_id=7))
        ProgressFile(store.folder(project)).succeed(REPORT, {"seen": 1})
        store.publish(project, Published("clean-al-000001-a", 1, "print", (5, 6), False))
        note_poll(store.folder(project), "down")
        note_poll(store.folder(project), None)
    return store


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_troubles_no_other_project_and_the_next_round_writes_it_anew(
    name: str, damage: str, store: ModelStore
) -> None:
    other = project_status(store, 2)
    DAMAGES[damage](store.folder(1) / name)
    assert project_status(store, 2) == other
    assert project_status(store, 1).state in ("learning", "waiting for the first round", "waiting for labels")
    assert is_connected(store, 1)
    assert store.published(1) is None or store.published(1) == store.published(2)
    progress = ProgressFile(store.folder(1))
    progress.fail("down")
    progress.succeed(REPORT | {"fence": 2}, {"seen": 2})
    note_poll(store.folder(1), "down")
    note_poll(store.folder(1), None)
    store.publish(1, Published("clean-al-000002-b", 2, "print", (5,), False))
    status = project_status(store, 1)
    assert (status.state, status.labels, status.version) == ("learning", 3, "clean-al-000002-b")
    assert status.problem is None
    assert progress.history()[-1]["fence"] == 2


class TestConnection:
    @pytest.mark.parametrize("damage", DAMAGES)
    def test_it_is_read_from_its_copy(self, damage: str, store: ModelStore) -> None:
        if damage == "other types in the report":
            pytest.skip("it names no field of a connection")
        DAMAGES[damage](store.folder(1) / "connection.json")
        assert read_connection(store, 1) == Connection(webhook_id=7)

    def test_with_its_copy_damaged_too_the_status_says_what_to_do(self, store: ModelStore) -> None:
        for name in ("connection.json", "connection-copy.json"):
            (store.folder(1) / name).write_bytes(b"\xff")
        assert is_damaged(store, 1)
        status = project_status(store, 1)
        assert status.state == "its connection is damaged"
        assert status.problem is not None
        assert "clean-al connect 1" in status.problem

    @pytest.mark.parametrize("damage", ["a folder", "empty"])
    def test_one_that_was_removed_does_not_come_back_from_its_copy(
        self, damage: str, store: ModelStore
    ) -> None:
        DAMAGES[damage](store.folder(1) / "connection.json")
        remove_connection(store, 1)
        assert read_connection(store, 1) is None
        assert not is_damaged(store, 1)
        save_connection(store, 2, Connection())
        (store.folder(2) / "connection.json").unlink()
        assert read_connection(store, 2) is None


def test_halves_of_characters_are_kept_in_files_and_shown_as_question_marks(store: ModelStore) -> None:
    file = ProgressFile(store.folder(1))
    file.succeed(REPORT | {"notes": ["a \ud800 label"], "classes": {"\udfff": 1}}, {})
    assert file.read().report["classes"] == {"\udfff": 1}
    assert project_status(store, 1).notes == ["a ? label"]
    file.fail("wrong: \ud800")
    assert "wrong: ?" in str(project_status(store, 1).problem)


def test_the_history_is_cut_to_its_newest_half_and_the_count_of_rounds_stays(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.store.progress.LARGEST_HISTORY", 10_000)
    file = ProgressFile(store.folder(1))
    for fence in range(2, 400):
        file.succeed(REPORT | {"fence": fence}, {})
    fences = [report["fence"] for report in file.history()]
    assert fences == list(range(fences[0], 400))
    assert (store.folder(1) / "rounds.jsonl").stat().st_size <= 10_000
    assert project_status(store, 1).rounds == 399
    assert LARGEST_HISTORY > 10_000


def test_rounds_of_an_earlier_version_are_counted_from_their_history(store: ModelStore) -> None:
    path = store.folder(1) / "progress.json"
    stored = read_json(path)
    assert isinstance(stored, dict)
    del stored["rounds"]
    write_json(path, stored)
    file = ProgressFile(store.folder(1))
    assert file.rounds() == 1
    file.succeed(REPORT, {})
    assert file.read().rounds == 2


def test_a_project_folder_that_is_no_folder_is_named(store: ModelStore) -> None:
    shutil.rmtree(store.folder(1))
    store.folder(1).write_text("no folder")
    assert project_status(store, 1).state in ("off", "cannot be read")
    assert project_status(store, 2).state == "learning"


def values() -> Any:
    return [None, 5, "x", [], {}, [{}], True, -1, 1e308]


@pytest.mark.parametrize("value", values())
@pytest.mark.parametrize(
    "name", ["labels", "seconds", "notes", "accuracy", "ended_at", "has_model", "classes", "questions"]
)
def test_no_value_in_a_report_stops_the_status(name: str, value: Any, store: ModelStore) -> None:
    path = store.folder(1) / "progress.json"
    stored = read_json(path)
    assert isinstance(stored, dict)
    write_json(path, stored | {"report": stored["report"] | {name: value}})
    status = project_status(store, 1)
    assert status.state in ("learning", "waiting for labels")
    json.dumps(status.as_dict(), default=str)
    str(status.accuracy)


def test_a_folder_where_the_note_on_the_queue_belongs_gives_way(tmp_path: Path) -> None:
    (tmp_path / "queue.json").mkdir()
    note = QueueNote(tmp_path)
    note.set(None)
    assert not (tmp_path / "queue.json").exists()
    note.set("Redis does not answer")
    assert note.read() is not None


def test_a_folder_that_is_no_project_is_passed_over(tmp_path: Path) -> None:
    for name in ("7", "²", "7-20260101T000000-abcd", "notes"):
        (tmp_path / "projects" / name).mkdir(parents=True)
    assert ModelStore(tmp_path).project_ids() == [7]


def test_what_is_asked_of_encoders_is_counted_while_workers_strike_it(tmp_path: Path) -> None:
    store = EncodedStore(tmp_path, "text")
    store.ask(Wish.of(np.zeros((5, 2))))
    # As a name looks whose file a worker has removed since it was listed.
    (store.folder / "asked" / f"text.{'0' * 16}.npy").symlink_to("gone")
    assert store.n_asked() == 5
