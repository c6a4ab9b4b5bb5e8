"""JSON cut into objects without loading the file, and files that appear whole or not at all."""

import gzip
import io
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import exporters
from exporters import json_scan, json_stream
from exporters.errors import InputError, OutputError
from exporters.files import AtomicFile, beside, inner_suffix
from exporters.inputs import open_input
from exporters.json_stream import clean, dump, dump_told, read_objects

texts = st.text(alphabet=st.sampled_from('{}[]",\\:ab \n\u00e9\U0001f600'), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.lists(st.dictionaries(texts, values, max_size=4), max_size=6)


def read(data, block=None, monkeypatch=None):
    return [value for value, _ in read_objects(io.BytesIO(data), "file.json")]


@settings(max_examples=200, deadline=None)
@given(objects, st.sampled_from([None, 0, 2]), st.booleans(), st.integers(1, 40), st.integers(1, 90))
def test_objects_come_out_as_they_went_in_however_the_file_is_cut(rows, indent, ascii_only, block, large):
    text = json.dumps(rows, indent=indent, ensure_ascii=ascii_only)
    lines = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "BLOCK", block)
        patch.setattr(json_stream, "LARGE", large)
        patch.setattr(json_scan, "STEP", block)
        assert read(text.encode()) == rows
        assert read(lines.encode()) == rows


@pytest.mark.parametrize("block", [30, 200, 1 << 18])
@pytest.mark.parametrize("odd", ["{", "}", "{{", "}{", ':} \\" {'])
def test_braces_in_strings_hide_nothing(odd, block, monkeypatch):
    monkeypatch.setattr(json_stream, "BLOCK", block)
    rows = [{"a": "x"}, {"a": {"b": odd}}, {"a": "y"}, {"a": {}}]
    for number in range(len(rows)):
        turned = rows[number:] + rows[:number]
        assert read(json.dumps(turned).encode()) == turned
        assert read("\n".join(map(json.dumps, turned)).encode()) == turned


def test_a_lone_object_over_many_lines_is_one_item():
    assert read(b'\xef\xbb\xbf\n {\n "a": "}{",\n "b": [1]\n}\n') == [{"a": "}{", "b": [1]}]


def test_an_empty_file_and_an_empty_array_have_no_items():
    assert read(b"") == []
    assert read(b" [ ] \n") == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'[{"a": 1}, {"b": 2', "cut short, or broken, after item 1"),
        (b'[{"a": 1}', "cut short, or broken, after item 1"),
        (b"[", "cut short"),
        (b'[{"a": 1} {"b": 2}]', "item 2: expected ,"),
        (b'[{"a": 1},, {"b": 2}]', "item 2: expected an object"),
        (b'[{"a": 1}, 7]', "item 2: expected an object"),
        (b"[1, 2]", "item 1: expected an object"),
        (b'[{"a": tru}]', "item 1: not JSON"),
        (b'[{"a": 1}] trailing', "text after the end"),
        (b'"text"', "expected a JSON array or object"),
        (b"\xff\xfe[\x00", "UTF-16"),
        (b'{"a": 1}\n{"b": \n', "cut short, or broken, after item 1"),
        (b'{"a": [{"b": 1}\n{"c": 2}]}\n', "item 1: not JSON"),
        (b'[{"a": 1}\n{"b": 2}]', "item 2: expected ,"),
        (b'{"a": 1},\n{"b": 2}\n', "item 2: expected an object"),
        (b'{"a": 1}\nnot json\n', "cut short, or broken, after item 1"),
        (b'[{"a": "\xff"}]', "item 1: is not UTF-8; save it as UTF-8"),
    ],
)
def test_what_is_not_whole_is_refused_with_its_place(data, message):
    with pytest.raises(InputError, match=message):
        read(data)


def test_numbers_that_only_the_standard_parser_knows_are_read():
    (item,) = read(b'[{"a": NaN, "b": 123456789012345678901234567890, "c": "\\ud83d"}]')
    assert math.isnan(item["a"])
    assert item["b"] == 123456789012345678901234567890
    assert item["c"] == "\ud83d"


def test_what_json_cannot_hold_is_replaced_and_told():
    assert dump({"a": float("nan"), "b": "x\ud83dy"}) == '{"a":null,"b":"x\ufffdy"}'.encode()
    assert dump_told({"a": 1})[1] is True
    assert dump_told({"a": 1e999})[1] in (True, False)
    assert dump_told({"a": "\ud83d"})[1] is False
    assert dump_told({"a": np.float32(0.5), "b": np.arange(2)}) == (b'{"a":0.5,"b":[0,1]}', False)
    assert clean((1, {"k": float("inf")})) == [1, {"k": None}]


def test_an_item_larger_than_a_block_is_read():
    big = {"data": {"text": "x" * (json_stream.BLOCK * 3)}}
    assert read(json.dumps([big, {"data": {}}]).encode()) == [big, {"data": {}}]


class Endless:
    """A start, and then one text again and again."""

    def __init__(self, start, unit):
        self._start, self._unit = start, unit
        self.given = 0

    def read(self, size=-1):
        data = (self._start + self._unit * (size // len(self._unit) + 1))[:size]
        self._start = self._start[size:] or self._unit[(size - len(self._start)) % len(self._unit) :]
        self.given += size
        return data


@pytest.mark.parametrize(
    ("start", "unit", "message"),
    [
        (b"", b"{", "item 1: nested more than 1000 deep"),
        (b"[", b"{", "item 1: nested more than 1000 deep"),
        (b"[", b'{"a":', "item 1: nested more than 1000 deep"),
        (b'[{"a": ', b"[", "item 1: nested more than 1000 deep"),
        (b'[{"a": 1}, {"b": ', b'{"c": [', "item 2: nested more than 1000 deep"),
        (b'[{"a": [', b"{},", "item 1: more than 200,000 values in one object"),
        (b'{"text": "', b"x", "item 1: larger than 4 MiB"),
        (b'{"text": "', b"{", "item 1: larger than 4 MiB"),
        (b'{"text": "', b'\\"}', "item 1: larger than 4 MiB"),
        (b'{"a": 1}\n', b"z", "item 2: expected an object"),
    ],
)
def test_what_has_no_end_is_refused_by_name_after_a_bounded_part(start, unit, message, monkeypatch):
    monkeypatch.setattr(json_scan, "LARGEST_ITEM", 1 << 22)
    monkeypatch.setattr(json_scan, "MOST_VALUES", 200_000)
    file = Endless(start, unit)
    with pytest.raises(InputError, match=message):
        list(read_objects(file, "file.json"))
    assert file.given < 1 << 23


def test_any_number_of_blanks_takes_no_memory():
    class Blanks(Endless):
        def read(self, size=-1):
            assert size <= 1 << 20
            return super().read(size) if self.given < 1 << 23 else b""

    with pytest.raises(InputError, match="cut short"):
        list(read_objects(Blanks(b'[{"a": 1} ,', b" \n"), "file.json"))


@pytest.mark.parametrize("digits", [400, 5000])
def test_a_number_of_any_length_is_read_or_refused_by_place(digits):
    data = b'[{"a": 1}, {"a": %s}]' % (b"9" * digits)
    if digits < 4300:
        assert read(data)[1] == {"a": int("9" * digits)}
    else:
        with pytest.raises(InputError, match="item 2: not JSON"):
            read(data)


def test_a_file_appears_at_commit_only(tmp_path):
    file = AtomicFile(tmp_path / "a.txt")
    file.write(b"half")
    assert not (tmp_path / "a.txt").exists()
    file.commit()
    assert (tmp_path / "a.txt").read_bytes() == b"half"
    other = AtomicFile(tmp_path / "b.txt")
    other.write(b"x")
    other.discard()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_missing_folder_is_an_error_and_not_made(tmp_path):
    with pytest.raises(OutputError, match="nowhere: no such folder"):
        exporters.export_tasks([], format="cvat", output=tmp_path / "nowhere" / "a.xml", label_config="")
    assert list(tmp_path.iterdir()) == []


def test_gzip_is_told_by_suffix_for_writing_and_by_content_for_reading(tmp_path):
    file = AtomicFile(tmp_path / "a.json.gz")
    file.write(b"[]")
    file.commit()
    first = (tmp_path / "a.json.gz").read_bytes()
    assert gzip.decompress(first) == b"[]"
    (tmp_path / "b").write_bytes(first)
    with open_input(tmp_path / "b") as packed:
        assert packed.read() == b"[]"
    assert inner_suffix(Path("x/a.jsonl.GZ")) == ".jsonl"
    assert beside(Path("x/a.xml.gz"), ".labels.json") == Path("x/a.labels.json")


def test_a_cut_gzip_file_is_refused(tmp_path):
    data = gzip.compress(json.dumps([{"data": {"text": str(n)}} for n in range(2000)]).encode())
    (tmp_path / "a.json.gz").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="compressed file is damaged or cut short"):
        exporters.convert(tmp_path / "a.json.gz", tmp_path / "b.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json.gz"]


@pytest.mark.parametrize(
    ("fmt", "name"), [("cvat", "o.xml"), ("prodigy", "o.jsonl"), ("label-studio", "o.json")]
)
def test_a_failure_in_the_middle_leaves_no_file_and_the_old_one_stands(tmp_path, fmt, name):
    (tmp_path / name).write_text("old")

    def tasks():
        yield {"data": {"image": "a.jpg"}}
        raise RuntimeError("the other side went away")

    with pytest.raises(RuntimeError, match="went away"):
        exporters.export_tasks(tasks(), format=fmt, output=tmp_path / name, label_config="")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "old"


def test_tasks_are_taken_one_at_a_time_and_progress_is_told(tmp_path):
    told = []
    tasks = ({"data": {"text": f"text {n}"}} for n in range(1200))
    report = exporters.export_tasks(
        tasks, format="prodigy", output=tmp_path / "o.jsonl", label_config="", progress=told.append
    )
    assert report.items == 1200
    assert told == [500, 1000, 1200]


def test_numpy_alone_is_enough(tmp_path):
    code = """
import sys
for name in ("orjson", "lxml", "defusedxml", "PIL", "ijson", "scipy", "sklearn", "requests", "pydantic"):
    sys.modules[name] = None
import json, exporters
tasks = [{"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"result": [{"type": "rectanglelabels",
  "original_width": 100, "original_height": 100,
  "value": {"x": 1, "y": 2, "width": 3, "height": 4, "rectanglelabels": ["car"]}}]}]}]
json.dump(tasks, open(sys.argv[1] + "/in.json", "w"))
for name in ("a.xml", "a.jsonl", "b.json"):
    exporters.convert(sys.argv[1] + "/in.json", sys.argv[1] + "/" + name)
report = exporters.convert(sys.argv[1] + "/a.xml", sys.argv[1] + "/c.json")
print(report.carried["box"], report.lossless)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.split() == ["1", "True"], done.stderr
