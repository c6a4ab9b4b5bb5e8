"""Sessions, stopping criteria, and the honesty of estimates."""

import copy
import json
import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from clean_al import IntelligentSampler, LabelingSession, LabelSavings, QueryByCommittee
from clean_al.accuracy import AccuracyEstimate, estimate_accuracy, unknown_accuracy
from clean_al.calibration import fit_calibration, mean_calibrated
from clean_al.row_keys import rows_among
from clean_al.stopping import AccuracyPlateau, MinAccuracy, Round, StablePredictions, _kappa, first_reason

X, Y = make_classification(900, 6, n_informative=4, random_state=0)
POOL, HIDDEN = X[100:], Y[100:]


def session(**options):
    return LabelingSession(IntelligentSampler(random_state=0), POOL, **options)


def run(s, n_rounds, n=20):
    for _ in range(n_rounds):
        rows = s.get_next_batch(n)
        s.submit_labels(rows, HIDDEN[rows])
    return s


def known(value, error=0.01):
    return AccuracyEstimate(value, error, 0.9, "calibrated + uniform residual", 100)


def test_batches_never_repeat_an_item():
    s = session()
    seen = [row for _ in range(6) for row in run_one(s)]
    assert len(seen) == len(set(seen)) == s.n_labeled == 120
    assert s.n_remaining == len(POOL) - 120


def run_one(s):
    rows = s.get_next_batch(20)
    s.submit_labels(rows, HIDDEN[rows])
    return rows.tolist()


def test_a_tenth_of_the_labels_is_drawn_at_random_even_in_small_batches():
    s = run(session(), 20, n=3)
    assert s.sampler.labeled_.uniform.sum() == 6
    assert run(session(audit_fraction=0.0), 4).sampler.labeled_.uniform.sum() == 0


def test_rows_without_labels_return_to_the_pool():
    s = session()
    first = s.get_next_batch(10)
    s.submit_labels(first[:4], HIDDEN[first[:4]])
    assert s.n_remaining == len(POOL) - 4
    s.get_next_batch(10)


def test_skipped_rows_do_not_come_back():
    s = LabelingSession(IntelligentSampler(random_state=0), POOL[:30])
    rows = s.get_next_batch(10)
    s.skip(rows[:3])
    later = s.get_next_batch(100)
    assert set(later.tolist()).isdisjoint(rows[:3].tolist())
    assert len(later) == 27


def test_the_last_batch_is_what_is_left():
    s = LabelingSession(IntelligentSampler(random_state=0), POOL[:25])
    run(s, 2)
    assert s.n_labeled == 25
    assert s.should_stop()
    assert s.stop_reason == "the pool is used up"
    with pytest.raises(ValueError, match="the pool is empty"):
        s.get_next_batch(5)


@pytest.mark.parametrize(
    ("rows", "labels", "error", "words"),
    [
        ([-1], [0], ValueError, "not in the last batch"),
        ([10**6], [0], ValueError, "not in the last batch"),
        ("first two", [0, 0, 1], ValueError, "labels has 3 labels for 2 rows"),
        ("first twice", [0, 0], ValueError, "same row twice"),
        (["a"], [0], TypeError, "rows must be the integers"),
        ("first two", [0, None], ValueError, "missing labels"),
    ],
)
def test_wrong_labels_are_refused_and_nothing_is_learned(rows, labels, error, words):
    s = session()
    batch = s.get_next_batch(5)
    rows = (
        {"first two": batch[:2], "first twice": batch[[0, 0]]}.get(rows, rows)
        if isinstance(rows, str)
        else rows
    )
    with pytest.raises(error, match=words):
        s.submit_labels(rows, labels)
    assert s.n_labeled == 0
    s.submit_labels(batch, HIDDEN[batch])


def test_submitting_twice_is_refused():
    s = session()
    rows = s.get_next_batch(5)
    s.submit_labels(rows, HIDDEN[rows])
    with pytest.raises(ValueError, match="labeled already"):
        s.submit_labels(rows, HIDDEN[rows])


def test_a_session_without_a_pool_gets_one_at_the_first_batch():
    s = LabelingSession(IntelligentSampler(random_state=0))
    with pytest.raises(ValueError, match="no pool: give X_unlabeled"):
        s.get_next_batch(5)
    assert len(s.get_next_batch(5, X_unlabeled=POOL)) == 5
    with pytest.raises(ValueError, match="one pool"):
        s.get_next_batch(5, X_unlabeled=POOL)


def test_a_sampler_that_has_selected_brings_its_pool():
    sampler = IntelligentSampler(random_state=0)
    sampler.select(POOL, 3, embedding=POOL[:, :2])
    rows = LabelingSession(sampler).get_next_batch(4)
    assert len(rows) == 4


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"stopping_criteria": {"patience": 3}}, ValueError, "unknown patience; valid are accuracy_plateau"),
        ({"stopping_criteria": {"min_accuracy": 95}}, ValueError, "min_accuracy.*between 0 and 1"),
        ({"stopping_criteria": {"max_samples": 0}}, ValueError, "max_samples"),
        ({"stopping_criteria": [1]}, TypeError, "must be a dict"),
        ({"audit_fraction": 1.5}, ValueError, "audit_fraction"),
        ({"export_format": "excel"}, ValueError, "export_format.*cvat, label_studio, prodigy"),
    ],
)
def test_wrong_options_are_named(options, error, words):
    with pytest.raises(error, match=words):
        session(**options)


def test_a_session_needs_a_sampler():
    with pytest.raises(TypeError, match="sampler must be"):
        LabelingSession("hybrid", POOL)


def test_committees_hold_sessions_too():
    s = LabelingSession(QueryByCommittee(3, "logistic_regression", random_state=0), POOL)
    run(s, 5)
    truth = np.mean(s.sampler.predict(POOL) == HIDDEN)
    assert s.estimated_accuracy.low <= truth <= s.estimated_accuracy.high


def test_batches_leave_in_the_format_of_the_session(tmp_path):
    texts = [f"text {i}" for i in range(len(POOL))]
    s = session(export_format="prodigy")
    with pytest.raises(ValueError, match="no batch to export"):
        s.export_batch(tmp_path / "a.jsonl", texts)
    rows = s.get_next_batch(5)
    s.export_batch(tmp_path / "a.jsonl", texts, task_type="textcat", labels=["a", "b"])
    written = [json.loads(line)["text"] for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert written == [f"text {row}" for row in rows]
    with pytest.raises(ValueError, match="export_format is None"):
        session().export_batch(tmp_path / "b", texts)


def test_min_accuracy_looks_at_the_lower_end():
    criterion = MinAccuracy(0.9)
    assert criterion.reason([Round(50, known(0.92, error=0.05))]) is None
    assert "min_accuracy" in criterion.reason([Round(50, known(0.95, error=0.01))])
    assert criterion.reason([Round(50, unknown_accuracy(0.9))]) is None


def test_a_plateau_is_two_windows_alike():
    rising = [Round(i, known(0.5 + 0.05 * i)) for i in range(6)]
    flat = [Round(i, known(0.8)) for i in range(6)]
    assert AccuracyPlateau(3).reason(rising) is None
    assert AccuracyPlateau(3).reason(flat[:5]) is None
    assert "within noise" in AccuracyPlateau(3).reason(flat)


def test_predictions_are_stable_after_three_agreements():
    a, b = np.array([0, 1, 0, 1]), np.array([1, 0, 1, 0])
    rounds = [Round(i, known(0.8), s) for i, s in enumerate([b, a, a, a, a])]
    assert StablePredictions().reason(rounds[:4]) is None
    assert "kappa 1.000" in StablePredictions().reason(rounds)


def test_no_round_is_no_reason():
    assert first_reason([MinAccuracy(0.0)], []) is None


def test_every_criterion_can_end_a_session():
    assert run(session(stopping_criteria={"max_rounds": 2}), 2).should_stop()
    stable = run(session(stopping_criteria={"stable_predictions": 0.5}), 6)
    assert stable.should_stop()
    assert stable.stop_reason.startswith("stable_predictions")


def test_calibration_finds_slope_and_intercept():
    rng = np.random.default_rng(0)
    z = rng.normal(0, 2, 20_000)
    correct = rng.random(20_000) < 1 / (1 + np.exp(-(0.5 * z + 1)))
    slope, intercept = fit_calibration(z, correct.astype(float), np.ones((1, 20_000)))
    assert slope[0] == pytest.approx(0.5, abs=0.05)
    assert intercept[0] == pytest.approx(1.0, abs=0.05)
    exact = np.mean(1 / (1 + np.exp(-(slope[0] * z + intercept[0]))))
    assert mean_calibrated(z, slope, intercept)[0] == pytest.approx(exact, abs=1e-3)


def test_the_estimate_is_nearer_than_cross_validation_and_covers_the_truth():
    s = run(session(), 12)
    truth = np.mean(s.sampler.predict(POOL) == HIDDEN)
    estimate = s.estimated_accuracy
    assert abs(estimate - truth) < 0.06
    assert estimate.low <= truth <= estimate.high
    assert estimate.method == "calibrated confidence"  # 24 audited labels are too few
    assert run(s, 6).estimated_accuracy.method == "calibrated + uniform residual"


def test_before_labels_nothing_is_claimed():
    s = session()
    assert np.isnan(s.estimated_accuracy)
    assert s.estimated_accuracy.method == "not known yet"
    assert s.label_savings is None
    assert f"{s.estimated_accuracy:.1%}" == "nan%"


def test_one_label_each_is_too_little_to_hold_out():
    sampler = IntelligentSampler(random_state=0).fit(X[:4], [0, 1, 0, 1])
    assert np.isnan(estimate_accuracy(sampler.model_, sampler.labeled_, POOL))


def test_estimates_survive_copies():
    for estimate in (known(0.8), LabelSavings(0.4, 0.2, 0.5, 0.9, 100, 160.0)):
        for twin in (pickle.loads(pickle.dumps(estimate)), copy.deepcopy(estimate)):
            assert vars(twin) == vars(estimate)
            assert twin == estimate
    assert "0.800" in repr(known(0.8))
    assert "not reached" in repr(LabelSavings(0.9, 0.9, 0.9, 0.9, 100, float("inf")))


def test_random_labels_alone_save_nothing():
    sampler = IntelligentSampler(random_state=0).fit(X[:60], Y[:60])
    assert sampler.label_savings() == 0.0


def test_savings_are_unknown_without_a_random_share():
    sampler = IntelligentSampler(random_state=0).fit(X[:60], Y[:60], uniform=np.zeros(60, bool))
    assert sampler.label_savings() is None


def test_the_rows_of_the_last_batch_are_recognized_as_drawn():
    sampler = IntelligentSampler(exploration_weight=0.5, random_state=0).fit(X[:60], Y[:60])
    rows = sampler.select(POOL, 10)
    sampler.update(POOL[rows], HIDDEN[rows])
    assert sampler.labeled_.uniform.sum() == 65
    sampler.update(POOL[:5], HIDDEN[:5])
    assert sampler.labeled_.uniform.sum() == 65


def test_batches_that_came_back_without_labels_owe_no_audit():
    s = session()
    for _ in range(40):
        s.get_next_batch(20)
    assert s.sampler.uniform_.sum() == 2


def test_predictions_of_several_labels_can_be_stable():
    several = np.stack([Y, 1 - Y, X[:, 0] > 0], axis=1).astype(int)[100:]
    s = session(stopping_criteria={"stable_predictions": 0.5})
    for _ in range(8):
        rows = s.get_next_batch(20)
        s.submit_labels(rows, several[rows])
    assert s.should_stop()
    assert s.stop_reason.startswith("stable_predictions")


def test_kappa_by_hand():
    a, b = np.array([[1, 0], [1, 0]]), np.array([[1, 0], [0, 0]])
    # 3 of 4 agree; by chance 1/2 * 1/4 + 1/2 * 3/4 = 1/2: kappa = (3/4 - 1/2) / (1 - 1/2)
    assert _kappa(a, b) == pytest.approx(0.5)
    assert _kappa(np.array(["x", "x"]), np.array(["x", "x"])) == 1.0


def two_labels(rows):
    return np.stack([HIDDEN[rows], X[100:][rows, 0] > 0], axis=1).astype(int)


def test_several_labels_are_learned_though_too_few_can_be_held_out():
    # 20 neighbors: 20 labels are enough to learn from, the 18 of a fold are not.
    sampler = IntelligentSampler(estimator=KNeighborsClassifier(20), random_state=0)
    s = LabelingSession(sampler, POOL)
    rows = s.get_next_batch(20)
    s.submit_labels(rows, two_labels(rows))
    assert s.n_labeled == len(s.sampler.labeled_.y) == 20
    assert s.estimated_accuracy.method == "not known yet"
    rows = s.get_next_batch(20)
    s.submit_labels(rows, two_labels(rows))
    assert s.estimated_accuracy.method == "calibrated confidence"


class FailsOn(LogisticRegression):
    """Fails on some numbers of rows, for a reason of its own."""

    when = staticmethod(lambda n: False)

    def fit(self, X, y):
        if FailsOn.when(X.shape[0]):
            raise RuntimeError("out of memory")
        return super().fit(X, y)


@pytest.mark.parametrize("when", [lambda n: n >= 20, lambda n: n != 20], ids=["learning", "holding out"])
def test_labels_that_fail_leave_the_session_as_it_was(monkeypatch, when):
    s = LabelingSession(IntelligentSampler(estimator=FailsOn(), random_state=0), POOL)
    batch = s.get_next_batch(20)
    monkeypatch.setattr(FailsOn, "when", staticmethod(when))
    with pytest.raises(RuntimeError, match="out of memory"):
        s.submit_labels(batch, HIDDEN[batch])
    assert (s.n_labeled, s.n_remaining, s.history) == (0, len(POOL), ())
    assert not hasattr(s.sampler, "labeled_")
    monkeypatch.undo()
    s.submit_labels(batch, HIDDEN[batch])
    assert s.n_labeled == len(s.sampler.labeled_.y) == 20
    assert len(s.history) == 1


@pytest.mark.parametrize(
    "convert", [np.asarray, sparse.csr_matrix, np.float32], ids=["dense", "sparse", "float32"]
)
def test_a_session_that_takes_a_pool_over_leaves_out_what_is_labeled(convert):
    pool = convert(POOL[:60])
    sampler = IntelligentSampler(random_state=0)
    first = sampler.select(pool, 20)
    sampler.update(pool[first], HIDDEN[first])
    second = sampler.select(pool, 20)  # the whole pool again, as the guard keeps labeled rows away
    sampler.update(pool[second[:15]], HIDDEN[second[:15]])
    s = LabelingSession(sampler, audit_fraction=1.0)
    rows = s.get_next_batch(60)
    assert set(rows.tolist()) == set(range(60)) - {*first.tolist(), *second[:15].tolist()}
    assert s.n_labeled == 0


def test_one_label_takes_one_of_several_equal_rows_from_the_pool():
    pool = np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [2.0]])
    labeled = np.array([[1.0], [0.0], [0.0], [7.0]])
    mask = rows_among(pool, labeled, np.array([2, 4]))
    assert mask.tolist() == [True, False, True, False, True, False]
    assert not rows_among(pool, np.zeros((3, 2)), np.array([0])).any()


def test_the_pool_of_an_estimate_holds_no_row_that_is_labeled():
    sampler = IntelligentSampler(random_state=0)
    rows = sampler.select(POOL[:80], 40)
    sampler.update(POOL[rows], HIDDEN[rows])
    left = np.setdiff1d(np.arange(80), rows)
    by_itself, given = sampler.estimate_accuracy(), sampler.estimate_accuracy(POOL[left])
    assert vars(by_itself) == vars(given)
    assert by_itself == given


def test_more_clusters_than_are_left_are_as_many_as_are_left():
    s = LabelingSession(IntelligentSampler(random_state=0), POOL[:25])
    clustered = {"batch_mode": "clustered", "n_clusters": 10}
    rows = s.get_next_batch(20, **clustered)
    s.submit_labels(rows, HIDDEN[rows])
    assert sorted([*rows, *s.get_next_batch(20, **clustered)]) == list(range(25))


def test_a_batch_may_be_explored_beyond_its_audit():
    s = session(audit_fraction=0.1)
    for share, drawn in ((None, 2), (0.5, 10), (0.0, 2), (1.0, 20)):
        s.get_next_batch(20, exploration=share)
        assert s.sampler.uniform_.sum() == drawn


def test_a_refused_batch_does_not_keep_its_pool():
    s = LabelingSession(IntelligentSampler(random_state=0))
    with pytest.raises(ValueError, match="batch_mode"):
        s.get_next_batch(5, X_unlabeled=POOL, batch_mode="wild")
    assert len(s.get_next_batch(5, X_unlabeled=POOL)) == 5


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"X": POOL}, TypeError, "takes no 'X'; it takes batch_mode"),
        ({"exploration": 2}, ValueError, "exploration must be between 0 and 1"),
        ({"n_clusters": 2.5}, TypeError, "n_clusters must be an integer"),
        ({"costs": ["a"] * len(POOL)}, ValueError, "costs must hold numbers, one per row of the pool"),
        ({"doubt": [[1], [1, 2]]}, ValueError, "doubt must hold numbers, one per row of the pool"),
    ],
)
def test_wrong_options_of_a_batch_are_named(options, error, words):
    with pytest.raises(error, match=words):
        session().get_next_batch(5, **options)


def test_a_plateau_doubts_its_windows_by_their_sample_variance():
    # Windows 0.02 wide have a variance of 0.0002, and their means an error of sqrt(0.0004 / 2) = 0.0141.
    values = [0.80, 0.82, 0.812, 0.832]
    assert "+1.2% in 2 rounds" in AccuracyPlateau(2).reason(
        [Round(i, known(v)) for i, v in enumerate(values)]
    )
    values = [0.80, 0.82, 0.815, 0.835]
    assert AccuracyPlateau(2).reason([Round(i, known(v)) for i, v in enumerate(values)]) is None


def test_a_plateau_of_one_round_is_half_a_point():
    assert AccuracyPlateau(1).reason([Round(1, known(0.8)), Round(2, known(0.806))]) is None
    assert AccuracyPlateau(1).reason([Round(1, known(0.8)), Round(2, known(0.804))])
