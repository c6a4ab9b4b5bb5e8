"""One campaign: people label, harm is done, promises are checked; with a rest after every ten strikes."""

from __future__ import annotations

import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.chaos.history import History
from tests.chaos.nemesis import Nemesis, possible
from tests.chaos.place import LEASE, PROJECTS, Place, small_disk
from tests.chaos.promises import CALM_SECONDS, Checker

STRIKES_BETWEEN_RESTS = 10
SECONDS_OF_WORK = 4.0


@dataclass
class Report:
    """How a campaign went.

    Attributes
    ----------
    violations : broken promises, a line each
    rests : seconds from the end of the harm until everything was learned and served, of each rest
    """

    seed: int
    strikes: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    rests: list[float] = field(default_factory=list)
    annotations: int = 0
    rounds: int = 0
    gaps: int = 0
    most_waiting: int = 0
    ack_p99: float = 0.0
    seconds: float = 0.0
    log: str = ""

    def __str__(self) -> str:
        lines = [
            f"seed {self.seed}: {self.strikes.total()} strikes in {self.seconds:.0f} s, {self.annotations} "
            f"annotations, {self.rounds} rounds; violations: {len(self.violations)}",
            ", ".join(f"{name} {n}" for name, n in sorted(self.strikes.items())),
            f"events answered in {1000 * self.ack_p99:.0f} ms (p99); at most {self.most_waiting} rounds of a "
            f"project waited; {self.gaps} writes in the gap",
        ]
        if self.rests:
            lines += [f"at rest after {np.median(self.rests):.1f} s, at most {max(self.rests):.1f} s"]
        return "\n  ".join([*lines, *self.violations])


def campaign(
    seed: int,
    strikes: int,
    *,
    harms: Sequence[str] | None = None,
    settings: dict[str, str] | None = None,
    projects: int = PROJECTS,
    poison: bool = True,
    patience: float = 90.0,
    calm: float = 0.0,
    directory: Path | None = None,
) -> Report:
    """Return how a loop stood a number of strikes; it ends at the first broken promise.

    Parameters
    ----------
    harms : names of `nemesis.HARMS`; by default all that this machine lets us do
    settings : more environment variables of the loop
    patience : seconds in which a loop at rest must have caught up
    calm : seconds before the first strike in which people label and pause, and no harm is done
    directory : where MODEL_DIR and the log lie; kept. By default a temporary one
    """
    with ExitStack() as stack:
        kept = directory or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos")))
        kept.mkdir(parents=True, exist_ok=True)
        disk = stack.enter_context(small_disk(kept / "models"))
        place = Place(kept, random.Random(seed), settings or {})
        stack.callback(place.close)
        names = possible(disk) if harms is None else harms
        run = _Run(place, seed, names, patience)
        run.prepare(projects, poison)
        return run.go(strikes, calm)


class _Run:
    def __init__(self, place: Place, seed: int, harms: Sequence[str], patience: float):
        self._place, self._report = place, Report(seed)
        self._history = History(place.loop, lambda: list(place.projects))
        self._checker = Checker(place, self._history, patience)
        self._rng = random.Random(seed + 1)
        self._nemesis = Nemesis(place, self._rng, harms)

    def prepare(self, projects: int, poison: bool) -> None:
        """Start all processes, and let the loop learn its first projects."""
        place = self._place
        place.loop.start()
        place.second.start()
        place.second.wait()
        for _ in range(projects):
            place.add_project()
        if poison:
            place.poison()
        place.fake.deliveries.clear()

    def go(self, strikes: int, calm: float) -> Report:
        """Let people label, do harm and look."""
        begun, report, place = time.monotonic(), self._report, self._place
        over = threading.Event()
        labeler = threading.Thread(target=place.label_until, args=(over,), daemon=True)
        self._history.begin()
        labeler.start()
        try:
            self._wait(calm)
            for number in range(1, strikes + 1):
                self._strike()
                if number % STRIKES_BETWEEN_RESTS == 0 or number == strikes:
                    self._rest()
                if report.violations:
                    break
        finally:
            over.set()
            labeler.join()
            self._history.end()
        self._end()
        report.seconds = time.monotonic() - begun
        return report

    def _wait(self, seconds: float) -> None:
        """Let people label now and then: in a pause no later event makes up for one that was lost."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not self._report.violations:
            time.sleep(SECONDS_OF_WORK)
            self._place.stalled.set()
            time.sleep(CALM_SECONDS + LEASE + 1)
            self._report.violations += self._checker.after_a_strike()
            self._place.stalled.clear()

    def _strike(self) -> None:
        try:
            strike = self._nemesis.strike()
        except AssertionError as error:
            # What it waited for, such as a new start of `serve`, has not come.
            self._report.violations.append(f"P6: {error}")
            return
        self._history.strikes.append(strike)
        self._report.strikes[strike.name] += 1
        time.sleep(self._rng.uniform(0.2, 1.5))
        self._report.violations += self._checker.after_a_strike()

    def _rest(self) -> None:
        """Let people pause and faults end, and wait for what must come."""
        self._place.heal()
        self._place.stalled.set()
        time.sleep(0.5)
        begun = time.monotonic()
        self._report.violations += self._checker.at_rest()
        self._report.rests.append(time.monotonic() - begun)
        self._place.stalled.clear()

    def _end(self) -> None:
        report, history, place = self._report, self._history, self._place
        report.annotations = place.taken
        report.rounds = sum(len(seen) for seen in history.begun.values())
        report.gaps, report.most_waiting = self._checker.gaps, history.most_waiting
        answers = self._checker.answers
        report.ack_p99 = float(np.percentile(answers, 99)) if answers else 0.0
        history.look_at_processes()
        place.second.kill()
        place.loop.stop()
        report.violations += self._checker.at_the_end()
        report.log = place.loop.log[-20_000:] if report.violations else ""
