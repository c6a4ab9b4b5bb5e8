"""Configs that few expect are learned from what they show, and what cannot be used is named with the fix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backend.errors import MediaError
from backend.label_studio.media import read_data_uri
from backend.label_studio.records import Annotation
from backend.learning.controls import read_questions
from backend.learning.inputs import Reader, choose_inputs, read_values
from backend.learning.labeling_config import shown_objects
from backend.learning.labels import read_labels
from backend.learning.learned import Learned
from backend.learning.tasks import Tasks
from backend.learning.vectorize import Features
from backend.learning.verdict import Outcome, judge
from tests.backend.learning.lessons import how, on_text
from tests.backend.learning.unusual import CHOICES, OBJECTS, TEXT, Case, choices, view, words
from tests.backend.learning.unusual_controls import CONTROLS

N, N_LABELED = 60, 40


def download(address: str) -> bytes:
    if not address.startswith("data:"):
        raise MediaError("nothing else is there")
    return read_data_uri(address, 2**20)


def features_of(case: Case, data: list[dict[str, Any]]) -> Features:
    inputs = choose_inputs(shown_objects(case.config), data)
    values = read_values(inputs, data, download)
    return Reader.fitted(inputs, values, seed=0).transform(values)


@pytest.mark.parametrize("case", [*OBJECTS.values(), *CONTROLS.values()], ids=[*OBJECTS, *CONTROLS])
def test_it_is_learned_from_what_it_shows(case: Case) -> None:
    made = [case.made(i) for i in range(N)]
    data = [each for each, _ in made]
    assert judge(case.config, data).outcome is Outcome.LEARNED
    questions = read_questions(case.config).controls
    assert tuple(control.name for control in questions) == case.learned
    features = features_of(case, data)
    assert features.readable.all()
    given = [(i, [annotation(result)]) for i, (_, result) in enumerate(made)]
    labels = read_labels(given[:N_LABELED], questions).questions
    truth = read_labels(given[N_LABELED:], questions).questions
    for known, held_out in zip(labels, truth, strict=True):
        assert not known.unreadable
        tasks = Tasks.of(data, features).rows(known.task_ids)
        model = known.control.learn(tasks, known.answers, how(len(known)))
        assert isinstance(model, Learned), model
        guesses = model.guess(Tasks.of(data, features).rows(held_out.task_ids))
        right = [guess.answer == answer for guess, answer in zip(guesses, held_out.answers, strict=True)]
        assert np.mean(right) >= case.least, known.control.name


def annotation(result: list[dict[str, Any]]) -> Annotation:
    return Annotation(
        1, 1, result, was_cancelled=False, ground_truth=False, updated_at="2026-01-01T00:00:00Z"
    )


BROKEN = {
    "no toName": (
        CHOICES.replace('toName="t"', ""),
        'it has no toName, which says what it is about; write toName="t"',
    ),
    "an empty toName": (CHOICES.replace('"t"', '""'), "it has no toName"),
    "no name": (CHOICES.replace('name="c"', ""), "it has no name, by which its answers go"),
    "a toName that names nothing": (
        CHOICES.replace('"t"', '"zzz"'),
        'its toName="zzz" names nothing in this config; write toName="t"',
    ),
    "no choice": ('<Choices name="c" toName="t"/>', "it has no <Choice> tag"),
    "a value that is no field": (
        choices(value="foo"),
        'its value names no field of the task data ("$options")',
    ),
    "one choice that must be picked": (
        '<Choices name="c" toName="t" required="true"><Choice value="A"/></Choices>',
        "every answer is the same; add a second one",
    ),
    "one object of two": ('<Pairwise name="c" toName="t"/>', "toName must name two objects"),
    "a tag of nobody": ('<Magic name="c" toName="t"/>', "this control is not known"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_control_is_named_with_the_fix_and_the_rest_is_learned(broken: str) -> None:
    control, why = BROKEN[broken]
    verdict = judge(on_text(control + '<Rating name="r" toName="t"/>'), [{"t": words(i)} for i in range(3)])
    assert verdict.outcome is Outcome.LEARNED
    assert verdict.why == "learns r (<Rating>)"
    (said,) = [each.why for each in verdict.controls if each.outcome is Outcome.ORDERED]
    assert why in said
    alone = judge(on_text(control))
    assert alone.outcome is Outcome.ORDERED
    assert why in alone.why


def test_of_two_controls_of_one_name_the_first_is_learned_and_the_second_named() -> None:
    questions = read_questions(view(TEXT, CHOICES, '<Rating name="c" toName="t"/>'))
    assert [control.tag.tag for control in questions.controls] == ["Choices"]
    (said,) = questions.passed_over
    assert (
        said
        == '<Rating name="c">: another control has the name "c", too: answers go by it; give each its own'
    )


def test_a_config_that_shows_no_field_says_so() -> None:
    verdict = judge(view('<Text name="t" value="fixed words"/>', CHOICES), [{"x": words(1)}])
    assert verdict.outcome is Outcome.REFUSED
    assert "this config, which shows no field of the data" in verdict.why


def test_an_interface_that_is_given_an_address_alone_has_no_words() -> None:
    case = Case(
        view('<ReactCode name="z" toName="z" data="$m"/>', CHOICES), lambda i: ({"m": "/data/a.png"}, [])
    )
    assert not features_of(case, [case.made(0)[0]]).readable.any()
