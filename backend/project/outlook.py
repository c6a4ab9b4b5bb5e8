"""What the loop can do in a project, found out without changing anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from backend.errors import ProjectNotOrderable
from backend.learning.inputs import try_inputs
from backend.learning.labeling_config import shown_objects
from backend.learning.verdict import Outcome, Verdict, judge
from backend.loop.observe import foreign_versions
from backend.loop.options import ProjectOptions, project_options
from backend.services import Services
from backend.store.connection import read_connection

# Enough to tell a project whose files cannot be had from one with a few broken ones.
LOOKED_AT = 20


@dataclass(frozen=True)
class Outlook:
    """What is to be expected of a project.

    Attributes
    ----------
    tasks, looked_at, readable : how many there are, and how many of those looked at could be read
    verdict : what is learned, ordered and read, by the labeling config and these tasks
    predictions : how many predictions of other models each version has; annotators keep seeing them
    problem : why not even an order can be made, and what would help; None when one can
    notes : which options are wrong
    gaps : what could not be read of the tasks looked at, and what would help
    """

    tasks: int
    looked_at: int
    readable: int
    verdict: Verdict
    predictions: dict[str, int]
    problem: str | None = None
    notes: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def lines(self) -> list[str]:
        """Return the same in words, a line each."""
        said = [f"{self.verdict.outcome}: {self.verdict.why}"]
        said += [f'{c.outcome}: <{c.tag} name="{c.name}">: {c.why}' for c in self.verdict.controls]
        said += [f"read of each task: {kind} of {', '.join(fields)}" for kind, fields in self.verdict.inputs]
        if self.looked_at:
            said.append(f"{self.readable} of {self.looked_at} tasks that were looked at can be read")
        said += [f"kept on show: {n} predictions of {version}" for version, n in self.predictions.items()]
        return [*said, *self.notes, *self.gaps, *([f"problem: {self.problem}"] if self.problem else [])]


def look_ahead(services: Services, project_id: int) -> Outlook:
    """Return what the loop can do in a project, by its config and some of its tasks.

    Raises
    ------
    LabelStudioError
        When the project cannot be read.
    """
    label_studio = services.label_studio
    project = label_studio.project(project_id)
    options, notes = _options(services, project_id)
    pages = label_studio.iter_tasks(project_id, include=("data",), page_size=LOOKED_AT)
    # One page, whatever the project's size: `connect` and `doctor` wait for it.
    sample = [task.get("data") or {} for task in next(pages, [])]
    verdict = judge(project["label_config"], sample, options.features)
    readable = 0
    reasons: dict[str, int] = {}
    if sample and verdict.outcome is not Outcome.REFUSED:
        shown, download = shown_objects(project["label_config"]), services.media.of_project(project_id)
        _, features = try_inputs(shown, sample, options.features, download)
        readable = int(features.readable.sum())
        reasons = features.gaps.counts() if features.gaps else {}
    return Outlook(
        tasks=label_studio.counts(project_id).tasks,
        looked_at=len(sample),
        readable=readable,
        verdict=verdict,
        predictions=foreign_versions(label_studio, project_id),
        problem=_problem(verdict, len(sample), readable, reasons),
        notes=(*notes, *_opinions(options)),
        gaps=tuple(f"{n} of {len(sample)} tasks: {reason}" for reason, n in reasons.items()),
    )


def _problem(verdict: Verdict, looked_at: int, readable: int, reasons: Mapping[str, int]) -> str | None:
    if not looked_at:
        # A project without tasks has nothing to go by yet, and takes what comes.
        return None
    if verdict.outcome is Outcome.REFUSED:
        return verdict.why
    if readable:
        return None
    read = "; ".join(f"{kind} of {', '.join(fields)}" for kind, fields in verdict.inputs)
    why = "; ".join(reasons) or "they are empty"
    return f"none of the {looked_at} tasks that were looked at can be read ({read}): {why}"


def must_be_orderable(outlook: Outlook, project_id: int) -> None:
    """Refuse a project that would only be served at random.

    Raises
    ------
    ProjectNotOrderable
        Says why, and that nothing was changed.
    """
    if outlook.problem:
        raise ProjectNotOrderable(f"project {project_id}: {outlook.problem}; nothing was changed")


def _opinions(options: ProjectOptions) -> Iterator[str]:
    if options.opinions > 1:
        yield (
            f"up to {options.opinions} annotators a task: another is asked where the label is likelier wrong "
            "than the model's guess on any new task"
        )


def _options(services: Services, project_id: int) -> Any:
    connection = read_connection(services.store, project_id)
    backend_id = connection.ml_backend_id if connection else None
    folder = services.store.folder(project_id)
    return project_options(services.label_studio, project_id, services.settings, backend_id, folder)
