"""Videos as CVAT documents with tracks, and tags on single frames."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from exporters.contract import Job
from exporters.cvat.head import head
from exporters.cvat.labels import UNNAMED, Labels
from exporters.cvat.write_elements import (
    NO_LABEL,
    SHAPE_PER_LABEL,
    Elements,
    Provenance,
    attributes_text,
    faults,
)
from exporters.cvat.write_shapes import DRAW
from exporters.paths import basename, media_name, stem
from exporters.records import Annotation, Answer, FrameRange, Item, KeyFrame, Region, Skeleton, Track, name_of

Document = tuple[Labels, bytes]
_UNSAFE = re.compile(r"[^\w.-]")
# A stretch of frames becomes a tag on each of them, in all of a video together no more than this.
LONGEST_RANGE = 1_000_000


class Videos:
    """Writes a document for each video; the first is kept back: it may be the only one."""

    def __init__(self, job: Job, labels: Callable[[], Labels]):
        self._path, self._outputs, self._ledger = job.path, job.outputs, job.ledger
        self._new_labels, self._job = labels, job
        self._first: tuple[str, Document] | None = None
        self._names: dict[str, int] = {}

    def write(self, item: Item) -> None:
        """Take one video."""
        labels = self._new_labels()
        body, size = VideoBody(Elements(labels, self._job), item).text()
        name = _UNSAFE.sub("_", stem(basename(media_name(item.media))))[:80] or "video"
        document = (labels, _document(name, size, labels, body, item))
        if self._first is None and not self._names:
            self._first = (name, document)
        else:
            self._flush()
            self._save(name, document)

    def _flush(self) -> None:
        if self._first is not None:
            name, document = self._first
            self._first = None
            self._save(name, document)

    def _save(self, name: str, document: Document) -> None:
        file = self._outputs.open(self._free_path(name))
        file.write(document[1])
        # Hundreds of videos must not hold hundreds of files open.
        file.seal()

    def _free_path(self, name: str) -> Path:
        """Return a path beside the main one that no file of this export has; videos can share a name."""
        suffixes = ".xml.gz" if self._path.suffix.lower() == ".gz" else ".xml"
        root = self._path.name.split(".")[0] or "export"
        while True:
            number = self._names[name] = self._names.get(name, 0) + 1
            free = name if number == 1 else f"{name}-{number}"
            path = self._path.with_name(f"{root}.{free}{suffixes}")
            if not self._outputs.has(path):
                return path

    def finish(self, is_alone: bool) -> Document | None:
        """Return the only document when there is nothing beside it; else write what was kept back."""
        if is_alone and self._first is not None:
            return self._first[1]
        self._flush()
        return None


def _document(name: str, size: int, labels: Labels, body: str, item: Item) -> bytes:
    extra = ""
    if item.width and item.height:
        sides = f"<width>{item.width}</width><height>{item.height}</height>"
        extra = f"      <original_size>{sides}</original_size>\n"
    return head(name, size, "interpolation", labels, extra) + (body + "</annotations>\n").encode()


class VideoBody:
    """The tracks and tags of one video."""

    def __init__(self, elements: Elements, item: Item):
        self._elements, self._item, self._ledger = elements, item, elements.ledger
        self._tags: dict[int, list[str]] = {}
        self._tracks: list[str] = []
        self._size = self._tagged = 0

    def text(self) -> tuple[str, int]:
        """Return (the elements, the number of frames as far as it is known)."""
        for annotation in self._item.annotations:
            if not self._elements.is_left_out(annotation, self._item):
                self._annotation(annotation)
        frames = "".join(
            f'  <image id="{frame}" name="frame_{frame:06d}">\n{"".join(rows)}  </image>\n'
            for frame, rows in sorted(self._tags.items())
        )
        return frames + "".join(self._tracks), self._size

    def _annotation(self, annotation: Annotation) -> None:
        origin = Provenance(annotation, self._item)
        for region in self._elements.prepared(annotation, self._item):
            shape = region.shape
            if type(shape) is Track:
                self._track(region, shape, origin)
            elif type(shape) is FrameRange:
                self._range(region, shape, origin)
            elif type(shape) is Answer:
                hows = ["about the whole video: a tag on its first frame"]
                hows += self._tag([0], self._elements.tag_labels(region, shape, origin), region, origin)
                self._ledger.settle(shape.kind, dict.fromkeys(hows), self._item.place)
            else:
                self._ledger.drop(name_of(shape), "CVAT videos have no such shape", self._item.place)

    def _track(self, region: Region, track: Track, origin: Provenance) -> None:
        own = self._elements.own_attributes(region, origin)
        hows = [*faults(own), *self._elements.left_out(region, origin)]
        if len(region.labels) != 1:
            hows.append(SHAPE_PER_LABEL if region.labels else NO_LABEL)
        frames = _within(track)
        if len(frames) < len(track.frames):
            hows.append("key frames past the end left out")
        if not frames:
            self._ledger.drop("track", "has no key frame inside the video", self._item.place)
            return
        self._size = max(self._size, track.length or 0, frames[-1].frame + 1)
        inner = attributes_text(own)
        for label in region.labels or (UNNAMED,):
            opening, renamed = self._elements.opening(label, origin.source, own)
            hows += [renamed] if renamed else []
            hows += self._frame_faults(label, frames)
            group = f' group_id="{region.group}"' if region.group else ""
            rows = "".join(self._key_frame(frame, region.z_order, inner, label, origin) for frame in frames)
            self._tracks.append(f'  <track id="{len(self._tracks)}"{opening}{group}>\n{rows}  </track>\n')
        self._ledger.settle("track", dict.fromkeys(hows), self._item.place)

    def _frame_faults(self, label: str, frames: list[KeyFrame]) -> list[str]:
        hows = [how for frame in frames for how in faults(frame.attributes)]
        shapes = [frame.shape for frame in frames]
        drawn = [shape for shape in shapes if isinstance(shape, Skeleton)]
        return hows + [how for shape in drawn for how in self._elements.part_faults(label, shape)]

    def _key_frame(self, frame: KeyFrame, z_order: int, inner: str, label: str, origin: Provenance) -> str:
        own, z_order = inner + attributes_text(frame.attributes), frame.z_order or z_order
        head = (
            f' frame="{frame.frame}" keyframe="1" outside="{frame.outside:d}" occluded="{frame.occluded:d}"'
        )
        if isinstance(frame.shape, Skeleton):
            ending = ' keyframe="1"'
            parts = self._elements.skeleton_parts(label, frame.shape, origin.source, ending)
            # CVAT asks each point of a skeleton for it.
            if frame.outside:
                parts = parts.replace(' outside="0" ', ' outside="1" ')
            return f'    <skeleton{head} z_order="{z_order}">{own}\n{parts}    </skeleton>\n'
        element, geometry = DRAW[type(frame.shape)](frame.shape)
        return f'    <{element}{head}{geometry} z_order="{z_order}">{own}</{element}>\n'

    def _range(self, region: Region, shape: FrameRange, origin: Provenance) -> None:
        is_long = shape.end - shape.start + self._tagged >= LONGEST_RANGE
        if is_long or shape.end < shape.start or shape.start < 0:
            self._ledger.drop("frame range", "is empty, negative or too long", self._item.place)
            return
        own = self._elements.own_attributes(region, origin)
        pairs = [(label, own) for label in region.labels or (UNNAMED,)]
        hows = ["a tag on each of its frames"]
        hows += self._tag(range(shape.start, shape.end + 1), pairs, region, origin)
        self._ledger.settle("frame range", dict.fromkeys(hows), self._item.place)

    def _tag(
        self,
        frames: Iterable[int],
        pairs: list[tuple[str, tuple[tuple[str, str], ...]]],
        region: Region,
        origin: Provenance,
    ) -> list[str]:
        """Put tags on frames; return how they differ from what the region says."""
        rows, hows = [], self._elements.left_out(region, origin)
        for label, own in pairs:
            opening, renamed = self._elements.opening(label, origin.source, own)
            hows += [renamed, *faults(own)] if renamed else faults(own)
            rows.append(f"    <tag{opening}>{attributes_text(own)}</tag>\n")
        for frame in frames:
            self._tagged += 1
            self._tags.setdefault(frame, []).extend(rows)
            self._size = max(self._size, frame + 1)
        return hows


def _within(track: Track) -> list[KeyFrame]:
    return [frame for frame in track.frames if track.length is None or frame.frame < track.length]
