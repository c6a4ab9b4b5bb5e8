"""The options of an export, checked once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from exporters.errors import OptionError

Size = tuple[int, int]
SizeLookup = Callable[[str], Size | None]


@dataclass(frozen=True)
class Options:
    """What a caller may choose.

    Attributes
    ----------
    predictions : bool
        Whether models' predictions are exported as well (marked as such).
    annotators : str
        `all`, `latest` (the last annotation of each task), or `ground_truth`.
    strict : bool
        Whether any loss is an error; then nothing is written.
    sizes : mapping or callable, optional
        Image name to (width, height) in pixels, for tasks that do not say.
    image_root : path, optional
        Folder to look the images up in, for their size.
    progress : callable, optional
        Called with the number of items written, now and then.
    sidecars : bool
        Whether CVAT's companion files are written (labels, images, command).
    names : str
        CVAT's image names: `path` as in the task, without the address before it, or `basename`.
    clamp : bool
        Whether CVAT shapes are cut to the picture (counted as changed).
    task_type : str, optional
        Prodigy: textcat, textcat_binary, ner, spans, relations, image, audio, choice; found out by default.
    labels : sequence of str, optional
        The labels to offer, when there is no labeling config.
    hashes : bool
        Prodigy: whether `_input_hash` and `_task_hash` are written.
    tokenizer : callable, optional
        Prodigy: text to (start, end) pairs; the built-in one by default.
    label_config_type : str, optional
        Label Studio: the type of the labeling config written beside the tasks.
    """

    predictions: bool = False
    annotators: str = "all"
    strict: bool = False
    sizes: Mapping[str, Size] | SizeLookup | None = None
    image_root: str | os.PathLike[str] | None = None
    progress: Callable[[int], None] | None = None
    sidecars: bool = True
    names: str = "path"
    clamp: bool = False
    task_type: str | None = None
    labels: tuple[str, ...] = ()
    hashes: bool = False
    tokenizer: Callable[[str], list[tuple[int, int]]] | None = None
    label_config_type: str | None = None

    def __post_init__(self) -> None:
        _one_of("annotators", self.annotators, ("all", "latest", "ground_truth"))
        _one_of("names", self.names, ("path", "basename"))
        object.__setattr__(self, "labels", tuple(self.labels))

    def size_of(self, name: str) -> Size | None:
        """Return the size of an image that its task does not state; None when it is nowhere."""
        found = self.sizes(name) if callable(self.sizes) else (self.sizes or {}).get(name)
        if found is None and self.image_root is not None:
            found = size_on_disk(Path(self.image_root), name)
        return found


def _one_of(name: str, value: Any, valid: tuple[str, ...]) -> None:
    if value not in valid:
        raise OptionError(f"{name}={value!r} is unknown; valid: {', '.join(valid)}")


def make_options(given: Mapping[str, Any]) -> Options:
    """Return the options; `OptionError` lists the valid names."""
    valid = [field.name for field in fields(Options)]
    unknown = [name for name in given if name not in valid]
    if unknown:
        raise OptionError(f"unknown option {unknown[0]!r}; valid: {', '.join(valid)}")
    return Options(**given)


def size_on_disk(root: Path, name: str) -> Size | None:
    """Return (width, height) of `root/name`, upright as its EXIF data says; None when it is not there.

    Names that climb out of the folder are not looked up.
    """
    try:
        from PIL import Image
    except ImportError:
        raise OptionError("image_root needs pillow: pip install pillow") from None
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()) or not path.is_file():
        return None
    try:
        with Image.open(path) as image:
            sideways = image.getexif().get(0x0112, 1) >= 5
            width, height = image.size
    except (OSError, SyntaxError, Image.DecompressionBombError):
        return None
    return (height, width) if sideways else (width, height)
