"""Which inputs are read, in which precedence, and how several stand side by side."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pytest
from scipy import sparse

from backend.errors import LabelingConfigError, MediaError
from backend.learning.inputs import Reader, choose_inputs, read_values, with_spare
from backend.learning.labeling_config import shown_objects
from backend.learning.vectorize import (
    VECTORIZERS,
    Download,
    Features,
    InputSpec,
    ObjectTag,
    State,
    Vectorizer,
)
from exporters.label_studio.value_expression import ValueExpression


def shown_as(tag: str, value: str) -> ObjectTag:
    return ObjectTag(tag, "o", "", ValueExpression(value))


TEXT, IMAGE = shown_as("Text", "$text"), shown_as("Image", "$photo")


def no_download(_: str) -> bytes:
    raise AssertionError("nothing is to be fetched")


@pytest.mark.parametrize(
    ("shown", "data", "named", "expected"),
    [
        ([TEXT], {"text": "a", "n": 1}, (), [("text", ("$text",))]),
        ([IMAGE], {"photo": "p", "n": 1}, (), [("image", ("$photo",))]),
        ([TEXT, IMAGE], {"text": "a", "photo": "p"}, (), [("image", ("$photo",)), ("text", ("$text",))]),
        (
            [TEXT, shown_as("Text", "$more")],
            {"text": "a", "more": "b"},
            (),
            [("text", ("$text",)), ("text", ("$more",))],
        ),
        ([TEXT, TEXT], {"text": "a"}, (), [("text", ("$text",))]),
        ([TEXT], {"text": "a", "embedding": [1.0, 2.0]}, (), [("numbers", ("embedding",))]),
        ([TEXT], {"text": "a", "n": 1, "m": 2}, ("m",), [("numbers", ("m",))]),
        ([shown_as("Audio", "$url")], {"url": "u", "b": 1}, (), [("audio", ("$url",))]),
        ([shown_as("Custom", "$url")], {"url": "u", "b": 1, "a": 2.5}, (), [("spare numbers", ("a", "b"))]),
        ([], {"b": [1, 2]}, (), [("spare numbers", ("b",))]),
        ([TEXT], {"text": "a", "user_id": 1, "n": 2}, (), [("text", ("$text",))]),
        ([], {"id": 1, "user_id": 2, "n": 2}, (), [("spare numbers", ("n",))]),
        ([], {"id": 1, "n": 2}, ("id",), [("numbers", ("id",))]),
    ],
)
def test_precedence_is_named_fields_then_an_embedding_then_what_is_shown_then_spare_numbers(
    shown: list[ObjectTag], data: dict[str, Any], named: tuple[str, ...], expected: list[Any]
) -> None:
    found = choose_inputs(shown, [data] * 3, named)
    assert [(spec.kind, spec.fields) for spec in found] == expected


def test_an_embedding_in_half_of_the_tasks_is_not_enough() -> None:
    sample = [{"text": "a", "embedding": [1.0]}, {"text": "b"}]
    assert choose_inputs([TEXT], sample) == (InputSpec("text", ("$text",)),)


def test_nothing_to_read_is_said_with_the_tags_and_the_fix() -> None:
    with pytest.raises(
        LabelingConfigError, match=r"nothing to learn from on <Custom>, <Other>; add a vector"
    ):
        choose_inputs([shown_as("Custom", "$a"), shown_as("Other", "$b")], [{"a": "x"}])


def test_fields_that_are_taken_for_ids_are_named_where_nothing_else_is_there() -> None:
    sample = [{"url": "u", "row": i, "task_id": 9} for i in range(5)]
    with pytest.raises(LabelingConfigError, match=r"row, task_id: taken for ids; the option `features`"):
        choose_inputs([shown_as("Unknown", "$url")], sample)


def test_spare_numbers_stand_beside_what_turned_out_to_be_unreadable() -> None:
    (image,) = choose_inputs([IMAGE], [{"photo": "p", "n": 1, "x_id": 2}])
    both = with_spare((image,), [IMAGE], [{"photo": "p", "n": 1, "x_id": 2}])
    assert both == (image, InputSpec("spare numbers", ("n",)))
    assert with_spare(both, [IMAGE], [{"photo": "p", "n": 1}]) == both
    assert with_spare((image,), [IMAGE], [{"photo": "p", "x_id": 2}]) == (image,)


def test_why_a_value_was_not_read_is_counted_for_each_input() -> None:
    data: list[dict[str, Any]] = [
        {"text": "a cat", "photo": "p"},
        {"text": "", "photo": "p"},
        {"text": "x", "photo": ""},
    ]
    inputs = (InputSpec("text", ("text",)), InputSpec("image", ("$photo",)))

    def refuse(_: str) -> bytes:
        raise MediaError("files at cdn are not fetched", later=True)

    values = read_values(inputs, data, refuse)
    features = Reader.fitted(inputs, values, seed=0).transform(values)
    assert features.readable.tolist() == [True, False, True]
    assert features.gaps is not None
    assert features.gaps.counts() == {"files at cdn are not fetched": 2}
    assert features.gaps.n_read == [2, 0]


def test_every_object_of_the_config_is_shown_once() -> None:
    config = (
        '<View><Text name="t" value="$text"/><Image name="i" value="$photo"/>'
        '<Choices name="c" toName="t"><Choice value="a"/><Choice value="b"/></Choices>'
        '<Rating name="r" toName="t"/><Rating name="s" toName="i"/></View>'
    )
    assert [(o.tag, o.value.text) for o in shown_objects(config)] == [("Text", "$text"), ("Image", "$photo")]


WORDS = ["a cat", "a dog", "a cat and a dog", "no pets here"]


def test_several_inputs_stand_side_by_side_and_none_drowns_the_others() -> None:
    data = [{"text": text, "v": [1000.0 * i, 1.0]} for i, text in enumerate(WORDS)]
    inputs = (InputSpec("text", ("text",)), InputSpec("numbers", ("v",)))
    values = read_values(inputs, data, no_download)
    reader = Reader.fitted(inputs, values, seed=0)
    features = reader.transform(values)
    text, numbers = (v.transform(column) for v, column in zip(reader.vectorizers, values, strict=True))
    width = text.X.shape[1]
    assert sparse.issparse(features.X)
    X = features.X.toarray()
    np.testing.assert_allclose(X[:, :width], text.X.toarray(), atol=1e-6)
    np.testing.assert_allclose(X[:, width:], numbers.X * reader.scales[1], rtol=1e-6)
    lengths = [np.sqrt(np.square(part).sum() / 4) for part in (X[:, :width], X[:, width:])]
    assert lengths[0] == pytest.approx(lengths[1], rel=1e-5)
    assert features.embedding.shape == (4, text.embedding.shape[1] + 2)
    assert reader.n_sketch == 0
    assert Reader.fitted(inputs[:1], values[:1], seed=0).n_sketch == text.embedding.shape[1]


def test_a_task_is_readable_where_one_of_its_inputs_is() -> None:
    data: list[dict[str, Any]] = [{"text": "a cat"}, {"v": [1.0]}, {}, {"text": "a dog", "v": [2.0]}]
    inputs = (InputSpec("text", ("text",)), InputSpec("numbers", ("v",)))
    values = read_values(inputs, data, no_download)
    features = Reader.fitted(inputs, values, seed=0).transform(values)
    assert features.readable.tolist() == [True, True, False, True]
    assert not features.X.toarray()[2].any()


def test_an_input_that_says_nothing_at_all_changes_no_scale() -> None:
    data: list[dict[str, Any]] = [{"text": text} for text in WORDS]
    inputs = (InputSpec("text", ("text",)), InputSpec("numbers", ("v",)))
    reader = Reader.fitted(inputs, read_values(inputs, data, no_download), seed=0)
    assert reader.scales == (1.0, 1.0)


def test_a_reader_survives_json_and_npz() -> None:
    data = [{"text": text, "v": [float(i)]} for i, text in enumerate(WORDS)]
    inputs = (InputSpec("text", ("text",)), InputSpec("numbers", ("v",)), InputSpec("text", ("v",)))
    values = read_values(inputs, data, no_download)
    before = Reader.fitted(inputs, values, seed=1)
    described, arrays = before.state()
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    buffer.seek(0)
    with np.load(buffer, allow_pickle=False) as stored:
        again = {name: stored[name] for name in stored.files}
    after = Reader.from_state((json.loads(json.dumps(described)), again))
    assert (after.inputs, after.scales) == (before.inputs, before.scales)
    one, other = before.transform(values), after.transform(values)
    np.testing.assert_array_equal(one.X.toarray(), other.X.toarray())
    np.testing.assert_array_equal(one.embedding, other.embedding)


class LengthOfAudio(Vectorizer):
    """A vectorizer from outside: how long the address of a sound is."""

    KIND = "address length"

    @classmethod
    def fields_in(
        cls, shown: Sequence[ObjectTag], sample: Sequence[Mapping[str, Any]], named: Sequence[str]
    ) -> list[tuple[str, ...]]:
        return [(o.value.name,) for o in shown if o.tag == "Custom"]

    @classmethod
    def read(
        cls, fields: tuple[str, ...], data: Sequence[Mapping[str, Any]], download: Download
    ) -> list[Any]:
        return [d.get(fields[0]) for d in data]

    def fit(self, values: Sequence[Any]) -> Self:
        return self

    def transform(self, values: Sequence[Any]) -> Features:
        X = np.array([[len(v or "")] for v in values], dtype=np.float32).reshape(-1, 1)
        return Features(X, X, np.array([bool(v) for v in values], dtype=bool))

    def state(self) -> State:
        return {}, {}

    @classmethod
    def from_state(cls, state: State) -> Self:
        return cls()


def test_a_vectorizer_registered_from_outside_is_picked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VECTORIZERS, LengthOfAudio.KIND, LengthOfAudio)
    data = [{"sound": "x" * n, "text": WORDS[n]} for n in range(4)]
    config = (
        '<View><Custom name="a" value="$sound"/><Text name="t" value="$text"/>'
        '<Rating name="r" toName="a"/><Rating name="s" toName="t"/></View>'
    )
    inputs = choose_inputs(shown_objects(config), data)
    assert [spec.kind for spec in inputs] == ["text", "address length"]
    reader = Reader.fitted(inputs, read_values(inputs, data, no_download), seed=0)
    features = reader.features_of(data, no_download)
    np.testing.assert_allclose(features.X.toarray()[:, -1] / reader.scales[1], [0, 1, 2, 3], rtol=1e-6)
