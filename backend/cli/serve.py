"""`clean-al serve`, `clean-al worker`, and the processes that they are made of."""

from __future__ import annotations

import signal
import threading

import click

from backend.cli.common import services, settings


@click.command()
def serve() -> None:
    """Run everything on this machine: web, queue, worker and poll, until Ctrl-C.

    Without REDIS_URL it runs its own Valkey, which keeps its data in MODEL_DIR.

    \b
    Example:
      LABEL_STUDIO_API_KEY=... clean-al serve
    """
    # Imported when it runs, here and below: each process loads what it needs, and no more.
    from backend.processes.supervisor import serve as run

    raise SystemExit(run(settings()))


@click.command()
def worker() -> None:
    """Run one more worker, here or on another machine that shares REDIS_URL and MODEL_DIR.

    It also polls when no other process does.

    \b
    Example:
      REDIS_URL=redis://queue:6379/0 MODEL_DIR=/srv/models clean-al worker
    """
    from backend.loop.poller import Poller
    from backend.loop.worker import work

    world = services()
    # A daemon: a poll that waits for a silent Label Studio must not hold up the end.
    stop = threading.Event()
    threading.Thread(target=Poller(world).run, args=(stop,), name="poll", daemon=True).start()
    try:
        work(world)
    finally:
        stop.set()


@click.command(hidden=True)
def web_process() -> None:
    """Run the web process."""
    from backend.web.gunicorn_app import serve_web

    serve_web(settings())


@click.command(hidden=True)
@click.option("--relief", is_flag=True, help="End when nothing waits any more.")
def worker_process(relief: bool) -> None:
    """Run a worker process."""
    from backend.loop.worker import work

    work(services(), burst=relief)


@click.command(hidden=True)
def poll_process() -> None:
    """Run the poll."""
    from backend.loop.poller import Poller

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    Poller(services()).run(stop)
