"""The account of an export: counted from the input, and it adds up or the export fails."""

import json

import pytest
from click.testing import CliRunner

import exporters
from backend.cli import cli
from exporters import ExportDefect, InputError, LossError, convert, export_tasks
from exporters.label_studio.read_results import ObjectReader
from exporters.prodigy.format import PRODIGY
from exporters.prodigy.writer import ProdigyWriter
from exporters.records import Annotation, Answer, Item, Region, Relation
from exporters.report import Ledger
from tests.exporters.mutations import adds_up
from tests.exporters.shared import need, real

CONFIG = '<View><Text name="t" value="$t"/><Labels name="n" toName="t"><Label value="A"/></Labels></View>'


def span(key, start, end, text="one two six", **more):
    value = {"start": start, "end": end, "text": text[start:end], "labels": ["A"]}
    return {"id": key, "from_name": "n", "to_name": "t", "type": "labels", "value": value, **more}


def task(*results, **head):
    return {
        "id": 1,
        "data": {"t": "one two six"},
        "annotations": [{"id": 2, "result": list(results), **head}],
    }


def exported(tmp_path, *tasks, target="prodigy", config=CONFIG, **options):
    output = tmp_path / f"o{exporters.FORMATS[target].suffix}"
    return export_tasks(tasks, format=target, output=output, label_config=config, **options)


class Forgetful(ProdigyWriter):
    """A writer with a defect: it leaves out spans and says nothing."""

    def _fill(self, task, item, annotation):
        super()._fill(task, item, annotation._replace(regions=annotation.regions[1:]))


def test_a_writer_that_loses_a_region_fails_the_export(tmp_path, monkeypatch):
    monkeypatch.setitem(exporters.FORMATS, "prodigy", PRODIGY._replace(write=Forgetful))
    with pytest.raises(
        ExportDefect, match="2 regions were read and 1 are in the account; nothing was written"
    ):
        exported(tmp_path, task(span("a", 0, 3), span("b", 4, 7)))
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_loses_a_region_fails_the_export(tmp_path, monkeypatch):
    whole = ObjectReader.__call__

    def forgetful(self, results, size, place):
        regions, relations = whole(self, results, size, place)
        return regions[1:], relations

    monkeypatch.setattr(ObjectReader, "__call__", forgetful)
    with pytest.raises(ExportDefect, match="2 regions were seen and 1 are in the account"):
        exported(tmp_path, task(span("a", 0, 3), span("b", 4, 7)))


def test_a_writer_that_counts_twice_fails_the_export(tmp_path, monkeypatch):
    class Boastful(ProdigyWriter):
        def write(self, item):
            super().write(item)
            self._ledger.carried["box"] += 1

    monkeypatch.setitem(exporters.FORMATS, "prodigy", PRODIGY._replace(write=Boastful))
    with pytest.raises(ExportDefect, match="1 regions were read and 2"):
        exported(tmp_path, task(span("a", 0, 3)))


def test_the_sums_are_those_of_the_input(tmp_path):
    link = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right", "labels": ["then"]}
    lost = {**link, "to_id": "nowhere"}
    about = {"id": "a", "from_name": "why", "to_name": "t", "type": "textarea", "value": {"text": ["so"]}}
    broken = span("c", 90, 95)
    report = exported(tmp_path, task(span("a", 0, 3), about, span("b", 4, 7), broken, link, lost))
    assert report.carried == {"text span": 2, "relation": 1}
    assert sum(report.dropped.values()) == 2
    assert {kind for kind, _ in report.dropped} == {"labels", "relation"}


@pytest.mark.parametrize("target", ["prodigy", "cvat"])
@pytest.mark.parametrize(
    ("where", "key"),
    [("task", "anotations"), ("annotation", "results"), ("result", "labelz"), ("value", "hypertextlabelz")],
)
def test_what_stands_under_an_unknown_key_is_counted(tmp_path, target, where, key):
    given = task(span("a", 0, 3))
    home = {
        "task": given,
        "annotation": given["annotations"][0],
        "result": given["annotations"][0]["result"][0],
        "value": given["annotations"][0]["result"][0]["value"],
    }[where]
    home[key] = ["A"]
    report = exported(tmp_path, given, target=target)
    assert [kind for kind, why in report.dropped if repr(key) in why] == ["key"]
    home[key] = []
    assert not any("is not known" in why for _, why in exported(tmp_path, given, target=target).dropped)


def test_strict_turns_every_loss_into_an_error_and_leaves_nothing(tmp_path):
    given = task(span("a", 0, 3))
    given["anotations"] = given["annotations"]
    with pytest.raises(LossError, match="'anotations' of a task is not known"):
        exported(tmp_path, given, strict=True)
    given = {**task(span("a", 0, 3)), "drafts": [{"result": [span("b", 4, 7)]}]}
    for target in exporters.FORMATS:
        with pytest.raises(LossError, match=r"dropped +1  draft: stays behind"):
            exported(tmp_path, given, target=target, strict=True)
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_stands_twice_is_refused(tmp_path):
    for text in (
        '[{"data": {"t": "x"}, "annotations": [{"result": []}], "annotations": []}]',
        '{"text": "a\\"b{}", "spans": [{"start": 0, "end": 1, "label": "A", "label": "B"}]}',
        '{"text": "ok"}\n{"text": "one", "text": "two"}',
    ):
        (tmp_path / "t.json").write_text(text)
        with pytest.raises(InputError, match=r"t\.json, item \d: the key '\w+' stands twice"):
            convert(tmp_path / "t.json", tmp_path / "o.xml")
    for text in (
        '{"text": "a\\u0022 \\\\ \\" \\/", "\\u0061": 1}',
        '{"text": "big", "n": 123456789012345678901234}',
    ):
        (tmp_path / "t.jsonl").write_text(text)
        assert convert(tmp_path / "t.jsonl", tmp_path / "o.jsonl").items == 1


def test_what_a_config_shows_and_the_data_lack_is_counted(tmp_path):
    given = {"data": {"tt": "one two six"}, "annotations": [{"result": []}]}
    report = exported(tmp_path, given)
    assert report.changed == {("item", "shows nothing: '$t' is not in its data"): 1}


def test_further_data_of_a_task_go_along(tmp_path):
    given = {**task(span("a", 0, 3)), "meta": {"lot": 7}}
    given["data"] |= {"shop": "x", "vector": [1, 2], "score": 3}
    assert exported(tmp_path, given).lossless
    line = json.loads((tmp_path / "o.jsonl").read_text())
    assert line["meta"] == {"shop": "x", "task_id": 1}
    assert line["data"] == {"vector": [1, 2], "score": 3, "meta": {"lot": 7}}
    image = {"data": {"image": "a.png", "shop": "x"}}
    assert exported(tmp_path, image, target="cvat", config="").lossless
    assert (tmp_path / "o.sources.tsv").read_text() == 'a.png\ta.png\t{"shop":"x"}\n'
    with pytest.raises(LossError, match="task data"):
        exported(tmp_path, image, target="cvat", config="", sidecars=False, strict=True)


def test_predictions_that_were_not_asked_for_are_told_and_no_loss(tmp_path):
    given = {**task(span("a", 0, 3)), "predictions": [{"model_version": "m", "result": [span("b", 4, 7)]}]}
    for target in ("prodigy", "label-studio"):
        report = exported(tmp_path, given, target=target, strict=True)
        assert report.left_out == {"prediction": 1}
        assert report.to_text().splitlines()[-2 - (target != "prodigy")] == "nothing else was lost"


def test_convert_carries_predictions_unless_told_not_to(tmp_path):
    given = {
        "data": {"t": "one two six"},
        "predictions": [{"model_version": "m", "result": [span("b", 4, 7)]}],
    }
    (tmp_path / "t.json").write_text(json.dumps([given]))
    for flags, count in (((), 1), (("--no-predictions",), 0)):
        arguments = [
            "convert",
            str(tmp_path / "t.json"),
            str(tmp_path / "o.jsonl"),
            "--strict",
            "--json",
            *flags,
        ]
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 0, result.output
        told = json.loads(result.output)
        assert sum(told["carried"].values()) == count
        assert told["left_out"] == ({} if count else {"prediction": 1})


def test_what_rejected_and_skipped_annotations_say_is_counted_with_them():
    ledger = Ledger()
    regions = (Region(Answer("choices", ("a",)), (), "1"), Region(Answer("rating", (4,)), (), "2"))
    ledger.hand(Item("text", "x", annotations=(Annotation(regions, (Relation("1", "2"),)),)))
    with pytest.raises(ExportDefect):
        ledger.check()
    ledger.drop_annotation(Annotation(regions, (Relation("1", "2"),), is_prediction=True), "why")
    ledger.check()
    assert sum(ledger.dropped.values()) == 4


def test_choices_that_prodigy_cannot_tell_apart_are_counted(tmp_path):
    said = [
        {"from_name": name, "to_name": "t", "type": "choices", "value": {"choices": values}}
        for name, values in (("x", ["A", "B"]), ("y", ["B"]))
    ]
    assert exported(tmp_path, task(*said)).lossless  # the controls stand beside
    binary = exported(tmp_path, task(said[0]), task_type="textcat_binary")
    assert binary.changed == {("choices", "a binary task has one label: the first"): 1}


def test_two_attributes_of_one_name_are_counted_in_cvat(tmp_path):
    box = {"x": 1, "y": 1, "width": 5, "height": 5, "rectanglelabels": ["A"]}
    head = {"id": "r", "to_name": "image", "original_width": 10, "original_height": 10}
    said = [
        {**head, "from_name": "b", "type": "rectanglelabels", "value": box},
        {**head, "from_name": "why", "type": "textarea", "value": {"text": ["one"]}},
        {**head, "from_name": "why", "type": "textarea", "value": {"text": ["other"]}},
    ]
    given = {"data": {"image": "a.png"}, "annotations": [{"result": said}]}
    report = exported(tmp_path, given, target="cvat", config="")
    assert report.changed == {("box", "of two attributes of one name the first stands"): 1}


def test_a_text_that_lies_at_an_address_is_told_and_not_taken_for_the_text(tmp_path):
    for tag, value in (("Text", "$t"), ("HyperText", "$t"), ("Paragraphs", "$t")):
        config = f'<View><{tag} name="t" value="{value}" valueType="url"/></View>'
        given = {"data": {"t": "http://127.0.0.1/a.txt"}, "annotations": [{"result": []}]}
        report = exported(tmp_path, given, config=config)
        assert [how for _, how in report.changed] == [
            "its text lies at an address, which is not fetched: the address stands for it"
        ]


def test_labels_among_the_data_of_a_bare_task_are_counted(tmp_path):
    given = {"text": "one two six", "found": [{"start": 0, "end": 3, "labels": ["A"]}], "vector": [0.5, 1.5]}
    report = exported(tmp_path, given, config="")
    assert report.dropped == {("key", "'found' holds results"): 1}


def test_the_report_says_what_was_seen_and_what_became_part_of_something_else(tmp_path):
    about = {"id": "a", "from_name": "why", "to_name": "t", "type": "textarea", "value": {"text": ["so"]}}
    link = {"type": "relation", "from_id": "a", "to_id": "b"}
    report = exported(tmp_path, task(span("a", 0, 3), about, span("b", 4, 7), span("c", 90, 95), link))
    assert (report.seen, report.joined) == ({"region": 4, "relation": 1}, {"region": 1})
    told = report.to_dict()
    assert told["seen"] == {"region": 4, "relation": 1}
    assert sum(told["carried"].values()) + sum(row["count"] for row in told["changed"] + told["dropped"]) == 4


def test_a_choice_below_another_is_told_by_its_path(tmp_path):
    said = {
        "from_name": "c",
        "to_name": "t",
        "type": "choices",
        "value": {"choices": [["Animal", "Cat"], "Stone"]},
    }
    assert exported(tmp_path, task(said)).lossless
    assert json.loads((tmp_path / "o.jsonl").read_text())["accept"] == ["Animal / Cat", "Stone"]
    said["value"]["choices"] = {"inner": ["Cat"]}
    report = exported(tmp_path, task(said))
    assert list(report.dropped) == [
        ("choices", "an answer that is neither a text, a finite number nor a path of them")
    ]


SHAPES = {"box", "polygon", "mask", "ellipse", "text span", "track"}
FORMAT = {".xml": "cvat", ".jsonl": "prodigy"}


def sizes(name):
    return (640, 480)


@pytest.mark.parametrize("suffix", [".xml", ".jsonl"])
def test_there_and_back_the_sums_of_every_real_file_are_equal(tmp_path, suffix):
    for path in need(real("label_studio", "*.json")):
        config = path.with_name(path.name.split("_annotations")[0].split("_tasks")[0] + "_config.xml")
        said = config.read_text("utf-8") if config.exists() else ""
        away = convert(path, tmp_path / f"o{suffix}", label_config=said, sizes=sizes)
        back = convert(tmp_path / f"o{suffix}", tmp_path / "b.json", from_format=FORMAT[suffix], sizes=sizes)
        assert adds_up(away)
        assert adds_up(back)
        for kind in SHAPES & away.carried.keys():
            again = back.carried.get(kind, 0) + sum(n for (k, _), n in back.changed.items() if k == kind)
            assert again >= away.carried[kind], (path.name, kind)
