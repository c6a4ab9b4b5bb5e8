"""Features side by side, worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from clean_al.encoders import EncodedBlock, join_blocks

ENCODED = np.array([[1, 5], [3, 5], [0, 0], [1, 9], [3, 9]], dtype=np.float32)
# Without the row of zeros: center (2, 7), and every row sqrt(1 + 4) away from it.
CENTERED = np.array([[-1, -2], [1, -2], [0, 0], [-1, 2], [1, 2]], dtype=np.float32)
TODAY = np.arange(10, dtype=np.float32).reshape(5, 2)


def test_the_block_is_centered_and_has_the_length_asked_for():
    block = EncodedBlock(scale=3.0).fit(ENCODED).transform(ENCODED)
    np.testing.assert_allclose(block, CENTERED * 3 / np.sqrt(5), rtol=1e-6)


def test_todays_columns_come_first_and_are_untouched():
    joined = join_blocks(TODAY, ENCODED, scale=np.sqrt(5))
    np.testing.assert_allclose(joined, np.hstack([TODAY, CENTERED]), atol=1e-6)
    assert joined.dtype == np.float32
    np.testing.assert_array_equal(TODAY, np.arange(10).reshape(5, 2))
    np.testing.assert_array_equal(ENCODED[2], [0, 0])


def test_beside_sparse_features_the_whole_is_sparse():
    joined = join_blocks(sparse.csr_matrix(TODAY), ENCODED, scale=np.sqrt(5))
    assert sparse.issparse(joined)
    assert joined.format == "csr"
    np.testing.assert_allclose(joined.toarray(), np.hstack([TODAY, CENTERED]), atol=1e-6)


def test_later_items_are_measured_as_the_pool_was():
    block = EncodedBlock(scale=np.sqrt(5)).fit(ENCODED)
    np.testing.assert_allclose(block.transform(np.array([[4, 7], [0, 0]])), [[2, 0], [0, 0]], atol=1e-6)


def test_nothing_is_blown_up_where_all_rows_are_alike_or_zero():
    for rows in (np.ones((4, 3)), np.zeros((4, 3)), np.zeros((0, 3))):
        block = EncodedBlock().fit(rows).transform(rows)
        assert block.shape == rows.shape
        assert not block.any()


@given(
    arrays(np.float32, (7, 3), elements=st.floats(-100, 100, width=32)),
    st.floats(0.5, 50),
    st.floats(0.1, 10),
)
def test_the_encoders_own_scale_does_not_matter(rows, stretch, scale):
    rows[:, 0] += np.arange(7) * 50  # never all alike
    one = EncodedBlock(scale).fit(rows).transform(rows)
    other = EncodedBlock(scale).fit(rows * np.float32(stretch)).transform(rows * np.float32(stretch))
    np.testing.assert_allclose(one, other, atol=1e-3 * scale)
    known = rows.any(axis=1)
    assert np.sqrt(np.square(one[known]).sum(axis=1).mean()) == pytest.approx(scale, rel=1e-3)


@pytest.mark.parametrize(
    ("today", "encoded", "said"),
    [
        (TODAY, ENCODED[:3], "3 rows for 5 rows of today"),
        (TODAY, ENCODED[:, 0], "2D"),
        (TODAY, np.full((5, 2), np.nan), "encoded contains NaN"),
        (np.full((5, 2), np.nan), ENCODED, "today contains NaN"),
    ],
)
def test_what_does_not_go_together_is_named(today, encoded, said):
    with pytest.raises(ValueError, match=said):
        join_blocks(today, encoded)


def test_a_sparse_encoding_or_a_bad_scale_is_named():
    with pytest.raises(TypeError, match="encoded must be dense"):
        join_blocks(TODAY, sparse.csr_matrix(ENCODED))
    with pytest.raises(ValueError, match="scale must be at least 0"):
        join_blocks(TODAY, ENCODED, scale=-1)
