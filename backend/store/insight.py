"""What is known of a project beyond its order: how good it is, when to stop, which labels may be wrong.

A round writes it after its order is served; pages, commands and metrics read it, whatever else is down.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import FiniteFloat

from backend.store.files import read_json, write_json
from backend.store.healing import checked, printable

FILE_NAME = "insight.json"

StopVerdict = Literal["stop", "go on", "not known yet"]
Entry = TypeVar("Entry")


@dataclass(frozen=True)
class CurvePoint:
    """The accuracy estimated at a number of labels, with its 90 % interval; `at` is ISO 8601, UTC."""

    labels: int
    # Finite, here and below: NaN comes through json.loads, and no page can draw it.
    accuracy: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat
    at: str = ""


@dataclass(frozen=True)
class StopAdvice:
    """Whether more labels are worth their price, and why."""

    verdict: StopVerdict = "not known yet"
    reason: str = ""


@dataclass(frozen=True)
class SavedLabels:
    """How many labels a random order would have needed beyond those given, with a 90 % interval."""

    saved: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat

    def __str__(self) -> str:
        return f"{self.saved:.0f} labels ({self.low:.0f} to {self.high:.0f})"


@dataclass(frozen=True)
class LabelQuality:
    """How well the model does on one label, with 90 % intervals; None where the labels do not tell.

    Attributes
    ----------
    precision : how many of the tasks that the model gives this label have it, from 0 to 1
    recall : how many of the tasks that have it the model finds, from 0 to 1
    labels : tasks that annotators gave this label
    """

    label: str
    precision: FiniteFloat | None = None
    precision_low: FiniteFloat | None = None
    precision_high: FiniteFloat | None = None
    recall: FiniteFloat | None = None
    recall_low: FiniteFloat | None = None
    recall_high: FiniteFloat | None = None
    labels: int = 0
    question: str = ""


@dataclass(frozen=True)
class ConfusedPair:
    """How often annotators gave one label and the model, which had not seen it, guessed another."""

    given: str
    guessed: str
    count: int
    question: str = ""


@dataclass(frozen=True)
class Suspect:
    """A label that may be wrong.

    Attributes
    ----------
    given, suggested : the label of now, and what it should perhaps be
    score : how likely it is wrong, from 0 to 1
    annotation : the id of the annotation, where a single one is meant
    """

    task: int
    given: str
    suggested: str
    score: FiniteFloat
    reason: str
    annotation: int | None = None
    question: str = ""


@dataclass(frozen=True)
class SecondOpinion:
    """A labeled task on which another annotator's word is worth more than a new task; `why` says what for."""

    task: int
    why: str


@dataclass(frozen=True)
class AnnotatorRecord:
    """What one annotator has done; by id, for names are Label Studio's to show.

    Attributes
    ----------
    labels, skips : annotations that were finished, and tasks that were skipped
    agreement : with the others on the same tasks, from 0 to 1; None where there are none
    agreement_with_model : with a model that had not seen the label, from 0 to 1
    labels_per_hour : while at work; pauses do not count
    suspects : labels of theirs that are likely wrong; None where an earlier version has not counted
    """

    id: int
    labels: int = 0
    skips: int = 0
    agreement: FiniteFloat | None = None
    agreement_with_model: FiniteFloat | None = None
    labels_per_hour: FiniteFloat | None = None
    suspects: int | None = None


@dataclass(frozen=True)
class LabelCount:
    """How many tasks carry a label; 0 for one that was never chosen."""

    label: str
    count: int
    question: str = ""


@dataclass(frozen=True)
class HeadTask:
    """A task at the head of the queue.

    Attributes
    ----------
    why : the reason for which it was chosen, in words
    guess, confidence : what the model says of it, as a text and from 0 to 1; None before there is one
    text : the beginning of what is shown, or the address of its file
    kind : text, image, audio, video or the like
    """

    task: int
    why: str = ""
    guess: str | None = None
    confidence: FiniteFloat | None = None
    text: str = ""
    kind: str = "text"


@dataclass(frozen=True)
class Insight:
    """What a round knows of its project beyond the order.

    Attributes
    ----------
    random : what random labeling is estimated to have reached, beside `curve`
    target : the accuracy that the project wants (option `target_accuracy`), or None
    head : the queue's first tasks, in its order
    suspects : the likeliest wrong label first
    second_opinions : labeled tasks to ask another annotator about, the one worth most first
    problems : what could not be computed, or was damaged since, each named in a sentence
    """

    curve: tuple[CurvePoint, ...] = ()
    stop: StopAdvice = StopAdvice()
    target: FiniteFloat | None = None
    savings: SavedLabels | None = None
    random: tuple[CurvePoint, ...] = ()
    per_label: tuple[LabelQuality, ...] = ()
    confusion: tuple[ConfusedPair, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    second_opinions: tuple[SecondOpinion, ...] = ()
    annotators: tuple[AnnotatorRecord, ...] = ()
    classes: tuple[LabelCount, ...] = ()
    head: tuple[HeadTask, ...] = ()
    problems: tuple[str, ...] = ()


# Pages ask for those of all projects every few seconds, and each may hold a thousand suspects.
MOST_KEPT = 200
_READ: dict[Path, tuple[tuple[int, int, int], Insight]] = {}

# Of each part, what it holds: many entries of a kind, or one.
ENTRIES: dict[str, type[Any]] = {
    "curve": CurvePoint,
    "random": CurvePoint,
    "per_label": LabelQuality,
    "confusion": ConfusedPair,
    "suspects": Suspect,
    "second_opinions": SecondOpinion,
    "annotators": AnnotatorRecord,
    "classes": LabelCount,
    "head": HeadTask,
}
SINGLES: dict[str, type[Any]] = {"stop": StopAdvice, "savings": SavedLabels}


def save_insight(folder: Path, insight: Insight) -> None:
    """Keep what a round knows in the project's folder, whole or not at all."""
    write_json(folder / FILE_NAME, asdict(insight))


def load_insight(folder: Path) -> Insight:
    """Return what the last round knew; of a damaged file what is whole, and a word on the rest.

    Before the first round, and where the file was removed, everything is empty or not known yet.
    """
    path = folder / FILE_NAME
    try:
        found = path.stat()
    except OSError:
        return Insight()
    # Written whole or not at all: another content is another file.
    now = (found.st_ino, found.st_mtime_ns, found.st_size)
    kept = _READ.get(path)
    if kept is None or kept[0] != now:
        if len(_READ) >= MOST_KEPT:
            _READ.clear()
        kept = _READ[path] = (now, _load(path))
    return kept[1]


def _load(path: Path) -> Insight:
    stored = read_json(path)
    if not isinstance(stored, dict):
        return Insight(problems=(_damaged("it"),))
    target = stored.get("target")
    found: dict[str, Any] = {"target": float(target) if isinstance(target, int | float) else None}
    problems = _texts(stored.get("problems"))
    for name, kind in SINGLES.items():
        value = stored.get(name)
        one = _entry(kind, value)
        if one is not None:
            found[name] = one
        # None is what was not known yet, and no damage.
        elif value is not None:
            problems.append(_damaged(name))
    for name, kind in ENTRIES.items():
        many, whole = _entries(kind, stored.get(name, []))
        found[name] = many
        if not whole:
            problems.append(_damaged(name))
    return Insight(**found, problems=tuple(problems))


def _damaged(part: str) -> str:
    return f"{FILE_NAME}: {part} is damaged; clean-al retrain makes it anew"


def _entries(kind: type[Entry], stored: Any) -> tuple[tuple[Entry, ...], bool]:
    """Return the entries that are of their kind, and whether all are."""
    if not isinstance(stored, list):
        return (), False
    found = tuple(entry for value in stored if (entry := _entry(kind, value)) is not None)
    return found, len(found) == len(stored)


def _entry(kind: type[Entry], stored: Any) -> Entry | None:
    """Return an entry; None for what is none. What another version of us has added is passed over."""
    if not isinstance(stored, dict):
        return None
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    entry = checked(kind, {name: value for name, value in stored.items() if name in known})
    return None if entry is None else _printable(entry)


def _printable(entry: Entry) -> Entry:
    """Return an entry whose texts can be encoded, as pages and terminals must."""
    texts = {name: value for name, value in vars(entry).items() if isinstance(value, str)}
    changed = {name: printable(value) for name, value in texts.items() if printable(value) != value}
    return replace(entry, **changed) if changed else entry  # type: ignore[type-var]


def _texts(stored: Any) -> list[str]:
    return [printable(text) for text in stored if isinstance(text, str)] if isinstance(stored, list) else []
