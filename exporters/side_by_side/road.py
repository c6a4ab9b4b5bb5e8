"""The way from a file's objects into a writer: the same in this process and in those beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from exporters.contract import Format, Job, NotStretched, Placed, Stretched


class Road(NamedTuple):
    """How stretches of one format are read, and what writes the pieces that they become.

    With `is_copy` objects stay as they are.
    """

    stretched: Stretched
    pieces: Callable[[Job, Any], Any]
    is_copy: bool

    def take(
        self, objects: Iterable[Placed], writer: Any, job: Job, tick: Callable[[], None] = lambda: None
    ) -> None:
        """Write what the objects hold; `tick` is called for each item."""
        reading = replace(job, ledger=job.ledger.reading())
        things = self.stretched.things(objects, reading)
        if self.is_copy:
            for thing, place in things:
                writer.write(thing, place)
                tick()
            return
        for item in self.stretched.read(things, reading):
            job.ledger.hand(item)
            writer.write(item)
            tick()

    def apart(self, objects: Iterable[Placed]) -> Iterator[Placed]:
        """Yield the objects; `NotStretched` for one that is read together with those around it."""
        for thing, place in objects:
            if not self.stretched.is_apart(thing):
                raise NotStretched
            yield thing, place


def road_between(form: Format, target: Format) -> Road | None:
    """Return the road that several processes can go; None where it has to be gone in order."""
    verbatim = form.verbatim if form is target else None
    pieces = target.pieces if verbatim is None else verbatim.pieces
    if form.stretched is None or pieces is None:
        return None
    return Road(form.stretched, pieces, verbatim is not None)
