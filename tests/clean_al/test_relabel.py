"""New items against second opinions."""

import numpy as np
import pytest

from clean_al import suggest_relabels

SURE = np.array([[0.95, 0.05]] * 4 + [[0.05, 0.95]] * 4)


def test_the_item_on_which_annotators_quarrel_comes_first():
    annotations = [{"ann": "a", "bob": "a"}] * 3 + [{"ann": "a", "bob": "b"}] + [{"ann": "b", "bob": "b"}] * 4
    result = suggest_relabels(annotations, SURE, ["a", "b"], 2)
    assert result.rows[0] == 3
    assert result.is_relabel[0]
    assert result.consensus.tolist() == ["a"] * 4 + ["b"] * 4  # the model decided the quarrel


def test_a_lone_label_against_a_sure_model_is_doubted():
    annotations = [{"ann": "a"}] * 3 + [{"ann": "b"}] + [{"ann": "b"}] * 4
    assert suggest_relabels(annotations, SURE, ["a", "b"], 1).rows.tolist() == [3]


def test_an_unsure_new_item_beats_settled_old_ones_and_a_sure_new_one():
    p = np.vstack([SURE, [[0.5, 0.5], [0.99, 0.01]]])
    annotations = [{"ann": "a", "bob": "a"}] * 4 + [{"ann": "b", "bob": "b"}] * 4 + [{}, {}]
    result = suggest_relabels(annotations, p, ["a", "b"], 10)
    assert result.rows[0] == 8
    assert not result.is_relabel[0]
    assert result.confidence[9] > result.confidence[8]


def test_a_second_label_adds_confidence():
    one = suggest_relabels([{"ann": "a"}] * 4 + [{"ann": "b"}] * 4, SURE, ["a", "b"], 1)
    both = [{"ann": "a", "bob": "a"}] + [{"ann": "a"}] * 3 + [{"ann": "b"}] * 4
    two = suggest_relabels(both, SURE, ["a", "b"], 1)
    assert two.confidence[0] > one.confidence[0]


@pytest.mark.parametrize(
    ("annotations", "p", "words"),
    [
        ([{"ann": "z"}], [[0.5, 0.5]], "'z', which is not among classes"),
        ([{}, {}], [[0.5, 0.5]], "probabilities must have shape"),
        ([{}], [[0.5, 0.9]], "add up to 1"),
        ([{}], [[np.nan, 1.0]], "finite"),
        (
            [{"ann": ["a"]}],
            [[0.5, 0.5]],
            r"annotations\[0\] has the label \['a'\], which is not among classes",
        ),
        ([{}], [["x", "y"]], "probabilities must hold numbers"),
        ([{}], [[0.5], [0.5, 0.5]], "probabilities must hold numbers"),
    ],
)
def test_wrong_input_is_named(annotations, p, words):
    with pytest.raises(ValueError, match=words):
        suggest_relabels(annotations, p, ["a", "b"], 1)


@pytest.mark.parametrize("classes", [[["a"], ["b"]], [["a"], ["b", "c"]], "a", np.array([{}, {}])])
def test_classes_are_one_label_each(classes):
    with pytest.raises(ValueError, match="classes must be the labels of the columns"):
        suggest_relabels([{}], [[0.5, 0.5]], classes, 1)


PROBABILITIES = [[0.8, 0.2], [0.3, 0.7], [0.55, 0.45], [0.4, 0.6]]
GIVEN = [{"eva": "a", "jo": "b"}, {"eva": "b"}, {}, {"jo": "a"}]
NAN = float("nan")


class Table:
    """A data frame, as far as names, kinds and columns go."""

    def __init__(self, data):
        self.data = {name: np.asarray(values, object) for name, values in data.items()}
        self.columns = list(data)
        self.dtypes = [object] * len(data)

    def __getitem__(self, name):
        return self.data[name]


@pytest.mark.parametrize(
    "annotations",
    [
        [
            {"eva": "a", "jo": "b"},
            {"eva": "b", "jo": NAN},
            {"eva": None, "jo": None},
            {"eva": NAN, "jo": "a"},
        ],
        Table({"eva": ["a", "b", NAN, None], "jo": ["b", NAN, None, "a"]}),
        np.array([["a", "b"], ["b", None], [NAN, NAN], [None, "a"]], object),
        np.array([*GIVEN, {}], object)[:4],
        tuple(GIVEN),
    ],
    ids=["records", "frame", "array", "array of mappings", "tuple"],
)
def test_a_column_for_each_annotator_says_the_same_as_mappings(annotations):
    want = suggest_relabels(GIVEN, PROBABILITIES, ["a", "b"], 4)
    got = suggest_relabels(annotations, PROBABILITIES, ["a", "b"], 4)
    assert got.rows.tolist() == want.rows.tolist()
    assert got.confidence.tolist() == pytest.approx(want.confidence.tolist())


def test_numbers_with_gaps_are_labels_too():
    votes = np.array([[1.0, 0.0], [0.0, NAN], [NAN, NAN], [NAN, 1.0]])
    names = [{k: "ba"[int(v)] for k, v in enumerate(row) if v == v} for row in votes]
    want = suggest_relabels(names, np.array(PROBABILITIES)[:, ::-1], ["b", "a"], 4)
    got = suggest_relabels(votes, np.array(PROBABILITIES)[:, ::-1], [0, 1], 4)
    assert got.rows.tolist() == want.rows.tolist()


@pytest.mark.parametrize(
    "annotations", [["a", "b", "a", "b"], {"eva": ["a"] * 4}, "abab", None, np.array(["a"] * 4)]
)
def test_another_form_of_annotations_is_refused_with_the_right_one(annotations):
    with pytest.raises(TypeError, match="annotations must be one mapping of annotator to label per item"):
        suggest_relabels(annotations, PROBABILITIES, ["a", "b"], 2)


def test_where_votes_are_even_the_one_who_has_been_right_more_often_counts():
    # On ten items both agree, on ten they differ; there the model sides with ann in eight.
    together = [{"ann": "a", "bo": "a"} if i % 2 else {"ann": "b", "bo": "b"} for i in range(10)]
    apart = [{"ann": "a", "bo": "b"} for _ in range(10)]
    p = [[0.9, 0.1] if i % 2 else [0.1, 0.9] for i in range(10)] + [[0.8, 0.2]] * 8 + [[0.45, 0.55]] * 2
    found = suggest_relabels(together + apart, p, ["a", "b"], 20)
    assert found.consensus[10:].tolist() == ["a"] * 10
    # Where the model is all there is to go by, it decides.
    alone = suggest_relabels([{"ann": "a", "bo": "b"}], [[0.4, 0.6]], ["a", "b"], 1)
    assert alone.consensus.tolist() == ["b"]
