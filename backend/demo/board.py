"""What the demo shows while it runs: a table that changes on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

Curve = list[tuple[int, float]]


@dataclass(frozen=True)
class Standing:
    """How one data set's two projects stand."""

    step: str = "waiting"
    rounds: int = 0
    labels: int = 0
    next_tasks: tuple[int, ...] = ()
    loop: Curve = field(default_factory=list)
    random: Curve = field(default_factory=list)


class Board:
    """Collects what happens, from any thread, and shows it.

    Parameters
    ----------
    console : a terminal gets one table that is kept up to date; anything else gets a line per event
    names : the data sets, in the order of the table
    """

    def __init__(self, console: Console, names: tuple[str, ...]):
        self._console = console
        # Four annotators report from threads of their own.
        self._lock = threading.Lock()
        self._begun = time.monotonic()
        self._standing = {name: Standing() for name in names}
        self._phase = ""
        self._spinner = Spinner("dots")

    def curves(self, name: str) -> tuple[Curve, Curve]:
        """Return what was measured so far: the loop's curve and random order's."""
        standing = self._standing[name]
        return standing.loop, standing.random

    def rounds(self, name: str) -> int:
        """Return how many rounds the loop has published."""
        return self._standing[name].rounds

    def phase(self, what: str) -> None:
        """Say what is being done now."""
        self._phase = what
        self._say(what)

    def step(self, name: str, what: str, *, quiet: bool = False) -> None:
        """Say what is being done for one data set; quiet steps are for terminals only."""
        self._change(name, step=what)
        if not quiet:
            self._say(f"{name}: {what}")

    def loop_round(
        self, name: str, rounds: int, labels: int, accuracy: float | None, coming: tuple[int, ...]
    ) -> None:
        """Note a round of the loop; None is no model yet."""
        curve = [*self._standing[name].loop, *([] if accuracy is None else [(labels, accuracy)])]
        self._change(name, step="labeling", rounds=rounds, labels=labels, next_tasks=coming, loop=curve)
        score = "no model yet" if accuracy is None else f"held-out accuracy {accuracy:.1%}"
        beside = self._random_at(name, labels)
        self._say(
            f"{name}: round {rounds}, {labels} labels, {score}"
            + (f" (random order {beside:.1%})" if beside is not None else "")
            + f"; next tasks {', '.join(map(str, coming))}"
        )

    def random_batch(self, name: str, labels: int, accuracy: float) -> None:
        """Note a batch of the annotator in random order."""
        self._change(name, random=[*self._standing[name].random, (labels, accuracy)])
        self._say(f"{name}: random order, {labels} labels, held-out accuracy {accuracy:.1%}")

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Keep the table on the terminal up to date inside."""
        if not self._console.is_terminal:
            yield
            return
        # Drawn by a thread of its own, so that the seconds go on while all wait for a round.
        with Live(get_renderable=self._render, console=self._console, refresh_per_second=8):
            yield

    def _change(self, name: str, **changes: object) -> None:
        with self._lock:
            self._standing[name] = replace(self._standing[name], **changes)  # type: ignore[arg-type]

    def _random_at(self, name: str, labels: int) -> float | None:
        # The twin may be a batch behind; then there is nothing to set beside it.
        return dict(self._standing[name].random).get(labels)

    def _say(self, line: str) -> None:
        if not self._console.is_terminal:
            # Markup off: a title with brackets is no style.
            self._console.print(
                f"[{self._seconds():4.0f} s] {line}", highlight=False, markup=False, soft_wrap=True
            )

    def _seconds(self) -> float:
        return time.monotonic() - self._begun

    def _render(self) -> Group:
        table = Table("project", "now", "round", "labels", "loop", "random order", "next tasks")
        for name, s in self._standing.items():
            table.add_row(
                name,
                s.step,
                str(s.rounds),
                str(s.labels),
                _last(s.loop, "bold green"),
                _last(s.random),
                " ".join(map(str, s.next_tasks)) or "-",
            )
        self._spinner.update(text=f" {self._phase} ({self._seconds():.0f} s)")
        return Group(table, self._spinner)


def _last(curve: Curve, style: str = "") -> Text:
    if not curve:
        return Text("-")
    labels, accuracy = curve[-1]
    return Text(f"{accuracy:.1%} at {labels}", style=style)
