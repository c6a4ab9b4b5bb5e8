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
    ],
)
def test_wrong_input_is_named(annotations, p, words):
    with pytest.raises(ValueError, match=words):
        suggest_relabels(annotations, p, ["a", "b"], 1)
