"""How a round that failed is called, in the status, in the log and in RQ's books."""

from __future__ import annotations

import logging

from redis.exceptions import ResponseError

from backend.errors import BackendError, LabelStudioNotFound, UnexpectedFailure
from backend.log_context import kind_and_place, log_fault
from backend.store.progress import ProgressFile

logger = logging.getLogger(__name__)


def why_unavailable(error: Exception) -> str:
    """Return what is wrong with the queue server, in its own words where it has some, never its address."""
    if isinstance(error, ResponseError):
        # Of an error inside a script, the server's words come first, and the script's name after them.
        return f"Redis refuses: {str(error).partition(' script:')[0][:200]}"
    return f"Redis does not answer: {type(error).__name__}"


def note_failure(progress: ProgressFile, project_id: int, error: Exception) -> str:
    """Note why a round failed and return how that is called; raise what nobody expected."""
    if isinstance(error, LabelStudioNotFound):
        progress.fail(f"{error}; was the project deleted? then: clean-al disconnect {project_id} --forget")
        return "gone"
    if isinstance(error, BackendError):
        after = progress.fail(str(error))
        logger.warning("project %s: round failed, attempt %s: %s", project_id, after.failures, error)
        return "failed"
    what = kind_and_place(error)
    progress.fail(what)
    log_fault(logger, error, "project %s", project_id)
    # RQ writes down what is raised: of an error whose words may quote a task, only its kind goes there.
    raise UnexpectedFailure(what) from None
