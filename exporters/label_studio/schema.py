"""The labeling config that fits the tasks written: it grows as regions come."""

from __future__ import annotations

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


class Schema:
    """Collects objects and controls with their labels, and gives each control its name."""

    def __init__(self) -> None:
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
        if kind == "choices" and len(labels) > 1:
            self._is_multiple.add(self._name(key))
        return self._name(key)

    def _name(self, key: tuple[str, str, str, bool]) -> str:
        known = self._names.get(key)
        if known is None:
            wanted = key[2] or key[1].removesuffix("labels") or "labels"
            taken = {*self._names.values(), *OBJECTS}
            known, number = wanted, 2
            while known in taken:
                known, number = f"{wanted}_{number}", number + 1
            self._names[key] = known
        return known

    def text(self) -> str:
        """Return the labeling config."""
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
            extra += f' choice="{"multiple" if name in self._is_multiple else "single"}"'
        if not child:
            return [f'  <{tag} name={quoted(name)} toName="{target}"{extra}/>']
        return self._offer(tag, child, name, target, extra, labels)

    def _offer(
        self, tag: str, child: str, name: str, target: str, extra: str, labels: tuple[str, ...]
    ) -> list[str]:
        rows = [f'  <{tag} name={quoted(name)} toName="{target}"{extra}>']
        for index, label in enumerate(labels):
            color = f' background="{PALETTE[index % len(PALETTE)]}"' if child == "Label" else ""
            rows.append(f"    <{child} value={quoted(label)}{color}/>")
        return [*rows, f"  </{tag}>"]
