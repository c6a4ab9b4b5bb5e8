"""Features side by side, worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from clean_al import TextRepresentation
from clean_al.encoders import EncodedBlock, join_blocks

ENCODED = np.array([[1, 5], [3, 5], [0, 0], [1, 9], [3, 9]], dtype=np.float32)
# Without the row of zeros: center (2, 7), and every row sqrt(1 + 4) away from it.
CENTERED = np.array([[-1, -2], [1, -2], [0, 0], [-1, 2], [1, 2]], dtype=np.float32)
# Rows of length 5; one is zero and does not count.
TODAY = np.array([[3, 4], [5, 0], [0, 0], [0, -5], [-4, 3]], dtype=np.float32)
AS_IT_IS = np.sqrt(5) / 5


def test_the_block_is_centered_and_has_a_multiple_of_the_length_of_todays_rows():
    block = EncodedBlock(scale=2.0).fit(TODAY, ENCODED).transform(ENCODED)
    np.testing.assert_allclose(block, CENTERED * 10 / np.sqrt(5), rtol=1e-6)


def test_todays_columns_come_first_and_are_untouched():
    before = TODAY.copy(), ENCODED.copy()
    joined = join_blocks(TODAY, ENCODED, scale=AS_IT_IS)
    np.testing.assert_allclose(joined, np.hstack([TODAY, CENTERED]), atol=1e-6)
    assert joined.dtype == np.float32
    np.testing.assert_array_equal(TODAY, before[0])
    np.testing.assert_array_equal(ENCODED, before[1])


def test_beside_sparse_features_the_whole_is_sparse():
    joined = join_blocks(sparse.csr_matrix(TODAY), ENCODED, scale=AS_IT_IS)
    assert sparse.issparse(joined)
    assert joined.format == "csr"
    np.testing.assert_allclose(joined.toarray(), np.hstack([TODAY, CENTERED]), atol=1e-6)


def test_later_items_are_measured_as_the_pool_was():
    block = EncodedBlock(scale=AS_IT_IS).fit(TODAY, ENCODED)
    np.testing.assert_allclose(block.transform(np.array([[4, 7], [0, 0]])), [[2, 0], [0, 0]], atol=1e-6)


def test_beside_the_features_of_texts_the_block_has_length_three():
    texts = ["the card is lost", "my card was lost", "a transfer failed", "the transfer has failed"]
    today = TextRepresentation(rank=2, random_state=0).fit_transform(texts)
    rows = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
    joined = join_blocks(today, rows).toarray()
    np.testing.assert_allclose(np.linalg.norm(joined[:, -2:], axis=1), 3, atol=0.01)


def test_nothing_is_blown_up_where_all_rows_are_alike_or_zero():
    for rows in (np.ones((4, 3)), np.zeros((4, 3)), np.zeros((0, 3))):
        block = EncodedBlock().fit(np.ones((len(rows), 2)), rows).transform(rows)
        assert block.shape == rows.shape
        assert not block.any()


def test_beside_features_that_are_all_zero_the_block_stands_alone():
    joined = join_blocks(np.zeros((5, 2)), ENCODED, scale=np.sqrt(5))
    np.testing.assert_allclose(joined[:, 2:], CENTERED, atol=1e-6)


@given(
    # A subnormal number times one half is nothing, and its row then one that could not be read.
    arrays(np.float32, (7, 3), elements=st.floats(-100, 100, width=32, allow_subnormal=False)),
    st.floats(0.5, 50),
    st.floats(0.1, 10),
    st.booleans(),
)
def test_neither_the_encoders_scale_nor_that_of_today_matters(rows, stretch, scale, is_sparse):
    rows[:, 0] += np.arange(7) * 50  # never all alike
    today = np.ones((7, 2), np.float32)
    stretched = sparse.csr_matrix(today * np.float32(stretch)) if is_sparse else today * np.float32(stretch)
    one = EncodedBlock(scale).fit(today, rows).transform(rows)
    other = (
        EncodedBlock(scale).fit(stretched, rows * np.float32(stretch)).transform(rows * np.float32(stretch))
    )
    np.testing.assert_allclose(one * stretch, other, atol=1e-3 * scale * stretch)
    known = rows.any(axis=1)
    length = np.sqrt(np.square(one[known]).sum(axis=1).mean())
    assert length == pytest.approx(scale * np.sqrt(2), rel=1e-3)


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
