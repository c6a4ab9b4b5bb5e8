"""Outputs: files that appear whole or not at all, and streams that get all or nothing."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Protocol, cast

from exporters.errors import OptionError, OutputError
from exporters.inputs import STANDARD

COPY_BLOCK = 1 << 20
# /dev/stdout and process substitution of shells lead here; a rename over them would fail or replace a link.
_DESCRIPTORS = re.compile("/(?:proc/[^/]+(?:/task/[^/]+)?|dev)/fd")


def inner_suffix(path: Path) -> str:
    """Return the suffix that names the format, below a `.gz`; lower case."""
    return Path(path.stem).suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()


def beside(path: Path, suffix: str) -> Path:
    """Return the path of a companion file: `a.xml.gz` and `.labels.json` give `a.labels.json`."""
    stem = Path(path.stem).stem if path.suffix.lower() == ".gz" else path.stem
    return path.with_name(stem + suffix)


def is_stream(path: Path) -> bool:
    """Return whether the output is standard output, a pipe, a device or an open descriptor.

    Such a thing is written into. Renaming a file over it would take its place, and a device node with it.
    """
    if path == STANDARD or _descriptor(path) is not None:
        return True
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def is_standard_output(path: Path) -> bool:
    """Return whether what is written to this output lands where this process prints."""
    if path == STANDARD:
        return True
    try:
        return is_stream(path) and os.path.samestat(path.stat(), os.fstat(1))
    except OSError:
        return False


def _descriptor(path: Path) -> str | None:
    """Return `folder/number` when the path leads to an open descriptor, as /dev/stdout does."""
    try:
        # As many links as Linux follows: a circle of them ends here.
        for _ in range(40):
            folder = os.path.realpath(path.parent)
            if _DESCRIPTORS.fullmatch(folder) and path.name.isdigit():
                return f"{folder}/{path.name}"
            path = path.parent / os.readlink(path)
    except (OSError, ValueError):  # no link, or a NUL in the name
        pass
    return None


class OutputFile(Protocol):
    """What a writer may do with an output."""

    path: Path
    file: IO[bytes]

    def write(self, data: bytes) -> None:
        """Append bytes."""

    def seal(self) -> None:
        """Write everything to the disk."""

    def commit(self) -> Path:
        """Put everything in its place."""

    def discard(self) -> None:
        """Leave nothing behind; does nothing after a commit."""


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Name the output in what goes wrong with it. A reader that went away is no fault of the output."""
    try:
        yield
    # `clean-al convert ... | head` ends so: the command line knows it by its class.
    except (BrokenPipeError, OutputError):
        raise
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise OutputError(f"{path}: cannot be written ({why})") from None


class AtomicFile:
    """A file under a temporary name beside its target, renamed at `commit`; `discard` leaves nothing."""

    def __init__(self, path: Path):
        self.path = path
        with _told(path), suppress(FileNotFoundError, NotADirectoryError):
            os.lstat(path)  # a name that no file can have is told before the work
        # A link stays: what it leads to is replaced.
        self._target = Path(os.path.realpath(path)) if path.is_symlink() else path
        folder = self._target.parent
        if not folder.is_dir():
            raise OutputError(f"{folder}: no such folder; make it first")
        if self._target.is_dir():
            raise OutputError(f"{path}: is a folder; name a file in it")
        with _told(path):
            handle, name = tempfile.mkstemp(prefix=f".{self._target.name[:40]}.", suffix=".part", dir=folder)
        self._temporary = Path(name)
        self._raw = os.fdopen(handle, "wb", buffering=1 << 18)
        self.file = _packer(path, self._raw)

    def write(self, data: bytes) -> None:
        """Append bytes."""
        try:
            self.file.write(data)
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written ({error.strerror or error})") from None

    def seal(self) -> None:
        """Write everything to the disk; what is sealed holds no file open."""
        if self._raw.closed:
            return
        with _told(self.path):
            if self.file is not self._raw:
                self.file.close()
            self._raw.flush()
            # Before the rename: after a power cut some file systems have the new name and none of its
            # content.
            os.fsync(self._raw.fileno())
            self._raw.close()

    def commit(self) -> Path:
        """Put the file in its place; it keeps the mode of the one that it replaces."""
        self.seal()
        with _told(self.path):
            try:
                mode = stat.S_IMODE(self._target.stat().st_mode)
            except FileNotFoundError:
                # mkstemp makes files that only their owner reads; an export is to be read as any new file is.
                mode = 0o666 & ~_umask()
            self._temporary.chmod(mode)
            self._temporary.replace(self._target)
        return self.path

    def discard(self) -> None:
        """Remove what was written so far; does nothing after a commit."""
        if not self._raw.closed:
            with suppress(OSError):  # a full disk refuses the rest of the buffer once more
                self._raw.close()
        self._temporary.unlink(missing_ok=True)


def _packer(path: Path, raw: IO[bytes]) -> IO[bytes]:
    """Return what packs into `raw` when the name ends in `.gz`; else `raw`."""
    if path.suffix.lower() != ".gz":
        return raw
    # No name and no time inside: the same export gives the same bytes.
    return cast(IO[bytes], gzip.GzipFile("", "wb", compresslevel=5, fileobj=raw, mtime=0))


def _umask() -> int:
    # The mask can only be read by setting it.
    value = os.umask(0o077)
    os.umask(value)
    return value


class StreamFile:
    """A stream that gets everything at `commit`, so that a failed export sends nothing into a pipe."""

    def __init__(self, path: Path):
        self.path = path
        with _told(path):
            self._raw: IO[bytes] = tempfile.TemporaryFile(buffering=1 << 18)  # noqa: SIM115
        self.file = _packer(path, self._raw)

    def write(self, data: bytes) -> None:
        """Append bytes."""
        with _told(self.path):
            self.file.write(data)

    def seal(self) -> None:
        """Nothing to do: the stream comes last."""

    def commit(self) -> Path:
        """Write everything into the stream."""
        with _told(self.path):
            if self.file is not self._raw:
                self.file.close()
            self._raw.seek(0)
            with self._opened() as stream:
                shutil.copyfileobj(self._raw, stream, COPY_BLOCK)
            self._raw.close()
        return self.path

    def _opened(self) -> IO[bytes]:
        if self.path == STANDARD:
            sys.stdout.flush()
            return os.fdopen(os.dup(1), "wb")
        own = re.fullmatch(rf"/(?:proc/{os.getpid()}|dev)/fd/(\d+)", _descriptor(self.path) or "")
        # The open descriptor itself, where it stands: opening its name anew would begin at the start.
        handle = os.dup(int(own[1])) if own else os.open(self.path, os.O_WRONLY | os.O_NOCTTY)
        return os.fdopen(handle, "wb")

    def discard(self) -> None:
        """Send nothing; does nothing after a commit."""
        with suppress(OSError):
            self._raw.close()


class Outputs:
    """All files of one export: they are put in place together, or none is.

    `source` is the input, over which nothing is written.
    """

    def __init__(self, source: Path | None = None) -> None:
        self._files: list[OutputFile] = []
        self._names: set[str] = set()
        self._source = source

    def open(self, path: Path) -> OutputFile:
        """Start one more file; `OptionError` when it would stand over another one, or over the input."""
        self._refuse(path)
        file: OutputFile = StreamFile(path) if is_stream(path) else AtomicFile(path)
        self._files.append(file)
        return file

    def _refuse(self, path: Path) -> None:
        if self._files and is_stream(self._files[0].path):
            main = self._files[0].path
            raise OptionError(f"{main}: is a stream, and there are several files to write; name a file")
        if self._source is not None and is_same_file(path, self._source):
            raise OptionError(f"{path}: is the input; write to another file")
        with _told(path):
            key = _key(path)
        if key in self._names:
            raise OptionError(f"{path}: two files of this export have this name; choose another output")
        self._names.add(key)

    def has(self, path: Path) -> bool:
        """Return whether a file of this export has this name already, whatever its case."""
        return _key(path) in self._names

    def commit(self) -> list[str]:
        """Put every file in place; return their paths in the order of opening.

        All are on the disk before the first gets its name.
        """
        for file in self._files:
            file.seal()
        return [str(file.commit()) for file in self._files]

    def discard(self) -> None:
        """Leave nothing behind."""
        for file in self._files:
            file.discard()


def _key(path: Path) -> str:
    # Casefold: on Windows and macOS a.xml and A.xml are one file.
    return os.path.realpath(path).casefold()


def is_same_file(output: Path, source: Path) -> bool:
    """Return whether an output is the input: one file, or one pipe. Devices may be both."""
    try:
        there = os.fstat(1) if output == STANDARD else output.stat()
        here = os.fstat(0) if source == STANDARD else source.stat()
    except (OSError, ValueError):
        return False
    is_kept = stat.S_ISREG(there.st_mode) or (stat.S_ISFIFO(there.st_mode) and output != STANDARD)
    return is_kept and os.path.samestat(there, here)


class Spool:
    """An unnamed file on the disk of the target, for a body whose head is known only at the end."""

    def __init__(self, target: Path):
        self._target = target
        # Beside the target, since a small /tmp could not hold the body of a large export.
        folder = None if is_stream(target) else os.path.dirname(os.path.realpath(target))
        with _told(target):
            self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder, buffering=1 << 18)  # noqa: SIM115

    def write(self, data: bytes) -> None:
        """Append bytes."""
        try:
            self._file.write(data)
        except OSError as error:
            raise OutputError(f"{self._target}: cannot be written ({error.strerror or error})") from None

    def copy_into(self, output: OutputFile) -> None:
        """Append everything to the output."""
        with _told(self._target):
            self._file.seek(0)
            shutil.copyfileobj(self._file, output.file, COPY_BLOCK)

    def close(self) -> None:
        """Let go of the file."""
        with suppress(OSError):
            self._file.close()
