"""The project as one round sees it: its tasks, its labels, its pool's features."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from backend.errors import ProjectNotOrderable
from backend.label_studio.records import Annotation
from backend.learning.controls import Control, read_questions
from backend.learning.inputs import Values, choose_inputs, read_values, with_spare
from backend.learning.labeling_config import config_digest, shown_objects
from backend.learning.labels import ProjectLabels, read_labels
from backend.learning.learned.stored import to_json
from backend.learning.tasks import ReadData, ReadPredictions, Tasks
from backend.learning.vectorize import packages_there
from backend.loop.encoding import with_encoded
from backend.loop.foreign import ForeignDoubt
from backend.loop.goal import Goal, goal_of
from backend.loop.observe import foreign_versions
from backend.loop.options import ProjectOptions, project_options
from backend.loop.stages import Stages
from backend.services import Services
from backend.store.connection import read_connection
from backend.store.features import FeatureStore, PoolFeatures
from backend.store.snapshot import Snapshot
from clean_al.neighborhoods import Neighborhoods

SAMPLE = 200


@dataclass(frozen=True)
class Situation:
    """The project as one round sees it.

    Attributes
    ----------
    pool : the features of every task
    labels : what annotators have said, question by question
    open : ids of the tasks that still want annotations
    data, predictions : read these of tasks, see `Tasks`
    others : how many predictions each of other models' versions has in the project
    annotations : yields each annotated task's id and its annotations, oldest first
    foreign : how doubtful the predictions that the option `predictions` names make tasks; None without it
    notes : what whoever looks after the project should know
    goal : what is looked for, where that is asked for
    encoded : which encoded rows are among the features, and how many of them are there
    means : what there was to read media with
    """

    project: dict[str, Any]
    options: ProjectOptions
    pool: PoolFeatures
    labels: ProjectLabels
    open: np.ndarray
    data: ReadData
    notes: tuple[str, ...] = ()
    means: str = ""
    predictions: ReadPredictions | None = None
    others: Mapping[str, int] = field(default_factory=dict)
    foreign: Callable[[Tasks], np.ndarray] | None = None
    encoded: tuple[str, ...] = ()
    goal: Goal | None = None
    annotations: Callable[[], Iterable[tuple[int, Sequence[Annotation]]]] = tuple

    @property
    def controls(self) -> tuple[Control, ...]:
        """The questions that are learned."""
        return tuple(labels.control for labels in self.labels.questions)

    @cached_property
    def candidates(self) -> np.ndarray:
        """Ids of the tasks to serve: open, not labeled; skipped ones only when no other is left."""
        free = self.open[~np.isin(self.open, self.labels.task_ids)]
        skipped = np.isin(
            free, np.fromiter(self.labels.skipped, dtype=np.int64, count=len(self.labels.skipped))
        )
        return free[~skipped] if (~skipped).any() else free

    @cached_property
    def neighborhoods(self) -> Neighborhoods | None:
        """How neighbors in the pool are alike; None where they need not have the same labels."""
        return Neighborhoods.of(self.pool.features.X) if self.pool.reader.neighbors_agree else None

    @property
    def opinions(self) -> int:
        """How many annotators a task may get; from the second on where that is worth more than a new task."""
        return max(self.options.opinions, int(self.project.get("maximum_annotations") or 1))

    def tasks(self, ids: np.ndarray) -> Tasks:
        """Return tasks of the pool."""
        features = self.pool.features.rows(self.pool.rows_of(ids))
        return Tasks(ids, features, self.data, self.predictions)

    @cached_property
    def fingerprint(self) -> str:
        """A digest of all that a round depends on: the same again means that nothing is new."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(config_digest(self.project["label_config"]).encode())
        digest.update(self.options.model_dump_json().encode())
        digest.update(json.dumps(sorted(self.others.items())).encode())
        digest.update(json.dumps([asdict(spec) for spec in self.pool.reader.inputs]).encode())
        digest.update(json.dumps(self.encoded).encode())
        for labels in self.labels.questions:
            digest.update(json.dumps([labels.control.name, *map(to_json, labels.answers)]).encode())
            digest.update(labels.task_ids.tobytes())
        digest.update(self.candidates.tobytes() + self.pool.data_versions.tobytes())
        # What could not be read may be readable by now, with the same data.
        digest.update(self.pool.features.readable.tobytes())
        return digest.hexdigest()


def look(services: Services, project_id: int, stages: Stages, *, anew: bool = False) -> Situation:
    """Return the project as it is now.

    Raises
    ------
    LabelingConfigError
        When not even an order can be made: neither the config nor the task data has anything to go by.
    """
    label_studio = services.label_studio
    project = label_studio.project(project_id)
    connection = read_connection(services.store, project_id)
    folder = services.store.folder(project_id)
    backend_id = connection.ml_backend_id if connection else None
    options, notes = project_options(label_studio, project_id, services.settings, backend_id, folder)
    snapshot = Snapshot(folder / "snapshot.sqlite")
    with snapshot.kept_sound():
        snapshot.refresh(label_studio, project_id, anew=anew)
        others = foreign_versions(label_studio, project_id)
        snapshot.refresh_predictions(label_studio, project_id, others)
        situation = _situation(services, project, snapshot, options, notes, stages, anew)
        with stages("features"):
            pool, encoded = with_encoded(services, project_id, situation.pool, situation.labels, anew=anew)
        situation = replace(situation, pool=pool, encoded=encoded)
        return _with_others(situation, snapshot, others)


def means_of(services: Services) -> str:
    """Return what there is to read media with: with other settings or packages more may be readable."""
    return f"{services.media.means} {packages_there()}"


def _with_others(situation: Situation, snapshot: Snapshot, others: Mapping[str, int]) -> Situation:
    """Return the situation with what other models have predicted in the project."""
    version = situation.options.predictions
    if version is None:
        return replace(situation, others=others)
    if version not in others:
        there = ", ".join(others) or "none"
        note = f"option predictions: no predictions of {version!r} in the project; versions there: {there}"
        return replace(situation, others=others, notes=(*situation.notes, note))
    annotated = dict(snapshot.annotations())
    found = snapshot.predictions(list(annotated), version)
    predicted = {task: p["result"] for task, p in zip(annotated, found, strict=True) if p is not None}
    doubt = ForeignDoubt.learned(predicted, annotated)
    note = (
        f"ordered by the predictions of {version}; annotators have seen to {doubt.corrected} of its regions"
    )
    return replace(
        situation,
        others=others,
        foreign=lambda tasks: doubt.of(tasks.predictions(version)),
        notes=(*situation.notes, note),
    )


def _situation(
    services: Services,
    project: dict[str, Any],
    snapshot: Snapshot,
    options: ProjectOptions,
    notes: tuple[str, ...],
    stages: Stages,
    anew: bool,
) -> Situation:
    ids, is_open, versions = snapshot.tasks()
    options = options.for_tasks(len(ids))
    questions = read_questions(project["label_config"])
    with stages("features"):
        pool = _features(services, project, snapshot, options, ids, versions, anew)
    _must_be_orderable(pool, int(project["id"]))
    # A worker that has been superseded may still write: what it adds meanwhile is for the next round.
    annotated = ((task, given) for task, given in snapshot.annotations() if task in pool)
    asked, ignored = options.among(questions.controls)
    labels = read_labels(annotated, asked)
    if not questions.controls:
        notes = (*notes, f"orders without learning: {questions.why_none}")
    else:
        notes = (*notes, *ignored, *(f"not learned: {what}" for what in questions.passed_over))
    goal, why_none = goal_of(options.goal, asked)
    told = goal.told(labels) if goal else why_none
    notes = (*notes, told) if told else notes
    read, means = snapshot.data, means_of(services)
    seen = Situation(
        project, options, pool, labels, ids[is_open], read, notes, means, predictions=snapshot.predictions
    )
    return replace(seen, goal=goal, annotations=snapshot.annotations)


def _must_be_orderable(pool: PoolFeatures, project_id: int) -> None:
    """Raise ProjectNotOrderable where no task can be read, and none is likely to be soon by itself."""
    features = pool.features
    if not len(features) or features.readable.any():
        return
    if features.gaps is not None and features.gaps.may_pass:
        # A host that is down may be up again: the project keeps its place in the loop meanwhile.
        return
    counts = features.gaps.counts() if features.gaps is not None else {}
    reasons = "; ".join(f"{n} tasks: {reason}" for reason, n in counts.items()) or "they are empty"
    why = f"none of the {len(features)} tasks can be read ({reasons})"
    raise ProjectNotOrderable(f"{why}; once that is mended, `clean-al retrain {project_id}` looks again")


def _features(
    services: Services,
    project: dict[str, Any],
    snapshot: Snapshot,
    options: ProjectOptions,
    ids: np.ndarray,
    versions: np.ndarray,
    anew: bool,
) -> PoolFeatures:
    sample = list(snapshot.data(ids[np.linspace(0, len(ids) - 1, min(SAMPLE, len(ids))).astype(int)]))
    # An empty project has nothing to choose from yet; whatever its first tasks hold makes the features anew.
    shown = shown_objects(project["label_config"])
    inputs = choose_inputs(shown, sample, options.features) if sample else ()

    def read(wanted: np.ndarray) -> Values:
        return read_values(inputs, _data(snapshot, wanted), services.media.of_project(project["id"]))

    store = FeatureStore(services.store.folder(project["id"]) / "features")
    means = means_of(services)
    pool = store.refresh(inputs, ids, versions, read, services.settings.seed, means, anew=anew)
    spare = with_spare(inputs, shown, sample)
    if spare == inputs or pool.features.readable.any():
        return pool
    # Kept apart: what could not be read is tried again, and may make the spare fields superfluous.
    store = FeatureStore(services.store.folder(project["id"]) / "features-spare")
    inputs = spare
    return store.refresh(inputs, ids, versions, read, services.settings.seed, means)


def _data(snapshot: Snapshot, wanted: np.ndarray) -> Sequence[dict[str, Any]]:
    return list(snapshot.data(wanted))
