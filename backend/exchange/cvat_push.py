"""The queue becomes a CVAT task, or a further one: what is there already is told by its images' names."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import ExchangeError, MediaError
from backend.exchange.account import CARRIED, DROPPED, JOINED
from backend.exchange.cvat_labels import Vocabulary, vocabulary
from backend.exchange.cvat_names import (
    TASK_PREFIX,
    Shown,
    image_name,
    shown_by,
    tracker_of,
    tracker_pattern,
)
from backend.exchange.cvat_server import CvatServer
from backend.exchange.errand import Errand
from backend.learning.pictures import format_of
from backend.processes.lockfile import LockFile, LockHeld
from backend.project.leaving import leaving_tasks
from backend.store.models import Published
from exporters.label_studio.labeling_config import LabelingConfig

# What CVAT takes for an image, by Pillow's names.
SUFFIXES = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WEBP": ".webp",
    "BMP": ".bmp",
    "GIF": ".gif",
    "TIFF": ".tiff",
    # A JPEG of some cameras, with a second picture behind the first.
    "MPO": ".jpg",
}


@dataclass(frozen=True)
class Upload:
    """The images of one task of Label Studio, as files."""

    task_id: int
    files: tuple[Path, ...]


def push(errand: Errand) -> None:
    """Hand over the tasks of the queue that CVAT has not got yet, in the queue's order."""
    published = errand.services.store.published(errand.project_id)
    if published is None:
        raise ExchangeError(
            f"project {errand.project_id} has no queue: run `clean-al connect {errand.project_id}`, and let "
            "`clean-al serve` make one"
        )
    # Before anything is asked of CVAT: what it cannot show needs no login to be refused.
    words = _words(errand)
    server = CvatServer(errand.services.settings)
    try:
        # Two at once would each upload what the other one is uploading.
        with LockFile(errand.services.store.folder(errand.project_id) / "push.lock"):
            _push(errand, server, published, words)
    except LockHeld as held:
        raise ExchangeError(
            f"project {errand.project_id} is being pushed by process {held.pid or '(unknown)'}: let it end"
        ) from None
    finally:
        server.close()


def _push(errand: Errand, server: CvatServer, published: Published, words: Vocabulary) -> None:
    there = server.project(tracker_pattern(errand.project))
    known = set() if there is None else _known(server, int(there["id"]), errand.dry_run)
    tasks = leaving_tasks(errand.services.label_studio, errand.project_id, published, "queue")
    # As files: the images of a whole queue may not fit into memory.
    with tempfile.TemporaryDirectory(prefix="clean-al-cvat-") as folder:
        uploads = list(_uploads(errand, tasks, known, Path(folder)))
        if uploads and not errand.dry_run:
            _hand_over(errand, server, there, words, uploads)
    if not uploads:
        errand.account.notes.append("nothing new for CVAT")


def _words(errand: Errand) -> Vocabulary:
    words = vocabulary(errand.config)
    if not words.specification:
        raise ExchangeError(
            f"project {errand.project_id}: its labeling config offers nothing that CVAT can ask about an "
            "image; labels for boxes, polygons, key points, ellipses, brushes, and choices are what it can"
        )
    if words.left_out:
        names = ", ".join(words.left_out)
        errand.account.notes.append(f"not asked for in CVAT, which has nothing like it: {names[:300]}")
    return words


def _known(server: CvatServer, project_id: int, dry_run: bool) -> set[int]:
    """Return the tasks of Label Studio whose images are in CVAT."""
    known: set[int] = set()
    for task in server.tasks(project_id):
        number = int(task["id"])
        if not task.get("size") and not server.is_busy(number):
            # A push that was killed between making the task and giving it images.
            if str(task.get("name", "")).startswith(TASK_PREFIX) and not dry_run:
                server.remove_task(number)
            continue
        shown = (shown_by(str(frame["name"])) for frame in server.frames(number)[0])
        known.update(each.task_id for each in shown if each is not None)
    return known


def _uploads(
    errand: Errand, tasks: Iterator[dict[str, Any]], known: set[int], folder: Path
) -> Iterator[Upload]:
    """Yield what is new, as files in a folder; all else is counted."""
    account, fetch = errand.account, errand.services.media.of_project(errand.project_id)
    for task in tasks:
        number, place = int(task["id"]), f"task {task['id']}"
        account.seen += 1
        if number in known:
            account.tell(JOINED, "task", "is in CVAT already")
            continue
        try:
            pages = list(pages_of(number, task.get("data") or {}, errand.config))
            files = tuple(_file(folder, shown, address, fetch(address)) for shown, address in pages)
        except MediaError as error:
            account.tell(DROPPED, "task", str(error), place)
            continue
        if not files:
            account.tell(DROPPED, "task", "shows no image", place)
            continue
        account.tell(CARRIED, "task")
        yield Upload(number, files)


def pages_of(number: int, data: dict[str, Any], config: LabelingConfig) -> Iterator[tuple[Shown, str]]:
    """Yield the images of a task, with what each of them is and where it lies.

    Raises
    ------
    MediaError
        When an image stands in a <Repeater>, whose pages have no names that would last.
    """
    for index, shown in enumerate(config.objects):
        if shown.kind != "image":
            continue
        if shown.repeated:
            raise MediaError("its images stand in a <Repeater>: export them instead")
        value = shown.value.resolve(data)
        pages = value if shown.is_list and isinstance(value, list) else [value]
        for place, address in enumerate(pages):
            if isinstance(address, str) and address:
                yield Shown(number, index, place), address


def _file(folder: Path, shown: Shown, address: str, content: bytes) -> Path:
    suffix = SUFFIXES.get(format_of(content) or "")
    if suffix is None:
        raise MediaError("its file is no image that CVAT reads")
    path = folder / image_name(shown, address, suffix)
    path.write_bytes(content)
    return path


def _hand_over(
    errand: Errand, server: CvatServer, there: dict[str, Any] | None, words: Vocabulary, uploads: list[Upload]
) -> None:
    """Make the project if it is not there, and a task in it with these images."""
    if there is None:
        tracker = tracker_of(errand.services.settings.label_studio_url, errand.project)
        there = server.create_project(f"{errand.title} (Clean AL)", words.specification, tracker)
    elif missing := words.missing(server.labels(int(there["id"]))):
        server.add_labels(int(there["id"]), missing)
        errand.account.notes.append(f"added {len(missing)} labels to CVAT's project")
    files = [file for upload in uploads for file in upload.files]
    number = server.create_task(f"{TASK_PREFIX}of {len(uploads)} tasks", int(there["id"]))
    server.upload(number, files, _jobs(uploads, errand.segment))
    errand.account.notes.append(f"CVAT task {number}, {len(files)} images: {server.url}/tasks/{number}")


def _jobs(uploads: list[Upload], segment: int) -> list[list[str]]:
    """Return the names of each job's images; a task with several images is never parted."""
    jobs: list[list[str]] = []
    for upload in uploads if segment else ():
        if not jobs or len(jobs[-1]) + len(upload.files) > segment:
            jobs.append([])
        jobs[-1].extend(file.name for file in upload.files)
    return [job for job in jobs if job]
