"""One timed call of a peer library; runs in the environment of the peers, without this project.

.venv-peers/bin/python -m benchmarks.sampler_peers scikit-activeml kcenter dense 100000 64
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.measure import measured
from benchmarks.sampler_data import N_CLASSES, data_of

N = 100
Prepared = Callable[[], Any]


def _skactiveml(X: Any, L: Any, y: np.ndarray) -> tuple[Any, np.ndarray]:
    """Labeled and unlabeled together, with nan for missing labels, as the library wants it."""
    return np.vstack([L, X]), np.concatenate([y.astype(float), np.full(len(X), np.nan)])


def skactiveml_kcenter(X: Any, L: Any, y: np.ndarray) -> Prepared:
    """CoreSet."""
    from skactiveml.pool import CoreSet

    both, labels = _skactiveml(X, L, y)
    return lambda: CoreSet(random_state=0).query(both, labels, batch_size=N) - len(L)


def skactiveml_kcenter_next(X: Any, L: Any, y: np.ndarray) -> Prepared:
    """CoreSet with 100 more labels: it keeps nothing from the round before."""
    from skactiveml.pool import CoreSet

    both, labels = _skactiveml(X, L, y)
    labels[len(L) : len(L) + 100] = np.arange(100) % N_CLASSES
    return lambda: CoreSet(random_state=0).query(both, labels, batch_size=N) - len(L)


def skactiveml_badge(X: Any, L: Any, y: np.ndarray) -> Prepared:
    """Badge."""
    from skactiveml.classifier import SklearnClassifier
    from skactiveml.pool import Badge
    from sklearn.linear_model import LogisticRegression

    both, labels = _skactiveml(X, L, y)
    model = SklearnClassifier(LogisticRegression(max_iter=1000), classes=range(N_CLASSES)).fit(L, y)
    strategy = Badge(random_state=0)
    return lambda: np.asarray(strategy.query(both, labels, model, batch_size=N, fit_clf=False)) - len(L)


def skactiveml_typiclust(X: Any, L: Any, y: np.ndarray) -> Prepared:
    """TypiClust."""
    from skactiveml.pool import TypiClust

    both, labels = _skactiveml(X, L, y)
    return lambda: TypiClust(random_state=0).query(both, labels, batch_size=N) - len(L)


def _skactiveml_uncertainty(method: str) -> Callable[[Any, Any, np.ndarray], Prepared]:
    def prepare(X: Any, L: Any, y: np.ndarray) -> Prepared:
        from skactiveml.classifier import SklearnClassifier
        from skactiveml.pool import UncertaintySampling
        from sklearn.linear_model import LogisticRegression

        both, labels = _skactiveml(X, L, y)
        model = SklearnClassifier(LogisticRegression(max_iter=1000), classes=range(N_CLASSES)).fit(L, y)
        strategy = UncertaintySampling(method=method, random_state=0)
        return lambda: strategy.query(both, labels, model, batch_size=N, fit_clf=False) - len(L)

    return prepare


def _modal_uncertainty(method: str) -> Callable[[Any, Any, np.ndarray], Prepared]:
    def prepare(X: Any, L: Any, y: np.ndarray) -> Prepared:
        from modAL import uncertainty
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(max_iter=1000).fit(L, y)
        return lambda: getattr(uncertainty, method)(model, X, n_instances=N)

    return prepare


def modal_committee(X: Any, L: Any, y: np.ndarray) -> Prepared:
    """Vote entropy over five forests; the learners are fitted before."""
    from modAL.disagreement import vote_entropy_sampling
    from modAL.models import ActiveLearner, Committee
    from sklearn.ensemble import RandomForestClassifier

    members = [
        ActiveLearner(RandomForestClassifier(random_state=s), X_training=L, y_training=y) for s in range(5)
    ]
    committee = Committee(members)
    return lambda: vote_entropy_sampling(committee, X, n_instances=N)


def dppy_determinantal(X: Any, L: Any, y: np.ndarray) -> Prepared:
    """A k-DPP draw from the full Gaussian kernel."""
    from dppy.finite_dpps import FiniteDPP
    from sklearn.metrics.pairwise import rbf_kernel

    def call() -> Any:
        kernel = rbf_kernel(X.astype(np.float64), gamma=1.0 / (2 * X.shape[1]))
        return FiniteDPP("likelihood", L=kernel).sample_exact_k_dpp(size=N, random_state=0)

    return call


def sklearn_kmeans(X: Any, L: Any, y: np.ndarray) -> Prepared:
    """KMeans and the item nearest to each center; not always 100 different ones."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import pairwise_distances_argmin

    return lambda: pairwise_distances_argmin(KMeans(N, n_init=1, random_state=0).fit(X).cluster_centers_, X)


def small_text_kmeans(X: Any, L: Any, y: np.ndarray) -> Prepared:
    """EmbeddingKMeans on the features themselves."""
    from small_text.query_strategies import EmbeddingKMeans

    strategy = EmbeddingKMeans(normalize=False)
    rows = np.arange(len(X))
    return lambda: strategy.sample(None, None, rows, np.empty(0, int), np.empty(0), N, X)


PEERS: dict[tuple[str, str], Callable[[Any, Any, np.ndarray], Prepared]] = {
    ("scikit-activeml", "kcenter"): skactiveml_kcenter,
    ("scikit-activeml", "kcenter_next"): skactiveml_kcenter_next,
    ("scikit-activeml", "badge"): skactiveml_badge,
    ("scikit-activeml", "typiclust"): skactiveml_typiclust,
    ("scikit-activeml", "margin"): _skactiveml_uncertainty("margin_sampling"),
    ("scikit-activeml", "entropy"): _skactiveml_uncertainty("entropy"),
    ("modAL", "margin"): _modal_uncertainty("margin_sampling"),
    ("modAL", "entropy"): _modal_uncertainty("entropy_sampling"),
    ("modAL", "committee"): modal_committee,
    ("DPPy", "determinantal"): dppy_determinantal,
    ("scikit-learn", "kmeans"): sklearn_kmeans,
    ("small-text", "kmeans"): small_text_kmeans,
}


def main() -> None:
    """Print one JSON line: seconds, MB, and how many different rows came back."""
    peer, work, kind, n, d = sys.argv[1:6]
    X, L, y = data_of(kind, int(n), int(d))
    try:
        seconds, megabytes, rows = measured(PEERS[peer, work](X, L, y))
    except Exception as error:  # noqa: BLE001
        print(json.dumps({"error": f"{type(error).__name__}: {error}"[:200]}))
        return
    rows = rows[0] if isinstance(rows, tuple) else rows
    print(json.dumps({"seconds": seconds, "mb": megabytes, "distinct": len(set(np.asarray(rows).tolist()))}))


if __name__ == "__main__":
    main()
