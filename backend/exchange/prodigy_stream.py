"""The queue as Prodigy's stream: read anew before each task, and no task given twice."""

from __future__ import annotations

import base64
import json
import mimetypes
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from backend.errors import ExchangeError, LabelStudioNotFound, LabelStudioUnreachable, MediaError
from backend.exchange.account import CARRIED, DROPPED
from backend.exchange.errand import Errand
from backend.label_studio.media import STORAGES
from backend.learning.pictures import upright_size
from backend.project.leaving import tidy
from exporters.contract import Job
from exporters.files import Outputs
from exporters.label_studio.reader import TaskReader
from exporters.options import Options
from exporters.prodigy.writer import ProdigyWriter
from exporters.records import Item
from exporters.report import Ledger

LOOK_EVERY = 1.0
"""Seconds between two looks at a queue of which everything was given."""

EMBEDDED = ("image", "audio", "video")


def push(errand: Errand) -> None:
    """Write the queue to standard output, a line for each task."""
    try:
        for line in stream(errand):
            if not errand.dry_run:
                sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
                sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has enough. What is still in the buffer would fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def stream(errand: Errand, patience: float | None = None) -> Iterator[dict[str, Any]]:
    """Yield Prodigy's tasks in the queue's order, as it is at that moment.

    Parameters
    ----------
    patience : seconds to wait for a new queue when all of this one was given; None waits for ever, and
        without `follow` nothing is waited for

    Raises
    ------
    ExchangeError
        When there is no queue, because the loop was never on.
    LabelStudioUnreachable
        When Label Studio is away; a stream that waits says so at the end of its patience.
    """
    # With `follow`, the first queue may be yet to come.
    if errand.services.store.published(errand.project_id) is None and not errand.follow:
        raise ExchangeError(
            f"project {errand.project_id} has no queue: run `clean-al connect {errand.project_id}`, and let "
            "`clean-al serve` make one"
        )
    make = _Lines(errand)
    given: set[int] = set()
    waited = 0.0
    while True:
        number = _next(errand, given)
        may_wait = errand.follow and (patience is None or waited < patience)
        try:
            line = None if number is None else make.line(number)
        except LabelStudioUnreachable:
            if not may_wait:
                raise
            # It is restarted now and then: a stream that waits for tasks waits for that, too.
            number = line = None
        if number is not None:
            waited = 0.0
            # Whatever became of it: what cannot be shown would else be asked for for ever.
            given.add(number)
            if line is not None:
                yield line
        elif may_wait:
            time.sleep(LOOK_EVERY)
            waited += LOOK_EVERY
        else:
            return


def _next(errand: Errand, given: set[int]) -> int | None:
    # Read anew for each task: a round may have served another order since the last one.
    published = errand.services.store.published(errand.project_id)
    head = published.head if published is not None else ()
    return next((number for number in head if number not in given), None)


class _Lines:
    """Makes Prodigy's lines of tasks."""

    def __init__(self, errand: Errand):
        self._errand = errand
        self._options = Options(predictions=errand.predictions)
        self._memory = _Memory()
        job = Job(Path("-"), self._memory, config=errand.config, options=self._options)
        self._writer, self._ledger = ProdigyWriter(job), job.ledger
        self._fetch = errand.services.media.of_project(errand.project_id)

    def line(self, number: int) -> dict[str, Any] | None:
        """Return the line of a task; None when it is labeled or gone, or cannot be shown."""
        try:
            task = self._errand.services.label_studio.task(number)
        except LabelStudioNotFound:
            return None
        if task.get("is_labeled"):
            return None
        account, place = self._errand.account, f"task {number}"
        # What annotators said already is theirs: whoever labels next must not see it.
        bare = tidy(task) | {"annotations": [], "drafts": []}
        reader = TaskReader(self._errand.config, self._options, Ledger())
        item = next((item for item in reader.read(bare, place) if item.primary), None)
        try:
            # Ours is the last, where there is one: `tidy` puts it behind the others.
            line = None if item is None else self._written(item._replace(annotations=item.annotations[-1:]))
        except MediaError as error:
            account.seen += 1
            account.tell(DROPPED, "task", str(error), place)
            return None
        # Counted when it is settled: where Label Studio goes away in between, it comes again.
        account.seen += 1
        if line is None:
            account.tell(DROPPED, "task", "Prodigy has no place for what it shows", place)
            return None
        account.tell(CARRIED, "task")
        return line

    def _written(self, item: Item) -> dict[str, Any] | None:
        path = item.media
        if item.kind in EMBEDDED:
            item = self._embedded(item)
        self._memory.lines.clear()
        self._writer.write(item)
        if not self._memory.lines:
            return None
        line: dict[str, Any] = json.loads(self._memory.lines[0])
        # As Prodigy does when it embeds a file: else the answer would not say which one it is of.
        return line if item.media == path else line | {"path": path}

    def _embedded(self, item: Item) -> Item:
        """Return the item with its file in it where Prodigy could not fetch that: it has no token of ours."""
        parts = urlsplit(item.media)
        is_ours = self._errand.services.label_studio.site.owns(item.media)
        if not is_ours and parts.scheme.lower() not in ("", *STORAGES):
            return item
        content = self._fetch(item.media)
        kind = mimetypes.guess_type(parts.path)[0] or f"{item.kind}/octet-stream"
        encoded = base64.b64encode(content).decode("ascii")
        size = upright_size(content) if item.kind == "image" else None
        width, height = size or (item.width, item.height)
        return item._replace(media=f"data:{kind};base64,{encoded}", width=width, height=height)


class _Memory(Outputs):
    """Where the writer's lines go: nowhere but here."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[bytes] = []

    def open(self, path: Path) -> Any:
        return self

    def write(self, line: bytes) -> None:
        """Keep a line."""
        self.lines.append(line)
