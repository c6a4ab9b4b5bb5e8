"""Items written as CVAT XML 1.1, with the files that create the task in the same order."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exporters.contract import Job
from exporters.cvat.head import head
from exporters.cvat.labels import Labels
from exporters.cvat.pictures import (
    ONE_SIDE,
    Drawing,
    DrawnPieces,
    Placing,
    apart,
    leave_data,
    leave_empty,
    leave_score,
    refuse,
)
from exporters.cvat.write_sound import SoundTable
from exporters.cvat.write_video import Videos
from exporters.files import beside
from exporters.records import Item


class CvatWriter:
    """Writes images into one document; its head, which lists the labels, is put before the body at the end.

    Each video has a document of its own, as CVAT has a task for each; a lone video takes the place of the
    images'. Sound goes into a table beside.
    """

    def __init__(self, job: Job):
        self._path, self._options, self._ledger = job.path, job.options, job.ledger
        self._name = job.title or "export"
        self._outputs, self._main = job.outputs, job.outputs.open(job.path)
        self._job, self._labels = job, declared_labels(job)
        self._drawing, self._images = Drawing(job, self._labels), Placing(job)
        self._videos = Videos(job, lambda: declared_labels(job))
        self._sounds = SoundTable(job)

    def write(self, item: Item) -> None:
        """Append one item; what CVAT has no place for is counted as dropped."""
        # Before the first image: the head of an input declares its labels before anything stands under them.
        if self._job.declared.labels and not self._images.has_begun:
            self._labels.declare(self._job.declared.labels.values())
        if item.kind == "image":
            self._images.add(self._drawing.draw(item))
        elif item.kind == "video":
            if bool(item.width) != bool(item.height):
                self._ledger.change("item", ONE_SIDE, item.place)
            self._videos.write(item)
            leave_data(item, self._ledger)
        elif item.kind == "audio":
            self._sounds.write(item)
            leave_data(item, self._ledger)
        else:
            refuse(item, self._ledger)
            return
        leave_score(item, self._ledger)
        leave_empty(item, self._ledger)
        self._ledger.items += 1

    def state(self) -> None:
        """Nothing: what images depend on is filled in by `join`."""

    def join(self, piece: list[Any], rows: bytes, place: Callable[[str], str]) -> bool:
        """Append images that were drawn elsewhere; False where a label has another name there than here."""
        pictures, names, attributes = piece
        if not self._labels.join(names, attributes):
            return False
        self._images.place(apart(pictures, rows), place)
        return True

    def finish(self) -> None:
        """Put head, body and end together, and write the companion files."""
        self._images.settle()
        lone = self._videos.finish(is_alone=not self._images.count)
        if lone is not None:
            self._labels, text = lone
            self._main.write(text)
        else:
            self._main.write(head(self._name, self._images.count, "annotation", self._labels))
            self._images.copy_into(self._main)
            self._main.write(b"</annotations>\n")
        self._sounds.finish()
        self.close()
        if self._options.sidecars and (self._images.count or lone is not None):
            self._companions(lone is not None)

    def close(self) -> None:
        """Let go of the spooled body."""
        self._images.close()

    def _companions(self, is_video: bool) -> None:
        labels = beside(self._path, ".labels.json")
        text = json.dumps(self._labels.specification(), ensure_ascii=False, indent=1)
        self._outputs.open(labels).write(text.encode("utf-8", "replace"))
        # A local upload keeps the last step of each path only, and annotations would find no image.
        place = "share" if self._images.has_folders else "local"
        images = None if is_video else beside(self._path, ".images.txt")
        if self._images.unsized:
            self._ledger.notes.append(
                f"{self._images.unsized} images have no width and height: CVAT needs none, other readers do; "
                "give sizes or image_root"
            )
        self._ledger.notes.append(
            f"create the task: {cli_line(self._name, self._path, labels, images, place)}"
        )


def drawn_pieces(job: Job, state: None) -> DrawnPieces:
    """Return what draws the images of a stretch of the input."""
    return DrawnPieces(job, declared_labels(job))


def declared_labels(job: Job) -> Labels:
    """Return the labels that the caller, the labeling config and the input declare."""
    pairs = [(label, "") for label in job.options.labels]
    pairs += [pair for control in job.config.controls for pair in control.offers()]
    labels = Labels(pairs)
    labels.declare(job.declared.labels.values())
    return labels


def cli_line(name: str, xml: Path, labels: Path, images: Path | None, place: str = "local") -> str:
    """Return the command that creates the CVAT task with the images in our order.

    An upload from this machine (`local`) keeps only the last step of each path: names with folders need
    CVAT's `share`. `-x` makes xargs fail, rather than create several tasks, when the list is too long for
    one command.
    """
    command = (
        f"cvat-cli task create {shlex.quote(name)} --labels {shlex.quote(str(labels))} "
        f"--sorting-method predefined --annotation_path {shlex.quote(str(xml))} "
        f"--annotation_format 'CVAT 1.1' {place}"
    )
    if images is None:
        return f"{command} VIDEO"
    return f"xargs -x -n 99999999 -d '\\n' -a {shlex.quote(str(images))} {command}"
