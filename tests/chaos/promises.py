"""P1 to P10: what a loop promises whatever befalls it, checked against the history and Label Studio.

P1   no answer is lost: the model knows what Label Studio knows
P2   one round of a project at a time, told by its fence
P3   few rounds of a project wait
P4   fences grow, and whoever was outlived writes nothing
P5   events are answered within a second
P6   what was asked for comes soon
P7   annotators are served what was published, in its order
P8   a project that cannot be learned holds up no other
P9   no process and no half a file is left
P10  predictions and models do not pile up
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from backend.loop.publish import VERSION_PREFIX
from tests.chaos.history import History, Strike, started
from tests.chaos.place import LEASE, Place
from tests.e2e.loop_runner import is_alive, wait_for
from tests.e2e.truth import assert_few_predictions, assert_nothing_is_lost
from tests.fakes.label_studio_outgoing import Delivery
from tests.fakes.label_studio_routes import Request

# One was asked for, of one a round has just cleared the mark, and one is repeated by RQ after a death.
MOST_WAITING = 3
MOST_MODELS = 5
ACK_SECONDS, ACK_SHARE = 1.0, 0.01
# From an event to its round where no harm is done, and from the end of a harm.
CALM_SECONDS, RECOVERY_SECONDS = 12.0, 60.0
# Between a look at the lease and the request after it lie some milliseconds in which a process can be
# stopped, and Label Studio has no conditional write (docs/reliability.md). It is sent as soon as it goes on.
GAP_SECONDS = 0.15
# After these a web process may be away or slow for so long; until it answers again, which takes a start.
AT_THE_WEB = ("web", "serve", "keeper", "few descriptors", "file size", "full disk")
SECONDS_AWAY, SECONDS_TO_START = 10.0, 90.0


@dataclass
class Checker:
    """Finds broken promises; what was checked once is not looked at again.

    Attributes
    ----------
    patience : seconds in which a loop at rest must have caught up
    gaps : late writes of the kind that cannot be prevented
    """

    place: Place
    history: History
    patience: float = 90.0
    gaps: int = 0
    unanswered: int = 0
    answers: list[float] = field(default_factory=list)
    _requests: int = 0
    _deliveries: int = 0
    _owed: list[Delivery] = field(default_factory=list)
    _newest: dict[int, int] = field(default_factory=dict)
    _answered_at: dict[str, float] = field(default_factory=dict)

    def after_a_strike(self) -> list[str]:
        """Return what is broken, of all that must hold at any time."""
        return [
            *self._one_writer(),
            *self._answered(),
            *self._owed_rounds_come(),
            *self._few_wait(),
            *self._published_grow(),
        ]

    def at_rest(self) -> list[str]:
        """Return what is broken once nothing is done any more; waits until the loop has caught up."""
        for project in list(self.place.projects):
            checks: dict[str, Callable[[], object]] = {
                "P1 P6 P7": lambda i=project: assert_nothing_is_lost(self.place.loop, i, self.patience),
                "P10": lambda i=project: assert_few_predictions(self.place.loop, i),
                "P9 P10": lambda i=project: self._models_are_whole(i),
            }
            for name, check in checks.items():
                if broken := _broken(name, project, check):
                    return broken
        return [*self._poison_is_named(), *self.after_a_strike()]

    def at_the_end(self) -> list[str]:
        """Return which processes are left after the loop was stopped."""
        left = [pid for pid, at in self.history.processes if is_alive(pid) and started(pid) == at]
        return [f"P9: processes are left: {left}"] if left else []

    # P2, P4

    def _one_writer(self) -> Iterator[str]:
        requests = self.place.fake.requests
        for request in requests[self._requests :]:
            for project, fence in _written(request):
                newest = self._newest.setdefault(project, 0)
                if fence < newest:
                    if self._is_the_gap(request):
                        self.gaps += 1
                    else:
                        yield f"P2 P4: round {fence} of project {project} writes after round {newest}"
                self._newest[project] = max(newest, fence)
            # Of a long campaign only what was not looked at is kept.
            request.raw = b""
        self._requests = len(requests)

    def _is_the_gap(self, request: Request) -> bool:
        stops = [one for one in self.history.strikes if one.name.startswith("pause")]
        return any(one.ended - 0.05 <= request.at <= one.ended + GAP_SECONDS for one in stops)

    def _published_grow(self) -> Iterator[str]:
        for project in list(self.history.published):
            fences = [seen.fence for seen in list(self.history.published[project])]
            if any(later < earlier for earlier, later in pairwise(fences)):
                yield f"P4: project {project} published {fences[-5:]}"

    # P3

    def _few_wait(self) -> Iterator[str]:
        if self.history.most_waiting > MOST_WAITING:
            yield f"P3: {self.history.most_waiting} rounds of a project waited at a time"

    # P5

    def _answered(self) -> Iterator[str]:
        new = self.place.fake.deliveries[self._deliveries :]
        self._deliveries += len(new)
        for one in new:
            is_good = isinstance(one.outcome, int) and one.outcome < 300
            if is_good:
                self.answers.append(one.seconds)
                self._answered_at[_server(one)] = one.at
            if one.queued:
                self._owed.append(one)
            if not (is_good or self._is_away(one) or self._stood_still(one)):
                self.unanswered += 1
        late = sum(seconds > ACK_SECONDS for seconds in self.answers) + self.unanswered
        if late > max(5, ACK_SHARE * len(self.answers)):
            yield f"P5: {late} of {len(self.answers)} events were answered late or not at all"

    def _is_away(self, event: Delivery) -> bool:
        """Whether its web process was struck just now, or was and has not answered since."""
        answered = self._answered_at.get(_server(event), 0.0)
        return any(
            one.begun - 1
            <= event.at
            <= one.ended + (SECONDS_AWAY if one.ended < answered else SECONDS_TO_START)
            for one in self.history.strikes
            if any(word in one.name for word in AT_THE_WEB)
        )

    def _stood_still(self, event: Delivery) -> bool:
        """Whether who sent it had no turn meanwhile: then it says nothing of who should have answered."""
        ends = event.at + event.seconds
        return any(begun < ends and event.at < ended for begun, ended in self.history.stalls)

    # P6

    def _owed_rounds_come(self) -> Iterator[str]:
        now, still = time.monotonic(), []
        for one in self._owed:
            if one.project not in self.place.projects or self._began_after(one):
                continue
            if now > self._due(one):
                yield f"P6: project {one.project} got no round in {now - one.at:.0f} s after {one.action}"
            else:
                still.append(one)
        self._owed = still

    def _began_after(self, event: Delivery) -> bool:
        return any(seen.at >= event.at for seen in list(self.history.begun[event.project]))

    def _due(self, event: Delivery) -> float:
        """Return by when a round must have begun: harm gives it time until it is over, and some more."""
        due = event.at + CALM_SECONDS + LEASE
        for strike in sorted(self.history.strikes, key=_begin):
            if strike.begun < due and strike.ended + RECOVERY_SECONDS > event.at:
                due = max(due, strike.ended + RECOVERY_SECONDS)
        return due

    # P8

    def _poison_is_named(self) -> list[str]:
        """That the others have caught up is P6; here, that the one which cannot is said to be."""
        project = self.place.poisoned
        if project is None:
            return []
        status = self.place.loop.status
        named = "the poisoned project is named in the status"
        return _broken("P8", project, lambda: wait_for(named, lambda: status(project).problem, self.patience))

    # P9, P10

    def _models_are_whole(self, project: int) -> None:
        store = self.place.loop.store
        versions = store.versions(project)
        assert len(versions) <= MOST_MODELS, versions
        for name in versions:
            assert store.load(project, name).facts["version"] == name
        fences = [_fence(name) for name in versions]
        assert len(fences) == len(set(fences)), versions


def _server(event: Delivery) -> str:
    return event.url.partition("/webhook")[0]


def _begin(strike: Strike) -> float:
    return strike.begun


def _broken(name: str, project: int, check: Callable[[], object]) -> list[str]:
    try:
        check()
    except AssertionError as error:
        return [f"{name}: project {project}: {error}"]
    return []


def _written(request: Request) -> list[tuple[int, int]]:
    """Return the project and the fence of a request by which a round makes something public."""
    found = re.fullmatch(r"/api/projects/(\d+)/(import/predictions)?", request.path)
    if not found or request.method not in ("POST", "PATCH") or not request.raw:
        return []
    body = json.loads(request.raw)
    version = body[0].get("model_version") if isinstance(body, list) and body else None
    version = body.get("model_version") if isinstance(body, dict) else version
    return [(int(found[1]), _fence(version))] if str(version).startswith(VERSION_PREFIX) else []


def _fence(version: str) -> int:
    found = re.match(rf"{VERSION_PREFIX}(\d+)-", version)
    assert found, version
    return int(found[1])
