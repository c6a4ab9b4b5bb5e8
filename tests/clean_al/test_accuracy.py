"""The scatter that the interval of an accuracy rests on, by hand."""

import numpy as np
import pytest

from clean_al.accuracy import _scatter


def test_audit_labels_that_scatter_little_by_luck_count_with_ten_that_scatter_as_they_should():
    # Even odds have a variance of 0.25: (30 * 0 + 10 * 0.25) / 40.
    assert _scatter(np.zeros(30), np.zeros(30), 1.0, 0.0) == pytest.approx(0.0625)


def test_many_audit_labels_speak_for_themselves():
    residual = np.where(np.arange(10_000) % 2, 0.3, -0.3)
    assert _scatter(np.zeros(10_000), residual, 1.0, 0.0) == pytest.approx(0.09, rel=0.01)
