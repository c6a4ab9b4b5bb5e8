"""What a process beside the caller's does: stretches of the input in, pieces of the output back."""

from __future__ import annotations

import gc
import io
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from exporters.contract import BLANKS, NotStretched, Placed
from exporters.errors import InputError
from exporters.files import OutputFile, Outputs
from exporters.json_stream import read_objects
from exporters.report import Ledger
from exporters.side_by_side.messages import Message, receive, send
from exporters.side_by_side.task import job_of, road_of

# What becomes of a stretch: a piece; to be cut again; to be done by the caller, who knows what came before;
# the same, and all after it.
DONE, CUT, HERE, ALL_HERE = "done", "cut", "here", "all here"
# Stands for the input's name, so that the caller can tell items by their number in the whole input.
UNNAMED = "\0"


class KeptFile:
    """An output in memory."""

    def __init__(self, path: Path):
        self.path = path
        self.file: IO[bytes] = io.BytesIO()

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self.file.write(data)

    def seal(self) -> None:
        """Nothing to do."""

    def commit(self) -> Path:
        """Nothing to do."""
        return self.path

    def discard(self) -> None:
        """Nothing to do."""


class KeptOutputs(Outputs):
    """Outputs in memory: nothing of a stretch is written but what the caller joins."""

    def open(self, path: Path) -> OutputFile:
        """Return a file in memory."""
        return KeptFile(path)


class Answerer:
    """Turns stretches into pieces."""

    def __init__(self, task: dict[str, Any]):
        self._road, self._job = road_of(task), job_of(task, KeptOutputs())

    def answer(self, question: Message) -> Message:
        """Return what became of a stretch, and where it is done: objects, items, counts, and the piece."""
        (is_array, is_first, state), text = question
        ledger = Ledger()
        # All reasons are kept: which of them are too many is for the whole account to say.
        ledger.REASONS = 1 << 30
        job = replace(self._job, ledger=ledger)
        try:
            writer, counts = self._road.pieces(job, state), [0, 0]
            self._road.take(
                self._objects(text, is_array, is_first, counts), writer, job, _Counter(counts).tick
            )
            piece, data = writer.piece()
            return (DONE, *counts, ledger.plain(), piece), data
        except InputError:
            return (CUT,), b""
        except NotStretched:
            return (ALL_HERE,), b""
        except Exception:  # noqa: BLE001 - whatever it is, the caller comes upon it too, and says so
            return (HERE,), b""

    def _objects(self, text: bytes, is_array: bool, is_first: bool, counts: list[int]) -> Iterator[Placed]:
        whole = _array(text, is_first) if is_array else text
        for counts[0], placed in enumerate(self._road.apart(read_objects(io.BytesIO(whole), UNNAMED)), 1):
            yield placed


class _Counter:
    def __init__(self, counts: list[int]):
        self._counts = counts

    def tick(self) -> None:
        self._counts[1] += 1


def _array(text: bytes, is_first: bool) -> bytes:
    body = text.lstrip(BLANKS)
    if not is_first:
        if body[:1] != b",":
            raise InputError("a comma is due between two objects")
        body = body[1:]
    return b"[%b]" % body


def main() -> None:
    """Answer until there are no more questions."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # Whatever prints in here prints there: the answers' pipe is for answers.
    os.dup2(2, 1)
    # Nothing here makes circles worth looking for every 700 objects.
    gc.freeze()
    gc.set_threshold(100_000)
    task = receive(questions)
    if task is not None:
        _serve(Answerer(task[0]), questions, answers)


def _serve(answerer: Answerer, questions: IO[bytes], answers: IO[bytes]) -> None:
    while (question := receive(questions)) is not None:
        send(answers, answerer.answer(question))
