"""The labels of a labeling config as CVAT's, and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from exporters.cvat.labels import Labels
from exporters.cvat.rest import Label
from exporters.declared import DeclaredAttribute, DeclaredLabel
from exporters.label_studio.labeling_config import ControlTag, LabelingConfig

# The tag of a control, in lower case, and the type of CVAT's labels that do the same.
SHAPES = {
    "rectanglelabels": "rectangle",
    "polygonlabels": "polygon",
    "keypointlabels": "points",
    "ellipselabels": "ellipse",
    "brushlabels": "mask",
}
TAG = "tag"
# Answers that are no choice stand as an attribute of a tag of the control's name, as in the files.
TOLD = ("rating", "number", "datetime", "textarea")
# What an attribute has until somebody chooses: CVAT gives each shape one of the values.
UNSET = "-"
MOST_STARS = 20


@dataclass(frozen=True)
class Vocabulary:
    """A project's labels over there.

    Attributes
    ----------
    specification : what the project is created with
    answers : the label or choice of the config that each name stands for
    left_out : names of controls that cannot be answered in CVAT
    """

    specification: list[dict[str, Any]]
    answers: dict[str, str]
    left_out: tuple[str, ...] = ()

    def of_server(self, found: list[dict[str, Any]]) -> dict[int, Label]:
        """Return the labels that the server has, by id; one that somebody added keeps its own name."""
        return {
            int(each["id"]): Label(
                self.answers.get(each["name"], each["name"]),
                {int(one["id"]): str(one["name"]) for one in each.get("attributes") or ()},
            )
            for each in found
        }

    def missing(self, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return what the server's labels lack."""
        there = {each["name"] for each in found}
        return [each for each in self.specification if each["name"] not in there]


def vocabulary(config: LabelingConfig) -> Vocabulary:
    """Return the labels that annotators of images choose from."""
    controls = [c for c in config.controls if any(shown.kind == "image" for shown in c.objects)]
    whole = [c for c in controls if not c.per_region]
    # CVAT asks about a shape by attributes of its label, so each label gets them all.
    about_regions = [each for c in controls if c.per_region for each in _attribute(c)]
    labels, kinds, answers = Labels(), dict[str, set[str]](), dict[str, str]()
    for control in whole:
        for label, kind in _offered(control, about_regions):
            labels.declare([label])
            name = labels.name(label.name)[0]
            kinds.setdefault(name, set()).add(kind)
            answers.setdefault(name, label.name)
    specification = labels.specification()
    for each in specification:
        own = kinds[each["name"]]
        # A label that two controls offer can be drawn in either way.
        each["type"] = own.pop() if len(own) == 1 else "any"
    named = {attribute.name for attribute in about_regions}
    lost = [c.name for c in whole if not any(_offered(c, []))]
    lost += [c.name for c in controls if c.per_region and c.name not in named]
    return Vocabulary(specification, answers, tuple(lost))


def _offered(control: ControlTag, about: list[DeclaredAttribute]) -> Iterator[tuple[DeclaredLabel, str]]:
    """Yield the labels of a control, with their type."""
    tag = control.tag.lower()
    if tag in SHAPES:
        for answer, color in control.offers():
            yield DeclaredLabel(answer, color=color, attributes=tuple(about)), SHAPES[tag]
    elif tag == "choices":
        for answer, color in control.offers():
            yield DeclaredLabel(answer, color=color), TAG
    elif tag in TOLD:
        stars = _stars(control) if tag == "rating" else ()
        attribute = _select(tag, stars) if stars else DeclaredAttribute(tag)
        yield DeclaredLabel(control.name, attributes=(attribute,)), TAG


def _attribute(control: ControlTag) -> Iterator[DeclaredAttribute]:
    """Yield the attribute of shapes that asks what a control asks about regions."""
    tag = control.tag.lower()
    if tag == "choices" and control.is_single and control.labels:
        yield _select(control.name, control.labels)
    elif tag == "rating":
        yield _select(control.name, _stars(control))
    elif tag in TOLD:
        yield DeclaredAttribute(control.name)


def _select(name: str, values: tuple[str, ...]) -> DeclaredAttribute:
    return DeclaredAttribute(name, input_type="select", default=UNSET, values=(UNSET, *values))


def _stars(control: ControlTag) -> tuple[str, ...]:
    told = control.attributes.get("maxRating", "5")
    most = int(told) if told.isascii() and told.isdigit() else 5
    return tuple(map(str, range(1, min(max(most, 1), MOST_STARS) + 1)))
