"""Images made here, and a detector of which every error is known: what it misses, invents and mixes up.

A scene is lit well or badly and holds much clutter or little; its objects are large or small. The detector
finds an object the sooner the larger and better lit it is, takes some kinds for others, and sees objects in
clutter that are none. Its confidence follows how likely it is right, but overstates some labels, as
detectors do with what they have seldom seen, and is noisy. What it misses leaves no box at all: such an
image betrays itself only by its other boxes and by what it looks like.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from scipy.special import expit

LABELS = ("car", "person", "bicycle", "dog", "sign")
COLORS = ((200, 60, 50), (60, 90, 200), (70, 170, 80), (160, 110, 60), (220, 200, 60))
OFTEN = (0.38, 0.3, 0.14, 0.1, 0.08)
# How hard each label is to see, how often it is taken for the next one, and what its confidence overstates.
HARD = (-0.4, 0.0, 0.6, 0.5, 0.2)
TAKEN = (0.02, 0.03, 0.12, 0.1, 0.03)
OVERSTATED = (0.2, 0.0, 1.2, 1.6, -0.5)
REPORTED = 0.25
SIDE = 48


@dataclass(frozen=True)
class Scene:
    """One image, what a detector said of it, and what is really there.

    Attributes
    ----------
    prediction : as Label Studio holds it
    truth : the items of a careful annotation
    image : bytes of a PNG
    """

    prediction: dict[str, Any]
    truth: list[dict[str, Any]]
    image: bytes
    missed: int
    invented: int
    confused: int

    @property
    def is_wrong(self) -> bool:
        """Whether an annotator has something to correct."""
        return bool(self.missed + self.invented + self.confused)


def scene(rng: np.random.Generator, *, with_image: bool = True) -> Scene:
    """Return an image of up to six objects, and what the detector makes of it."""
    light, clutter = rng.beta(3, 2), rng.beta(1.5, 4)
    truth, found = [], []
    missed = confused = 0
    places = iter(rng.permutation(9))
    for _ in range(rng.binomial(6, 0.36)):
        which, size = int(rng.choice(len(LABELS), p=OFTEN)), rng.uniform(0.3, 1.0)
        place = int(next(places))
        truth.append(_box(which, place, size))
        seen = 2.4 + 2.2 * (size - 0.65) + 3.0 * (light - 0.6) - HARD[which] + rng.normal(0, 0.7)
        if rng.random() > expit(seen + 0.6):
            missed += 1
            continue
        mixed = rng.random() < expit(np.log(TAKEN[which] / (1 - TAKEN[which])) + 0.8 * (2.4 - seen))
        named = (which + 1) % len(LABELS) if mixed else which
        said = _confidence(rng, named, seen - 1.8 * mixed)
        if said >= REPORTED:
            confused += mixed
            found.append(_box(named, place, size, said, shift=float(rng.normal(0, 0.6))))
        else:
            missed += 1
    invented = 0
    for _ in range(min(rng.poisson(1.1 * clutter), 3)):
        which, place = int(rng.integers(len(LABELS))), int(next(places))
        said = _confidence(rng, which, rng.normal(-0.5, 1.1))
        if said >= REPORTED:
            invented += 1
            found.append(_box(which, place, rng.uniform(0.3, 0.8), said))
    picture = _drawn(rng, truth, light, clutter) if with_image else b""
    score = float(np.mean([box["score"] for box in found])) if found else 0.0
    return Scene({"score": score, "result": found}, truth, picture, missed, invented, int(confused))


def _confidence(rng: np.random.Generator, which: int, evidence: float) -> float:
    return round(float(expit(evidence + OVERSTATED[which] + rng.normal(0, 0.9))), 4)


def _box(
    which: int, place: int, size: float, score: float | None = None, shift: float = 0.0
) -> dict[str, Any]:
    x, y = 33.0 * (place % 3) + shift, 33.0 * (place // 3)
    value = {"x": x, "y": y, "width": 30 * size, "height": 30 * size, "rectanglelabels": [LABELS[which]]}
    item: dict[str, Any] = {"from_name": "b", "to_name": "i", "type": "rectanglelabels", "value": value}
    return item if score is None else item | {"score": score}


def _drawn(rng: np.random.Generator, truth: list[dict[str, Any]], light: float, clutter: float) -> bytes:
    noise = rng.normal(110, 10 + 60 * clutter, (SIDE, SIDE, 3))
    picture = Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for item in truth:
        value = item["value"]
        x, y, width = (value[name] * SIDE / 100 for name in ("x", "y", "width"))
        pen.rectangle((x, y, x + width, y + width), fill=COLORS[LABELS.index(value["rectanglelabels"][0])])
    dark = Image.fromarray((np.asarray(picture) * (0.25 + 0.75 * light)).astype(np.uint8))
    held = io.BytesIO()
    dark.save(held, "PNG")
    return held.getvalue()
