"""What the fake Label Studio remembers, and the rules by which it changes. No HTTP here."""

from __future__ import annotations

import copy
import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

Json = dict[str, Any]
Event = tuple[int, str, Json]
"""Project, action and payload of one webhook message."""

PROJECT = {
    "title": "",
    "description": "",
    "label_config": "<View></View>",
    "sampling": "Sequential sampling",
    "model_version": "",
    "maximum_annotations": 1,
    "skip_queue": "REQUEUE_FOR_OTHERS",
    "show_collab_predictions": True,
    "enable_empty_annotation": True,
    "evaluate_predictions_automatically": False,
    "start_training_on_annotation_update": False,
    "is_draft": False,
    "organization": 1,
}
SAMPLINGS = ("Sequential sampling", "Uniform sampling", "Uncertainty sampling")


class Refused(Exception):
    """What Label Studio answers instead of doing it."""

    def __init__(self, status: int, detail: str, validation: Json | None = None):
        super().__init__(detail)
        self.status, self.detail, self.validation = status, detail, validation


def invalid(field: str, what: str) -> Refused:
    """Return a validation error of one field."""
    return Refused(400, "Validation error", {field: [what]})


class World:
    """Projects, tasks, annotations, predictions, webhooks and ML backends of one fake Label Studio.

    Parameters
    ----------
    seed : int
        For the random orders.
    """

    def __init__(self, seed: int = 0):
        self.users: dict[int, Json] = {}
        self.projects: dict[int, Json] = {}
        self.tasks: dict[int, Json] = {}
        self.annotations: dict[int, Json] = {}
        self.predictions: dict[int, Json] = {}
        self.webhooks: dict[int, Json] = {}
        self.ml_backends: dict[int, Json] = {}
        self.views: dict[int, Json] = {}
        self.uploads: dict[int, str] = {}
        self.files: dict[str, bytes] = {}
        self.locks: dict[int, set[int]] = {}
        self.random = random.Random(seed)
        self.events: list[Event] = []
        self._ids: dict[str, int] = {}
        self._unique_ids: dict[int, str] = {}
        self._clock = datetime.now(UTC)

    # Small things that everything below needs

    def new_id(self, kind: str) -> int:
        """Return the next id of its kind."""
        self._ids[kind] = self._ids.get(kind, 0) + 1
        return self._ids[kind]

    def now(self) -> str:
        """Return the time, never the same twice."""
        self._clock = max(datetime.now(UTC), self._clock + timedelta(microseconds=1))
        return self._clock.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def backup(self) -> Json:
        """Return all that it knows, as a copy of its database would hold it."""
        return copy.deepcopy({name: value for name, value in vars(self).items() if name != "_clock"})

    def restore(self, backup: Json) -> None:
        """Know what it knew then and nothing else: ids that were given since are given again."""
        vars(self).update(copy.deepcopy(backup))

    def get(self, kind: str, which: int | str) -> Json:
        """Return one object; refuse with 404 as Label Studio does."""
        found = getattr(self, kind).get(int(which))
        if found is None:
            name = {"ml_backends": "MLBackend"}.get(kind, kind[:-1].capitalize())
            raise Refused(404, f"No {name} matches the given query.")
        return found

    def tasks_of(self, project: int) -> list[Json]:
        """Return a project's tasks by id."""
        return [task for task in self.tasks.values() if task["project"] == project]

    def annotations_of(self, task: int) -> list[Json]:
        """Return a task's annotations by id."""
        return [one for one in self.annotations.values() if one["task"] == task]

    def predictions_of(self, task: int) -> list[Json]:
        """Return a task's predictions by id."""
        return [one for one in self.predictions.values() if one["task"] == task]

    # Projects

    def add_user(self, email: str) -> int:
        """Return the new user's id."""
        user = self.new_id("users")
        self.users[user] = {"id": user, "email": email, "first_name": "", "last_name": ""}
        return user

    def add_project(self, fields: Json, user: int) -> Json:
        """Return the new project."""
        if len(fields.get("title", "")) < 3:
            raise invalid("title", "Ensure this field has at least 3 characters.")
        self._check_config(fields.get("label_config", "<View/>"))
        number = self.new_id("projects")
        created = {"created_at": self.now(), "created_by": self.users[user]}
        self.projects[number] = {"id": number} | PROJECT | created
        self.change_project(number, fields, silent=True)
        return self.described(number)

    def change_project(self, number: int, fields: Json, silent: bool = False) -> Json:
        """Set fields of a project."""
        project = self.get("projects", number)
        version = fields.get("model_version")
        if version and version != project["model_version"] and not self._version_exists(number, version):
            raise invalid(
                "model_version", "Model version doesn't exist either as live model or as static predictions."
            )
        if fields.get("sampling", SAMPLINGS[0]) not in SAMPLINGS:
            raise invalid("sampling", f'"{fields["sampling"]}" is not a valid choice.')
        self._check_config(fields.get("label_config", "<View/>"))
        project.update({name: value for name, value in fields.items() if name in PROJECT})
        if not silent:
            self.events.append((number, "PROJECT_UPDATED", {}))
        return self.described(number)

    @staticmethod
    def _check_config(config: str) -> None:
        try:
            ElementTree.fromstring(config)
        except ElementTree.ParseError as error:
            raise invalid("label_config", str(error)) from None

    def _version_exists(self, project: int, version: str) -> bool:
        return self.live_backend(project, version) is not None or any(
            one["project"] == project and one["model_version"] == version for one in self.predictions.values()
        )

    def live_backend(self, project: int, title: str) -> Json | None:
        """Return the project's ML backend of this title."""
        backends = (one for one in self.ml_backends.values() if one["project"] == project)
        return next((one for one in backends if one["title"] == title), None)

    def described(self, number: int) -> Json:
        """Return a project with its counts."""
        tasks = self.tasks_of(number)
        return self.get("projects", number) | {
            "task_number": len(tasks),
            "finished_task_number": sum(task["is_labeled"] for task in tasks),
            "total_annotations_number": sum(task["total_annotations"] for task in tasks),
            "skipped_annotations_number": sum(task["cancelled_annotations"] for task in tasks),
            "total_predictions_number": sum(task["total_predictions"] for task in tasks),
        }

    def delete_project(self, number: int) -> None:
        """Delete a project with all that belongs to it; nobody is told."""
        self.get("projects", number)
        self.delete_tasks(number, [task["id"] for task in self.tasks_of(number)], silent=True)
        for kind in (self.webhooks, self.ml_backends, self.views):
            for key in [key for key, one in kind.items() if one["project"] == number]:
                del kind[key]
        del self.projects[number]

    # Tasks

    def add_tasks(self, project: int, items: list[Json], user: int) -> list[int]:
        """Return the ids of new tasks."""
        needed = re.findall(r'value="\$(\w+)"', self.get("projects", project)["label_config"])
        ids = []
        for row, item in enumerate(items):
            data = item.get("data", item)
            for name in needed:
                if name not in data:
                    what = f'Error at item {row}: "{name}" key is expected in task data'
                    raise invalid("non_field_errors", what)
            ids.append(self._add_task(project, data))
        for number, item in zip(ids, items, strict=True):
            for annotation in item.get(
                "annotations", []
            ):  # Label Studio takes imported ones for ground truth
                self._store_annotation(number, {"ground_truth": True} | annotation, user)
            self.add_predictions(project, [one | {"task": number} for one in item.get("predictions", [])])
        for version in [one["model_version"] for item in items for one in item.get("predictions", [])]:
            self.projects[project]["model_version"] = self.projects[project]["model_version"] or version
        tasks = [self.tasks[number] for number in ids]
        self.events.append((project, "TASKS_CREATED", {"tasks": tasks}))
        return ids

    def _add_task(self, project: int, data: Json) -> int:
        number, now = self.new_id("tasks"), self.now()
        self.tasks[number] = {
            "id": number,
            "project": project,
            "data": data,
            "meta": {},
            "created_at": now,
            "updated_at": now,
            "is_labeled": False,
            "overlap": self.projects[project]["maximum_annotations"],
            "total_annotations": 0,
            "cancelled_annotations": 0,
            "total_predictions": 0,
        }
        return number

    def touch(self, task: int) -> None:
        """Bring a task's counts and time up to date."""
        self.tasks[task]["updated_at"] = self.now()
        self._recount(task)

    def _recount(self, number: int) -> None:
        task = self.tasks[number]
        annotations = self.annotations_of(number)
        skips = sum(one["was_cancelled"] for one in annotations)
        ignored = self.projects[task["project"]]["skip_queue"] == "IGNORE_SKIPPED"
        task["cancelled_annotations"] = skips
        task["total_annotations"] = len(annotations) - skips
        task["total_predictions"] = len(self.predictions_of(number))
        task["is_labeled"] = task["total_annotations"] + skips * ignored >= task["overlap"]

    def delete_tasks(self, project: int, numbers: list[int], silent: bool = False) -> int:
        """Delete tasks of a project and what hangs on them; return how many there were."""
        gone = [number for number in numbers if self.tasks.get(number, {}).get("project") == project]
        for kind in (self.annotations, self.predictions):
            for key in [key for key, one in kind.items() if one["task"] in set(gone)]:
                del kind[key]
        for number in gone:
            del self.tasks[number]
            self.locks.pop(number, None)
        if not silent:
            tasks = [{"id": number} for number in gone]
            self.events.append((project, "TASKS_DELETED", {"tasks": tasks}))
        return len(gone)

    # Annotations

    def add_annotation(self, task: int, fields: Json, user: int) -> Json:
        """Return the new annotation; the user's lock on the task ends."""
        unique = fields.get("unique_id")
        if unique in self._unique_ids.values():
            raise Refused(409, "Annotation with this unique id already exists")
        # It can be written and never read.
        kept = {name: value for name, value in fields.items() if name != "unique_id"}
        made = self._store_annotation(self.get("tasks", task)["id"], kept, user)
        if unique is not None:
            self._unique_ids[made["id"]] = unique
        self.locks.get(task, set()).discard(user)
        self._announce(made, "ANNOTATION_CREATED")
        return made

    def _store_annotation(self, task: int, fields: Json, user: int) -> Json:
        number, now = self.new_id("annotations"), self.now()
        self.annotations[number] = {
            "id": number,
            "task": task,
            "project": self.tasks[task]["project"],
            "result": [],
            "was_cancelled": False,
            "ground_truth": False,
            "lead_time": None,
            "completed_by": user,
            "import_id": None,
            "created_at": now,
            "updated_at": now,
        } | fields
        self.touch(task)
        return self.annotations[number]

    def change_annotation(self, number: int, fields: Json) -> Json:
        """Return the changed annotation."""
        annotation = self.get("annotations", number)
        annotation.update(fields, updated_at=self.now())
        self.touch(annotation["task"])
        self._announce(annotation, "ANNOTATION_UPDATED")
        return annotation

    def delete_annotation(self, number: int) -> None:
        """Delete one annotation."""
        annotation = self.get("annotations", number)
        del self.annotations[number]
        self._unique_ids.pop(number, None)
        self.touch(annotation["task"])
        payload = {"annotations": [{"id": number}]}
        self.events.append((annotation["project"], "ANNOTATIONS_DELETED", payload))

    def _announce(self, annotation: Json, action: str) -> None:
        payload = {"annotation": annotation, "task": self.tasks[annotation["task"]]}
        self.events.append((annotation["project"], action, payload))

    # Predictions

    def add_predictions(self, project: int, rows: list[Json]) -> int:
        """Return how many predictions were stored, and no task's time changes.

        None where one names a wrong task; those about what is no object of the config, or with a score
        outside 0 to 1, are dropped in silence.
        """
        config = self.projects[project]["label_config"] if project in self.projects else ""
        tasks = {task["id"] for task in self.tasks_of(self.get("projects", project)["id"])}
        for row in rows:
            if row.get("task") not in tasks:
                what = f'{row} contains invalid "task" field: task ID couldn\'t be retrieved'
                raise invalid("non_field_errors", what)
        rows = [
            row
            for row in rows
            if _fits(config, row.get("result") or []) and 0 <= (row.get("score") or 0.0) <= 1
        ]
        for row in rows:
            number = self.new_id("predictions")
            self.predictions[number] = {
                "id": number,
                "project": project,
                "model_version": "undefined",
                "score": None,
                "result": [],
                "created_at": self.now(),
            } | row
            self.tasks[row["task"]]["total_predictions"] += 1
        return len(rows)

    def model_versions(self, project: int) -> dict[str, int]:
        """Return the number of predictions by version; the current version always appears."""
        current = self.get("projects", project)["model_version"]
        counts: dict[str, int] = {}
        for one in self.predictions.values():
            if one["project"] == project:
                counts[one["model_version"]] = counts.get(one["model_version"], 0) + 1
        return ({current: 0} if current else {}) | counts

    def delete_version(self, project: int, version: str) -> int:
        """Return how many predictions went; no task's time changes."""
        described = self.get("projects", project)
        gone = [
            key
            for key, one in self.predictions.items()
            if one["project"] == project and one["model_version"] == version
        ]
        for key in gone:
            self.tasks[self.predictions.pop(key)["task"]]["total_predictions"] -= 1
        if described["model_version"] in (version, *self._titles(project)):
            described["model_version"] = None
        return len(gone)

    def _titles(self, project: int) -> list[str]:
        return [one["title"] for one in self.ml_backends.values() if one["project"] == project]

    def delete_prediction(self, number: int) -> None:
        """Delete one prediction; its task's time changes."""
        task = self.get("predictions", number)["task"]
        del self.predictions[number]
        self.touch(task)

    # The Data Manager's tabs

    def tabs_of(self, project: int) -> list[Json]:
        """Return the tabs of a project, oldest first."""
        self.get("projects", project)
        return [tab for tab in self.views.values() if tab["project"] == project]

    def add_tab(self, body: Json) -> Json:
        """Return the new tab."""
        self.get("projects", body["project"])
        number = self.new_id("views")
        self.views[number] = {"id": number, "project": body["project"], "data": body["data"]}
        return self.views[number]

    def delete_tab(self, number: int) -> None:
        """Delete a tab."""
        self.get("views", number)
        del self.views[number]


def _fits(config: str, result: list[Any]) -> bool:
    """Whether each item of a result is about an object that a control of the config names."""
    given = ",".join(re.findall(r"""toName=["']([^"']*)""", config))
    names = {name.strip() for name in given.split(",")}
    return all(
        str(item["to_name"]) in names for item in result if isinstance(item, dict) and "to_name" in item
    )
