"""CVAT XML 1.1 read into records, as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from exporters.cvat.read_annotations import Key, Told, joined, tell, video_annotations
from exporters.cvat.read_shapes import PARTS, Given, reason, source_of, whole
from exporters.errors import InputError
from exporters.inputs import Readable
from exporters.records import Answer, Geometry, Item, KeyFrame, Region, Skeleton, Track, new
from exporters.report import Ledger
from exporters.xml_text import safe_parser

BLOCK = 1 << 15
_SHAPES = frozenset((*PARTS, "tag", "skeleton"))
Draft = tuple[Region, str]


class Shape:
    """A shape while its element is open."""

    attributes: tuple[tuple[str, str], ...] = ()
    parts: tuple[Region, ...] = ()

    def __init__(self, kind: str, given: Given):
        self.kind, self.given = kind, given


class CvatParser:
    """Follows the document; `take` gives the items that are finished."""

    def __init__(self, name: str, ledger: Ledger):
        self._name, self._ledger = name, ledger
        self._parser = safe_parser(name)
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._items: list[Item] = []
        self._image: Given | None = None
        self._groups: dict[Key, list[Region]] = {}
        self._priority: float | None = None
        self._known: dict[tuple[str, tuple[tuple[str, str], ...]], Told] = {}
        self._track: Given | None = None
        self._frames: list[KeyFrame] = []
        self._track_attributes: list[tuple[str, str]] = []
        self._tracks: list[Draft] = []
        self._tagged: dict[int, list[Draft]] = {}
        self._shape: Shape | None = None
        self._part: Shape | None = None
        self._attribute: str | None = None
        self._text: list[str] = []
        self._meta: TreeBuilder | None = None
        self._is_video = False
        self._size: tuple[int | None, int | None] = (None, None)
        self._length: int | None = None
        self._source = ""
        self._root: str | None = None

    def feed(self, data: bytes, is_last: bool) -> list[Item]:
        """Parse a block; return the items that it finished."""
        try:
            self._parser.Parse(data, is_last)
        except expat.ExpatError as error:
            raise InputError(f"{self._name}: not XML, or cut short ({error})") from None
        if is_last:
            self._finish()
        done, self._items = self._items, []
        return done

    def _place(self) -> str:
        return f"{self._name}, line {self._parser.CurrentLineNumber}"

    def _start(self, tag: str, given: dict[str, str]) -> None:
        if tag in PARTS and self._shape is None and self._meta is None:
            self._shape = Shape(tag, given)
        elif self._meta is not None:
            self._meta.start(tag, given)
        elif tag == "attribute":
            self._attribute, self._text = given.get("name"), []
            # Only here: blanks between elements would cost a call each.
            self._parser.CharacterDataHandler = self._text.append
        elif tag == "image":
            self._image, self._groups, self._priority = given, {}, None
        elif tag == "track":
            self._track, self._frames, self._track_attributes = given, [], []
        elif tag in _SHAPES:
            if self._shape is None:
                self._shape = Shape(tag, given)
            else:
                self._part = Shape(tag, given)
        elif tag == "meta":
            self._meta = TreeBuilder()
            self._meta.start(tag, given)
            self._parser.CharacterDataHandler = self._meta.data
        elif self._root is None:
            self._root = tag
            if tag != "annotations":
                raise InputError(f"{self._name}: expected <annotations>, found <{tag}>; is it CVAT XML 1.1?")

    def _end(self, tag: str) -> None:
        if self._shape is not None:
            if tag == self._shape.kind and self._part is None:
                self._end_shape(self._shape)
                self._shape = None
            elif tag == "attribute":
                self._end_attribute()
            elif self._part is not None and tag == self._part.kind:
                self._end_part(self._part)
                self._part = None
        elif tag == "image":
            self._end_image()
        elif self._meta is not None:
            self._meta.end(tag)
            if tag == "meta":
                self._read_meta(self._meta.close())
                self._meta = None
                self._parser.CharacterDataHandler = None
        elif tag == "attribute":
            self._end_attribute()
        elif tag == "track":
            self._end_track()

    def _end_attribute(self) -> None:
        pair = (self._attribute or "", "".join(self._text))
        self._parser.CharacterDataHandler = None
        if self._part is None and self._shape is not None:
            self._shape.attributes += (pair,)
        elif self._part is None and self._track is not None:
            self._track_attributes.append(pair)

    def _end_part(self, part: Shape) -> None:
        try:
            if part.given.get("outside") == "1":
                return
            shape = PARTS[part.kind](part.given)
        except (ValueError, KeyError) as error:
            self._ledger.drop(f"skeleton {part.kind}", reason(error), self._place())
            return
        region = Region(shape, (part.given.get("label", ""),), occluded=part.given.get("occluded") == "1")
        if self._shape is not None:
            self._shape.parts += (region,)

    def _end_shape(self, shape: Shape) -> None:
        try:
            if self._track is not None:
                self._key_frame(shape)
            elif self._image is None:
                self._ledger.drop(shape.kind, "stands outside an image and a track", self._place())
            elif self._is_video:
                draft = (self._region(shape, shape.attributes, None), source_of(shape.given))
                self._tagged.setdefault(whole(self._image.get("id")) or 0, []).append(draft)
            else:
                self._put(shape)
        except (ValueError, KeyError) as error:
            self._ledger.drop(shape.kind, reason(error), self._place())

    def _put(self, shape: Shape) -> None:
        """Add a shape of an image to the annotation that its attributes tell."""
        key = (source_of(shape.given), shape.attributes)
        told = self._known.get(key)
        if told is None:
            if len(self._known) > 10_000:
                self._known.clear()
            told = self._known[key] = tell(*key)
        group, rest, score, priority = told
        if priority is not None:
            self._priority = priority
        region = self._region(shape, rest, score)
        if group in self._groups:
            self._groups[group].append(region)
        else:
            self._groups[group] = [region]

    def _region(self, shape: Shape, attributes: tuple[tuple[str, str], ...], score: float | None) -> Region:
        given, kind = shape.given, shape.kind
        labels = (given["label"],)
        read = PARTS.get(kind)
        if kind == "tag":
            return Region(Answer("choices", labels), (), None, score, "", attributes)
        made: Geometry | Skeleton = Skeleton(shape.parts) if read is None else read(given)
        is_occluded, z_order = given.get("occluded") == "1", given.get("z_order", "0")
        if z_order == "0" and "group_id" not in given:
            return new(Region, (made, labels, None, score, "", attributes, (), 0, 0, is_occluded, None))
        group = int(given.get("group_id") or 0)
        return Region(made, labels, None, score, "", attributes, (), group, int(z_order), is_occluded)

    def _key_frame(self, shape: Shape) -> None:
        given = shape.given
        if shape.kind == "skeleton":
            raise ValueError("skeleton tracks are not read")
        if given.get("keyframe", "1") != "1":
            return
        made = PARTS[shape.kind](given)
        is_outside, is_occluded = given.get("outside") == "1", given.get("occluded") == "1"
        frame = KeyFrame(int(given["frame"]), made, is_outside, is_occluded, shape.attributes)
        self._frames.append(frame)

    def _end_track(self) -> None:
        given = self._track or {}
        self._track = None
        frames = tuple(sorted(self._frames, key=lambda frame: frame.frame))
        if not frames or "label" not in given:
            self._ledger.drop("track", "has no key frame" if not frames else "has no 'label'", self._place())
            return
        # What all key frames say holds for the track; what changes stays with them.
        common = set(frames[0].attributes).intersection(*(frame.attributes for frame in frames))
        own = [pair for pair in frames[0].attributes if pair in common]
        frames = tuple(
            frame._replace(attributes=tuple(pair for pair in frame.attributes if pair not in common))
            for frame in frames
        )
        group = int(given["group_id"]) if given.get("group_id", "").isdigit() else 0
        track = Track(frames, self._length)
        region = Region(track, (given["label"],), attributes=(*self._track_attributes, *own), group=group)
        self._tracks.append((region, source_of(given)))

    def _end_image(self) -> None:
        given = self._image or {}
        self._image = None
        if self._is_video:
            return
        name = given.get("name", "")
        if not name:
            self._ledger.drop("item", "image without a name", self._place())
            return
        item = Item(
            kind="image",
            media=name,
            id=given.get("id"),
            width=whole(given.get("width")),
            height=whole(given.get("height")),
            data={"subset": given["subset"]} if given.get("subset") else {},
            annotations=joined(self._groups),
            priority=self._priority,
            place=f"image {name}",
        )
        self._items.append(item)

    def _read_meta(self, meta: Element) -> None:
        task = next(
            (meta.find(tag) for tag in ("task", "job", "project") if meta.find(tag) is not None), meta
        )
        if task is None:
            return
        self._is_video = task.findtext("mode") == "interpolation"
        size = meta.find(".//original_size")
        if size is not None:
            self._size = (whole(size.findtext("width")), whole(size.findtext("height")))
        stop = whole(task.findtext("stop_frame"))
        self._length = stop + 1 if stop is not None and self._is_video else None
        self._source = meta.findtext(".//source") or task.findtext("name") or ""

    def _finish(self) -> None:
        if not self._tracks and not self._tagged:
            return
        annotations, priority = video_annotations(self._tracks, self._tagged)
        width, height = self._size
        item = Item("video", self._source or self._name, None, width, height, {}, annotations, priority)
        self._items.append(item._replace(place=f"video {item.media}"))


def read_cvat(file: Readable, name: str, ledger: Ledger) -> Iterator[Item]:
    """Yield the images of a document as they come, then its video if it has tracks.

    Raises `InputError` for what is no CVAT XML; single shapes that are wrong are counted and left out.
    """
    parser = CvatParser(name, ledger)
    while True:
        block = file.read(BLOCK)
        yield from parser.feed(block, not block)
        if not block:
            return
