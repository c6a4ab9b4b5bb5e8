"""A small text data set with four clear topics, for tests that need a pool."""

from __future__ import annotations

import numpy as np

from backend.demo.datasets import Dataset

WORDS = {
    "boats": "anchor sail harbour keel mast deck oar tide",
    "bread": "flour yeast oven dough crust knead loaf rye",
    "chess": "rook bishop pawn castle mate gambit knight check",
    "trees": "oak leaf bark root birch forest acorn branch",
}


def topics(n: int = 320, seed: int = 0) -> Dataset:
    """Return `n` different texts of five words, most from the text's own topic."""
    rng = np.random.default_rng(seed)
    everything = " ".join(WORDS.values()).split()
    truth = rng.choice(sorted(WORDS), n)
    values = []
    for i, topic in enumerate(truth):
        own = rng.choice(WORDS[topic].split(), 3)
        values.append(" ".join([*own, *rng.choice(everything, 2), f"n{i}"]))
    return Dataset("topics", "Topics", "text", "text", tuple(values), truth, "Which topic?")
