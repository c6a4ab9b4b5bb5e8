"""Connections whose requests are not whole yet: how long each may take, and who goes when they are many."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from backend.web.framing import Framing

# From the first moment, and again after each answer, until a head is whole.
HEAD_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 5.0
# A body may take this long, and a second more for each so many bytes that have come.
BODY_SECONDS, LONGEST_BODY_SECONDS, BYTES_A_SECOND = 10.0, 60.0, 65_536
# After an answer, for those who still send: to close at once would take the answer away from them.
DRAIN_SECONDS = 2.0
SMALL = 65_536


# Each is itself alone: two clients may look alike.
@dataclass(eq=False)
class Connection:
    """One client's connection.

    Attributes
    ----------
    address : whom it counts for; connections of one address share their place
    drains : whether it has been answered, and only its end is awaited
    """

    sock: socket.socket
    client: tuple[str, int]
    framing: Framing
    drains: bool = False
    began: float = field(default_factory=time.monotonic)
    patience: float = HEAD_SECONDS

    @property
    def address(self) -> str:
        return self.client[0]

    @property
    def deadline(self) -> float:
        """When it has waited long enough."""
        if self.framing.has_head:
            more = self.framing.size / BYTES_A_SECOND
            return self.began + min(BODY_SECONDS + more, LONGEST_BODY_SECONDS)
        return self.began + self.patience

    def waits_anew(self, patience: float) -> None:
        """Begin to wait now, for so many seconds."""
        self.began, self.patience = time.monotonic(), patience


class WaitingRoom:
    """Those that wait for their clients, the longest-waiting first.

    Parameters
    ----------
    places : connections in all; one address may hold half of them
    budget : bytes that all of them hold together
    """

    def __init__(self, places: int, budget: int):
        self._places, self._budget = places, budget
        self._waiting: dict[str, dict[Connection, None]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Connection]:
        return iter([one for some in self._waiting.values() for one in some])

    def enter(self, connection: Connection) -> Connection | None:
        """Let one wait; return who must go for it, if any: the oldest of the address that holds the most.

        So a client that opens many and says nothing pushes out its own, and not those of others.
        """
        mine = self._waiting.setdefault(connection.address, {})
        mine[connection] = None
        self._count += 1
        if len(mine) > self._places // 2:
            return next(iter(mine))
        if self._count > self._places:
            fullest = max(self._waiting, key=lambda address: len(self._waiting[address]))
            return next(iter(self._waiting[fullest]))
        return None

    def leave(self, connection: Connection) -> None:
        """Let one go that is whole, or at its end."""
        mine = self._waiting.get(connection.address, {})
        if connection in mine:
            del mine[connection]
            self._count -= 1
            if not mine:
                del self._waiting[connection.address]

    def late(self, now: float) -> list[Connection]:
        """Return those that have waited long enough."""
        return [one for one in self if one.deadline <= now]

    def is_full_for(self, connection: Connection, held: int) -> bool:
        """Whether what is held in all, with `held` bytes elsewhere, leaves no room for this one to grow."""
        return connection.framing.size > SMALL and held + sum(one.framing.size for one in self) > self._budget
