"""Annotations as CVAT's server tells them (`/api/jobs/N/annotations`), read into records, frame by frame.

The server's JSON has what CVAT XML has, in other words: corners, points and masks are lists of numbers,
labels and attributes are ids. Nothing of cvat-sdk is needed here: it gives the same as plain dictionaries.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from exporters.cvat.read_annotations import annotations_of
from exporters.cvat.read_shapes import PARTS, reason
from exporters.cvat.write_shapes import CORNERS
from exporters.records import Annotation, Answer, Geometry, Region, Relation, Track
from exporters.report import Ledger

Json = Mapping[str, Any]
MANUAL = "manual"


class Label(NamedTuple):
    """A label as the server knows it: what it is called here, and its attributes by their ids."""

    name: str
    attributes: Mapping[int, str] = {}


class FrameReader:
    """Sorts what a job's annotators said by frames.

    Parameters
    ----------
    labels : the project's labels, by their ids
    unset : values that attributes have when nobody chose one
    """

    def __init__(self, labels: Mapping[int, Label], unset: Iterable[str] = ("",)):
        self._labels, self._unset = labels, frozenset(unset)

    def read(self, said: Json) -> dict[int, tuple[Annotation, Ledger]]:
        """Return the annotation of each frame on which there is one, with what of it could not be read.

        Who or what drew a shape does not matter: somebody has finished the job, and so vouches for it.
        """
        drafts: dict[int, list[tuple[Region, str]]] = defaultdict(list)
        ledgers: dict[int, Ledger] = defaultdict(Ledger)
        for part, read in (("shapes", self._shape), ("tags", self._tag), ("tracks", self._track)):
            for each in said.get(part) or ():
                frame = int(each["frame"])
                try:
                    drafts[frame].append((read(each), MANUAL))
                    if part == "tags" and each.get("group"):
                        ledgers[frame].change("group", "of a tag left out: relations are between regions")
                except (KeyError, ValueError, TypeError, IndexError) as error:
                    kind = str(each.get("type", part.removesuffix("s")))
                    ledgers[frame].drop(_KINDS.get(kind, kind), reason(error))
        return {
            frame: (_annotation(drafts[frame], ledgers[frame]), ledgers[frame])
            for frame in sorted({*drafts, *ledgers})
        }

    def _shape(self, shape: Json) -> Region:
        if shape.get("outside"):
            raise ValueError("is outside of the picture")
        label = self._label(shape)
        return Region(
            _geometry(shape),
            (label.name,),
            attributes=self._attributes(shape, label),
            group=int(shape.get("group") or 0),
            z_order=int(shape.get("z_order") or 0),
            occluded=bool(shape.get("occluded")),
        )

    def _tag(self, tag: Json) -> Region:
        label = self._label(tag)
        return Region(Answer("choices", (label.name,)), attributes=self._attributes(tag, label))

    def _track(self, track: Json) -> Region:
        return Region(Track(()), (self._label(track).name,))

    def _label(self, said: Json) -> Label:
        found = self._labels.get(int(said["label_id"]))
        if found is None:
            raise ValueError("its label is not among those of the project")
        return found

    def _attributes(self, said: Json, label: Label) -> tuple[tuple[str, str], ...]:
        pairs = (
            (label.attributes.get(int(a["spec_id"])), str(a["value"])) for a in said.get("attributes") or ()
        )
        return tuple((name, value) for name, value in pairs if name is not None and value not in self._unset)


def _annotation(drafts: list[tuple[Region, str]], ledger: Ledger) -> Annotation:
    """Return one annotation, its groups as relations."""
    numbered = [(region._replace(id=str(i)), source) for i, (region, source) in enumerate(drafts)]
    found, _ = annotations_of(numbered)
    regions = tuple(region for annotation in found for region in annotation.regions)
    links: list[Relation] = []
    groups: dict[int, list[str]] = defaultdict(list)
    for region in regions:
        if region.group:
            groups[region.group].append(region.id or "")
    for first, *rest in groups.values():
        links += [Relation(first, other, (), "bi") for other in rest]
        ledger.change("group", "as relations" if rest else "has one region in its annotation: left out")
    return Annotation(regions, tuple(links))


def _geometry(shape: Json) -> Geometry:
    kind, numbers = str(shape["type"]), list(shape.get("points") or ())
    if kind not in _GIVEN:
        raise ValueError("a task of one picture has no place for it in Label Studio")
    element, given = _GIVEN[kind](numbers)
    if shape.get("rotation"):
        given["rotation"] = shape["rotation"]
    return PARTS[element](given)


Given = tuple[str, dict[str, Any]]


def _box(numbers: list[float]) -> Given:
    left, top, right, bottom = numbers
    return "box", {"xtl": left, "ytl": top, "xbr": right, "ybr": bottom}


def _ellipse(numbers: list[float]) -> Given:
    # The second point is where the bounding box has its right upper corner.
    x, y, right, top = numbers
    return "ellipse", {"cx": x, "cy": y, "rx": right - x, "ry": y - top}


def _mask(numbers: list[float]) -> Given:
    left, top, right, bottom = (int(number) for number in numbers[-4:])
    runs = ",".join(str(int(number)) for number in numbers[:-4])
    return "mask", {
        "left": left,
        "top": top,
        "width": right - left + 1,
        "height": bottom - top + 1,
        "rle": runs,
    }


def _cuboid(numbers: list[float]) -> Given:
    names = [f"{axis}{corner}" for corner in CORNERS for axis in "xy"]
    return "cuboid", dict(zip(names, numbers, strict=True))


def _line(element: str) -> Callable[[list[float]], Given]:
    def given(numbers: list[float]) -> Given:
        pairs = zip(numbers[::2], numbers[1::2], strict=True)
        return element, {"points": ";".join(f"{x!r},{y!r}" for x, y in pairs)}

    return given


_GIVEN: dict[str, Callable[[list[float]], Given]] = {
    "rectangle": _box,
    "ellipse": _ellipse,
    "mask": _mask,
    "cuboid": _cuboid,
    "polygon": _line("polygon"),
    "polyline": _line("polyline"),
    "points": _line("points"),
}
# What the account calls them.
_KINDS = {"rectangle": "box", "points": "keypoints", "tag": "choices"}
