"""Images as small gray pictures, gradient histograms and colors: enough to learn from, with no network."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from PIL import Image, ImageOps

from backend.learning.vectorize.base import Download, Features, ObjectTag, State, Vectorizer, look_up_each
from backend.learning.vectorize.fetching import ANEW, fetch_lists, no_such
from backend.learning.vectorize.gaps import NOTHING, Unread
from clean_al.encoders.pictures import read_picture

TAG = "Image"
# Among the fields: the first of them names a list of which each entry is a page.
PAGES = "pages"
MOST_PAGES = 16
SIDE = 32
CELL = 8
ORIENTATIONS = 9
COLOR_BINS = 4
RANK = 64
FIT_SAMPLE = 20_000
MAX_PIXELS = 50_000_000
TOO_LARGE = f"the image has more than {MAX_PIXELS:,} pixels; shrink it"


class ImageVectorizer(Vectorizer):
    """Pixels (16 x 16, gray), a histogram of oriented gradients (4 x 4 cells) and a color histogram.

    Every column is centered; the three groups are scaled to the same total variance, so that none drowns the
    others. The embedding is the whole projected on its 64 main directions. A task of several pages
    (`valueList`, at most the first 16) has the mean of its pages.

    References
    ----------
    Dalal and Triggs, Histograms of oriented gradients for human detection, 2005.
    """

    KIND = "image"
    ENCODED_AS = "image"

    @classmethod
    def fields_in(
        cls, shown: Sequence[ObjectTag], sample: Sequence[Mapping[str, Any]], named: Sequence[str]
    ) -> list[tuple[str, ...]]:
        return [(o.value.text, *((PAGES,) if o.is_list else ())) for o in shown if o.tag == TAG]

    @classmethod
    def read(
        cls, fields: tuple[str, ...], data: Sequence[Mapping[str, Any]], download: Download
    ) -> list[Any]:
        return [_one(pictures) for pictures in fetch_lists(_all_pages(fields, data), download, take_picture)]

    @classmethod
    def read_to_encode(
        cls, fields: tuple[str, ...], data: Sequence[Mapping[str, Any]], download: Download
    ) -> list[list[Any]]:
        # Larger than what is learned from here: networks look at some 224 pixels a side.
        found = fetch_lists(_all_pages(fields, data), download, read_picture)
        return [[p for p in pictures if p is not None and not isinstance(p, Unread)] for pictures in found]

    def fit(self, values: Sequence[Any]) -> Self:
        rows = np.arange(len(values))
        if len(values) > FIT_SAMPLE:
            rows = np.sort(np.random.default_rng(self.seed).choice(len(values), FIT_SAMPLE, replace=False))
        table, readable = _describe([values[int(i)] for i in rows])
        table = table[readable] if readable.any() else np.zeros((1, table.shape[1]), dtype=np.float32)
        self.mean_ = table.mean(axis=0)
        self.scale_ = _group_scales(table - self.mean_)
        centered = (table - self.mean_) * self.scale_
        self.components_ = _main_directions(centered)[: min(RANK, len(centered))]
        return self

    def transform(self, values: Sequence[Any]) -> Features:
        table, readable = _describe(values)
        table -= self.mean_
        table *= self.scale_
        table[~readable] = 0
        return Features(table, table @ self.components_.T, readable)

    def state(self) -> State:
        return {"seed": self.seed}, {"mean": self.mean_, "scale": self.scale_, "components": self.components_}

    @classmethod
    def from_state(cls, state: State) -> Self:
        vectorizer = cls(state[0]["seed"])
        arrays = state[1]
        vectorizer.mean_, vectorizer.scale_ = arrays["mean"], arrays["scale"]
        vectorizer.components_ = arrays["components"]
        return vectorizer


N_PIXELS = (SIDE // 2) ** 2
N_GRADIENTS = (SIDE // CELL) ** 2 * ORIENTATIONS
N_COLORS = COLOR_BINS**3
GROUPS = (
    slice(0, N_PIXELS),
    slice(N_PIXELS, N_PIXELS + N_GRADIENTS),
    slice(N_PIXELS + N_GRADIENTS, N_PIXELS + N_GRADIENTS + N_COLORS),
)


def _group_scales(centered: np.ndarray) -> np.ndarray:
    scale = np.ones(centered.shape[1], dtype=np.float32)
    for group in GROUPS:
        total = float(np.sqrt(centered[:, group].var(axis=0).sum()))
        # Gray images have one color; a group that never varies says nothing.
        scale[group] = 5.0 / total if total > 1e-6 else 0.0
    return scale


def _describe(values: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    table = np.zeros((len(values), GROUPS[-1].stop), dtype=np.float32)
    readable = np.zeros(len(values), dtype=bool)
    for i, value in enumerate(values):
        small = value if isinstance(value, np.ndarray) else thumbnail(value)
        if small is not None:
            pages = small if small.ndim == 4 else small[None]
            table[i] = np.mean([_describe_one(page) for page in pages], axis=0)
            readable[i] = True
    return table, readable


def _main_directions(centered: np.ndarray) -> np.ndarray:
    """Return the principal axes, the main one first, each with its largest entry positive."""
    table = centered.astype(np.float64)
    axes = np.linalg.eigh(table.T @ table)[1][:, ::-1].T
    # An axis has no sign of its own: else libraries of two machines would store two models.
    largest = np.abs(axes).argmax(axis=1)
    return (axes * np.sign(axes[np.arange(len(axes)), largest])[:, None]).astype(np.float32)


def _all_pages(fields: tuple[str, ...], data: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    most = MOST_PAGES if PAGES in fields else 1
    return [_pages(look_up_each(d, fields[0]), most) for d in data]


def _pages(values: list[Any], most: int) -> list[Any]:
    """Return the addresses of a task's pages; of a list that is no `valueList` the first alone is shown."""
    found = []
    for value in values:
        found += value[:most] if isinstance(value, list) and value else [value]
    return found[:MOST_PAGES]


def _one(pictures: list[Any]) -> Any:
    """Return the picture of a task, or its pages one above the other: shape (n_pages, 32, 32, 3)."""
    good = [picture for picture in pictures if isinstance(picture, np.ndarray)]
    return np.stack(good) if len(good) > 1 else next(iter(good or pictures), NOTHING)


def take_picture(content: bytes) -> Any:
    """Return the picture in a file as it is learned from; an `Unread` where there is none."""
    small = thumbnail(content)
    if small is not None:
        return small
    if content[:500].lstrip().startswith(b"<svg") or b"<svg" in content[:500]:
        return Unread("SVG images are not read; add them as PNG or JPEG")
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > MAX_PIXELS:
                return Unread(TOO_LARGE)
    except Image.DecompressionBombError:
        return Unread(TOO_LARGE)
    except Exception:  # noqa: BLE001  any decoder may fail in its own way on a damaged file
        return no_such("image", content)
    return Unread(f"the image is damaged or cut off; {ANEW}")


def thumbnail(value: Any) -> np.ndarray | None:
    """Return the picture in `value` at the size that is learned from: shape (32, 32, 3), uint8; or None.

    Three kilobytes a picture: the pictures of a whole pool need not be in memory at once.
    """
    image = read_image(value)
    if image is None:
        return None
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0))


def read_image(value: Any) -> Image.Image | None:
    """Return the picture in `value` (bytes of an image file) as the browser shows it, or None."""
    if not isinstance(value, bytes | bytearray):
        return None
    try:
        image = Image.open(io.BytesIO(value))
        if image.width * image.height > MAX_PIXELS:
            return None
        # JPEG can decode at a fraction of its size; the picture is shrunk anyway.
        image.draft("RGB", (4 * SIDE, 4 * SIDE))
        return _on_white(ImageOps.exif_transpose(image))
    except Exception:  # noqa: BLE001  any decoder may fail in its own way on a damaged file
        return None


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I;16", "I", "F")):
        pixels = np.nan_to_num(np.asarray(image, dtype=np.float64))
        spread = float(np.ptp(pixels)) or 1.0
        return Image.fromarray((255 * (pixels - pixels.min()) / spread).astype(np.uint8)).convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _describe_one(small: np.ndarray) -> np.ndarray:
    gray = np.asarray(Image.fromarray(small).convert("L"), dtype=np.float32) / 255
    pixels = gray.reshape(SIDE // 2, 2, SIDE // 2, 2).mean(axis=(1, 3)).ravel()
    return np.concatenate([pixels, _gradients(gray), _colors(small)])


def _gradients(gray: np.ndarray) -> np.ndarray:
    dy, dx = np.gradient(gray)
    strength = np.hypot(dx, dy)
    # Half a turn: an edge from dark to bright and one from bright to dark are the same edge.
    turn = (np.arctan2(dy, dx) % np.pi) * (ORIENTATIONS / np.pi)
    orientation = np.minimum(turn.astype(int), ORIENTATIONS - 1)
    cells = SIDE // CELL
    cell = (np.arange(SIDE) // CELL)[:, None] * cells + (np.arange(SIDE) // CELL)[None, :]
    histogram = np.bincount(
        (cell * ORIENTATIONS + orientation).ravel(), weights=strength.ravel(), minlength=N_GRADIENTS
    ).reshape(cells * cells, ORIENTATIONS)
    # The root lets weak edges count beside strong ones.
    return np.sqrt(histogram / (np.linalg.norm(histogram) + 1e-3)).ravel().astype(np.float32)


def _colors(pixels: np.ndarray) -> np.ndarray:
    levels = pixels.reshape(-1, 3).astype(int) * COLOR_BINS // 256
    index = (levels[:, 0] * COLOR_BINS + levels[:, 1]) * COLOR_BINS + levels[:, 2]
    gray = (levels[:, 0] == levels[:, 1]) & (levels[:, 1] == levels[:, 2])
    # Gray is left out: it is in the pixels already, and would be the largest bin of every photograph.
    counts = np.bincount(index[~gray], minlength=N_COLORS)
    return np.sqrt(counts / len(index)).astype(np.float32)
