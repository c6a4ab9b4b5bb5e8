"""From Label Studio into another tool, back, and there again: the sums of the accounts stay equal."""

import json

import pytest

from exporters import InputError, convert
from exporters.report import units_told
from tests.exporters import corpus
from tests.exporters.mutations import adds_up
from tests.exporters.shared import real

FILES = real("label_studio", "*.json")


def config_of(path):
    known = path.with_name(path.name.split("_annotations")[0].split("_tasks")[0] + "_config.xml")
    return known.read_text("utf-8") if known.exists() and known != path else ""


def arrived(report):
    """Return how many regions and relations the report says to be in the output."""
    told = units_told(report.carried, report.changed, {})
    return {unit: told[unit] for unit in ("region", "relation")}


def seen(report):
    return {unit: report.seen[unit] - report.joined.get(unit, 0) for unit in ("region", "relation")}


def lost(report):
    told = units_told({}, {}, report.dropped)
    return {unit: told[unit] for unit in ("region", "relation")}


def three_ways(source, folder, suffix, config):
    """Return the accounts of the way there, back, and there again; the first alone where nothing went."""
    there, again = folder / f"there{suffix}", folder / f"again{suffix}"
    first = convert(source, there, label_config=config)
    if not first.items:
        return (first,)
    back = convert(there, folder / "back.json")
    said = (folder / "back.label-config.xml").read_text("utf-8")
    return first, back, convert(folder / "back.json", again, label_config=said)


@pytest.mark.skipif(not FILES, reason="no shared real files")
@pytest.mark.parametrize("suffix", [".xml", ".jsonl"])
@pytest.mark.parametrize("source", FILES, ids=lambda path: path.stem)
def test_what_arrived_comes_back_and_arrives_again(tmp_path, source, suffix):
    try:
        first, *further = three_ways(source, tmp_path, suffix, config_of(source))
    except InputError as error:
        told_by_name = str(error).startswith(source.name)
        assert told_by_name
        return
    assert adds_up(first)
    if not further:
        # Texts for CVAT, or an empty file.
        assert first.dropped or first.seen["region"] == 0
        return
    back, again = further
    assert adds_up(back)
    assert adds_up(again)
    told = arrived(first)
    if suffix == ".xml":
        # Sound goes into a table beside the document.
        told["region"] -= first.carried.get("audio region", 0)
        # A group of four comes back as three relations, whichever they were.
        told["relation"] = min(told["relation"], seen(back)["relation"])
    assert seen(back) == told
    assert arrived(back) == {unit: told[unit] - lost(back)[unit] for unit in told}
    assert seen(again) == arrived(back)
    assert lost(again) == {"region": 0, "relation": 0}
    assert not [key for key in again.dropped if key[0] == "key"]


@pytest.mark.parametrize("suffix", [".xml", ".jsonl"])
def test_the_second_time_nothing_is_changed_any_more(tmp_path, suffix):
    (tmp_path / "in.json").write_text(
        json.dumps(corpus.tasks()[:2] if suffix == ".jsonl" else corpus.tasks()[:1])
    )
    three_ways(tmp_path / "in.json", tmp_path, suffix, "")
    convert(tmp_path / f"again{suffix}", tmp_path / "back2.json")
    said = (tmp_path / "back2.label-config.xml").read_text("utf-8")
    convert(tmp_path / "back2.json", tmp_path / f"third{suffix}", label_config=said, name="back")
    second, third = ((tmp_path / f"{name}{suffix}").read_text() for name in ("again", "third"))
    assert second == third


def test_lines_of_ours_that_keep_further_fields_are_known_as_prodigys(tmp_path):
    task = {
        "id": 4,
        "data": {"text": "Mara left.", "source": {"page": 3}},
        "annotations": [
            {"result": [{"type": "labels", "value": {"start": 0, "end": 4, "text": "Mara", "labels": ["P"]}}]}
        ],
    }
    (tmp_path / "in.json").write_text(json.dumps([task]))
    convert(tmp_path / "in.json", tmp_path / "o.jsonl", strict=True)
    assert "data" in json.loads((tmp_path / "o.jsonl").read_text())
    report = convert(tmp_path / "o.jsonl", tmp_path / "back.json", strict=True)
    assert report.carried == {"text span": 1}
    (back,) = json.loads((tmp_path / "back.json").read_text())
    assert back["data"] == task["data"]


@pytest.mark.parametrize(
    "line",
    [
        {"id": 1, "data": {"text": "x"}},
        {"data": {"text": "x"}, "predictions": []},
        {"data": {"text": "x"}, "text": "y", "annotations": []},
    ],
)
def test_tasks_of_label_studio_in_lines_are_not_taken_for_prodigys(tmp_path, line):
    (tmp_path / "in.jsonl").write_text(json.dumps(line))
    convert(tmp_path / "in.jsonl", tmp_path / "o.json")
    (task,) = json.loads((tmp_path / "o.json").read_text())
    assert task["data"] == line["data"]
