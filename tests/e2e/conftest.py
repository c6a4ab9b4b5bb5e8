"""A real Label Studio for the whole test session."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.real_label_studio import RealLabelStudio, shared_server


@pytest.fixture(scope="session")
def label_studio_binary() -> str:
    """The `label-studio` command; tests that need it are skipped without one."""
    binary = os.environ.get("CLEAN_AL_LABEL_STUDIO")
    if not binary:
        pytest.skip("CLEAN_AL_LABEL_STUDIO names no label-studio command; `make e2e` sets it")
    return binary


@pytest.fixture(scope="session")
def real_label_studio(label_studio_binary: str) -> Iterator[RealLabelStudio]:
    """A Label Studio that accepts webhooks and backends on loopback; shared, so make a project per test."""
    server = shared_server(label_studio_binary)
    yield server
    server.stop()
    shutil.rmtree(server.data_dir, ignore_errors=True)
