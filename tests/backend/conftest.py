from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.processes.valkey import EmbeddedValkey
from backend.services import Services
from backend.settings import Settings
from tests.backend.command import call
from tests.backend.samples import TEXT_CONFIG
from tests.client import FullLabelStudio
from tests.fakes.label_studio import FakeLabelStudio

__all__ = ["call"]


@pytest.fixture(autouse=True)
def _no_settings_from_outside(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for field in Settings.model_fields.values():
        alias: Any = field.validation_alias
        monkeypatch.delenv(alias.choices[0], raising=False)
    monkeypatch.chdir(tmp_path_factory.mktemp("cwd"))


@pytest.fixture
def fake() -> Iterator[FakeLabelStudio]:
    with FakeLabelStudio() as running:
        yield running


@pytest.fixture
def label_studio(fake: FakeLabelStudio) -> Iterator[FullLabelStudio]:
    client = FullLabelStudio(fake.url, fake.token, timeout=10, retries=1)
    yield client
    client.close()


@pytest.fixture
def project_id(label_studio: FullLabelStudio) -> int:
    project = label_studio.create_project(title="Topics", label_config=TEXT_CONFIG)
    return int(project["id"])


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedValkey(tmp_path_factory.mktemp("valkey"))
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def settings(fake: FakeLabelStudio, valkey_url: str, tmp_path: Path) -> Settings:
    return Settings(
        _env_file=None,
        label_studio_url=fake.url,
        label_studio_api_key=fake.token,
        redis_url=valkey_url,
        model_dir=tmp_path / "models",
        webhook_secret="a-secret-for-these-tests",
        public_url="http://127.0.0.1:9",
        request_timeout=10,
        debounce=0.01,
        # What encoders add has tests of its own; here each round is the last one.
        text_encoder="off",
        image_encoder="off",
    )


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    world = Services(settings)
    world.redis.flushall()
    yield world
    world.label_studio.close()
    world.redis.close()
