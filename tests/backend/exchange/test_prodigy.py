"""The queue as Prodigy's stream, and its answers on the way back into Label Studio."""

from __future__ import annotations

import base64
import io
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from backend.errors import LabelStudioUnreachable
from backend.label_studio.client import LabelStudio
from backend.services import Services
from backend.store.models import Published
from tests.backend.command import Call
from tests.backend.samples import chosen
from tests.client import FullLabelStudio
from tests.fakes.label_studio import FakeLabelStudio

WORDS = """<View>
  <Text name="txt" value="$text"/>
  <Labels name="ner" toName="txt"><Label value="PER"/><Label value="ORG"/></Labels>
  <Choices name="topic" toName="txt"><Choice value="sport"/><Choice value="news"/></Choices>
</View>"""
PICTURES = """<View>
  <Image name="img" value="$image"/>
  <RectangleLabels name="boxes" toName="img"><Label value="cat"/></RectangleLabels>
</View>"""


@pytest.fixture
def words(label_studio: FullLabelStudio) -> int:
    """A project with spans and a choice."""
    return int(label_studio.create_project(title="Words", label_config=WORDS)["id"])


@pytest.fixture
def tasks(label_studio: FullLabelStudio, words: int) -> list[int]:
    """Its three tasks."""
    return label_studio.import_tasks(words, [{"text": text} for text in ("Ann won", "Bo lost", "Cy left")])


def queue(services: Services, project: int, *head: int) -> None:
    """Let a queue head be served."""
    services.store.publish(project, Published("v", 1, "print", tuple(head), False))


def answered(task: int, text: str, *spans: tuple[int, int, str], **more: Any) -> dict[str, Any]:
    """Return a line that Prodigy writes when somebody has answered."""
    marked = [{"start": start, "end": end, "label": label} for start, end, label in spans]
    line = {"text": text, "spans": marked, "meta": {"task_id": task}, "answer": "accept"}
    return line | {"_input_hash": 17, "_task_hash": task, "_session_id": "news-ann"} | more


@pytest.fixture
def dataset(tmp_path: Path) -> Callable[..., str]:
    """Writes a file as `prodigy db-out` does."""

    def write(*lines: dict[str, Any]) -> str:
        path = tmp_path / "news.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return str(path)

    return write


def environment(services: Services, fake: FakeLabelStudio) -> dict[str, str]:
    """Return the environment of a process of its own."""
    return os.environ | {
        "LABEL_STUDIO_URL": fake.url,
        "LABEL_STUDIO_API_KEY": fake.token,
        "MODEL_DIR": str(services.settings.model_dir),
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }


def counts(account: dict[str, Any], kind: str = "annotation") -> dict[str, int]:
    """Return how many things of a kind became what."""
    found = {
        verb: sum(row["count"] for row in account[verb] if row["kind"] == kind)
        for verb in ("carried", "changed", "dropped", "joined")
    }
    return {verb: n for verb, n in found.items() if n}


def pulled(call: Call, project: int, source: str, *options: str) -> dict[str, Any]:
    """Run `clean-al pull` and return its account."""
    said = call("pull", str(project), "--from", "prodigy", source, "--json", *options)
    assert said.code == 0, said.err
    return dict(json.loads(said.out))


# Push


def test_the_stream_is_the_queue_in_its_order_without_what_is_labeled_or_gone(
    call: Call, services: Services, label_studio: FullLabelStudio, words: int, tasks: list[int]
) -> None:
    label_studio.annotate(tasks[1], chosen("news", to_name="txt"))
    queue(services, words, tasks[2], 999, tasks[1], tasks[0])
    said = call("push", str(words), "--to", "prodigy")
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line["meta"]["task_id"] for line in lines] == [tasks[2], tasks[0]]
    assert lines[0]["text"] == "Cy left"
    assert [option["id"] for option in lines[0]["options"]] == ["sport", "news"]
    assert "answer" not in lines[0]
    assert "2 tasks seen" in said.err


def test_the_queue_is_read_anew_before_each_task_and_none_is_given_twice(
    services: Services,
    label_studio: FullLabelStudio,
    words: int,
    tasks: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from backend.exchange import prodigy_stream
    from backend.exchange.account import Account
    from backend.exchange.errand import Errand

    monkeypatch.setattr(prodigy_stream, "LOOK_EVERY", 0.001)
    errand = Errand(services, label_studio.project(words), Account("task"), follow=True)
    queue(services, words, tasks[0], tasks[1])
    lines = prodigy_stream.stream(errand, patience=0.003)
    assert next(lines)["text"] == "Ann won"
    # A round has ended: the third task is now the best, and the first comes back.
    queue(services, words, tasks[2], tasks[0], tasks[1])
    assert [line["text"] for line in lines] == ["Cy left", "Bo lost"]


def test_a_stream_that_waits_outlives_a_label_studio_that_is_away_and_loses_no_task(
    services: Services,
    label_studio: FullLabelStudio,
    fake: FakeLabelStudio,
    words: int,
    tasks: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from backend.exchange import prodigy_stream
    from backend.exchange.account import Account
    from backend.exchange.errand import Errand

    monkeypatch.setattr(prodigy_stream, "LOOK_EVERY", 0.001)
    settings = services.settings
    hasty = replace(services)
    hasty.__dict__["label_studio"] = LabelStudio(settings.label_studio_url, settings.api_key, retries=0)
    queue(services, words, *tasks[:2])
    account, project = Account("task"), label_studio.project(words)
    lines = prodigy_stream.stream(Errand(hasty, project, account, follow=True), patience=1.0)
    fake.fail("status", path=f"/api/tasks/{tasks[0]}/", times=3)
    assert [next(lines)["text"], next(lines)["text"]] == ["Ann won", "Bo lost"]
    account.check()
    fake.fail("status", path=f"/api/tasks/{tasks[0]}/", times=math.inf)
    for follow in (True, False):
        with pytest.raises(LabelStudioUnreachable):
            next(prodigy_stream.stream(Errand(hasty, project, account, follow=follow), patience=0.003))
    account.check()


def test_without_a_queue_the_error_says_how_to_get_one(call: Call, words: int) -> None:
    said = call("push", str(words), "--to", "prodigy")
    assert said.code == 1
    assert f"clean-al connect {words}" in said.err


def test_a_picture_of_label_studio_goes_along_with_its_size_and_a_missing_one_is_counted(
    call: Call, services: Services, fake: FakeLabelStudio, label_studio: FullLabelStudio
) -> None:
    project = int(label_studio.create_project(title="Pictures", label_config=PICTURES)["id"])
    made = io.BytesIO()
    Image.new("RGB", (30, 20)).save(made, "PNG")
    path = label_studio.upload_file(project, "a.png", made.getvalue(), "image/png")
    elsewhere = "https://example.org/b.png"
    data = [{"image": path}, {"image": "/data/upload/1/gone.png"}, {"image": elsewhere}]
    ids = label_studio.import_tasks(project, data)
    queue(services, project, *ids)
    said = call("push", str(project), "--to", "prodigy")
    first, second = [json.loads(line) for line in said.out.splitlines()]
    assert base64.b64decode(first["image"].removeprefix("data:image/png;base64,")) == made.getvalue()
    assert (first["width"], first["height"], first["path"]) == (30, 20, path)
    # Anybody can fetch that one: it stays a link.
    assert second["image"] == elsewhere
    assert "dropped        1  task: Label Studio has no such file (task 2)" in said.err


def test_a_reader_that_goes_away_ends_the_stream_quietly(
    services: Services, fake: FakeLabelStudio, words: int, tasks: list[int]
) -> None:
    queue(services, words, *tasks)
    command = [sys.executable, "-m", "backend.cli", "push", str(words), "--to", "prodigy", "--follow"]
    pipe = subprocess.PIPE
    # A second line comes only after the first was read and the pipe closed.
    fake.fail("slow", path=f"/api/tasks/{tasks[1]}/", seconds=0.5)
    with subprocess.Popen(command, env=environment(services, fake), stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert b"Ann won" in process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 0
    assert "tasks seen" in said
    assert "Pipe" not in said


def test_guesses_go_along_only_when_asked_for(
    call: Call, services: Services, label_studio: FullLabelStudio, words: int, tasks: list[int]
) -> None:
    guess = {"task": tasks[0], "model_version": "m", "result": chosen("news", to_name="txt")}
    label_studio.import_predictions(words, [guess])
    queue(services, words, tasks[0])
    plain = json.loads(call("push", str(words), "--to", "prodigy").out)
    assert "accept" not in plain
    shown = json.loads(call("push", str(words), "--to", "prodigy", "--predictions").out)
    assert shown["accept"] == ["news"]
    assert "answer" not in shown


def test_a_dry_run_of_a_stream_prints_no_task(
    call: Call, services: Services, words: int, tasks: list[int]
) -> None:
    queue(services, words, *tasks)
    said = call("push", str(words), "--to", "prodigy", "--dry-run")
    assert said.out == ""
    assert "carried        3  task" in said.err


def test_prodigy_finds_the_loader_by_its_entry_point(
    services: Services,
    words: int,
    tasks: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from backend.cli import prodigy_loader

    root = Path(__file__).parents[3]
    assert 'clean-al = "backend.cli.prodigy_loader:load"' in (root / "pyproject.toml").read_text()
    load = EntryPoint("clean-al", "backend.cli.prodigy_loader:load", "prodigy_loaders").load()
    monkeypatch.setattr(prodigy_loader, "PATIENCE", 0.0)
    monkeypatch.setenv("LABEL_STUDIO_URL", services.settings.label_studio_url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", services.settings.api_key)
    monkeypatch.setenv("MODEL_DIR", str(services.settings.model_dir))
    queue(services, words, tasks[1])
    assert [line["text"] for line in load("Words", input_key="text")] == ["Bo lost"]


# Pull


def test_answers_become_annotations_of_their_tasks(
    call: Call, label_studio: FullLabelStudio, words: int, tasks: list[int], dataset: Callable[..., str]
) -> None:
    source = dataset(answered(tasks[0], "Ann won", (0, 3, "PER"), accept=["sport"]))
    account = pulled(call, words, source)
    assert counts(account) == {"carried": 1}
    assert counts(account, "text span") == {"carried": 1}
    (annotation,) = label_studio.task(tasks[0])["annotations"]
    span, choice = annotation["result"]
    assert span["from_name"] == "ner"
    assert span["value"] == {"start": 0, "end": 3, "text": "Ann", "labels": ["PER"]}
    assert (choice["from_name"], choice["value"]) == ("topic", {"choices": ["sport"]})
    assert span["meta"] == {"from": {"tool": "prodigy", "by": "news-ann"}}


def test_doing_it_twice_adds_nothing_twice(
    call: Call,
    fake: FakeLabelStudio,
    label_studio: FullLabelStudio,
    words: int,
    tasks: list[int],
    dataset: Callable[..., str],
) -> None:
    source = dataset(
        answered(tasks[0], "Ann won", (0, 3, "PER")), answered(tasks[1], "Bo lost", answer="ignore")
    )
    assert counts(pulled(call, words, source)) == {"carried": 2}
    writes = len(fake.seen("POST", "/api/tasks/.*"))
    again = pulled(call, words, source)
    assert counts(again) == {"joined": 2}
    assert counts(again, "text span") == {"joined": 1}
    assert len(fake.seen("POST", "/api/tasks/.*")) == writes
    assert label_studio.task(tasks[1])["annotations"][0]["was_cancelled"]


def test_a_pull_that_lost_its_answer_on_the_way_adds_nothing_twice(
    call: Call,
    fake: FakeLabelStudio,
    label_studio: FullLabelStudio,
    words: int,
    tasks: list[int],
    dataset: Callable[..., str],
) -> None:
    source = dataset(answered(tasks[0], "Ann won", (0, 3, "PER")))
    # Stored, and the connection cut before the answer: nobody here knows whether it arrived.
    fake.fail("drop", path="/api/tasks/.*/annotations/", method="POST")
    assert counts(pulled(call, words, source)) == {"carried": 1}
    assert len(label_studio.task(tasks[0])["annotations"]) == 1


def test_a_pull_that_ended_in_the_middle_goes_on_where_it_ended(
    call: Call,
    fake: FakeLabelStudio,
    label_studio: FullLabelStudio,
    words: int,
    tasks: list[int],
    dataset: Callable[..., str],
) -> None:
    texts = ("Ann won", "Bo lost", "Cy left")
    source = dataset(*(answered(task, text) for task, text in zip(tasks, texts, strict=True)))
    fake.fail("status", path=f"/api/tasks/{tasks[1]}/annotations/", method="POST", status=401, times=9)
    said = call("pull", str(words), "--from", "prodigy", source)
    assert said.code == 1
    fake.heal()
    assert counts(pulled(call, words, source)) == {"carried": 2, "joined": 1}
    assert [len(label_studio.task(task)["annotations"]) for task in tasks] == [1, 1, 1]


def test_a_pull_that_was_killed_goes_on_and_adds_nothing_twice(
    call: Call,
    services: Services,
    fake: FakeLabelStudio,
    label_studio: FullLabelStudio,
    words: int,
    tasks: list[int],
    dataset: Callable[..., str],
) -> None:
    texts = ("Ann won", "Bo lost", "Cy left")
    source = dataset(*(answered(task, text) for task, text in zip(tasks, texts, strict=True)))
    fake.fail("slow", path="/api/tasks/.*/annotations/", method="POST", seconds=0.5, times=9)
    command = [sys.executable, "-m", "backend.cli", "pull", str(words), "--from", "prodigy", source]
    with subprocess.Popen(command, env=environment(services, fake)) as process:
        # The second is on its way: its answer will find nobody.
        while len(fake.seen("POST", "/api/tasks/.*/annotations/")) < 2:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    fake.heal()
    account = pulled(call, words, source)
    assert counts(account)["joined"] >= 1
    assert sum(counts(account).values()) == 3
    assert [len(label_studio.task(task)["annotations"]) for task in tasks] == [1, 1, 1]


def test_what_a_person_changed_since_is_left_as_it_is(
    call: Call, label_studio: FullLabelStudio, words: int, tasks: list[int], dataset: Callable[..., str]
) -> None:
    pulled(call, words, dataset(answered(tasks[0], "Ann won", accept=["sport"])))
    (annotation,) = label_studio.task(tasks[0])["annotations"]
    mine = chosen("news", to_name="txt")
    label_studio.update_annotation(annotation["id"], result=mine)
    # The same once more says nothing new; another answer over there would undo what the person did.
    assert counts(pulled(call, words, dataset(answered(tasks[0], "Ann won", accept=["sport"])))) == {
        "joined": 1
    }
    account = pulled(call, words, dataset(answered(tasks[0], "Ann won", (0, 3, "PER"))))
    assert counts(account) == {"dropped": 1}
    assert "changed in Label Studio since" in account["dropped"][0]["text"]
    assert label_studio.task(tasks[0])["annotations"][0]["result"] == mine


def test_a_new_answer_takes_the_place_of_one_that_nobody_touched(
    call: Call, label_studio: FullLabelStudio, words: int, tasks: list[int], dataset: Callable[..., str]
) -> None:
    pulled(call, words, dataset(answered(tasks[0], "Ann won", accept=["sport"])))
    account = pulled(call, words, dataset(answered(tasks[0], "Ann won", accept=["news"])), "--strict")
    assert counts(account) == {"carried": 1}
    assert "in place of an earlier form" in account["carried"][0]["text"]
    (annotation,) = label_studio.task(tasks[0])["annotations"]
    assert annotation["result"][0]["value"] == {"choices": ["news"]}
    assert counts(pulled(call, words, dataset(answered(tasks[0], "Ann won", accept=["news"])))) == {
        "joined": 1
    }


def test_what_a_person_deleted_stays_away_until_it_is_asked_for(
    call: Call,
    services: Services,
    label_studio: FullLabelStudio,
    words: int,
    tasks: list[int],
    dataset: Callable[..., str],
) -> None:
    source = dataset(answered(tasks[0], "Ann won", accept=["sport"]))
    pulled(call, words, source)
    label_studio.delete_annotation(label_studio.task(tasks[0])["annotations"][0]["id"])
    # A line that was cut when its writer was killed does no harm.
    (journal,) = services.store.folder(words).glob("pulled-*.txt")
    journal.write_bytes(journal.read_bytes() + b"17")
    account = pulled(call, words, source)
    assert counts(account) == {"dropped": 1}
    assert "--again" in account["dropped"][0]["text"]
    assert counts(pulled(call, words, source, "--again")) == {"carried": 1}
    assert counts(pulled(call, words, source)) == {"joined": 1}
    # Without the list nothing is there twice; it only is not known any more what was deleted.
    journal.unlink()
    assert counts(pulled(call, words, source)) == {"joined": 1}


def test_options_of_another_tool_are_wrong_usage(call: Call, words: int) -> None:
    assert call("push", str(words), "--to", "prodigy", "--segment", "3").code == 2
    assert call("push", str(words), "--to", "cvat", "--follow").code == 2
    assert call("pull", str(words), "--from", "cvat", "file.jsonl").code == 2


def test_sessions_are_annotations_of_their_own_and_equal_lines_are_one(
    call: Call, label_studio: FullLabelStudio, words: int, tasks: list[int], dataset: Callable[..., str]
) -> None:
    ann = answered(tasks[0], "Ann won", accept=["sport"])
    bo = ann | {"_session_id": "news-bo"}
    changed_her_mind = ann | {"accept": ["news"]}
    account = pulled(call, words, dataset(ann, bo, ann, changed_her_mind))
    assert counts(account) == {"carried": 3, "joined": 1}
    assert len(label_studio.task(tasks[0])["annotations"]) == 3
    assert counts(pulled(call, words, dataset(ann, bo, ann, changed_her_mind))) == {"joined": 4}


def test_each_line_that_has_no_place_is_counted_with_its_reason(
    call: Call, label_studio: FullLabelStudio, words: int, tasks: list[int], dataset: Callable[..., str]
) -> None:
    other = label_studio.create_project(title="Other", label_config=WORDS)["id"]
    (foreign,) = label_studio.import_tasks(other, [{"text": "Ann won"}])
    label_studio.delete_tasks(words, [tasks[2]])
    account = pulled(
        call,
        words,
        dataset(
            answered(tasks[2], "Cy left", accept=["news"]),
            answered(foreign, "Ann won", accept=["news"]),
            answered(tasks[1], "Bo won", accept=["news"]),
            answered(tasks[0], "Ann won", answer="reject"),
            answered(tasks[0], "Ann won", (0, 3, "PLACE")),
            {"text": "Ann won", "accept": ["news"], "answer": "accept"},
            {"nothing": 1},
            {"text": "Ann won", "meta": {"task_id": tasks[0]}},
        ),
    )
    told = {row["text"]: row["count"] for row in account["dropped"] if row["kind"] == "annotation"}
    assert told == {
        "its task is not in Label Studio any more": 1,
        f"its task is of another project ({other})": 1,
        "its task shows another text than was annotated": 1,
        "was rejected: Label Studio has no place for that": 1,
        "the labeling config has no place for anything in it": 1,
        "names no task of Label Studio: its `meta` has no `task_id`": 1,
        "shows no text, image, audio or video": 1,
    }
    spans = [row["text"] for row in account["dropped"] if row["kind"] == "text span"]
    assert spans == ["label 'PLACE' is not in the labeling config: add it to 'ner'"]
    assert account["left_out"] == {"example that nobody has answered": 1}
    assert label_studio.task(tasks[0])["annotations"] == []


def test_a_part_without_a_place_leaves_the_rest_and_strict_writes_nothing(
    call: Call, label_studio: FullLabelStudio, words: int, tasks: list[int], dataset: Callable[..., str]
) -> None:
    source = dataset(answered(tasks[0], "Ann won", (0, 3, "PER"), (4, 7, "VERB")))
    said = call("pull", str(words), "--from", "prodigy", source, "--strict")
    assert said.code == 1
    assert "'VERB' is not in the labeling config" in said.out
    assert label_studio.task(tasks[0])["annotations"] == []
    account = pulled(call, words, source)
    assert counts(account) == {"changed": 1}
    assert counts(account, "text span") == {"carried": 1, "dropped": 1}
    assert len(label_studio.task(tasks[0])["annotations"][0]["result"]) == 1


def test_strict_writes_what_is_whole(
    call: Call, label_studio: FullLabelStudio, words: int, tasks: list[int], dataset: Callable[..., str]
) -> None:
    source = dataset(answered(tasks[0], "Ann won", (0, 3, "PER")))
    assert counts(pulled(call, words, source, "--strict")) == {"carried": 1}
    assert len(label_studio.task(tasks[0])["annotations"]) == 1


def test_a_dry_run_counts_and_writes_nothing(
    call: Call, fake: FakeLabelStudio, words: int, tasks: list[int], dataset: Callable[..., str]
) -> None:
    source = dataset(answered(tasks[0], "Ann won", (0, 3, "PER")))
    assert counts(pulled(call, words, source, "--dry-run")) == {"carried": 1}
    assert fake.seen("POST", "/api/tasks/.*") == []


def test_a_file_that_is_not_there_is_taken_for_a_dataset_and_the_error_says_what_to_do(
    call: Call, words: int
) -> None:
    said = call("pull", str(words), "--from", "prodigy", "news")
    assert said.code == 1
    assert "prodigy db-out news > news.jsonl" in said.err


def test_a_dataset_is_read_by_prodigys_own_package(
    call: Call,
    label_studio: FullLabelStudio,
    words: int,
    tasks: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stand-in of the documented interface: Prodigy is not for sale to a test."""
    package = tmp_path / "site" / "prodigy" / "components"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").touch()
    line = answered(tasks[0], "Ann won", accept=["sport"])
    (package / "db.py").write_text(
        "class Database:\n"
        "    datasets = ['news', 'old']\n"
        f"    def get_dataset_examples(self, name): return [{line!r}]\n"
        "def connect(): return Database()\n"
    )
    monkeypatch.syspath_prepend(str(package.parents[1]))
    assert counts(pulled(call, words, "news")) == {"carried": 1}
    said = call("pull", str(words), "--from", "prodigy", "newz")
    assert "Datasets: news, old" in said.err


def test_answers_can_come_by_standard_input(
    services: Services, fake: FakeLabelStudio, words: int, tasks: list[int]
) -> None:
    command = [sys.executable, "-m", "backend.cli", "pull", str(words), "--from", "prodigy", "-", "--json"]
    lines = json.dumps(answered(tasks[0], "Ann won", accept=["sport"]))
    done = subprocess.run(
        command, env=environment(services, fake), input=lines, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert counts(json.loads(done.stdout)) == {"carried": 1}


def test_nothing_to_pull_from_is_an_error(call: Call, words: int) -> None:
    said = call("pull", str(words), "--from", "prodigy")
    assert said.code == 1
    assert "db-out" in said.err


def test_a_damaged_file_names_the_place_and_what_came_before_stays(
    call: Call, label_studio: FullLabelStudio, words: int, tasks: list[int], tmp_path: Path
) -> None:
    path = tmp_path / "cut.jsonl"
    path.write_text(json.dumps(answered(tasks[0], "Ann won", accept=["sport"])) + '\n{"text": "Bo')
    said = call("pull", str(words), "--from", "prodigy", str(path))
    assert said.code == 1
    assert "carried        1  annotation" in said.err
    assert "nothing was lost" not in said.err
    assert "cut.jsonl" in said.err
    assert len(label_studio.task(tasks[0])["annotations"]) == 1
