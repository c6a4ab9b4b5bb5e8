"""From labels to models, question by question, and to what chooses the next tasks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType

import numpy as np
from scipy.stats import rankdata

from backend.learning.accuracy import Accuracy
from backend.learning.answers import Answer
from backend.learning.controls import Control
from backend.learning.held_out import accuracy_held_out
from backend.learning.labels import Labels
from backend.learning.learned import How, Learned
from backend.learning.learner import make_estimator
from backend.learning.tasks import Tasks
from backend.log_context import kind_and_place, log_fault
from backend.loop.audit import were_drawn
from backend.loop.goal import Goal
from backend.loop.options import ProjectOptions
from backend.loop.situation import Situation
from backend.settings import Settings
from backend.store.models import Model, Published
from clean_al import IntelligentSampler
from clean_al.neighborhoods import Neighborhoods

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Given:
    """What a question is learned from: the tasks that have an answer and can be read, and their answers."""

    control: Control
    tasks: Tasks
    answers: Sequence[Answer]
    how: How

    def held_out(
        self, learned: Learned, last: Accuracy, n_tasks: int, *, exploration: float, anew: bool
    ) -> Accuracy:
        """Return what is known of a model without a sampler, see `accuracy_held_out`."""
        given = self.control, learned, self.tasks, self.answers, self.how
        return accuracy_held_out(*given, last, n_tasks, exploration=exploration, anew=anew)


@dataclass(frozen=True)
class Lesson:
    """What a round has learned.

    Attributes
    ----------
    learned : by the names of the questions, those that could be learned
    missing : why each of the others could not
    seen : a sampler that knows which tasks are labeled, but no answer
    given : what each of the questions was to be learned from
    goal : what is looked for; None while no model knows it
    foreign : another model's doubt, where the project's option `predictions` names its version
    """

    learned: Mapping[str, Learned]
    missing: Mapping[str, str]
    seen: IntelligentSampler
    weights: Mapping[str, float] = field(default_factory=dict)
    foreign: Callable[[Tasks], np.ndarray] | None = None
    given: Mapping[str, Given] = field(default_factory=dict)
    goal: Goal | None = None

    def sampler_of(self, question: str) -> IntelligentSampler:
        """Return the sampler that knows a question's answers; without one, the one that knows the tasks."""
        learned = self.learned.get(question)
        return learned.sampler if learned is not None and learned.sampler is not None else self.seen

    def chooser(self) -> IntelligentSampler:
        """Return the sampler that chooses: the only question's own, else one that goes by doubts."""
        own = [learned.sampler for learned in self.learned.values()]
        if self.foreign is not None or self.goal is not None:
            return self.seen
        return own[0] if len(own) == 1 and own[0] is not None else self.seen

    def doubt(self, tasks: Tasks) -> np.ndarray | None:
        """Return how much each task is in doubt over all questions; None where the sampler knows by itself.

        Each question ranks the tasks by its own doubt, and the ranks are averaged: doubts of different kinds
        of models have no common scale.
        """
        if self.chooser() is not self.seen:
            return None
        if self.foreign is not None:
            return self.foreign(tasks)
        if self.goal is not None:
            return self.goal.chances(self.learned, tasks)
        ranks, weights = [], []
        for name, learned in self.learned.items():
            doubt = learned.doubt(tasks)
            if doubt is not None and len(doubt):
                ranks.append(rankdata(doubt) / len(doubt))
                weights.append(self.weights.get(name, 1.0))
        return np.average(ranks, axis=0, weights=weights) if ranks and any(weights) else None

    def groups(self, tasks: Tasks) -> np.ndarray | None:
        """Return which tasks are alike to the only question that there is; of several, none decides that."""
        found = list(self.learned.values())
        return found[0].groups(tasks) if len(found) == 1 and self.goal is None else None


def learn(
    situation: Situation,
    settings: Settings,
    version: str,
    published: Published | None = None,
    accuracies: Mapping[str, Accuracy] = MappingProxyType({}),
) -> tuple[Lesson, Model | None]:
    """Return what the labels teach, and the model to publish; None while there is too little.

    Parameters
    ----------
    accuracies : what was last known of each question; with the model goes how sure it must be to be shown
    """
    learned: dict[str, Learned] = {}
    missing: dict[str, str] = {}
    given: dict[str, Given] = {}
    for labels in situation.labels.questions:
        name = labels.control.name
        given[name] = _given(labels, situation, settings, published)
        found = _learn(given[name], labels, situation)
        if isinstance(found, str):
            missing[name] = found
        else:
            learned[name] = found
    _share_rows(learned, given)
    seen = _seen(situation, settings, published)
    lesson = Lesson(learned, missing, seen, situation.options.question_weights, situation.foreign, given)
    if _is_known(situation.goal, learned, situation):
        # The likeliest first, near-copies too, for each of them counts; the audit share sees to it that other
        # kinds are met.
        seen.set_params(strategy="uncertainty", duplicate_threshold=0)
        lesson = replace(lesson, goal=situation.goal)
    elif situation.foreign is not None and seen.strategy == "auto":
        # What is asked for is where another model is wrong: the most doubtful tasks themselves, spread out,
        # and not those that cover the most doubt.
        seen.set_params(strategy="hybrid")
    if not learned:
        if situation.foreign is None:
            seen.set_params(strategy="typiclust")
        return lesson, None
    facts = {
        "version": version,
        "labels": len(situation.labels),
        "trained_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "label_config": situation.project["label_config"],
        "prefill": situation.options.prefill,
        "accuracies": {name: asdict(accuracies[name]) for name in learned if name in accuracies},
    }
    return lesson, Model(situation.pool.reader, learned, facts)


def _is_known(goal: Goal | None, learned: Mapping[str, Learned], situation: Situation) -> bool:
    some = situation.candidates[:1]
    return goal is not None and len(some) > 0 and goal.chances(learned, situation.tasks(some)) is not None


def make_sampler(
    options: ProjectOptions, settings: Settings, n_sketch: int, near: Neighborhoods | None = None
) -> IntelligentSampler:
    """Return the sampler that a project asks for; what it does not name keeps the library's default."""
    estimator = make_estimator(
        name=options.estimator, trusted=settings.estimator, seed=settings.seed, n_sketch=n_sketch, near=near
    )
    return IntelligentSampler(estimator=estimator, random_state=settings.seed, **options.for_sampler())


def _given(labels: Labels, situation: Situation, settings: Settings, published: Published | None) -> Given:
    # A row of zeros stands for a task that cannot be read: it would teach that nothing means something.
    readable = situation.pool.features.readable[situation.pool.rows_of(labels.task_ids)]
    task_ids = labels.task_ids[readable]
    answers = [answer for answer, is_read in zip(labels.answers, readable, strict=True) if is_read]
    how = How(
        # Asked for once there are answers to learn from: it takes a fraction of a second.
        sampler=lambda: make_sampler(
            situation.options, settings, situation.pool.reader.n_sketch, situation.neighborhoods
        ),
        uniform=were_drawn(published, task_ids),
        min_labels=situation.options.min_labels,
        seed=settings.seed,
    )
    return Given(labels.control, situation.tasks(task_ids), answers, how)


def _share_rows(learned: Mapping[str, Learned], given: Mapping[str, Given]) -> None:
    """Have questions with the same labeled tasks work out but once what the answers have no part in."""
    first: dict[bytes, IntelligentSampler] = {}
    for name, model in learned.items():
        if model.sampler is not None:
            same = first.setdefault(given[name].tasks.ids.tobytes(), model.sampler)
            model.sampler.labeled_.share_rows(same.labeled_)


def _learn(given: Given, labels: Labels, situation: Situation) -> Learned | str:
    if not given.answers:
        return "none of the labeled tasks can be read" if len(labels) else "no labels yet"
    try:
        return given.control.learn(given.tasks, given.answers, given.how)
    except Exception as error:  # noqa: BLE001
        # A user's own estimator, a control that meets something new: the other questions go on.
        log_fault(logger, error, "project %s: %s", situation.project["id"], labels.control.name)
        return f"learning failed: {kind_and_place(error)}"


def _seen(situation: Situation, settings: Settings, published: Published | None) -> IntelligentSampler:
    """Return a sampler that keeps away from the labeled tasks; of one class, it fits no model."""
    sampler = make_sampler(situation.options, settings, situation.pool.reader.n_sketch)
    ids = situation.labels.task_ids
    if len(ids):
        known = situation.pool.features.rows(situation.pool.rows_of(ids))
        uniform = were_drawn(published, ids)
        sampler.fit(known.X, np.zeros(len(ids)), embedding=known.embedding, uniform=uniform)
    return sampler
