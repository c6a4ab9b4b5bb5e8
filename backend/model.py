"""Our model as Label Studio's own SDK runs it, for those who keep its server."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, ClassVar

from backend.services import Services
from backend.settings import Settings, read_settings
from backend.web.app import redis_marker, store_predictor
from backend.web.collaborators import DirtyMarker, Predictor
from backend.web.fields import ProjectRequest, TrainRequest
from backend.web.ml_protocol import for_storing

try:
    from label_studio_ml.model import LabelStudioMLBase
except ModuleNotFoundError as missing:
    # Another module that is missing is the SDK's own matter: its message names it.
    if missing.name != "label_studio_ml":
        raise
    raise ModuleNotFoundError(
        "label-studio-ml is not installed; docs/http.md says how", name=missing.name
    ) from None


class CleanALModel(LabelStudioMLBase):
    """Predicts with each project's published model and asks for a round when there is something to learn.

    Runs under both generations of the SDK: 1.x, which calls `predict(tasks, **params)` and
    `fit(tasks, event=..., data=...)`, and 2.x, which calls `predict(tasks, context)` and `fit(event, data)`.
    Neither call trains: the worker does.

    Parameters
    ----------
    *args, **kwargs : whatever the SDK's server gives; it is for the base class

    Notes
    -----
    Settings are read from the environment. To give other ones, or other collaborators, set `settings`,
    `dirty_marker` or `predictor` in a subclass.
    """

    settings: ClassVar[Settings | None] = None
    dirty_marker: ClassVar[DirtyMarker | None] = None
    predictor: ClassVar[Predictor | None] = None

    def setup(self) -> None:
        """Tell the 2.x base which version is published; 1.x never calls this."""
        project_id = _read_id(self.project_id) if getattr(self, "project_id", None) else None
        version = self._predictor.model_version(project_id) if project_id else None
        if version:
            self.set("model_version", version)

    def predict(self, tasks: list[dict[str, Any]], *args: Any, **kwargs: Any) -> list[dict[str, Any]]:
        """Return one prediction per task, in their order.

        The project is the one that the 2.x server names, else the one that each task does.
        """
        predictions: dict[int, dict[str, Any]] = {}
        for project_id, rows in self._rows_by_project(tasks).items():
            answers, version = self._predictor.predict(project_id, [tasks[row] for row in rows])
            if version:
                # The server keeps what it gets: bare confidences would be served as places in the queue.
                answers = [for_storing(answer, version) for answer in answers]
            predictions |= dict(zip(rows, answers, strict=True))
        return [predictions[row] for row in range(len(tasks))]

    def fit(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Ask for a round of each project concerned and return which; the worker does the training.

        Raises
        ------
        QueueUnavailable
            When Redis does not answer.
        """
        event, data, tasks = _fit_arguments(args, kwargs)
        # Called for one event, or for tasks of several projects.
        project_ids = {_project_of(item) for item in ([data] if data else tasks)}
        for project_id in sorted(project_ids):
            self._marker.mark_dirty(project_id, event)
        return {"queued": sorted(project_ids)}

    def _rows_by_project(self, tasks: list[dict[str, Any]]) -> dict[int, list[int]]:
        named = getattr(self, "project_id", None)
        rows: dict[int, list[int]] = {}
        for row, task in enumerate(tasks):
            rows.setdefault(_read_id(named) if named else _project_of(task), []).append(row)
        return rows

    @property
    def _marker(self) -> DirtyMarker:
        return self.dirty_marker or _redis_marker(self.settings)

    @property
    def _predictor(self) -> Predictor:
        return self.predictor or _store_predictor(self.settings)


# Once per process: the 2.x server makes a model object for every request, and loaded models must outlive it.


@cache
def _redis_marker(settings: Settings | None) -> DirtyMarker:
    return redis_marker(Services(settings or read_settings()))


@cache
def _store_predictor(settings: Settings | None) -> Predictor:
    return store_predictor(Services(settings or read_settings()))


def _fit_arguments(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[str, dict[str, Any], Iterable[dict[str, Any]]]:
    """Sort out fit(event, data), fit((), event=..., data=...) and fit(tasks, workdir)."""
    given = dict(kwargs)
    if args and isinstance(args[0], str):
        given |= dict(zip(("event", "data"), args, strict=False))
        args = ()
    tasks = args[0] if args else given.get("tasks", ())
    return str(given.get("event", "START_TRAINING")), given.get("data") or {}, tasks


def _read_id(value: Any) -> int:
    return ProjectRequest(project=value).project


def _project_of(item: dict[str, Any]) -> int:
    return TrainRequest.model_validate(item).project.id
