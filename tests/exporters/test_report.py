"""The account in its three forms, what it counts once, and how two accounts become one."""

import json

import pytest

from exporters import ExportDefect
from exporters.records import Annotation, Answer, Box, Item, Region, Relation
from exporters.report import Ledger, units_told


def filled():
    ledger = Ledger()
    ledger.items = 3
    ledger.carried["box"] = 2
    ledger.change("box", "cut to the picture", "task 1")
    ledger.change("box", "cut to the picture", "task 2", 2)
    ledger.drop("polygon", "fewer than 3 points", "task 3")
    ledger.left_out["prediction"] += 4
    ledger.files.append("out.xml")
    ledger.notes.append("create the task: ...")
    return ledger


def test_the_text_has_a_line_for_each_count_with_the_first_places():
    assert filled().close().to_text().splitlines() == [
        "3 items written",
        "  carried        2  box",
        "  changed        3  box: cut to the picture (task 1, task 2)",
        "  dropped        1  polygon: fewer than 3 points (task 3)",
        "  left out       4  prediction: not asked for",
        "wrote out.xml",
        "create the task: ...",
    ]


def test_the_json_says_the_same_as_the_text():
    told = json.loads(filled().close().to_json())
    assert (told["items"], told["lossless"], told["carried"]) == (3, False, {"box": 2})
    assert told["changed"] == [
        {"kind": "box", "how": "cut to the picture", "count": 3, "places": ["task 1", "task 2"]}
    ]
    assert told["dropped"] == [
        {"kind": "polygon", "why": "fewer than 3 points", "count": 1, "places": ["task 3"]}
    ]
    assert (told["left_out"], told["files"]) == ({"prediction": 4}, ["out.xml"])


@pytest.mark.parametrize(
    ("left_out", "words"), [({}, "nothing was lost"), ({"prediction": 1}, "nothing else was lost")]
)
def test_nothing_was_lost_is_said_only_where_it_is_so(left_out, words):
    ledger = Ledger()
    ledger.left_out.update(left_out)
    assert words in ledger.close().to_text().splitlines()
    ledger.change("box", "cut")
    assert words not in ledger.close().to_text()


def test_no_more_places_than_three_are_kept():
    ledger = Ledger()
    for number in range(9):
        ledger.drop("box", "odd", f"task {number}")
    assert ledger.close().examples == {("box", "odd"): ("task 0", "task 1", "task 2")}
    assert ledger.dropped["box", "odd"] == 9


def test_reasons_beyond_the_limit_are_counted_as_another():
    ledger = Ledger()
    for number in range(Ledger.REASONS + 7):
        ledger.drop("key", f"{number} is not known")
    assert len(ledger.dropped) == Ledger.REASONS + 1
    assert ledger.dropped["key", "another reason"] == 7
    ledger.drop("key", "3 is not known")
    assert ledger.dropped["key", "3 is not known"] == 2


def test_remarks_are_about_what_is_counted_elsewhere():
    carried = {"box": 2, "relation": 1}
    changed = {("key frame", "a"): 5, ("polygon", "b"): 1, ("annotation", "c"): 1, ("curve", "d"): 2}
    dropped = {("relation", "e"): 3, ("key", "f"): 9, ("prediction", "g"): 1}
    assert units_told(carried, changed, dropped) == {"region": 3, "relation": 4, "annotation": 2}


def test_an_annotation_that_is_dropped_takes_what_it_says_with_it():
    regions = (Region(Box(0, 0, 1, 1)), Region(Answer("choices", ("x",))))
    ledger = Ledger()
    ledger.drop_annotation(Annotation(regions, (Relation("a", "b"),), is_prediction=True), "not wanted", "t")
    why = "of a prediction that is left out"
    assert ledger.dropped == {
        ("prediction", "not wanted"): 1,
        ("box", why): 1,
        ("choices", why): 1,
        ("relation", why): 1,
    }


@pytest.mark.parametrize("primary", [True, False])
def test_a_further_object_of_a_task_is_no_item_of_its_own(primary):
    annotation = Annotation((Region(Box(0, 0, 1, 1)),), (Relation("a", "b"), Relation("b", "a")))
    ledger = Ledger()
    ledger.drop_item(Item("series", "", annotations=(annotation,), primary=primary), "no place")
    expected = {("region", "no place"): 1, ("relation", "no place"): 2}
    assert ledger.dropped == ({("item", "no place"): 1, **expected} if primary else expected)


def test_what_was_seen_must_be_in_the_account():
    ledger = Ledger()
    ledger.saw("region", 4)
    ledger.reading().drop("box", "odd")
    ledger.hand(Item("image", "a.png", annotations=(Annotation((Region(Box(0, 0, 1, 1)),) * 2),)))
    ledger.merged("region", 1)
    ledger.carried["box"] = 1
    with pytest.raises(ExportDefect, match="2 regions were read and 1 are in the account"):
        ledger.check()
    ledger.covered("region")
    ledger.check()
    report = ledger.close()
    assert (report.seen["region"], report.joined) == (4, {"region": 2})
    ledger.saw("region")
    with pytest.raises(ExportDefect, match="5 regions were seen and 4"):
        ledger.check()


def test_two_accounts_become_one_with_the_places_of_both():
    one, other = filled(), filled()
    one.add(json.loads(json.dumps(other.plain())), lambda place: f"line 9, {place}")
    assert (one.items, one.carried) == (6, {"box": 4})
    assert one.changed == {("box", "cut to the picture"): 6}
    assert one.places["box", "cut to the picture"] == ["task 1", "task 2", "line 9, task 1"]
    assert one.left_out == {"prediction": 8}
    assert one.notes == ["create the task: ..."], "the same note once"


def test_there_is_room_for_reasons_that_are_known_whatever_their_number():
    ledger, other = Ledger(), Ledger()
    for number in range(Ledger.REASONS):
        ledger.drop("key", str(number))
    other.drop("key", "3")
    assert ledger.has_room(other.plain())
    other.drop("key", "new")
    assert not ledger.has_room(other.plain())
