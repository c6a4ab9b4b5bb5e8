"""One round: fetch, learn, choose, write back. This page is the picture in the README."""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np

from backend.learning.accuracy import Accuracy, accuracy_now, read_accuracies
from backend.loop.audit import audited_head, labels_until_audit, remembered_draws
from backend.loop.learn import Lesson, learn
from backend.loop.lease import Lease
from backend.loop.priorities import Chooser, Head, as_predictions
from backend.loop.publish import VERSION_PREFIX, clean_up, is_served, serve_head
from backend.loop.report import RoundReport, report_on
from backend.loop.situation import Situation, look
from backend.loop.stages import Stages
from backend.services import Services
from backend.store.models import Model, Published
from backend.store.progress import ProgressFile


def run_round(services: Services, project_id: int, lease: Lease, *, force: bool = False) -> RoundReport:
    """Bring one project's models and queue up to date with what its annotators have said.

    Returns
    -------
    RoundReport
        Its outcome is "published", or "nothing new" when nothing was written.

    Raises
    ------
    LabelStudioError, SettingsError, ModelStoreError
        The last order stands.
    RoundSuperseded
        Another worker has taken over; nothing more was published.
    """
    stages, store = Stages(), services.store
    with stages("fetch"):
        situation = look(services, project_id, stages)
        published = store.published(project_id)
    accuracies = read_accuracies(ProgressFile(store.folder(project_id)).read().report)
    if not force and published and published.fingerprint == situation.fingerprint:
        with stages("switch"):
            served = is_served(services.label_studio, situation.project, published)
        if served:
            outcome = "nothing new"
            return report_on(situation, outcome, published, lease.fence, accuracies, None, stages.seconds)

    version = _new_version(lease.fence)
    with stages("learn"):
        lesson, model = learn(situation, services.settings, version, published)
    with stages("choose"):
        head = choose(lesson, situation, services.settings.seed, published)
        task_ids = situation.candidates[head.rows]
        predictions = _predictions(situation, task_ids, model, version)
    lease.check()
    if model is not None:
        with stages("store"):
            store.save(project_id, version, model)
    with stages("write"):
        serve_head(services.label_studio, project_id, predictions, version, lease)
    published = _published(situation, version, lease.fence, head, model, published)
    with stages("store"):
        store.publish(project_id, published)
        store.prune(project_id)
    with stages("clean"):
        clean_up(services.label_studio, project_id, published, lease)
    # Last: annotators do not wait for it.
    with stages("estimate"):
        accuracies = estimate(lesson, situation, accuracies, anew=force)
    return report_on(situation, "published", published, lease.fence, accuracies, lesson, stages.seconds)


def choose(lesson: Lesson, situation: Situation, seed: int, published: Published | None = None) -> Head:
    """Return the head of the queue among the candidates."""
    pool, candidates, labeled = situation.pool, situation.candidates, situation.labels.task_ids
    tasks = situation.tasks(candidates)
    doubt, groups = lesson.doubt(tasks), lesson.groups(tasks)
    chooser = Chooser(lesson.chooser(), pool.rows_of(candidates), doubt, groups)
    rng = np.random.default_rng([seed, len(labeled)])
    return audited_head(chooser, pool, candidates, labeled, situation.options, rng, published)


def estimate(
    lesson: Lesson, situation: Situation, last: dict[str, Accuracy], *, anew: bool = False
) -> dict[str, Accuracy]:
    """Return what is known of each question's accuracy over all tasks that can be read."""
    pool, found = situation.pool, {}
    for labels in situation.labels.questions:
        name = labels.control.name
        unlabeled = pool.features.readable & ~np.isin(pool.task_ids, labels.task_ids)
        X = pool.features.X[np.flatnonzero(unlabeled)]
        sampler, share = lesson.sampler_of(name), situation.options.exploration
        found[name] = accuracy_now(sampler, X, last.get(name, Accuracy()), exploration=share, anew=anew)
    return found


def _predictions(
    situation: Situation, task_ids: np.ndarray, model: Model | None, version: str
) -> list[dict[str, Any]]:
    """Return what Label Studio is told of the head; with a model, what it would answer for each task."""
    guesses = model.guesses_of(situation.tasks(task_ids)) if model is not None and len(task_ids) else {}
    return list(as_predictions(task_ids, guesses, situation.controls, version))


def _published(
    situation: Situation, version: str, fence: int, head: Head, model: Model | None, before: Published | None
) -> Published:
    task_ids = situation.candidates[head.rows]
    audit = task_ids[head.audit]
    return Published(
        version=version,
        fence=fence,
        fingerprint=situation.fingerprint,
        head=tuple(task_ids.tolist()),
        audit=tuple(audit.tolist()),
        has_model=model is not None,
        previous=before.version if before else None,
        drawn=remembered_draws(before, situation.pool.task_ids, situation.candidates, audit),
        audit_due=labels_until_audit(before, situation.labels.task_ids, situation.options),
        labels=len(situation.labels),
    )


def _new_version(fence: int) -> str:
    """Return a name that no earlier round had, even in a store that was wiped; later ones sort after."""
    return f"{VERSION_PREFIX}{fence:06d}-{secrets.token_hex(3)}"
