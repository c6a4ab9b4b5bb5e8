"""What was seen of a loop while harm was done: the checker reads this, and nothing else of the past."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from backend.loop.lease import fence_key
from backend.processes.valkey import running_url
from tests.e2e.loop_runner import Loop

STEP = 0.02
# A thread that waits so much longer than it asked for shares the machine with far too much else.
STALL = 0.25
# Every so many steps the processes are looked at, which takes longer.
STEPS_BETWEEN_PROCESSES = 25
# KEYS: list, later; ARGV: job prefix. Returns the project of each job that waits, in one look.
_WAITING = """
local found = {}
for _, ids in ipairs({redis.call('LRANGE', KEYS[1], 0, -1), redis.call('ZRANGE', KEYS[2], 0, -1)}) do
  for _, id in ipairs(ids) do
    if redis.call('EXISTS', ARGV[1] .. id) == 1 then found[#found + 1] = id end
  end
end
return found
"""


@dataclass(frozen=True)
class Strike:
    """One harm: what, and from when to when by the monotonic clock."""

    name: str
    begun: float
    ended: float


@dataclass(frozen=True)
class Seen:
    """A fence that a project's rounds had reached, when it was first seen."""

    at: float
    fence: int


@dataclass
class History:
    """Looks at what is published, waits and lives, as often as it can, until `end`.

    Attributes
    ----------
    begun : by project, the fences of rounds in the order in which they were seen to begin
    published : by project, the fences of what was seen as published
    most_waiting : the most rounds of one project that waited at a time
    processes : every process seen, with the time of its start
    stalls : from when to when this very process had no turn for longer than it should
    """

    loop: Loop
    projects: Callable[[], list[int]]
    strikes: list[Strike] = field(default_factory=list)
    begun: dict[int, list[Seen]] = field(default_factory=lambda: defaultdict(list))
    published: dict[int, list[Seen]] = field(default_factory=lambda: defaultdict(list))
    most_waiting: int = 0
    stalls: list[tuple[float, float]] = field(default_factory=list)
    processes: set[tuple[int, str]] = field(default_factory=set)
    _over: threading.Event = field(default_factory=threading.Event)
    _redis: tuple[str, Redis] | None = None

    def begin(self) -> None:
        """Look from now on, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        steps, last = 0, time.monotonic()
        while not self._over.wait(STEP):
            steps, now = steps + 1, time.monotonic()
            if now - last > STALL:
                self.stalls.append((last, now))
            with suppress(RedisError, OSError, AssertionError, ValueError):
                self._look()
            if steps % STEPS_BETWEEN_PROCESSES == 0:
                with suppress(AssertionError):
                    self.look_at_processes()
            last = time.monotonic()

    def look_at_processes(self) -> None:
        """Note which processes are there now."""
        self.processes |= {(pid, started(pid)) for pid in self.loop.tree()}

    def _look(self) -> None:
        projects = self.projects()
        for project in projects:
            if found := self.loop.published(project):
                _note(self.published[project], found.fence)
        redis = self._client()
        if redis is None or not projects:
            return
        for project, fence in zip(projects, redis.mget([fence_key(i) for i in projects]), strict=True):
            if fence is not None and fence.isdigit():
                _note(self.begun[project], int(fence))
        ids = redis.eval(_WAITING, 2, "rq:queue:clean-al", "rq:scheduled:clean-al", "rq:job:")
        # A job's name is `round-<project>-<word>`.
        asked = [name.split("-")[1] for name in map(bytes.decode, ids) if name.startswith("round-")]
        self.most_waiting = max(self.most_waiting, *(asked.count(str(i)) for i in projects))

    def _client(self) -> Redis | None:
        url = running_url(self.loop.model_dir / "valkey")
        if url is None:
            return None
        if self._redis is None or self._redis[0] != url:
            self._redis = url, Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0)
        return self._redis[1]

    def forget(self, project: int) -> None:
        """A project is no more: what was seen of it proves nothing about another one."""
        self.begun.pop(project, None)
        self.published.pop(project, None)


def _note(seen: list[Seen], fence: int) -> None:
    if not seen or seen[-1].fence != fence:
        seen.append(Seen(time.monotonic(), fence))


def started(pid: int) -> str:
    """Return when a process began: a number may be given again."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return ""
