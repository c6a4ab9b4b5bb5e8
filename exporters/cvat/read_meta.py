"""The head of a CVAT document: its tasks, which of them are videos, and the labels it declares."""

from __future__ import annotations

from typing import NamedTuple
from xml.etree.ElementTree import Element

from exporters.cvat.read_shapes import whole
from exporters.declared import DeclaredAttribute, DeclaredLabel


class TaskHead(NamedTuple):
    """One task of a document.

    `media` is the video's file, empty when the document names none; `length` is the number of frames as far
    as it is known.
    """

    id: str = ""
    name: str = ""
    media: str = ""
    is_video: bool = False
    width: int | None = None
    height: int | None = None
    length: int | None = None


class DocumentHead(NamedTuple):
    """The tasks by their id, and the labels; `is_project` when there may be several tasks."""

    tasks: dict[str, TaskHead]
    labels: tuple[DeclaredLabel, ...] = ()
    is_project: bool = False

    def of(self, task_id: str | None) -> TaskHead:
        """Return the task that something belongs to: the only one where nothing is said."""
        if task_id is not None and task_id in self.tasks:
            return self.tasks[task_id]
        only = next(iter(self.tasks.values())) if len(self.tasks) == 1 else TaskHead()
        if task_id is None or not self.is_project:
            return only
        return TaskHead(id=task_id, name=f"task {task_id}")


def read_head(meta: Element) -> DocumentHead:
    """Return what `<meta>` says, of a task, a job or a project."""
    owner = next((found for tag in ("task", "job", "project") if (found := meta.find(tag)) is not None), meta)
    elements = owner.findall("tasks/task") if owner.tag == "project" else [owner]
    tasks = {task.id: task for task in (_task(element, meta) for element in elements)}
    labels = tuple(_label(element) for element in owner.findall("labels/label"))
    return DocumentHead(tasks, labels, owner.tag == "project")


def _task(element: Element, meta: Element) -> TaskHead:
    is_video = element.findtext("mode") == "interpolation"
    # A job's size and source stand beside it, not in it.
    size = element.find("original_size")
    size = meta.find("original_size") if size is None else size
    sides = (None, None) if size is None else (whole(size.findtext("width")), whole(size.findtext("height")))
    stop = whole(element.findtext("stop_frame"))
    key = (element.findtext("id") or "").strip()
    name = (element.findtext("name") or "").strip()
    if not name and element.tag == "job" and key:
        name = f"job {key}"
    media = element.findtext("source") or meta.findtext("source") or ""
    # Frames count from 0, stop_frame included.
    if stop is None and not (element.findtext("start_frame") or element.findtext("frame_filter")):
        stop = (whole(element.findtext("size")) or 0) - 1
    length = stop + 1 if stop is not None and stop >= 0 and is_video else None
    return TaskHead(key, name, media.strip(), is_video, *sides, length)


def _label(element: Element) -> DeclaredLabel:
    attributes = tuple(_attribute(each) for each in element.findall("attributes/attribute"))
    name = (element.findtext("name") or "").strip()
    kind = (element.findtext("type") or "any").strip()
    # Points of a skeleton stand in the same list as labels, and name the one that they belong to.
    if element.find("parent") is not None:
        kind = "part"
    return DeclaredLabel(name, (element.findtext("color") or "").strip(), kind, attributes)


def _attribute(element: Element) -> DeclaredAttribute:
    text, default = element.findtext("values") or "", element.findtext("default_value") or ""
    values = text.split("\n")
    if "\n" not in text and default != text and default in text.split():
        values = text.split()  # as datumaro once wrote them
    kind = element.findtext("input_type") or "text"
    if kind == "checkbox" and not text.strip():
        values = ["true", "false"]
    return DeclaredAttribute(
        element.findtext("name") or "",
        kind,
        tuple(value.strip() for value in values if value.strip()),
        default,
        element.findtext("mutable") == "True",
    )
