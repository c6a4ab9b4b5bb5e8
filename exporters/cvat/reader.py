"""CVAT XML 1.1 read into records, as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from exporters.cvat.read_annotations import Key, Told, joined, tell
from exporters.cvat.read_meta import DocumentHead, TaskHead, read_head
from exporters.cvat.read_shapes import PARTS, Given, frame_number, reason, skeleton_of, source_of, whole
from exporters.cvat.read_videos import VideoTasks
from exporters.declared import Declared
from exporters.errors import InputError
from exporters.inputs import Readable
from exporters.records import Answer, Geometry, Item, KeyFrame, Region, Skeleton, new
from exporters.report import Ledger
from exporters.xml_text import DEEPEST, safe_parser

BLOCK = 1 << 15
# One image, one attribute of an element, the head: what is held at a time is bounded.
LARGEST_IMAGE, LARGEST_TOKEN, LARGEST_HEAD = 1 << 27, 1 << 26, 1 << 25
MOST_TEXTS = 1 << 13
_SHAPES = frozenset((*PARTS, "tag", "skeleton"))
Attributes = tuple[tuple[str, str], ...]


class Shape:
    """A shape while its element is open."""

    # Of the class, and empty: most shapes have none, and a list for each of millions costs time.
    attributes: list[tuple[str, str]] | tuple[()] = ()
    parts: list[Region] | tuple[()] = ()

    def __init__(self, kind: str, given: Given):
        self.kind, self.given = kind, given


class CvatParser:
    """Follows the document; `feed` gives the items that are finished."""

    def __init__(self, name: str, ledger: Ledger, declared: Declared, video: str = ""):
        self._name, self._ledger, self._declared = name, ledger, declared
        self._parser = safe_parser(name)
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._items: list[Item] = []
        self._image: Given | None = None
        self._groups: dict[Key, list[Region]] = {}
        self._priority: float | None = None
        # All shapes of an annotation say the same: it is taken apart once.
        self._known: dict[tuple[str, Attributes], Told] = {}
        self._track: Given | None = None
        self._frames: list[KeyFrame] = []
        self._track_attributes: list[tuple[str, str]] = []
        self._shape: Shape | None = None
        self._part: Shape | None = None
        self._attribute: str | None = None
        self._text: list[str] = []
        self._meta: TreeBuilder | None = None
        self._head = DocumentHead({})
        # The task of the image that is open.
        self._owner = TaskHead()
        self._videos = VideoTasks(name, ledger, video)
        self._root: str | None = None
        # How deep inside an element that is not known, or inside the head.
        self._lost = self._depth = 0
        self._fed = self._held = 0

    def feed(self, data: bytes, is_last: bool) -> list[Item]:
        """Parse a block; return the items that it finished."""
        self._fed += len(data)
        try:
            self._parser.Parse(data, is_last)
        except expat.ExpatError as error:
            raise InputError(f"{self._name}: not XML, or cut short ({error})") from None
        if is_last:
            self._items.extend(self._videos.items(self._head))
        else:
            self._check_size(len(data))
        done, self._items = self._items, []
        return done

    @property
    def waiting(self) -> int:
        """How many bytes were fed of which the parser has made nothing yet."""
        return self._fed - self._parser.CurrentByteIndex

    def _check_size(self, size: int) -> None:
        self._held += size
        if self.waiting > LARGEST_TOKEN or len(self._text) > MOST_TEXTS:
            raise InputError(f"{self._place()}: one element is larger than {LARGEST_TOKEN >> 20} MiB")
        if self._meta is not None and self._held > LARGEST_HEAD:
            raise InputError(f"{self._place()}: <meta> is larger than {LARGEST_HEAD >> 20} MiB")
        if self._image is not None and self._held > LARGEST_IMAGE:
            raise InputError(f"{self._place()}: one image is larger than {LARGEST_IMAGE >> 20} MiB")

    def _place(self) -> str:
        return f"{self._name}, line {self._parser.CurrentLineNumber}"

    def _start(self, tag: str, given: dict[str, str]) -> None:
        if self._lost:
            self._lose()
        # First, since nearly every element is a shape.
        elif tag in PARTS and self._shape is None and self._meta is None:
            self._shape = Shape(tag, given)
        elif self._meta is not None:
            self._depth = self._deeper(self._depth)
            self._meta.start(tag, given)
        elif tag == "attribute" and self._attribute is None and (self._shape or self._track is not None):
            self._attribute, self._text = given.get("name", ""), []
            # Only here: blanks between elements would cost a call each.
            self._parser.CharacterDataHandler = self._text.append
        elif tag in _SHAPES and self._attribute is None:
            self._start_shape(tag, given)
        else:
            self._start_owner(tag, given)

    def _start_shape(self, tag: str, given: Given) -> None:
        if self._shape is None:
            self._shape = Shape(tag, given)
        elif self._shape.kind == "skeleton" and self._part is None and tag in PARTS:
            self._part = Shape(tag, given)
        else:
            self._refuse(tag)

    def _start_owner(self, tag: str, given: dict[str, str]) -> None:
        is_open = self._shape or self._image is not None or self._track is not None
        if self._root is None:
            self._root = tag
            if tag != "annotations":
                raise InputError(f"{self._name}: expected <annotations>, found <{tag}>; is it CVAT XML 1.1?")
        elif is_open or self._attribute is not None:
            self._refuse(tag)
        elif tag == "image":
            self._image, self._groups, self._priority, self._held = given, {}, None, 0
            self._owner = self._head.of(given.get("task_id"))
        elif tag == "track":
            self._track, self._frames, self._track_attributes = given, [], []
        elif tag == "meta":
            self._meta, self._depth, self._held = TreeBuilder(), 0, 0
            self._meta.start(tag, given)
            self._parser.CharacterDataHandler = self._meta.data
        elif tag == "version":
            self._lose()
        else:
            self._refuse(tag)

    def _refuse(self, tag: str) -> None:
        """Count an element that has no place here, and pass over it with all that is in it."""
        self._ledger.drop("element", f"<{tag[:40]}> is not known here", self._place())
        self._lose()

    def _lose(self) -> None:
        self._lost = self._deeper(self._lost)

    def _deeper(self, depth: int) -> int:
        if depth >= DEEPEST:
            raise InputError(f"{self._place()}: nested more than {DEEPEST} deep")
        return depth + 1

    def _end(self, tag: str) -> None:
        if self._lost:
            self._lost -= 1
        elif self._shape is not None:
            if self._attribute is not None:
                self._end_attribute()
            elif self._part is not None:
                self._end_part(self._part)
                self._part = None
            else:
                self._end_shape(self._shape)
                self._shape = None
        elif tag == "image":
            self._end_image()
        elif self._meta is not None:
            self._end_meta(tag)
        elif self._attribute is not None:
            self._end_attribute()
        elif tag == "track":
            self._end_track()

    def _end_meta(self, tag: str) -> None:
        assert self._meta is not None
        self._meta.end(tag)
        self._depth -= 1
        if self._depth < 0:
            self._read_meta(self._meta.close())
            self._meta = None
            self._parser.CharacterDataHandler = None

    def _end_attribute(self) -> None:
        pair = (self._attribute or "", "".join(self._text))
        self._parser.CharacterDataHandler = None
        self._attribute, self._text = None, []
        if not pair[0]:
            self._ledger.drop("attribute", "has no name", self._place())
            return
        owner = self._part or self._shape
        if owner is None:
            self._track_attributes.append(pair)
        elif isinstance(owner.attributes, list):
            owner.attributes.append(pair)
        else:
            owner.attributes = [pair]

    def _end_part(self, part: Shape) -> None:
        try:
            # On an image a point that is not in the picture has a position all the same, which means nothing.
            if part.given.get("outside") == "1":
                if self._track is None:
                    self._ledger.change("skeleton point", "outside the picture: left out", self._place())
                return
            shape = PARTS[part.kind](part.given)
        except (ValueError, KeyError) as error:
            self._ledger.drop(f"skeleton {part.kind}", reason(error), self._place())
            return
        is_occluded = part.given.get("occluded") == "1"
        labels = (part.given.get("label", ""),)
        region = Region(shape, labels, attributes=tuple(part.attributes), occluded=is_occluded)
        if self._shape is not None:
            parts = self._shape.parts
            self._shape.parts = parts if isinstance(parts, list) else []
            self._shape.parts.append(region)

    def _end_shape(self, shape: Shape) -> None:
        try:
            if self._track is not None:
                self._key_frame(shape)
            elif self._image is None:
                self._ledger.drop(shape.kind, "stands outside an image and a track", self._place())
            elif self._owner.is_video:
                region = self._region(shape, tuple(shape.attributes), None)
                draft = region, source_of(shape.given, self._ledger)
                self._videos.add_on_frame(self._image, draft, self._owner)
            else:
                self._put(shape)
        except (ValueError, KeyError) as error:
            if isinstance(error, InputError):
                raise
            self._ledger.drop(shape.kind, reason(error), self._place())

    def _put(self, shape: Shape) -> None:
        """Add a shape of an image to the annotation that its attributes tell."""
        key = (source_of(shape.given, self._ledger), tuple(shape.attributes) if shape.attributes else ())
        told = self._known.get(key)
        if told is None:
            told = tell(*key)
            if sum(len(value) for _, value in key[1]) < 1000:
                if len(self._known) > 10_000:
                    self._known.clear()
                self._known[key] = told
        group, rest, score, priority = told
        if priority is not None:
            if self._priority not in (None, priority):
                self._ledger.change("attribute", "'priority' differs within an image: the last stands")
            self._priority = priority
        region = self._region(shape, rest, score)
        if group in self._groups:
            self._groups[group].append(region)
        else:
            self._groups[group] = [region]

    def _region(self, shape: Shape, attributes: Attributes, score: float | None) -> Region:
        given, kind = shape.given, shape.kind
        labels = (given["label"],)
        read = PARTS.get(kind)
        if kind == "tag":
            group = int(given.get("group_id") or 0)
            return Region(Answer("choices", labels), (), None, score, "", attributes, group=group)
        made: Geometry | Skeleton = skeleton_of(shape.parts) if read is None else read(given)
        is_occluded, z_order = given.get("occluded") == "1", given.get("z_order", "0")
        # Most shapes, by the shortest way.
        if z_order == "0" and "group_id" not in given:
            return new(Region, (made, labels, None, score, "", attributes, (), 0, 0, is_occluded, None))
        group = int(given.get("group_id") or 0)
        return Region(made, labels, None, score, "", attributes, (), group, int(z_order), is_occluded)

    def _key_frame(self, shape: Shape) -> None:
        given = shape.given
        # A frame in between, which follows from the key frames around it; CVAT drops it as well.
        if given.get("keyframe", "1") != "1":
            return
        is_outside, is_occluded = given.get("outside") == "1", given.get("occluded") == "1"
        if shape.kind != "skeleton":
            made: Geometry | Skeleton = PARTS[shape.kind](given)
        elif shape.parts or not self._frames:
            made = skeleton_of(shape.parts)
        else:
            # All its points are outside: it has left the picture, and stays where it was last seen.
            made, is_outside = self._frames[-1].shape, True
        frame = frame_number(given["frame"])
        own, z_order = tuple(shape.attributes), int(given.get("z_order", "0"))
        self._frames.append(KeyFrame(frame, made, is_outside, is_occluded, own, z_order))

    def _end_track(self) -> None:
        given, self._track = self._track or {}, None
        try:
            head = self._head.of(given.get("task_id"))
            self._videos.add_track(given, self._frames, self._track_attributes, head)
        except (ValueError, KeyError) as error:
            if isinstance(error, InputError):
                raise
            self._ledger.drop("track", reason(error), self._place())

    def _end_image(self) -> None:
        given, self._image = self._image or {}, None
        width, height = whole(given.get("width")), whole(given.get("height"))
        if self._owner.is_video:
            if width and height:
                self._videos.task_of(self._owner, given).size = (width, height)
            return
        name = given.get("name", "")
        if not name:
            self._ledger.drop("item", "image without a name", self._place())
            return
        data = {"subset": given["subset"]} if given.get("subset") else {}
        if self._head.is_project and self._owner.name:
            data["task"] = self._owner.name
        found, place = joined(self._groups), f"image {name}"
        told = ("image", name, given.get("id"), width, height, data, found, self._priority, None, True, place)
        self._items.append(new(Item, told))

    def _read_meta(self, meta: Element) -> None:
        self._head = read_head(meta)
        for label in self._head.labels:
            if label.kind == "part":
                continue
            self._declared.labels.setdefault(label.name, label)


def read_cvat(
    file: Readable, name: str, ledger: Ledger, declared: Declared | None = None, video: str = ""
) -> Iterator[Item]:
    """Yield the images of a document as they come, then a video for each task that has tracks.

    `declared` takes the labels that the document declares; `video` is the name of the video where the
    document has none. Raises `InputError` for what is no CVAT XML; single shapes that are wrong are counted
    and left out.
    """
    parser = CvatParser(name, ledger, declared or Declared(), video)
    size = BLOCK
    while True:
        block = file.read(size)
        yield from parser.feed(block, not block)
        if not block:
            return
        # An element larger than a block is looked at from its start each time: twice as much keeps it linear.
        size = BLOCK if parser.waiting < size else min(size * 2, 1 << 24)
