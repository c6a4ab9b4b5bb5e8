"""Files of other kinds, known by their start: refused by their name, not read as something else."""

from __future__ import annotations

import re
from collections.abc import Iterable

# What a file is whose first object has all of these keys.
_KEYS: tuple[tuple[str, frozenset[str]], ...] = (
    ("COCO", frozenset(("images", "annotations", "categories"))),
    ("COCO", frozenset(("annotations", "categories"))),
    ("COCO results", frozenset(("image_id", "category_id"))),
    ("LabelMe", frozenset(("shapes", "imagePath"))),
    ("VGG Image Annotator", frozenset(("_via_img_metadata",))),
    ("an ASR manifest", frozenset(("audio_filepath", "duration"))),
    ("spaCy's JSON training format", frozenset(("paragraphs", "id"))),
    ("Doccano", frozenset(("text", "entities"))),
    ("an export of Labelbox", frozenset(("Labeled Data", "Label"))),
    ("an export of Labelbox", frozenset(("data_row", "projects"))),
    ("a data set with words and tags", frozenset(("tokens", "ner_tags"))),
    ("a GeoJSON file", frozenset(("type", "features"))),
)
_STARTS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("CoNLL 2003", re.compile(rb"-DOCSTART-")),
    ("YOLO", re.compile(rb"\d{1,6}( -?\d*\.?\d+(e-?\d+)?){4,}\s*[\r\n]|\d{1,6}( -?\d*\.\d+){4,}\s*$")),
    ("Pascal VOC", re.compile(rb"(<\?xml[^>]*>\s*)?<annotation[\s>]")),
    ("spaCy's training pairs", re.compile(rb'\[\s*[\[(]\s*"')),
    ("a web page", re.compile(rb"<(!doctype )?html", re.IGNORECASE)),
)


def kind_by_keys(keys: Iterable[str]) -> str | None:
    """Return what a file is whose first object has these keys; None when it is nothing to refuse."""
    found = frozenset(keys)
    return next((name for name, signs in _KEYS if signs <= found), None)


def kind_by_start(start: bytes) -> str | None:
    """Return what a file is that starts so; None when it is nothing to refuse."""
    return next((name for name, pattern in _STARTS if pattern.match(start)), None)
