"""Several things at once, in threads that never keep the program from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

Work = Callable[[], None]


def together(works: Sequence[Work], also: Work = lambda: None) -> None:
    """Do several things at once and return when all are done.

    The threads are daemons: Ctrl-C reaches the caller within a fraction of a second, and a thread that waits
    for an answer from a server that has just ended holds nobody up.

    Parameters
    ----------
    also : callable
        Called in the calling thread, some times a second, while the others work.

    Raises
    ------
    Exception
        The first error of any of them, as soon as it occurs.
    """
    errors: list[Exception] = []
    threads = [threading.Thread(target=_guarded, args=(work, errors), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive() and not errors:
            thread.join(0.2)
            also()
    if errors:
        raise errors[0]


def _guarded(work: Work, errors: list[Exception]) -> None:
    try:
        work()
    except Exception as error:  # noqa: BLE001 - raised again in the calling thread
        errors.append(error)
