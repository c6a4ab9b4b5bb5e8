"""Speaks with Label Studio over its HTTP API. What this relies on stands in docs/label-studio.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import sleep
from typing import Any

from backend.errors import LabelStudioError, LabelStudioNotFound, LabelStudioUnreachable
from backend.label_studio.files import Site
from backend.label_studio.http import Transport
from backend.label_studio.tasks import Json, at_most, greater, page_request, pages_by_id, pages_by_number

__all__ = ["Counts", "LabelStudio", "greater"]

BULK_PATIENCE = 300.0
"""Seconds that Label Studio gets at least for what writes many rows: on SQLite, 10,000 take up to 90 s."""
# The server's time comes in whole seconds, and a little late.
CLOCK_SLACK = timedelta(seconds=2)


@dataclass(frozen=True)
class Counts:
    """How far a project is: tasks, annotations without skips, finished tasks, skips."""

    tasks: int
    annotations: int
    finished: int
    skipped: int


@dataclass(frozen=True)
class NewestChanges:
    """The newest change of all (UTC, microseconds), and the newest that does not lie in the future."""

    latest: str | None
    settled: str | None


class LabelStudio:
    """One Label Studio, as the user whose token we hold. Threads may share it.

    Parameters
    ----------
    url : str
        Its address, such as http://localhost:8080.
    api_key : str
        A legacy token or a personal access token, told apart by itself.
    timeout : float
        Seconds to wait for an answer.
    retries : int
        How often a call that may be repeated is repeated, with growing pauses.

    Raises
    ------
    LabelStudioError
        From every method: one of its kinds, naming the path and, where known, the fix.
    """

    def __init__(self, url: str, api_key: str, *, timeout: float = 60.0, retries: int = 5):
        self._http = Transport(url, api_key, timeout, retries)
        self._timeout = timeout
        self._retries = retries
        self.url = url.rstrip("/")

    def __repr__(self) -> str:
        return f"LabelStudio({self.url!r})"

    def close(self) -> None:
        """Close this thread's connections."""
        self._http.close()

    def version(self) -> str:
        """Return the release, such as 1.23.2."""
        return str(self._http.call("GET", "/api/version").get("release", ""))

    def is_up(self) -> bool:
        """Whether it answers at all, whoever asks."""
        try:
            self._http.call("GET", "/health", signed=False)
        except LabelStudioUnreachable:
            return False
        except LabelStudioError:
            # An older one, or a proxy that keeps this address to itself: somebody is there.
            return True
        return True

    def whoami(self) -> Json:
        """Return the user whose token we hold."""
        return self._http.call("GET", "/api/current-user/whoami")

    # Projects

    def projects(self) -> list[Json]:
        """Return all projects that we may see."""
        found: list[Json] = []
        page = 1
        while True:
            answer = self._http.call("GET", "/api/projects/", params={"page": page, "page_size": 100})
            found += answer["results"]
            if not answer.get("next"):
                return found
            page += 1

    def project(self, project_id: int) -> Json:
        """Return one project."""
        return self._http.call("GET", f"/api/projects/{project_id}/")

    def create_project(self, **fields: Any) -> Json:
        """Return the new project."""
        return self._http.call("POST", "/api/projects/", body=fields)

    def update_project(self, project_id: int, **fields: Any) -> Json:
        """Return the project with these fields set."""
        return self._http.call("PATCH", f"/api/projects/{project_id}/", body=fields)

    def counts(self, project_id: int) -> Counts:
        """Return how far a project is, in one cheap call."""
        include = "id,task_number,total_annotations_number,finished_task_number,skipped_annotations_number"
        params = {"ids": project_id, "include": include}
        answer = self._http.call("GET", "/api/projects/counts/", params=params)
        for row in answer["results"]:
            if row["id"] == project_id:
                return Counts(
                    tasks=row["task_number"],
                    annotations=row["total_annotations_number"],
                    finished=row["finished_task_number"],
                    skipped=row["skipped_annotations_number"],
                )
        raise LabelStudioNotFound(f"/api/projects/counts/: no project {project_id}", 404)

    # Tasks

    def newest_change(self, project_id: int, until: datetime | None = None) -> str | None:
        """Return when a task, of those unchanged after `until`, last changed, in UTC; None without tasks."""
        where = [] if until is None else [at_most("updated_at", until.isoformat())]
        pages = self.iter_tasks(
            project_id, include=["updated_at"], ordering="-tasks:updated_at", page_size=1, where=where
        )
        return next((page[0]["updated_at"] for page in pages), None)

    def newest_changes(self, project_id: int) -> NewestChanges:
        """Return when a task last changed, and when one last did that is not stamped ahead of now.

        A task whose time lies ahead would hide all that changes after it.
        """
        latest = self.newest_change(project_id)
        now = self._http.server_time()
        if latest is None or now is None or datetime.fromisoformat(latest) <= now + CLOCK_SLACK:
            return NewestChanges(latest, latest)
        return NewestChanges(latest, self.newest_change(project_id, now + CLOCK_SLACK))

    def iter_tasks(
        self,
        project_id: int,
        *,
        include: Sequence[str],
        where: Sequence[Json] = (),
        with_annotations: bool = False,
        ordering: str | None = None,
        page_size: int = 1000,
    ) -> Iterator[list[Json]]:
        """Yield pages of tasks, by id unless `ordering` names another Data Manager column.

        By id, a task that is there from first to last page comes exactly once, whatever is deleted or added
        meanwhile. In another order a task can be missed when others vanish; none comes twice.

        Parameters
        ----------
        include : sequence of str
            The fields wanted; `id` always comes along.
        where : sequence of dict
            Data Manager filters that all must hold; see `greater`.
        with_annotations : bool
            Also give each task's `annotations`, with results and times.
        """
        request = page_request(project_id, include, page_size, with_annotations)
        if ordering is None:
            return pages_by_id(self._http, request, where)
        return pages_by_number(self._http, request, where, ordering)

    def task(self, task_id: int) -> Json:
        """Return one task with its annotations and predictions."""
        return self._http.call("GET", f"/api/tasks/{task_id}/")

    def update_task(self, task_id: int, **fields: Any) -> Json:
        """Return the task with these fields set; `is_labeled` stays as told until somebody annotates it."""
        return self._http.call("PATCH", f"/api/tasks/{task_id}/", body=fields)

    def import_tasks(self, project_id: int, tasks: list[Json]) -> list[int]:
        """Return the ids of the new tasks, in the order given."""
        answer = self._http.call(
            "POST",
            f"/api/projects/{project_id}/import",
            params={"return_task_ids": "true"},
            body=tasks,
            patience=BULK_PATIENCE,
        )
        return list(answer.get("task_ids", []))

    def upload_file(self, project_id: int, name: str, content: bytes, content_type: str) -> str:
        """Return the path, /data/upload/..., under which the file now lies; no task is made of it."""
        answer = self._http.call(
            "POST",
            f"/api/projects/{project_id}/import",
            params={"commit_to_project": "false"},
            files={"file": (name, content, content_type)},
        )
        stored = self._http.call("GET", f"/api/import/file-upload/{answer['file_upload_ids'][0]}")
        return "/data/" + stored["file"].split("/data/")[-1].lstrip("/")

    # Predictions

    def import_predictions(self, project_id: int, predictions: list[Json]) -> int:
        """Return how many predictions were stored.

        A broken connection leaves open whether they arrived. They are sent again only when the project's
        count of each model version is what it was before; when all have arrived, that is the success.

        Raises
        ------
        LabelStudioUnreachable
            Also when a part has arrived: delete the version and import anew.
        """
        path = f"/api/projects/{project_id}/import/predictions"
        before = Counter(self.model_versions(project_id))
        ours = Counter(str(p.get("model_version", "undefined")) for p in predictions)
        for left in range(self._retries, -1, -1):
            try:
                return int(self._http.call("POST", path, body=predictions, patience=BULK_PATIENCE)["created"])
            except LabelStudioUnreachable:
                arrived = self._arrived(project_id, before, ours)
                if arrived == len(predictions):
                    return arrived
                if arrived or not left:
                    raise
        raise AssertionError("unreachable")

    def _arrived(self, project_id: int, before: Counter[str], ours: Counter[str]) -> int:
        """Return how many of our predictions are stored, once two looks a second apart agree."""
        last = -1
        while True:
            now = self.model_versions(project_id)
            count = sum(now.get(version, 0) - before[version] for version in ours)
            if count == last:
                return count
            last = count
            sleep(1.0)

    def model_versions(self, project_id: int) -> dict[str, int]:
        """Return the number of predictions of each model version."""
        return self._http.call("GET", f"/api/projects/{project_id}/model-versions/")

    def delete_model_version(self, project_id: int, version: str) -> int:
        """Return how many predictions went with a model version."""
        path, body = f"/api/projects/{project_id}/model-versions/", {"model_version": version}
        return int(self._http.call("DELETE", path, body=body, patience=BULK_PATIENCE)["deleted_predictions"])

    # Labeling

    def next_task(self, project_id: int) -> Json | None:
        """Return the task that Label Studio serves its user next, now locked for them; None when done."""
        try:
            return self._http.call("GET", f"/api/projects/{project_id}/next")
        except LabelStudioNotFound as error:
            if "There are no tasks" in str(error):
                return None
            raise

    def annotate(self, task_id: int, result: list[Json], **fields: Any) -> Json:
        """Return the new annotation; `was_cancelled=True` skips the task."""
        return self._http.call(
            "POST", f"/api/tasks/{task_id}/annotations/", body={"result": result, **fields}
        )

    def update_annotation(self, annotation_id: int, **fields: Any) -> Json:
        """Return the annotation with these fields set."""
        return self._http.call("PATCH", f"/api/annotations/{annotation_id}/", body=fields)

    # Tabs, webhooks and ML backends

    def tabs(self, project_id: int) -> list[Json]:
        """Return the Data Manager's tabs of the project."""
        return self._http.call("GET", "/api/dm/views/", params={"project": project_id})

    def create_tab(self, project_id: int, data: Json) -> Json:
        """Return the new tab."""
        return self._http.call("POST", "/api/dm/views/", body={"project": project_id, "data": data})

    def delete_tab(self, tab_id: int) -> None:
        """Delete a tab."""
        self._http.call("DELETE", f"/api/dm/views/{tab_id}/")

    def webhooks(self, project_id: int) -> list[Json]:
        """Return the project's webhooks."""
        return self._http.call("GET", "/api/webhooks/", params={"project": project_id})

    def create_webhook(self, **fields: Any) -> Json:
        """Return the new webhook; `project` and `url` are needed."""
        return self._http.call("POST", "/api/webhooks/", body=fields)

    def update_webhook(self, webhook_id: int, **fields: Any) -> Json:
        """Return the webhook with these fields set."""
        return self._http.call("PATCH", f"/api/webhooks/{webhook_id}/", body=fields)

    def delete_webhook(self, webhook_id: int) -> None:
        """Delete a webhook."""
        self._http.call("DELETE", f"/api/webhooks/{webhook_id}/")

    def ml_backends(self, project_id: int) -> list[Json]:
        """Return the project's ML backends."""
        return self._http.call("GET", "/api/ml", params={"project": project_id})

    def create_ml_backend(self, **fields: Any) -> Json:
        """Return the new ML backend; `project` and `url` are needed, and Label Studio calls it at once."""
        return self._http.call("POST", "/api/ml", body=fields)

    def update_ml_backend(self, backend_id: int, **fields: Any) -> Json:
        """Return the ML backend with these fields set."""
        return self._http.call("PATCH", f"/api/ml/{backend_id}", body=fields)

    def delete_ml_backend(self, backend_id: int) -> None:
        """Delete an ML backend."""
        self._http.call("DELETE", f"/api/ml/{backend_id}")

    # Files

    @property
    def site(self) -> Site:
        """Where this Label Studio is."""
        return self._http.site

    def download(
        self, path_or_url: str, *, max_bytes: int, elsewhere: Callable[[str], bytes] | None = None
    ) -> bytes:
        """Return a file that task data names.

        Only this Label Studio is asked (scheme, host and port equal), it decides who may read what, and no
        redirect leads elsewhere, unless `elsewhere` is given: it then gets the address.

        Raises
        ------
        LabelStudioRejected
            For every other address, without opening a connection, and for a file above `max_bytes`.
        """
        return self._http.download(path_or_url, max_bytes, elsewhere)
