"""The scatter that the interval of an accuracy rests on, by hand."""

import numpy as np
import pytest

from clean_al.accuracy import MODEL_DOUBT, _early, _scatter


def test_audit_labels_that_scatter_little_by_luck_count_with_ten_that_scatter_as_they_should():
    # Even odds have a variance of 0.25: (30 * 0 + 10 * 0.25) / 40.
    assert _scatter(np.zeros(30), np.zeros(30), 1.0, 0.0) == pytest.approx(0.0625)


def test_many_audit_labels_speak_for_themselves():
    residual = np.where(np.arange(10_000) % 2, 0.3, -0.3)
    assert _scatter(np.zeros(10_000), residual, 1.0, 0.0) == pytest.approx(0.09, rel=0.01)


def test_without_an_audit_label_confidence_is_doubted_by_what_it_was_off_on_real_data():
    z, none = np.zeros(40), np.zeros(40, dtype=bool)
    found = _early(z, np.ones(40), none, 1.0, 0.0, np.full(201, 0.5), 0.9)
    # Even odds scatter by 0.5 of an answer, 0.12 of which is 0.06; nothing was resampled here.
    assert (float(found), found.standard_error) == (0.5, pytest.approx(0.06))
    sure = _early(np.full(40, 9.0), np.ones(40), none, 1.0, 0.0, np.full(201, 0.99), 0.9)
    assert sure.standard_error == pytest.approx(MODEL_DOUBT)


def test_what_moves_an_early_estimate_makes_it_less_sure():
    z, correct = np.zeros(40), np.tile([0.0, 1.0], 20)
    drawn = np.arange(40) < 20
    found = _early(z, correct, drawn, 1.0, 0.0, np.full(201, 0.5), 0.9)
    scatter = (20 * correct[:20].var(ddof=1) + 10 * 0.25) / 30
    moved = (20 / 50) ** 2 * 1.25 * scatter / 20
    assert found.standard_error == pytest.approx(np.sqrt(0.0144 * scatter + moved))
    assert float(found) == 0.5
