"""Frozen records between the formats: what an annotation says, whichever tool wrote it.

Coordinates are pixels of the upright image, origin at the top left corner, y downwards. Angles are degrees
clockwise about the center of the shape. Text offsets count code points, the end excluded. Times are seconds.

They are named tuples, because a million tasks pass through here: making one takes a third of the time of a
frozen dataclass.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Point = tuple[float, float]
# `new(Box, (...))` takes half the time of `Box(...)`, and wants every field: for where millions are made.
new = tuple.__new__
# No coordinate in pixels, nor time in seconds, lies beyond; what claims so is not finite in another unit.
FARTHEST = 1e9
# Of a mask, or of a picture whose masks are read or written.
LARGEST_IMAGE = 1 << 28


class Box(NamedTuple):
    """An upright rectangle, then turned about its center by `rotation`, 0 to 360."""

    left: float
    top: float
    width: float
    height: float
    rotation: float = 0.0


class Polygon(NamedTuple):
    """A closed outline."""

    points: tuple[Point, ...]


class Polyline(NamedTuple):
    """An open line."""

    points: tuple[Point, ...]


class Points(NamedTuple):
    """One or more key points of one object."""

    points: tuple[Point, ...]


class Ellipse(NamedTuple):
    """An ellipse about its center."""

    x: float
    y: float
    radius_x: float
    radius_y: float
    rotation: float = 0.0


# Runs and no array: masks are as small here as in the files, whatever size their picture claims.
class Mask(NamedTuple):
    """Pixels in a tight rectangle: lengths of alternating runs, row by row, the first of unset ones."""

    left: int
    top: int
    width: int
    height: int
    runs: tuple[int, ...]


class Cuboid(NamedTuple):
    """A box in perspective: its eight corners, front face first."""

    corners: tuple[Point, ...]


# Elements are regions and no points: each has a label, and can be hidden or have attributes of its own.
class Skeleton(NamedTuple):
    """Named key points that belong together; each element is a region with one label."""

    elements: tuple[Region, ...]


class KeyFrame(NamedTuple):
    """The state of a track from this frame (counted from 0) on; `outside` means not in the picture."""

    frame: int
    shape: Geometry | Skeleton
    outside: bool = False
    occluded: bool = False
    attributes: tuple[tuple[str, str], ...] = ()
    z_order: int = 0


class Track(NamedTuple):
    """One object through a video."""

    frames: tuple[KeyFrame, ...]
    length: int | None = None


class FrameRange(NamedTuple):
    """A stretch of video frames, counted from 0, both ends included."""

    start: int
    end: int


class TextSpan(NamedTuple):
    """`text[start:end]`, in code points."""

    start: int
    end: int


class AudioSpan(NamedTuple):
    """A stretch of sound in seconds; `channel` is None when it holds for all."""

    start: float
    end: float
    channel: int | None = None


class SeriesSpan(NamedTuple):
    """A stretch of a time series, in the units of its own time axis."""

    start: float | str
    end: float | str


class Answer(NamedTuple):
    """An answer about the whole item: choices, taxonomy, rating, number, textarea and so on."""

    kind: str
    values: tuple[Any, ...]


# Not a region: it shares the life of the one that it is about, and no count may see it twice.
class Caption(NamedTuple):
    """What one annotator answered about one region: kept beside it."""

    kind: str
    name: str
    values: tuple[Any, ...]


Geometry = Box | Polygon | Polyline | Points | Ellipse | Mask | Cuboid
Shape = Geometry | Skeleton | Track | FrameRange | TextSpan | AudioSpan | SeriesSpan | Answer


class Region(NamedTuple):
    """A shape with its labels. `control` is the name of the Label Studio control that made it."""

    shape: Shape
    labels: tuple[str, ...] = ()
    id: str | None = None
    score: float | None = None
    control: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    captions: tuple[Caption, ...] = ()
    group: int = 0
    z_order: int = 0
    occluded: bool = False
    parent: str | None = None


class Relation(NamedTuple):
    """A directed link between two regions of one annotation."""

    from_id: str
    to_id: str
    labels: tuple[str, ...] = ()
    direction: str = "right"


class Annotation(NamedTuple):
    """What one annotator, or one model, said about one item.

    `is_empty` when it says that there is nothing: not on this page of a task alone, but on all of it.
    """

    regions: tuple[Region, ...] = ()
    relations: tuple[Relation, ...] = ()
    is_prediction: bool = False
    id: int | str | None = None
    annotator: str | None = None
    model_version: str | None = None
    score: float | None = None
    cancelled: bool = False
    ground_truth: bool = False
    rejected: bool = False
    is_empty: bool = False


class Item(NamedTuple):
    """One thing to annotate: an image, a video, a text, a sound.

    `kind` is image, video, text, audio, series or other; `media` the text itself, or where the file lies;
    `data` what else the task said about it. `primary` is False for further objects of a task that shows
    several.
    """

    kind: str
    media: str
    id: int | str | None = None
    width: int | None = None
    height: int | None = None
    data: Mapping[str, Any] = {}
    annotations: tuple[Annotation, ...] = ()
    priority: float | None = None
    score: float | None = None
    primary: bool = True
    place: str = ""


NAMES: dict[type, str] = {
    Box: "box",
    Polygon: "polygon",
    Polyline: "polyline",
    Points: "keypoints",
    Ellipse: "ellipse",
    Mask: "mask",
    Cuboid: "cuboid",
    Skeleton: "skeleton",
    Track: "track",
    FrameRange: "frame range",
    TextSpan: "text span",
    AudioSpan: "audio region",
    SeriesSpan: "time series region",
}


def name_of(shape: Shape) -> str:
    """Return the kind of a shape as the report names it."""
    return shape.kind if isinstance(shape, Answer) else NAMES[type(shape)]


def plain(value: object) -> str:
    """Return an answer as text; a path in a tree of choices with slashes."""
    return " / ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
