"""The queue goes to other tools while they run, and their answers come back into the real one, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client import FullLabelStudio
from tests.e2e.conftest import MakeLoop
from tests.e2e.loop_runner import Loop, wait_for
from tests.e2e.projects import choice, make_text_project, png, topic_of
from tests.e2e.real_label_studio import RealLabelStudio
from tests.fakes.cvat import TOKEN, FakeCvat

PICTURES = """<View>
  <Image name="img" value="$image"/>
  <Choices name="topic" toName="img"><Choice value="dark"/><Choice value="light"/></Choices>
  <RectangleLabels name="boxes" toName="img"><Label value="spot"/></RectangleLabels>
</View>"""


@pytest.fixture(scope="module")
def cvat() -> Iterator[FakeCvat]:
    """A stand-in for CVAT that takes what cvat-sdk's models take."""
    with FakeCvat() as running:
        yield running


@pytest.fixture(scope="module")
def exchange(make_loop: MakeLoop, real_label_studio: RealLabelStudio, cvat: FakeCvat) -> Loop:
    """A loop that knows the CVAT."""
    return make_loop(real_label_studio, CLEAN_AL_CVAT_URL=cvat.url, CLEAN_AL_CVAT_TOKEN=TOKEN)


def account(loop: Loop, *arguments: str) -> dict[str, int]:
    """Run a command and return what became of how many of its units."""
    said = loop.run(*arguments, "--json")
    assert said.code == 0, said.err
    assert TOKEN not in said.out + said.err
    found = said.json
    verbs = ("carried", "changed", "dropped", "joined")
    sums = {v: sum(row["count"] for row in found[v] if row["kind"] == found["unit"]) for v in verbs}
    return {verb: n for verb, n in sums.items() if n}


def annotations(admin: FullLabelStudio, task: int) -> list[dict[str, Any]]:
    """Return what Label Studio holds of a task."""
    return list(admin.task(task)["annotations"])


def test_cvat_gets_the_queue_and_its_finished_job_comes_back_once(
    exchange: Loop, admin: FullLabelStudio, cvat: FakeCvat
) -> None:
    pytest.importorskip("cvat_sdk", reason="cvat-sdk is not installed: pip install 'clean-al[cvat]'")
    project = int(admin.create_project(title="spots", label_config=PICTURES)["id"])
    paths = [admin.upload_file(project, f"{n}.png", png(n), "image/png") for n in range(6)]
    admin.import_tasks(project, [{"image": path} for path in paths])
    exchange.connected(project)
    before = exchange.head(project)
    assert account(exchange, "push", str(project), "--to", "cvat") == {"carried": len(before)}
    (job,) = cvat.jobs
    frames = cvat.tasks[cvat.jobs[job]["task_id"]]["frames"]
    head = [int(frame["name"].split("-")[1]) for frame in frames]
    # A round may have ended meanwhile: the queue is the one before or the one after it.
    assert head in (before, exchange.head(project))
    assert account(exchange, "push", str(project), "--to", "cvat") == {"joined": len(head)}

    cvat.annotate(
        job,
        tags=[cvat.tag("dark" if n % 2 else "light", n) for n in range(len(head))],
        shapes=[cvat.shape("spot", 0, [4, 4, 12, 8])],
    )
    cvat.finish(job)
    pull = ("pull", str(project), "--from", "cvat")
    assert account(exchange, *pull) == {"carried": len(head)}
    assert account(exchange, *pull) == {"joined": len(head)}
    (first,) = annotations(admin, head[0])
    box = next(result for result in first["result"] if result["from_name"] == "boxes")
    assert [box["value"][side] for side in ("x", "y", "width", "height")] == [25, 25, 50, 25]
    assert box["meta"]["from"]["job"] == job
    # The loop learns from what came back as from any other label.
    wait_for("the labels of CVAT are learned", lambda: exchange.status(project).labels == len(head))

    mine = choice("dark", "img")
    admin.update_annotation(first["id"], result=mine)
    cvat.annotate(job, tags=[cvat.tag("light", n) for n in range(len(head))])
    assert account(exchange, *pull)["dropped"] == 1
    assert annotations(admin, head[0])[0]["result"] == mine
    assert all(len(annotations(admin, task)) == 1 for task in head)


def test_prodigy_gets_the_queue_and_its_answers_come_back_once(
    exchange: Loop, admin: FullLabelStudio, tmp_path: Path
) -> None:
    project = exchange.connected(make_text_project(admin, 30))
    said = exchange.run("push", str(project), "--to", "prodigy")
    assert said.code == 0, said.err
    lines = [json.loads(line) for line in said.out.splitlines()]
    # Read anew before each task: a round that ended meanwhile may have changed the order, not what is in it.
    assert sorted(line["meta"]["task_id"] for line in lines) == sorted(exchange.head(project))

    done = [line | {"accept": [topic_of(line)], "answer": "accept"} for line in lines[:6]]
    done.append(lines[6] | {"answer": "ignore"})
    dataset = tmp_path / "done.jsonl"
    dataset.write_text("".join(json.dumps(line) + "\n" for line in done))
    pull = ("pull", str(project), "--from", "prodigy", str(dataset))
    assert account(exchange, *pull, "--dry-run") == {"carried": 7}
    assert account(exchange, *pull) == {"carried": 7}
    assert account(exchange, *pull) == {"joined": 7}
    assert [len(annotations(admin, line["meta"]["task_id"])) for line in done] == [1] * 7
    assert annotations(admin, done[6]["meta"]["task_id"])[0]["was_cancelled"]
    wait_for("the labels of Prodigy are learned", lambda: exchange.status(project).labels == 6)

    again = exchange.run("push", str(project), "--to", "prodigy")
    given = {json.loads(line)["meta"]["task_id"] for line in again.out.splitlines()}
    assert not given & {line["meta"]["task_id"] for line in done[:6]}
