"""What a pull relies on: what Label Studio keeps of an annotation's origin, and that it refuses a second."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from backend.errors import LabelStudioRejected
from backend.exchange.origin import Origin, mark_of
from backend.label_studio.client import greater
from tests.client import FullLabelStudio
from tests.contract.parts import BAD, GOOD, add_tasks

# 53 bits: what a browser still tells apart.
NUMBER = 2**53 - 1


def test_the_import_id_stays_through_a_persons_edit(label_studio: FullLabelStudio, project: int) -> None:
    (task,) = add_tasks(label_studio, project, 1)
    made = label_studio.annotate(task, GOOD, import_id=NUMBER)
    label_studio.update_annotation(made["id"], result=BAD)
    (annotation,) = label_studio.task(task)["annotations"]
    assert annotation["import_id"] == NUMBER


def test_lists_give_the_import_id_of_annotations_and_of_skips(
    label_studio: FullLabelStudio, project: int
) -> None:
    done, skipped = add_tasks(label_studio, project, 2)
    label_studio.annotate(done, GOOD, import_id=NUMBER)
    label_studio.annotate(skipped, [], was_cancelled=True, import_id=NUMBER - 1)
    found: dict[str, Any] = {}
    for column in ("total_annotations", "cancelled_annotations"):
        where = [greater(column, 0)]
        for page in label_studio.iter_tasks(
            project, include=["import_id"], where=where, with_annotations=True
        ):
            found[column] = [(t["id"], a["import_id"]) for t in page for a in t["annotations"]]
    assert found == {"total_annotations": [(done, NUMBER)], "cancelled_annotations": [(skipped, NUMBER - 1)]}


def test_a_second_annotation_with_a_unique_id_is_refused_until_the_first_is_deleted(
    label_studio: FullLabelStudio, project: int
) -> None:
    (task,) = add_tasks(label_studio, project, 1)
    unique = str(uuid4())
    first = label_studio.annotate(task, GOOD, unique_id=unique)
    with pytest.raises(LabelStudioRejected) as refused:
        label_studio.annotate(task, BAD, unique_id=unique)
    assert refused.value.status == 409
    assert len(label_studio.task(task)["annotations"]) == 1
    label_studio.delete_annotation(first["id"])
    label_studio.annotate(task, BAD, unique_id=unique)


def test_what_is_written_is_known_again_and_an_edit_is_seen(
    label_studio: FullLabelStudio, project: int
) -> None:
    (task,) = add_tasks(label_studio, project, 1)
    origin = Origin("cvat", task, ("somewhere", 1), {"job": 1})
    result = [GOOD[0] | {"id": "r1", "score": 0.1 + 0.2, "value": GOOD[0]["value"] | {"x": 10, "y": 1e-7}}]
    made = label_studio.annotate(task, origin.signed(result), import_id=origin.stamp(result, False))
    (annotation,) = label_studio.task(task)["annotations"]
    mark = mark_of(annotation)
    assert mark is not None
    assert (mark.number, mark.now) == (origin.number, mark.written)
    assert annotation["result"][0]["meta"] == {"from": {"tool": "cvat", "job": 1}}
    label_studio.update_annotation(made["id"], result=BAD)
    edited = mark_of(label_studio.task(task)["annotations"][0])
    assert edited is not None
    assert edited.now != edited.written
