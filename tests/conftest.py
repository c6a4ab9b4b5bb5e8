"""What every test starts from, wherever the tests were started."""

from __future__ import annotations

import signal

OFTEN_IGNORED = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


def pytest_configure() -> None:
    """Let the programs that tests start hear every signal, under `nohup` and in a background job too.

    An ignored signal is handed down through exec, and one with a handler is not: so the tests themselves go
    on under `nohup`, and their programs start as in a terminal.
    """
    for number in OFTEN_IGNORED:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
