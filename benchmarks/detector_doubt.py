"""Labels until four of five images that a detector has got wrong are found, beside simpler orders.

    python -m benchmarks.detector_doubt

The detector is planted: images of up to six boxes and five labels, of each of which its confidence is off in
a way of its own, as a detector's is on labels that it has seldom seen. An annotator corrects the images in
batches; after each the order is made anew. "Lowest score" takes the least confident box of an image, as Label
Studio's paid edition does; "mean entropy" the mean over its boxes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, logit

from backend.label_studio.records import Annotation
from backend.loop.foreign import ForeignDoubt

N_IMAGES, BATCH, SEEDS, SHARE = 1000, 25, 5, 0.8
LABELS = ("car", "person", "bicycle", "dog", "sign")
# How much confidence overstates each label: added to the log odds of a box being right.
OVERSTATED = (0.2, 0.5, 1.5, 2.5, -0.5)
RESULTS = Path(__file__).parent / "results" / "detector_doubt.json"

Image = tuple[dict[str, Any], list[dict[str, Any]]]


def scene(rng: np.random.Generator) -> Image:
    """Return a prediction of an image, and the boxes that are really there."""
    result, truth = [], []
    for i in range(rng.integers(0, 7)):
        which = int(rng.integers(len(LABELS)))
        right = float(np.clip(rng.beta(6, 1), 0.02, 0.995))
        said = float(expit(logit(right) + OVERSTATED[which]))
        box = _box(LABELS[which], x=float(14 * i), score=round(said, 4))
        result.append(box)
        if rng.random() < right:
            truth.append({name: box[name] for name in ("from_name", "type", "value")})
    return {"score": float(np.mean([b["score"] for b in result])) if result else 0.5, "result": result}, truth


def _box(label: str, x: float, score: float) -> dict[str, Any]:
    value = {"x": x, "y": 10.0, "width": 10.0, "height": 10.0, "rectanglelabels": [label]}
    return {"from_name": "b", "type": "rectanglelabels", "value": value, "score": score}


def scores(image: Image) -> np.ndarray:
    """Return the confidences of an image's boxes; a sure one where it has none."""
    return np.array([box["score"] for box in image[0]["result"]] or [1.0])


def lowest_score(images: list[Image], _: ForeignDoubt) -> np.ndarray:
    return np.array([1 - scores(image).min() for image in images])


def mean_entropy(images: list[Image], _: ForeignDoubt) -> np.ndarray:
    return np.array([_entropy(scores(image)) for image in images])


def _entropy(p: np.ndarray) -> float:
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return float(np.mean(-p * np.log(p) - (1 - p) * np.log(1 - p)))


def ours(images: list[Image], doubt: ForeignDoubt) -> np.ndarray:
    return doubt.of([prediction for prediction, _ in images])


def at_random(images: list[Image], _: ForeignDoubt) -> np.ndarray:
    return np.random.default_rng(len(images)).random(len(images))


ORDERS: dict[str, Callable[[list[Image], ForeignDoubt], np.ndarray]] = {
    "random": at_random,
    "lowest score": lowest_score,
    "mean entropy": mean_entropy,
    "option predictions": ours,
}


def labels_to_find(order: Callable[[list[Image], ForeignDoubt], np.ndarray], seed: int) -> int:
    """Return how many images are labeled until most of the wrong ones are among them."""
    rng = np.random.default_rng(seed)
    images = [scene(rng) for _ in range(N_IMAGES)]
    wrong = np.array([len(truth) < len(prediction["result"]) for prediction, truth in images])
    left, seen = np.arange(N_IMAGES), np.empty(0, dtype=np.int64)
    while wrong[seen].sum() < SHARE * wrong.sum():
        predicted = {int(i): images[i][0]["result"] for i in seen}
        given = {int(i): [Annotation(int(i), int(i), images[i][1], False, False, "")] for i in seen}
        doubt = order([images[i] for i in left], ForeignDoubt.learned(predicted, given))
        seen = np.concatenate([seen, left[np.argsort(-doubt, kind="stable")[:BATCH]]])
        left = np.setdiff1d(left, seen)
    return len(seen)


def main() -> None:
    """Run all orders on the same images, and keep the table."""
    found = {name: [labels_to_find(order, seed) for seed in range(SEEDS)] for name, order in ORDERS.items()}
    table = {name: _row(values, found["random"]) for name, values in found.items()}
    kept = {"images": N_IMAGES, "seeds": SEEDS, "share": SHARE, "orders": table}
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    for name, row in table.items():
        print(f"{name:20} median {row['median']:.0f} of {N_IMAGES}, {row['of_random']:.2f} of random's")


def _row(values: list[int], random: list[int]) -> dict[str, Any]:
    return {"labels": values, "median": float(np.median(values)), "of_random": _ratio(values, random)}


def _ratio(values: list[int], random: list[int]) -> float:
    return round(float(np.median(np.array(values) / np.array(random))), 3)


if __name__ == "__main__":
    main()
