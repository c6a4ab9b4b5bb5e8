"""Items written as Label Studio tasks, beside a labeling config that fits them."""

from __future__ import annotations

from typing import Any

from exporters.contract import Job
from exporters.files import beside
from exporters.json_stream import dump
from exporters.label_studio.make_config import make_config
from exporters.label_studio.options import LabelStudioOptions
from exporters.label_studio.schema import OBJECTS, Schema
from exporters.label_studio.write_shapes import MAKE, PICTURES
from exporters.options import Options
from exporters.records import Annotation, Answer, Item, Region, Relation, Skeleton, TextSpan, name_of, plain
from exporters.report import Ledger

Result = dict[str, Any]


class LabelStudioWriter:
    """Writes a JSON array of tasks that Label Studio imports."""

    def __init__(self, job: Job):
        self._path, self._outputs, self._options, self._ledger = (
            job.path,
            job.outputs,
            job.options,
            job.ledger,
        )
        self._file = job.outputs.open(job.path)
        self._schema = Schema(job.declared)
        self._count = 0

    def write(self, item: Item) -> None:
        """Append one task."""
        if item.kind not in OBJECTS:
            self._ledger.drop_item(item, "is of no known kind")
            return
        task = TaskMaker(item, self._schema, self._options, self._ledger).task()
        self._file.write((b",\n" if self._count else b"[\n") + dump(task))
        self._count += 1
        self._ledger.items += 1

    def finish(self) -> None:
        """End the array, and write the labeling config."""
        self._file.write(b"\n]\n" if self._count else b"[]\n")
        if self._options.sidecars:
            kind = self._options.of(LabelStudioOptions).label_config_type
            text = make_config(kind, self._options.labels) if kind else self._schema.text()
            target = beside(self._path, ".label-config.xml")
            self._outputs.open(target).write(text.encode("utf-8", "replace"))

    def close(self) -> None:
        """Nothing is held."""


class TaskMaker:
    """Makes the task of one item."""

    def __init__(self, item: Item, schema: Schema, options: Options, ledger: Ledger):
        self._item, self._schema, self._ledger = item, schema, ledger
        self._size = (item.width, item.height) if item.width and item.height else None
        if self._size is None and item.kind in ("image", "video"):
            self._size = options.size_of(item.media)
        self._number = 0

    def task(self) -> dict[str, Any]:
        """Return the task."""
        item = self._item
        self._schema.shows(item.kind)
        task: dict[str, Any] = {"data": self._data()}
        told = {"id": item.id, "priority": item.priority, "score": item.score}
        meta: dict[str, Any] = {key: value for key, value in told.items() if value is not None}
        annotations, annotators, predictions = [], [], []
        for annotation in item.annotations:
            if annotation.is_prediction:
                predictions.append(self._prediction(annotation))
            elif annotation.rejected:
                why = "rejected: Label Studio keeps no rejected ones"
                self._ledger.drop_annotation(annotation, why, item.place)
            else:
                annotations.append(self._annotation(annotation))
                annotators.append(annotation.annotator)
        # Label Studio refuses the import of an annotator that it does not know, so who it was stands in meta.
        if any(annotators):
            meta["annotators"] = annotators
        if meta:
            task["meta"] = meta
        return {**task, "annotations": annotations, "predictions": predictions}

    def _data(self) -> dict[str, Any]:
        """Return the task's data: what it shows under the name of its kind, and all else under its own."""
        item, data = self._item, dict(self._item.data)
        other = data.pop(item.kind, item.media)
        if other != item.media:
            # Such as the `text` in the meta of a Prodigy task: it is not the text that is shown.
            name, number = f"{item.kind}_2", 2
            while name in data:
                number += 1
                name = f"{item.kind}_{number}"
            data[name] = other
            self._ledger.change(
                "task data", f"{item.kind!r} renamed: what is shown has this name", item.place
            )
        return {**data, item.kind: item.media}

    def _annotation(self, annotation: Annotation) -> dict[str, Any]:
        made: dict[str, Any] = {"result": self._results(annotation)}
        if annotation.score is not None or annotation.model_version is not None:
            how = "score and model left out: in Label Studio predictions alone have them"
            self._ledger.change("annotation", how, self._item.place)
        if annotation.cancelled:
            made["was_cancelled"] = True
        if annotation.ground_truth:
            made["ground_truth"] = True
        return made

    def _prediction(self, annotation: Annotation) -> dict[str, Any]:
        made: dict[str, Any] = {"result": self._results(annotation)}
        if annotation.model_version is not None:
            made["model_version"] = annotation.model_version
        if annotation.score is not None:
            made["score"] = annotation.score
        if annotation.annotator is not None or annotation.ground_truth or annotation.cancelled:
            how = "annotator and ground truth left out: in Label Studio annotations alone have them"
            self._ledger.change("prediction", how, self._item.place)
        return made

    def _results(self, annotation: Annotation) -> list[Result]:
        results: list[Result] = []
        groups: dict[int, list[str]] = {}
        known: dict[str, str] = {}
        taken = {region.id for region in annotation.regions}
        for region in annotation.regions:
            key = region.id or self._new_id(taken)
            made = self._region(region._replace(id=key))
            results.extend(made)
            if made:
                # A skeleton is its points there: a link to it ends at the first of them.
                known[key] = made[0]["id"]
                if isinstance(region.shape, Answer):
                    self._leave_group(region)
                else:
                    groups.setdefault(region.group, []).append(key)
        links = [*annotation.relations, *self._of_groups(groups)]
        results.extend(self._relation(link, known) for link in links if self._has_ends(link, known))
        return results

    def _leave_group(self, tag: Region) -> None:
        if tag.group:
            how = "of a tag left out: relations are between regions"
            self._ledger.change("group", how, self._item.place)

    def _new_id(self, taken: set[str | None]) -> str:
        """Return an id that no region of the annotation has; ids go on through the whole task."""
        while True:
            self._number += 1
            if f"r{self._number}" not in taken:
                return f"r{self._number}"

    def _of_groups(self, groups: dict[int, list[str]]) -> list[Relation]:
        links = []
        for group, keys in groups.items():
            if group and len(keys) == 1:
                self._ledger.change("group", "has one region in its annotation: left out", self._item.place)
            elif group:
                # To the first one and not each to each: groups of hundreds would be tens of thousands of
                # relations.
                links += [Relation(keys[0], key, (), "bi") for key in keys[1:]]
                self._ledger.change("group", "as relations", self._item.place)
                self._ledger.handed["relation"] += len(keys) - 1
        return links

    def _has_ends(self, link: Relation, known: dict[str, str]) -> bool:
        if link.from_id in known and link.to_id in known:
            is_moved = known[link.from_id] != link.from_id or known[link.to_id] != link.to_id
            hows = ["with the first key point of a skeleton"] if is_moved else []
            self._ledger.settle("relation", hows, self._item.place)
            return True
        self._ledger.drop("relation", "an end of it is missing", self._item.place)
        return False

    def _relation(self, link: Relation, known: dict[str, str]) -> Result:
        ends = {"from_id": known[link.from_id], "to_id": known[link.to_id]}
        made = {"type": "relation", **ends, "direction": link.direction}
        return {**made, "labels": list(link.labels)} if link.labels else made

    def _region(self, region: Region) -> list[Result]:
        shape = region.shape
        if isinstance(shape, Answer):
            return self._answer(region, shape)
        if type(shape) in PICTURES and self._size is None:
            why = "the size of the picture is not known: give sizes or image_root"
            self._ledger.drop(name_of(shape), why, self._item.place)
            return []
        try:
            if isinstance(shape, Skeleton):
                return self._skeleton(region, shape)
            kind, values, how = MAKE[type(shape)](shape, *(self._size or (0, 0)))
        except ValueError as error:
            self._ledger.drop(name_of(shape), str(error), self._item.place)
            return []
        hows = [how] if how else []
        if region.z_order:
            hows.append("z_order left out")
        made = [self._result(region, kind, value, i) for i, value in enumerate(values)]
        made += self._about(region)
        self._ledger.settle(name_of(shape), hows, self._item.place)
        return made

    def _result(self, region: Region, kind: str, value: dict[str, Any], index: int = 0) -> Result:
        target = self._item.kind
        name = region.control if region.control.isidentifier() else ""
        name = self._schema.control(target, kind, region.labels, name)
        made: Result = {
            "id": region.id if not index else f"{region.id}-{index}",
            "from_name": name,
            "to_name": target,
            "type": kind,
            "value": {**value, "labels" if kind == "videorectangle" else kind: list(region.labels)},
        }
        # The region is the box's; its labels come from the <Labels> beside it.
        if kind == "videorectangle":
            made["from_name"] = f"{name}_box"
        if isinstance(region.shape, TextSpan):
            # The editor finds a region again by its text where offsets fail, and our reader tells units by
            # it.
            made["value"]["text"] = self._item.media[region.shape.start : region.shape.end]
        if self._size is not None and target in ("image", "video"):
            made |= {"original_width": self._size[0], "original_height": self._size[1], "image_rotation": 0}
        if region.score is not None:
            made["score"] = region.score
        if region.parent is not None:
            made["parentID"] = region.parent
        return made

    def _skeleton(self, region: Region, skeleton: Skeleton) -> list[Result]:
        made: list[Result] = []
        for part in skeleton.elements:
            element = part._replace(id=f"{region.id}-{len(made)}", parent=region.id, score=region.score)
            kind, values, _ = MAKE[type(part.shape)](part.shape, *(self._size or (0, 0)))
            made += [self._result(element, kind, value, i) for i, value in enumerate(values)]
        hows = ["as its key points, with one parent"]
        parts = skeleton.elements
        if region.attributes or any(part.attributes or part.occluded for part in (region, *parts)):
            hows.append("attributes and what is occluded left out")
        if region.z_order:
            hows.append("z_order left out")
        self._ledger.settle("skeleton", hows, self._item.place)
        return made

    def _about(self, region: Region) -> list[Result]:
        """Return what was said about a region: answers that share its id."""
        own = [self._schema.attribute(name, value) for name, value in region.attributes]
        own += [("textarea", "occluded", ("true",))] if region.occluded else []
        own += [(caption.kind, caption.name, caption.values) for caption in region.captions]
        return [self._said(region, kind, name, values, True) for kind, name, values in own]

    def _answer(self, region: Region, answer: Answer) -> list[Result]:
        values = answer.values
        hows = ["attributes of a tag left out"] if region.attributes else []
        hows += ["what was said about the answer left out"] if region.captions else []
        once = {plain(value): value for value in values}
        if answer.kind == "choices" and len(once) < len(values):
            values = tuple(once.values())
            hows.append("chosen twice: kept once")
        self._ledger.settle(answer.kind, hows, self._item.place)
        return [self._said(region, answer.kind, region.control, values, False)]

    def _said(
        self, region: Region, kind: str, name: str, values: tuple[Any, ...], per_region: bool
    ) -> Result:
        offered = tuple(map(str, values)) if kind == "choices" else ()
        control = self._schema.control(self._item.kind, kind, offered, name, per_region)
        made = {
            "id": region.id,
            "from_name": control,
            "to_name": self._item.kind,
            "type": kind,
            "value": _value(kind, values),
        }
        return {**made, "score": region.score} if region.score is not None else made


def _value(kind: str, values: tuple[Any, ...]) -> dict[str, Any]:
    if kind == "textarea":
        return {"text": [str(value) for value in values]}
    if kind == "pairwise":
        return {"selected": values[0]}
    # A ranking is one object: from its buckets to what lies in them.
    if kind == "ranker" and len(values) == 1 and isinstance(values[0], dict):
        return {kind: values[0]}
    if kind in ("choices", "taxonomy", "ranker"):
        return {kind: [list(value) if isinstance(value, tuple) else value for value in values]}
    return {kind: values[0] if values else None}
