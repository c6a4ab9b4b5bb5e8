"""A gunicorn worker that spends a thread on a request only when all of it has come.

One thread reads from all connections, without waiting for any; whole requests go to threads that answer them.
Webhooks have threads of their own: a slow /predict does not hold them up.
"""

from __future__ import annotations

import errno
import logging
import os
import queue
import resource
import selectors
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import islice

from gunicorn.http import wsgi
from gunicorn.http.errors import NoMoreData
from gunicorn.http.parser import RequestParser
from gunicorn.workers.base import Worker

from backend.log_context import log_fault
from backend.web.framing import BadFraming, Framing, Whole
from backend.web.state import web_state
from backend.web.waiting_room import (
    DRAIN_SECONDS,
    HEAD_SECONDS,
    KEEP_ALIVE_SECONDS,
    Connection,
    WaitingRoom,
)
from backend.web.webhook_lane import WebhookLane

logger = logging.getLogger(__name__)

QUICK_THREADS = 4
WEBHOOKS = b"/webhook"
QUICK_PATHS = (WEBHOOKS, b"/health", b"/train")
# A client that does not take its answer holds a thread for so many seconds.
ANSWER_SECONDS = 10.0
MOST_CONNECTIONS = 1000
# Of these wait for a thread; beyond, clients are told to come again.
MOST_SLOW = 64
LOOK_SECONDS = 0.5
ACCEPTED_AT_ONCE = 64
READ_BYTES = 65_536
BUDGET_IN_BODIES = 8
# With several threads at work, a webhook must not wait 5 ms for each turn.
SWITCH_SECONDS = 0.001
REFUSAL = (
    b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
)


class BufferedWorker(Worker):
    """Reads requests whole before they take a thread; see `backend.web.waiting_room` for the limits."""

    def init_process(self) -> None:
        """Make what belongs to this process alone; gunicorn then calls `run`."""
        sys.setswitchinterval(SWITCH_SECONDS)
        self._selector = selectors.DefaultSelector()
        self._bell, self._ringer = socket.socketpair()
        for end in (self._bell, self._ringer):
            end.setblocking(False)
        self._answered: queue.SimpleQueue[tuple[Connection, Whole, bool]] = queue.SimpleQueue()
        self._quick = ThreadPoolExecutor(QUICK_THREADS, thread_name_prefix="webhook")
        self._slow = ThreadPoolExecutor(self.cfg.threads, thread_name_prefix="web")
        self._active: set[Connection] = set()
        self._held = self._slow_waiting = 0
        super().init_process()

    def run(self) -> None:
        """Serve until told to stop; then let what has begun come to its end."""
        state = web_state(self.wsgi)
        self._longest_body, self._admits = state.settings.max_body, state.gate.admits
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        # So many may wait and as many be answered; 64 files are for all else that this process opens.
        self._places = max(min(MOST_CONNECTIONS, files - 64), 16) // 2
        self._lane = WebhookLane(state, self._go_the_long_way, self._done)
        self._lane.start()
        self._room = WaitingRoom(self._places, BUDGET_IN_BODIES * self._longest_body)
        self._selector.register(self._bell, selectors.EVENT_READ, self._hear)
        for listener in self.sockets:
            listener.setblocking(False)
            self._selector.register(listener, selectors.EVENT_READ, partial(self._accept, listener))
        looked = time.monotonic()
        # An arbiter that was killed cannot tell its worker to end.
        while self.alive and self.ppid == os.getppid():
            self._turn(LOOK_SECONDS)
            if (now := time.monotonic()) - looked >= LOOK_SECONDS:
                looked = now
                # Gunicorn kills a worker that it has not heard of for a while.
                self.notify()
                for late in self._room.late(now):
                    self._give_up(late)
        self._finish()

    def _turn(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            # What an earlier one of this turn has closed is not read any more.
            if key.fd >= 0 and self._selector.get_map().get(key.fd) is key:
                key.data()

    def _finish(self) -> None:
        for listener in self.sockets:
            with suppress(KeyError, ValueError):
                self._selector.unregister(listener)
            listener.close()
        ends = time.monotonic() + self.cfg.graceful_timeout
        for one in list(self._room):
            self._close(one)
        while self._active and time.monotonic() < ends:
            self.notify()
            self._turn(0.1)
        self._lane.stop()
        for pool in (self._quick, self._slow):
            pool.shutdown(wait=False, cancel_futures=True)

    # Reading, in the one thread

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            if len(self._active) >= self._places:
                # They stay in the system's queue until a thread is free; the turn must not spin meanwhile.
                time.sleep(SWITCH_SECONDS)
                return
            try:
                sock, client = listener.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    time.sleep(SWITCH_SECONDS)
                    for oldest in islice(self._room, 1):
                        self._close(oldest)
                return
            sock.setblocking(False)
            with suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(sock, client[:2], Framing(self._longest_body, self._admits))
            self._wait(connection, HEAD_SECONDS)
            self._read(connection)

    def _wait(self, connection: Connection, patience: float) -> None:
        connection.waits_anew(patience)
        self._selector.register(connection.sock, selectors.EVENT_READ, partial(self._read, connection))
        if pushed_out := self._room.enter(connection):
            self._close(pushed_out)

    def _read(self, connection: Connection) -> None:
        try:
            data = connection.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if connection.drains:
            if not data:
                self._close(connection)
            return
        if not data:
            self._end_of_input(connection)
            return
        had_head = connection.framing.has_head
        connection.framing.feed(data)
        self._look_for_request(connection)
        if connection.framing.has_head and not had_head:
            connection.waits_anew(HEAD_SECONDS)

    def _look_for_request(self, connection: Connection) -> None:
        try:
            whole = connection.framing.next()
        except BadFraming as error:
            self._refuse(connection, error.status, str(error))
            return
        if whole is not None:
            self._hand_over(connection, whole)
        elif self._room.is_full_for(connection, self._held):
            self._refuse(connection, 503, "too many long requests at once")
        elif connection.framing.wants_continue:
            connection.framing.wants_continue = False
            self._say(connection, b"HTTP/1.1 100 Continue\r\n\r\n")

    def _hand_over(self, connection: Connection, whole: Whole) -> None:
        is_quick = whole.path.partition(b"?")[0].startswith(QUICK_PATHS)
        if not is_quick and self._slow_waiting >= MOST_SLOW:
            self._refuse(connection, 503, "too many requests at once")
            return
        self._selector.unregister(connection.sock)
        self._room.leave(connection)
        self._active.add(connection)
        self._held += len(whole.body)
        self._slow_waiting += not is_quick
        if whole.path.startswith(WEBHOOKS):
            self._lane.take(connection, whole)
        else:
            (self._quick if is_quick else self._slow).submit(self._work, connection, whole)

    def _hear(self) -> None:
        """Take back the connections that have been answered."""
        with suppress(OSError):
            while self._bell.recv(4096):
                pass
        while True:
            try:
                connection, whole, goes_on = self._answered.get_nowait()
            except queue.Empty:
                return
            self._active.discard(connection)
            self._held -= len(whole.body)
            self._slow_waiting -= not whole.path.partition(b"?")[0].startswith(QUICK_PATHS)
            connection.sock.setblocking(False)
            if goes_on and self.alive:
                self._wait(connection, KEEP_ALIVE_SECONDS)
                self._look_for_request(connection)
            elif whole.cut:
                self._drain(connection)
            else:
                self._close(connection)

    def _end_of_input(self, connection: Connection) -> None:
        if connection.framing.has_head:
            self._refuse(connection, 400, "the body is cut off")
        else:
            self._close(connection)

    def _give_up(self, connection: Connection) -> None:
        if connection.framing.has_head and not connection.drains:
            self._refuse(connection, 408, "the body took too long")
        else:
            self._close(connection)

    def _refuse(self, connection: Connection, status: int, reason: str) -> None:
        body = b'{"error": "%s"}\n' % reason.encode()
        self._say(
            connection,
            REFUSAL % (status, reason.encode(), len(body), body),
        )
        self._drain(connection)

    def _say(self, connection: Connection, words: bytes) -> None:
        # A few bytes: what does not fit at once into an empty buffer goes to somebody who does not read.
        with suppress(OSError):
            connection.sock.send(words)

    def _drain(self, connection: Connection) -> None:
        """Wait a little for the client to end, so that it gets its answer whatever it still sends."""
        connection.drains = True
        connection.framing = Framing(0, self._admits)
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_WR)
        if connection.sock.fileno() in self._selector.get_map():
            connection.waits_anew(DRAIN_SECONDS)
        else:
            self._wait(connection, DRAIN_SECONDS)

    def _close(self, connection: Connection) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(connection.sock)
        self._room.leave(connection)
        connection.sock.close()

    # Answering, in threads

    def _work(self, connection: Connection, whole: Whole) -> None:
        goes_on = False
        try:
            connection.sock.settimeout(ANSWER_SECONDS)
            goes_on = self._answer(connection, whole)
        except Exception as error:  # noqa: BLE001  the thread goes on to the next request
            log_fault(logger, error, "a request could not be answered")
        finally:
            self._done(connection, whole, goes_on)

    def _go_the_long_way(self, connection: Connection, whole: Whole) -> None:
        self._quick.submit(self._work, connection, whole)

    def _done(self, connection: Connection, whole: Whole, goes_on: bool) -> None:
        self._answered.put((connection, whole, goes_on))
        with suppress(OSError):
            self._ringer.send(b"!")

    def _answer(self, connection: Connection, whole: Whole) -> bool:
        """Answer one request and return whether the connection goes on."""
        request = response = None
        try:
            request = next(RequestParser(self.cfg, _in_pieces(whole), connection.client))
            response, environ = wsgi.create(
                request, connection.sock, connection.client, connection.sock.getsockname(), self.cfg
            )
            environ["wsgi.multithread"] = True
            if whole.cut or not self.alive:
                response.force_close()
            answer = self.wsgi(environ, response.start_response)
            try:
                for part in answer:
                    response.write(part)
                response.close()
            finally:
                if hasattr(answer, "close"):
                    answer.close()
            return not response.should_close()
        except (StopIteration, NoMoreData, OSError):
            return False
        except Exception as error:  # noqa: BLE001  gunicorn tells the client's faults from ours, and answers
            if response is None or not response.headers_sent:
                self.handle_error(request, connection.sock, connection.client, error)
            return False


def _in_pieces(whole: Whole) -> Iterator[bytes]:
    """Give a request as a socket would: gunicorn copies what it has not used yet at every read."""
    yield whole.head
    for begin in range(0, len(whole.body), READ_BYTES):
        yield whole.body[begin : begin + READ_BYTES]
