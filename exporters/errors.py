"""Everything that the exporters raise on purpose.

ExportError
├── InputError      the input is not what it should be; names the file and the place
├── OptionError     an option is unknown or has a wrong value; lists the valid ones
├── OutputError     the output cannot be written; what stood there before stands
├── WorkerError    a process that helped is gone; nothing was written
├── LossError       `strict` was asked for and something was lost; carries the report
└── ExportDefect    what was read is not all in the account: a fault of ours; nothing was written
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exporters.report import ExportReport


class ExportError(Exception):
    """Base of all errors of the exporters."""


class InputError(ExportError, ValueError):
    """The input cannot be read; the message names the place."""


class OptionError(ExportError, ValueError):
    """An option is unknown, or its value is."""


class OutputError(ExportError, OSError):
    """The output cannot be written; the message names it. What stood there before stands."""


class WorkerError(ExportError):
    """A process that helped with an export ended before its work was done; nothing was written."""

    def __init__(self, status: int):
        why = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
        super().__init__(
            f"a process that helped is gone ({why}); nothing was written. It may have been short of memory: "
            "try again with jobs=1 (--jobs 1)"
        )


class LossError(ExportError):
    """Something could not be carried whole, and `strict` forbids that; nothing was written."""

    def __init__(self, report: ExportReport):
        super().__init__(f"strict: nothing was written, because of losses\n{report.to_text()}")
        self.report = report


class ExportDefect(ExportError):
    """What was read and what the report tells do not add up; nothing was written."""

    def __init__(self, unit: str, end: str, there: int, told: int):
        super().__init__(
            f"a defect of this program: {there} {unit}s were {end} and {told} are in the account; nothing "
            "was written. Please report it, with the input if you can"
        )
