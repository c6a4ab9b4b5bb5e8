"""Everything that the backend raises on purpose.

BackendError
├── SettingsError              a setting is missing or wrong; names the variable and the fix
├── LabelStudioError           what the other side answered, or did not
│   ├── LabelStudioUnreachable     no connection, a timeout, or 5xx to the end of the retries
│   ├── LabelStudioUnauthorized    the token is wrong, expired, or of a kind that is switched off
│   ├── LabelStudioNotFound        no such project, task or webhook (any more)
│   └── LabelStudioRejected        any other 4xx: what we asked for is not allowed
├── MediaError                 a file that task data name is not fetched or cannot be had; says why, not which
├── LabelingConfigError        a labeling config that we cannot learn from; says which tag and what would do
├── ProjectNotOrderable        a project that would only be served at random; says why, and what would help
├── QueueUnavailable           Redis does not answer, or takes nothing in
├── ForeignProject             Label Studio has another project of the number that was connected
├── ModelStoreError            a stored model is missing, damaged or of a kind that is not loaded
├── ExchangeError              another tool did not do what was asked; names the setting or the fix
│   ├── ToolUnreachable            no connection, a timeout, or 5xx to the end of the retries
│   ├── ToolRefused                it does not accept our login, or what we asked for
│   └── ExchangeDefect             what was seen is not all in the account: a fault of ours
├── UnexpectedFailure          a fault of ours: its kind and place, never its words, which may quote a task
└── RoundSuperseded            another worker has taken this project over; publish nothing
"""

from __future__ import annotations


class BackendError(Exception):
    """Base of all errors of the backend."""


class SettingsError(BackendError):
    """A setting is missing or wrong."""


class LabelStudioError(BackendError):
    """Label Studio did not do what was asked."""

    def __init__(self, message: str, status: int | None = None):
        super().__init__(message)
        self.status = status


class LabelStudioUnreachable(LabelStudioError):
    """Label Studio cannot be reached now; asking again later makes sense."""


class LabelStudioUnauthorized(LabelStudioError):
    """Label Studio does not accept our token."""


class LabelStudioNotFound(LabelStudioError):
    """What was asked for is not there."""


class LabelStudioRejected(LabelStudioError):
    """Label Studio understood and refused."""


class MediaError(BackendError):
    """A file that task data name is not fetched, or cannot be had.

    The message is a reason without the address, in the same words for every file it concerns: it is counted.

    Attributes
    ----------
    later : whether the file may be had another time, with no setting changed
    silent : whether the other side gave no answer at all
    by_hand : whether somebody must mend something first, such as connect a storage
    """

    def __init__(self, reason: str, *, later: bool = False, silent: bool = False, by_hand: bool = False):
        super().__init__(reason)
        self.later = later
        self.by_hand = by_hand
        self.silent = silent


class LabelingConfigError(BackendError):
    """The labeling config has nothing that we can learn from."""


class ProjectNotOrderable(BackendError):
    """Not even an order can be made of a project's tasks; nothing was changed in it."""


class QueueUnavailable(BackendError):
    """Redis does not answer."""


class ForeignProject(BackendError):
    """Not the project that was connected: it is left alone."""


class ModelStoreError(BackendError):
    """A stored model cannot be used."""


class ExchangeError(BackendError):
    """Work could not be handed to another tool, or fetched from it."""


class ToolUnreachable(ExchangeError):
    """The other tool cannot be reached now; asking again later makes sense."""


class ToolRefused(ExchangeError):
    """The other tool does not accept our login, or what we asked for."""


class ExchangeDefect(ExchangeError):
    """What was seen and what the account tells do not add up."""


class UnexpectedFailure(BackendError):
    """Something failed that nobody thought of."""


class RoundSuperseded(BackendError):
    """Another worker holds this project now."""
