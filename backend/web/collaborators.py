"""What the web edge needs from the rest of the backend: someone to tell of changes, someone who predicts."""

from __future__ import annotations

from typing import Any, Protocol


class DirtyMarker(Protocol):
    """Asks for a round of a project."""

    def mark_dirty(self, project_id: int, reason: str) -> bool:
        """Ask for one more round of this project; doing so twice is the same as once.

        Returns whether the loop is on for this project: for others nothing is asked.

        Raises
        ------
        backend.errors.QueueUnavailable
            When Redis does not answer within a fraction of a second. No retries here: Label Studio waits for
            the webhook inside the annotator's own request, and gives it one second.
        """


class Predictor(Protocol):
    """Answers from the published model of each project."""

    def predict(
        self, project_id: int, tasks: list[dict[str, Any]]
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Return one prediction per task, in their order, and the version of the model that made them.

        Before there is a model the predictions are empty (`{"result": [], "score": 0.0}`), the version None.
        """

    def model_version(self, project_id: int) -> str | None:
        """Return the published version; None before there is one."""

    def versions(self, project_id: int) -> list[str]:
        """Return the versions that are kept, newest first."""
