"""Finished jobs of CVAT on their way back: an annotation for each job and each task of Label Studio in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from backend.errors import ExchangeError
from backend.exchange.cvat_labels import SHAPES, UNSET, vocabulary
from backend.exchange.cvat_names import Shown, shown_by, tracker_pattern
from backend.exchange.cvat_server import CvatServer
from backend.exchange.errand import Errand
from backend.exchange.incoming import Incoming, Lost
from backend.exchange.origin import Origin
from exporters.cvat.rest import FrameReader
from exporters.label_studio.fit import Draft, Page
from exporters.records import Annotation, Item
from exporters.report import Ledger

FINISHED = "completed"
Json = dict[str, Any]


def pull(errand: Errand) -> Iterator[Incoming | Lost]:
    """Yield the annotations of finished jobs."""
    server = CvatServer(errand.services.settings)
    try:
        project = server.project(tracker_pattern(errand.project))
        if project is None:
            raise ExchangeError(
                f"CVAT at {server.url} has no project for project {errand.project_id}, or none that this "
                f"login sees: `clean-al push {errand.project_id} --to cvat` makes one. It is known by its "
                "bug tracker, the link to Label Studio"
            )
        work = _Work(errand, server, project)
        for task in server.tasks(int(project["id"])):
            # Without images it is what a push that was killed has left.
            if task.get("size"):
                yield from work.of_task(int(task["id"]))
    finally:
        server.close()


class _Work:
    """Reads what was done in a project."""

    def __init__(self, errand: Errand, server: CvatServer, project: Json):
        self._errand, self._server, self._project = errand, server, project
        words = vocabulary(errand.config)
        labels = words.of_server(server.labels(int(project["id"])))
        # Neither is an answer: a text that nobody wrote, and our word for a choice that nobody made.
        self._reader = FrameReader(labels, ("", UNSET))
        # Where nothing can be drawn, an image without a word was not looked at.
        self._draws = any(c.tag.lower() in SHAPES for c in errand.config.controls)

    def of_task(self, number: int) -> Iterator[Incoming | Lost]:
        """Yield the annotations of a task's finished jobs."""
        jobs = [job for job in self._server.jobs(number) if self._counts(job)]
        if not jobs:
            return
        frames, deleted = self._server.frames(number)
        for job in jobs:
            said = self._reader.read(self._server.annotations(int(job["id"])))
            numbers = range(int(job["start_frame"]), min(int(job["stop_frame"]) + 1, len(frames)))
            pages: dict[int, list[tuple[int, Shown]]] = {}
            for frame in numbers:
                shown = shown_by(str(frames[frame]["name"]))
                if frame in deleted:
                    self._errand.account.left_out["image that was deleted in CVAT"] += 1
                elif shown is None:
                    yield Lost("its image is none that was pushed", f"job {job['id']}, frame {frame}")
                else:
                    pages.setdefault(shown.task_id, []).append((frame, shown))
            for task_id, shown_pages in pages.items():
                yield self._annotation(job, task_id, shown_pages, frames, said)

    def _counts(self, job: Json) -> bool:
        """Whether a job is finished annotating; others are told."""
        kind, state = str(job.get("type", "annotation")), str(job.get("state"))
        if kind != "annotation":
            self._errand.account.left_out[f"job of the type {kind}"] += 1
        elif state != FINISHED:
            self._errand.account.left_out[f"job that is {state}, not {FINISHED}"] += 1
        return kind == "annotation" and state == FINISHED

    def _annotation(
        self,
        job: Json,
        task_id: int,
        pages: list[tuple[int, Shown]],
        frames: list[Json],
        said: Mapping[int, tuple[Annotation, Ledger]],
    ) -> Incoming | Lost:
        draft, place = Draft(self._errand.config), f"job {job['id']}, task {task_id}"
        objects = self._errand.config.objects
        for frame, shown in pages:
            if frame not in said:
                continue
            annotation, ledger = said[frame]
            draft.unread(ledger)
            known = objects[shown.object] if shown.object < len(objects) else None
            page = Page("" if known is None else known.name, shown.place if known and known.is_list else None)
            width, height = (int(frames[frame].get(side) or 0) or None for side in ("width", "height"))
            item = Item("image", str(frames[frame]["name"]), width=width, height=height)
            draft.add(annotation, item, page)
        if not draft.results and not draft.notes and not self._draws:
            return Lost("nothing was chosen for it", place)
        told: dict[str, str | int] = {"job": int(job["id"]), "frame": pages[0][0]}
        if (job.get("assignee") or {}).get("username"):
            told["by"] = str(job["assignee"]["username"])
        # The server's address is none of it: it may be known by another one tomorrow.
        key = (str(self._project["created_date"]), int(job["id"]))
        return Incoming.of(Origin("cvat", task_id, key, told), draft, place)
