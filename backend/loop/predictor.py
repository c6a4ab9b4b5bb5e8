"""Answers /predict from the published models, each kept in memory until a newer one is published."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from typing import Any

import numpy as np

from backend.errors import ModelStoreError
from backend.learning.accuracy import read_stored
from backend.learning.controls import learnable_controls
from backend.loop.prefill import Prefill
from backend.services import Services
from backend.store.models import Model

logger = logging.getLogger(__name__)

MODELS_IN_MEMORY = 16
# A model that cannot be served is not read again at each request.
REFUSED_SECONDS = 30.0


class Predictor:
    """The published model of each project; threads may share it.

    The labeling config comes from the model's own facts, so a prediction needs no call to Label Studio but
    for images.
    """

    def __init__(self, services: Services):
        self._services = services
        self._models: OrderedDict[tuple[int, str], Model] = OrderedDict()
        self._refused: dict[tuple[int, str], tuple[ModelStoreError, float]] = {}
        self._lock = threading.Lock()

    def predict(
        self, project_id: int, tasks: list[dict[str, Any]]
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return one prediction per task, in their order, and the version of the model that made them."""
        published = self.model_version(project_id)
        version, model = self._model(project_id, published) if published else (None, None)
        if model is None or not tasks:
            return [{"result": [], "score": 0.0} for _ in tasks], None
        return self._answers(project_id, model, tasks, str(version)), version

    def _answers(
        self, project_id: int, model: Model, tasks: list[dict[str, Any]], version: str
    ) -> list[dict[str, Any]]:
        controls = learnable_controls(model.facts["label_config"])
        download = self._services.media.of_project(project_id)
        known = model.tasks([t.get("data") or {} for t in tasks], download, self._services.encoders)
        guesses = model.guesses_of(known)
        hidden = self._audited(project_id, tasks) | ~known.features.readable
        # Models of 0.1 say nothing of what is shown: all of it was.
        accuracies = read_stored(model.facts.get("accuracies"))
        prefill = Prefill(model.facts.get("prefill", "always"), accuracies, controls)
        confidences = np.mean([[guess.confidence for guess in given] for given in guesses.values()], axis=0)
        return [
            {"result": result, "score": float(score), "model_version": version}
            for result, score in zip(prefill.results(guesses, hidden), confidences, strict=True)
        ]

    def _audited(self, project_id: int, tasks: list[dict[str, Any]]) -> np.ndarray:
        """Return which tasks are of the audit share, whose labels must owe nothing to us."""
        published = self._services.store.published(project_id)
        audit = set(published.audit) if published else set()
        return np.array([task.get("id") in audit for task in tasks], dtype=bool)

    def model_version(self, project_id: int) -> str | None:
        """Return the version that is served, when there is a model behind it."""
        published = self._services.store.published(project_id)
        if published is None:
            # Nothing was published yet, or the note of it is damaged: then the models are still there.
            return next(iter(self.versions(project_id)), None)
        return published.version if published.has_model else None

    def versions(self, project_id: int) -> list[str]:
        """Return the versions that are kept, newest first."""
        return self._services.store.versions(project_id)

    def _model(self, project_id: int, version: str) -> tuple[str, Model] | tuple[None, None]:
        """Return the published version and model, or the newest that is whole where that is damaged."""
        for candidate in dict.fromkeys([version, *self.versions(project_id)]):
            try:
                return candidate, self._loaded(project_id, candidate)
            except ModelStoreError as error:
                logger.warning("project %s: model %s is not served: %s", project_id, candidate, error)
        return None, None

    def _loaded(self, project_id: int, version: str) -> Model:
        key = (project_id, version)
        with self._lock:
            if key in self._models:
                self._models.move_to_end(key)
                return self._models[key]
            refused, until = self._refused.get(key, (None, 0.0))
        if refused is not None and time.monotonic() < until:
            raise refused
        try:
            model = self._tried(project_id, version)
        except ModelStoreError as error:
            with self._lock:
                self._refused[key] = error, time.monotonic() + REFUSED_SECONDS
            raise
        with self._lock:
            self._models[key] = model
            self._refused.pop(key, None)
            while len(self._models) > MODELS_IN_MEMORY:
                self._models.popitem(last=False)
        return model

    def _tried(self, project_id: int, version: str) -> Model:
        """Return a model that has answered once: one whose parts do not fit together fails here."""
        try:
            model = self._services.store.load(project_id, version)
            self._answers(project_id, model, [{}], version)
        except ModelStoreError:
            raise
        except Exception as error:  # noqa: BLE001  however a model is changed, the one before it is served
            raise ModelStoreError(f"it cannot answer: {type(error).__name__}") from None
        return model
