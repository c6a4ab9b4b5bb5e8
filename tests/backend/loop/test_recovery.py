"""What goes on after a process has died or stood still, on a real Valkey."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from backend.errors import RoundSuperseded
from backend.label_studio.client import LabelStudio
from backend.loop import jobs
from backend.loop.lease import take_away, take_lease
from backend.loop.marks import lock_key
from backend.loop.publish import VERSION_PREFIX, clean_up
from backend.loop.round import RoundReport
from backend.services import Services
from backend.store import snapshot_file
from backend.store.files import write_json
from backend.store.models import Published
from backend.store.progress import Progress, ProgressFile
from backend.store.snapshot import Snapshot


class TestLease:
    def test_one_that_ran_out_while_nobody_wanted_it_is_taken_again(self, services: Services) -> None:
        """As on a machine so busy that the heartbeat came late."""
        with take_lease(services.redis, 1, 15) as lease:
            assert lease is not None
            services.redis.delete(lock_key(1))
            lease.check()
            with take_lease(services.redis, 1, 15) as other:
                assert other is None
        assert not services.redis.exists(lock_key(1))

    def test_one_that_ran_out_while_another_came_and_went_is_lost(self, services: Services) -> None:
        with take_lease(services.redis, 1, 15) as paused:
            assert paused is not None
            services.redis.delete(lock_key(1))
            with take_lease(services.redis, 1, 15) as other:
                assert other is not None
            with pytest.raises(RoundSuperseded):
                paused.check()

    def test_one_that_was_taken_away_is_lost(self, services: Services) -> None:
        with take_lease(services.redis, 1, 15) as lease:
            assert lease is not None
            take_away(services.redis, 1)
            with pytest.raises(RoundSuperseded):
                lease.check()
        assert not services.redis.exists(lock_key(1))

    def test_after_a_loss_of_redis_memory_it_is_lost(self, services: Services) -> None:
        with take_lease(services.redis, 1, 15) as lease:
            assert lease is not None
            services.redis.flushall()
            with pytest.raises(RoundSuperseded):
                lease.check()


@pytest.mark.parametrize("outcome", ["nothing new", "failure"])
def test_who_was_superseded_does_not_say_how_it_went(
    outcome: str,
    services: Services,
    project_id: int,
    monkeypatch: Any,
) -> None:
    write_json(services.store.folder(project_id) / "connection.json", {})
    progress = ProgressFile(services.store.folder(project_id))
    others = Progress(covers={"seen": "by the other"}, report={"fence": 9})
    fences: list[int] = []

    def run(*_: Any, **__: Any) -> RoundReport:
        """A round that stands still while another worker takes over and finishes."""
        services.redis.delete(lock_key(project_id))
        with take_lease(services.redis, project_id, 15) as taken:
            assert taken is not None
            fences.append(taken.fence)
            progress._write(others)
        if outcome == "failure":
            raise OSError("the snapshot is another one now")
        return RoundReport(project=project_id, outcome=outcome, version=None, fence=1)

    monkeypatch.setattr(jobs, "run_round", run)
    assert jobs.perform_round(project_id, services) == "superseded"
    assert fences == [2], "the other worker took over once, under the next fence"
    assert progress.read() == others
    assert not services.redis.exists(lock_key(project_id))


def test_a_worker_that_stopped_in_mid_write_does_not_block_the_next_one(
    services: Services, label_studio: LabelStudio, project_id: int, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(snapshot_file, "LOCKED_SECONDS", 0.05)
    label_studio.import_tasks(project_id, [{"data": {"text": "a"}}, {"data": {"text": "b"}}])
    snapshot = Snapshot(tmp_path / "snapshot.sqlite")
    snapshot.refresh(label_studio, project_id)
    with closing(sqlite3.connect(snapshot.path)) as stopped:
        stopped.execute("BEGIN EXCLUSIVE")
        stopped.execute("DELETE FROM task")
        label_studio.import_tasks(project_id, [{"data": {"text": "c"}}])
        assert snapshot.refresh(label_studio, project_id).complete
        assert len(snapshot.tasks()[0]) == 3
        # It wakes up, and does no harm.
        with suppress(sqlite3.OperationalError):
            stopped.commit()
    assert len(snapshot.tasks()[0]) == 3
    assert not snapshot.refresh(label_studio, project_id).complete


def test_who_was_superseded_deletes_no_newer_queue_head(
    services: Services, label_studio: LabelStudio, project_id: int
) -> None:
    """A round that stood still between its publication and its clearing up."""
    (task,) = label_studio.import_tasks(project_id, [{"data": {"text": "a"}}])
    mine, newer = f"{VERSION_PREFIX}000001-a", f"{VERSION_PREFIX}000002-b"
    for version in (mine, newer):
        label_studio.import_predictions(
            project_id, [{"task": task, "model_version": version, "score": 0.0, "result": []}]
        )
    published = Published(version=mine, fence=1, fingerprint="", head=(task,), has_model=False)
    with take_lease(services.redis, project_id, 15) as paused:
        assert paused is not None
        services.redis.delete(lock_key(project_id))
        with take_lease(services.redis, project_id, 15):
            pass
        with pytest.raises(RoundSuperseded):
            clean_up(label_studio, project_id, published, paused)
    assert label_studio.model_versions(project_id)[newer] == 1
