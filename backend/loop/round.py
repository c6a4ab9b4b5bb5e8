"""One round: fetch, learn, choose, write back. This page is the picture in the README."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np

from backend.errors import LabelingConfigError
from backend.learning.accuracy import Accuracy, accuracy_now, read_accuracy
from backend.learning.controls import Control, learnable_control
from backend.learning.inputs import MAX_IMAGE_BYTES, InputSpec, Shown, choose_input, read_values, shown_object
from backend.learning.labeling_config import config_digest
from backend.learning.labels import NO_LABELS, Labels, read_labels
from backend.learning.learner import make_estimator
from backend.learning.vectorize import Features
from backend.loop.audit import audited_head, labels_until_audit, remembered_draws, were_drawn
from backend.loop.lease import Lease
from backend.loop.options import ProjectOptions, project_options
from backend.loop.priorities import Head, as_predictions
from backend.loop.publish import VERSION_PREFIX, clean_up, is_served, serve_head
from backend.loop.stages import Stages
from backend.services import Services
from backend.settings import Settings
from backend.store.connection import read_connection
from backend.store.features import FeatureStore, PoolFeatures
from backend.store.models import Model, Published
from backend.store.progress import ProgressFile
from backend.store.snapshot import Snapshot
from clean_al import IntelligentSampler

SAMPLE = 200
# What an empty project is learned from.
NO_INPUT = InputSpec("numbers", ())


@dataclass(frozen=True)
class RoundReport:
    """What one round saw and did; it is what `clean-al status` shows."""

    project: int
    outcome: str
    version: str | None
    fence: int
    tasks: int = 0
    labels: int = 0
    candidates: int = 0
    head: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    has_model: bool = False
    accuracy: Accuracy = field(default_factory=Accuracy)
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    ended_at: str = ""


@dataclass(frozen=True)
class Situation:
    """The project as one round sees it."""

    project: dict[str, Any]
    options: ProjectOptions
    control: Control | None
    spec: InputSpec
    pool: PoolFeatures
    labels: Labels
    open: np.ndarray
    notes: tuple[str, ...]

    @cached_property
    def candidates(self) -> np.ndarray:
        """Ids of the tasks to serve: open, not labeled; skipped ones only when no other is left."""
        free = self.open[~np.isin(self.open, self.labels.task_ids)]
        skipped = np.isin(
            free, np.fromiter(self.labels.skipped, dtype=np.int64, count=len(self.labels.skipped))
        )
        return free[~skipped] if (~skipped).any() else free

    @property
    def can_learn(self) -> bool:
        """Whether there is enough to fit a model to."""
        return self.labels.classes >= 2 and len(self.labels) >= self.options.min_labels


def run_round(services: Services, project_id: int, lease: Lease, *, force: bool = False) -> RoundReport:
    """Bring one project's model and queue up to date with what its annotators have said.

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
    accuracy = read_accuracy(ProgressFile(store.folder(project_id)).read().report)
    fingerprint = _fingerprint(situation)
    if not force and published and published.fingerprint == fingerprint:
        with stages("switch"):
            served = is_served(services.label_studio, situation.project, published)
        if served:
            return _report(situation, "nothing new", published, accuracy, lease, stages)

    version = _new_version(lease.fence)
    with stages("learn"):
        sampler, model = learn(situation, services, version, published)
    with stages("choose"):
        head, features = choose(sampler, situation, services.settings.seed, published)
        task_ids = situation.candidates[head.rows]
        predictions = _predictions(situation, task_ids, features, model, version)
    lease.check()
    if model is not None:
        with stages("store"):
            store.save(project_id, version, model)
    with stages("write"):
        serve_head(services.label_studio, project_id, predictions, version, lease)
    audit = task_ids[head.audit]
    published = Published(
        version=version,
        fence=lease.fence,
        fingerprint=fingerprint,
        head=tuple(task_ids.tolist()),
        audit=tuple(audit.tolist()),
        has_model=model is not None,
        previous=published.version if published else None,
        drawn=remembered_draws(published, situation.pool.task_ids, situation.candidates, audit),
        audit_due=labels_until_audit(published, situation.labels.task_ids, situation.options),
        labels=len(situation.labels),
    )
    with stages("store"):
        store.publish(project_id, published)
        store.prune(project_id)
    with stages("clean"):
        clean_up(services.label_studio, project_id, published, lease)
    # Last: annotators do not wait for it.
    with stages("estimate"):
        accuracy = estimate(sampler, situation, accuracy, anew=force)
    return _report(situation, "published", published, accuracy, lease, stages)


def look(services: Services, project_id: int, stages: Stages) -> Situation:
    """Return the project as it is now: its tasks, its labels, its pool's features.

    Raises
    ------
    LabelingConfigError
        When not even an order can be made: neither the config nor the task data has anything to go by.
    """
    label_studio = services.label_studio
    project = label_studio.project(project_id)
    connection = read_connection(services.store, project_id)
    options, notes = project_options(
        label_studio, project_id, services.settings, connection.ml_backend_id if connection else None
    )
    snapshot = Snapshot(services.store.folder(project_id) / "snapshot.sqlite")
    with snapshot.kept_sound():
        snapshot.refresh(label_studio, project_id)
        return _situation(services, project, snapshot, options, notes, stages)


def _situation(
    services: Services,
    project: dict[str, Any],
    snapshot: Snapshot,
    options: ProjectOptions,
    notes: tuple[str, ...],
    stages: Stages,
) -> Situation:
    label_studio, project_id = services.label_studio, project["id"]
    ids, is_open, versions = snapshot.tasks()
    control, shown, why = _read_config(project["label_config"])
    sample = list(snapshot.data(ids[np.linspace(0, len(ids) - 1, min(SAMPLE, len(ids))).astype(int)]))
    spec = choose_input(shown, sample, options.features) if sample else NO_INPUT

    def read(wanted: np.ndarray) -> list[Any]:
        return read_values(
            spec,
            snapshot.data(wanted),
            lambda path: label_studio.download(path, max_bytes=MAX_IMAGE_BYTES),
        )

    with stages("features"):
        store = FeatureStore(services.store.folder(project_id) / "features")
        pool = store.refresh(spec, ids, versions, read, services.settings.seed)
    # A worker that has been superseded may still write: what it adds meanwhile is for the next round.
    annotated = ((task, given) for task, given in snapshot.annotations() if task in pool)
    labels = read_labels(annotated, control) if control else NO_LABELS
    return Situation(project, options, control, spec, pool, labels, ids[is_open], (*notes, *why))


def learn(
    situation: Situation, services: Services, version: str, published: Published | None = None
) -> tuple[IntelligentSampler, Model | None]:
    """Return a sampler that knows the labels, and the model to publish; None while there is too little."""
    labels, pool = situation.labels, situation.pool
    n_sketch = pool.features.embedding.shape[1]
    sampler = make_sampler(situation.spec, situation.options, services.settings, n_sketch)
    if len(labels):
        known = pool.features.rows(pool.rows_of(labels.task_ids))
        uniform = were_drawn(published, labels.task_ids)
        sampler.fit(known.X, np.array(labels.values), embedding=known.embedding, uniform=uniform)
    if not situation.can_learn:
        return sampler.set_params(strategy="typiclust"), None
    facts = {
        "version": version,
        "labels": len(labels),
        "trained_at": _now(),
        "label_config": situation.project["label_config"],
    }
    return sampler, Model(situation.spec, pool.vectorizer, sampler.model_, facts)


def choose(
    sampler: IntelligentSampler, situation: Situation, seed: int, published: Published | None = None
) -> tuple[Head, Features]:
    """Return the head of the queue among the candidates, and the features of its tasks."""
    pool, candidates, labels = situation.pool, situation.candidates, situation.labels
    rng = np.random.default_rng([seed, len(labels)])
    head = audited_head(sampler, pool, candidates, labels.task_ids, situation.options, rng, published)
    return head, pool.features.rows(pool.rows_of(candidates[head.rows]))


def estimate(
    sampler: IntelligentSampler, situation: Situation, last: Accuracy, *, anew: bool = False
) -> Accuracy:
    """Return what is known of the model's accuracy over all tasks that can be read."""
    pool = situation.pool
    unlabeled = pool.features.readable & ~np.isin(pool.task_ids, situation.labels.task_ids)
    X = pool.features.X[np.flatnonzero(unlabeled)]
    return accuracy_now(sampler, X, last, exploration=situation.options.exploration, anew=anew)


def make_sampler(
    spec: InputSpec, options: ProjectOptions, settings: Settings, n_sketch: int
) -> IntelligentSampler:
    """Return the sampler that a project asks for; what it does not name keeps the library's default."""
    estimator = make_estimator(
        spec.kind, name=options.estimator, trusted=settings.estimator, seed=settings.seed, n_sketch=n_sketch
    )
    return IntelligentSampler(estimator=estimator, random_state=settings.seed, **options.for_sampler())


def _read_config(label_config: str) -> tuple[Control | None, Shown, tuple[str, ...]]:
    """Return the control to learn from, if any, what annotators are shown, and why there is no control."""
    try:
        control = learnable_control(label_config)
        return control, Shown(control.object_tag, control.field), ()
    except LabelingConfigError as error:
        return None, shown_object(label_config), (f"orders without learning: {error}",)


def _fingerprint(situation: Situation) -> str:
    """Return a digest of all that a round depends on: the same again means that nothing is new."""
    labels = situation.labels
    digest = hashlib.blake2b(digest_size=16)
    digest.update(config_digest(situation.project["label_config"]).encode())
    digest.update(situation.options.model_dump_json().encode())
    digest.update(json.dumps(asdict(situation.spec)).encode())
    digest.update(labels.task_ids.tobytes() + json.dumps(labels.values).encode())
    digest.update(situation.candidates.tobytes() + situation.pool.data_versions.tobytes())
    return digest.hexdigest()


def _predictions(
    situation: Situation, task_ids: np.ndarray, features: Features, model: Model | None, version: str
) -> list[dict[str, Any]]:
    """Return what Label Studio is told of the head; with a model, what it would answer for each task."""
    if model is None or situation.control is None or not len(task_ids):
        return list(as_predictions(task_ids, None, [], situation.control, version))
    probabilities = model.probabilities_of(features.X)
    return list(as_predictions(task_ids, probabilities, model.labels, situation.control, version))


def _report(
    situation: Situation,
    outcome: str,
    published: Published,
    accuracy: Accuracy,
    lease: Lease,
    stages: Stages,
) -> RoundReport:
    labels = situation.labels
    notes = list(situation.notes)
    unreadable = int((~situation.pool.features.readable).sum())
    if unreadable:
        notes.append(f"{unreadable} tasks have no readable {situation.spec.kind}; they come last")
    if labels.left_config:
        gone = ", ".join(f"{label} ({n})" for label, n in sorted(labels.left_config.items()))
        notes.append(f"labels that the config no longer has, not learned from: {gone}")
    if labels.never_seen and len(labels):
        notes.append(f"labels never chosen yet: {', '.join(labels.never_seen)}")
    if labels.disagreeing:
        notes.append(f"annotators disagree on {labels.disagreeing} tasks; the majority counts")
    return RoundReport(
        project=situation.project["id"],
        outcome=outcome,
        version=published.version,
        fence=lease.fence,
        tasks=len(situation.pool.task_ids),
        labels=len(labels),
        candidates=len(situation.candidates),
        head=len(published.head),
        classes=dict(Counter(labels.values)),
        has_model=published.has_model,
        accuracy=accuracy,
        notes=tuple(notes),
        seconds=stages.seconds,
        ended_at=_now(),
    )


def _new_version(fence: int) -> str:
    """Return a name that no earlier round had, even in a store that was wiped; later ones sort after."""
    return f"{VERSION_PREFIX}{fence:06d}-{secrets.token_hex(3)}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
