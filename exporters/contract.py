"""What a format gives, and what it gets: a reader, a writer, options of its own, and one job for all of them.

A new format is a folder (or a file) that makes a `Format`, and one line in `exporters.formats`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from exporters.declared import Declared
from exporters.errors import InputError
from exporters.files import Outputs
from exporters.inputs import Input, Readable
from exporters.json_stream import read_objects
from exporters.label_studio.labeling_config import LabelingConfig
from exporters.options import Options
from exporters.records import Item
from exporters.report import Ledger

# Enough for the first keys of a task, and small enough to keep of a pipe that cannot be wound back.
HEAD_SIZE = 4096
PROGRESS_EVERY = 500
# An object of a file, and where it stands, for messages.
Placed = tuple[Any, str]
# A byte order mark among them: editors on Windows put one in front.
BLANKS = b"\xef\xbb\xbf \t\r\n"


@dataclass(frozen=True)
class Job:
    """One conversion: all that a reader or a writer needs to know of it.

    Attributes
    ----------
    path : path
        The file to write.
    outputs : Outputs
        Where companion files are opened: all appear together, or none does.
    title : str
        What the task or project is called.
    config : LabelingConfig
        What annotators saw; empty when no labeling config was given.
    options : Options
        What the caller chose; `options.of(...)` gives those of a format.
    ledger : Ledger
        Where everything that is carried, changed or dropped is counted.
    declared : Declared
        Which labels and choices the input declares; filled while it is read.
    """

    path: Path = field(default_factory=Path)
    outputs: Outputs = field(default_factory=Outputs)
    title: str = ""
    config: LabelingConfig = field(default_factory=LabelingConfig)
    options: Options = field(default_factory=Options)
    ledger: Ledger = field(default_factory=Ledger)
    declared: Declared = field(default_factory=Declared)


class Writer(Protocol):
    """What every format's writer can do."""

    def write(self, item: Item) -> None:
        """Append one item."""

    def finish(self) -> None:
        """Write what was kept back."""

    def close(self) -> None:
        """Let go of what is held; also after a failure."""


class Copier(Protocol):
    """Writes objects as they are, into a file of their own format."""

    def write(self, thing: Any, place: str) -> None:
        """Append one object."""

    def finish(self) -> None:
        """Write what was kept back."""

    def close(self) -> None:
        """Let go of what is held; also after a failure."""


class NotApart(Exception):
    """A thing depends on those before it: its stretch of the input is done again, in order."""


class NotStretched(Exception):
    """An object is read together with those around it: from its stretch on all is done in order."""


class Pieces(Protocol):
    """Writes the items of one stretch of the input, in a process that knows nothing of the others."""

    def write(self, item: Item) -> None:
        """Take one item; `NotApart` when it takes more to write it."""

    def piece(self) -> tuple[Any, bytes]:
        """Return (plain values, bytes): what `Joining.join` appends."""


class CopiedPieces(Protocol):
    """Copies the objects of one stretch of the input."""

    def write(self, thing: Any, place: str) -> None:
        """Take one object."""

    def piece(self) -> tuple[Any, bytes]:
        """Return (plain values, bytes): what `Joining.join` appends."""


class Joining(Protocol):
    """What a writer or copier can do besides whose output can be made in pieces."""

    def state(self) -> Any:
        """Return what the pieces depend on, as it is now: plain values only."""

    def join(self, piece: Any, data: bytes, place: Callable[[str], str]) -> bool:
        """Append a piece; False, and nothing is changed, when it fits not to what came before."""


class Stretched(NamedTuple):
    """How a format's file of JSON objects is read in stretches, each without the others.

    Attributes
    ----------
    is_apart : callable
        Whether an object can be read without those around it.
    things : callable
        (objects and their places, job) to what is copied of them.
    read : callable
        (things and their places, job) to items.
    """

    is_apart: Callable[[Any], bool]
    things: Callable[[Iterable[Placed], Job], Iterator[Placed]]
    read: Callable[[Iterable[Placed], Job], Iterator[Item]]


class Head:
    """The start of a file, by which formats know their own."""

    def __init__(self, file: Input, name: str):
        self.name = name
        self._file = file
        self.start: bytes = file.read(HEAD_SIZE).lstrip(BLANKS)
        file.seek(0)

    @cached_property
    def first(self) -> dict[str, Any]:
        """The first object of a JSON file; empty when there is none."""
        if self.start[:1] not in (b"[", b"{"):
            return {}
        try:
            return next(read_objects(self._file, self.name), ({}, ""))[0]
        # Whoever reads the file names what is wrong in it, and the place.
        except InputError:
            return {}
        finally:
            self._file.seek(0)


# The way around the records: what these have no place for stays where it is.
class Verbatim(NamedTuple):
    """How a file becomes another of its own format, whole, without the records in between."""

    objects: Callable[[Readable, str, Job], Iterator[tuple[Any, str]]]
    writer: Callable[[Job], Copier]
    pieces: Callable[[Job, Any], CopiedPieces] | None = None


class Format(NamedTuple):
    """One format.

    Attributes
    ----------
    title : str
        What people call it.
    suffix : str
        How its files' names end.
    recognizes : callable
        Whether a file that starts so is of this format.
    read : callable
        (file, its name, job) to items.
    write : callable
        Job to writer.
    options : type, optional
        A frozen dataclass with the options of this format alone; a field whose metadata has `help` is a
        flag of the command line as well (`choices` lists the valid values).
    verbatim : Verbatim, optional
        How it is copied.
    is_told_by_suffix : bool
        Whether the suffix alone tells an input's format.
    companions : str
        Which companion files its writer makes; a stream has no place for them.
    stretched : Stretched, optional
        How it is read by several processes.
    pieces : callable, optional
        (job, what the writer's `state` told) to what writes pieces for the writer to join.
    """

    title: str
    suffix: str
    recognizes: Callable[[Head], bool]
    read: Callable[[Readable, str, Job], Iterator[Item]]
    write: Callable[[Job], Writer]
    options: type[Any] | None = None
    verbatim: Verbatim | None = None
    is_told_by_suffix: bool = False
    companions: str = ""
    stretched: Stretched | None = None
    pieces: Callable[[Job, Any], Pieces] | None = None
