"""The app under gunicorn: one worker process, several threads, none of them for slow clients."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.config import Config

from backend.loop.heartbeat import WEB, beating
from backend.services import Services
from backend.settings import Settings
from backend.web.app import create_app
from backend.web.collaborators import DirtyMarker, Predictor
from backend.web.state import web_state

WSGIApp = Callable[..., Iterable[bytes]]


def serve_web(
    settings: Settings,
    *,
    threads: int = 8,
    on_ready: Callable[[str], None] | None = None,
    dirty_marker: DirtyMarker | None = None,
    predictor: Predictor | None = None,
) -> None:
    """Serve the app on settings.host and settings.port until SIGTERM or SIGINT.

    Must run in a process' main thread, for gunicorn handles the signals; it forks the worker that answers.

    Parameters
    ----------
    settings : as `read_settings` returns them; with port 0 the system chooses a free one
    threads : requests answered at the same time, webhooks not counted
    on_ready : called once with the address, such as "http://127.0.0.1:9090", when connections are accepted;
        with port 0 it names the real port
    dirty_marker, predictor : as for `create_app`; connections are opened after the fork only
    """

    def load() -> WSGIApp:
        app = create_app(settings, dirty_marker=dirty_marker, predictor=predictor)
        # Done now: the first page of a process would take many times as long.
        for template in app.jinja_env.list_templates():
            app.jinja_env.get_template(template)
        # Beside the start: it reads every project, and who asks meanwhile waits for what it finds.
        threading.Thread(target=web_state(app).statuses.all, name="first-statuses", daemon=True).start()
        beating(Services(settings), WEB, threading.Event())
        # The imports leave 170,000 objects; walking through them would cost some request 50 to 130 ms.
        gc.collect()
        gc.freeze()
        return app

    _WebServer(settings, threads, load, on_ready).run()


class _WebServer(BaseApplication):
    def __init__(
        self,
        settings: Settings,
        threads: int,
        load: Callable[[], WSGIApp],
        on_ready: Callable[[str], None] | None,
    ):
        self._settings = settings
        self._threads = threads
        self._load = load
        self._on_ready = on_ready
        super().__init__(prog="clean-al")

    def load_config(self) -> None:
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        options: dict[str, Any] = {
            "bind": f"{host}:{self._settings.port}",
            "worker_class": "backend.web.buffered_worker.BufferedWorker",
            # Counters are kept in the process: two would answer Prometheus in turn, each with its own.
            "workers": 1,
            "threads": self._threads,
            # Nobody but the request line says what is asked for.
            "forwarder_headers": "",
            "graceful_timeout": 5,
            "loglevel": self._settings.log_level.lower(),
            "proc_name": "clean-al-web",
            "when_ready": self._announce,
        }
        # A newer gunicorn opens a socket for its own command line; nobody here asks for it.
        if "control_socket_disable" in self.cfg.settings:
            options["control_socket_disable"] = True
        set_known(self.cfg, options)

    def load(self) -> WSGIApp:
        return self._load()

    def _announce(self, server: Any) -> None:
        if self._on_ready:
            host, port = server.LISTENERS[0].sock.getsockname()[:2]
            self._on_ready(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")


def set_known(config: Config, options: Mapping[str, Any]) -> None:
    """Set options of gunicorn.

    Raises
    ------
    LookupError
        Names those that this gunicorn does not have: a misspelled limit would be no limit.
    """
    unknown = sorted(set(options) - set(config.settings))
    if unknown:
        raise LookupError(f"gunicorn has no setting {', '.join(unknown)}")
    for name, value in options.items():
        config.set(name, value)
