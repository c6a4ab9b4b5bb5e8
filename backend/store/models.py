"""Models on disk, per project and version: written whole, checked when read, never a pickle.

MODEL_DIR/projects/<id>/
    published.json              what Label Studio is served, under which fence, and the audit share's draws
    models/<version>/           manifest.json (checksums), model.json, arrays.npz [, estimator-N.NAME.skops]
    features/                   the pool's features, see features.py
    progress.json, poll.json    what the last round and the last look saw, see progress.py and poller.py
    snapshot.sqlite             the project as last read, see snapshot.py
    insight.json                what is known beyond the order, see insight.py
    asked_again.json            labeled tasks that were opened for another annotator, see asked_again.py
    options.json                what `clean-al options` has set
    pause.json, rollback.json   what people have asked of the loop, see wishes.py
    title.json                  what the project is called in Label Studio
    connection.json             what `connect` found and made, see connection.py
    rounds.jsonl                one line per round that published something
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from backend.errors import ModelStoreError, RoundSuperseded
from backend.store.files import (
    private_folder,
    read_json,
    read_record,
    sync_folder,
    write_atomically,
    write_json,
)
from backend.store.model_format import SKOPS, Model, deserialized, own_types, serialized

KEEP = 5
ABANDONED_SECONDS = 3600
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,127}")
# The files of a model; whatever else a manifest names is not looked at.
FILE = re.compile(r"model\.json|arrays\.npz|estimator[a-z0-9.-]*\.skops")


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
    second : those of the head that have a label, and want another annotator's opinion
    stored : predictions of the head that Label Studio took; None where an earlier version has not counted
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
    stored: int | None = None
    second: tuple[int, ...] = ()


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
        # isdigit() alone is true of superscripts, too, which int() refuses.
        names = (p.name for p in self.root.glob("projects/*"))
        return sorted(int(name) for name in names if name.isascii() and name.isdigit())

    def save(self, project_id: int, version: str, model: Model) -> None:
        """Store a model; it is there whole, or not at all.

        Raises
        ------
        ModelStoreError
            When its estimator is of a kind that `load` would refuse.
        """
        final = self._model_folder(project_id, version)
        contents = serialized(model)
        for name, content in contents.items():
            # Asked before it is stored: a model that `load` refuses would be found out at the next
            # prediction.
            if name.endswith(SKOPS):
                own_types(content, self.trusted_package)
        temporary = private_folder(final.with_name(f".{final.name}.{secrets.token_hex(4)}"))
        try:
            for name, content in contents.items():
                write_atomically(temporary / name, content)
            write_json(temporary / "manifest.json", {n: _checksum(c) for n, c in contents.items()})
            # A folder takes its name in one step: no reader finds a model with half of its files.
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
        contents = {
            name: self._checked(folder / name, checksum)
            for name, checksum in manifest.items()
            if FILE.fullmatch(name)
        }
        return deserialized(contents, self.trusted_package)

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
        # Versions begin with the number of their round, so the order of names is that of making.
        return sorted((p.name for p in folders), reverse=True)

    def prune(self, project_id: int, keep: int = KEEP) -> None:
        """Drop all but the newest models; the published one stays."""
        published = self.published(project_id)
        for version in self.versions(project_id)[keep:]:
            if published is None or version != published.version:
                shutil.rmtree(self._model_folder(project_id, version), ignore_errors=True)
        for left in (self.folder(project_id) / "models").glob(".*"):
            # Of a worker that was killed while it wrote; one that is writing takes its own away meanwhile.
            with suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)

    def set_aside(self, project_id: int) -> Path:
        """Put all about a project under another name, and return where it lies now."""
        folder = self.folder(project_id)
        aside = folder.with_name(f"{folder.name}-{time.strftime('%Y%m%dT%H%M%S')}-{secrets.token_hex(2)}")
        folder.rename(aside)
        return aside

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
