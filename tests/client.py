"""The client with what people do to a Label Studio and the loop never does."""

from __future__ import annotations

from collections.abc import Sequence

from backend.label_studio.client import BULK_PATIENCE, LabelStudio
from backend.label_studio.tasks import has_version


class FullLabelStudio(LabelStudio):
    """A `LabelStudio` that also deletes, and changes annotations."""

    def delete_project(self, project_id: int) -> None:
        """Delete a project and all that is in it."""
        self._http.call("DELETE", f"/api/projects/{project_id}/")

    def delete_tasks(self, project_id: int, task_ids: Sequence[int]) -> None:
        """Delete these tasks of a project."""
        body = {"project": project_id, "selectedItems": {"all": False, "included": list(task_ids)}}
        params = {"id": "delete_tasks", "project": project_id}
        self._http.call(
            "POST", "/api/dm/actions/", params=params, body=body, idempotent=True, patience=BULK_PATIENCE
        )

    def predictions_of(self, project_id: int, version: str) -> list[int]:
        """Return the ids of a model version's predictions."""
        return [
            prediction["id"]
            for page in self.iter_tasks(
                project_id, include=["predictions", "model_version"], where=[has_version(version)]
            )
            for task in page
            for prediction in task["predictions"]
            if prediction["model_version"] == version
        ]

    def delete_prediction(self, prediction_id: int) -> None:
        """Delete one prediction."""
        self._http.call("DELETE", f"/api/predictions/{prediction_id}/")

    def delete_annotation(self, annotation_id: int) -> None:
        """Delete one annotation."""
        self._http.call("DELETE", f"/api/annotations/{annotation_id}/")
