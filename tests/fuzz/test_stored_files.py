"""Files of MODEL_DIR with anything wrong in them: each heals or is named, and the pages stand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import BackendError
from backend.loop.options import store_options, stored_options
from backend.project.overview import project_status
from backend.store.connection import Connection, read_connection, save_connection
from backend.store.models import ModelStore
from backend.store.poll_note import note_poll
from backend.store.progress import ProgressFile
from tests.backend.store.test_forged_models import fit_manifest
from tests.backend.store.test_healing import REPORT
from tests.backend.store.test_models import predictor_of, published, text_model
from tests.fuzz.inputs import changed, tries

TASKS = [{"data": {"text": "a cat sat"}}]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a project after two rounds."""
    store = ModelStore(tmp_path_factory.mktemp("whole"))
    for version in ("v1", "v2"):
        store.save(1, version, text_model(version=version))
    store.publish(1, published("v2", 2))
    save_connection(store, 1, Connection(webhook_id=7))
    ProgressFile(store.folder(1)).succeed(REPORT, {"seen": 1})
    note_poll(store.folder(1), "down")
    store_options(store.folder(1), {"batch_size": 5})
    return store.folder(1)


def names(folder: Path) -> list[str]:
    """Return what can be damaged, but the model that is there to fall back on."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in files if "v1" not in path.parts)


@tries(60)
@given(data=st.data())
def test_a_damaged_file_is_healed_or_named_and_the_pages_stand(
    whole: Path, tmp_path: Path, data: st.DataObject
) -> None:
    store = ModelStore(tmp_path / "models")
    folder = store.folder(1)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    path = folder / data.draw(st.sampled_from(names(whole)))
    path.write_bytes(data.draw(changed([path.read_bytes()]) | st.binary(max_size=40)))
    # Who can write a model can write its checksums, too.
    if "v2" in path.parts and path.name != "manifest.json" and data.draw(st.booleans()):
        fit_manifest(path.parent)
    assert project_status(store, 1).state
    read_connection(store, 1)
    ProgressFile(folder).history()
    try:
        stored_options(folder)
    except BackendError as error:
        named = str(error)
    else:
        named = "read"
    assert named
    predictions, version = predictor_of(store).predict(1, TASKS)
    assert len(predictions) == 1
    assert version in ("v1", "v2")
