"""Keeps what a round knows beyond its order; whatever goes wrong with that, the round goes on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from backend.learning.accuracy import Accuracy
from backend.log_context import log_fault
from backend.loop.insights.gather import View, gather
from backend.loop.learn import Lesson
from backend.loop.situation import Situation
from backend.store.insight import Insight, load_insight, save_insight
from backend.store.models import Published
from backend.store.progress import ProgressFile

logger = logging.getLogger(__name__)


def keep_insight(
    folder: Path,
    situation: Situation,
    lesson: Lesson | None,
    published: Published,
    before: Mapping[str, Accuracy],
    accuracies: Mapping[str, Accuracy],
    *,
    anew: bool = False,
) -> Insight | None:
    """Work out what is known of a project now and keep it in its folder; None where it could not be kept.

    Parameters
    ----------
    before, accuracies : what was known of each question's model before the round, and what is known now
    anew : work everything out, even where little has changed
    """
    try:
        last = load_insight(folder)
        view = View(
            situation=situation,
            lesson=lesson,
            published=published,
            accuracies=accuracies,
            last=last,
            history=() if last.curve else ProgressFile(folder).history(),
            now=datetime.now(UTC).isoformat(timespec="seconds"),
            afresh=lesson is not None and (anew or _has_changed(last, situation, before, accuracies)),
        )
        insight = gather(view)
        # Pages read the file again whenever it is another one.
        if insight != last:
            save_insight(folder, insight)
        return insight
    except Exception as error:  # noqa: BLE001
        # The order is served; a full disk or a stranger's folder here is no reason to serve it again.
        log_fault(logger, error, "project %s: what is known could not be kept", situation.project["id"])
        return None


def _has_changed(
    last: Insight, situation: Situation, before: Mapping[str, Accuracy], now: Mapping[str, Accuracy]
) -> bool:
    """Whether models were estimated anew since, or something is missing."""
    if last.problems or last.target != situation.options.target_accuracy or last == Insight():
        return True
    return any(_made(before.get(name, Accuracy())) != _made(accuracy) for name, accuracy in now.items())


def _made(accuracy: Accuracy) -> tuple[int, int]:
    return accuracy.at_labels, accuracy.at_tasks
