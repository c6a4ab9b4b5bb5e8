"""A model of the user's own, in a folder or a file: good ones, and every way to be a bad one."""

import json
import shutil

import numpy as np
import pytest

from clean_al import TextEncoder, find_encoder
from clean_al.encoders import EncoderMissing, EncoderRefused
from tests.clean_al.encoders.real import needs_text, text_weights

pytestmark = needs_text
TEXTS = ["I have lost my credit card", "it will rain tomorrow " * 60]


@pytest.fixture
def folder(tmp_path):
    """A model folder as sentence-transformers lays it out."""
    from clean_al.encoders.tokens import uncased_tokenizer

    where = tmp_path / "minilm"
    where.mkdir()
    shutil.copy(text_weights(), where / "model.onnx")
    (where / "tokenizer.json").write_text(uncased_tokenizer(256).to_str())
    return where


def test_a_folder_gives_the_rows_of_its_model(folder):
    encoder = TextEncoder(str(folder))
    np.testing.assert_allclose(encoder.encode(TEXTS), TextEncoder().encode(TEXTS), atol=1e-4)
    assert encoder.identity.startswith("minilm@sha256:")


def test_the_file_itself_may_be_named_also_in_a_folder_below_its_tokenizer(folder):
    at_the_top = TextEncoder(str(folder / "model.onnx"))
    (folder / "onnx").mkdir()
    (folder / "model.onnx").rename(folder / "onnx" / "model.onnx")
    below = TextEncoder(str(folder / "onnx" / "model.onnx"))
    assert below.identity == at_the_top.identity
    assert TextEncoder(str(folder)).encode(TEXTS).shape == (2, 384)


def test_a_folder_says_what_is_cut_and_which_token_stands_for_the_text(folder):
    plain = TextEncoder(str(folder))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 16}))
    short = TextEncoder(str(folder))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False})
    )
    first = TextEncoder(str(folder))
    assert len({plain.identity, short.identity, first.identity}) == 3
    one, two, three = plain.encode(TEXTS), short.encode(TEXTS), first.encode(TEXTS)
    np.testing.assert_allclose(one[0], two[0], atol=1e-4)
    assert abs(one[1] - two[1]).max() > 0.01
    assert abs(two - three).max() > 0.01


def test_a_changed_file_is_another_encoder(folder):
    before = TextEncoder(str(folder)).identity
    changed = bytearray((folder / "model.onnx").read_bytes())
    changed[len(changed) // 2] ^= 1
    (folder / "model.onnx").write_bytes(changed)
    assert TextEncoder(str(folder)).identity != before


def _truncated(folder):
    whole = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(whole[: len(whole) // 2])


def _of_another_kind(folder):
    (folder / "model.onnx").write_bytes(b"PK\x03\x04 not a model at all" * 100)


def _empty(folder):
    (folder / "model.onnx").write_bytes(b"")


def _bad_tokenizer(folder):
    (folder / "tokenizer.json").write_text('{"version": "1.0"')


def _no_tokenizer(folder):
    (folder / "tokenizer.json").unlink()


def _no_model(folder):
    (folder / "model.onnx").unlink()


def _two_models(folder):
    (folder / "model.onnx").rename(folder / "one.onnx")
    (folder / "two.onnx").write_bytes(b"")


def _bad_settings(folder):
    (folder / "sentence_bert_config.json").write_text("{")


def _settings_of_another_shape(folder):
    (folder / "sentence_bert_config.json").write_text('["max_seq_length"]')


def _a_length_that_is_none(folder):
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": "long"}')


def _unknown_pooling(folder):
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_lasttoken": true}')


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_truncated, "model.onnx is no ONNX model"),
        (_of_another_kind, "model.onnx is no ONNX model"),
        (_empty, "model.onnx is no ONNX model"),
        (_bad_tokenizer, "tokenizer.json is no tokenizer"),
        (_no_tokenizer, "model.onnx needs a tokenizer.json beside it"),
        (_no_model, "holds no .onnx file: export the model to ONNX"),
        (_two_models, "holds several models (one.onnx, two.onnx): name one"),
        (_bad_settings, "sentence_bert_config.json is no JSON file"),
        (_settings_of_another_shape, "sentence_bert_config.json must hold an object"),
        (_a_length_that_is_none, "sentence_bert_config.json: max_seq_length must be a count"),
        (_unknown_pooling, "pooling_mode_lasttoken is not done here"),
    ],
)
def test_a_spoiled_folder_is_refused_by_name(folder, spoil, said):
    spoil(folder)
    found = find_encoder("text", str(folder))
    assert found.encoder is None
    assert str(folder) in found.reason
    assert said in found.reason


def test_what_is_not_there_and_what_is_wrong_are_two_kinds_of_error(folder):
    with pytest.raises(EncoderMissing):
        TextEncoder(str(folder / "other"))
    _truncated(folder)
    with pytest.raises(EncoderRefused):
        TextEncoder(str(folder))


def test_a_file_that_may_not_be_a_model_is_not_read_as_one(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    assert "notes.txt" in find_encoder("text", str(tmp_path / "notes.txt")).reason
