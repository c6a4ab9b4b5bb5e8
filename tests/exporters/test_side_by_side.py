"""A conversion by several processes writes what one alone writes, and ends as cleanly."""

import gzip
import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters import InputError, LossError, OptionError, WorkerError, convert
from exporters.json_stream import json_start
from exporters.side_by_side import flow, stretches
from exporters.side_by_side.messages import decoded, encoded
from exporters.side_by_side.processes import Workers
from exporters.side_by_side.stretches import Rejoined, Stretches
from exporters.side_by_side.work import Answerer
from tests.exporters.shared import need, real

CONFIG = """<View><Image name="i" value="$image"/><Text name="t" value="$text"/>
<RectangleLabels name="r" toName="i"><Label value="car"/></RectangleLabels>
<Labels name="l" toName="t"><Label value="P"/></Labels><Choices name="c" toName="t"/></View>"""


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Small inputs are cut, and into many stretches."""
    monkeypatch.setattr(flow, "WORTHWHILE", 1)
    monkeypatch.setattr(stretches, "SIZE", 1500)


class InThisProcess(Workers):
    """The same questions and answers, without processes: starting them takes longer than all the rest."""

    def __init__(self, count, task):
        self._workers, self._waiting = [None] * count, deque()
        self._answerer = Answerer(decoded(encoded(task)))
        self._threads = ThreadPoolExecutor(1)

    def _ask(self, question):
        told, data = self._answerer.answer((decoded(encoded(question[0])), question[1]))
        return decoded(encoded(told)), data

    def end(self):
        self._threads.shutdown(cancel_futures=True)


@pytest.fixture
def quick(monkeypatch):
    """No processes are started."""
    monkeypatch.setattr(flow, "Workers", InThisProcess)


def result(kind, value, key="a", **more):
    size = {"original_width": 100, "original_height": 50}
    return {"id": key, "type": kind, "from_name": "c", "to_name": "i", **size, "value": value, **more}


def box(label, key="a"):
    return result(
        "rectanglelabels", {"x": 1, "y": 2, "width": 3, "height": 4, "rectanglelabels": [label]}, key
    )


def image(number, *results, name=None, **more):
    data = {"image": name or f"{number}.jpg"}
    return {"id": number, "data": data, "annotations": [{"result": list(results)}], **more}


def text(number, words, *results):
    return {"id": number, "data": {"text": words}, "annotations": [{"result": list(results)}]}


def choice(value, key="a"):
    return {"id": key, "type": "choices", "from_name": "c", "to_name": "t", "value": {"choices": [value]}}


def everything(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def both(tmp_path, tasks, name, lines=False, jobs=3, **options):
    """Convert with one process and with several; return what both gave."""
    source = tmp_path / ("in.jsonl" if lines else "in.json")
    whole = "\n".join(map(json.dumps, tasks)) if lines else json.dumps(tasks)
    source.write_text(whole)
    found = []
    for count in (1, jobs):
        folder = tmp_path / f"{count}-{name}"
        folder.mkdir()
        told = []
        report = convert(
            source, folder / name, from_format="label-studio", jobs=count, progress=told.append, **options
        )
        account = {**report.to_dict(), "files": [], "notes": []}
        found.append((everything(folder), account, told))
    assert found[0] == found[1]
    return found[1]


TARGETS = ("o.xml", "o.jsonl", "o.json", "o.xml.gz")


@pytest.mark.parametrize("name", TARGETS)
def test_all_real_tasks_together_give_the_same_bytes_and_the_same_account(tmp_path, name):
    tasks = []
    for path in need(real("label_studio", "*.json")):
        try:
            found = json.loads(path.read_text())
        except ValueError:
            continue
        tasks += [each for each in (found if isinstance(found, list) else [found]) if "data" in each]
    assert len(tasks) > 50
    random.Random(1).shuffle(tasks)
    both(tmp_path, tasks * 2, name)


MIXED = {
    "plain": [image(n, box("car")) for n in range(60)],
    "names that clash": [
        image(n, box("car"), name=f"{n % 7}.{'jpg' if n % 2 else 'png'}") for n in range(60)
    ],
    "no names": [image(n, box("car"), name="data:image/png;base64,") for n in range(60)],
    "labels equal but for blanks": [image(n, box(("a b", "a  b", "a b ")[n % 3])) for n in range(60)],
    "labels that come late": [image(n, box(f"label {n // 20}")) for n in range(60)],
    "long labels": [image(n, box(f"{n % 5}" * 70)) for n in range(60)],
    "relations": [
        image(n, box("car"), box("car", "b"), {"type": "relation", "from_id": "a", "to_id": "b"})
        if n % 20 == 5
        else image(n, box("car"))
        for n in range(60)
    ],
    "skeletons": [
        image(
            n,
            box("car"),
            *(
                result("keypointlabels", {"x": n, "y": 3, "keypointlabels": [part]}, part, parentID="a")
                for part in ("head", "tail")
            ),
        )
        for n in range(60)
    ],
    "losses": [image(n, box("car"), result("rectanglelabels", {"x": "no"}, "b")) for n in range(60)],
    "many reasons": [image(n, box("car"), **{f"key {n}": "x"}) for n in range(700)],
    "choices that come late": [text(n, "words " * 9, choice(f"choice {n // 9}")) for n in range(60)],
    "braces in texts": [text(n, "} {{ " * (n % 3), choice("x")) for n in range(60)],
    "braces in one text": [text(n, "}{ {" if n == 44 else "fine", choice("x")) for n in range(60)],
    "an object larger than a stretch": [text(n, "word " * (2000 if n % 9 == 4 else 5)) for n in range(30)],
    "sounds": [
        {"id": n, "data": {"audio": f"{n}.wav"}, "annotations": [{"result": [choice("x")]}]}
        if n % 5 == 3
        else image(n, box("car"))
        for n in range(60)
    ],
    "predictions": [
        {**image(n), "predictions": [{"result": [box("car")], "score": n / 7, "model_version": f"m{n % 3}"}]}
        for n in range(60)
    ],
    "odd values": [image(n, box("car"), box("\u0007"), name=f"\ud800{n}\n.jpg") for n in range(60)],
}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", MIXED)
@pytest.mark.parametrize("name", TARGETS[:3])
def test_what_depends_on_what_came_before_is_the_same_too(tmp_path, kind, name):
    both(tmp_path, MIXED[kind], name, lines=kind == "plain", jobs=2)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", ["plain", "choices that come late", "labels that come late"])
def test_a_labeling_config_changes_nothing_of_that(tmp_path, kind):
    for name in TARGETS[:2]:
        both(tmp_path, MIXED[kind], name, label_config=CONFIG, jobs=2)


@pytest.mark.usefixtures("quick")
def test_rows_of_one_task_are_not_torn_apart(tmp_path):
    rows = [
        {"id": n // 2, "text": f"t{n // 2}", "label": "x", "annotator": n, "annotation_id": n}
        for n in range(90)
    ]
    both(tmp_path, rows, "o.jsonl", jobs=2)


def test_sizes_that_only_this_process_knows_are_asked_for_here(tmp_path):
    asked = []

    def sizes(name):
        asked.append(os.getpid())
        return (100, 50)

    bare = [image(n, {**box("car"), "original_width": None}) for n in range(40)]
    files, account, _ = both(tmp_path, bare, "o.xml", sizes=sizes, jobs=2)
    assert b'width="100" height="50"' in files["o.xml"]
    assert account["carried"] == {"annotation": 40, "box": 40} or account["carried"] == {"box": 40}
    assert set(asked) == {os.getpid()}


def test_a_function_that_no_other_process_can_get_is_used_in_this_one(tmp_path):
    tasks = [text(n, "one two") for n in range(60)]
    files, _, _ = both(tmp_path, tasks, "o.jsonl", tokenizer=lambda words: [(0, len(words))], task_type="ner")
    assert files["o.jsonl"].count(b'"text":"one two"') == 120


# Input


@pytest.mark.parametrize("how", ["gzip", "pipe", "standard input"])
def test_a_stream_is_cut_like_a_file(tmp_path, how):
    data = json.dumps(MIXED["plain"]).encode()
    (tmp_path / "in.json").write_bytes(data)
    convert(tmp_path / "in.json", tmp_path / "one.xml", sidecars=False)
    wanted = (tmp_path / "one.xml").read_bytes().replace(b"<name>in<", b"<name>p<")
    source, output = tmp_path / "p", tmp_path / "o.xml"
    if how == "gzip":
        source.write_bytes(gzip.compress(data))
        convert(source, output, jobs=2, sidecars=False)
    elif how == "pipe":
        os.mkfifo(source)
        threading.Thread(target=source.write_bytes, args=(data,), daemon=True).start()
        convert(source, output, jobs=2, sidecars=False)
    else:
        wanted = wanted.replace(b"<name>p<", b"<name>export<")
        script = (
            "from exporters.side_by_side import flow; flow.WORTHWHILE = 1\n"
            f"from exporters import convert; convert('-', {str(output)!r}, jobs=2, sidecars=False)"
        )
        subprocess.run([sys.executable, "-c", script], input=data, check=True, timeout=60)
    assert output.read_bytes() == wanted


BROKEN = {
    "cut short": lambda text: text[: len(text) * 2 // 3],
    "a hole": lambda text: text[:9000] + text[9100:],
    "no object": lambda text: text.replace('{"id": 41', '5, {"id": 41'),
    "two commas": lambda text: text.replace('{"id": 41', ', {"id": 41'),
    "no comma": lambda text: text.replace(', {"id": 41', ' {"id": 41'),
    "a key twice": lambda text: text.replace('"id": 41,', '"id": 41, "id": 41,'),
    "data of a wrong type": lambda text: text.replace('"data": {"image": "41.jpg"}', '"data": 41'),
    "the end in the middle": lambda text: text.replace(', {"id": 41', '], {"id": 41'),
    "text behind": lambda text: text + "x",
    "no end": lambda text: text[:-1],
    "nested deep": lambda text: text.replace('"41.jpg"', "[" * 2000 + "]" * 2000),
}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_input_has_the_same_message_and_the_old_output_stands(tmp_path, how):
    source, output = tmp_path / "in.json", tmp_path / "o.xml"
    source.write_text(BROKEN[how](json.dumps(MIXED["plain"])))
    output.write_text("old")
    told = []
    for jobs in (1, 2):
        with pytest.raises(InputError) as error:
            convert(source, output, jobs=jobs)
        told.append(str(error.value))
    assert told[0] == told[1]
    assert "item 4" in told[0] or "in.json" in told[0]
    assert everything(tmp_path) == {"in.json": source.read_bytes(), "o.xml": b"old"}


@pytest.mark.usefixtures("quick")
def test_strict_fails_with_the_whole_account(tmp_path):
    (tmp_path / "in.json").write_text(json.dumps(MIXED["losses"]))
    with pytest.raises(LossError) as error:
        convert(tmp_path / "in.json", tmp_path / "o.xml", jobs=2, strict=True)
    assert error.value.report.carried == {"box": 60}
    assert sum(error.value.report.dropped.values()) == 60
    assert [path.name for path in tmp_path.iterdir()] == ["in.json"]


# The other processes


def murderous(words):
    """Split a text, but for one that ends the process that reads it, unless that is the one of the test."""
    if "now" in words and os.getpid() != int(os.environ["SPARED"]):
        os.kill(os.getpid(), signal.SIGKILL)
    return [(0, len(words))]


def test_a_process_that_is_killed_is_an_error_and_the_old_output_stands(tmp_path, monkeypatch):
    monkeypatch.setenv("SPARED", str(os.getpid()))
    source, output = tmp_path / "in.json", tmp_path / "o.jsonl"
    source.write_text(json.dumps([text(n, "now" if n == 40 else "later") for n in range(60)]))
    output.write_text("old")
    with pytest.raises(WorkerError, match=r"is gone \(killed by signal 9\); nothing was written.*--jobs 1"):
        convert(source, output, from_format="label-studio", jobs=2, tokenizer=murderous, task_type="ner")
    assert everything(tmp_path) == {"in.json": source.read_bytes(), "o.jsonl": b"old"}
    assert children(os.getpid()) == []


def children(process):
    """Return the processes of our own that another one started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rpartition(")")[2].split()[1]) == process:
                command = (path.parent / "cmdline").read_bytes()
                found += [int(path.parent.name)] if b"side_by_side" in command else []
        except OSError:
            continue
    return found


def wait_for(what, seconds=30):
    end = time.monotonic() + seconds
    while not (found := what()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


@pytest.fixture
def running(tmp_path):
    """A conversion that waits for the rest of its input, and the processes that it has started."""
    output = tmp_path / "o.xml"
    output.write_text("old")
    script = (
        "from exporters.side_by_side import flow; flow.WORTHWHILE = 1\n"
        "from backend.cli import main\n"
        f"import sys; sys.argv = ['clean-al', 'convert', '-', {str(output)!r}, '--jobs', '2']; main()"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(json.dumps(MIXED["plain"] * 10)[:-1].encode())
    process.stdin.flush()
    found = wait_for(lambda: found if len(found := children(process.pid)) == 2 else [])
    assert len(found) == 2
    yield process, found, output
    process.kill()
    process.communicate()


def alive(processes):
    return [each for each in processes if Path(f"/proc/{each}").exists() and not _is_done(each)]


def _is_done(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes under /proc")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whoever_is_ended_leaves_no_process_behind(running, end):
    process, found, output = running
    process.send_signal(end)
    assert process.wait(timeout=30) != 0
    assert wait_for(lambda: not alive(found))
    assert output.read_text() == "old"
    if end == signal.SIGINT:
        assert b"Traceback" not in process.stderr.read()
        assert [path.name for path in output.parent.iterdir()] == ["o.xml"]


def test_where_no_process_can_be_started_one_does_all(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    both(tmp_path, MIXED["plain"], "o.xml")


@pytest.mark.parametrize("jobs", [0, -1, True, 2.0, "2", 100_000])
def test_jobs_is_a_number_of_processes(tmp_path, jobs):
    (tmp_path / "in.json").write_text("[]")
    with pytest.raises(OptionError, match="is no number of processes; valid: 1 to 256"):
        convert(tmp_path / "in.json", tmp_path / "o.xml", jobs=jobs)


def test_no_more_than_a_few_stretches_are_taken_ahead(tmp_path):
    (tmp_path / "in.json").write_text(json.dumps(MIXED["plain"]))
    taken = []

    def things():
        for number in range(200):
            taken.append(number)
            yield number

    task = flow.task_of(*_road_and_job(tmp_path))
    workers = Workers(2, task)
    try:
        ahead = [
            taken[-1] - thing
            for thing, _ in workers.answers(things(), lambda thing: ((False, True, None), b"{}"))
        ]
    finally:
        workers.end()
    assert len(ahead) == 200
    assert max(ahead) <= 4


def _road_and_job(folder):
    from exporters.contract import Job
    from exporters.formats import FORMATS
    from exporters.side_by_side.road import road_between

    return road_between(FORMATS["label-studio"], FORMATS["cvat"]), Job(folder / "o.xml")


# Stretches

strings = st.text(alphabet=st.sampled_from('{}[]",\\: \n'), max_size=8)
objects = st.lists(st.dictionaries(strings, strings | st.lists(strings, max_size=2), max_size=3), max_size=8)


@settings(max_examples=150, deadline=None)
@given(objects, st.integers(1, 60), st.booleans())
def test_stretches_are_the_whole_text_and_a_closer_look_cuts_between_objects(rows, size, is_array):
    data = (json.dumps(rows) if is_array else "\n".join(map(json.dumps, rows))).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stretches, "SIZE", size)
        for is_exact in (False, True):
            file = io.BytesIO(data)
            _, start = json_start(file, "x")
            cut = Stretches(Rejoined([start], file), is_exact)
            parts = list(cut)
            assert b"".join(parts) + cut.rest == data.lstrip(b"[" if is_array else b"")
        found = [row for part in parts for row in _parsed(part, is_array)]
        assert found + _parsed(cut.rest.rstrip().removesuffix(b"]"), is_array) == rows


def _parsed(part, is_array):
    if is_array:
        return json.loads(b"[%b]" % part.strip().removeprefix(b","))
    return [json.loads(line) for line in part.split(b"\n") if line.strip()]
