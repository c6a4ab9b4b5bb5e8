"""Tracks, and shapes on single frames, put together as the videos that they belong to."""

from __future__ import annotations

from collections.abc import Iterator

from exporters.cvat.read_annotations import Draft, video_annotations
from exporters.cvat.read_meta import DocumentHead, TaskHead
from exporters.cvat.read_shapes import Given, frame_number, source_of, whole
from exporters.errors import InputError, OptionError
from exporters.records import Item, KeyFrame, Region, Track
from exporters.report import Ledger

# Tracks are held until the end of the document: a key frame takes some 500 bytes.
MOST_KEY_FRAMES = 3_000_000


class VideoTask:
    """What belongs to one task, in the order of the document."""

    def __init__(self, head: TaskHead):
        self.head = head
        self.tracks: list[Draft] = []
        self.tagged: dict[int, list[Draft]] = {}
        self.size: tuple[int, int] | None = None
        self.subset = ""


class VideoTasks:
    """Collects what belongs to videos; `items` gives one for each task that has any."""

    def __init__(self, name: str, ledger: Ledger, video: str = ""):
        self._name, self._ledger, self._video = name, ledger, video
        self._tasks: dict[str, VideoTask] = {}
        self._key_frames = 0

    def task_of(self, head: TaskHead, given: Given) -> VideoTask:
        """Return where what belongs to this task is collected."""
        task = self._tasks.get(head.id)
        if task is None:
            task = self._tasks[head.id] = VideoTask(head)
        task.subset = task.subset or given.get("subset", "")
        return task

    def add_track(
        self, given: Given, frames: list[KeyFrame], attributes: list[tuple[str, str]], head: TaskHead
    ) -> None:
        """Add a track; `ValueError` says why it is none."""
        self._count(len(frames))
        if not frames:
            raise ValueError("has no key frame")
        # Documents need not have them in order, and what follows takes the last for the end.
        frames.sort(key=lambda frame: frame.frame)
        # What all key frames say holds for the track; what changes stays with them.
        common = set(frames[0].attributes).intersection(*(frame.attributes for frame in frames))
        own = [pair for pair in frames[0].attributes if pair in common]
        kept = tuple(
            frame._replace(attributes=tuple(pair for pair in frame.attributes if pair not in common))
            for frame in frames
        )
        group = whole(given.get("group_id")) or 0
        track = Track(kept, head.length)
        region = Region(track, (given["label"],), attributes=(*attributes, *own), group=group)
        self.task_of(head, given).tracks.append((region, source_of(given, self._ledger)))

    def add_on_frame(self, image: Given, draft: Draft, head: TaskHead) -> None:
        """Add a shape or a tag that stands on one frame; `ValueError` when the image is no frame."""
        self._count(1)
        self.task_of(head, image).tagged.setdefault(frame_number(image.get("id")), []).append(draft)

    def _count(self, number: int) -> None:
        self._key_frames += number
        if self._key_frames > MOST_KEY_FRAMES:
            raise InputError(f"{self._name}: more than {MOST_KEY_FRAMES:,} key frames; split the document")

    def items(self, head: DocumentHead) -> Iterator[Item]:
        """Yield the videos, in the order in which the document lists its tasks."""
        order = {key: i for i, key in enumerate(head.tasks)}
        unnamed = sum(not task.head.media for task in self._tasks.values())
        if self._video and unnamed > 1:
            raise OptionError(
                f"{self._name}: {unnamed} of its videos have no name; one name (video, --video) cannot be "
                "that of all of them"
            )
        for task in sorted(self._tasks.values(), key=lambda task: order.get(task.head.id, len(order))):
            yield self._item(task, head.is_project)

    def _item(self, task: VideoTask, is_project: bool) -> Item:
        head = task.head
        annotations, priority = video_annotations(task.tracks, task.tagged)
        width, height = (head.width, head.height) if head.width and head.height else task.size or (None, None)
        told = {"subset": task.subset, "task": head.name if is_project else ""}
        data = {key: value for key, value in told.items() if value}
        media = self._media(head)
        item = Item("video", media, None, width, height, data, annotations, priority)
        return item._replace(place=f"{self._name}, {head.name or media}")

    def _media(self, head: TaskHead) -> str:
        """Return the video's name; where the document has none, that of its task, and a note."""
        if head.media or self._video:
            return head.media or self._video
        name = head.name or self._name
        self._ledger.notes.append(
            f"{self._name} names no video, as exports of CVAT's jobs do not: {name!r} stands in its place; "
            "say which it is (video, --video)"
        )
        return name
