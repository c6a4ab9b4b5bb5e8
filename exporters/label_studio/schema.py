"""The labeling config that fits the tasks written: it grows as regions come."""

from __future__ import annotations

from contextlib import suppress
from math import isfinite
from typing import Any

from exporters.declared import Declared
from exporters.label_studio.make_config import PALETTE
from exporters.xml_text import quoted

# Type of region: the control's tag, and the tag of what it offers.
CONTROLS = {
    "rectanglelabels": ("RectangleLabels", "Label"),
    "polygonlabels": ("PolygonLabels", "Label"),
    "keypointlabels": ("KeyPointLabels", "Label"),
    "ellipselabels": ("EllipseLabels", "Label"),
    "brushlabels": ("BrushLabels", "Label"),
    "timelinelabels": ("TimelineLabels", "Label"),
    "timeserieslabels": ("TimeSeriesLabels", "Label"),
    "labels": ("Labels", "Label"),
    "choices": ("Choices", "Choice"),
    "taxonomy": ("Taxonomy", "Choice"),
    "rating": ("Rating", ""),
    "number": ("Number", ""),
    "datetime": ("DateTime", ""),
    "textarea": ("TextArea", ""),
    "pairwise": ("Pairwise", ""),
    "ranker": ("Ranker", ""),
}
OBJECTS = {"image": "Image", "video": "Video", "audio": "Audio", "text": "Text", "series": "TimeSeries"}


# In which controls a label is offered that CVAT declares for a kind of shape; the first is made if need be.
_ANY = ("rectanglelabels", "polygonlabels", "keypointlabels", "ellipselabels", "brushlabels")
_KINDS: dict[str, tuple[str, ...]] = {
    "rectangle": ("rectanglelabels",),
    "polygon": ("polygonlabels",),
    "polyline": ("polygonlabels",),
    "points": ("keypointlabels",),
    "ellipse": ("ellipselabels",),
    "mask": ("brushlabels",),
    "tag": ("choices",),
    "video": ("videorectangle",),
}


class Schema:
    """Collects objects and controls with their labels, and gives each control its name."""

    def __init__(self, declared: Declared | None = None) -> None:
        self._declared = declared or Declared()
        # Label Studio wants one name for one tag, and the objects are named after their kinds.
        self._taken = set(OBJECTS)
        self._objects: dict[str, None] = {}
        self._controls: dict[tuple[str, str, str, bool], dict[str, None]] = {}
        self._names: dict[tuple[str, str, str, bool], str] = {}
        self._is_multiple: set[str] = set()

    def shows(self, kind: str) -> None:
        """Note that tasks show such an object; it is named after its kind."""
        self._objects[kind] = None

    def control(
        self, target: str, kind: str, labels: tuple[str, ...] = (), name: str = "", per_region: bool = False
    ) -> str:
        """Return the name of the control of this kind on this object, which offers these labels."""
        key = (target, kind, name, per_region)
        offered = self._controls.setdefault(key, {})
        for label in labels:
            offered.setdefault(label)
        # Seen once is enough: a control for single choices would refuse that task.
        if kind == "choices" and len(labels) > 1:
            self._is_multiple.add(self._name(key))
        return self._name(key)

    def _name(self, key: tuple[str, str, str, bool]) -> str:
        known = self._names.get(key)
        if known is None:
            wanted = key[2] or key[1].removesuffix("labels") or "labels"
            known, number = wanted, 2
            while known in self._taken:
                known, number = f"{wanted}_{number}", number + 1
            self._names[key] = known
            self._taken.add(known)
        return known

    def attribute(self, name: str, value: str) -> tuple[str, str, tuple[Any, ...]]:
        """Return (type, name, values) of the answer that tells an attribute of a region.

        An attribute that the input declares with values is a choice among these, one in numbers a number;
        anything else is text.
        """
        told = self._declared.attribute(name)
        if told is not None and told.input_type in ("select", "radio", "checkbox"):
            return "choices", name, (value,)
        if told is not None and told.input_type == "number":
            with suppress(ValueError, OverflowError):
                number = float(value)
                told_in_full = (number, int(number)) if isfinite(number) else ()
                # A number whose text would come back as another one, such as 007, stays a text.
                for same in told_in_full:
                    if str(same) == value:
                        return "number", name, (same,)
        return "textarea", name, (value,)

    def _offer_declared(self) -> None:
        """Offer what the input declares beside what was found, each label in the controls of its kind."""
        for target in self._objects:
            own = [key for key in self._controls if key[0] == target and not key[3]]
            for label in self._declared.labels.values():
                if label.kind == "skeleton":
                    continue
                kinds = _KINDS.get("video" if target == "video" else label.kind, _ANY)
                fitting = [key for key in own if key[1] in kinds]
                is_offered = any(label.name in self._controls[key] for key in own)
                if not fitting and not (is_offered and label.kind == "any"):
                    fitting = [(target, kinds[0], "", False)]
                own += [key for key in fitting if key not in own]
                for key in fitting:
                    self._controls.setdefault(key, {}).setdefault(label.name)
            if self._declared.choices:
                self._controls.setdefault((target, "choices", "", False), {})
        for key, offered in self._controls.items():
            told = self._declared.attribute(key[2]) if key[3] and key[1] == "choices" else None
            first = told.values if told else () if key[3] else self._declared.labels
            if key[1:] == ("choices", "", False):
                offered.update(self._declared.choices)
                first = (*self._declared.choices, *first)
            # In the order in which they are declared, then what is not.
            ranked = [*(value for value in first if told or value in offered), *offered]
            self._controls[key] = dict.fromkeys(ranked)

    def text(self) -> str:
        """Return the labeling config."""
        self._offer_declared()
        rows = [f'  <{OBJECTS[kind]} name="{kind}" value="${kind}"/>' for kind in self._objects]
        for key, labels in self._controls.items():
            rows.extend(self._rows(key, tuple(labels)))
        return "\n".join(["<View>", *rows, "</View>", ""])

    def _rows(self, key: tuple[str, str, str, bool], labels: tuple[str, ...]) -> list[str]:
        target, kind, _, per_region = key
        name = self._name(key)
        if kind == "videorectangle":
            box = f'  <VideoRectangle name="{name}_box" toName="{target}"/>'
            return [box, *self._offer("Labels", "Label", name, target, "", labels)]
        tag, child = CONTROLS[kind]
        extra = ' perRegion="true"' if per_region else ""
        if kind == "choices":
            is_multiple = name in self._is_multiple or (self._declared.is_multiple and not per_region)
            extra += f' choice="{"multiple" if is_multiple else "single"}"'
        if not child:
            return [f'  <{tag} name={quoted(name)} toName="{target}"{extra}/>']
        return self._offer(tag, child, name, target, extra, labels)

    def _offer(
        self, tag: str, child: str, name: str, target: str, extra: str, labels: tuple[str, ...]
    ) -> list[str]:
        rows = [f'  <{tag} name={quoted(name)} toName="{target}"{extra}>']
        for index, label in enumerate(labels):
            told = self._declared.labels.get(label)
            shade = told.color if told and told.color else PALETTE[index % len(PALETTE)]
            color = f" background={quoted(shade)}" if child == "Label" else ""
            rows.append(f"    <{child} value={quoted(label)}{color}/>")
        return [*rows, f"  </{tag}>"]
