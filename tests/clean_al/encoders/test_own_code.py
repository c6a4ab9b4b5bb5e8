"""An encoder of the user's own module."""

import sys

import numpy as np
import pytest

from clean_al import TextEncoder, find_encoder
from clean_al.encoders import EncoderRefused

MODULE = "tests.clean_al.encoders.stand_ins"


def test_a_class_or_a_function_makes_the_encoder():
    encoder = TextEncoder(f"{MODULE}:Lengths")
    np.testing.assert_array_equal(
        encoder.encode(["four", None, "", "six by"]), [[4, 1], [0, 0], [0, 0], [6, 1]]
    )
    assert encoder.identity == f"{MODULE}:Lengths@lengths 1"
    assert encoder.dimension == 2


def test_values_may_come_as_an_array_or_anything_that_has_a_length():
    encoder = TextEncoder(f"{MODULE}:Lengths")
    for values in (np.array(["ab", "c"]), ("ab", "c"), dict.fromkeys(["ab", "c"])):
        np.testing.assert_array_equal(encoder.encode(values), [[2, 1], [1, 1]])
    with pytest.raises(TypeError, match="values must be a list of texts, not generator"):
        encoder.encode(value for value in ["ab"])


def test_a_dimension_that_is_not_said_is_found_by_trying():
    encoder = TextEncoder(f"{MODULE}:Plain")
    assert encoder.dimension == 3
    assert encoder.encode(["abc"]).tolist() == [[3, 1, 0]]


def test_an_identity_that_is_not_said_follows_the_file(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    identities = []
    for version in ("one", "two"):
        code = f"# version {version}\nfrom {MODULE} import Plain\ndef make():\n    return Plain()\n"
        (tmp_path / "own_encoder_of_test.py").write_text(code)
        sys.modules.pop("own_encoder_of_test", None)
        identities.append(TextEncoder("own_encoder_of_test:make").identity)
    sys.modules.pop("own_encoder_of_test", None)
    assert identities[0] != identities[1]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("broken", "fails: OSError: no weights here"),
        ("no_encoder", "returned int, which has no encode"),
        ("not_a_function", "has no function not_a_function"),
    ],
)
def test_a_factory_that_gives_no_encoder_is_named(name, said):
    found = find_encoder("text", f"{MODULE}:{name}")
    assert found.encoder is None
    assert f"{MODULE}:{name}" in found.reason
    assert said in found.reason


def test_a_module_that_cannot_be_read_is_a_reason_too(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "half_written_of_test.py").write_text("def make(:\n")
    assert (
        "half_written_of_test:make fails: SyntaxError"
        in find_encoder("text", "half_written_of_test:make").reason
    )


@pytest.mark.parametrize(
    ("name", "said"), [("Wrong", r"shape \(1, 2\) for 2 texts"), ("Falling", "RuntimeError: out of memory")]
)
def test_an_encoder_that_fails_later_is_named(name, said):
    with pytest.raises(EncoderRefused, match=said):
        TextEncoder(f"{MODULE}:{name}").encode(["a", "b"])


def test_rows_that_are_not_finite_are_rows_of_zeros():
    rows = TextEncoder(f"{MODULE}:NotANumber").encode(["a", "nan", "b"])
    np.testing.assert_array_equal(rows, [[2, 1], [0, 0], [2, 1]])
