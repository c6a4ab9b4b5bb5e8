"""A data set as two projects in Label Studio: one for the loop, and its twin in random order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from backend.demo.datasets import Dataset
from backend.demo.simulation import Split
from backend.demo.threads import together
from backend.label_studio.client import LabelStudio

UPLOADS_AT_ONCE = 4


@dataclass(frozen=True)
class ProjectPair:
    """Two projects with the same tasks in the same order; tasks are known by their row in the pool.

    Attributes
    ----------
    loop, twin : the projects' ids
    loop_rows, twin_rows : from task ids to rows of the pool
    truth : array of shape (n_pool,) of str
    """

    dataset: Dataset
    parts: Split
    loop: int
    twin: int
    loop_rows: dict[int, int]
    twin_rows: dict[int, int]
    truth: np.ndarray


def make_projects(
    owner: LabelStudio, dataset: Dataset, parts: Split, uploaded: Callable[[int], None] = lambda n: None
) -> ProjectPair:
    """Return a new pair of projects with the pool's items as tasks; the held-out ones stay here.

    Pictures are uploaded once: the twin's tasks name the same files.

    Parameters
    ----------
    uploaded : callable
        Told how many pictures have been uploaded, as they are.
    """
    loop = owner.create_project(title=dataset.title, label_config=dataset.label_config)["id"]
    twin = owner.create_project(
        title=f"{dataset.title}: random order",
        label_config=dataset.label_config,
        sampling="Uniform sampling",
    )["id"]
    values: list[Any] = [dataset.values[i] for i in parts.pool]
    if dataset.kind == "image":
        values = _upload(owner, loop, dataset.name, values, uploaded)
    tasks = [{dataset.field: value} for value in values]
    # In the order given: by it a task is known by its row, on both sides.
    loop_ids, twin_ids = owner.import_tasks(loop, tasks), owner.import_tasks(twin, tasks)
    return ProjectPair(
        dataset, parts, loop, twin, _rows(loop_ids), _rows(twin_ids), dataset.truth[parts.pool]
    )


def _rows(task_ids: list[int]) -> dict[int, int]:
    return {task: row for row, task in enumerate(task_ids)}


def _upload(
    owner: LabelStudio, project: int, name: str, files: list[bytes], uploaded: Callable[[int], None]
) -> list[str]:
    paths = [""] * len(files)

    def upload_every(start: int) -> None:
        for i in range(start, len(files), UPLOADS_AT_ONCE):
            paths[i] = owner.upload_file(project, f"{name}-{i:04d}.png", files[i], "image/png")
            uploaded(sum(map(bool, paths)))

    together([partial(upload_every, start) for start in range(UPLOADS_AT_ONCE)])
    return paths
