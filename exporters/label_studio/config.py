"""What a labeling config declares: the objects shown, the controls on them, their labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

from exporters.errors import OptionError
from exporters.xml_text import parse_xml, quoted

OBJECTS = {
    "Image": "image",
    "Video": "video",
    "Audio": "audio",
    "AudioPlus": "audio",
    "Text": "text",
    "HyperText": "html",
    "Paragraphs": "paragraphs",
    "TimeSeries": "series",
}


class Shown(NamedTuple):
    """An object tag: its name, what it shows, and the key of the task's data that holds it."""

    name: str
    kind: str
    key: str
    is_list: bool = False
    by_address: bool = False


class Control(NamedTuple):
    """A control tag, the objects it works on, and the labels or choices it offers."""

    name: str
    tag: str
    targets: tuple[str, ...]
    labels: tuple[str, ...] = ()
    colors: tuple[str, ...] = ()
    is_single: bool = True


class LabelingConfig(NamedTuple):
    """A labeling config; empty when none was given."""

    objects: tuple[Shown, ...] = ()
    controls: tuple[Control, ...] = ()
    text: str = ""

    def labels(self, kinds: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the labels of all controls (of these tags), each once, in the order of the config."""
        chosen = (c for c in self.controls if not kinds or c.tag.lower() in kinds)
        return tuple(dict.fromkeys(label for control in chosen for label in control.labels))


def parse_config(text: str) -> LabelingConfig:
    """Return what the labeling config declares; an empty text gives an empty config."""
    if not text.strip():
        return LabelingConfig()
    root = parse_xml(text, "labeling config")
    objects, controls = [], []
    for element in root.iter():
        if element.get("toName"):
            controls.append(_control(element))
        elif element.tag in OBJECTS and element.get("name"):
            objects.append(_shown(element))
    return LabelingConfig(tuple(objects), tuple(controls), text)


def _shown(element: Element) -> Shown:
    value, values = element.get("value") or "", element.get("valueList") or ""
    key = (values or value).strip().lstrip("$")
    by_address = element.get("valueType") == "url"
    return Shown(element.get("name") or "", OBJECTS[element.tag], key, bool(values), by_address)


def _control(element: Element) -> Control:
    offered = [child for child in element.iter() if child.tag in ("Label", "Choice") and child is not element]
    names = tuple(child.get("alias") or child.get("value") or "" for child in offered)
    colors = tuple(child.get("background") or "" for child in offered)
    single = element.get("choice", "single").startswith("single")
    targets = tuple((element.get("toName") or "").split(","))
    return Control(element.get("name") or "", element.tag, targets, names, colors, single)


# label_config_type: object tag, name and key of the object, control tag, name of the control, its attributes.
TYPES: dict[str, tuple[str, str, str, str, str]] = {
    "classification": ("Text", "text", "Choices", "label", 'choice="single-radio"'),
    "multilabel": ("Text", "text", "Choices", "label", 'choice="multiple"'),
    "ner": ("Text", "text", "Labels", "label", ""),
    "image_classification": ("Image", "image", "Choices", "label", 'choice="single-radio"'),
    "image_multilabel": ("Image", "image", "Choices", "label", 'choice="multiple"'),
    "bounding_boxes": ("Image", "image", "RectangleLabels", "label", ""),
    "polygons": ("Image", "image", "PolygonLabels", "label", ""),
    "keypoints": ("Image", "image", "KeyPointLabels", "label", ""),
    "ellipses": ("Image", "image", "EllipseLabels", "label", ""),
    "segmentation": ("Image", "image", "BrushLabels", "label", ""),
    "audio_classification": ("Audio", "audio", "Choices", "label", 'choice="single-radio"'),
    "audio_regions": ("Audio", "audio", "Labels", "label", ""),
    "video_tracks": ("Video", "video", "Labels", "label", ""),
    "rating": ("Text", "text", "Rating", "label", 'maxRating="5"'),
    "regression": ("Text", "text", "Number", "label", ""),
}
ALIASES = {
    "object_detection": "bounding_boxes",
    "bbox": "bounding_boxes",
    "rectangle": "bounding_boxes",
    "polygon": "polygons",
    "keypoint": "keypoints",
    "ellipse": "ellipses",
    "brush": "segmentation",
    "audio": "audio_regions",
    "video": "video_tracks",
    "multi_label": "multilabel",
    "text_classification": "classification",
}
PALETTE = ("#d62728", "#1f77b4", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#e377c2", "#17becf", "#bcbd22")


def config_type(name: str) -> str:
    """Return the type's own name; `OptionError` lists the valid ones."""
    found = ALIASES.get(name, name)
    if found not in TYPES:
        raise OptionError(f"label_config_type {name!r} is unknown; valid: {', '.join(sorted(TYPES))}")
    return found


def object_key(name: str) -> str:
    """Return the key of the task's data that a config of this type shows."""
    return TYPES[config_type(name)][1]


def make_config(name: str, labels: Sequence[str], key: str | None = None, *, tag: str | None = None) -> str:
    """Return a labeling config of this type with these labels.

    Parameters
    ----------
    name : str
        One of `TYPES`, or an alias.
    labels : sequence of str
        Offered in this order; may be empty.
    key : str, optional
        The key of the task's data to show; the type's own by default.
    tag : str, optional
        The object tag, when the type's own does not fit (classification of images).
    """
    default_tag, default_key, control, control_name, attributes = TYPES[config_type(name)]
    shown_tag, shown_key = tag or default_tag, key or default_key
    child = "Choice" if control == "Choices" else "Label"
    rows = [f"  <{shown_tag} name={quoted(shown_key)} value={quoted('$' + shown_key)}/>"]
    if name == "video_tracks":
        rows.append(f'  <VideoRectangle name="box" toName={quoted(shown_key)}/>')
    head = f"  <{control} name={quoted(control_name)} toName={quoted(shown_key)}"
    head += f" {attributes}" if attributes else ""
    if control in ("Rating", "Number"):
        return "\n".join(["<View>", *rows, head + "/>", "</View>"])
    rows.append(head + ">")
    for i, label in enumerate(labels):
        color = "" if child == "Choice" else f' background="{PALETTE[i % len(PALETTE)]}"'
        rows.append(f"    <{child} value={quoted(label)}{color}/>")
    return "\n".join(["<View>", *rows, f"  </{control}>", "</View>"])
