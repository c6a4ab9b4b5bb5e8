"""Sound as CVAT's Generic TSV: a row for each region, with its label and score."""

from __future__ import annotations

from exporters.contract import Job
from exporters.cvat.labels import UNNAMED
from exporters.cvat.write_elements import number, why_left_out
from exporters.files import OutputFile, beside
from exporters.paths import media_name
from exporters.records import Annotation, AudioSpan, Item, Region, name_of

HEADER = "filename\tstart\tstop\tlabel\tscore\tannotator\n"


class SoundTable:
    """Writes the table beside the document, once there is a first sound."""

    def __init__(self, job: Job):
        self._path, self._outputs, self._ledger = beside(job.path, ".audio.tsv"), job.outputs, job.ledger
        self._file: OutputFile | None = None

    def write(self, item: Item) -> None:
        """Append the regions of one sound."""
        if self._file is None:
            self._file = self._outputs.open(self._path)
            self._file.write(HEADER.encode())
        for annotation in item.annotations:
            why = why_left_out(annotation)
            if why:
                self._ledger.drop_annotation(annotation, why, item.place)
                continue
            if annotation.relations:
                why = "CVAT's table has no relations"
                self._ledger.drop("relation", why, item.place, len(annotation.relations))
            for region in annotation.regions:
                self._region(region, annotation, item)

    def _region(self, region: Region, annotation: Annotation, item: Item) -> None:
        span = region.shape
        if not isinstance(span, AudioSpan):
            self._ledger.drop(name_of(span), "CVAT's audio table has regions only", item.place)
            return
        if span.end < 0.0:
            self._ledger.drop("audio region", "lies before the sound", item.place)
            return
        hows = ["began before the sound: cut to it"] if span.start < 0.0 else []
        if annotation._replace(regions=(), relations=(), id=None, annotator=None) != Annotation():
            hows.append("left out of its annotation: model, score and ground truth")
        if len(region.labels) != 1:
            hows.append("several labels: one row for each" if region.labels else f"had no label: {UNNAMED!r}")
        hows += ["channel left out"] if span.channel is not None else []
        hows += ["answers about the region left out"] if region.captions or region.attributes else []
        hows += ["its parent left out"] if region.parent is not None else []
        for label in region.labels or (UNNAMED,):
            score = "" if region.score is None else number(region.score)
            cells = (
                media_name(item.media) or item.media,
                clock(max(span.start, 0.0)),
                clock(span.end),
                label,
                score,
                annotation.annotator or "",
            )
            self._row(cells)
        self._ledger.settle("audio region", hows, item.place)

    def _row(self, cells: tuple[str, ...]) -> None:
        assert self._file is not None
        # Tabs and line breaks inside a cell would be cells and rows of their own.
        text = "\t".join(" ".join(cell.split()) for cell in cells) + "\n"
        self._file.write(text.encode("utf-8", "replace"))

    def finish(self) -> None:
        """Nothing is kept back."""


def clock(seconds: float) -> str:
    """Return HH:MM:SS.ffffff for a time from 0 on.

    >>> clock(3661.5)
    '01:01:01.500000'
    """
    # In whole microseconds first: rounding the parts one by one gives seconds of 60.000000.
    whole, micro = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}.{micro:06d}"
