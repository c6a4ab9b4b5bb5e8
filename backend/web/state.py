"""What the views of one app share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from flask import Flask, current_app

from backend.learning.labeling_config import config_digest
from backend.services import Services
from backend.settings import Settings
from backend.store.file_shelf import FileShelf
from backend.web.auth import Gate
from backend.web.collaborators import Predictor
from backend.web.deferral import DeferredMarks
from backend.web.metrics import Metrics
from backend.web.readiness import Readiness
from backend.web.shelf import StatusShelf

EXTENSION = "clean_al"


class SeenTexts:
    """Remembers a digest of the last text per project, and so tells a changed one."""

    def __init__(self, limit: int = 10_000):
        self._digests: dict[int, str] = {}
        self._limit = limit
        self._lock = threading.Lock()

    def is_news(self, project_id: int, text: str) -> bool:
        """Return whether this text differs from the last one, or is the first; remember it."""
        digest = config_digest(text)
        with self._lock:
            # Taken out and set anew: the project heard of last stands last, and the first is forgotten first.
            known = self._digests.pop(project_id, None)
            if len(self._digests) >= self._limit:
                self._digests.pop(next(iter(self._digests)))
            self._digests[project_id] = digest
        return known != digest


@dataclass(frozen=True)
class WebState:
    """The services behind the views, built once by `create_app`.

    Attributes
    ----------
    services : what actions, downloads and pictures reach Label Studio and Redis by; no page waits for it
    """

    settings: Settings
    services: Services
    gate: Gate
    marks: DeferredMarks
    predictor: Predictor
    metrics: Metrics
    label_configs: SeenTexts
    readiness: Readiness
    statuses: StatusShelf
    files: FileShelf = field(default_factory=FileShelf)


def web_state(app: Flask | None = None) -> WebState:
    """Return the services of this app, or of the one that answers the current request."""
    state: WebState = (app or current_app).extensions[EXTENSION]
    return state
