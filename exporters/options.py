"""The options of an export, checked once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from exporters.errors import OptionError

T = TypeVar("T")
Size = tuple[int, int]
MOST_JOBS = 256
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
        Whether companion files are written: CVAT's labels and images, Label Studio's labeling config.
    labels : sequence of str, optional
        The labels to offer, when there is no labeling config.
    jobs : int
        How many processes read and write side by side, where formats and the size of the input allow it; 1
        is this one alone. What is written is the same.
    own : tuple
        The options of the formats, an object for each: see `of`.
    """

    predictions: bool = False
    annotators: str = "all"
    strict: bool = False
    sizes: Mapping[str, Size] | SizeLookup | None = None
    image_root: str | os.PathLike[str] | None = None
    progress: Callable[[int], None] | None = None
    sidecars: bool = True
    labels: tuple[str, ...] = ()
    jobs: int = 1
    own: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.jobs, bool) or not isinstance(self.jobs, int) or not 1 <= self.jobs <= MOST_JOBS:
            raise OptionError(f"jobs={self.jobs!r} is no number of processes; valid: 1 to {MOST_JOBS}")
        one_of("annotators", self.annotators, ("all", "latest", "ground_truth"))
        # Frozen, but a list may be given: it is taken over as what cannot change.
        object.__setattr__(self, "labels", tuple(self.labels))

    def of(self, kind: type[T]) -> T:
        """Return the options of one format, as its own dataclass; the defaults when none were given."""
        return next((chosen for chosen in self.own if type(chosen) is kind), None) or kind()

    def size_of(self, name: str) -> Size | None:
        """Return the size of an image that its task does not state; None when it is nowhere."""
        found = self.sizes(name) if callable(self.sizes) else (self.sizes or {}).get(name)
        if found is None and self.image_root is not None:
            found = size_on_disk(Path(self.image_root), name)
        return found


def sensible_jobs() -> int:
    """Return how many processes this machine has room for, up to 8."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(count, 8)


def one_of(name: str, value: Any, valid: tuple[str, ...]) -> None:
    """Raise `OptionError`, which lists the valid values, for any other."""
    if value not in valid:
        raise OptionError(f"{name}={value!r} is unknown; valid: {', '.join(valid)}")


def make_options(given: Mapping[str, Any], kinds: Iterable[type[Any]] = ()) -> Options:
    """Return the options, those of formats (`kinds`) included; `OptionError` lists the valid names."""
    homes = {kind: [field.name for field in fields(kind)] for kind in kinds}
    common = [field.name for field in fields(Options) if field.name != "own"]
    valid = [*common, *(name for names in homes.values() for name in names)]
    unknown = [name for name in given if name not in valid]
    if unknown:
        raise OptionError(f"unknown option {unknown[0]!r}; valid: {', '.join(valid)}")
    own = [kind(**{name: given[name] for name in names if name in given}) for kind, names in homes.items()]
    return Options(**{name: given[name] for name in common if name in given}, own=tuple(own))


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
            # Orientations 5 to 8 are turned by a quarter: browsers show them so, and annotators drew on that.
            sideways = image.getexif().get(0x0112, 1) >= 5
            width, height = image.size
    except Exception:  # noqa: BLE001  each of Pillow's decoders fails in ways of its own on a damaged file
        return None
    return (height, width) if sideways else (width, height)
