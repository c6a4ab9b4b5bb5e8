"""Comparisons of strategies: their figures by hand, and files that users bring."""

import csv
import json

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from clean_al import IntelligentSampler, StrategyComparison, TextRepresentation, compare_strategies
from clean_al.comparison import compare_csv, read_texts

CURVES = StrategyComparison(
    np.array([10, 20, 30]),
    {"mine": np.array([[0.5, 0.7, 0.9], [0.6, 0.8, 1.0]]), "random": np.array([[0.5, 0.6, 0.7]] * 2)},
    1.0,
)


def test_areas_are_mean_accuracies():
    np.testing.assert_allclose(CURVES.area("mine"), [0.7, 0.8])
    np.testing.assert_allclose(CURVES.area("random"), 0.6)


def test_gains_are_paired_by_seed():
    assert CURVES.gain("mine") == pytest.approx((0.15, 0.05))


def test_labels_to_a_target_lie_between_two_batches():
    np.testing.assert_allclose(CURVES.labels_to("mine", 0.8), [25, 20])
    assert np.isinf(CURVES.labels_to("random", 0.8)).all()
    assert CURVES.labels_to("mine", 0.1)[0] == 10


def test_a_ratio_says_when_random_never_got_there():
    assert CURVES.label_ratio("mine", 0.8) == (pytest.approx(22.5 / 30), True)
    ratio, bound = CURVES.label_ratio("random", 0.8)
    assert np.isnan(ratio)
    assert bound
    assert CURVES.label_ratio("mine", 0.6) == (pytest.approx((15 / 20 + 10 / 20) / 2), False)


def test_the_table_is_sorted_and_complete():
    lines = CURVES.to_table().splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["mine", "random"]
    assert "+15.0" in lines[1]
    assert "not reached" in lines[2]


def test_json_holds_every_curve(tmp_path):
    CURVES.to_json(tmp_path / "c.json")
    read = json.loads((tmp_path / "c.json").read_text())
    assert read["accuracy"]["mine"] == [[0.5, 0.7, 0.9], [0.6, 0.8, 1.0]]


def test_curves_are_drawn(tmp_path):
    figure = CURVES.plot_learning_curves(tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes()[:4] == b"\x89PNG"
    assert [t.get_text() for t in figure.axes[0].get_legend().get_texts()] == [
        "mine",
        "random",
        "every label",
    ]


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X / 16, y, test_size=0.3, random_state=0, stratify=y)


def test_the_default_needs_fewer_labels_than_random_on_digits(digits):
    X, X_test, y, y_test = digits
    done = []
    result = compare_strategies(
        X,
        y,
        X_test,
        y_test,
        ["auto", "random"],
        8,
        20,
        n_seeds=2,
        progress=lambda i, n: done.append((i, n)),
    )
    assert result.gain("auto")[0] > 0.03
    assert result.n_labels.tolist() == list(range(20, 161, 20))
    assert done == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_the_same_seed_gives_the_same_curves(digits):
    X, X_test, y, y_test = digits
    runs = [
        compare_strategies(X, y, X_test, y_test, ["hybrid"], 3, 10, n_seeds=2, n_initial=10, random_state=4)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(runs[0].accuracy["hybrid"], runs[1].accuracy["hybrid"])
    assert runs[0].n_labels.tolist() == [10, 20, 30, 40]


def test_samplers_of_ones_own_can_be_compared(digits):
    X, X_test, y, y_test = digits
    mine = {"wide": IntelligentSampler(diversity_weight=0.7), "plain": IntelligentSampler("uncertainty")}
    assert list(compare_strategies(X, y, X_test, y_test, mine, 2, 20, n_seeds=1).accuracy) == [
        "wide",
        "plain",
    ]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"strategies": ["best"]}, ValueError, "strategy='best' is unknown"),
        ({"strategies": []}, ValueError, "strategies is empty"),
        ({"strategies": {}}, ValueError, "strategies is empty"),
        ({"strategies": {"a": 1}}, TypeError, "must be a sampler"),
        ({"n_iterations": 100}, ValueError, "X_train has 1257 rows"),
        ({"n_seeds": 0}, ValueError, "n_seeds"),
    ],
)
def test_wrong_requests_are_refused(digits, change, error, words):
    X, X_test, y, y_test = digits
    with pytest.raises(error, match=words):
        compare_strategies(X, y, X_test, y_test, **({"n_iterations": 2} | change))


def test_a_comparison_takes_one_label_per_row():
    X, one = np.arange(20.0)[:, None], np.arange(20) % 2
    several = np.stack([one, 1 - one], axis=1)
    with pytest.raises(ValueError, match="y_train has several labels per row"):
        compare_strategies(X, several, X, several, ["random"], 2, 5)
    with pytest.raises(ValueError, match="y_test has several labels per row"):
        compare_strategies(X, one, X, several, ["random"], 2, 5)


def write_csv(path, rows):
    path.write_text("id,words,kind\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_a_csv_of_ones_own_is_compared(tmp_path):
    rng = np.random.default_rng(0)
    words = {"fruit": ["apple", "pear", "plum"], "tool": ["saw", "hammer", "drill"]}
    rows = [f"{i},{' '.join(rng.choice(words[k], 3))} {i % 7},{k}" for i in range(60) for k in words]
    path = write_csv(tmp_path / "d.csv", rows)
    result = compare_csv(
        path,
        text="words",
        label="kind",
        strategies=["auto", "random"],
        n_labels=20,
        samples_per_iteration=10,
        n_seeds=2,
    )
    assert result.n_labels.tolist() == [10, 20]
    assert result.full_accuracy == 1.0


WORDS = {"a": ["apple pie", "apple cake"], "b": ["iron bar", "iron rod"]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no header line"),
        (b"words,kind\n", "0 rows with text and label and 0 different"),
        (b"id,topic\n1,2\n", "no column 'words'; its columns are: id, topic"),
        (b"words;kind\nx;y\n", "its columns are: words;kind"),
        (b"words,kind\n" + b"tea,a\n" * 30, "30 rows with text and label and 1 different"),
        (b"words,kind\n" + b"tea,NaN\ntea,\n,a\nnan,b\nx\n" * 30, "0 rows"),
        (b"words,kind\n" + b"".join(b"tea,%d\n" % i for i in range(30)), "30 different labels in 30 rows"),
        ("words,kind\ncaf\u00e9,a\n".encode("latin-1"), "is not UTF-8"),
    ],
)
def test_csv_faults_name_the_column_or_the_count(tmp_path, content, words):
    (tmp_path / "d.csv").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_texts(tmp_path / "d.csv", "words", "kind")


def test_text_and_label_are_two_columns(tmp_path):
    with pytest.raises(ValueError, match="must be two columns"):
        read_texts(tmp_path / "d.csv", "kind", "kind")


def test_rows_without_a_text_or_a_label_are_left_out(tmp_path):
    rows = ["1,apple,a", "2,,a", "3,pear,", "4,plum", "5,fig,nan", "6,quince,b,more", '7,"a\nb",b'] * 10
    texts, labels = read_texts(write_csv(tmp_path / "d.csv", rows), "words", "kind")
    assert texts == ["apple", "quince", "a\nb"] * 10
    assert labels.tolist() == ["a", "b", "b"] * 10


def test_a_text_may_be_long(tmp_path):
    before = csv.field_size_limit()
    rows = [f"{i},{'word ' * 30_000},{'ab'[i % 2]}" for i in range(20)]
    assert len(read_texts(write_csv(tmp_path / "d.csv", rows), "words", "kind")[0]) == 20
    assert csv.field_size_limit() == before


def test_a_small_budget_is_kept_to(tmp_path):
    rows = [f"{i},{WORDS[k][i % 2]},{k}" for i in range(30) for k in "ab"]
    path = write_csv(tmp_path / "d.csv", rows)
    result = compare_csv(path, text="words", label="kind", strategies=["random"], n_labels=5, n_seeds=1)
    assert result.n_labels.tolist() == [5]


@pytest.mark.parametrize(
    "texts", [["\u7ea2\u8272", "\u7eff\u8272"], ["x", "y"]], ids=["no spaces", "one letter"]
)
def test_texts_that_share_no_word_are_told_apart_by_their_characters(texts):
    own = [f"{texts[i % 2]}{chr(0x5000 + i) * 3}" for i in range(60)] if len(texts[0]) > 1 else texts * 30
    representation = TextRepresentation(rank=2, random_state=0)
    X = representation.fit_transform(own)
    assert representation.transform(own[:3]).shape == (3, X.shape[1])
    model = representation.learner().fit(X[:40], [i % 2 for i in range(40)])
    assert model.score(X[40:], [i % 2 for i in range(20)]) == 1.0


def test_empty_texts_are_refused():
    with pytest.raises(ValueError, match="texts are all empty"):
        TextRepresentation().fit([""] * 5)


def test_a_single_run_has_no_spread():
    one = StrategyComparison(CURVES.n_labels, {k: v[:1] for k, v in CURVES.accuracy.items()}, 1.0)
    assert "nan" not in one.to_table()
    assert one.to_table().endswith("1 seed")


def test_text_representation_puts_the_sketch_first():
    texts = [f"{a} {b}" for a in ("red", "green", "blue") for b in ("car", "boat", "cart")] * 6
    representation = TextRepresentation(rank=3, sketch_weight=2.0, random_state=0)
    X = representation.fit_transform(texts)
    sketch = representation.embedding(X)
    np.testing.assert_allclose(np.linalg.norm(sketch, axis=1), 1, atol=1e-5)
    words = X[:, 3:]
    np.testing.assert_allclose(np.asarray(words.multiply(words).sum(axis=1)).ravel(), 1, atol=1e-5)
    np.testing.assert_allclose(representation.transform(texts[:4]).toarray(), X[:4].toarray(), atol=1e-6)
