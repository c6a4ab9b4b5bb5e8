"""Serving an earlier model again: its guesses and its order, for the tasks of the head that is served now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from backend.learning.accuracy import Accuracy, read_accuracy, read_stored
from backend.learning.controls import learnable_controls
from backend.loop.lease import Lease
from backend.loop.prefill import Prefill
from backend.loop.priorities import as_predictions
from backend.loop.publish import clean_up, new_version, serve_head
from backend.loop.report import ROLLED_BACK, QuestionReport, RoundReport
from backend.services import Services
from backend.store.models import Model, Published
from backend.store.progress import ProgressFile
from backend.store.snapshot import Snapshot

FORGOTTEN = "the estimate of the earlier model is not kept any more"


@dataclass(frozen=True)
class _Order:
    """Tasks as an earlier model would have them: ids, the next one first, and what each shows."""

    ids: np.ndarray
    results: list[list[dict[str, Any]]]


def roll_back(services: Services, project_id: int, lease: Lease, version: str) -> RoundReport:
    """Serve an earlier model under a new version, and return the report of that.

    It stands until a round finds something new to learn. Nothing of what annotators said is touched.

    Raises
    ------
    ModelStoreError
        When that model is missing or damaged.
    LabelStudioError, RoundSuperseded
        The last order stands.
    """
    store = services.store
    earlier, published = store.load(project_id, version), store.published(project_id)
    head = published.head if published else ()
    # Both are labeled without a guess before one's eyes, and keep their places.
    audit = {*published.audit, *published.second} if published else set()
    order = _ordered(services, project_id, earlier, head, audit)
    restored = new_version(lease.fence)
    # Under a name of its own: versions sort by their age, and Label Studio may still hold the earlier head.
    facts = earlier.facts | {"version": restored, "restored": version}
    store.save(project_id, restored, replace(earlier, facts=facts))
    lease.check()
    predictions = list(as_predictions(order.ids, order.results, restored))
    stored = serve_head(services.label_studio, project_id, predictions, restored, lease)
    now = replace(_published(published, restored, lease.fence, order.ids), stored=stored)
    store.publish(project_id, now)
    store.prune(project_id)
    clean_up(services.label_studio, project_id, now, lease)
    return _report(ProgressFile(store.folder(project_id)), project_id, now, version)


def _ordered(
    services: Services, project_id: int, model: Model, head: Sequence[int], audit: set[int]
) -> _Order:
    """Return the open tasks of the head, the least sure first; audit tasks keep their places."""
    snapshot = Snapshot(services.store.folder(project_id) / "snapshot.sqlite")
    with snapshot.kept_sound():
        snapshot.refresh(services.label_studio, project_id)
        known, is_open, _ = snapshot.tasks()
        ids = np.array(head, dtype=np.int64)
        ids = ids[np.isin(ids, known[is_open])]
        data = list(snapshot.data(ids))
        others = snapshot.predictions(ids)
    if not len(ids):
        return _Order(ids, [])
    tasks = model.tasks(data, services.media.of_project(project_id))
    guesses = model.guesses_of(tasks)
    audited = np.isin(ids, list(audit))
    prefill = Prefill(
        model.facts.get("prefill", "always"),
        read_stored(model.facts.get("accuracies")),
        learnable_controls(model.facts["label_config"]),
    )
    ours = prefill.results(guesses, audited | ~tasks.features.readable)
    shown = [other["result"] if other else own for other, own in zip(others, ours, strict=True)]
    sure = np.mean([[guess.confidence for guess in given] for given in guesses.values()], axis=0)
    places = np.arange(len(ids))
    places[~audited] = places[~audited][np.argsort(sure[~audited], kind="stable")]
    return _Order(ids[places], [shown[place] for place in places])


def _published(before: Published | None, version: str, fence: int, ids: np.ndarray) -> Published:
    head = tuple(ids.tolist())
    if before is None:
        return Published(version, fence, "", head, has_model=True)
    audit = tuple(i for i in before.audit if i in set(head))
    second = tuple(i for i in before.second if i in set(head))
    # With the same fingerprint a round that finds nothing new leaves it alone.
    return replace(
        before,
        version=version,
        fence=fence,
        head=head,
        audit=audit,
        second=second,
        has_model=True,
        previous=before.version,
    )


def _report(progress: ProgressFile, project_id: int, published: Published, version: str) -> RoundReport:
    """Return the last report, with what was known of the earlier model when it was made."""
    last = progress.read().report
    then: Mapping[str, Any] = next((r for r in progress.history() if r.get("version") == version), {})
    return RoundReport(
        project=project_id,
        outcome=ROLLED_BACK,
        version=published.version,
        fence=published.fence,
        tasks=last.get("tasks", 0),
        labels=last.get("labels", 0),
        candidates=last.get("candidates", 0),
        skipped=last.get("skipped", 0),
        head=len(published.head),
        classes=last.get("classes", {}),
        has_model=True,
        accuracy=read_accuracy(dict(then)) if then else Accuracy(unknown_because=FORGOTTEN),
        questions=tuple(_questions(then)),
        notes=(f"rolled back to the model of {version}; the next new label is learned from as before",),
        restored=version,
        faults=tuple(last.get("faults", ())),
        stored=published.stored or 0,
        # Those of the last round that has learned: this one has used none.
        options=last.get("options", {}),
        # Media are read as before: no worker that starts need look again.
        means=last.get("means", ""),
        ended_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _questions(report: Mapping[str, Any]) -> list[QuestionReport]:
    known = {f.name for f in fields(QuestionReport)}
    found = []
    for stored in report.get("questions") or ():
        values = {name: value for name, value in stored.items() if name in known}
        values = {"missing": None} | values | {"accuracy": read_accuracy(stored)}
        if set(values) == known:
            found.append(QuestionReport(**values))
    return found
