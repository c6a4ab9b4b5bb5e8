"""Sends webhooks in an open loop: a new connection for each, begun when it is due, whatever became of others.

Written on plain sockets, in one thread: it must cost less than what it measures.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

LABEL_STUDIO_TIMEOUT = 1.0
LOOK_SECONDS = 0.05


class Shot:
    """One webhook: seconds from when it was due to its answer, what that was, how late it was sent."""

    __slots__ = ("lag", "latency", "outcome")

    def __init__(self, latency: float, outcome: str, lag: float):
        self.latency, self.outcome, self.lag = latency, outcome, lag


@dataclass
class _Flight:
    sock: socket.socket
    message: bytes
    due: float
    began: float
    answer: bytearray = field(default_factory=bytearray)

    def landed(self, outcome: str) -> Shot:
        self.sock.close()
        return Shot(time.perf_counter() - self.due, outcome, self.began - self.due)


def open_loop(address: str, messages: Sequence[bytes], rate: float, seconds: float) -> list[Shot]:
    """Send these messages in turn, so many a second; each waits as long as Label Studio would."""
    return list(_Sender(address).send(messages, rate, int(rate * seconds)))


class _Sender:
    def __init__(self, address: str):
        parts = urlsplit(address)
        self._to = (parts.hostname, parts.port)
        self._selector = selectors.DefaultSelector()
        # In the order of their beginnings, so that the first is the first to be too late.
        self._flying: dict[int, _Flight] = {}

    def send(self, messages: Sequence[bytes], rate: float, count: int) -> Iterator[Shot]:
        start, sent = time.perf_counter() + 0.1, 0
        with self._selector:
            while sent < count or self._flying:
                while sent < count and (due := start + sent / rate) <= time.perf_counter():
                    self._begin(messages[sent % len(messages)], due)
                    sent += 1
                wait = start + sent / rate - time.perf_counter() if sent < count else LOOK_SECONDS
                for key, _ in self._selector.select(min(max(wait, 0.0), LOOK_SECONDS)):
                    if shot := self._goes_on(key.data):
                        yield shot
                yield from self._late()

    def _begin(self, message: bytes, due: float) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        flight = _Flight(sock, message, due, time.perf_counter())
        with suppress(BlockingIOError):
            sock.connect(self._to)
        self._flying[sock.fileno()] = flight
        self._selector.register(sock, selectors.EVENT_WRITE, flight)

    def _goes_on(self, flight: _Flight) -> Shot | None:
        try:
            if flight.message:
                flight.message = flight.message[flight.sock.send(flight.message) :]
                if not flight.message:
                    self._selector.modify(flight.sock, selectors.EVENT_READ, flight)
                return None
            data = flight.sock.recv(65_536)
        except OSError as error:
            return self._land(flight, type(error).__name__)
        flight.answer += data
        # Asked to close the connection, the server ends each answer so.
        return None if data else self._land(flight, flight.answer[9:12].decode() or "closed")

    def _land(self, flight: _Flight, outcome: str) -> Shot:
        self._selector.unregister(flight.sock)
        del self._flying[flight.sock.fileno()]
        return flight.landed(outcome)

    def _late(self) -> Iterator[Shot]:
        now = time.perf_counter()
        while self._flying:
            first = next(iter(self._flying.values()))
            if now - first.began < LABEL_STUDIO_TIMEOUT:
                return
            yield self._land(first, "timeout")
