"""What an annotation in Label Studio says of whence it came, and whether a person has changed it since."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backend.exchange.origin import META, OURS, Origin, content_of, mark_of

HERE = Origin("cvat", 5, ("a project", 7), {"job": 7})
RESULT: list[dict[str, Any]] = [
    {"id": "r1", "from_name": "boxes", "to_name": "img", "type": "rectanglelabels", "value": {"x": 10.0}}
]


def stored(result: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """Return an annotation as Label Studio gives it back."""
    return json.loads(
        json.dumps({"id": 3, "import_id": HERE.stamp(RESULT, False), "result": result, **fields})
    )


def test_a_stamp_is_a_number_that_a_browser_keeps_and_label_studio_never_gives_itself() -> None:
    stamp = HERE.stamp(RESULT, False)
    assert OURS <= stamp < 2**53
    assert stamp == float(stamp)


def test_the_same_annotation_has_the_same_number_and_any_other_another_one() -> None:
    others = [
        Origin("prodigy", 5, HERE.key),
        Origin("cvat", 6, HERE.key),
        Origin("cvat", 5, ("a project", 8)),
    ]
    assert Origin("cvat", 5, ("a project", 7)).number == HERE.number
    assert len({each.number for each in (HERE, *others)}) == 4
    assert len({each.unique_id for each in (HERE, *others)}) == 4


def test_an_annotation_as_it_was_written_is_known_again() -> None:
    mark = mark_of(stored(HERE.signed(RESULT)))
    assert mark is not None
    assert mark.number == HERE.number
    assert mark.written == mark.now


@pytest.mark.parametrize(
    "changed",
    [
        [],
        [RESULT[0] | {"value": {"x": 11.0}}],
        [*RESULT, RESULT[0] | {"id": "mine"}],
        [RESULT[0] | {"meta": {"text": ["look again"], META: {"tool": "cvat"}}}],
    ],
)
def test_whatever_a_person_changes_is_seen(changed: list[dict[str, Any]]) -> None:
    mark = mark_of(stored(changed))
    assert mark is not None
    assert mark.written != mark.now


def test_a_skip_is_another_content() -> None:
    mark = mark_of(stored(RESULT, was_cancelled=True))
    assert mark is not None
    assert mark.written != mark.now


def test_neither_whence_it_came_nor_how_a_database_writes_numbers_is_content() -> None:
    same = [
        {"value": {"x": 10}, "meta": {META: {"job": 8}}}
        | {k: v for k, v in RESULT[0].items() if k != "value"}
    ]
    assert content_of(same, False) == content_of(RESULT, False)


@pytest.mark.parametrize("import_id", [None, 17, 2**31, 2**53, "x", True])
def test_annotations_of_people_and_of_imports_have_no_mark(import_id: Any) -> None:
    assert mark_of({"id": 1, "import_id": import_id, "result": []}) is None


def test_relations_are_not_signed() -> None:
    link = {"type": "relation", "from_id": "r1", "to_id": "r2"}
    signed = HERE.signed([*RESULT, link])
    assert signed[0]["meta"] == {META: {"tool": "cvat", "job": 7}}
    assert signed[1] == link
