"""Makes model_dir_0_1.tar.gz with the code of 0.1; README.md beside this file says how to run it."""

# ruff: noqa: I001 - it names modules that this version has elsewhere
from __future__ import annotations

import io
import json
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from backend.connection import connect
from backend.jobs import perform_round
from backend.services import Services
from backend.settings import Settings
from backend.valkey import EmbeddedValkey
from tests.backend.pipeline.samples import TEXT_CONFIG, chosen
from tests.fakes import label_studio_outgoing as outgoing
from tests.fakes.label_studio import FakeLabelStudio

# Few words in short texts: the main directions of the pool, which do not compress, stay small.
WORDS = {
    "cats": ["cat", "purr", "paw", "fur"],
    "money": ["bank", "loan", "coin", "bond"],
    "conflict": ["army", "siege", "truce", "march"],
}
TASKS, LABELED = 50, (20, 40)
WORLD = ("projects", "tasks", "annotations", "predictions", "webhooks", "ml_backends")


def topic_of(number: int) -> str:
    """Return the right label of the task with an id."""
    return list(WORDS)[number % 3]


def text_of(number: int) -> str:
    """Return three words about the task's topic."""
    return " ".join(np.random.default_rng(number).choice(WORDS[topic_of(number)], 3))


def settings_for(label_studio: FakeLabelStudio, redis_url: str, folder: Path) -> Settings:
    return Settings(
        _env_file=None,
        label_studio_url=label_studio.url,
        label_studio_api_key=label_studio.token,
        redis_url=redis_url,
        model_dir=folder,
        webhook_secret="a-secret-for-these-tests",
        public_url="http://127.0.0.1:9",
    )


def run_the_loop(label_studio: FakeLabelStudio, services: Services) -> None:
    """Connect a project that had an order and a webhook of its own, and label in two goes what is served."""
    client = services.label_studio
    project = int(client.create_project(title="Topics", label_config=TEXT_CONFIG)["id"])
    client.update_project(project, sampling="Uniform sampling")
    client.create_webhook(project=project, url="http://example.org/hook")
    client.import_tasks(project, [{"data": {"text": text_of(n)}} for n in range(1, TASKS + 1)])
    connect(services, project)
    perform_round(project, services)
    for wanted in LABELED:
        head = services.store.published(project).head
        for task in head[: wanted - len(label_studio.world.annotations)]:
            client.annotate(task, chosen(topic_of(task)))
        perform_round(project, services)


def _of_nobody(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def main(target: Path) -> None:
    outgoing.reach = lambda *_: None
    outgoing.send_webhook = lambda *_: None
    with tempfile.TemporaryDirectory() as scratch, FakeLabelStudio() as label_studio:
        folder, valkey = Path(scratch) / "model_dir", EmbeddedValkey(Path(scratch) / "valkey")
        try:
            run_the_loop(label_studio, Services(settings_for(label_studio, valkey.start(), folder)))
        finally:
            valkey.stop()
        world = json.dumps({kind: list(getattr(label_studio.world, kind).values()) for kind in WORLD})
        with tarfile.open(target, "w:gz", compresslevel=9) as archive:
            archive.add(folder, "model_dir", filter=_of_nobody)
            entry = tarfile.TarInfo("label_studio.json")
            entry.size = len(world.encode())
            archive.addfile(entry, io.BytesIO(world.encode()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
