"""Learning curves of scikit-activeml's strategies; runs in the environment of the peers, without our code.

    .venv-peers/bin/python -m benchmarks.label_efficiency_peers split.npz 20 15 10.0 margin clue

Every strategy gets what suits it best: a cold start by TypiClust where it needs a model, distances in the
embedding where there is one, and the same learner as everybody.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Query = Callable[[np.ndarray, np.ndarray, Any, int], np.ndarray]


class Split:
    """One split: the pool, its labels as numbers, the test set, and where distances are measured."""

    def __init__(self, path: Path, c: float):
        stored = np.load(path)
        self.X, self.X_test = stored["X"], stored["X_test"]
        self.E = stored.get("E", self.X)
        self.y, self.y_test, self.c = stored["y"], stored["y_test"], c

    def model(self, given: np.ndarray) -> Any:
        """The learner fitted on the labels given so far (nan: not yet)."""
        from skactiveml.classifier import SklearnClassifier
        from sklearn.linear_model import LogisticRegression

        learner = LogisticRegression(C=self.c, max_iter=2000)
        return SklearnClassifier(learner, classes=np.unique(self.y)).fit(self.X, given)


def typiclust(split: Split, given: np.ndarray, model: Any, n: int, seed: int) -> np.ndarray:
    """TypiClust in the embedding."""
    from skactiveml.pool import TypiClust

    return TypiClust(random_state=seed).query(split.E, given, batch_size=n)


def coreset(split: Split, given: np.ndarray, model: Any, n: int, seed: int) -> np.ndarray:
    """CoreSet in the embedding."""
    from skactiveml.pool import CoreSet

    return CoreSet(random_state=seed).query(split.E, given, batch_size=n)


def margin(split: Split, given: np.ndarray, model: Any, n: int, seed: int) -> np.ndarray:
    """UncertaintySampling by margin."""
    from skactiveml.pool import UncertaintySampling

    strategy = UncertaintySampling(method="margin_sampling", random_state=seed)
    return strategy.query(split.X, given, model, batch_size=n, fit_clf=False)


def badge(split: Split, given: np.ndarray, model: Any, n: int, seed: int) -> np.ndarray:
    """Badge."""
    from skactiveml.pool import Badge

    return Badge(random_state=seed).query(split.X, given, model, batch_size=n, fit_clf=False)


def clue(split: Split, given: np.ndarray, model: Any, n: int, seed: int) -> np.ndarray:
    """Clue: k-means weighted by uncertainty."""
    from skactiveml.pool import Clue

    strategy = Clue(method="margin_sampling", random_state=seed)
    return strategy.query(split.X, given, model, batch_size=n, fit_estimator=False)


def falcun(split: Split, given: np.ndarray, model: Any, n: int, seed: int) -> np.ndarray:
    """Falcun: uncertainty and distance between predicted probabilities."""
    from skactiveml.pool import Falcun

    return Falcun(random_state=seed).query(split.X, given, model, batch_size=n, fit_clf=False)


STRATEGIES = {f.__name__: f for f in (margin, badge, clue, falcun, coreset, typiclust)}
NEED_MODEL = ("margin", "badge", "clue", "falcun")


def curve(split: Split, name: str, batch: int, n_batches: int, seed: int) -> list[float]:
    """Test accuracy after every batch."""
    given = np.full(len(split.y), np.nan)
    model, accuracy = None, []
    for _ in range(n_batches):
        choose = typiclust if model is None and name in NEED_MODEL else STRATEGIES[name]
        rows = np.asarray(choose(split, given, model, batch, seed)).ravel()
        given[rows] = split.y[rows]
        if len(np.unique(split.y[~np.isnan(given)])) < 2:
            accuracy.append(float(np.mean(split.y_test == split.y[rows[0]])))
            continue
        model = split.model(given)
        accuracy.append(float(np.mean(model.predict(split.X_test) == split.y_test)))
    return accuracy


def main() -> None:
    """Print a JSON object: curves by strategy, and what failed."""
    path, batch, n_batches, c, seed, *names = sys.argv[1:]
    warnings.simplefilter("ignore")
    split = Split(Path(path), float(c))
    result: dict[str, Any] = {}
    for name in names:
        try:
            result[name] = curve(split, name, int(batch), int(n_batches), int(seed))
        except Exception as error:  # noqa: BLE001
            result[name] = f"{type(error).__name__}: {error}"[:160]
    print(json.dumps(result))


if __name__ == "__main__":
    main()
