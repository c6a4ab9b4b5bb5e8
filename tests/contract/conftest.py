"""The far side, twice: the fake in every run, the real Label Studio when e2e tests run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pytest

from backend.label_studio import LabelStudio
from tests.e2e.conftest import label_studio_binary, real_label_studio
from tests.fakes.label_studio import FakeLabelStudio

__all__ = ["label_studio_binary", "real_label_studio"]

CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="sentiment" toName="text">'
    '<Choice value="good"/><Choice value="bad"/></Choices></View>'
)


class Server(Protocol):
    """What fake and real have in common."""

    @property
    def url(self) -> str:
        """The address."""

    token: str

    def add_user(self) -> str:
        """Return the token of one more user."""


@pytest.fixture(scope="session", params=["fake", pytest.param("real", marks=pytest.mark.e2e)])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A Label Studio that is up."""
    if request.param == "real":
        yield request.getfixturevalue("real_label_studio")
        return
    with FakeLabelStudio() as fake:
        yield fake


@pytest.fixture(scope="session")
def label_studio(server: Server) -> LabelStudio:
    """A client of the admin."""
    return LabelStudio(server.url, server.token)


@pytest.fixture(scope="session")
def colleague(server: Server) -> LabelStudio:
    """A client of another annotator."""
    return LabelStudio(server.url, server.add_user())


@pytest.fixture
def project(label_studio: LabelStudio) -> Iterator[int]:
    """A text project of its own for each test."""
    number = label_studio.create_project(title="contract", label_config=CONFIG)["id"]
    yield number
    label_studio.delete_project(number)
