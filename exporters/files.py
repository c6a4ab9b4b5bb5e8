"""Files that appear whole or not at all, and inputs that may be compressed."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from exporters.errors import InputError

COPY_BLOCK = 1 << 20


def inner_suffix(path: Path) -> str:
    """Return the suffix that names the format, below a `.gz`; lower case."""
    return Path(path.stem).suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()


def beside(path: Path, suffix: str) -> Path:
    """Return the path of a companion file: `a.xml.gz` and `.labels.json` give `a.labels.json`."""
    stem = Path(path.stem).stem if path.suffix.lower() == ".gz" else path.stem
    return path.with_name(stem + suffix)


def open_input(path: Path) -> BinaryIO:
    """Open a file for reading bytes; a gzip file is unpacked, whatever its name."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if file.read(2) != b"\x1f\x8b":
        file.seek(0)
        return file
    file.close()
    return cast(BinaryIO, gzip.open(path, "rb"))


class AtomicFile:
    """A file under a temporary name beside its target, renamed at `commit`; `discard` leaves nothing."""

    def __init__(self, path: Path):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        self._temporary = Path(name)
        self._raw = os.fdopen(handle, "wb", buffering=1 << 18)
        self.file: IO[bytes] = self._raw
        if path.suffix.lower() == ".gz":
            # No name and no time inside: the same export gives the same bytes.
            packed = gzip.GzipFile("", "wb", compresslevel=5, fileobj=self._raw, mtime=0)
            self.file = cast(IO[bytes], packed)

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self.file.write(data)

    def seal(self) -> None:
        """Write everything to the disk; what is sealed holds no file open."""
        if self._raw.closed:
            return
        if self.file is not self._raw:
            self.file.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        self._raw.close()

    def commit(self) -> Path:
        """Put the file in its place."""
        self.seal()
        self._temporary.chmod(0o666 & ~_umask())
        self._temporary.replace(self.path)
        return self.path

    def discard(self) -> None:
        """Remove what was written so far; does nothing after a commit."""
        if not self._raw.closed:
            self._raw.close()
        self._temporary.unlink(missing_ok=True)


def _umask() -> int:
    value = os.umask(0o077)
    os.umask(value)
    return value


class Outputs:
    """All files of one export: they are put in place together, or none is."""

    def __init__(self) -> None:
        self._files: list[AtomicFile] = []

    def open(self, path: Path) -> AtomicFile:
        """Start one more file."""
        file = AtomicFile(path)
        self._files.append(file)
        return file

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


@contextmanager
def spool(beside_path: Path) -> Iterator[IO[bytes]]:
    """Give an unnamed file on the disk of the target, for a body whose head is known only at the end."""
    beside_path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=beside_path.parent, buffering=1 << 18) as file:
        yield file


def copy_into(source: IO[bytes], target: AtomicFile) -> None:
    """Append everything in `source` to the target."""
    source.flush()
    source.seek(0, io.SEEK_SET)
    shutil.copyfileobj(source, target.file, COPY_BLOCK)
