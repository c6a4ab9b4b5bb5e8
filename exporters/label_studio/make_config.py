"""Labeling configs written: of a named type, with these labels."""

from __future__ import annotations

from collections.abc import Sequence

from exporters.errors import OptionError
from exporters.xml_text import quoted

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
    # A video's boxes are drawn by a control of their own; their labels stand in <Labels>.
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
