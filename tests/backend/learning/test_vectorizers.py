"""One contract for every vectorizer, then each one's own rules."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import sparse

from backend.learning.vectorize import VECTORIZERS, Features, Gaps, Unread, Vectorizer
from backend.learning.vectorize import text as text_module
from backend.learning.vectorize.image import (
    GROUPS,
    MAX_PIXELS,
    ImageVectorizer,
    read_image,
    take_picture,
    thumbnail,
)
from backend.learning.vectorize.numbers import NumberVectorizer, as_numbers, is_id
from backend.learning.vectorize.text import TextVectorizer
from backend.learning.vectorize.wording import MAX_CHARACTERS, as_text


def picture(pixels: np.ndarray, kind: str = "PNG", **how: Any) -> bytes:
    """Return an image file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **how)
    return buffer.getvalue()


def noise(seed: int) -> bytes:
    return picture(np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8))


WHY = Unread("the host is down", later=True)
VALUES: dict[str, list[Any]] = {
    "text": [
        "the cat sat on the mat",
        "a dog sat on the cat",
        "stocks fell sharply today",
        "stocks rose today",
        "the dog and the cat",
        "bonds fell and stocks rose",
    ],
    "image": [noise(i) for i in range(6)],
    "numbers": [{"size": float(i), "embedding": [i, i * i, 1.0]} for i in range(6)],
}
BROKEN: dict[str, list[Any]] = {
    "text": [None, "", "   ", {}, [], WHY],
    "image": [None, b"", b"no image", noise(1)[:60], "text", 5, {}, WHY],
    "numbers": [
        None,
        {},
        {"size": None},
        {"size": "large"},
        {"other": 1},
        [1, 2],
        5,
        {"size": float("nan")},
        WHY,
    ],
}
VALUES |= {"pdf": VALUES["text"], "caption": VALUES["text"], "video": VALUES["image"]}
BROKEN |= {"pdf": BROKEN["text"], "caption": BROKEN["text"], "video": BROKEN["image"]}
for described in ("audio", "time series"):
    VALUES[described] = [{"a": np.array([i, i * i, 1.0]), "b": np.array([-i])} for i in range(6)]
    BROKEN[described] = [None, {}, 5, "text", WHY]
VALUES["spare numbers"], BROKEN["spare numbers"] = VALUES["numbers"], BROKEN["numbers"]
KINDS = sorted(VECTORIZERS)


def fitted(kind: str, values: list[Any] | None = None, seed: int = 3) -> Vectorizer:
    return VECTORIZERS[kind](seed).fit(VALUES[kind] if values is None else values)


def dense(matrix: Any) -> np.ndarray:
    return matrix.toarray() if sparse.issparse(matrix) else matrix


def assert_same(one: Features, other: Features) -> None:
    """What the same calls gave: the same bits."""
    np.testing.assert_array_equal(dense(one.X), dense(other.X))
    np.testing.assert_array_equal(one.embedding, other.embedding)
    np.testing.assert_array_equal(one.readable, other.readable)


def assert_alike(one: Features, other: Features) -> None:
    """What other calls gave for the same values.

    How a matrix product is added up depends on where a row stands and how many there are, in ways that differ
    from one BLAS kernel to the next: the last bits may differ, and an embedding is such a product.
    """
    np.testing.assert_allclose(dense(one.X), dense(other.X), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(one.embedding, other.embedding, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(one.readable, other.readable)


def test_every_vectorizer_has_values_for_the_contract() -> None:
    assert set(VALUES) == set(BROKEN) == set(VECTORIZERS)


@pytest.mark.parametrize("kind", KINDS)
class TestContract:
    def test_gives_a_row_of_finite_float32_for_each_value(self, kind: str) -> None:
        features = fitted(kind).transform(VALUES[kind])
        assert len(features) == features.X.shape[0] == len(features.readable) == 6
        assert features.X.dtype == features.embedding.dtype == np.float32
        assert np.isfinite(dense(features.X)).all()
        assert np.isfinite(features.embedding).all()
        assert features.readable.all()
        assert len({tuple(row) for row in dense(features.X)}) == 6

    def test_state_survives_json_and_npz_and_gives_the_same_features(self, kind: str) -> None:
        before = fitted(kind)
        values, arrays = before.state()
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]
        buffer.seek(0)
        with np.load(buffer, allow_pickle=False) as stored:
            again = {name: stored[name] for name in stored.files}
        after = VECTORIZERS[kind].from_state((json.loads(json.dumps(values)), again))
        assert_alike(before.transform(VALUES[kind]), after.transform(VALUES[kind]))

    def test_values_that_cannot_be_read_have_zero_rows(self, kind: str) -> None:
        features = fitted(kind).transform(BROKEN[kind])
        assert not features.readable.any()
        assert not dense(features.X).any()
        assert not features.embedding.any()

    def test_broken_values_change_no_other_row(self, kind: str) -> None:
        vectorizer = fitted(kind)
        mixed = vectorizer.transform([BROKEN[kind][0], *VALUES[kind], BROKEN[kind][1]])
        assert mixed.readable.tolist() == [False, *[True] * 6, False]
        assert_alike(mixed.rows(np.arange(1, 7)), vectorizer.transform(VALUES[kind]))

    def test_rows_follow_the_order_of_the_values(self, kind: str) -> None:
        vectorizer = fitted(kind)
        turned = vectorizer.transform(VALUES[kind][::-1])
        assert_alike(turned.rows(np.arange(6)[::-1]), vectorizer.transform(VALUES[kind]))

    def test_one_by_one_is_the_same_as_all_at_once(self, kind: str) -> None:
        vectorizer = fitted(kind)
        singles = Features.concatenate([vectorizer.transform([v]) for v in VALUES[kind]])
        together = vectorizer.transform(VALUES[kind])
        assert_alike(singles, together)

    def test_the_same_seed_gives_the_same_features(self, kind: str) -> None:
        assert_same(fitted(kind).transform(VALUES[kind]), fitted(kind).transform(VALUES[kind]))

    @pytest.mark.parametrize("n", [0, 1, 2])
    def test_few_values_are_enough_to_fit_and_transform(self, kind: str, n: int) -> None:
        vectorizer = fitted(kind, VALUES[kind][:n])
        width = vectorizer.transform([]).X.shape[1]
        assert width >= 1
        for values in ([], VALUES[kind][:1], VALUES[kind], BROKEN[kind]):
            features = vectorizer.transform(values)
            assert features.X.shape == (len(values), width)
            assert features.embedding.shape[0] == len(values)
            assert features.embedding.shape[1] >= 1
            assert np.isfinite(dense(features.X)).all()

    def test_a_pool_without_any_readable_value_fits(self, kind: str) -> None:
        features = fitted(kind, BROKEN[kind]).transform([*BROKEN[kind], VALUES[kind][0]])
        assert features.X.shape[1] >= 1
        assert np.isfinite(dense(features.X)).all()

    def test_a_pool_of_one_value_many_times_fits(self, kind: str) -> None:
        features = fitted(kind, [VALUES[kind][1]] * 5).transform([VALUES[kind][1]] * 2)
        assert features.readable.all()
        assert_alike(features.rows(np.array([0])), features.rows(np.array([1])))

    def test_fitting_and_transforming_leave_the_values_alone(self, kind: str) -> None:
        before = json.dumps(VALUES[kind], default=repr)
        fitted(kind).transform(VALUES[kind])
        assert json.dumps(VALUES[kind], default=repr) == before


class TestFeatures:
    def test_all_rows_in_order_are_not_copied(self) -> None:
        features = fitted("numbers").transform(VALUES["numbers"])
        assert features.rows(np.arange(6)) is features
        assert features.rows(np.arange(5)) is not features

    def test_an_embedding_that_is_X_stays_X(self) -> None:
        features = fitted("numbers").transform(VALUES["numbers"])
        some = features.rows(np.array([4, 1]))
        both = Features.concatenate([some, features])
        assert some.embedding is some.X
        assert both.embedding is both.X
        np.testing.assert_array_equal(both.X, np.vstack([features.X[[4, 1]], features.X]))


class TestGaps:
    A, B, EMPTY = Unread("a", later=True), Unread("b"), Unread("")

    def gaps(self) -> Gaps:
        """Two inputs of four tasks: the second task lacks both, the third is empty, the fourth has all."""
        columns = [[self.A, self.A, None, 1], [1, self.B, 1, 1]]
        readable = [np.array([False, False, False, True]), np.array([True, False, True, True])]
        return Gaps.of(columns, readable)

    def test_each_reason_is_counted_once_a_task_and_what_is_empty_has_none(self) -> None:
        assert self.gaps().counts() == {"a": 2, "b": 1}
        assert self.gaps().n_read == [1, 3]

    def test_passing_reasons_are_told_from_lasting_ones(self) -> None:
        assert self.gaps().with_reason(later=True).tolist() == [True, True, False, False]
        assert self.gaps().rows(np.array([1, 2])).with_reason(later=False).tolist() == [True, False]

    def test_what_somebody_must_mend_does_not_pass_by_itself(self) -> None:
        stored, down = Unread("connect it", later=True, by_hand=True), Unread("down", later=True)
        for reasons, passes in (([stored, self.B], False), ([stored, down], True)):
            gaps = Gaps.of([reasons], [np.array([False, False])])
            assert gaps.may_pass is passes
            assert Gaps.from_json(gaps.codes, gaps.to_json()).may_pass is passes
            assert gaps.rows(np.array([0])).may_pass is False
        kept_before = [["connect it", True], ["gone", False]]
        assert Gaps.from_json(np.array([[1], [2]]), kept_before).may_pass

    def test_groups_join_and_json_gives_the_same(self) -> None:
        other = Gaps.of([[self.B], [self.A]], [np.array([False]), np.array([False])])
        both = Gaps.concatenate([self.gaps(), other])
        again = Gaps.from_json(both.codes, json.loads(json.dumps(both.to_json())))
        assert again.counts() == both.counts() == {"a": 3, "b": 2}
        assert again.reasons == (self.A, self.EMPTY, self.B)


class TestNumbers:
    @pytest.mark.parametrize(
        ("name", "column", "is_one"),
        [
            ("id", [7, 7, 7], True),
            ("ID", [1.5], True),
            ("task_id", [3, 1, 2], True),
            ("userId", [3, 1, 2], True),
            ("doc-id", [3, 1], True),
            ("row", [1, 2, 3], True),
            ("row", [10, 20, 35], True),
            ("row", [1, 2, 2], False),
            ("row", [3, 2, 1], False),
            ("height", [1.5, 2.5, 3.5], False),
            ("n", [1, 2], False),
            ("paid", [3, 1, 2], False),
            ("GRID", [3, 1, 2], False),
            ("vector", [[1, 2], [2, 3], [3, 4]], False),
        ],
    )
    def test_what_is_taken_for_an_id(self, name: str, column: list[Any], is_one: bool) -> None:
        assert is_id(name, column) is is_one

    def test_columns_are_standardized(self) -> None:
        features = (
            NumberVectorizer().fit([{"a": 1}, {"a": 3}]).transform([{"a": 1}, {"a": 3}, {"a": 2}, {"a": 4}])
        )
        # mean 2, standard deviation 1
        assert features.X.ravel().tolist() == [-1.0, 1.0, 0.0, 2.0]

    def test_fields_stand_in_the_order_of_their_names_and_vectors_stay_together(self) -> None:
        vectorizer = NumberVectorizer().fit([{"b": [0, 10], "a": 1}, {"b": [2, 30], "a": 3}])
        # a: mean 2, deviation 1; b: means 1 and 20, deviations 1 and 10
        assert vectorizer.transform([{"b": [3, 0], "a": 2}]).X.tolist() == [[0.0, 2.0, -2.0]]

    def test_a_missing_number_takes_the_mean(self) -> None:
        vectorizer = NumberVectorizer().fit([{"a": 1, "b": 5}, {"a": 3, "b": None}, {"a": None, "b": 7}])
        features = vectorizer.transform([{"a": 3}, {"b": 7, "a": float("inf")}])
        assert features.X.tolist() == [[1.0, 0.0], [0.0, 1.0]]
        assert features.readable.all()

    def test_the_width_of_a_vector_is_the_majoritys(self) -> None:
        vectorizer = NumberVectorizer().fit([{"v": [1, 2]}, {"v": [3, 4]}, {"v": [5]}])
        features = vectorizer.transform([{"v": [5]}, {"v": [1, 2]}])
        assert features.readable.tolist() == [False, True]
        assert features.X.tolist() == [[0, 0], [-1, -1]]

    def test_a_constant_column_says_nothing_rather_than_infinity(self) -> None:
        assert NumberVectorizer().fit([{"a": 5}] * 3).transform([{"a": 5}, {"a": 6}]).X.tolist() == [[0], [1]]

    def test_outliers_are_clipped(self) -> None:
        vectorizer = NumberVectorizer().fit([{"a": -1}, {"a": 1}])
        assert vectorizer.transform([{"a": 1e9}, {"a": -1e300}]).X.tolist() == [[30], [-30]]

    def test_numbers_near_the_largest_float_stay_finite(self) -> None:
        vectorizer = NumberVectorizer().fit([{"a": 1.7e308}, {"a": 1.7e308}, {"a": -1.7e308}, {"a": 0}])
        assert np.isfinite(vectorizer.transform([{"a": 1.7e308}, {"a": -1.7e308}]).X).all()

    @pytest.mark.parametrize(
        ("value", "numbers"),
        [
            (3, [3.0]),
            ([1, 2.5], [1.0, 2.5]),
            ([], None),
            (True, None),
            ([True], None),
            ("3", None),
            ([1, "2"], None),
            ({"a": 1}, None),
            (None, None),
            ([[1]], None),
        ],
    )
    def test_what_counts_as_numbers(self, value: Any, numbers: list[float] | None) -> None:
        assert as_numbers(value) == numbers

    def test_an_integer_beyond_float_counts_as_missing(self) -> None:
        features = NumberVectorizer().fit([{"a": 1}, {"a": 3}]).transform([{"a": 10**400}])
        assert not features.readable.any()


class TestText:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, ""),
            ("a", "a"),
            (5, "5"),
            (1.5, "1.5"),
            (["a", ["b", None], 3], "a\nb\n3"),
            ({"author": "x", "text": "y"}, "x\ny"),
            ([{"author": "x", "text": "hello"}, {"author": "y", "text": "hi"}], "x\nhello\ny\nhi"),
        ],
    )
    def test_any_json_becomes_text(self, value: Any, text: str) -> None:
        assert as_text(value) == text

    def test_nesting_as_deep_as_json_allows_is_read(self) -> None:
        value: Any = "bottom"
        for _ in range(20_000):
            value = [value]
        assert as_text(value) == "bottom"

    def test_five_megabytes_are_cut(self) -> None:
        vectorizer = fitted("text")
        long = "stocks rose " * 450_000
        assert len(as_text(long)) == len(as_text([long])) == MAX_CHARACTERS
        assert_same(vectorizer.transform([long]), vectorizer.transform([long[:MAX_CHARACTERS]]))

    def test_lone_surrogates_and_odd_characters_are_read(self) -> None:
        values = ["the cat \ud800 sat", "\x00 the cat", "猫がいる", "🐈 the cat", "\u202ethe cat"]
        features = fitted("text", values * 2).transform(values)
        assert features.readable.all()
        assert np.isfinite(features.embedding).all()

    def test_texts_that_share_nothing_still_differ(self) -> None:
        features = fitted("text", ["abc", "xyz"]).transform(["abc", "xyz"])
        tfidf = dense(features.X)[:, features.embedding.shape[1] :]
        assert tfidf.any(axis=1).all()
        assert not (tfidf[0] * tfidf[1]).any()

    def test_texts_on_one_subject_are_nearer_than_others(self) -> None:
        sketch = fitted("text").transform(VALUES["text"]).embedding
        likeness = sketch @ sketch.T
        assert likeness[0, 1] > likeness[0, 2]
        assert likeness[2, 3] > likeness[2, 0]

    def test_tfidf_and_sketch_have_unit_length(self) -> None:
        features = fitted("text").transform(VALUES["text"])
        np.testing.assert_allclose(np.linalg.norm(features.embedding, axis=1), 1, rtol=1e-5)
        # the sketch counts twice: 2^2 + 1^2
        np.testing.assert_allclose(np.linalg.norm(dense(features.X), axis=1), np.sqrt(5), rtol=1e-5)

    def test_blocks_do_not_show(self, monkeypatch: pytest.MonkeyPatch) -> None:
        vectorizer = fitted("text")
        whole = vectorizer.transform(VALUES["text"])
        monkeypatch.setattr(text_module, "BLOCK", 4)
        parts = vectorizer.transform(VALUES["text"])
        assert_alike(parts, whole)

    def test_a_large_pool_is_sampled_by_the_seed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(text_module, "FIT_SAMPLE", 3)
        one, same, other = (TextVectorizer(seed).fit(VALUES["text"]) for seed in (1, 1, 2))
        assert_same(one.transform(VALUES["text"]), same.transform(VALUES["text"]))
        assert one.transform([]).X.shape != other.transform([]).X.shape


class TestImages:
    def test_what_is_seen_follows_the_exif_orientation(self) -> None:
        # black above white; orientation 3 turns it round
        pixels = np.zeros((64, 64, 3), dtype=np.uint8)
        pixels[32:] = 255
        exif = Image.Exif()
        exif[0x0112] = 3
        turned = thumbnail(picture(pixels, exif=exif))
        assert turned is not None
        np.testing.assert_array_equal(turned, thumbnail(picture(pixels[::-1])))

    def test_transparency_shows_white(self) -> None:
        seen = read_image(picture(np.zeros((8, 8, 4), dtype=np.uint8)))
        assert seen is not None
        assert seen.getpixel((3, 3)) == (255, 255, 255)

    def test_a_transparent_palette_shows_white(self) -> None:
        buffer = io.BytesIO()
        image = Image.new("P", (8, 8), 0)
        image.putpalette([10, 20, 30, 200, 100, 50])
        image.save(buffer, "PNG", transparency=0)
        seen = read_image(buffer.getvalue())
        assert seen is not None
        assert seen.getpixel((3, 3)) == (255, 255, 255)

    def test_sixteen_bits_are_stretched_to_eight(self) -> None:
        pixels = np.array([[1000, 2000], [3000, 4000]], dtype=np.uint16)
        seen = read_image(picture(pixels))
        assert seen is not None
        # (p - 1000) / 3000 * 255
        assert [seen.getpixel((x, y)) for y in (0, 1) for x in (0, 1)] == [
            (v,) * 3 for v in (0, 85, 170, 255)
        ]

    def test_floats_with_nan_are_read(self) -> None:
        pixels = np.array([[0, np.nan], [1, 2]], dtype=np.float32)
        seen = read_image(picture(pixels, "TIFF"))
        assert seen is not None
        assert seen.getpixel((1, 1)) == (255, 255, 255)

    @pytest.mark.parametrize(
        ("mode", "kind"),
        [
            *((mode, "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
            *((mode, "TIFF") for mode in ("1", "L", "CMYK", "RGB", "F", "I")),
            *((mode, "JPEG") for mode in ("L", "CMYK", "RGB")),
            *((mode, "GIF") for mode in ("L", "P")),
        ],
    )
    def test_every_common_mode_is_read(self, mode: str, kind: str) -> None:
        buffer = io.BytesIO()
        Image.new(mode, (9, 7)).save(buffer, kind)
        assert thumbnail(buffer.getvalue()) is not None

    def test_gray_and_color_of_one_picture_differ_in_color_alone(self) -> None:
        gray = np.full((16, 16), 90, dtype=np.uint8)
        blue = np.zeros((16, 16, 3), dtype=np.uint8)
        blue[:, :, 2] = 255
        vectorizer = ImageVectorizer().fit([picture(gray), picture(blue), noise(1)])
        colors = GROUPS[2]
        a, b, rgb = vectorizer.transform([picture(gray), picture(np.dstack([gray] * 3)), picture(blue)]).X
        np.testing.assert_array_equal(a, b)
        assert np.abs(a[colors] - rgb[colors]).max() > 1

    def test_a_bomb_is_not_decoded(self) -> None:
        side = int(MAX_PIXELS**0.5) + 1
        buffer = io.BytesIO()
        Image.new("1", (side, side)).save(buffer, "PNG")
        assert len(buffer.getvalue()) < 100_000
        assert read_image(buffer.getvalue()) is None

    def test_a_bomb_that_pillow_will_not_even_open_is_called_too_large_and_not_damaged(self) -> None:
        buffer = io.BytesIO()
        Image.new("1", (20_000, 20_000)).save(buffer, "PNG")
        assert "50,000,000 pixels" in str(take_picture(buffer.getvalue()))

    def test_half_a_file_is_not_a_picture(self) -> None:
        for kind in ("PNG", "JPEG", "GIF", "WEBP"):
            whole = picture(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8), kind)
            assert read_image(whole) is not None
            assert read_image(whole[: len(whole) // 2]) is None, kind

    def test_a_thumbnail_has_the_features_of_its_file(self) -> None:
        vectorizer = fitted("image")
        small = [thumbnail(v) for v in VALUES["image"]]
        assert_same(vectorizer.transform(small), vectorizer.transform(VALUES["image"]))

    def test_the_embedding_keeps_distances(self) -> None:
        features = fitted("image").transform(VALUES["image"])
        # six pictures lie in six dimensions: the projection on the six main directions loses nothing
        for i in range(6):
            for j in range(6):
                far = np.linalg.norm(features.X[i] - features.X[j])
                assert np.linalg.norm(features.embedding[i] - features.embedding[j]) == pytest.approx(
                    far, abs=1e-2
                )

    def test_the_groups_weigh_the_same(self) -> None:
        values = [noise(i) for i in range(30)]
        X = fitted("image", values).transform(values).X
        for group in GROUPS:
            assert X[:, group].var(axis=0).sum() == pytest.approx(25, rel=1e-3)
