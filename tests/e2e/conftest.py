"""Real Label Studios and real loops; each Label Studio is shared, so every test makes its own projects."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.client import FullLabelStudio
from tests.e2e.loop_runner import QUICK, Loop
from tests.e2e.projects import Annotator
from tests.e2e.real_label_studio import RealLabelStudio

MakeLoop = Callable[..., Loop]

DATABASE = "label_studio.sqlite3"
SECOND = "second@example.org"
# Names a folder in which a fresh install is kept from one run of the tests to the next; optional.
# They change a published order once more, after the first round; test_encoding_for_real has them on.
NO_ENCODERS = {"CLEAN_AL_TEXT_ENCODER": "off", "CLEAN_AL_IMAGE_ENCODER": "off"}
KEPT_INSTALL = "CLEAN_AL_KEPT_LABEL_STUDIO"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the real Label Studio."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)


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
    _restore_kept(directory)
    with RealLabelStudio(label_studio_binary, directory, allow_private_addresses=True) as server:
        server.add_user(SECOND)
        _keep(directory)
        yield server


@pytest.fixture(scope="session")
def strict_label_studio(
    label_studio_binary: str, real_label_studio: RealLabelStudio, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealLabelStudio]:
    """A Label Studio as it comes: it refuses webhooks to loopback and ML backends there."""
    directory = tmp_path_factory.mktemp("strict-label-studio")
    _copy_install(real_label_studio.data_dir, directory)
    with RealLabelStudio(label_studio_binary, directory, allow_private_addresses=False) as server:
        yield server


def _restore_kept(directory: Path) -> None:
    """Begin with an install that an earlier run has kept: the first start takes half a minute of its own."""
    kept = os.environ.get(KEPT_INSTALL)
    if kept and (Path(kept) / DATABASE).exists():
        _copy_install(Path(kept), directory)


def _keep(directory: Path) -> None:
    kept = os.environ.get(KEPT_INSTALL)
    if kept and not (Path(kept) / DATABASE).exists():
        Path(kept).mkdir(parents=True, exist_ok=True, mode=0o700)
        _copy_install(directory, Path(kept))


def _copy_install(source: Path, target: Path) -> None:
    """Copy the users, keys and projects of a Label Studio, which may run."""
    for name in (".env", "users.json"):
        shutil.copy2(source / name, target / name)
    with (
        closing(sqlite3.connect(source / DATABASE)) as theirs,
        closing(sqlite3.connect(target / DATABASE)) as ours,
    ):
        theirs.backup(ours)


@pytest.fixture(scope="module")
def make_loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeLoop]:
    """Starts `clean-al serve` against a Label Studio; all are stopped after the module."""
    loops: list[Loop] = []

    def make(server: RealLabelStudio, **settings: str) -> Loop:
        loop = Loop(server.url, server.token, tmp_path_factory.mktemp("loop"), QUICK | NO_ENCODERS | settings)
        loops.append(loop)
        return loop.start()

    yield make
    codes = [loop.stop() for loop in loops]
    assert codes == [0] * len(loops)


@pytest.fixture(scope="module")
def loop(make_loop: MakeLoop, real_label_studio: RealLabelStudio) -> Loop:
    """A loop with short intervals, shared by the tests of a module."""
    return make_loop(real_label_studio)


@pytest.fixture(scope="session")
def admin(real_label_studio: RealLabelStudio) -> FullLabelStudio:
    """The shared Label Studio's API, as its admin."""
    return FullLabelStudio(real_label_studio.url, real_label_studio.token)


@pytest.fixture(scope="session")
def first(real_label_studio: RealLabelStudio) -> Annotator:
    """The first of two users who label."""
    return Annotator(real_label_studio.url, real_label_studio.token)


@pytest.fixture(scope="session")
def second(real_label_studio: RealLabelStudio) -> Annotator:
    """The second of two users who label."""
    return Annotator(real_label_studio.url, real_label_studio.add_user(SECOND))
