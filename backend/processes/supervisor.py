"""`clean-al serve`: the web process, the workers, the poller and the embedded server as one tree.

serve --- valkey      unless REDIS_URL is set; ends last
      --- worker-1..  one round at a time each; end first, with time to finish
      --- poller      finds what Label Studio never announces
      --- web         gunicorn; `ready` once it answers
"""

from __future__ import annotations

import base64
import errno
import http.client
import logging
import os
import resource
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import AliasChoices, SecretStr

from backend.errors import SettingsError
from backend.processes.lockfile import LockFile, LockHeld
from backend.processes.process_tree import Child, Supervisor
from backend.processes.valkey import EmbeddedValkey
from backend.settings import Settings

__all__ = ["Child", "Supervisor", "embedded_server_dir", "environment_of", "serve"]

log = logging.getLogger(__name__)

# A long file is read again at start, at some 100 MB/s.
VALKEY_READY_WITHIN = 600.0
# Imports alone take 3 s here and far longer on a small or busy machine.
WEB_READY_WITHIN = 120.0
WORKER_GRACE = 10.0
WEB_GRACE = 10.0
# Valkey alone keeps 32 for itself; a busy web process has some hundred connections.
FEWEST_FILES, MOST_FILES = 256, 4096


def serve(
    settings: Settings,
    announce: Callable[[str], None] | None = None,
    command_for: Callable[[str], list[str]] | None = None,
) -> int:
    """Run the whole backend until SIGINT, SIGTERM or SIGHUP; return 0, or 1 when it could not start.

    Parameters
    ----------
    settings : Settings
        Handed on to every process of the tree through its environment.
    announce : callable, optional
        Given one line once the web process answers; by default it is printed.
    command_for : callable, optional
        Returns the command line of "_web", "_worker" or "_poll"; by default our own hidden commands.

    Raises
    ------
    SettingsError
        PORT is in use, HOST is not ours, too few files may be opened,
        another process serves this MODEL_DIR, or there is no token.
    QueueUnavailable
        REDIS_URL is not set and there is no embedded server for this machine.
    """
    # Raises without a token: better here than in each child, again and again.
    _ = settings.api_key
    _room_for_files()
    with _only_one(settings):
        port = _free_port(settings)
        server = None if settings.redis_url else EmbeddedValkey(embedded_server_dir(settings))
        try:
            # A .env file may change while we run; what stands in the environment is above it.
            env = environment_of(settings) | {"PORT": str(port)}
            if server is not None:
                env["REDIS_URL"] = server.prepare()
            children = _children(settings, env, server, command_for or _own_command)
            return Supervisor(children).run(lambda: (announce or _print)(_ready_line(settings, port)))
        finally:
            # The supervisor has ended the process; this gives the directory back.
            if server is not None:
                server.stop()


def embedded_server_dir(settings: Settings) -> Path:
    """Return where the embedded server keeps its files."""
    return settings.model_dir.absolute() / "valkey"


def environment_of(settings: Settings) -> dict[str, str]:
    """Return the environment variables from which another process reads these same settings."""
    variables = {}
    for name, info in Settings.model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        elif isinstance(value, Path):
            value = value.absolute()
        if value is not None and isinstance(info.validation_alias, AliasChoices):
            variables[str(info.validation_alias.choices[0])] = str(value)
    return variables


def _children(
    settings: Settings,
    env: dict[str, str],
    server: EmbeddedValkey | None,
    command_for: Callable[[str], list[str]],
) -> list[Child]:
    """Return the tree in the order of its start; the web process comes last, so that its answer means all."""
    host, port = _reachable(settings.host), int(env["PORT"])
    workers = [
        Child(f"worker-{number}", command_for("_worker"), env, grace=WORKER_GRACE)
        for number in range(1, settings.workers + 1)
    ]
    poller = Child("poller", command_for("_poll"), env)
    web = Child(
        "web",
        command_for("_web"),
        env,
        stop_rank=1,
        grace=WEB_GRACE,
        is_ready=lambda: _answers(host, port, settings),
        ready_within=WEB_READY_WITHIN,
    )
    return [*_valkey(server), *workers, poller, web]


def _valkey(server: EmbeddedValkey | None) -> list[Child]:
    if server is None:
        return []
    return [
        Child(
            "valkey",
            server.launch,
            stop_rank=2,
            is_ready=server.answers,
            ready_within=VALKEY_READY_WITHIN,
        )
    ]


def _own_command(name: str) -> list[str]:
    # -P: a folder called `backend` in the working directory is not ours.
    return [sys.executable, "-P", "-m", "backend.cli", name]


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    """Refuse a second `serve` on one MODEL_DIR.

    With REDIS_URL, machines may share the directory: then one for each machine.
    """
    directory = settings.model_dir.absolute()
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SettingsError(f"MODEL_DIR={directory} cannot be made: {error.strerror}") from None
    name = f"serve-{socket.gethostname()}.lock" if settings.redis_url else "serve.lock"
    lock = LockFile(directory / name)
    try:
        lock.acquire()
    except LockHeld as held:
        raise SettingsError(
            f"process {held.pid} already serves MODEL_DIR={directory}: stop it, or give this one another "
            "MODEL_DIR; for more workers run `clean-al worker`"
        ) from None
    except OSError as error:
        raise SettingsError(f"MODEL_DIR: {lock.path} cannot be used: {error.strerror}") from None
    try:
        yield
    finally:
        lock.release()


def _room_for_files() -> None:
    """Ask for more open files where fewer than the tree needs are allowed.

    Raises
    ------
    SettingsError
        Without this the queue server dies at each start, and does not say why.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    if soft != resource.RLIM_INFINITY and soft < FEWEST_FILES:
        raise SettingsError(
            f"this process may open {soft} files, and at least {FEWEST_FILES} are needed: raise `ulimit -n` "
            "(in systemd: LimitNOFILE=)"
        )


def _free_port(settings: Settings) -> int:
    """Return the port to listen on; 0 becomes one that is free now."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            # As gunicorn does: a port whose last connections linger counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return int(probe.getsockname()[1])
    except OSError as error:
        raise SettingsError(_why_not_bound(settings, error)) from None


def _why_not_bound(settings: Settings, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"PORT={settings.port} on {settings.host} is in use by another program: stop it, or set PORT to "
            "another number"
        )
    if error.errno == errno.EACCES:
        return f"PORT={settings.port} needs more rights: set PORT to a number from 1024 up"
    return f"HOST={settings.host} is not an address of this machine ({error.strerror}): try HOST=127.0.0.1"


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104


def _answers(host: str, port: int, settings: Settings) -> bool:
    """Return whether the web process answers GET /health, whatever it says about Redis."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/health", headers=_authorization(settings))
        connection.getresponse().read()
        return True
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _authorization(settings: Settings) -> dict[str, str]:
    if not settings.basic_auth_user or settings.basic_auth_pass is None:
        return {}
    pair = f"{settings.basic_auth_user}:{settings.basic_auth_pass.get_secret_value()}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def _print(line: str) -> None:
    # Whoever reads it through a pipe must not wait for a full buffer.
    print(line, flush=True)


def _ready_line(settings: Settings, port: int) -> str:
    host = _reachable(settings.host)
    local = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    queue = "REDIS_URL" if settings.redis_url else "its own queue server"
    return (
        f"ready: {settings.public_url or local} (dashboard {local}/dashboard), {settings.workers} worker(s), "
        f"{queue}, data in {settings.model_dir.absolute()}, process {os.getpid()}"
    )
