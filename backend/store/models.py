"""Models on disk, per project and version: written whole, checked when read, never a pickle.

MODEL_DIR/projects/<id>/
    published.json              what Label Studio is served, under which fence, and the audit share's draws
    models/<version>/           manifest.json (checksums), model.json, arrays.npz [, estimator.skops]
    features/                   the pool's features, see feature_store.py
    progress.json, poll.json    what the last round and the last look saw, see progress.py and poller.py
    snapshot.sqlite             the project as last read, see snapshot.py
    connection.json             what `connect` found and made, see connection.py
    rounds.jsonl                one line per round that published something
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import secrets
import shutil
import time
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin

from backend.errors import ModelStoreError, RoundSuperseded
from backend.learning.inputs import InputSpec
from backend.learning.vectorize import VECTORIZERS, Vectorizer
from backend.store.files import (
    private_folder,
    read_json,
    read_record,
    sync_folder,
    write_atomically,
    write_json,
)
from clean_al.learners import SketchedLogisticRegression, SparseLogisticRegression, class_probabilities

KEEP = 5
ABANDONED_SECONDS = 3600
# What the built-in estimators consist of beyond what skops lets in by itself; none of these runs code of its
# own choosing when it is loaded.
KNOWN_TYPES = frozenset(
    {
        "clean_al.committee.Committee",
        "clean_al.learners.SketchedLogisticRegression",
        "clean_al.learners.SparseLogisticRegression",
        "sklearn.tree._tree.Tree",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
    }
)
# Stored as their weights alone; both predict as logistic regression does.
LINEAR = (SparseLogisticRegression, SketchedLogisticRegression)
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,127}")


@dataclass(frozen=True)
class Model:
    """What turns task data into probabilities: an input, a vectorizer and a fitted classifier."""

    spec: InputSpec
    vectorizer: Vectorizer
    classifier: ClassifierMixin
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def labels(self) -> list[str]:
        """The labels that the model knows, in the order of its probabilities' columns."""
        return [str(label) for label in self.classifier.classes_]

    def probabilities(self, values: Sequence[Any]) -> np.ndarray:
        """Return the probability of each label for each value; shape (n_values, n_labels)."""
        return self.probabilities_of(self.vectorizer.transform(values).X)

    def probabilities_of(self, X: Any) -> np.ndarray:
        """Return the probability of each label for each row of features; shape (n_rows, n_labels)."""
        return class_probabilities(self.classifier, X)


@dataclass(frozen=True)
class Published:
    """What annotators are served now, and all that the audit share has drawn so far.

    Attributes
    ----------
    head : ids of the tasks in the queue head, the next one first
    audit : those of them that were drawn uniformly at random, in the order of the draw
    drawn : every task ever drawn so that has a label by now, and `audit`
    audit_due : labels until the next audit place when the head was made; None without an audit share
    labels : labels of the project when the head was made
    """

    version: str
    fence: int
    fingerprint: str
    head: tuple[int, ...]
    has_model: bool
    audit: tuple[int, ...] = ()
    previous: str | None = None
    drawn: tuple[int, ...] = ()
    audit_due: float | None = None
    labels: int = 0


class ModelStore:
    """The models and published queue heads of all projects, in one folder that workers share.

    Parameters
    ----------
    root : MODEL_DIR
    trusted_package : the package of CLEAN_AL_ESTIMATOR, whose types may stand in a stored estimator; or None
    """

    def __init__(self, root: Path, trusted_package: str | None = None):
        self.root = root
        self.trusted_package = trusted_package

    def folder(self, project_id: int) -> Path:
        """Return where everything about a project lies."""
        return self.root / "projects" / str(int(project_id))

    def project_ids(self) -> list[int]:
        """Return the projects that have a folder."""
        return sorted(int(p.name) for p in self.root.glob("projects/*") if p.name.isdigit())

    def save(self, project_id: int, version: str, model: Model) -> None:
        """Store a model; it is there whole, or not at all.

        Raises
        ------
        ModelStoreError
            When its estimator is of a kind that `load` would refuse.
        """
        final = self._model_folder(project_id, version)
        contents = _serialize(model)
        if "estimator.skops" in contents:
            _own_types(contents["estimator.skops"], self.trusted_package)
        temporary = private_folder(final.with_name(f".{final.name}.{secrets.token_hex(4)}"))
        try:
            for name, content in contents.items():
                write_atomically(temporary / name, content)
            write_json(temporary / "manifest.json", {n: _checksum(c) for n, c in contents.items()})
            os.replace(temporary, final)
            sync_folder(final.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def load(self, project_id: int, version: str) -> Model:
        """Return a stored model.

        Raises
        ------
        ModelStoreError
            When it is missing, when a byte of it has changed, or when it holds anything but plain data.
        """
        folder = self._model_folder(project_id, version)
        manifest = read_json(folder / "manifest.json")
        if not isinstance(manifest, dict):
            raise ModelStoreError(f"project {project_id}: model {version} is missing or has no manifest")
        contents = {}
        for name in ("model.json", "arrays.npz", "estimator.skops"):
            if name in manifest:
                contents[name] = self._checked(folder / name, manifest[name])
        return _deserialize(contents, self.trusted_package)

    def publish(self, project_id: int, published: Published) -> None:
        """Make `published` what is served; refused when a later round was here first.

        Raises
        ------
        RoundSuperseded
            When the fence is older than the published one's.
        """
        now = self.published(project_id)
        if now is not None and now.fence > published.fence:
            raise RoundSuperseded(
                f"project {project_id}: round {published.fence} comes after round {now.fence}"
            )
        write_json(self.folder(project_id) / "published.json", asdict(published))

    def published(self, project_id: int) -> Published | None:
        """Return what is served now, or None before the first round."""
        stored = read_record(self.folder(project_id) / "published.json", Published)
        return stored and replace(
            stored, head=tuple(stored.head), audit=tuple(stored.audit), drawn=tuple(stored.drawn)
        )

    def versions(self, project_id: int) -> list[str]:
        """Return the stored model versions, newest first."""
        folders = (self.folder(project_id) / "models").glob("[!.]*")
        return sorted((p.name for p in folders), reverse=True)

    def prune(self, project_id: int, keep: int = KEEP) -> None:
        """Drop all but the newest models; the published one stays."""
        published = self.published(project_id)
        for version in self.versions(project_id)[keep:]:
            if published is None or version != published.version:
                shutil.rmtree(self._model_folder(project_id, version), ignore_errors=True)
        for left in (self.folder(project_id) / "models").glob(".*"):
            # Of a worker that was killed while it wrote.
            if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(left, ignore_errors=True)

    def forget(self, project_id: int) -> None:
        """Remove everything about a project."""
        shutil.rmtree(self.folder(project_id), ignore_errors=True)

    def _model_folder(self, project_id: int, version: str) -> Path:
        if not VERSION.fullmatch(version):
            raise ModelStoreError(f"{version!r} is not a model version")
        return self.folder(project_id) / "models" / version

    def _checked(self, path: Path, checksum: str) -> bytes:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelStoreError(
                f"{path.parent.name}: {path.name} cannot be read: {error.strerror}"
            ) from None
        if _checksum(content) != checksum:
            raise ModelStoreError(f"{path.parent.name}: {path.name} is damaged; retrain to replace it")
        return content


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _serialize(model: Model) -> dict[str, bytes]:
    values, arrays = model.vectorizer.state()
    arrays = {f"vectoriser.{name}": array for name, array in arrays.items()}
    described: dict[str, Any] = {
        "spec": asdict(model.spec),
        "vectoriser": values,
        "labels": model.labels,
        "facts": model.facts,
    }
    contents = {}
    # Of exactly these classes: a subclass may predict in another way.
    if type(model.classifier) in LINEAR:
        seen = np.flatnonzero(model.classifier.coef_.any(axis=0))
        described["n_features"] = int(model.classifier.coef_.shape[1])
        arrays |= {
            "coef.columns": seen.astype(np.int32),
            "coef.values": model.classifier.coef_[:, seen],
            "intercept": model.classifier.intercept_,
        }
    else:
        contents["estimator.skops"] = _skops().dumps(model.classifier)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return {"model.json": json.dumps(described).encode(), "arrays.npz": buffer.getvalue(), **contents}


def _deserialize(contents: dict[str, bytes], trusted_package: str | None) -> Model:
    try:
        described = json.loads(contents["model.json"])
        with np.load(io.BytesIO(contents["arrays.npz"]), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        spec = InputSpec(described["spec"]["kind"], tuple(described["spec"]["fields"]))
        state = {n.removeprefix("vectoriser."): a for n, a in arrays.items() if n.startswith("vectoriser.")}
        vectorizer = VECTORIZERS[spec.kind].from_state((described["vectoriser"], state))
        return Model(
            spec, vectorizer, _classifier(described, arrays, contents, trusted_package), described["facts"]
        )
    except (
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
        OSError,
        EOFError,
        zipfile.BadZipFile,
    ) as error:
        raise ModelStoreError(f"the stored model is not one of ours: {type(error).__name__}") from error


def _classifier(
    described: dict[str, Any],
    arrays: dict[str, np.ndarray],
    contents: dict[str, bytes],
    trusted_package: str | None,
) -> ClassifierMixin:
    if "estimator.skops" in contents:
        content = contents["estimator.skops"]
        own = _own_types(content, trusted_package)
        try:
            return _skops().loads(content, trusted=own)
        except Exception as error:
            raise ModelStoreError(f"the stored estimator was refused: {type(error).__name__}") from error
    classifier = SparseLogisticRegression()
    classifier.classes_ = np.array(described["labels"])
    classifier.coef_ = np.zeros((arrays["coef.values"].shape[0], described["n_features"]))
    classifier.coef_[:, arrays["coef.columns"]] = arrays["coef.values"]
    classifier.intercept_ = arrays["intercept"]
    classifier.n_features_in_ = described["n_features"]
    return classifier


def _skops() -> ModuleType:
    """Return skops.io, loaded at its first use: that takes a second, and the built-in learner needs none."""
    return import_module("skops.io")


def _own_types(content: bytes, trusted_package: str | None) -> list[str]:
    """Return the types in a stored estimator that need our word: known ones, and the configured package's.

    Raises
    ------
    ModelStoreError
        When there are others.
    """
    try:
        unknown = _skops().get_untrusted_types(data=content)
    except Exception as error:
        raise ModelStoreError(f"the stored estimator cannot be read: {type(error).__name__}") from error
    strange = [t for t in unknown if t not in KNOWN_TYPES and t.partition(".")[0] != trusted_package]
    if strange:
        raise ModelStoreError(
            f"the estimator holds {', '.join(strange[:5])}: stored are only types of scikit-learn that skops "
            "knows, and of the package in CLEAN_AL_ESTIMATOR"
        )
    return unknown
