"""The app factory: the one place where the web edge is put together."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, request

from backend.loop.heartbeat import Alive
from backend.services import Services
from backend.settings import Settings
from backend.store.models import ModelStore
from backend.web import ml_protocol, operations, pages, webhooks
from backend.web.auth import Gate
from backend.web.collaborators import DirtyMarker, Predictor
from backend.web.deferral import DeferredMarks
from backend.web.metrics import Metrics
from backend.web.problems import answer_errors
from backend.web.process_gauges import ProcessGauges
from backend.web.project_gauges import ProjectGauges
from backend.web.readiness import Readiness
from backend.web.shelf import StatusShelf
from backend.web.state import EXTENSION, SeenTexts, WebState
from backend.web.watch import QueueWatch, look

BLUEPRINTS = (operations.blueprint, pages.blueprint, webhooks.blueprint, ml_protocol.blueprint)


def create_app(
    settings: Settings,
    *,
    dirty_marker: DirtyMarker | None = None,
    predictor: Predictor | None = None,
    alive: Callable[[], Alive | None] | None = None,
) -> Flask:
    """Return the WSGI app that Label Studio talks to.

    Parameters
    ----------
    settings : as `read_settings` returns them
    dirty_marker : who is told that a project changed; by default Redis is
    predictor : who answers /predict; by default the published models under MODEL_DIR do
    alive : which processes run, for the pages; by default as Redis last said

    Raises
    ------
    SettingsError
        When no webhook secret is set and none can be kept in MODEL_DIR.
    """
    # Without its folder of files: Flask would serve that without the login.
    app = Flask("backend.web", static_folder=None)
    # A longer body was left unread in front of us; by this limit its head gets a 413.
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body
    services = Services(settings)
    watch = QueueWatch(lambda: look(services))
    # With a registry of this app's own: the library's global one refuses a second app in one process.
    metrics, store = Metrics(), ModelStore(settings.model_dir)
    metrics.registry.register(ProjectGauges(store))
    metrics.registry.register(ProcessGauges(watch.now))
    gate = Gate.of(settings)
    app.extensions[EXTENSION] = WebState(
        settings=settings,
        gate=gate,
        marks=DeferredMarks(dirty_marker or redis_marker(services)),
        predictor=predictor or store_predictor(services),
        metrics=metrics,
        label_configs=SeenTexts(),
        statuses=StatusShelf(store, alive or watch.alive),
        readiness=Readiness(settings, watch.now),
        services=services,
    )
    metrics.time_requests(app)
    app.before_request(lambda: gate.require_known_host(request))
    answer_errors(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app


def redis_marker(services: Services) -> DirtyMarker:
    """Return the marker that tells Redis, and gives up on it within a fraction of a second."""
    # Imported when needed, as below: queue and learners are heavy, and an app may be given others.
    from backend.loop.jobs import DirtyMarker as RedisMarker

    return RedisMarker.of(services, services.impatient_redis)


def store_predictor(services: Services) -> Predictor:
    """Return the predictor that reads the published models."""
    from backend.loop.predictor import Predictor as StorePredictor

    return StorePredictor(services)
