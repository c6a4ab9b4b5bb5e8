"""A stored model that was changed together with its manifest is not served; the newest whole one is."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.errors import ModelStoreError
from backend.store.models import ModelStore
from tests.backend.store.test_models import predictor_of, published, text_model

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    store = ModelStore(tmp_path)
    for version in ("v1", "v2"):
        store.save(1, version, text_model(version=version))
    store.publish(1, published("v2", 2))
    return store


def fit_manifest(folder: Path) -> None:
    contents = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "manifest.json"}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    (folder / "manifest.json").write_text(json.dumps(sums))


def described(change: Change) -> Callable[[Path], None]:
    def forge(folder: Path) -> None:
        values = json.loads((folder / "model.json").read_bytes())
        change(values)
        (folder / "model.json").write_text(json.dumps(values))

    return forge


def claims_terabytes(folder: Path) -> None:
    """An array whose head says that it has 10^12 numbers, of which none come."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    with zipfile.ZipFile(folder / "arrays.npz", "w") as file:
        file.writestr("0.coef.values.npy", head.getvalue())


def is_compressed(folder: Path) -> None:
    with np.load(folder / "arrays.npz") as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez_compressed(folder / "arrays.npz", **arrays)


def asks_for_a_password(folder: Path) -> None:
    """An archive whose members say that they are encrypted."""
    content = bytearray((folder / "arrays.npz").read_bytes())
    for head, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = -1
        while (at := content.find(head, at + 1)) >= 0:
            content[at + flags] |= 1
    (folder / "arrays.npz").write_bytes(content)


def no_arrays(folder: Path) -> None:
    np.savez(folder / "arrays.npz")


def question(**values: Any) -> Change:
    return lambda d: d["questions"][0]["state"].update(values)


FORGERIES = {
    "8 TB": claims_terabytes,
    "compressed": is_compressed,
    "no arrays": no_arrays,
    "a password": asks_for_a_password,
    "no facts": described(lambda d: d.update(facts={})),
    "other facts": described(lambda d: d.update(facts=[1])),
    "no labeling config": described(lambda d: d["facts"].update(label_config=None)),
    "a strange labeling config": described(lambda d: d["facts"].update(label_config="<View")),
    "fewer answers": described(question(answers=[])),
    "one answer": described(
        lambda d: d["questions"][0]["state"].update(answers=d["questions"][0]["state"]["answers"][:1])
    ),
    "a million million features": described(question(n_features=10**12)),
    "negative features": described(question(n_features=-1)),
    "no questions": described(lambda d: d.update(questions=[])),
    "another kind": described(lambda d: d["questions"][0].update(kind="os.system")),
    "another format": described(lambda d: d.update(format=1)),
    "no reader": described(lambda d: d.update(reader=None)),
    "a list": lambda folder: bool((folder / "model.json").write_text("[]")) and None,
    "nested": lambda folder: bool((folder / "model.json").write_text("[" * 100_000)) and None,
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_the_one_before_is_served(forgery: str, store: ModelStore) -> None:
    folder = store.folder(1) / "models" / "v2"
    FORGERIES[forgery](folder)
    fit_manifest(folder)
    predictor = predictor_of(store)
    for _ in range(2):
        predictions, version = predictor.predict(1, [{"data": {"text": "a cat sat"}}])
        assert version == "v1"
        assert predictions[0]["model_version"] == "v1"


@pytest.mark.parametrize("forgery", FORGERIES)
def test_it_is_loaded_or_refused_and_nothing_else(forgery: str, store: ModelStore) -> None:
    folder = store.folder(1) / "models" / "v2"
    FORGERIES[forgery](folder)
    fit_manifest(folder)
    with suppress(ModelStoreError):
        store.load(1, "v2")


@pytest.mark.parametrize(
    "manifest", [None, b"", b"{}", b"[]", b"\xff", b'{"model.json": 5}', b'{"../x": "y"}']
)
def test_without_a_manifest_the_one_before_is_served(manifest: bytes | None, store: ModelStore) -> None:
    path = store.folder(1) / "models" / "v2" / "manifest.json"
    path.unlink()
    if manifest is not None:
        path.write_bytes(manifest)
    assert predictor_of(store).predict(1, [{"data": {"text": "x"}}])[1] == "v1"


@pytest.mark.parametrize("note", [None, b"", b"\xff", b"[]", b'{"version": 5}', b'{"version": "v1"}'])
def test_where_the_note_of_what_is_published_is_damaged_the_newest_whole_model_is_served(
    note: bytes | None, store: ModelStore
) -> None:
    path = store.folder(1) / "published.json"
    path.unlink()
    if note is not None:
        path.write_bytes(note)
    assert predictor_of(store).predict(1, [{"data": {"text": "x"}}])[1] == "v2"
    (store.folder(1) / "models" / "v2" / "model.json").write_bytes(b"{}")
    assert predictor_of(store).predict(1, [{"data": {"text": "x"}}])[1] == "v1"
