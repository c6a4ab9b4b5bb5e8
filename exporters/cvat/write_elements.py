"""Annotations as CVAT's elements: shapes, skeletons and tags with their attributes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from exporters.contract import Job
from exporters.cvat.clamp import clamped
from exporters.cvat.groups import group_numbers, skeletons
from exporters.cvat.labels import LONGEST_NAME, UNNAMED, Labels, shortened
from exporters.cvat.options import CvatOptions
from exporters.cvat.read_annotations import CONTROL
from exporters.cvat.write_shapes import DRAW
from exporters.questions import are_mixed
from exporters.records import Annotation, Answer, Box, Caption, Item, Region, Skeleton, name_of, plain
from exporters.xml_text import escape, has_illegal

NO_LABEL = f"had no label: labeled {UNNAMED!r}"
SHAPE_PER_LABEL = "several labels: one shape for each"
OF_SEVERAL = "which of several controls it answers left out"
Attributes = tuple[tuple[str, str], ...]
# Most shapes are upright boxes: one template for all of such a row.
_BOX_ROW = '    <box%s occluded="0" xtl="%.2f" ytl="%.2f" xbr="%.2f" ybr="%.2f" z_order="0">%s</box>\n'


class Provenance:
    """What all regions of one annotation share: where they come from, and the attributes of each."""

    __slots__ = ("attributes", "mixed", "regions", "source", "text")

    def __init__(self, annotation: Annotation, item: Item):
        self.regions = annotation.regions
        # Looked up when there is a first tag, and once for all of them.
        self.mixed: bool | None = None
        self.source = "auto" if annotation.is_prediction else "manual"
        found = []
        if annotation.annotator is not None:
            found.append(("annotator", annotation.annotator))
        if annotation.ground_truth:
            found.append(("ground_truth", "true"))
        if annotation.model_version is not None:
            found.append(("model_version", str(annotation.model_version)))
        if annotation.score is not None:
            found.append(("annotation_score", number(annotation.score)))
        if item.priority is not None:
            found.append(("priority", number(item.priority)))
        self.attributes: Attributes = tuple(found)
        self.text = attributes_text(self.attributes)


def why_left_out(annotation: Annotation) -> str:
    """Return why CVAT has no place for an annotation; empty when it has."""
    if annotation.cancelled:
        return "skipped by the annotator"
    return "rejected: CVAT keeps no rejected ones" if annotation.rejected else ""


def attributes_text(attributes: Iterable[tuple[str, str]]) -> str:
    """Return the `<attribute>` elements."""
    return "".join(
        [f'<attribute name="{escape(name)}">{escape(value)}</attribute>' for name, value in attributes]
    )


def number(value: float) -> str:
    """Return a score as text."""
    # Short where that says the same, since it is repeated with every shape.
    text = f"{value:.6g}"
    return text if float(text) == value else repr(float(value))


class Elements:
    """Writes the elements of annotations and counts them."""

    def __init__(self, labels: Labels, job: Job):
        self.labels, self.ledger = labels, job.ledger
        self._clamp = job.options.of(CvatOptions).clamp
        self._openings: dict[tuple[Any, ...], tuple[dict[str, str], str]] = {}
        self._next_group = 1

    def is_left_out(self, annotation: Annotation, item: Item) -> bool:
        """Return whether CVAT has no place for the annotation as a whole; count it so."""
        why = why_left_out(annotation)
        if why:
            self.ledger.drop_annotation(annotation, why, item.place)
        return bool(why)

    def of_image(self, annotation: Annotation, item: Item) -> list[str]:
        """Return the rows of one annotation of an image."""
        origin: Provenance | None = None
        regions = self.prepared(annotation, item)
        rows: list[str] = []
        _, _, is_model, _, annotator, version, score, _, is_truth, *_ = annotation
        if score is None and version is None and item.priority is None:
            said: tuple[Any, ...] = (is_model, is_truth, annotator)
        else:
            origin = Provenance(annotation, item)
            said = (is_model, origin.attributes)
        known = self._openings.get(said)
        if known is None:
            origin = origin or Provenance(annotation, item)
            known = self._known(said, origin)
        openings, tail = known
        clamp, boxes = self._clamp, 0
        for region in regions:
            shape, labels, _, score, _, attributes, captions, group, z_order, occluded, parent = region
            if (
                type(shape) is Box
                and score is None
                and len(labels) == 1
                and not (
                    shape[4] or attributes or captions or group or z_order or occluded or parent or clamp
                )
            ):
                opening = openings.get(labels[0])
                if opening is None:
                    origin = origin or Provenance(annotation, item)
                    opening = openings[labels[0]] = self._plain_opening(labels[0], origin)
                if opening:
                    left, top, width, height, _ = shape
                    rows.append(_BOX_ROW % (opening, left, top, left + width, top + height, tail))
                    boxes += 1
                    continue
            origin = origin or Provenance(annotation, item)
            rows.extend(self._any(region, origin, item))
        if boxes:
            self.ledger.carried["box"] += boxes
        return rows

    def _known(self, said: tuple[Any, ...], origin: Provenance) -> tuple[dict[str, str], str]:
        """Return (what a shape of each label begins with, its attributes) where annotations say this."""
        if len(self._openings) > 1000:  # it can differ in each task
            self._openings.clear()
        known = self._openings[said] = ({}, origin.text)
        return known

    def _plain_opening(self, label: str, origin: Provenance) -> str:
        """Return what a shape of this label begins with; empty when the label had to be changed."""
        opening, renamed = self.opening(label, origin.source, origin.attributes)
        return "" if renamed else opening

    def prepared(self, annotation: Annotation, item: Item) -> Sequence[Region]:
        """Return the regions with key points put together and relations told by groups."""
        regions: Sequence[Region] = annotation.regions
        if annotation.relations:
            regions, linked, lost = group_numbers(regions, annotation.relations, self._next_group)
            # Numbers go on through the document: CVAT's groups hold for the whole job.
            self._next_group += len(annotation.relations)
            if linked:
                how = "as a group: direction and labels left out"
                self.ledger.change("relation", how, item.place, linked)
            if lost:
                self.ledger.drop("relation", "an end of it is missing", item.place, lost)
        if [region for region in regions if region[10]]:  # a list: a generator would cost more than it saves
            apart, regions = len(regions), skeletons(regions)
            self.ledger.covered("region", apart - len(regions))
        return regions

    def opening(self, label: str, source: str, attributes: Attributes) -> tuple[str, str]:
        """Return (label and source as attributes, how the label was changed); declare the attributes."""
        name, how = self.labels.name(label)
        for attribute, _ in attributes:
            self.labels.has(name, attribute)
        return f' label="{escape(name)}" source="{source}"', how

    def _any(self, region: Region, origin: Provenance, item: Item) -> list[str]:
        shape = region.shape
        if type(shape) is Answer:
            return self._tags(region, shape, origin, item)
        if type(shape) is Skeleton:
            return self._skeleton(region, shape, origin, item)
        draw = DRAW.get(type(shape))
        if draw is None:
            self.ledger.drop(name_of(shape), "CVAT images have no such shape", item.place)
            return []
        hows = []
        if self._clamp and item.width and item.height:
            cut = clamped(shape, item.width, item.height)
            if cut is None:
                self.ledger.drop(name_of(shape), "lies outside the picture", item.place)
                return []
            if cut != shape:
                shape, hows = cut, ["cut to the picture"]
        element, geometry = draw(shape)
        ending = f' z_order="{region.z_order}"' + (f' group_id="{region.group}"' if region.group else "")
        body = f' occluded="{region.occluded:d}"{geometry}{ending}>'
        return self._per_label(element, body, region, origin, item, hows)

    def _per_label(
        self, element: str, body: str, region: Region, origin: Provenance, item: Item, hows: list[str]
    ) -> list[str]:
        labels = region.labels
        if len(labels) != 1:
            hows.append(SHAPE_PER_LABEL if labels else NO_LABEL)
        own = self.own_attributes(region, origin)
        hows.extend(faults(own))
        hows.extend(self.left_out(region, origin))
        rows = []
        for label in labels or (UNNAMED,):
            opening, renamed = self.opening(label, origin.source, own)
            hows += [renamed] if renamed else []
            rows.append(f"    <{element}{opening}{body}{attributes_text(own)}</{element}>\n")
        self.ledger.settle(name_of(region.shape), dict.fromkeys(hows), item.place)
        return rows

    def own_attributes(self, region: Region, origin: Provenance) -> Attributes:
        """Return all attributes of one region; of two with one name the first stands."""
        told = self._told(region, origin)
        # A dict keeps the last of one name: reversed, that is the first, and the order is turned back.
        return tuple({name: (name, value) for name, value in reversed(told)}.values())[::-1]

    def _told(self, region: Region, origin: Provenance) -> Attributes:
        # CVAT's XML has no place for a score: an attribute that the label declares is kept, any other is
        # dropped.
        own = () if region.score is None else (("score", number(region.score)),)
        said = (*region.attributes, *caption_attributes(region.captions))
        return (*own, *origin.attributes, *[(shortened(name), value) for name, value in said])

    def left_out(self, region: Region, origin: Provenance) -> list[str]:
        """Return how what is said of a region differs from what `own_attributes` tells of it."""
        hows = [] if region.parent is None else ["its parent left out"]
        if not (region.attributes or region.captions):
            return hows
        values: dict[str, str] = {}
        if [1 for name, value in self._told(region, origin) if values.setdefault(name, value) != value]:
            hows.append("of two attributes of one name the first stands")
        names = [name for name, _ in (*region.attributes, *caption_attributes(region.captions))]
        if max(map(len, names)) > LONGEST_NAME:
            hows.append(f"name of an attribute cut to {LONGEST_NAME} characters")
        return hows

    def _skeleton(self, region: Region, skeleton: Skeleton, origin: Provenance, item: Item) -> list[str]:
        label = region.labels[0] if region.labels else UNNAMED
        own = self.own_attributes(region, origin)
        opening, renamed = self.opening(label, origin.source, own)
        body = self.skeleton_parts(label, skeleton, origin.source)
        hows = [
            renamed,
            *faults(own),
            *self.left_out(region, origin),
            *self.part_faults(label, skeleton),
        ]
        self.ledger.settle("skeleton", dict.fromkeys(how for how in hows if how), item.place)
        more = ' occluded="1"' if region.occluded else ""
        more += f' group_id="{region.group}"' if region.group else ""
        head = f'    <skeleton{opening}{more} z_order="{region.z_order}">{attributes_text(own)}\n'
        return [f"{head}{body}    </skeleton>\n"]

    def part_faults(self, label: str, skeleton: Skeleton) -> list[str]:
        """Return how the elements of a skeleton differ from what they are in the document."""
        name, parts = self.labels.name(label)[0], skeleton.elements
        hows = [self.labels.part_name(name, part.labels[0] if part.labels else UNNAMED)[1] for part in parts]
        hows += faults(pair for part in parts for pair in part.attributes)
        if len({part.score for part in parts}) > 1:
            hows.append("one score for all: the lowest of its points")
        return [how for how in hows if how]

    def skeleton_parts(self, label: str, skeleton: Skeleton, source: str, ending: str = "") -> str:
        """Return the elements of a skeleton; its label learns of them."""
        name, _ = self.labels.name(label)
        rows = []
        for part in skeleton.elements:
            part_label, _ = self.labels.part_name(name, part.labels[0] if part.labels else UNNAMED)
            self.labels.part(name, part_label, [attribute for attribute, _ in part.attributes])
            element, geometry = DRAW[type(part.shape)](part.shape)
            rows.append(
                f'      <{element} label="{escape(part_label)}" source="{source}"{ending} outside="0" '
                f'occluded="{part.occluded:d}"{geometry}>{attributes_text(part.attributes)}</{element}>\n'
            )
        return "".join(rows)

    def _tags(self, region: Region, answer: Answer, origin: Provenance, item: Item) -> list[str]:
        hows = self.left_out(region, origin)
        if answer.kind == "choices" and self._is_mixed(origin) and not self._asked(region, origin):
            hows.append(OF_SEVERAL)
        group = f' group_id="{region.group}"' if region.group else ""
        rows = []
        for label, own in self.tag_labels(region, answer, origin):
            hows.extend(faults(own))
            opening, renamed = self.opening(label, origin.source, own)
            hows += [renamed] if renamed else []
            rows.append(f"    <tag{opening}{group}>{attributes_text(own)}</tag>\n")
        self.ledger.settle(answer.kind, dict.fromkeys(hows), item.place)
        return rows

    def _is_mixed(self, origin: Provenance) -> bool:
        if origin.mixed is None:
            origin.mixed = are_mixed(origin.regions)
        return origin.mixed

    def _asked(self, region: Region, origin: Provenance) -> Attributes:
        """Return the attribute that tells which control a tag answers; empty where another has its name."""
        is_taken = any(name == CONTROL for name, _ in self.own_attributes(region, origin))
        return () if is_taken or not region.control else ((CONTROL, region.control),)

    def tag_labels(self, region: Region, answer: Answer, origin: Provenance) -> list[tuple[str, Attributes]]:
        """Return the tags that tell an answer: (label, attributes) for each."""
        own = self.own_attributes(region, origin)
        if answer.kind == "choices" and self._is_mixed(origin):
            own = (*own, *self._asked(region, origin))
        if answer.kind in ("choices", "pairwise"):
            return [(plain(value), own) for value in answer.values]
        if answer.kind == "taxonomy":
            return [(plain(path), own) for path in answer.values]
        said = (answer.kind, "\n".join(map(plain, answer.values)))
        return [(region.control or answer.kind, (*own, said))]


def faults(attributes: Iterable[tuple[str, str]]) -> list[str]:
    """Return what escaping will change in the attributes."""
    is_bad = any(has_illegal(value) or has_illegal(name) for name, value in attributes)
    return ["attribute had characters that XML cannot hold"] if is_bad else []


def caption_attributes(captions: tuple[Caption, ...]) -> Attributes:
    """Return what was answered about a region as attributes."""
    return tuple((caption.name, "\n".join(map(plain, caption.values))) for caption in captions)
