"""A conversion by several processes: the input is cut here, read and written there, and put together here.

Each stretch of the input becomes a piece of the output in some process that knows nothing of the others. What
a piece cannot say without those before it (a number, a name that is free) is filled in here, in order. Where
that is not enough, the stretch is done again in this process, as it would have been without the others: what
comes out is the same to the byte.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from typing import Any

from exporters.contract import BLANKS, PROGRESS_EVERY, Job, Placed
from exporters.inputs import Input, Readable
from exporters.json_stream import json_start, read_on
from exporters.side_by_side.messages import Message, encoded
from exporters.side_by_side.processes import Workers
from exporters.side_by_side.road import Road
from exporters.side_by_side.stretches import Rejoined, Stretches
from exporters.side_by_side.task import told
from exporters.side_by_side.work import ALL_HERE, CUT, DONE, UNNAMED

# A smaller input is done before another process has started.
WORTHWHILE = 1 << 22
# After so many stretches in a row that had to be done here the others only cost.
MOST_IN_A_ROW = 4
_PLACE = re.compile(UNNAMED + r", item (\d+)")


def task_of(road: Road, job: Job) -> dict[str, Any] | None:
    """Return what the processes need to know; None where it cannot be told, as a nameless function."""
    try:
        task = told(road, job)
        encoded(task)
    except (ValueError, TypeError):
        return None
    return task


def take_side_by_side(file: Input, road: Road, writer: Any, job: Job, jobs: int) -> Readable | None:
    """Write all that the file holds, with other processes; return the file where this one alone has to."""
    start = _start(file)
    whole = Rejoined([start], file)
    # Only objects can be cut without parsing them.
    is_json = start.lstrip(BLANKS)[:1] in (b"[", b"{")
    task = task_of(road, job) if is_json and len(start) >= WORTHWHILE and sys.executable else None
    if task is None:
        return whole
    try:
        workers = Workers(jobs, task)
    except OSError:  # no more processes are allowed, or this Python cannot be started anew
        return whole
    try:
        Flow(whole, file.name, road, writer, job, workers).run()
    finally:
        workers.end()
    return None


def _start(file: Input) -> bytes:
    """Return the first part of a file; all of it when it is a small one."""
    parts, count = [], 0
    while count < WORTHWHILE and (part := file.read(WORTHWHILE - count)):
        parts.append(part)
        count += len(part)
    return b"".join(parts)


class Flow:
    """One conversion under way."""

    def __init__(self, file: Readable, name: str, road: Road, writer: Any, job: Job, workers: Workers):
        self._name, self._road, self._writer, self._job = name, road, writer, job
        self._workers, self._file = workers, file
        self._number = self._items = self._in_a_row = 0
        self._is_alone = False
        self._is_first = self._is_array = False

    def run(self) -> None:
        """Write everything."""
        self._is_array, start = json_start(self._file, self._name)
        rest: Readable = Rejoined([start], self._file)
        for is_exact in (False, True):
            stretches = Stretches(rest, is_exact)
            back = self._side_by_side(stretches)
            rest = Rejoined([*back, stretches.rest], rest)
            # Nothing came back: only the end of the file is left. Else it is cut again, with a closer look.
            if not back or self._is_alone:
                break
        self._take(read_on(rest, self._name, self._is_array, self._number))
        if self._job.options.progress is not None:
            self._job.options.progress(self._items)

    def _side_by_side(self, stretches: Stretches) -> list[bytes]:
        """Join the pieces of the stretches; return those that are left where one was cut wrongly."""
        self._is_first = not self._number
        for text, ((what, *answer), data) in self._workers.answers(stretches, self._question):
            if what == DONE and self._join(answer, data):
                self._in_a_row = 0
                continue
            self._in_a_row += 1
            self._is_alone = what == ALL_HERE or self._in_a_row >= MOST_IN_A_ROW
            if what == CUT or self._is_alone:
                return [text, *self._workers.take_back()]
            self._here(text)
        return []

    def _question(self, text: bytes) -> Message:
        is_first, self._is_first = self._is_first, False
        return (self._is_array, is_first, self._writer.state()), text

    def _join(self, answer: list[Any], data: bytes) -> bool:
        """Append a piece; False, and nothing is changed, when it does not fit to what came before."""
        (objects, items, counts, piece), ledger = answer, self._job.ledger
        if not ledger.has_room(counts) or not self._writer.join(piece, data, self._place):
            return False
        ledger.add(counts, self._place)
        self._number += objects
        self._tick(items)
        return True

    def _place(self, place: str) -> str:
        """Return where something stood in the whole input, from where it stood in its stretch."""
        return _PLACE.sub(lambda match: f"{self._name}, item {self._number + int(match[1])}", place)

    def _here(self, text: bytes) -> None:
        """Do a stretch in this process."""
        objects = read_on(
            Rejoined([text, b"]" if self._is_array else b""], _NOTHING),
            self._name,
            self._is_array,
            self._number,
        )
        self._take(objects)

    def _take(self, objects: Iterator[Placed]) -> None:
        self._road.take(self._counted(objects), self._writer, self._job, self._tick)

    def _counted(self, objects: Iterator[Placed]) -> Iterator[Placed]:
        for placed in objects:
            yield placed
            self._number += 1

    def _tick(self, items: int = 1) -> None:
        before, self._items = self._items, self._items + items
        told = self._job.options.progress
        if told is not None:
            for number in range(before // PROGRESS_EVERY + 1, self._items // PROGRESS_EVERY + 1):
                told(number * PROGRESS_EVERY)


_NOTHING = io.BytesIO()
