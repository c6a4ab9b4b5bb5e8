"""The queue in a CVAT, and finished jobs on the way back, against a stand-in that cvat-sdk's models guard."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image

from backend.exchange.cvat_names import Shown, image_name, shown_by
from backend.processes.lockfile import LockFile
from backend.services import Services
from backend.settings import Settings
from backend.store.models import Published
from tests.backend.command import Call, Result
from tests.backend.exchange.test_prodigy import counts, queue
from tests.backend.samples import TEXT_CONFIG, chosen
from tests.client import FullLabelStudio
from tests.fakes.cvat import PASSWORD, TOKEN, FakeCvat
from tests.fakes.label_studio import FakeLabelStudio

pytest.importorskip("cvat_sdk", reason="cvat-sdk is not installed: pip install 'clean-al[cvat]'")

CONFIG = """<View>
  <Image name="img" value="$image"/>
  <RectangleLabels name="boxes" toName="img">
    <Label value="cat" background="#ff0000"/><Label value="dog" alias="hound"/>
  </RectangleLabels>
  <PolygonLabels name="outlines" toName="img"><Label value="cat"/></PolygonLabels>
  <Choices name="scene" toName="img"><Choice value="indoors"/><Choice value="outdoors"/></Choices>
  <Choices name="hidden" toName="img" perRegion="true"><Choice value="yes"/><Choice value="no"/></Choices>
  <Rating name="quality" toName="img" maxRating="3"/>
</View>"""


@pytest.fixture
def cvat() -> Iterator[FakeCvat]:
    """A CVAT that is up; no request may be one that its models refuse."""
    with FakeCvat() as running:
        yield running


@pytest.fixture
def run(call: Call, cvat: FakeCvat) -> Callable[..., Result]:
    """Runs `clean-al` with the stand-in; its token shows nowhere."""

    def with_cvat(*arguments: str, **env: str) -> Result:
        said = call(*arguments, **{"CLEAN_AL_CVAT_URL": cvat.url, "CLEAN_AL_CVAT_TOKEN": TOKEN} | env)
        assert TOKEN not in said.out + said.err
        assert PASSWORD not in said.out + said.err
        return said

    return with_cvat


@pytest.fixture
def push(run: Callable[..., Result], pictures: int) -> Callable[..., dict[str, Any]]:
    """Runs `clean-al push` and returns its account."""

    def pushed(*options: str) -> dict[str, Any]:
        said = run("push", str(pictures), "--to", "cvat", "--json", *options)
        assert said.code == 0, said.err
        return dict(json.loads(said.out))

    return pushed


@pytest.fixture
def pull(run: Callable[..., Result], pictures: int) -> Callable[..., dict[str, Any]]:
    """Runs `clean-al pull` and returns its account."""

    def pulled(*options: str) -> dict[str, Any]:
        said = run("pull", str(pictures), "--from", "cvat", "--json", *options)
        assert said.code == 0, said.err
        return dict(json.loads(said.out))

    return pulled


@pytest.fixture
def pictures(label_studio: FullLabelStudio) -> int:
    """A project of pictures."""
    return int(label_studio.create_project(title="Pictures", label_config=CONFIG)["id"])


def png(shade: int, width: int = 100, height: int = 200) -> bytes:
    """Return a picture."""
    made = io.BytesIO()
    Image.new("RGB", (width, height), (shade, 0, 0)).save(made, "PNG")
    return made.getvalue()


@pytest.fixture
def tasks(label_studio: FullLabelStudio, pictures: int) -> list[int]:
    """Its four tasks."""
    paths = [label_studio.upload_file(pictures, "a cat.png", png(n), "image/png") for n in range(4)]
    return label_studio.import_tasks(pictures, [{"image": path} for path in paths])


def names(cvat: FakeCvat, task: int | None = None) -> list[int]:
    """Return the Label Studio tasks of a CVAT task's frames (of the newest, unless said), in their order."""
    frames = cvat.tasks[max(cvat.tasks) if task is None else task]["frames"]
    return [shown.task_id for frame in frames if (shown := shown_by(frame["name"]))]


def texts(account: dict[str, Any], verb: str = "dropped", kind: str = "annotation") -> dict[str, int]:
    """Return the reasons of one verb, with their counts."""
    return {row["text"]: row["count"] for row in account[verb] if row["kind"] == kind}


# Push


def test_the_queue_becomes_a_task_in_our_order(
    push: Callable[..., dict[str, Any]], services: Services, cvat: FakeCvat, pictures: int, tasks: list[int]
) -> None:
    queue(services, pictures, tasks[2], tasks[0], tasks[1])
    account = push()
    assert counts(account, "task") == {"carried": 3}
    assert names(cvat) == [tasks[2], tasks[0], tasks[1]]
    (job,) = cvat.jobs.values()
    assert (job["start_frame"], job["stop_frame"]) == (0, 2)
    assert cvat.files[job["task_id"], f"task-{tasks[0]}-0-0-{_stem(cvat, tasks[0])}.png"] == png(0)
    assert any(f"/tasks/{job['task_id']}" in note for note in account["notes"])


def _stem(cvat: FakeCvat, task: int) -> str:
    frames = next(iter(cvat.tasks.values()))["frames"]
    name = next(frame["name"] for frame in frames if shown_by(frame["name"]).task_id == task)  # type: ignore[union-attr]
    return str(name).split("-0-0-")[1].removesuffix(".png")


def test_the_labels_are_those_of_the_config_each_with_its_shape(
    push: Callable[..., dict[str, Any]], services: Services, cvat: FakeCvat, pictures: int, tasks: list[int]
) -> None:
    queue(services, pictures, tasks[0])
    push()
    (project,) = cvat.projects.values()
    labels = {label["name"]: label for label in project["labels"]}
    # Both boxes and polygons are asked for cats: CVAT takes either.
    assert {name: label["type"] for name, label in labels.items()} == {
        "cat": "any",
        "hound": "rectangle",
        "indoors": "tag",
        "outdoors": "tag",
        "quality": "tag",
    }
    assert labels["cat"]["color"] == "#ff0000"
    (hidden,) = labels["cat"]["attributes"]
    assert (hidden["input_type"], hidden["values"], hidden["default_value"]) == (
        "select",
        ["-", "yes", "no"],
        "-",
    )
    assert labels["quality"]["attributes"][0]["values"] == ["-", "1", "2", "3"]
    assert f"/projects/{pictures}/?made=" in project["bug_tracker"]


def test_a_second_push_adds_a_task_of_what_is_new_alone(
    push: Callable[..., dict[str, Any]], services: Services, cvat: FakeCvat, pictures: int, tasks: list[int]
) -> None:
    queue(services, pictures, tasks[0], tasks[1])
    push()
    again = push()
    assert counts(again, "task") == {"joined": 2}
    assert len(cvat.tasks) == 1
    queue(services, pictures, tasks[3], tasks[1], tasks[2])
    assert counts(push(), "task") == {"carried": 2, "joined": 1}
    assert len(cvat.projects) == 1
    assert [names(cvat, task) for task in sorted(cvat.tasks)] == [[tasks[0], tasks[1]], [tasks[3], tasks[2]]]


def test_labels_that_the_config_has_gained_are_added(
    push: Callable[..., dict[str, Any]],
    services: Services,
    label_studio: FullLabelStudio,
    cvat: FakeCvat,
    pictures: int,
    tasks: list[int],
) -> None:
    queue(services, pictures, tasks[0])
    push()
    more = CONFIG.replace('<Label value="cat"/>', '<Label value="cat"/><Label value="tail"/>')
    label_studio.update_project(pictures, label_config=more)
    queue(services, pictures, tasks[1])
    push()
    assert cvat.label("tail")["type"] == "polygon"


@pytest.mark.parametrize("moment", ["task", "data"])
def test_a_push_that_was_killed_before_the_images_arrived_leaves_no_empty_task(
    run: Callable[..., Result],
    push: Callable[..., dict[str, Any]],
    services: Services,
    cvat: FakeCvat,
    pictures: int,
    tasks: list[int],
    moment: str,
) -> None:
    queue(services, pictures, tasks[0])
    path = "/api/tasks" if moment == "task" else "/api/tasks/.*/data/?"
    cvat.fail("drop", path=path, method="POST", times=9)
    assert run("push", str(pictures), "--to", "cvat").code == 1
    cvat.heal()
    assert counts(push(), "task") == {"carried": 1}
    assert [names(cvat, task) for task in cvat.tasks] == [[tasks[0]]]


def test_images_that_the_server_still_works_on_are_waited_for(
    push: Callable[..., dict[str, Any]],
    services: Services,
    cvat: FakeCvat,
    pictures: int,
    tasks: list[int],
    run: Callable[..., Result],
) -> None:
    queue(services, pictures, tasks[0])
    # All is there, and whoever sent it is killed before the server has made a task of it.
    cvat.fail("status", path="/api/requests/.*", status=403, times=1)
    assert run("push", str(pictures), "--to", "cvat").code == 1
    assert [task["frames"] for task in cvat.tasks.values()] == [[]]
    assert counts(push(), "task") == {"joined": 1}
    assert [names(cvat, task) for task in cvat.tasks] == [[tasks[0]]]


def test_a_task_that_a_person_made_there_is_not_touched(
    push: Callable[..., dict[str, Any]], services: Services, cvat: FakeCvat, pictures: int, tasks: list[int]
) -> None:
    queue(services, pictures, tasks[0])
    push()
    (project,) = cvat.projects
    cvat.tasks[900] = {"id": 900, "name": "mine", "project_id": project, "frames": [], "deleted": []}
    push()
    assert 900 in cvat.tasks


def test_segments_make_jobs_in_the_queues_order(
    push: Callable[..., dict[str, Any]], services: Services, cvat: FakeCvat, pictures: int, tasks: list[int]
) -> None:
    queue(services, pictures, *tasks[:3])
    push("--segment", "2")
    assert [(job["start_frame"], job["stop_frame"]) for job in cvat.jobs.values()] == [(0, 1), (2, 2)]


def test_what_has_no_image_is_counted_and_the_rest_goes(
    push: Callable[..., dict[str, Any]],
    services: Services,
    label_studio: FullLabelStudio,
    cvat: FakeCvat,
    pictures: int,
    tasks: list[int],
) -> None:
    text = label_studio.upload_file(pictures, "a.png", b"no picture", "image/png")
    data = [
        {"image": "/data/upload/1/gone.png"},
        {"image": text},
        {"image": ""},
        {"image": "https://a.example/b.png"},
    ]
    bad = label_studio.import_tasks(pictures, data)
    queue(services, pictures, *bad, tasks[0])
    account = push()
    assert counts(account, "task") == {"carried": 1, "dropped": 4}
    told = texts(account, kind="task")
    assert told["Label Studio has no such file"] == 1
    assert told["its file is no image that CVAT reads"] == 1
    assert told["shows no image"] == 1
    assert any("CLEAN_AL_MEDIA_HOSTS" in text for text in told)
    assert names(cvat) == [tasks[0]]


def test_a_dry_run_makes_nothing(
    push: Callable[..., dict[str, Any]], services: Services, cvat: FakeCvat, pictures: int, tasks: list[int]
) -> None:
    queue(services, pictures, *tasks)
    assert counts(push("--dry-run"), "task") == {"carried": 4}
    assert cvat.projects == {}
    assert cvat.seen("POST", ".*") == []


def test_images_that_the_server_cannot_read_are_an_error_in_its_words(
    run: Callable[..., Result], services: Services, cvat: FakeCvat, pictures: int, tasks: list[int]
) -> None:
    queue(services, pictures, tasks[0])
    cvat.broken_images = "cannot identify image file"
    said = run("push", str(pictures), "--to", "cvat")
    assert said.code == 1
    assert "cannot identify image file" in said.err


def test_pages_of_one_task_stay_together_and_come_back_as_one_annotation(
    run: Callable[..., Result], services: Services, label_studio: FullLabelStudio, cvat: FakeCvat
) -> None:
    config = CONFIG.replace('value="$image"', 'valueList="$pages"')
    project = int(label_studio.create_project(title="Books", label_config=config)["id"])
    pages = [label_studio.upload_file(project, f"{n}.png", png(n), "image/png") for n in range(3)]
    ids = label_studio.import_tasks(project, [{"pages": pages[:2]}, {"pages": pages[2:]}])
    queue(services, project, *ids)
    assert run("push", str(project), "--to", "cvat", "--segment", "1").code == 0
    first = min(cvat.jobs)
    assert (cvat.jobs[first]["start_frame"], cvat.jobs[first]["stop_frame"]) == (0, 1)
    cvat.annotate(first, shapes=[cvat.shape("hound", frame, [10, 20, 40, 60]) for frame in (0, 1)])
    cvat.finish(first)
    said = run("pull", str(project), "--from", "cvat")
    assert said.code == 0, said.err
    (annotation,) = label_studio.task(ids[0])["annotations"]
    assert [(r["id"], r["item_index"]) for r in annotation["result"]] == [("r1", 0), ("r2", 1)]
    assert label_studio.task(ids[1])["annotations"] == []


# Pull


@pytest.fixture
def job(
    push: Callable[..., dict[str, Any]], services: Services, cvat: FakeCvat, pictures: int, tasks: list[int]
) -> int:
    """A job with the first two tasks."""
    queue(services, pictures, tasks[0], tasks[1])
    push()
    return next(iter(cvat.jobs))


def test_a_finished_job_comes_back_as_annotations_of_the_right_tasks(
    pull: Callable[..., dict[str, Any]],
    label_studio: FullLabelStudio,
    cvat: FakeCvat,
    tasks: list[int],
    job: int,
) -> None:
    box = cvat.shape(
        "hound", 1, [10, 20, 40, 60], rotation=0.0, attributes=cvat.values("hound", hidden="yes")
    )
    outline = cvat.shape(
        "cat", 0, [0, 0, 50, 0, 0, 100], "polygon", attributes=cvat.values("cat", hidden="-")
    )
    cvat.annotate(
        job, shapes=[box, outline], tags=[cvat.tag("indoors", 0), cvat.tag("quality", 1, rating="3")]
    )
    cvat.finish(job)
    account = pull()
    assert counts(account) == {"carried": 2}
    assert counts(account, "box") == counts(account, "polygon") == {"carried": 1}
    (first,), (second,) = (label_studio.task(task)["annotations"] for task in tasks[:2])
    polygon, scene = first["result"]
    assert polygon["from_name"] == "outlines"
    assert polygon["value"]["points"] == [[0, 0], [50, 0], [0, 50]]
    assert scene["value"] == {"choices": ["indoors"]}
    shape, hidden, quality = second["result"]
    assert shape["value"] == {
        "x": 10,
        "y": 10,
        "width": 30,
        "height": 20,
        "rotation": 0,
        "rectanglelabels": ["hound"],
    }
    assert (hidden["id"], hidden["value"]) == (shape["id"], {"choices": ["yes"]})
    assert quality["value"] == {"rating": 3}
    assert shape["meta"] == {"from": {"tool": "cvat", "job": job, "frame": 1}}


def test_unfinished_and_other_jobs_wait_and_are_told(
    pull: Callable[..., dict[str, Any]], cvat: FakeCvat, tasks: list[int], job: int
) -> None:
    cvat.finish(job, "in progress")
    truth = cvat._add_job(cvat.tasks[cvat.jobs[job]["task_id"]], 0, 1, "ground_truth")
    cvat.finish(truth)
    account = pull()
    assert account["seen"] == 0
    assert account["left_out"] == {
        "job of the type ground_truth": 1,
        "job that is in progress, not completed": 1,
    }


def test_doing_it_twice_adds_nothing_twice(
    pull: Callable[..., dict[str, Any]],
    fake: FakeLabelStudio,
    label_studio: FullLabelStudio,
    cvat: FakeCvat,
    tasks: list[int],
    job: int,
) -> None:
    cvat.annotate(job, shapes=[cvat.shape("hound", 0, [1.25, 2.5, 33.333333, 4])])
    cvat.finish(job)
    # An image without a shape is an answer too: nothing to see.
    assert counts(pull()) == {"carried": 2}
    writes = len(fake.seen("POST", "/api/tasks/.*"))
    assert counts(pull()) == {"joined": 2}
    assert len(fake.seen("POST", "/api/tasks/.*")) == writes
    assert [len(label_studio.task(task)["annotations"]) for task in tasks] == [1, 1, 0, 0]


def test_a_job_that_was_corrected_there_replaces_what_nobody_touched_here(
    pull: Callable[..., dict[str, Any]],
    label_studio: FullLabelStudio,
    cvat: FakeCvat,
    tasks: list[int],
    job: int,
) -> None:
    cvat.annotate(job, shapes=[cvat.shape("hound", frame, [0, 0, 10, 10]) for frame in (0, 1)])
    cvat.finish(job)
    pull()
    mine = chosen("outdoors", "scene", "img")
    (annotation,) = label_studio.task(tasks[1])["annotations"]
    label_studio.update_annotation(annotation["id"], result=mine)
    cvat.annotate(job, shapes=[cvat.shape("cat", frame, [0, 0, 10, 10]) for frame in (0, 1)])
    account = pull()
    assert counts(account) == {"carried": 1, "dropped": 1}
    assert list(texts(account)) == ["was changed in Label Studio since it came: left as it is"]
    (first,), (second,) = (label_studio.task(task)["annotations"] for task in tasks[:2])
    assert first["result"][0]["value"]["rectanglelabels"] == ["cat"]
    assert second["result"] == mine


def test_labels_that_somebody_added_there_are_dropped_and_the_fix_is_named(
    pull: Callable[..., dict[str, Any]],
    label_studio: FullLabelStudio,
    cvat: FakeCvat,
    tasks: list[int],
    job: int,
) -> None:
    (project,) = cvat.projects.values()
    project["labels"].append(
        {"id": 777, "name": "horse", "type": "any", "color": "#000000", "attributes": []}
    )
    horse = cvat.shape("horse", 0, [0, 0, 10, 10])
    cvat.annotate(
        job, shapes=[horse, cvat.shape("hound", 0, [0, 0, 10, 10]), cvat.shape("horse", 1, [0, 0, 9, 9])]
    )
    cvat.finish(job)
    account = pull()
    assert counts(account) == {"changed": 1, "dropped": 1}
    assert texts(account, kind="box")["label 'horse' is not in the labeling config: add it to 'boxes'"] == 2
    assert label_studio.task(tasks[1])["annotations"] == []


def test_what_an_image_has_no_place_for_is_counted(
    pull: Callable[..., dict[str, Any]], cvat: FakeCvat, job: int
) -> None:
    track = {"label_id": cvat.label("cat")["id"], "frame": 0, "shapes": []}
    shapes = [
        cvat.shape("cat", 0, [0, 0, 10, 10, 4, 5], "ellipse"),
        cvat.shape("cat", 0, [0, 0, 10], "polygon"),
        cvat.shape("cat", 0, [0, 0, 10, 10]),
        cvat.shape("cat", 0, [], "skeleton", elements=[]),
    ]
    cvat.annotate(job, shapes=shapes, tracks=[track])
    cvat.finish(job)
    account = pull()
    assert counts(account, "box") == {"carried": 1}
    assert {row["kind"] for row in account["dropped"]} == {"ellipse", "polygon", "skeleton", "track"}


def test_a_task_that_is_gone_and_images_that_are_not_ours_are_counted(
    pull: Callable[..., dict[str, Any]],
    label_studio: FullLabelStudio,
    cvat: FakeCvat,
    pictures: int,
    tasks: list[int],
    job: int,
) -> None:
    cvat.annotate(job, shapes=[cvat.shape("hound", 0, [0, 0, 10, 10])])
    cvat.finish(job)
    label_studio.delete_tasks(pictures, [tasks[0]])
    task = cvat.tasks[cvat.jobs[job]["task_id"]]
    task["frames"][1] = task["frames"][1] | {"name": "holiday.jpg"}
    account = pull()
    assert texts(account) == {
        "its task is not in Label Studio any more": 1,
        "its image is none that was pushed": 1,
    }


def test_images_deleted_there_say_nothing(
    pull: Callable[..., dict[str, Any]],
    label_studio: FullLabelStudio,
    cvat: FakeCvat,
    tasks: list[int],
    job: int,
) -> None:
    cvat.tasks[cvat.jobs[job]["task_id"]]["deleted"] = [1]
    cvat.finish(job)
    account = pull()
    assert account["left_out"] == {"image that was deleted in CVAT": 1}
    assert label_studio.task(tasks[1])["annotations"] == []


def test_who_annotated_is_told(
    pull: Callable[..., dict[str, Any]],
    label_studio: FullLabelStudio,
    cvat: FakeCvat,
    tasks: list[int],
    job: int,
) -> None:
    cvat.jobs[job]["assignee"] = {"id": 3, "username": "ann", "url": "", "first_name": "", "last_name": ""}
    cvat.annotate(job, tags=[cvat.tag("indoors", 0)])
    cvat.finish(job)
    pull()
    (annotation,) = label_studio.task(tasks[0])["annotations"]
    assert annotation["result"][0]["meta"]["from"]["by"] == "ann"


# What goes wrong


def test_without_settings_each_error_names_the_one_that_is_missing(
    call: Call, services: Services, pictures: int
) -> None:
    queue(services, pictures, 1)
    said = call("push", str(pictures), "--to", "cvat")
    assert said.code == 2
    assert "CLEAN_AL_CVAT_URL" in said.err
    said = call("pull", str(pictures), "--from", "cvat", CLEAN_AL_CVAT_URL="http://127.0.0.1:9")
    assert said.code == 2
    assert "CLEAN_AL_CVAT_TOKEN" in said.err


def test_a_wrong_token_is_refused_with_the_setting_to_look_at(
    run: Callable[..., Result], services: Services, cvat: FakeCvat, pictures: int, tasks: list[int]
) -> None:
    queue(services, pictures, tasks[0])
    said = run("push", str(pictures), "--to", "cvat", CLEAN_AL_CVAT_TOKEN="s3cr3t-and-wrong")
    assert said.code == 1
    assert "401" in said.err
    assert "CLEAN_AL_CVAT_TOKEN" in said.err
    assert "s3cr3t-and-wrong" not in said.err + said.out


def test_a_server_that_is_away_is_named(run: Callable[..., Result], pictures: int) -> None:
    said = run("pull", str(pictures), "--from", "cvat", CLEAN_AL_CVAT_URL="http://127.0.0.1:9")
    assert said.code == 1
    assert "http://127.0.0.1:9 does not answer" in said.err
    assert "CLEAN_AL_CVAT_URL" in said.err


@pytest.mark.parametrize("fault", ["garbage", "truncate", "reset"])
def test_an_answer_that_is_broken_is_one_line(
    run: Callable[..., Result], cvat: FakeCvat, pictures: int, fault: str
) -> None:
    cvat.fail(fault, path="/api/projects", times=99)
    said = run("pull", str(pictures), "--from", "cvat")
    assert said.code == 1
    assert said.err.startswith("clean-al: CVAT at")
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_that_fails_is_told_apart(
    run: Callable[..., Result], cvat: FakeCvat, pictures: int, status: int
) -> None:
    cvat.fail("status", path="/api/projects", status=status, times=99)
    said = run("pull", str(pictures), "--from", "cvat")
    assert said.code == 1
    assert str(status) in said.err
    assert "try again later" in said.err


def test_a_server_of_another_release_is_told_apart(
    run: Callable[..., Result], cvat: FakeCvat, pictures: int
) -> None:
    cvat.projects[1] = {"id": 1, "name": ["of", "another", "type"], "bug_tracker": "", "labels": []}
    said = run("pull", str(pictures), "--from", "cvat")
    assert said.code == 1
    assert "expects; install the release of cvat-sdk that is the server's" in said.err


def test_a_user_and_a_password_do_as_well(
    call: Call, services: Services, cvat: FakeCvat, pictures: int, tasks: list[int]
) -> None:
    queue(services, pictures, tasks[0])
    login = {"CLEAN_AL_CVAT_URL": cvat.url, "CLEAN_AL_CVAT_USER": "ann"}
    said = call("push", str(pictures), "--to", "cvat", **login, CLEAN_AL_CVAT_PASSWORD=PASSWORD)
    assert said.code == 0, said.err
    assert names(cvat) == [tasks[0]]
    said = call("push", str(pictures), "--to", "cvat", **login, CLEAN_AL_CVAT_PASSWORD="wr0ng-one")
    assert said.code == 1
    assert "CLEAN_AL_CVAT_PASSWORD" in said.err
    assert "wr0ng-one" not in said.err


def test_two_pushes_at_once_do_not_both_push(
    run: Callable[..., Result], services: Services, cvat: FakeCvat, pictures: int, tasks: list[int]
) -> None:
    queue(services, pictures, tasks[0])
    with LockFile(services.store.folder(pictures) / "push.lock"):
        said = run("push", str(pictures), "--to", "cvat")
    assert said.code == 1
    assert "is being pushed by process" in said.err
    assert cvat.tasks == {}


def test_a_server_that_is_silent_is_not_waited_for_without_end(
    run: Callable[..., Result], cvat: FakeCvat, pictures: int
) -> None:
    cvat.fail("slow", path="/api/projects", seconds=3, times=99)
    said = run("pull", str(pictures), "--from", "cvat", CLEAN_AL_REQUEST_TIMEOUT="0.2")
    assert said.code == 1
    assert "does not answer" in said.err


def test_a_project_that_is_gone_there_is_named(
    run: Callable[..., Result], cvat: FakeCvat, pictures: int, job: int
) -> None:
    cvat.projects.clear()
    said = run("pull", str(pictures), "--from", "cvat")
    assert said.code == 1
    assert f"clean-al push {pictures} --to cvat" in said.err


def test_a_config_without_anything_for_images_is_an_error(
    run: Callable[..., Result], services: Services, label_studio: FullLabelStudio
) -> None:
    project = int(label_studio.create_project(title="Words", label_config=TEXT_CONFIG)["id"])
    services.store.publish(project, Published("v", 1, "print", (1,), False))
    said = run("push", str(project), "--to", "cvat")
    assert said.code == 1
    assert "offers nothing that CVAT can ask about an image" in said.err


def test_the_settings_hold_their_secrets_back() -> None:
    settings = Settings(_env_file=None, cvat_token=TOKEN, cvat_password=PASSWORD)
    assert TOKEN not in repr(settings) + str(settings.model_dump())
    assert PASSWORD not in repr(settings) + str(settings.model_dump())


@pytest.mark.parametrize(
    "address",
    ["/data/upload/1/ab-cat.jpg", "s3://b/../x y/cät.jpeg", "/tasks/1/resolve/?fileuri=QQ", "a\nb.png", ""],
)
def test_an_images_name_tells_what_it_shows_whatever_it_was_called(address: str) -> None:
    name = image_name(Shown(12, 1, 3), address, ".png")
    assert shown_by(name) == Shown(12, 1, 3)
    assert name.isprintable()
    assert "/" not in name
    assert shown_by("holiday.png") is None
