"""Titles over a task: read where they say something of it, and several texts keep the learner for texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from backend.learning.inputs import Reader, choose_inputs, with_spare
from backend.learning.labeling_config import shown_objects
from backend.learning.vectorize import InputSpec
from backend.learning.verdict import Outcome, judge

CHOICES = '<Choices name="c" toName="t"><Choice value="a"/><Choice value="b"/></Choices>'
TEXT = '<Text name="t" value="$text"/>'
IMAGE = '<Image name="t" value="$photo"/>'


def config(*parts: str) -> str:
    return f"<View>{''.join(parts)}{CHOICES}</View>"


def tasks(title: Callable[[int], Any], n: int = 12) -> list[dict[str, Any]]:
    return [{"text": f"some words {i}", "photo": f"/data/{i}.png", "x": title(i)} for i in range(n)]


def read(label_config: str, data: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [(spec.kind, spec.fields[0]) for spec in choose_inputs(shown_objects(label_config), data)]


@pytest.mark.parametrize(
    ("title", "is_read"),
    [
        (lambda i: f"Where is item {i}?", True),
        (lambda i: ("news", "sports", "letters")[i % 3], True),
        (lambda i: f"scan_{i:04}.png", False),
        (lambda i: f"https://example.org/{i}", False),
        (lambda i: i, False),
        (lambda i: "Read this with care", False),
        (lambda i: None, True),
    ],
    ids=["questions", "sections", "names of files", "addresses", "numbers", "always the same", "not there"],
)
@pytest.mark.parametrize("tag", ["Header", "Markdown"])
@pytest.mark.parametrize(("shown", "kind"), [(TEXT, "text"), (IMAGE, "image")])
def test_a_title_is_read_beside_others_where_it_says_something_of_the_task(
    title: Callable[[int], Any], is_read: bool, tag: str, shown: str, kind: str
) -> None:
    found = read(config(f'<{tag} value="$x"/>', shown), tasks(title))
    assert (("text", "$x") in found) is is_read
    assert kind in [name for name, _ in found]


def test_a_text_that_a_control_can_ask_about_is_read_whatever_it_holds() -> None:
    names = [{"text": f"name{i}", "x": f"What is thing {i}?"} for i in range(9)]
    assert read(config('<Header value="$x"/>', TEXT), names) == [("text", "$text"), ("text", "$x")]


@pytest.mark.parametrize("value", ["Task $x", "$x"])
@pytest.mark.parametrize("name", ["horse_{}.png", "Ida Berg {}"])
def test_where_nothing_else_can_be_read_a_title_of_words_is(value: str, name: str) -> None:
    data = [{"x": name.format(i)} for i in range(9)]
    found = read(config(f'<Header value="{value}"/>'), data)
    assert [field for _, field in found] == [value]


@pytest.mark.parametrize("title", [lambda i: i, lambda i: f"{i:06}", lambda i: f"0fa3-77bc-{i}"])
def test_a_title_of_numbers_and_codes_is_never_learned_from(title: Callable[[int], Any]) -> None:
    data = [{"x": title(i), "task_id": "horse"} for i in range(9)]
    for field in ("x", "task_id"):
        found = judge(config(f'<Header value="Task ${field}"/>'), data)
        assert found.outcome is Outcome.REFUSED
        assert "nothing to learn from on <Header>" in found.why


def test_the_title_steps_in_for_pictures_that_cannot_be_read() -> None:
    shown, data = shown_objects(config('<Header value="$x"/>', IMAGE)), tasks(lambda i: f"horse_{i}.png")
    inputs = choose_inputs(shown, data)
    assert [spec.kind for spec in inputs] == ["image"]
    assert [spec.kind for spec in with_spare(inputs, shown, data)][:2] == ["image", "caption"]


def test_an_object_that_only_titles_is_explained_as_not_read() -> None:
    found = judge(config('<Header value="Task $x"/>', TEXT), tasks(lambda i: f"horse_{i}.png"))
    assert [(o.value, o.read_as) for o in found.objects] == [("$text", ("text",)), ("Task $x", ())]


TEXTS = (InputSpec("text", ("$a",)), InputSpec("text", ("$b",)))
COLUMNS = [
    [f"red car {i} on the road" for i in range(8)],
    [f"a blue house {i % 3} in town" for i in range(8)],
]


def test_the_sketches_of_several_texts_stand_before_their_words() -> None:
    reader = Reader.fitted(TEXTS, COLUMNS, seed=0)
    n, m = (v.n_sketch for v in reader.vectorizers)
    assert reader.n_sketch == n + m
    one, other = (
        v.transform(column).X.toarray() * scale
        for v, column, scale in zip(reader.vectorizers, COLUMNS, reader.scales, strict=True)
    )
    expected = np.hstack([one[:, :n], other[:, :m], one[:, n:], other[:, m:]])
    np.testing.assert_allclose(reader.transform(COLUMNS).X.toarray(), expected, rtol=1e-6)


def test_beside_numbers_no_column_counts_as_a_sketch() -> None:
    both = (TEXTS[0], InputSpec("numbers", ("v",)))
    reader = Reader.fitted(both, [COLUMNS[0], [{"v": [float(i), 1.0]} for i in range(8)]], seed=0)
    assert reader.n_sketch == 0


def test_a_reader_that_was_stored_with_its_texts_side_by_side_goes_on_so() -> None:
    reader = Reader.fitted(TEXTS, COLUMNS, seed=0)
    described, arrays = reader.state()
    np.testing.assert_array_equal(
        Reader.from_state((described, arrays)).transform(COLUMNS).X.toarray(),
        reader.transform(COLUMNS).X.toarray(),
    )
    del described["sketches_first"]
    old = Reader.from_state((described, arrays))
    width = old.vectorizers[0].transform(COLUMNS[0]).X.shape[1]
    assert old.n_sketch == 0
    np.testing.assert_allclose(
        old.transform(COLUMNS).X.toarray()[:, :width],
        old.vectorizers[0].transform(COLUMNS[0]).X.toarray(),
        rtol=1e-6,
    )
