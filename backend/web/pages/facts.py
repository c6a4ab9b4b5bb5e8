"""All that a project's page shows, read from the project's folder part by part: what is damaged is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from backend.learning.accuracy import Accuracy, read_accuracy
from backend.loop.options import stored_options
from backend.project.overview import ProjectStatus
from backend.store.file_shelf import FileShelf
from backend.store.insight import HeadTask, Insight, LabelCount, load_insight
from backend.store.models import ModelStore, Published
from backend.store.progress import ProgressFile
from backend.store.snapshot_file import peek_at_data
from backend.web.pages.listing import Page, page_of

Part = TypeVar("Part")

TASKS_PER_PAGE = 10
SUSPECTS_PER_PAGE = 10
ROUNDS_PER_PAGE = 10
PICTURES = ("image", "audio", "video")


@dataclass(frozen=True)
class QueuedTask:
    """A task of the queue head.

    Attributes
    ----------
    rank : its place in the queue, from 1
    is_audit : drawn uniformly at random, so that accuracy can be estimated honestly
    """

    rank: int
    task: int
    is_audit: bool
    known: HeadTask


@dataclass(frozen=True)
class StoredModel:
    """A model that is kept, with what its round said of it; empty where that is not kept any more.

    Attributes
    ----------
    is_served : it answers now
    is_whole : its files are there
    restored : the earlier version whose model it is
    """

    version: str
    is_served: bool
    is_whole: bool
    labels: int | None
    ended_at: str | None
    accuracy: Accuracy
    restored: str | None


@dataclass(frozen=True)
class ProjectFacts:
    """What is known of one project.

    Attributes
    ----------
    damage : what could not be read, each a sentence
    marks : how many labels each round has learned from
    shares : of each label count, its part of the largest one
    """

    status: ProjectStatus
    insight: Insight
    queue: Page[QueuedTask]
    rounds: Page[dict[str, Any]]
    suspects: Page[Any]
    models: tuple[StoredModel, ...]
    marks: tuple[int, ...]
    classes: tuple[LabelCount, ...]
    options: Mapping[str, Any]
    used_options: Mapping[str, Any]
    damage: tuple[str, ...]

    @property
    def most(self) -> int:
        """The tasks of the most frequent label."""
        return max((c.count for c in self.classes), default=0)

    @property
    def never_chosen(self) -> list[LabelCount]:
        """The labels that nobody has given yet."""
        return [c for c in self.classes if not c.count]


class Reading:
    """Reads parts of a project's folder, and remembers which of them could not be read."""

    def __init__(self, store: ModelStore, status: ProjectStatus, files: FileShelf):
        self.damage: list[str] = []
        self._store, self._status, self._files = store, status, files
        self._folder = store.folder(status.project)

    def facts(self, queue: int, rounds: int, suspects: int) -> ProjectFacts:
        """Return the facts, with these pages of their lists."""
        insight = self._file("insight.json", lambda: load_insight(self._folder), Insight())
        self.damage += insight.problems
        history, learned = self._rounds()
        published = self._file(
            "published.json", lambda: self._store.published(self._status.project), _nothing()
        )
        # Before the first round there is none either; only a file that is there can be damaged.
        if published is None and (self._folder / "published.json").exists():
            self.damage.append("published.json is damaged; the next round writes it anew")
        no_models: tuple[StoredModel, ...] = ()
        models = self._part("models", lambda: tuple(self._models(published, history)), no_models)
        report = history[-1] if history else {}
        return ProjectFacts(
            status=self._status,
            insight=insight,
            queue=self._queue(published, insight, queue),
            # Newest first: the reason to look here is mostly the last one.
            rounds=page_of(history[::-1], rounds, ROUNDS_PER_PAGE),
            suspects=page_of(insight.suspects, suspects, SUSPECTS_PER_PAGE),
            models=models,
            marks=learned,
            classes=insight.classes or tuple(_classes(report)),
            options=self._part("options.json", lambda: stored_options(self._folder), {}),
            used_options=report.get("options") or {},
            damage=tuple(self.damage),
        )

    def _part(self, name: str, read: Callable[[], Part], instead: Part) -> Part:
        try:
            return read()
        except Exception as error:  # noqa: BLE001  whatever is wrong with one part, the others are shown
            self.damage.append(f"{name} cannot be read ({type(error).__name__})")
            return instead

    def _file(self, name: str, read: Callable[[], Part], instead: Part) -> Part:
        return self._part(name, lambda: self._files.read(self._folder / name, read), instead)

    def _rounds(self) -> tuple[list[dict[str, Any]], tuple[int, ...]]:
        """Return the newest rounds' reports, and of all rounds how many labels they had."""
        file = ProgressFile(self._folder)
        nothing: tuple[tuple[list[dict[str, Any]], int], tuple[int, ...]] = (([], 0), ())
        (found, damaged), learned = self._file(
            "rounds.jsonl", lambda: (file.recent(), tuple(file.learned_from())), nothing
        )
        if damaged:
            lines = "line" if damaged == 1 else "lines"
            self.damage.append(f"rounds.jsonl: {damaged} damaged {lines}; these rounds are missing below")
        return found, learned

    def _models(
        self, published: Published | None, history: Sequence[dict[str, Any]]
    ) -> Iterator[StoredModel]:
        # The history is cut at a size, models at a number: a model may have outlived its report.
        reports = {report.get("version"): report for report in history}
        served = published.version if published and published.has_model else None
        versions = self._store.versions(self._status.project)
        if served is not None and served not in versions:
            self.damage.append(f"the model that is served, {served}, is missing; a round now makes a new one")
        for version in versions:
            report: Mapping[str, Any] = reports.get(version) or {}
            restored = report.get("restored")
            yield StoredModel(
                version=version,
                is_served=version == served,
                is_whole=_is_whole(self._folder / "models" / version),
                labels=report.get("labels"),
                ended_at=report.get("ended_at"),
                accuracy=read_accuracy(dict(report)),
                restored=restored if isinstance(restored, str) else None,
            )

    def _queue(self, published: Published | None, insight: Insight, page: int) -> Page[QueuedTask]:
        head = published.head if published else ()
        audit = set(published.audit) if published else set()
        # First cut, then looked up: a head may have a thousand tasks, a page shows ten.
        wanted = page_of(head, page, TASKS_PER_PAGE)
        known = {task.task: task for task in insight.head}
        # The insight is written after the head is served, so it may not know the newest tasks yet.
        unknown = [task for task in wanted.items if task not in known or not known[task].text]
        texts = peek_at_data(self._folder / "snapshot.sqlite", unknown) if unknown else {}
        items = [
            QueuedTask(wanted.first + i, task, task in audit, _with_text(task, known.get(task), texts))
            for i, task in enumerate(wanted.items)
        ]
        return Page(items, wanted.number, wanted.pages, wanted.total, wanted.first)


def text_of(data: Mapping[str, Any]) -> str:
    """Return the texts in a task's data, one after the other."""
    return " · ".join(value for value in data.values() if isinstance(value, str))


def _with_text(task: int, known: HeadTask | None, texts: Mapping[int, Mapping[str, Any]]) -> HeadTask:
    known = known or HeadTask(task)
    if known.text or task not in texts:
        return known
    return HeadTask(task, known.why, known.guess, known.confidence, text_of(texts[task]), "text")


def _is_whole(folder: Path) -> bool:
    return all((folder / name).is_file() for name in ("manifest.json", "model.json", "arrays.npz"))


def _classes(report: Mapping[str, Any]) -> Iterator[LabelCount]:
    """Yield the label counts of a round's report, for projects without an insight yet."""
    for question in report.get("questions") or ():
        counts = question.get("classes")
        for label, count in counts.items() if isinstance(counts, dict) else ():
            if isinstance(count, int):
                yield LabelCount(str(label), count, str(question.get("name", "")))


def _nothing() -> Published | None:
    return None
