"""A real worker encodes between rounds and turns the order to the encoder, by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from backend.label_studio.client import LabelStudio
from backend.loop.jobs import DirtyMarker
from backend.loop.shard_jobs import shard_queue
from backend.processes.supervisor import environment_of
from backend.services import Services
from backend.settings import Settings
from backend.store.encoded import EncodedStore
from backend.store.files import write_json
from backend.store.models import ModelStore
from tests.backend.samples import chosen

SECONDS = 120


def test_a_worker_orders_encodes_and_orders_again(
    settings: Settings, label_studio: LabelStudio, project_id: int, tmp_path: Path
) -> None:
    own = settings.model_copy(update={"text_encoder": "tests.backend.tiny_encoder:topics"})
    services = Services(own)
    services.redis.flushall()
    write_json(services.store.folder(project_id) / "connection.json", {})
    texts = ["cat purr", "bank coin", "army siege"]
    labels = ["cats", "money", "conflict"]
    tasks = [{"data": {"text": f"{texts[i % 3]} {i}"}} for i in range(30)]
    for i, task in enumerate(label_studio.import_tasks(project_id, tasks)[:9]):
        label_studio.annotate(task, chosen(labels[i % 3]))
    environment = os.environ | environment_of(own) | {"PYTHONPATH": str(Path(__file__).parents[3])}
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "-P", "-m", "backend.cli", "_worker"], env=environment, stdout=log, stderr=log
        )
    try:
        DirtyMarker.of(services).mark_dirty(project_id, "test")
        _wait_for(lambda: _uses_the_encoder(services.store, project_id), worker, tmp_path / "log")
    finally:
        worker.terminate()
        worker.wait(30)
    assert EncodedStore(services.store.folder(project_id), "text").asked() == []
    assert shard_queue(services.redis).count == 0


def _uses_the_encoder(store: ModelStore, project: int) -> bool:
    published = store.published(project)
    if published is None or not published.has_model:
        return False
    return bool(store.load(project, published.version).reader.beside)


def _wait_for(condition, worker, log: Path) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert worker.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
