"""Items written as CVAT XML 1.1, with the files that create the task in the same order."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from exporters.contract import Job
from exporters.cvat.head import head
from exporters.cvat.labels import Labels
from exporters.cvat.names import ImageNames
from exporters.cvat.options import CvatOptions
from exporters.cvat.write_elements import Elements
from exporters.cvat.write_sound import SoundTable
from exporters.cvat.write_video import Videos
from exporters.files import OutputFile, Spool, beside
from exporters.json_stream import dump
from exporters.paths import media_name
from exporters.records import Item
from exporters.xml_text import escape

_ONE_SIDE = "one side of the picture is not known: the other left out"


class CvatWriter:
    """Writes images into one document; its head, which lists the labels, is put before the body at the end.

    Each video has a document of its own, as CVAT has a task for each; a lone video takes the place of the
    images'. Sound goes into a table beside.
    """

    def __init__(self, job: Job):
        self._path, self._options, self._ledger = job.path, job.options, job.ledger
        self._name = job.title or "export"
        self._outputs, self._main = job.outputs, job.outputs.open(job.path)
        self._job, self._labels = job, _declared(job)
        own = job.options.of(CvatOptions)
        self._elements = Elements(self._labels, own, job.ledger)
        self._names = ImageNames(own.names)
        self._videos = Videos(job, lambda: _declared(job))
        self._sounds = SoundTable(job)
        self._body = Spool(job.path)
        self._lists: tuple[OutputFile, OutputFile] | None = None
        self._images = self._unsized = 0
        self._has_folders = False

    def write(self, item: Item) -> None:
        """Append one item; what CVAT has no place for is counted as dropped."""
        # Before the first image: the head of an input declares its labels before anything stands under them.
        if self._job.declared.labels and not self._images:
            self._labels.declare(self._job.declared.labels.values())
        if item.kind == "image":
            self._body.write(self._image(item).encode("utf-8", "replace"))
        elif item.kind == "video":
            if bool(item.width) != bool(item.height):
                self._ledger.change("item", _ONE_SIDE, item.place)
            self._videos.write(item)
            self._leave_data(item)
        elif item.kind == "audio":
            self._sounds.write(item)
            self._leave_data(item)
        else:
            self._refuse(item)
            return
        if item.score is not None or (item.priority is not None and item.kind == "audio"):
            how = "its score and, of a sound, its priority left out"
            self._ledger.change("item", how, item.place)
        self._ledger.items += 1

    def _leave_data(self, item: Item) -> None:
        if item.data:
            self._ledger.drop("task data", f"CVAT has no place for it beside {item.kind}", item.place)

    def _refuse(self, item: Item) -> None:
        self._ledger.drop_item(item, f"CVAT has no place for {item.kind}")

    def _image(self, item: Item) -> str:
        name, how = self._names.name(item.media, self._images)
        if "/" in name:
            self._has_folders = True
        if how:
            self._ledger.change("image name", how, item.place)
        size = self._size(item)
        rows = [f'  <image id="{self._images}" name="{escape(name)}"{size}>\n']
        for annotation in item.annotations:
            if not self._elements.is_left_out(annotation, item):
                rows.extend(self._elements.of_image(annotation, item))
        if item.priority is not None and len(rows) == 1:
            self._ledger.change("item", "its priority left out: it has no shape to keep it", item.place)
        rows.append("  </image>\n")
        if self._options.sidecars:
            self._list(name, item)
        else:
            self._leave_data(item)
        self._images += 1
        return "".join(rows)

    def _size(self, item: Item) -> str:
        width, height = item.width, item.height
        if not width or not height:
            found = self._options.size_of(item.media) or self._options.size_of(media_name(item.media))
            if found is None:
                self._unsized += 1
                if width or height:
                    self._ledger.change("item", _ONE_SIDE, item.place)
                return ""
            width, height = found
        return f' width="{width}" height="{height}"'

    def _list(self, name: str, item: Item) -> None:
        address = item.media
        if self._lists is None:
            opened = [self._outputs.open(beside(self._path, end)) for end in (".images.txt", ".sources.tsv")]
            self._lists = (opened[0], opened[1])
        self._lists[0].write(f"{name}\n".encode("utf-8", "replace"))
        # A row a name: an address with a line break would shift all rows below it.
        if not address.isprintable():
            address = " ".join(address.split())
        further = b"\t" + dump(item.data) if item.data else b""
        self._lists[1].write(f"{name}\t{address}".encode("utf-8", "replace") + further + b"\n")

    def finish(self) -> None:
        """Put head, body and end together, and write the companion files."""
        lone = self._videos.finish(is_alone=not self._images)
        if lone is not None:
            self._labels, text = lone
            self._main.write(text)
        else:
            self._main.write(head(self._name, self._images, "annotation", self._labels))
            self._body.copy_into(self._main)
            self._main.write(b"</annotations>\n")
        self._sounds.finish()
        self.close()
        if self._options.sidecars and (self._images or lone is not None):
            self._companions(lone is not None)

    def close(self) -> None:
        """Let go of the spooled body."""
        self._body.close()

    def _companions(self, is_video: bool) -> None:
        labels = beside(self._path, ".labels.json")
        text = json.dumps(self._labels.specification(), ensure_ascii=False, indent=1)
        self._outputs.open(labels).write(text.encode("utf-8", "replace"))
        # A local upload keeps the last step of each path only, and annotations would find no image.
        place = "share" if self._has_folders else "local"
        images = None if is_video else beside(self._path, ".images.txt")
        if self._unsized:
            self._ledger.notes.append(
                f"{self._unsized} images have no width and height: CVAT needs none, other readers do; "
                "give sizes or image_root"
            )
        self._ledger.notes.append(
            f"create the task: {cli_line(self._name, self._path, labels, images, place)}"
        )


def _declared(job: Job) -> Labels:
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
