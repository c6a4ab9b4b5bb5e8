"""One round: fetch, learn, choose, write back. This page is the picture in the README."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any

import numpy as np

from backend.learning.accuracy import Accuracy, accuracy_now, confidences, read_accuracies
from backend.loop.audit import audited_head, labels_until_audit, remembered_draws
from backend.loop.check_tab import show_suspects
from backend.loop.insights.keep import keep_insight
from backend.loop.learn import Lesson, learn
from backend.loop.lease import Lease
from backend.loop.prefill import results_for
from backend.loop.priorities import Chooser, Head, as_predictions
from backend.loop.publish import clean_up, is_served, new_version, serve_head, stop_serving
from backend.loop.report import NOT_ORDERABLE, PUBLISHED, RoundReport, report_on
from backend.loop.second_opinions import Order, open_again, to_ask_again, woven
from backend.loop.situation import Situation, look, means_of
from backend.loop.stages import Stages
from backend.services import Services
from backend.store.connection import Connection, read_connection
from backend.store.features import PoolFeatures
from backend.store.insight import Insight, load_insight
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
        situation = look(services, project_id, stages, anew=force)
        published = store.published(project_id)
    accuracies = read_accuracies(ProgressFile(store.folder(project_id)).read().report)
    if published and not force and _is_current(services, situation, published, stages):
        with stages("know"):
            keep_insight(store.folder(project_id), situation, None, published, accuracies, accuracies)
        return report_on(situation, "nothing new", published, lease.fence, accuracies, None, stages.seconds)

    version = new_version(lease.fence)
    with stages("learn"):
        lesson, model = learn(situation, services.settings, version, published, accuracies)
    with stages("choose"):
        folder = store.folder(project_id)
        head = choose(lesson, situation, services.settings.seed, published)
        again = to_ask_again(situation, load_insight(folder).second_opinions)
        order = woven(head, situation.candidates, again)
        # Another's opinion is one's own only where nobody has said before what it should be.
        results = results_for(situation, order.task_ids, order.audit | order.second, model, accuracies)
        predictions = list(as_predictions(order.task_ids, results, version))
    # Learning may have taken minutes, in which another worker has come to stand in.
    lease.check()
    if model is not None:
        with stages("store"):
            store.save(project_id, version, model)
    with stages("write"):
        open_again(services.label_studio, folder, situation, again)
        stored = serve_head(services.label_studio, project_id, predictions, version, lease)
    published = replace(_published(situation, version, lease.fence, order, model, published), stored=stored)
    with stages("store"):
        store.publish(project_id, published)
        store.prune(project_id)
    with stages("clean"):
        clean_up(services.label_studio, project_id, published, lease)
    # Last: annotators do not wait for it.
    with stages("estimate"):
        before, accuracies = accuracies, estimate(lesson, situation, accuracies, anew=force)
    with stages("know"):
        lease.check()
        insight = keep_insight(folder, situation, lesson, published, before, accuracies, anew=force)
    if insight is not None:
        with stages("check"):
            published = _with_suspects(services, situation, insight, published, lease)
    return report_on(situation, PUBLISHED, published, lease.fence, accuracies, lesson, stages.seconds)


def _is_current(services: Services, situation: Situation, published: Published, stages: Stages) -> bool:
    """Whether the project is as the last round has seen it, and that round's order is served."""
    if published.fingerprint != situation.fingerprint:
        return False
    with stages("switch"):
        # Somebody may have changed the sampling, or deleted predictions: then a head is served anew.
        return is_served(services.label_studio, situation.project, published)


def _with_suspects(
    services: Services, situation: Situation, insight: Insight, published: Published, lease: Lease
) -> Published:
    """Show the likely wrong labels, and return what is published with their predictions counted."""
    shown = show_suspects(services.label_studio, situation, insight.suspects, published, lease)
    if not shown:
        return published
    # With the head: whoever looks later must find as many predictions as are meant to be there.
    published = replace(published, stored=(published.stored or 0) + shown)
    lease.check()
    services.store.publish(int(situation.project["id"]), published)
    return published


def step_back(services: Services, project_id: int, lease: Lease, why: Exception) -> RoundReport:
    """Give a project that cannot be ordered its own sampling back, and return the report that says so.

    It is no failure to be repeated: the next round comes when the project has changed.
    """
    connection = read_connection(services.store, project_id) or Connection()
    lease.check()
    project = services.label_studio.project(project_id)
    changes = stop_serving(services.label_studio, project, connection.found)
    return RoundReport(
        project=project_id,
        outcome=NOT_ORDERABLE,
        version=None,
        fence=lease.fence,
        notes=(f"{why}; tasks are served as before `connect`", *changes),
        means=means_of(services),
        ended_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def choose(lesson: Lesson, situation: Situation, seed: int, published: Published | None = None) -> Head:
    """Return the head of the queue among the candidates."""
    pool, candidates, labeled = situation.pool, situation.candidates, situation.labels.task_ids
    tasks = situation.tasks(candidates)
    doubt, groups = lesson.doubt(tasks), lesson.groups(tasks)
    chooser = Chooser(lesson.chooser(), pool.rows_of(candidates), doubt, groups)
    # By the labels: a round that is repeated after a crash draws the same tasks, a later one others.
    rng = np.random.default_rng([seed, len(labeled)])
    return audited_head(chooser, pool, candidates, labeled, situation.options, rng, published)


def estimate(
    lesson: Lesson, situation: Situation, last: dict[str, Accuracy], *, anew: bool = False
) -> dict[str, Accuracy]:
    """Return what is known of each question's accuracy over all tasks that can be read."""
    pool, share, found = situation.pool, situation.options.exploration, {}
    # Questions with the same labeled tasks have the same ones left; a copy of a pool's rows can be gigabytes.
    rest = lru_cache(maxsize=1)(lambda ids: _unlabeled(pool, ids))
    options: dict[str, Any] = {"exploration": share, "anew": anew}
    for labels in situation.labels.questions:
        name, before = labels.control.name, last.get(labels.control.name, Accuracy())
        learned = lesson.learned.get(name)
        if learned is not None and learned.sampler is None:
            n_tasks = int(pool.features.readable.sum())
            given = lesson.given[name]
            found[name] = given.held_out(learned, before, n_tasks, **options)
            continue
        ids, X = rest(tuple(labels.task_ids.tolist()))
        sure = partial(confidences, learned, ids, X)
        found[name] = accuracy_now(lesson.sampler_of(name), X, before, **options, sure=sure)
    return found


def _unlabeled(pool: PoolFeatures, task_ids: Sequence[int]) -> tuple[np.ndarray, Any]:
    """Return the ids and the features of the tasks that can be read, but for these."""
    rows = np.flatnonzero(pool.features.readable & ~np.isin(pool.task_ids, task_ids))
    return pool.task_ids[rows], pool.features.X[rows]


def _published(
    situation: Situation,
    version: str,
    fence: int,
    order: Order,
    model: Model | None,
    before: Published | None,
) -> Published:
    audit = order.task_ids[order.audit]
    return Published(
        version=version,
        fence=fence,
        fingerprint=situation.fingerprint,
        head=tuple(order.task_ids.tolist()),
        audit=tuple(audit.tolist()),
        second=tuple(order.task_ids[order.second].tolist()),
        has_model=model is not None,
        previous=before.version if before else None,
        drawn=remembered_draws(before, situation.pool.task_ids, situation.candidates, audit),
        audit_due=labels_until_audit(before, situation.labels.task_ids, situation.options),
        labels=len(situation.labels),
    )
