"""What a pretrained encoder says of a project's tasks: what is there, and what is still asked for.

encoded/
    text.json                          what the setting opened when it was last looked at, or why nothing
    text-wanted.json                   what the last round wanted, and which rows it used
    asked/text.look                    somebody is to look at what the setting opens now
    asked/text.<token>.npy             tasks to encode, a shard each
    text-<encoder>-<digest>/*.npy      rows, see shards.py; a folder an encoder
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from backend.learning.vectorize import InputSpec
from backend.store.files import read_record, write_atomically, write_json
from backend.store.shards import SHARD, Shards, Wish

logger = logging.getLogger(__name__)

FOLDER = "encoded"
# Raised when what is read of a task to be encoded changes.
FORMAT = 1
LOOK = "look"
# The name of something asked for, as it goes through the queue.
ASKED = re.compile(r"(text|image)\.(look|[0-9a-f]{16})")
# Bytes of a .npy file before its numbers; near enough to count by.
HEADER, ENTRY = 128, 16


@dataclass(frozen=True)
class Opened:
    """What a setting opened.

    Attributes
    ----------
    error : why there is no encoder; empty where there is one
    at : when it was looked at, in seconds since 1970
    """

    setting: str
    identity: str = ""
    dimension: int = 0
    error: str = ""
    at: float = 0.0


@dataclass(frozen=True)
class Wanted:
    """What a round wanted of an encoder.

    Attributes
    ----------
    inputs : what it reads of each task
    folder, identity, dimension : whose rows are wanted, and where they lie
    tasks : how many
    used, used_identity, used_dimension : whose rows the round has used; empty for none
    """

    inputs: tuple[InputSpec, ...]
    folder: str
    identity: str
    dimension: int
    tasks: int = 0
    used: str = ""
    used_identity: str = ""
    used_dimension: int = 0

    def using_wanted(self) -> Wanted:
        """Return the same, with what is wanted in use."""
        return replace(self, used=self.folder, used_identity=self.identity, used_dimension=self.dimension)

    def using_none(self) -> Wanted:
        """Return the same, with nothing in use."""
        return replace(self, used="", used_identity="", used_dimension=0)


class EncodedStore:
    """The encoded rows of one project and one kind of input.

    Parameters
    ----------
    folder : the project's
    kind : "text" or "image"
    """

    def __init__(self, folder: Path, kind: str):
        self.folder, self.kind = folder / FOLDER, kind

    def opened(self) -> Opened | None:
        """Return what the setting opened when it was last looked at."""
        return read_record(self.folder / f"{self.kind}.json", Opened)

    def note_opened(self, opened: Opened) -> None:
        """Keep it; a new reason why there is no encoder is logged once."""
        before = self.opened()
        if opened.error and (before is None or before.error != opened.error):
            logger.warning("%s encoder: %s; the loop goes on without", self.kind, opened.error)
        write_json(self.folder / f"{self.kind}.json", asdict(opened))

    def wanted(self) -> Wanted | None:
        """Return what the last round wanted."""
        return read_record(self.folder / f"{self.kind}-wanted.json", Wanted)

    def note_wanted(self, wanted: Wanted) -> None:
        """Keep what a round wants and uses."""
        # Not written when it is the same: pages tell by the file whether they have to read it again.
        if wanted != self.wanted():
            write_json(self.folder / f"{self.kind}-wanted.json", asdict(wanted))

    def name_for(self, inputs: Sequence[InputSpec], identity: str) -> str:
        """Return the folder of an encoder's rows for these inputs."""
        label = re.sub(r"[^a-z0-9]+", "-", identity.partition("@")[0].lower()).strip("-")[-40:]
        # Part of the name: rows of what was read otherwise lie elsewhere, and are never taken for these.
        read = json.dumps([FORMAT, [asdict(spec) for spec in inputs]])
        digests = (hashlib.blake2b(text.encode(), digest_size=8).hexdigest() for text in (identity, read))
        return "-".join((self.kind, label or "encoder", *digests))

    def shards(self, name: str) -> Shards:
        """Return the rows in a folder."""
        # Of a name out of a file the last part alone: it leads nowhere else.
        return Shards(self.folder / Path(name).name)

    def forget_others(self, name: str) -> None:
        """Remove the rows of all encoders but one."""
        for folder in self.folder.glob(f"{self.kind}-*"):
            if folder.is_dir() and folder.name != name:
                Shards(folder).remove()

    def ask_look(self) -> None:
        """Ask for a look at what the setting opens now."""
        path = self._asked / f"{self.kind}.{LOOK}"
        if not path.exists():
            write_atomically(path, b"")

    def ask(self, tasks: Wish) -> None:
        """Ask for the rows of tasks, in shards."""
        for i in range(0, len(tasks), SHARD):
            part = Wish(tasks.ids[i : i + SHARD], tasks.keys[i : i + SHARD])
            write_atomically(self._path(f"{self.kind}.{secrets.token_hex(8)}"), part.content())

    def asked(self, *, looks: bool = True) -> list[str]:
        """Return the names of what is asked for and not done yet, with or without looks at the encoder."""
        found = (p.name.removesuffix(".npy") for p in self._asked.glob(f"{self.kind}.*"))
        # Whatever else lies there is nobody's wish.
        return sorted(name for name in found if ASKED.fullmatch(name) and (looks or not name.endswith(LOOK)))

    def asked_tasks(self) -> Wish:
        """Return all tasks that are asked for and not done yet."""
        parts = [wish for name in self.asked(looks=False) if (wish := self.read(name)) is not None]
        ids, keys = (np.concatenate([getattr(p, a) for p in (*parts, Wish.none())]) for a in ("ids", "keys"))
        order = np.argsort(ids, kind="stable")
        return Wish(ids[order], keys[order])

    def n_asked(self) -> int:
        """Return how many tasks are asked for and not done yet, by the files' sizes."""
        tasks = 0
        for path in self._asked.glob(f"{self.kind}.*.npy"):
            # Pages ask while workers strike what they have done: a file may be gone since it was listed.
            with suppress(FileNotFoundError):
                tasks += max(path.stat().st_size - HEADER, 0) // ENTRY
        return tasks

    def read(self, name: str) -> Wish | None:
        """Return the tasks that are asked for under a name; None where it is done, or damaged."""
        try:
            return Wish.of(np.load(self._path(name), allow_pickle=False))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, EOFError, TypeError):
            # Struck off: the next round asks anew for what it still lacks.
            self.done(name)
            return None

    def done(self, *names: str) -> None:
        """Strike what was asked for under these names."""
        for name in names:
            self._path(name).unlink(missing_ok=True)

    def forget(self) -> None:
        """Remove everything about this kind."""
        if not self.folder.exists():
            return
        self.done(*self.asked())
        self.forget_others("")
        for name in (f"{self.kind}.json", f"{self.kind}-wanted.json"):
            (self.folder / name).unlink(missing_ok=True)

    @property
    def _asked(self) -> Path:
        return self.folder / "asked"

    def _path(self, name: str) -> Path:
        if not ASKED.fullmatch(name):
            raise ValueError(f"{name!r} names nothing that was asked for")
        return self._asked / (name if name.endswith(f".{LOOK}") else f"{name}.npy")


def looked(setting: str, identity: str, dimension: int, error: str) -> Opened:
    """Return what a setting has opened just now."""
    return Opened(setting, identity, dimension, error, time.time())
