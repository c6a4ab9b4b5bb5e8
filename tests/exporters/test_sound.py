"""Sound: CVAT's table, cell by cell, and what it has no place for."""

import pytest

from tests.exporters.converting import answer, converted, told


def region(key="a", start=1.5, end=3661.25, labels=("song",), **more):
    value = {"start": start, "end": end, "labels": list(labels)}
    return {"id": key, "from_name": "l", "to_name": "audio", "type": "labels", "value": value, **more}


def sound(*results, data=None, **head):
    annotation = {"id": 1, "result": list(results), **head}
    return {"id": 1, "data": data or {"audio": "/data/upload/3/a b.wav"}, "annotations": [annotation]}


def rows(folder):
    header, *found = (folder / "out.audio.tsv").read_text().splitlines()
    assert header == "filename\tstart\tstop\tlabel\tscore\tannotator"
    return [row.split("\t") for row in found]


def test_a_region_is_a_row_with_times_to_the_microsecond(tmp_path):
    _, report = converted(tmp_path, "in.json", [sound(region(score=0.5), completed_by="ana")], ".xml")
    assert rows(tmp_path) == [["3/a b.wav", "00:00:01.500000", "01:01:01.250000", "song", "0.5", "ana"]]
    assert report.carried == {"audio region": 1}


@pytest.mark.parametrize(
    ("results", "labels", "expected"),
    [
        ([region(labels=["a", "b"])], ["a", "b"], {"audio region": {"several labels: one row for each": 1}}),
        ([region(labels=[])], ["object"], {"audio region": {"had no label: 'object'": 1}}),
        ([region(parentID="p")], ["song"], {"audio region": {"its parent left out": 1}}),
        (
            [{**region(), "value": {**region()["value"], "channel": 1}}],
            ["song"],
            {"audio region": {"channel left out": 1}},
        ),
        (
            [region(), answer("a", "textarea", {"text": ["la la"]}, to_name="audio")],
            ["song"],
            {"audio region": {"answers about the region left out": 1}},
        ),
        (
            [answer("q", "choices", {"choices": ["good"]}, to_name="audio"), region()],
            ["song"],
            {"choices": {"CVAT's audio table has regions only": 1}},
        ),
        (
            [region(), region("b"), {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"}],
            ["song", "song"],
            {"relation": {"CVAT's table has no relations": 1}},
        ),
    ],
)
def test_what_the_table_has_no_place_for_is_counted(tmp_path, results, labels, expected):
    _, report = converted(tmp_path, "in.json", [sound(*results)], ".xml")
    assert [row[3] for row in rows(tmp_path)] == labels
    assert told(report) == expected


def test_a_skipped_sound_has_no_row_and_is_counted_with_its_regions(tmp_path):
    _, report = converted(tmp_path, "in.json", [sound(region(), was_cancelled=True)], ".xml")
    assert rows(tmp_path) == []
    assert told(report) == {
        "annotation": {"skipped by the annotator": 1},
        "audio region": {"of an annotation that is left out": 1},
    }


def test_tabs_and_line_breaks_shift_no_cell(tmp_path):
    converted(tmp_path, "in.json", [sound(region(labels=["a\tb\nc"]))], ".xml")
    assert [row[3] for row in rows(tmp_path)] == ["a b c"]


def test_regions_of_sound_come_back_from_prodigy_to_the_digit(tmp_path):
    text, report = converted(tmp_path, "in.json", [sound(region(), data={"audio": "a.wav"})], ".jsonl")
    assert report.lossless
    back, report = converted(tmp_path, "back.jsonl", text, ".json")
    assert '"start":1.5,"end":3661.25,"labels":["song"]' in back
    assert report.lossless
