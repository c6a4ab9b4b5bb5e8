"""Several questions in one project: each is learned, all of them choose, one that fails stops no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backend.label_studio.client import LabelStudio
from backend.learning.accuracy import Accuracy
from backend.learning.answers import Answer
from backend.learning.controls import CONTROLS, SingleChoice
from backend.learning.labels import ProjectLabels
from backend.learning.learned import How, Learned
from backend.learning.tasks import Tasks
from backend.loop.learn import Lesson, learn
from backend.loop.lease import take_lease
from backend.loop.options import read_options
from backend.loop.predictor import Predictor
from backend.loop.report import RoundReport
from backend.loop.round import choose, estimate, run_round
from backend.loop.situation import look
from backend.loop.stages import Stages
from backend.services import Services
from clean_al import IntelligentSampler
from tests.fakes.label_studio import FakeLabelStudio

CONFIG = """
<View>
  <Text name="text" value="$text"/>
  <Choices name="topic" toName="text"><Choice value="cats"/><Choice value="money"/></Choices>
  <Choices name="marks" toName="text" choice="multiple"><Choice value="old"/><Choice value="loud"/></Choices>
  <Rating name="stars" toName="text" maxRating="3"/>
  <TextArea name="note" toName="text"/>
</View>
"""
WORDS = {"cats": "kitten purr whisker", "money": "bank stock bond", "old": "ancient", "loud": "shouting"}


def item(name: str, kind: str, value: Any) -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": kind, "value": {kind: value}}


def task_of(i: int) -> tuple[str, list[dict[str, Any]]]:
    """A text that gives all its answers away, and these."""
    topic, stars = ("cats", "money")[i % 2], 1 + i % 3
    marks = [mark for k, mark in enumerate(("old", "loud")) if (i // 2) >> k & 1]
    words = [WORDS[topic], *(WORDS[mark] for mark in marks), ("poor", "fair", "great")[stars - 1]]
    result = [item("topic", "choices", [topic]), item("stars", "rating", stars)]
    if marks:
        result.append(item("marks", "choices", marks))
    return f"{' '.join(words)} {i}", result


@pytest.fixture
def project(label_studio: LabelStudio) -> int:
    made = label_studio.create_project(title="Three questions", label_config=CONFIG)
    return int(made["id"])


@pytest.fixture
def tasks(label_studio: LabelStudio, project: int) -> dict[int, list[dict[str, Any]]]:
    given = [task_of(i) for i in range(60)]
    ids = label_studio.import_tasks(project, [{"data": {"text": text}} for text, _ in given])
    return {task: result for task, (_, result) in zip(ids, given, strict=True)}


def do_round(services: Services, project: int) -> RoundReport:
    published = services.store.published(project)
    with take_lease(services.redis, project, 15, published.fence if published else 0) as lease:
        assert lease is not None
        return run_round(services, project, lease)


def test_every_question_is_learned_shown_and_reported(
    fake: FakeLabelStudio,
    services: Services,
    label_studio: LabelStudio,
    project: int,
    tasks: dict[int, list[dict[str, Any]]],
) -> None:
    done = list(tasks)[:36]
    for task in done:
        label_studio.annotate(task, tasks[task])
    options(fake, services, project, {"prefill": "always"})
    report = do_round(services, project)
    assert report.has_model
    assert [(q.name, q.control, q.labels, q.missing) for q in report.questions] == [
        ("topic", "Choices", 36, None),
        ("marks", "Choices", 36, None),
        ("stars", "Rating", 36, None),
    ]
    assert report.questions[0].classes == {"cats": 18, "money": 18}
    assert any("TextArea" in note for note in report.notes)
    head = [p for p in fake.world.predictions.values() if p["model_version"] == report.version]
    assert {p["task"] for p in head} == set(tasks) - set(done)
    answers, version = Predictor(services).predict(
        project, [{"data": {"text": task_of(i)[0]}} for i in (6, 7)]
    )
    assert version == report.version
    given = [{r["from_name"]: r["value"] for r in answer["result"]} for answer in answers]
    assert [g["topic"] for g in given] == [{"choices": ["cats"]}, {"choices": ["money"]}]
    assert [g["marks"] for g in given] == [{"choices": ["old", "loud"]}] * 2
    assert [g["stars"] for g in given] == [{"rating": 1}, {"rating": 2}]


def test_accuracies_that_are_worked_out_together_are_those_of_each_question_alone(
    services: Services, label_studio: LabelStudio, project: int, tasks: dict[int, list[dict[str, Any]]]
) -> None:
    for task in list(tasks)[:45]:
        label_studio.annotate(task, tasks[task])
    everything = look(services, project, Stages())

    def accuracies(labels: ProjectLabels) -> dict[str, Accuracy]:
        situation = replace(everything, labels=labels)
        lesson, _ = learn(situation, services.settings, "v")
        choose(lesson, situation, 0)
        return estimate(lesson, situation, {}, anew=True)

    together = accuracies(everything.labels)
    for question in everything.labels.questions:
        (alone,) = accuracies(ProjectLabels((question,))).values()
        found = together[question.control.name]
        assert found.early == pytest.approx(alone.early, abs=1e-5)
        assert (found.slope, found.intercept) == pytest.approx((alone.slope, alone.intercept), abs=1e-5)


SECRET = "the text of a task"


def test_a_question_that_fails_is_named_and_the_others_go_on(
    services: Services,
    label_studio: LabelStudio,
    project: int,
    tasks: dict[int, list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Failing(SingleChoice):
        def learn(self, tasks: Tasks, answers: Sequence[Answer], how: How) -> Learned | str:
            raise ZeroDivisionError(f"cannot divide {SECRET}")

    monkeypatch.setattr("backend.learning.controls.CONTROLS", [Failing, *CONTROLS])
    for task in list(tasks)[:20]:
        label_studio.annotate(task, tasks[task])
    report = do_round(services, project)
    assert report.has_model
    missing = report.questions[0].missing
    assert missing is not None
    assert missing.startswith("learning failed: ZeroDivisionError in test_questions.py, line ")
    assert [q.missing for q in report.questions[1:]] == [None, None]
    assert f"topic: {missing}" in report.notes
    # Its words may be a task's: only its kind and place are told, in the log too.
    assert SECRET not in str(report)
    assert SECRET not in caplog.text
    assert "ZeroDivisionError" in caplog.text


class Unsure(Learned):
    """Something learned whose doubts are given."""

    KIND = "given"

    def __init__(self, doubt: list[float] | None):
        self.given = doubt

    def guess(self, tasks: Tasks) -> list[Any]:
        raise NotImplementedError

    def doubt(self, tasks: Tasks) -> np.ndarray | None:
        return None if self.given is None else np.array(self.given)

    def state(self) -> Any:
        raise NotImplementedError

    @classmethod
    def from_state(cls, state: Any, estimators: Any) -> Any:
        raise NotImplementedError


def lesson(weights: dict[str, float] | None = None, **doubts: list[float] | None) -> Lesson:
    learned = {name: Unsure(doubt) for name, doubt in doubts.items()}
    return Lesson(learned, {}, IntelligentSampler(), weights or {})


def some_tasks(n: int) -> Any:
    return type("Some", (), {"__len__": lambda self: n})()


def test_doubts_are_averaged_by_rank_not_by_size() -> None:
    found = lesson(a=[0.1, 0.2, 0.3, 0.4], b=[900.0, 5.0, 7.0, 7.0]).doubt(some_tasks(4))
    assert found is not None
    np.testing.assert_allclose(found, [(1 + 4) / 8, (2 + 1) / 8, (3 + 2.5) / 8, (4 + 2.5) / 8])


def test_a_weight_counts_and_a_question_without_doubt_does_not() -> None:
    found = lesson({"a": 3.0, "b": 1.0}, a=[0.0, 1.0], b=[1.0, 0.0], c=None).doubt(some_tasks(2))
    assert found is not None
    np.testing.assert_allclose(found, [(3 * 0.5 + 1.0) / 4, (3 * 1.0 + 0.5) / 4])
    assert lesson(a=None).doubt(some_tasks(2)) is None
    assert lesson({"a": 0.0}, a=[1.0, 2.0]).doubt(some_tasks(2)) is None


def test_the_only_question_chooses_by_itself() -> None:
    one = lesson(a=[1.0, 2.0])
    one.learned["a"].sampler = own = IntelligentSampler()
    assert one.chooser() is own
    assert one.doubt(some_tasks(2)) is None
    assert one.sampler_of("a") is own
    assert one.sampler_of("b") is one.seen


def options(fake: FakeLabelStudio, services: Services, project: int, given: dict[str, Any]) -> None:
    backend = {"id": 50, "project": project, "url": services.settings.address, "title": "x"}
    fake.world.ml_backends[50] = backend | {"basic_auth_user": None, "extra_params": given}


@pytest.mark.parametrize("given", [["topic"], {"topic": 2}])
def test_the_option_questions_chooses_among_them(
    fake: FakeLabelStudio,
    services: Services,
    label_studio: LabelStudio,
    project: int,
    tasks: dict[int, Any],
    given: Any,
) -> None:
    for task in list(tasks)[:10]:
        label_studio.annotate(task, tasks[task])
    options(fake, services, project, {"questions": given})
    report = do_round(services, project)
    assert [q.name for q in report.questions] == (["topic"] if isinstance(given, list) else ALL)


ALL = ["topic", "marks", "stars"]


def test_unknown_questions_are_named_with_those_that_there_are(
    fake: FakeLabelStudio, services: Services, label_studio: LabelStudio, project: int, tasks: dict[int, Any]
) -> None:
    options(fake, services, project, {"questions": ["tpoic"]})
    report = do_round(services, project)
    assert [q.name for q in report.questions] == ALL
    assert "option questions: no control 'tpoic' to learn; there are topic, marks, stars" in report.notes


@pytest.mark.parametrize(
    "given", ['{"questions": {"a": -1}}', '{"questions": 5}', '{"questions": {"a": "x"}}']
)
def test_wrong_weights_are_refused_by_name(given: str) -> None:
    with pytest.raises(Exception, match="extra params: questions"):
        read_options(given)
