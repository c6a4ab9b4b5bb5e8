"""Runs a real Label Studio on loopback with its own data, users and tokens; nothing leaves the machine."""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import requests

from backend.errors import BackendError
from backend.processes.keeper import Kept

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
ADMIN = "admin@example.org"
READY_WITHIN = 300.0
"""Seconds; the first start writes its database: 10 s on a fast machine, minutes on a slow one."""

# A loopback port where nobody listens: what would go out to the internet fails at once.
NOWHERE = "http://127.0.0.1:9"
QUIET = {
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
    "COLLECT_ANALYTICS": "false",
    "LATEST_VERSION_CHECK": "false",
    "FEATURE_FLAGS_OFFLINE": "true",
    "HTTP_PROXY": NOWHERE,
    "HTTPS_PROXY": NOWHERE,
    "NO_PROXY": "127.0.0.1,localhost",
}
"""No crash reports, no telemetry, no look for newer versions, no live tips for its pages."""

FRIENDLY = {"SSRF_PROTECTION_ENABLED": "false", "ML_BLOCK_LOCAL_IP": "false"}
"""Lets Label Studio send webhooks to, and accept ML backends at, private and loopback addresses."""


@dataclass(frozen=True)
class User:
    """One who can sign in."""

    email: str
    password: str = field(repr=False)
    token: str = field(default="", repr=False)


class LabelStudioServer:
    """A Label Studio process of our own; as a context manager it is up inside and gone outside.

    It ends with us, however we end (see `backend.processes.keeper`). Started again on the same `data_dir` it
    knows its projects and users again.

    Parameters
    ----------
    binary : path
        The `label-studio` command of the environment that it is installed in.
    data_dir : path
        Where its database, uploads, log and our passwords lie.
    port : int
        0 takes a free one.
    allow_private_addresses : bool
        Whether webhooks and ML backends on this machine are allowed. By default Label Studio refuses them.
    """

    def __init__(
        self, binary: str | Path, data_dir: str | Path, port: int = 0, *, allow_private_addresses: bool
    ):
        self._binary = str(binary)
        self.data_dir = Path(data_dir).resolve()
        self.port = port
        self._allow_private_addresses = allow_private_addresses
        self._users: dict[str, User] = {}
        self._process: Kept | None = None

    def __enter__(self) -> LabelStudioServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"LabelStudioServer({self.url!r})"

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self.port}"

    @property
    def admin(self) -> User:
        """Who owns this Label Studio."""
        return self._users[ADMIN]

    @property
    def token(self) -> str:
        """The admin's personal access token."""
        return self.admin.token

    @property
    def log_file(self) -> Path:
        """What it prints."""
        return self.data_dir / "label-studio.log"

    def start(self) -> None:
        """Start it and wait until it answers and the admin has a token.

        Raises
        ------
        BackendError
            When the port is taken, or it dies or is not ready in time; with the end of its log.
        """
        # Passwords and tokens will lie in it.
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Passwords of an earlier start: its database knows no others.
        self._recall()
        self._users.setdefault(ADMIN, User(ADMIN, secrets.token_urlsafe(12)))
        self._remember()  # before its database knows the password
        self.port = _free_port(self.port)
        command = [self._binary, "start", "--no-browser", "--internal-host", HOST, "--port", str(self.port)]
        # `exec` keeps it one process; the shell is there for the log file alone.
        shell = ["/bin/sh", "-c", 'log=$1; shift; exec "$@" >>"$log" 2>&1', "sh", str(self.log_file)]
        self._process = Kept([*shell, *command], env=self._environment(), umask=0o077)
        try:
            self._wait_until_healthy()
            self._users[ADMIN] = self._with_token(self.admin, new=False)
            self._remember()
        except BaseException:
            # Ctrl-C too: a Label Studio that nobody knows of would go on holding port and database.
            self.stop()
            raise

    def stop(self) -> None:
        """End it and all that it started."""
        if self._process is not None:
            self._process.end()
            self._process = None

    def restart(self) -> None:
        """Stop it and start it again at the same address, with the same data."""
        self.stop()
        self.start()

    def add_user(self, email: str | None = None) -> str:
        """Return the personal access token of another user of the same organization, made if need be."""
        email = email or f"annotator{len(self._users)}@example.org"
        if email not in self._users:
            self._users[email] = self._with_token(User(email, secrets.token_urlsafe(12)), new=True)
            self._remember()
        return self._users[email].token

    def _environment(self) -> dict[str, str]:
        """Return its whole environment: nothing of ours may lead it to another database or a proxy."""
        inherited = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LANG") if name in os.environ}
        own = {
            "HOME": str(self.data_dir),
            "LABEL_STUDIO_BASE_DATA_DIR": str(self.data_dir),
            "LABEL_STUDIO_USERNAME": self.admin.email,
            "LABEL_STUDIO_PASSWORD": self.admin.password,
            "PYTHONUNBUFFERED": "1",
        }
        return inherited | own | QUIET | (FRIENDLY if self._allow_private_addresses else {})

    def _wait_until_healthy(self) -> None:
        ends = time.monotonic() + READY_WITHIN
        while time.monotonic() < ends:
            if self._process is None or self._process.poll() is not None:
                raise BackendError(f"{self._binary} ended while it started:\n{self._last_words()}")
            try:
                if _session().get(f"{self.url}/health", timeout=5).ok:
                    return
            except requests.RequestException:
                time.sleep(0.2)
        raise BackendError(f"Label Studio was not ready within {READY_WITHIN:g} s:\n{self._last_words()}")

    def _last_words(self) -> str:
        try:
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-15:])
        except OSError:
            return "it wrote no log"

    def _with_token(self, user: User, *, new: bool) -> User:
        """Sign in, or up, as a browser does: only a session can create a personal access token."""
        session, path = _session(), "/user/signup/" if new else "/user/login/"
        session.get(self.url + path, timeout=60)
        form = {"email": user.email, "password": user.password, "csrfmiddlewaretoken": _csrf(session)}
        answer = session.post(self.url + path, data=form, timeout=60, allow_redirects=False)
        # A good form is answered by a redirect, a bad one by the form again.
        if answer.status_code != 302:
            raise BackendError(f"Label Studio does not let {user.email} in ({path}: {answer.status_code})")
        # A second token would leave the first one valid beside it.
        if user.token:
            return user
        made = session.post(f"{self.url}/api/token/", headers={"X-CSRFToken": _csrf(session)}, timeout=60)
        if made.status_code != 201:  # 409: it has one that we did not get to write down
            raise BackendError(
                f"Label Studio gives {user.email} no token (/api/token/: {made.status_code}); "
                f"remove {self.data_dir} to start afresh"
            )
        return User(user.email, user.password, made.json()["token"])

    @property
    def _user_file(self) -> Path:
        return self.data_dir / "users.json"

    def _recall(self) -> None:
        if self._user_file.exists():
            kept = [User(**one) for one in json.loads(self._user_file.read_text())]
            self._users = {user.email: user for user in kept}

    def _remember(self) -> None:
        self._user_file.touch(mode=0o600)
        self._user_file.write_text(json.dumps([asdict(user) for user in self._users.values()]))


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy between us and loopback
    return session


def _csrf(session: requests.Session) -> str:
    return str(session.cookies.get("csrftoken", ""))


def _free_port(port: int) -> int:
    """Return the port if it is free; Label Studio itself would quietly take the next one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise BackendError(f"port {port} is in use: stop what listens there, or give another") from None
        return int(probe.getsockname()[1])
