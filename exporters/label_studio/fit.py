"""What an annotation made elsewhere becomes in a project whose labeling config stands already.

The writer of this format makes a config that fits what it writes. Here the config is given: each region goes
to the control that takes its shape and offers its label, and what has no such control is told, never forced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import Any, NamedTuple

from exporters.label_studio.labeling_config import ControlTag, LabelingConfig
from exporters.label_studio.write_shapes import MAKE, PICTURES
from exporters.records import (
    Annotation,
    Answer,
    Item,
    Region,
    Relation,
    TextSpan,
    Track,
    name_of,
    plain,
)
from exporters.report import Ledger

Result = dict[str, Any]
CARRIED, CHANGED, DROPPED = "carried", "changed", "dropped"


class Note(NamedTuple):
    """What became of one thing: a verb of the account, what it was, and how or why."""

    verb: str
    kind: str
    text: str = ""


class Page(NamedTuple):
    """Which object of the task an item is: its name in the config, and its place in a `valueList`."""

    to_name: str = ""
    place: int | None = None


ONLY = Page()


class Draft:
    """Collects the results of one annotation, which may be about several pages of a task.

    Attributes
    ----------
    results : list of dict
        What Label Studio is to hold; ids count up in the order of the regions, so that the same annotation
        always has the same results.
    notes : list of Note
        One for each region and relation that was added, and remarks on what was left out beside them.
    """

    def __init__(self, config: LabelingConfig):
        self._config, self._count = config, 0
        self.results: list[Result] = []
        self.notes: list[Note] = []

    def add(self, annotation: Annotation, item: Item, page: Page = ONLY) -> None:
        """Add what an annotation says about one page."""
        known: dict[str, str] = {}
        for number, region in enumerate(annotation.regions):
            begins = len(self.results)
            self._region(region, item, page)
            # A link may only end at what arrived; regions without an id are known by their position.
            if len(self.results) > begins:
                known[region.id or f"#{number}"] = self.results[begins]["id"]
        for link in annotation.relations:
            self._relation(link, known)

    def unread(self, ledger: Ledger) -> None:
        """Note what a reader could not read of the annotation, as it says in its ledger."""
        for verb, counts in ((CHANGED, ledger.changed), (DROPPED, ledger.dropped)):
            self.notes += [Note(verb, kind, text) for (kind, text), n in counts.items() for _ in range(n)]

    def _region(self, region: Region, item: Item, page: Page) -> None:
        shape = region.shape
        if isinstance(shape, Answer):
            self._answer(region, shape, item, page)
            return
        kind = name_of(shape)
        # A track belongs to a video as a whole, and jobs come back frame by frame.
        make = None if isinstance(shape, Track) else MAKE.get(type(shape))
        if make is None:
            self._drop(kind, "a task of one picture has no place for it in Label Studio")
            return
        width, height = item.width or 0, item.height or 0
        if type(shape) in PICTURES and not (width and height):
            self._drop(kind, "the size of the picture is not known")
            return
        try:
            control_kind, values, how = make(shape, width, height)
        except ValueError as error:
            self._drop(kind, str(error))
            return
        found = self._control(control_kind, region, item, page)
        if isinstance(found, str):
            self._drop(kind, found)
            return
        self._place(region, item, page, found, values, [how] if how else [])

    def _place(
        self,
        region: Region,
        item: Item,
        page: Page,
        control: ControlTag,
        values: list[dict[str, Any]],
        hows: list[str],
    ) -> None:
        """Append the results of a region: its shape, and what was said about it."""
        kind = control.tag.lower()
        key = self._new_id()
        for index, value in enumerate(values):
            # Label Studio's editor finds a region again by its text where offsets fail.
            if isinstance(region.shape, TextSpan):
                value = {**value, "text": item.media[region.shape.start : region.shape.end]}
            made = self._result(key if not index else f"{key}-{index}", control, page, item)
            made["value"] = {**value, kind: list(region.labels)}
            if region.score is not None:
                made["score"] = region.score
            self.results.append(made)
        hows += self._about(region, key, item, page)
        self._settle(name_of(region.shape), hows)

    def _result(self, key: str, control: ControlTag, page: Page, item: Item) -> Result:
        made: Result = {
            "id": key,
            "from_name": control.name,
            "to_name": page.to_name or control.to_name,
            "type": control.tag.lower(),
        }
        if item.width and item.height:
            made |= {"original_width": item.width, "original_height": item.height, "image_rotation": 0}
        if page.place is not None:
            made["item_index"] = page.place
        return made

    def _control(self, kind: str, region: Region, item: Item, page: Page) -> ControlTag | str:
        """Return the control for a region, or why there is none."""
        if not region.labels:
            return "has no label"
        fitting = [c for c in self._of_kind(kind, page, False) if _shows(c, item.kind)]
        named = ", ".join(repr(label[:40]) for label in region.labels)
        if not fitting:
            return f"the labeling config has no control of the type {kind} for it ({named}): add one"
        chosen = [c for c in fitting if all(_offers(c, label) for label in region.labels)]
        if not chosen:
            return f"label {named} is not in the labeling config: add it to {fitting[0].name!r}"
        # Two controls can offer one label: the name that the region came with decides.
        return next((c for c in chosen if c.name == region.control), chosen[0])

    def _of_kind(self, kind: str, page: Page, per_region: bool) -> Iterator[ControlTag]:
        for control in self._config.controls:
            is_there = not page.to_name or page.to_name in control.to_names
            if control.tag.lower() == kind and control.per_region == per_region and is_there:
                yield control

    def _about(self, region: Region, key: str, item: Item, page: Page) -> list[str]:
        """Append the answers about a region, which share its id; return what was left out."""
        said = [(caption.kind, caption.name, caption.values) for caption in region.captions]
        said += [("", name, (value,)) for name, value in region.attributes]
        said += [("", "occluded", ("true",))] if region.occluded else []
        lost = []
        for kind, name, values in said:
            control = next((c for c in self._config.controls if c.name == name and c.per_region), None)
            value = (
                None if control is None or kind not in ("", control.tag.lower()) else _said(control, values)
            )
            if control is None or value is None:
                lost.append(f"{name[:40]!r} left out: no control about regions takes it")
                continue
            self.results.append({**self._result(key, control, page, item), "value": value})
        return lost + (["z_order left out"] if region.z_order else [])

    def _answer(self, region: Region, answer: Answer, item: Item, page: Page) -> None:
        controls = list(self._of_kind(answer.kind, page, False)) or list(
            self._of_kind(answer.kind, ONLY, False)
        )
        # The control of the name that the answer goes by, if there is one, is asked first.
        controls.sort(key=lambda control: control.name != region.control)
        if not controls:
            self._drop(answer.kind, f"the labeling config has no control of the type {answer.kind}: add one")
        elif answer.kind == "choices":
            self._choices(controls, answer, item, page)
        elif len(controls) > 1 and controls[0].name != region.control:
            self._drop(answer.kind, "which control it answers cannot be told: name it as in the config")
        else:
            value = _said(controls[0], answer.values)
            if value is None:
                self._drop(answer.kind, f"{controls[0].name!r} does not take it")
                return
            made = self._result(self._new_id(), controls[0], page, item)
            self.results.append({**made, "value": value})
            self._settle(answer.kind, ["attributes left out"] if region.attributes else [])

    def _choices(self, controls: list[ControlTag], answer: Answer, item: Item, page: Page) -> None:
        """Append the choices, each under the first control that offers it."""
        chosen: dict[str, list[str]] = {}
        lost: list[str] = []
        for value in map(plain, answer.values):
            home = next((c.name for c in controls if _offers(c, value)), None)
            if home is None:
                lost.append(
                    f"choice {value[:40]!r} is not in the labeling config: add it to {controls[0].name!r}"
                )
            else:
                chosen.setdefault(home, []).append(value)
        begins = len(self.results)
        # In the config's order, whatever the order of the choices: the same answer has the same results.
        for control in controls:
            values = list(dict.fromkeys(chosen.get(control.name, ())))
            # None of them is the right one to keep.
            if len(values) > 1 and control.is_single:
                lost.append(f"{len(values)} choices where {control.name!r} takes one")
            elif values:
                made = self._result(self._new_id(), control, page, item)
                self.results.append({**made, "value": {"choices": values}})
        if len(self.results) > begins:
            self._settle("choices", lost)
        else:
            self._drop("choices", "; ".join(lost) or "nothing was chosen")

    def _relation(self, link: Relation, known: Mapping[str, str]) -> None:
        if link.from_id not in known or link.to_id not in known:
            self._drop("relation", "an end of it is missing")
            return
        made: Result = {"from_id": known[link.from_id], "to_id": known[link.to_id], "type": "relation"}
        made["direction"] = link.direction
        self.results.append({**made, "labels": list(link.labels)} if link.labels else made)
        self._settle("relation", [])

    def _new_id(self) -> str:
        self._count += 1
        return f"r{self._count}"

    def _settle(self, kind: str, hows: list[str]) -> None:
        text = "; ".join(hows)
        self.notes.append(Note(CHANGED if text else CARRIED, kind, text))

    def _drop(self, kind: str, why: str) -> None:
        self.notes.append(Note(DROPPED, kind, why))


def _shows(control: ControlTag, kind: str) -> bool:
    """Whether one of a control's objects is of an item's kind; offsets in HTML and dialogues are others."""
    return any(shown.kind == kind for shown in control.objects)


def _offers(control: ControlTag, label: str) -> bool:
    # What stands in the task's data is not known here: such a control takes any label.
    return label in control.labels or control.dynamic is not None


def _said(control: ControlTag, values: tuple[Any, ...]) -> dict[str, Any] | None:
    """Return the value of an answer; None when the control does not take it."""
    make = _VALUES.get(control.tag.lower())
    try:
        return None if make is None or not values else make(control, values)
    except (TypeError, ValueError):
        return None


def _chosen(control: ControlTag, values: tuple[Any, ...]) -> dict[str, Any] | None:
    texts = [plain(value) for value in values]
    return {"choices": texts} if all(_offers(control, text) for text in texts) else None


def _number(name: str) -> Callable[[ControlTag, tuple[Any, ...]], dict[str, Any]]:
    def make(_: ControlTag, values: tuple[Any, ...]) -> dict[str, Any]:
        number = float(values[0])
        if not isfinite(number):
            raise ValueError("is not finite")
        return {name: int(number) if number == int(number) else number}

    return make


def _paths(name: str) -> Callable[[ControlTag, tuple[Any, ...]], dict[str, Any]]:
    return lambda _, values: {name: [list(v) if isinstance(v, tuple) else v for v in values]}


def _ranking(control: ControlTag, values: tuple[Any, ...]) -> dict[str, Any]:
    # One object, from its buckets to what lies in them.
    return {"ranker": values[0]} if isinstance(values[0], dict) else _paths("ranker")(control, values)


_VALUES: dict[str, Callable[[ControlTag, tuple[Any, ...]], dict[str, Any] | None]] = {
    "choices": _chosen,
    "taxonomy": _paths("taxonomy"),
    "ranker": _ranking,
    "rating": _number("rating"),
    "number": _number("number"),
    "datetime": lambda _, values: {"datetime": str(values[0])},
    "pairwise": lambda _, values: {"selected": str(values[0])},
    "textarea": lambda _, values: {"text": [str(value) for value in values]},
}
