"""The shop window, multilabel tasks, and work spread over processes."""

import os
import re
import threading
import time
import uuid
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.datasets import make_blobs, make_multilabel_classification
from sklearn.naive_bayes import GaussianNB

import clean_al
from clean_al import STRATEGIES, IntelligentSampler, Pool, QueryByCommittee, Strategy, compare_strategies
from clean_al.multilabel import PerLabelClassifier, over_labels
from clean_al.uncertainty import margin

from .by_hand import line, pool_of

X, Y = make_multilabel_classification(200, 6, n_classes=4, random_state=0)


def test_everything_listed_is_there():
    for name in clean_al.__all__:
        assert getattr(clean_al, name) is not None
    assert dir(clean_al) == sorted(clean_al.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Oracle'"):
        _ = clean_al.Oracle


def test_a_strategy_is_one_entry_of_a_dict(monkeypatch):
    first = Strategy(lambda pool: -np.arange(float(len(pool))), needs_model=False)
    monkeypatch.setitem(STRATEGIES, "in_order", first)
    sampler = IntelligentSampler("in_order", duplicate_threshold=0.0, random_state=0)
    assert sampler.select(X, 3).tolist() == [0, 1, 2]
    assert isinstance(sampler.selection_.pool, Pool)


DOCS = Path(__file__).parents[2] / "docs" / "sampling.md"


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_strategy_has_its_paper_and_a_line_that_says_when_to_use_it(name):
    row = next(
        line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{name}`")
    )
    _, _, chooses, when, paper, _ = (cell.strip() for cell in row.split("|"))
    assert chooses
    assert when
    assert paper
    module = import_module(f"clean_al.strategies.{'uniform' if name == 'random' else name}")
    assert re.search(r"\b(19|20)\d\d\b", module.__doc__)


def test_multilabel_uncertainty_is_the_mean_over_the_labels():
    p = np.array([[0.5, 1.0], [0.9, 0.8]])
    np.testing.assert_allclose(over_labels(margin)(p), [0.5, 0.3])


@pytest.mark.parametrize("strategy", ["auto", "hybrid", "uncertainty", "coreset", "typiclust", "random"])
def test_items_may_have_several_labels(strategy):
    sampler = IntelligentSampler(strategy, random_state=0).fit(X[:50], Y[:50])
    rows = sampler.select(X[50:], 10)
    sampler.update(X[50:][rows], Y[50:][rows])
    assert sampler.predict(X).shape == Y.shape
    assert len(set(rows.tolist())) == 10


def test_the_item_with_the_most_open_questions_comes_first():
    sampler = IntelligentSampler("uncertainty", random_state=0).fit(X[:80], Y[:80])
    p = sampler.model_.predict_proba(X[80:])
    assert sampler.select(X[80:], 1)[0] == np.argmax((1 - np.abs(2 * p - 1)).mean(axis=1))


@pytest.mark.parametrize("strategy", ["committee", "badge", "contrastive", "expected_model_change"])
def test_strategies_for_one_label_say_so(strategy):
    sampler = IntelligentSampler(strategy, random_state=0)
    with pytest.raises(ValueError, match="multilabel"):
        sampler.fit(X[:50], Y[:50]).select(X[50:], 5)


def test_a_label_that_never_varies_needs_no_model():
    constant = Y[:50].copy()
    constant[:, 2] = 0
    from sklearn.linear_model import LogisticRegression

    model = PerLabelClassifier(LogisticRegression()).fit(X[:50], constant)
    assert (model.predict_proba(X)[:, 2] == 0).all()


BLOBS, COLORS = make_blobs(300, n_features=4, centers=3, cluster_std=3.0, random_state=0)


def everything():
    """Rows and a curve of what runs through joblib."""
    sampler = IntelligentSampler("uncertainty", random_state=0).fit(BLOBS[:30], COLORS[:30])
    committee = QueryByCommittee(3, "logistic_regression", random_state=0).fit(BLOBS[:30], COLORS[:30])
    curves = compare_strategies(
        BLOBS[:200], COLORS[:200], BLOBS[200:], COLORS[200:], ["auto", "random"], 2, 10, n_seeds=2
    )
    return sampler.select(BLOBS[30:], 8), committee.select(BLOBS[30:], 8), curves.accuracy["auto"]


class Placed(GaussianNB):
    """Writes down, in the folder it was given, which process fitted it."""

    def __init__(self, folder=None):
        super().__init__()
        self.folder = folder

    def fit(self, X, y, sample_weight=None):
        name = f"{os.getpid()}-{uuid.uuid4().hex}"
        (Path(self.folder) / name).touch()
        time.sleep(0.2)  # long enough that one process alone does not take all of it
        return super().fit(X, y, sample_weight)


@pytest.mark.filterwarnings("default")
def test_a_dask_cluster_of_two_processes_gives_the_same_rows_and_curves(tmp_path):
    distributed = pytest.importorskip("distributed")
    here = everything()
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
        parallel_config(backend="dask"),
    ):
        workers = set(client.run(os.getpid).values())
        there = everything()
        QueryByCommittee(8, Placed(str(tmp_path)), random_state=0).fit(BLOBS[:30], COLORS[:30])
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(workers) == 2
    assert {int(path.name.partition("-")[0]) for path in tmp_path.iterdir()} == workers - {os.getpid()}


@pytest.mark.filterwarnings("default")
def test_ray_gives_the_same_rows_and_curves():
    ray = pytest.importorskip("ray", reason="ray is not installed: it is an engine of the user's choice")
    from ray.util.joblib import register_ray

    here = everything()
    register_ray()
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        with parallel_config(backend="ray"):
            there = everything()
    finally:
        ray.shutdown()
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one, other)


def test_two_pools_may_be_scored_at_once_and_one_may_wait_for_the_other():
    # As on a worker of one thread that starts the next task while this one waits.
    first, second = pool_of(line(0, 1), model="any"), pool_of(line(0, 1), model="any")
    inner = []

    def scored(measure):
        thread = threading.Thread(target=lambda: inner.append(second.uncertainty), daemon=True)
        thread.start()
        thread.join(10)
        return np.zeros(2)

    first.score_blocks = scored
    second.score_blocks = lambda measure: np.ones(2)
    assert first.uncertainty.tolist() == [0, 0]
    assert [u.tolist() for u in inner] == [[1, 1]]
    assert first.uncertainty is first.uncertainty
