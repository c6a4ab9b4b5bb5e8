"""Images of a CVAT document: drawn one by one, and put into their order.

Drawing needs nothing but the image. Its number and its name in the document depend on those before it: these
are given when it is placed, so that the drawing can be done anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from exporters.contract import Job, NotApart
from exporters.cvat.labels import Labels
from exporters.cvat.names import ImageNames
from exporters.cvat.options import CvatOptions
from exporters.cvat.write_elements import Elements, why_left_out
from exporters.files import OutputFile, Spool, beside
from exporters.json_stream import dump
from exporters.paths import media_name
from exporters.records import Item, new
from exporters.report import Ledger
from exporters.xml_text import escape

ONE_SIDE = "one side of the picture is not known: the other left out"
_NO_PRIORITY = "its priority left out: it has no shape to keep it"
_NO_SCORE = "its score and, of a sound, its priority left out"


# How many pictures, or bytes of them, are put into the body at once.
_MOST, _ENOUGH = 64, 1 << 17


class Picture(NamedTuple):
    """An image as it stands in the document, but for its number and the rest of its name.

    `name` and `how` are those of `ImageNames.wanted`, `rows` begin behind the number, with this name, and
    `source` is its row in the list of sources.
    """

    name: str
    how: str
    is_sized: bool
    rows: bytes
    source: str
    place: str


class Drawing:
    """Draws images; counts what is said about them."""

    def __init__(self, job: Job, labels: Labels):
        own = job.options.of(CvatOptions)
        self._options, self._ledger = job.options, job.ledger
        self._names, self.elements = ImageNames(own.names), Elements(labels, job)

    def draw(self, item: Item) -> Picture:
        """Return the picture of an item."""
        name, how = self._names.wanted(item.media)
        size = self._size(item)
        rows = [f"{_named(name)}{size}>\n"]
        for annotation in item.annotations:
            if not self.elements.is_left_out(annotation, item):
                rows.extend(self.elements.of_image(annotation, item))
        # CVAT's XML has attributes of shapes only: an image keeps its rank on each of its shapes.
        if item.priority is not None and len(rows) == 1:
            self._ledger.change("item", _NO_PRIORITY, item.place)
        source = ""
        if self._options.sidecars:
            source = _source(item)
        else:
            leave_data(item, self._ledger)
        rows.append("  </image>\n")
        data = "".join(rows).encode("utf-8", "replace")
        return new(Picture, (name, how, size != "", data, source, item.place))

    def _size(self, item: Item) -> str:
        width, height = item.width, item.height
        if not width or not height:
            found = self._options.size_of(item.media) or self._options.size_of(media_name(item.media))
            if found is None:
                if width or height:
                    self._ledger.change("item", ONE_SIDE, item.place)
                return ""
            width, height = found
        return f' width="{width}" height="{height}"'


def _named(name: str) -> str:
    return f' name="{escape(name)}"'


def _source(item: Item) -> str:
    """Return where an image lies, and what its task says besides, as a row without its name."""
    address = item.media
    # A row a name: an address with a line break would shift all rows below it.
    if not address.isprintable():
        address = " ".join(address.split())
    return f"\t{address}\t{dump(item.data).decode()}" if item.data else f"\t{address}"


def leave_data(item: Item, ledger: Ledger) -> None:
    """Count what a task says besides where there is no list of sources to keep it."""
    if item.data:
        ledger.drop("task data", f"CVAT has no place for it beside {item.kind}", item.place)


def leave_score(item: Item, ledger: Ledger) -> None:
    """Count the score of an item, which CVAT has no place for."""
    if item.score is not None or (item.priority is not None and item.kind == "audio"):
        ledger.change("item", _NO_SCORE, item.place)


def leave_empty(item: Item, ledger: Ledger) -> None:
    """Count annotations which say that there is nothing, and who says so: CVAT tells that by shapes alone."""
    for annotation in item.annotations if item.primary else ():
        if not annotation.is_empty or why_left_out(annotation):
            continue
        _, _, is_model, _, annotator, version, score, _, is_truth, *_ = annotation
        if annotator is not None or version is not None or score is not None or is_truth:
            how = "has no shape to say it with: who made it left out"
            ledger.change("prediction" if is_model else "annotation", how, item.place)


def refuse(item: Item, ledger: Ledger) -> None:
    """Count an item of a kind that CVAT does not know."""
    ledger.drop_item(item, f"CVAT has no place for {item.kind}")


class Placing:
    """Puts pictures into the body of the document and into the lists beside it."""

    def __init__(self, job: Job):
        self._job, self._ledger = job, job.ledger
        self._names = ImageNames(job.options.of(CvatOptions).names)
        # The head, which lists the labels, stands before the body and is known after it.
        self._body = Spool(job.path)
        self._lists: tuple[OutputFile, OutputFile] | None = None
        self._waiting: list[Picture] = []
        self._size = self.count = self.unsized = 0
        self.has_folders = False

    @property
    def has_begun(self) -> bool:
        """Whether there is an image."""
        return self.count > 0 or len(self._waiting) > 0

    def add(self, picture: Picture) -> None:
        """Append one picture."""
        self._waiting.append(picture)
        self._size += len(picture.rows)
        # Many at once: a write for each image costs more than its drawing.
        if self._size > _ENOUGH or len(self._waiting) == _MOST:
            self.settle()

    def settle(self) -> None:
        """Put those into the body that waited for others."""
        waiting, self._waiting, self._size = self._waiting, [], 0
        self._put(waiting)

    def place(self, pictures: list[Picture], where: Callable[[str], str]) -> None:
        """Append pictures; `where` says where their places lie."""
        self.settle()
        self._put(pictures, where)

    def _put(self, pictures: list[Picture], where: Callable[[str], str] = str) -> None:
        body: list[bytes] = []
        names, sources = [], []
        for wanted, how, is_sized, rows, source, place in pictures:
            name, how = self._names.given(wanted, how, self.count)
            if name != wanted:
                before = _named(wanted).encode("utf-8", "replace")
                rows = _named(name).encode("utf-8", "replace") + rows[len(before) :]
            if "/" in name:
                self.has_folders = True
            if how:
                self._ledger.change("image name", how, where(place))
            if not is_sized:
                self.unsized += 1
            body += (b'  <image id="%d"' % self.count, rows)
            names.append(name)
            sources.append(name + source)
            self.count += 1
        self._body.write(b"".join(body))
        if self._job.options.sidecars and pictures:
            self._list(names, sources)

    def _list(self, names: list[str], sources: list[str]) -> None:
        if self._lists is None:
            ends = (".images.txt", ".sources.tsv")
            opened = [self._job.outputs.open(beside(self._job.path, end)) for end in ends]
            self._lists = (opened[0], opened[1])
        for file, rows in zip(self._lists, (names, sources), strict=True):
            file.write(("\n".join(rows) + "\n").encode("utf-8", "replace"))

    def copy_into(self, output: OutputFile) -> None:
        """Append the body to the output."""
        self._body.copy_into(output)

    def close(self) -> None:
        """Let go of the spooled body."""
        self._body.close()


class DrawnPieces:
    """Draws the images of one stretch of the input, for `CvatWriter.join`."""

    def __init__(self, job: Job, labels: Labels):
        self._ledger, self._labels = job.ledger, labels
        self._known = labels.count
        self._drawing = Drawing(job, labels)
        self._drawn: list[Picture] = []

    def write(self, item: Item) -> None:
        """Draw one item."""
        # A video is a document of its own, a sound a row in a table, and groups are numbered through.
        if item.kind in ("video", "audio") or any(each.relations for each in item.annotations):
            raise NotApart
        if item.kind != "image":
            refuse(item, self._ledger)
            return
        self._drawn.append(self._drawing.draw(item))
        leave_score(item, self._ledger)
        leave_empty(item, self._ledger)
        self._ledger.items += 1

    def piece(self) -> tuple[list[Any], bytes]:
        """Return (pictures with the lengths of their rows, labels that came up, attributes), rows."""
        # A skeleton's label lists its points as they come: two processes could list them in two orders.
        found = self._labels.found(self._known)
        if found is None:
            raise NotApart
        # Rows travel as one stretch of bytes: as JSON among the plain values they would be escaped.
        pictures = [(*each[:3], len(each.rows), *each[4:]) for each in self._drawn]
        return [pictures, *found], b"".join([each.rows for each in self._drawn])


def apart(pictures: list[list[Any]], rows: bytes) -> list[Picture]:
    """Return the pictures of a piece, each with its own rows."""
    found, end = [], 0
    for name, how, is_sized, length, source, place in pictures:
        begin, end = end, end + length
        found.append(new(Picture, (name, how, is_sized, rows[begin:end], source, place)))
    return found
