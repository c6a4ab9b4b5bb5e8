"""Prodigy's loader: `prodigy RECIPE DATASET PROJECT --loader clean-al` serves the queue of that project."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backend.cli.common import resolve_project
from backend.exchange.account import Account
from backend.exchange.errand import Errand
from backend.exchange.prodigy_stream import stream
from backend.services import Services
from backend.settings import read_settings

PATIENCE = 20.0
"""Seconds for which the loader waits for new tasks: a person waits with it."""


def load(source: Any, *_: Any, **__: Any) -> Iterator[dict[str, Any]]:
    """Yield Prodigy's tasks in the order of the queue, as it is when each is asked for.

    Parameters
    ----------
    source : the project's id or title; whatever else Prodigy gives its loaders is not needed
    """
    # Without our logging: here Prodigy is the program, and the terminal is its own.
    world = Services(read_settings())
    found = world.label_studio.project(resolve_project(world.label_studio, str(source)))
    yield from stream(Errand(world, found, Account("task"), follow=True), patience=PATIENCE)
