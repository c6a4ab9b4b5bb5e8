"""Lines about one input, put together: sessions and annotators each write lines of their own.

Prodigy marks them by one `_input_hash`. The lines of one input can stand anywhere in a file, so they go
through a file on disk, and only 16 bytes a line stay in memory.
"""

from __future__ import annotations

import json
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import IO, Any

from exporters.errors import OutputError

Line = tuple[Mapping[str, Any], str]
# Hashes have 32 bits; lines without one get a number of their own beyond.
_BEYOND = 1 << 62


def by_input(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Yield the lines of each input together, in the order in which inputs first come.

    Up to the first line with an `_input_hash` each line is given at once.
    """
    rest = iter(lines)
    for task, place in rest:
        if _hash(task) is None:
            yield [(task, place)]
        else:
            yield from _gathered(chain([(task, place)], rest))


def _hash(task: Mapping[str, Any]) -> int | None:
    found = task.get("_input_hash")
    if isinstance(found, float) and found.is_integer():  # it went through a table of numbers
        found = int(found)
    is_hash = isinstance(found, int) and not isinstance(found, bool) and abs(found) < _BEYOND
    return found if is_hash else None


def _gathered(lines: Iterable[Line]) -> Iterator[list[Line]]:
    keys, ends = array("q"), array("q", [0])
    try:
        file: IO[bytes] = tempfile.TemporaryFile(buffering=1 << 18)  # noqa: SIM115
        with file:
            for number, (task, place) in enumerate(lines):
                key = _hash(task)
                keys.append(_BEYOND + number if key is None else key)
                ends.append(ends[-1] + file.write(json.dumps([task, place]).encode()))
            for group in _groups(keys):
                yield [_line(file, ends, index) for index in group]
    except OSError as error:
        raise OutputError(f"temporary file: cannot be used ({error.strerror or error})") from None


def _line(file: IO[bytes], ends: array[int], index: int) -> Line:
    file.seek(ends[index])
    task, place = json.loads(file.read(ends[index + 1] - ends[index]))
    return task, place


def _groups(keys: array[int]) -> Iterator[list[int]]:
    """Yield the positions of each key, in order; keys in the order in which they first come."""
    import numpy as np  # only where it is needed: it takes longer to load than a small file to read

    found = np.frombuffer(keys, np.int64)
    # Stable, so that the lines of one input keep their order.
    order = np.argsort(found, kind="stable")
    cuts = np.flatnonzero(np.diff(found[order])) + 1
    starts, ends = np.concatenate(([0], cuts)), np.concatenate((cuts, [found.size]))
    for group in np.argsort(order[starts], kind="stable"):
        yield order[starts[group] : ends[group]].tolist()
