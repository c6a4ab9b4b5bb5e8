"""A real Label Studio for the whole test session."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.e2e.real_label_studio import RealLabelStudio


@pytest.fixture(scope="session")
def label_studio_binary() -> str:
    """The `label-studio` command; tests that need it are skipped without one."""
    binary = os.environ.get("CLEAN_AL_LABEL_STUDIO")
    if not binary:
        pytest.skip("CLEAN_AL_LABEL_STUDIO names no label-studio command; `make e2e` sets it")
    return binary


@pytest.fixture(scope="session")
def real_label_studio(
    label_studio_binary: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealLabelStudio]:
    """A Label Studio that accepts webhooks and backends on loopback; shared, so make a project per test."""
    directory = tmp_path_factory.mktemp("label-studio")
    with RealLabelStudio(label_studio_binary, directory, allow_private_addresses=True) as server:
        yield server
