"""A project whose Label Studio is slow does not hold up the others, even with one worker."""

from __future__ import annotations

import math
import sys
import threading
from pathlib import Path

import pytest

from backend.label_studio.client import LabelStudio
from backend.loop import relief
from backend.loop.jobs import DirtyMarker, round_jobs, round_queue
from backend.loop.marks import lock_key
from backend.services import Services
from backend.store.files import write_json
from tests.backend.processes.processes import wait_until
from tests.e2e.loop_runner import Loop
from tests.e2e.projects import make_text_project
from tests.fakes.label_studio import FakeLabelStudio


def test_a_head_of_the_queue_that_does_not_move_brings_a_helper_and_a_moving_one_does_not(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relief, "STEP", 0.02)
    for project in (1, 2):
        write_json(services.store.folder(project) / "connection.json", {})
    came, stop = tmp_path / "came", threading.Event()
    helper = [sys.executable, "-c", f"open({str(came)!r}, 'a').write('x'); import time; time.sleep(60)"]
    thread = threading.Thread(target=relief.relieve_until, args=(services, stop, helper))
    thread.start()
    try:
        assert not wait_until(came.exists, 0.5)
        DirtyMarker.of(services).mark_dirty(1, "test", delay=0)
        assert wait_until(lambda: came.exists() and came.read_text() == "x" * relief.MOST_HELPERS)
        assert not wait_until(lambda: len(came.read_text()) > relief.MOST_HELPERS, 0.5)
        assert len(round_queue(services.redis).job_ids) == 1
    finally:
        stop.set()
        thread.join()


def test_a_project_whose_round_runs_already_brings_no_helper_and_one_behind_it_does(
    services: Services,
) -> None:
    jobs, mark = round_jobs(services.redis), DirtyMarker.of(services)
    for project in (1, 2):
        write_json(services.store.folder(project) / "connection.json", {})
    services.redis.set(lock_key(1), "held")
    assert jobs.first_free() is None
    mark.mark_dirty(1, "test", delay=0)
    assert jobs.first_free() is None
    mark.mark_dirty(2, "test", delay=0)
    assert str(jobs.first_free()).startswith("round-2-")
    services.redis.delete(lock_key(1))
    assert str(jobs.first_free()).startswith("round-1-")


@pytest.mark.slow
def test_others_are_learned_while_one_project_waits_for_its_label_studio(tmp_path: Path) -> None:
    with FakeLabelStudio() as fake:
        admin = LabelStudio(fake.url, fake.token)
        slow, *others = (make_text_project(admin, 20, title=f"project {i}", seed=i) for i in range(4))
        environment = {"PYTHONPATH": ":".join(sys.path), "CLEAN_AL_POLL_INTERVAL": "1"}
        loop = Loop(fake.url, fake.token, tmp_path, environment).start()
        try:
            fake.fail("slow", path=f"/api/projects/{slow}/.*", times=math.inf, seconds=20.0)
            write_json(loop.store.folder(slow) / "connection.json", {})
            DirtyMarker.of(loop.services).mark_dirty(slow, "test", delay=0.0)
            assert wait_until(lambda: loop.progress(slow).running_since is not None)
            for project in others:
                write_json(loop.store.folder(project) / "connection.json", {})
                DirtyMarker.of(loop.services).mark_dirty(project, "test", delay=0.0)
            assert wait_until(lambda: all(loop.progress(project).report for project in others))
            assert not loop.progress(slow).report, "it still waits"
        finally:
            fake.heal()
            loop.stop()
            admin.close()
