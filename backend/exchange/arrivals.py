"""Writes annotations from elsewhere into Label Studio: each once, over nothing that a person changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from backend.errors import LabelStudioNotFound, LabelStudioRejected, LabelStudioUnreachable
from backend.exchange.account import CARRIED, CHANGED, DROPPED, JOINED, Account
from backend.exchange.incoming import Incoming, Lost
from backend.exchange.journal import Journal
from backend.exchange.origin import Mark, mark_of
from backend.label_studio.client import LabelStudio, greater
from exporters.label_studio.labeling_config import LabelingConfig
from exporters.label_studio.reader import TaskReader
from exporters.options import Options
from exporters.report import Ledger

TRIES = 3
THERE_ALREADY = "is in Label Studio already"
Task = dict[str, Any]


class Arrivals:
    """Delivers annotations to one project.

    What is there already is found out from the annotations themselves (see `origin`): those of the whole
    project at the start, and those of a task again just before anything is written into it.

    Parameters
    ----------
    config : the project's labeling config
    account : where each annotation, and each of its regions, is counted
    journal : what earlier pulls have written; without one, what a person deleted comes back
    dry_run : whether everything is looked at and nothing written
    again : whether what a person deleted is to come back
    """

    def __init__(
        self,
        label_studio: LabelStudio,
        project_id: int,
        config: LabelingConfig,
        account: Account,
        *,
        journal: Journal | None = None,
        dry_run: bool = False,
        again: bool = False,
    ):
        self._label_studio, self._project_id = label_studio, project_id
        self._config, self._account, self._dry_run = config, account, dry_run
        self._journal, self._again = journal, again
        self._marks = _marks_of(label_studio, project_id)

    def deliver(self, coming: Iterable[Incoming | Lost]) -> None:
        """Bring each annotation to its task, or say why not; then the account adds up."""
        for each in coming:
            self._account.seen += 1
            if isinstance(each, Lost):
                self._account.tell(DROPPED, "annotation", each.why, each.place)
            else:
                self._deliver(each)
        self._account.check()

    def _deliver(self, coming: Incoming) -> None:
        if not coming.result and coming.lacks and not coming.cancelled:
            # An empty annotation would say that there is nothing to see.
            self._settle(coming, DROPPED, "the labeling config has no place for anything in it")
            return
        mark = self._marks.get(_key(coming))
        task: Task | None = None
        if mark is None or mark.written != coming.stamp & ~mark.number:
            # Only what is to be written is looked at again: a second pull of a thousand costs one reading.
            task = self._task(coming)
            if task is None:
                return
            mark = _mark_in(task, coming)
        if mark is None and self._was_deleted(coming):
            why = "was deleted in Label Studio since it came: left out, --again brings it back"
            self._settle(coming, DROPPED, why)
        elif mark is None:
            self._create(coming)
        elif mark.number | mark.written == coming.stamp:
            self._settle(coming, JOINED, THERE_ALREADY)
        elif mark.now != mark.written:
            self._settle(coming, DROPPED, "was changed in Label Studio since it came: left as it is")
        else:
            self._update(mark, coming)

    def _was_deleted(self, coming: Incoming) -> bool:
        return self._journal is not None and not self._again and _key(coming) in self._journal

    def _task(self, coming: Incoming) -> Task | None:
        """Return the annotation's task; None when it is not there, or another than was annotated."""
        number = coming.origin.task_id
        try:
            task = self._label_studio.task(number)
        except LabelStudioNotFound:
            self._settle(coming, DROPPED, "its task is not in Label Studio any more")
            return None
        if task.get("project") != self._project_id:
            self._settle(coming, DROPPED, f"its task is of another project ({task.get('project')})")
            return None
        if coming.text is not None and coming.text not in self._texts(task):
            self._settle(coming, DROPPED, "its task shows another text than was annotated")
            return None
        return task

    def _texts(self, task: Task) -> list[str]:
        # Read by the way that it went out: a text of several fields is put together there.
        bare = {"id": task["id"], "data": task.get("data") or {}}
        items = TaskReader(self._config, Options(), Ledger()).read(bare, "")
        return [item.media for item in items if item.kind == "text"]

    def _create(self, coming: Incoming) -> None:
        if self._dry_run or self._post(coming):
            self._written(coming)

    def _post(self, coming: Incoming) -> bool:
        """Store a new annotation; whether it is there now by this call, and accounted for if not."""
        fields = {"import_id": coming.stamp, "unique_id": coming.origin.unique_id}
        for left in reversed(range(TRIES)):
            try:
                self._label_studio.annotate(
                    coming.origin.task_id,
                    coming.origin.signed(coming.result),
                    was_cancelled=coming.cancelled,
                    **fields,
                )
            except LabelStudioUnreachable:
                # It may have arrived. The same `unique_id` once more does no harm: it would be refused.
                if not left:
                    raise
            except LabelStudioNotFound:
                self._settle(coming, DROPPED, "its task is not in Label Studio any more")
                return False
            except LabelStudioRejected as error:
                if error.status == 409 and left == TRIES - 1:
                    self._settle(coming, JOINED, THERE_ALREADY)
                    return False
                if error.status == 409:
                    return True
                self._settle(coming, DROPPED, f"Label Studio refuses it: {error}"[:200])
                return False
            else:
                return True
        raise AssertionError("unreachable")

    def _update(self, mark: Mark, coming: Incoming) -> None:
        if not self._dry_run:
            self._label_studio.update_annotation(
                mark.annotation_id,
                result=coming.origin.signed(coming.result),
                was_cancelled=coming.cancelled,
                # In the same request: content and what is said of it never differ.
                import_id=coming.stamp,
            )
        self._written(coming, "in place of an earlier form that nobody had touched")

    def _written(self, coming: Incoming, how: str = "") -> None:
        if coming.lacks:
            how = "a part of it has no place in the labeling config"
        verb = CHANGED if coming.lacks else CARRIED
        if self._journal is not None and not self._dry_run:
            self._journal.add(_key(coming))
        stamp, number = coming.stamp, coming.origin.number
        # Without an id: who changes it once more in this pull reads the task again, and finds it there.
        self._marks[_key(coming)] = Mark(0, number, stamp & ~number, stamp & ~number)
        self._account.tell(verb, "annotation", how, coming.place)
        for note in coming.notes:
            self._account.tell(note.verb, note.kind, note.text, coming.place)

    def _settle(self, coming: Incoming, verb: str, why: str) -> None:
        """Count an annotation that is not written, with all that it says."""
        self._account.tell(verb, "annotation", why, coming.place)
        within = "of an annotation that is there already" if verb == JOINED else "of an annotation left out"
        for note in coming.notes:
            if note.verb == DROPPED:
                self._account.tell(*note, coming.place)
            else:
                self._account.tell(verb, note.kind, within, coming.place)


def _key(coming: Incoming) -> tuple[int, int]:
    return coming.origin.task_id, coming.origin.number


def _marks_of(label_studio: LabelStudio, project_id: int) -> dict[tuple[int, int], Mark]:
    """Return the marks of all annotations of a project that came from elsewhere, by task and number."""
    found: dict[tuple[int, int], Mark] = {}
    # Skips count apart: a task that was only skipped has no annotation by the first column.
    for column in ("total_annotations", "cancelled_annotations"):
        pages = label_studio.iter_tasks(
            project_id, include=["import_id"], where=[greater(column, 0)], with_annotations=True
        )
        for task in (task for page in pages for task in page):
            for mark in map(mark_of, task.get("annotations") or ()):
                if mark is not None:
                    found[int(task["id"]), mark.number] = mark
    return found


def _mark_in(task: Mapping[str, Any], coming: Incoming) -> Mark | None:
    marks = map(mark_of, task.get("annotations") or ())
    return next((m for m in marks if m is not None and m.number == coming.origin.number), None)
