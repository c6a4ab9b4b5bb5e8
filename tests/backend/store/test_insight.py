"""What a round knows beyond the order: kept whole; where it was damaged, named and read as far as it goes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from backend.store.insight import (
    ENTRIES,
    FILE_NAME,
    AnnotatorRecord,
    ConfusedPair,
    CurvePoint,
    HeadTask,
    Insight,
    LabelCount,
    LabelQuality,
    SavedLabels,
    StopAdvice,
    Suspect,
    load_insight,
    save_insight,
)
from tests.backend.store.test_healing import DAMAGES

FULL = Insight(
    curve=(CurvePoint(100, 0.8, 0.7, 0.9, "2026-01-01T10:00:00+00:00"),),
    stop=StopAdvice("go on", "another 100 labels would gain 2.0 points"),
    savings=SavedLabels(40.0, 10.0, 70.0),
    per_label=(LabelQuality("cats", 0.9, 0.8, 1.0, None, None, None, 12, "topic"),),
    confusion=(ConfusedPair("cats", "dogs", 3, "topic"),),
    suspects=(Suspect(5, "cats", "dogs", 0.97, "the model is sure of dogs", 17, "topic"),),
    annotators=(AnnotatorRecord(1, 100, 2, 0.9, 0.85, 300.0),),
    classes=(LabelCount("cats", 12, "topic"), LabelCount("birds", 0, "topic")),
    head=(HeadTask(9, "unsure between cats and dogs", "cats", 0.51, "a <b>text</b>", "text"),),
    problems=("savings: too few labels",),
)


def test_what_was_saved_is_what_is_loaded(tmp_path: Path) -> None:
    save_insight(tmp_path, FULL)
    assert load_insight(tmp_path) == FULL


def test_before_the_first_round_nothing_is_known_and_nothing_is_wrong(tmp_path: Path) -> None:
    found = load_insight(tmp_path)
    assert found == Insight()
    assert found.stop.verdict == "not known yet"
    assert found.problems == ()


@pytest.mark.parametrize("damage", [name for name in DAMAGES if not name.startswith("other types")])
def test_a_damaged_file_is_named_and_written_anew_by_the_next_round(damage: str, tmp_path: Path) -> None:
    DAMAGES[damage](tmp_path / FILE_NAME)
    found = load_insight(tmp_path)
    assert replace(found, problems=()) == Insight()
    assert [FILE_NAME in problem for problem in found.problems] == [True]
    save_insight(tmp_path, FULL)
    assert load_insight(tmp_path) == FULL


@pytest.mark.parametrize("part", [*ENTRIES, "stop", "savings"])
@pytest.mark.parametrize("value", [7, "x", [7], [{"labels": "many"}], {"verdict": "perhaps"}])
def test_a_damaged_part_is_named_and_the_others_stay(part: str, value: object, tmp_path: Path) -> None:
    save_insight(tmp_path, replace(FULL, problems=()))
    stored = json.loads((tmp_path / FILE_NAME).read_text())
    (tmp_path / FILE_NAME).write_text(json.dumps(stored | {part: value}))
    found = load_insight(tmp_path)
    empty = getattr(Insight(), part)
    assert found == replace(FULL, **{part: empty}, problems=found.problems)
    assert [part in problem for problem in found.problems] == [True]


def test_of_a_list_only_the_damaged_entry_is_left_out(tmp_path: Path) -> None:
    more = CurvePoint(200, 0.9, 0.8, 1.0, "")
    save_insight(tmp_path, Insight(curve=(*FULL.curve, more)))
    text = (tmp_path / FILE_NAME).read_text().replace("0.7,", "NaN,")
    (tmp_path / FILE_NAME).write_text(text)
    found = load_insight(tmp_path)
    assert found.curve == (more,)
    assert len(found.problems) == 1


def test_what_a_later_version_has_added_is_passed_over(tmp_path: Path) -> None:
    save_insight(tmp_path, FULL)
    stored = json.loads((tmp_path / FILE_NAME).read_text())
    stored["suspects"][0]["weight"] = 1
    (tmp_path / FILE_NAME).write_text(json.dumps(stored | {"weather": "fine"}))
    assert load_insight(tmp_path) == FULL


def test_halves_of_characters_become_question_marks(tmp_path: Path) -> None:
    save_insight(tmp_path, Insight(head=(HeadTask(1, text="a\ud800b"),), problems=("\ud800",)))
    found = load_insight(tmp_path)
    assert (found.head[0].text, found.problems) == ("a?b", ("?",))
