"""The far side, twice: the fake in every run, the real Label Studio when e2e tests run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.client import FullLabelStudio
from tests.e2e.real_label_studio import RealLabelStudio
from tests.fakes.label_studio import FakeLabelStudio

CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="sentiment" toName="text">'
    '<Choice value="good"/><Choice value="bad"/></Choices></View>'
)


class Server(Protocol):
    """What fake and real have in common."""

    @property
    def url(self) -> str:
        """The address."""

    @property
    def token(self) -> str:
        """The admin's token."""

    def add_user(self) -> str:
        """Return the token of one more user."""


@pytest.fixture(scope="session", params=["fake", pytest.param("real", marks=pytest.mark.e2e)])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Label Studio that is up."""
    if request.param == "real":
        yield from _real(tmp_path_factory.mktemp("label-studio"))
        return
    with FakeLabelStudio() as fake:
        yield fake


def _real(directory: Path) -> Iterator[Server]:
    binary = os.environ.get("CLEAN_AL_LABEL_STUDIO")
    if not binary:
        pytest.skip("CLEAN_AL_LABEL_STUDIO names no label-studio command; `make e2e` sets it")
    with RealLabelStudio(binary, directory, allow_private_addresses=True) as real:
        yield real


@pytest.fixture(scope="session")
def label_studio(server: Server) -> FullLabelStudio:
    """A client of the admin."""
    return FullLabelStudio(server.url, server.token)


@pytest.fixture(scope="session")
def colleague(server: Server) -> FullLabelStudio:
    """A client of another annotator."""
    return FullLabelStudio(server.url, server.add_user())


@pytest.fixture
def project(label_studio: FullLabelStudio) -> Iterator[int]:
    """A text project of its own for each test."""
    number = label_studio.create_project(title="contract", label_config=CONFIG)["id"]
    yield number
    label_studio.delete_project(number)
