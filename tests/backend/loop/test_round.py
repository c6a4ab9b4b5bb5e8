from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend.errors import LabelStudioError, LabelStudioUnreachable, RoundSuperseded
from backend.label_studio.client import LabelStudio
from backend.loop.jobs import perform_round
from backend.loop.lease import lock_key, take_lease
from backend.loop.observe import observe
from backend.loop.options import store_options
from backend.loop.predictor import Predictor
from backend.loop.publish import SAMPLING, VERSION_PREFIX
from backend.loop.report import NOT_ORDERABLE
from backend.loop.round import RoundReport, run_round
from backend.project.connect import connect
from backend.project.overview import project_status
from backend.services import Services
from backend.store.models import Published
from backend.store.progress import ProgressFile
from tests.backend.samples import IMAGE_CONFIG, TEXT_CONFIG, chosen
from tests.fakes.label_studio import FakeLabelStudio

AUDIO_CONFIG = (
    '<View><Audio name="a" value="$url"/><Choices name="topic" toName="a">'
    '<Choice value="low"/><Choice value="high"/></Choices></View>'
)
WORDS = {
    "cats": ["cat", "kitten", "purr", "whisker", "paw", "tail", "fur", "meow"],
    "money": ["bank", "stock", "bond", "coin", "interest", "loan", "price", "market"],
    "conflict": ["army", "battle", "siege", "truce", "soldier", "border", "weapon", "march"],
}


def text_of(topic: str, n: int) -> str:
    words = np.random.default_rng([len(topic), n]).choice(WORDS[topic], 6)
    return f"{' '.join(words)} {n}"


@pytest.fixture
def topics(label_studio: LabelStudio, project_id: int) -> dict[int, str]:
    """Forty tasks and their right labels."""
    labels = [list(WORDS)[i % 3] for i in range(40)]
    tasks = [{"data": {"text": text_of(topic, i)}} for i, topic in enumerate(labels)]
    return dict(zip(label_studio.import_tasks(project_id, tasks), labels, strict=True))


@pytest.fixture
def do_round(services: Services, project_id: int) -> Callable[..., RoundReport]:
    def run(project: int = project_id, **how: Any) -> RoundReport:
        published = services.store.published(project)
        with take_lease(services.redis, project, 15, published.fence if published else 0) as lease:
            assert lease is not None
            return run_round(services, project, lease, **how)

    return run


def label(client: LabelStudio, topics: dict[int, str], n: int, start: int = 0) -> list[int]:
    done = list(topics)[start : start + n]
    for task in done:
        client.annotate(task, chosen(topics[task]))
    return done


def writes(fake: FakeLabelStudio) -> list[tuple[str, str]]:
    return [
        (r.method, r.path)
        for r in fake.requests
        if r.method != "GET" and not r.path.startswith("/api/token") and r.status < 400
    ]


def queue_of(fake: FakeLabelStudio, project: int) -> list[int]:
    """The order in which Label Studio serves the tasks now."""
    world = fake.world
    version = world.projects[project]["model_version"]
    rows = [
        p for p in world.predictions.values() if p["project"] == project and p["model_version"] == version
    ]
    return [p["task"] for p in sorted(rows, key=lambda p: p["score"])]


def assert_served(fake: FakeLabelStudio, services: Services, project: int) -> Published:
    """Annotators must get what was published, and only tasks without a label."""
    published = services.store.published(project)
    assert published is not None
    assert fake.world.projects[project]["model_version"] == published.version
    assert fake.world.projects[project]["sampling"] == SAMPLING
    assert queue_of(fake, project) == list(published.head)
    assert not any(fake.world.tasks[i]["is_labeled"] for i in published.head)
    return published


def versions(fake: FakeLabelStudio) -> set[str]:
    return {p["model_version"] for p in fake.world.predictions.values()}


def test_the_first_round_orders_before_there_is_a_label(
    fake: FakeLabelStudio, services: Services, do_round: Any, topics: dict[int, str], project_id: int
) -> None:
    report = do_round()
    assert (report.outcome, report.labels, report.candidates, report.head) == ("published", 0, 40, 40)
    assert not report.has_model
    published = assert_served(fake, services, project_id)
    assert sorted(published.head) == sorted(topics)
    assert len(published.audit) == 4
    assert set(published.audit) <= set(published.head)
    assert all(p["result"] == [] for p in fake.world.predictions.values())
    assert Predictor(services).predict(project_id, [{"data": {"text": "x"}}])[1] is None


def test_labels_make_a_model_and_a_new_order(
    fake: FakeLabelStudio,
    services: Services,
    do_round: Any,
    topics: dict[int, str],
    project_id: int,
    label_studio: LabelStudio,
) -> None:
    first = do_round()
    store_options(services.store.folder(project_id), {"prefill": "always"})
    done = label(label_studio, topics, 12)
    second = do_round()
    assert (second.labels, second.candidates, second.has_model) == (12, 28, True)
    assert second.classes == {"cats": 4, "money": 4, "conflict": 4}
    assert second.fence == first.fence + 1
    published = assert_served(fake, services, project_id)
    assert published.previous == first.version
    assert not set(published.head) & set(done)
    right = [
        p["result"][0]["value"]["choices"][0] == topics[p["task"]]
        for p in fake.world.predictions.values()
        if p["model_version"] == published.version and p["task"] not in published.audit
    ]
    assert np.mean(right) > 0.6
    tasks = [{"data": {"text": text_of(topic, 999)}} for topic in WORDS]
    answers, version = Predictor(services).predict(project_id, tasks)
    assert version == published.version
    assert [a["result"][0]["value"]["choices"][0] for a in answers] == list(WORDS)


def test_a_round_that_finds_nothing_new_writes_nothing(
    fake: FakeLabelStudio,
    services: Services,
    do_round: Any,
    topics: dict[int, str],
    project_id: int,
    label_studio: LabelStudio,
) -> None:
    label(label_studio, topics, 5)
    do_round()
    count, files = len(writes(fake)), _files(services)
    report = do_round()
    assert report.outcome == "nothing new"
    assert len(writes(fake)) == count
    assert _files(services) == files


def _files(services: Services) -> dict[Path, bytes]:
    root = services.settings.model_dir
    return {p: p.read_bytes() for p in root.rglob("*") if p.is_file() and p.suffix != ".sqlite"}


def test_a_forced_round_writes_anyway(do_round: Any, topics: dict[int, str]) -> None:
    first = do_round()
    again = do_round(force=True)
    assert again.outcome == "published"
    assert again.version != first.version


def test_predictions_come_before_the_switch_and_the_switch_before_the_clearing(
    fake: FakeLabelStudio, do_round: Any, topics: dict[int, str], project_id: int, label_studio: LabelStudio
) -> None:
    for n in range(3):
        label(label_studio, topics, 2, start=2 * n)
        before = len(writes(fake))
        do_round()
    path = f"/api/projects/{project_id}"
    assert writes(fake)[before:] == [
        ("POST", f"{path}/import/predictions"),
        ("PATCH", f"{path}/"),
        ("DELETE", f"{path}/model-versions/"),
    ]
    assert len(versions(fake)) == 2, "the last version stays for those who have it open"


def test_other_peoples_predictions_are_left_alone(
    fake: FakeLabelStudio, do_round: Any, topics: dict[int, str], project_id: int, label_studio: LabelStudio
) -> None:
    rows = [{"task": next(iter(topics)), "model_version": "theirs", "result": []}]
    label_studio.import_predictions(project_id, rows)
    for n in range(4):
        label(label_studio, topics, 2, start=2 * n)
        do_round()
    assert "theirs" in versions(fake)
    assert len([v for v in versions(fake) if v.startswith(VERSION_PREFIX)]) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [("model_version", "Clean AL"), ("model_version", None), ("sampling", "Sequential sampling")],
)
def test_an_order_that_somebody_switched_off_is_served_again(
    name: str,
    value: Any,
    fake: FakeLabelStudio,
    services: Services,
    do_round: Any,
    topics: dict[int, str],
    project_id: int,
) -> None:
    do_round()
    fake.world.projects[project_id][name] = value
    assert do_round().outcome == "published"
    assert_served(fake, services, project_id)


def test_a_head_of_which_a_part_was_deleted_is_written_again_and_the_poll_sees_it(
    fake: FakeLabelStudio,
    services: Services,
    label_studio: LabelStudio,
    topics: dict[int, str],
    project_id: int,
) -> None:
    connect(services, project_id)
    perform_round(project_id, services)
    covers = ProgressFile(services.store.folder(project_id)).read().covers
    assert covers == observe(label_studio, project_id)
    first = next(iter(fake.world.predictions))
    del fake.world.predictions[first]
    assert covers != observe(label_studio, project_id)
    assert perform_round(project_id, services) == "published"
    assert_served(fake, services, project_id)
    covers = ProgressFile(services.store.folder(project_id)).read().covers
    assert covers == observe(label_studio, project_id)
    assert perform_round(project_id, services) == "nothing new"


def test_deleted_predictions_are_written_again(
    fake: FakeLabelStudio, services: Services, do_round: Any, topics: dict[int, str], project_id: int
) -> None:
    do_round()
    fake.world.predictions.clear()
    do_round()
    assert_served(fake, services, project_id)


CALLS = (
    "project", "ml_backends", "newest_change", "counts", "iter_tasks", "model_versions",
    "import_predictions", "update_project", "delete_model_version",
)  # fmt: skip


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", CALLS)
def test_a_round_that_breaks_off_anywhere_is_made_good_by_the_next(
    call: str,
    after: bool,
    fake: FakeLabelStudio,
    services: Services,
    do_round: Any,
    topics: dict[int, str],
    project_id: int,
    label_studio: LabelStudio,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for n in range(2):
        label(label_studio, topics, 3, start=3 * n)
        do_round()
    last = services.store.published(project_id)
    label(label_studio, topics, 3, start=6)
    original = getattr(services.label_studio, call)

    def broken(*args: Any, **how: Any) -> Any:
        if after:
            original(*args, **how)
        raise KeyboardInterrupt("killed here")

    with monkeypatch.context() as patch:
        patch.setattr(services.label_studio, call, broken)
        with pytest.raises(KeyboardInterrupt):
            do_round()
    if call not in ("update_project", "delete_model_version"):
        assert fake.world.projects[project_id]["model_version"] == last.version, "the last order stands"  # type: ignore[union-attr]
    report = do_round()
    assert report.labels == 9
    published = assert_served(fake, services, project_id)
    assert published.has_model
    label(label_studio, topics, 3, start=9)
    do_round()
    assert_served(fake, services, project_id)
    assert len(versions(fake)) <= 2
    assert do_round().outcome == "nothing new"


@pytest.mark.parametrize("step", ["save", "publish", "prune"])
def test_a_store_that_fails_is_made_good_by_the_next_round(
    step: str,
    fake: FakeLabelStudio,
    services: Services,
    do_round: Any,
    topics: dict[int, str],
    project_id: int,
    label_studio: LabelStudio,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    label(label_studio, topics, 6)

    def full(*_: Any, **__: Any) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(services.store, step, full)
        with pytest.raises(OSError, match="no space"):
            do_round()
    do_round()
    assert_served(fake, services, project_id)
    assert Predictor(services).predict(project_id, [{"data": {"text": "x"}}])[1] is not None


@pytest.mark.parametrize("before", ["import_predictions", "update_project"])
def test_a_round_that_was_superseded_publishes_nothing(
    before: str,
    fake: FakeLabelStudio,
    services: Services,
    do_round: Any,
    topics: dict[int, str],
    project_id: int,
    label_studio: LabelStudio,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    do_round()
    last = services.store.published(project_id)
    label(label_studio, topics, 6)
    original = services.label_studio.import_predictions

    def overtaken(*args: Any) -> Any:
        services.redis.set(lock_key(project_id), "another worker")
        return original(*args)

    if before == "import_predictions":
        monkeypatch.setattr("backend.loop.round.choose", _overtaken_choose(services, project_id))
    else:
        monkeypatch.setattr(services.label_studio, "import_predictions", overtaken)
    with pytest.raises(RoundSuperseded):
        do_round()
    assert services.store.published(project_id) == last
    assert fake.world.projects[project_id]["model_version"] == last.version  # type: ignore[union-attr]


def _overtaken_choose(services: Services, project_id: int) -> Any:
    from backend.loop.round import choose

    def overtaken(*args: Any) -> Any:
        services.redis.set(lock_key(project_id), "another worker")
        return choose(*args)

    return overtaken


class TestSituations:
    def test_an_empty_project_is_no_failure(
        self,
        fake: FakeLabelStudio,
        services: Services,
        do_round: Any,
        project_id: int,
        label_studio: LabelStudio,
    ) -> None:
        report = do_round()
        assert (report.outcome, report.tasks, report.head) == ("published", 0, 0)
        assert do_round().outcome == "nothing new"
        assert writes(fake)[1:] == []
        label_studio.import_tasks(project_id, [{"data": {"text": "a cat"}}, {"data": {"text": "a bank"}}])
        assert do_round().head == 2
        assert_served(fake, services, project_id)

    def test_one_task_is_served(
        self,
        fake: FakeLabelStudio,
        services: Services,
        do_round: Any,
        project_id: int,
        label_studio: LabelStudio,
    ) -> None:
        (task,) = label_studio.import_tasks(project_id, [{"data": {"text": "a text"}}])
        do_round()
        assert assert_served(fake, services, project_id).head == (task,)
        (empty,) = label_studio.import_tasks(project_id, [{"data": {"text": ""}}])
        report = do_round()
        assert any("no readable text" in note for note in report.notes)
        assert assert_served(fake, services, project_id).head == (task, empty)

    def test_when_all_is_labeled_nothing_is_served(
        self,
        services: Services,
        do_round: Any,
        topics: dict[int, str],
        project_id: int,
        label_studio: LabelStudio,
    ) -> None:
        do_round()
        label(label_studio, topics, 40)
        report = do_round()
        assert (report.outcome, report.candidates, report.head, report.has_model) == ("published", 0, 0, True)
        assert do_round().outcome == "nothing new"
        assert Predictor(services).predict(project_id, [{"data": {"text": "x"}}])[1] == report.version

    def test_one_class_is_not_learned_from(
        self,
        fake: FakeLabelStudio,
        services: Services,
        do_round: Any,
        topics: dict[int, str],
        project_id: int,
        label_studio: LabelStudio,
    ) -> None:
        for task in list(topics)[:5]:
            label_studio.annotate(task, chosen("cats"))
        report = do_round()
        assert (report.labels, report.has_model, report.head) == (5, False, 35)
        assert "labels never chosen yet: money, conflict" in report.notes
        assert_served(fake, services, project_id)

    def test_below_min_labels_there_is_no_model(
        self,
        fake: FakeLabelStudio,
        services: Services,
        do_round: Any,
        topics: dict[int, str],
        project_id: int,
        label_studio: LabelStudio,
    ) -> None:
        _with_options(fake, services, project_id, {"min_labels": 6, "queue_size": 10, "batch_size": 4})
        label(label_studio, topics, 5)
        report = do_round()
        assert (report.labels, report.has_model, report.head) == (5, False, 10)
        label(label_studio, topics, 1, start=5)
        assert do_round().has_model

    def test_skipped_tasks_come_when_no_other_is_left(
        self,
        services: Services,
        do_round: Any,
        topics: dict[int, str],
        project_id: int,
        label_studio: LabelStudio,
    ) -> None:
        skipped = list(topics)[3]
        label_studio.annotate(skipped, [], was_cancelled=True)
        do_round()
        assert skipped not in services.store.published(project_id).head  # type: ignore[union-attr]
        for task in topics:
            if task != skipped:
                label_studio.annotate(task, chosen(topics[task]))
        do_round()
        assert services.store.published(project_id).head == (skipped,)  # type: ignore[union-attr]

    def test_labels_that_left_the_config_are_counted_and_not_learned(
        self, do_round: Any, topics: dict[int, str], project_id: int, label_studio: LabelStudio
    ) -> None:
        label(label_studio, topics, 9)
        without = TEXT_CONFIG.replace('<Choice value="money"/>', '<Choice value="dogs"/>')
        label_studio.update_project(project_id, label_config=without)
        report = do_round()
        assert report.classes == {"cats": 3, "conflict": 3}
        assert "labels that the config no longer has, not learned from: money (3)" in report.notes
        assert "labels never chosen yet: dogs" in report.notes

    def test_a_class_missing_in_training_shifts_no_label(
        self,
        fake: FakeLabelStudio,
        services: Services,
        do_round: Any,
        topics: dict[int, str],
        project_id: int,
        label_studio: LabelStudio,
    ) -> None:
        store_options(services.store.folder(project_id), {"prefill": "always"})
        for task in [i for i in topics if topics[i] != "cats"][:12]:
            label_studio.annotate(task, chosen(topics[task]))
        version = do_round().version
        shown = {
            p["task"]: p["result"][0]["value"]["choices"][0]
            for p in fake.world.predictions.values()
            if p["model_version"] == version and topics[p["task"]] != "cats" and p["result"]
        }
        assert np.mean([topics[task] == choice for task, choice in shown.items()]) > 0.8

    @pytest.mark.parametrize(
        "config",
        [
            '<View><Text name="t" value="$text"/><TextArea name="r" toName="t"/></View>',
            re.sub("<Choice .*?/>", "", TEXT_CONFIG),
        ],
    )
    def test_a_config_to_learn_nothing_from_is_still_ordered(
        self,
        config: str,
        fake: FakeLabelStudio,
        services: Services,
        do_round: Any,
        topics: dict[int, str],
        project_id: int,
        label_studio: LabelStudio,
    ) -> None:
        label(label_studio, topics, 4)
        label_studio.update_project(project_id, label_config=config)
        report = do_round()
        assert (report.head, report.has_model, report.labels) == (36, False, 0)
        assert any("orders without learning" in note for note in report.notes)
        assert_served(fake, services, project_id)

    def test_tasks_that_lack_the_field_come_last(
        self,
        fake: FakeLabelStudio,
        services: Services,
        do_round: Any,
        topics: dict[int, str],
        project_id: int,
    ) -> None:
        lacking = list(topics)[:3]
        for task in lacking:
            fake.world.tasks[task]["data"] = {"other": 1}
        report = do_round()
        assert "3 tasks have no readable text; they come last" in report.notes
        assert sorted(assert_served(fake, services, project_id).head[-3:]) == lacking

    @pytest.mark.parametrize(
        "text", [None, 5, [], ["a", "b"], {"a": "b"}, "\ud800", "x" * 100_000, "<b>&amp;", True]
    )
    def test_a_text_of_any_kind_stops_no_round(
        self,
        text: Any,
        fake: FakeLabelStudio,
        services: Services,
        do_round: Any,
        topics: dict[int, str],
        project_id: int,
        label_studio: LabelStudio,
    ) -> None:
        first, second = list(topics)[:2]
        for task in (first, second):
            fake.world.tasks[task]["data"] = {"text": text}
        label(label_studio, topics, 6, start=1)
        assert do_round().labels == 6
        assert first in assert_served(fake, services, project_id).head

    @pytest.mark.parametrize("answer", ["\ud800", "\x00", "[/boom]", "x" * 100_000, "", None, 5, {"a": 1}])
    def test_a_label_of_any_kind_stops_no_round(
        self,
        answer: Any,
        fake: FakeLabelStudio,
        services: Services,
        do_round: Any,
        topics: dict[int, str],
        project_id: int,
        label_studio: LabelStudio,
    ) -> None:
        label(label_studio, topics, 6, start=1)
        for one in fake.world.annotations.values():
            one["result"][0]["value"]["choices"] = [answer]
            break
        report = do_round()
        assert report.labels == 5
        json.dumps(asdict(report))
        ProgressFile(services.store.folder(project_id)).succeed(asdict(report), {})
        assert project_status(services.store, project_id).problem is None

    def test_numbers_are_learned_from_where_what_is_shown_cannot_be_read(
        self, fake: FakeLabelStudio, services: Services, do_round: Any, label_studio: LabelStudio
    ) -> None:
        project = label_studio.create_project(title="Numbers", label_config=AUDIO_CONFIG)["id"]
        tasks = [
            {"data": {"url": f"/data/a{i}.wav", "pitch": i // 2, "take_id": i, "note": "x"}}
            for i in range(20)
        ]
        ids = label_studio.import_tasks(project, tasks)
        for n in (0, 1, 18, 19):
            label_studio.annotate(ids[n], chosen("low" if n < 10 else "high", to_name="a"))
        report = do_round(project)
        assert report.has_model
        assert "learns from the field pitch" in report.notes
        assert "20 tasks: Label Studio has no such file" in report.notes
        model = services.store.load(project, str(report.version))
        tasks = model.tasks([{"pitch": 1}, {"pitch": 8}], services.media.of_project(project))
        assert [guess.answer for guess in model.guesses_of(tasks)["topic"]] == ["low", "high"]

    def test_nothing_to_go_by_is_an_error_that_says_what_would_do(
        self, services: Services, label_studio: LabelStudio
    ) -> None:
        config = AUDIO_CONFIG.replace("Audio", "Custom")
        project = label_studio.create_project(title="Sounds", label_config=config)["id"]
        label_studio.import_tasks(project, [{"data": {"url": "/a.wav"}}])
        services.store.folder(project).mkdir(parents=True)
        (services.store.folder(project) / "connection.json").write_text("{}")
        assert perform_round(project, services) == NOT_ORDERABLE
        notes = ProgressFile(services.store.folder(project)).read().report["notes"]
        assert "Custom" in notes[0]
        assert "embedding" in notes[0]


def _with_options(fake: FakeLabelStudio, services: Services, project: int, options: Any) -> None:
    backend = {"project": project, "url": services.settings.address, "title": "x", "extra_params": options}
    fake.world.ml_backends[50] = {"id": 50, "basic_auth_user": None, **backend}


def test_wrong_options_are_noted_and_the_defaults_used(
    fake: FakeLabelStudio, services: Services, do_round: Any, topics: dict[int, str], project_id: int
) -> None:
    _with_options(fake, services, project_id, {"queue_size": 0})
    report = do_round()
    assert report.head == 40
    assert any("queue_size" in note and "defaults" in note for note in report.notes)


def test_a_queue_larger_than_the_pool_holds_the_pool(
    fake: FakeLabelStudio, services: Services, do_round: Any, topics: dict[int, str], project_id: int
) -> None:
    _with_options(fake, services, project_id, {"queue_size": 1000, "batch_size": 1000})
    assert do_round().head == 40


def test_a_config_that_changes_in_mid_round_is_learned_in_the_next(
    fake: FakeLabelStudio,
    services: Services,
    do_round: Any,
    topics: dict[int, str],
    project_id: int,
    label_studio: LabelStudio,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (services.store.folder(project_id)).mkdir(parents=True)
    (services.store.folder(project_id) / "connection.json").write_text("{}")
    label(label_studio, topics, 9)
    original = services.label_studio.import_predictions

    def changed(*args: Any) -> Any:
        fake.world.projects[project_id]["label_config"] = TEXT_CONFIG.replace("cats", "dogs")
        return original(*args)

    with monkeypatch.context() as patch:
        patch.setattr(services.label_studio, "import_predictions", changed)
        perform_round(project_id, services)
    covers = ProgressFile(services.store.folder(project_id)).read().covers
    assert covers != observe(services.label_studio, project_id), "so the poll asks for another round"
    perform_round(project_id, services)
    report = ProgressFile(services.store.folder(project_id)).read().report
    assert report["classes"] == {"money": 3, "conflict": 3}
    assert ProgressFile(services.store.folder(project_id)).read().covers == observe(
        services.label_studio, project_id
    )


def test_a_task_deleted_in_mid_round_costs_one_round(
    fake: FakeLabelStudio,
    services: Services,
    do_round: Any,
    topics: dict[int, str],
    project_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = services.label_studio.import_predictions

    def overtaken(*args: Any) -> Any:
        fake.world.delete_tasks(project_id, [next(iter(topics))], silent=True)
        return original(*args)

    with monkeypatch.context() as patch:
        patch.setattr(services.label_studio, "import_predictions", overtaken)
        with pytest.raises(LabelStudioError):
            do_round()
    assert do_round().head == 39
    assert_served(fake, services, project_id)


def test_the_same_seed_and_labels_give_the_same_order(
    services: Services, do_round: Any, topics: dict[int, str], project_id: int, label_studio: LabelStudio
) -> None:
    label(label_studio, topics, 9)
    do_round()
    first = services.store.published(project_id)
    do_round(force=True)
    second = services.store.published(project_id)
    assert first is not None
    assert second is not None
    assert first.head == second.head
    assert first.audit == second.audit


def test_projects_do_not_touch_each_other(
    fake: FakeLabelStudio,
    services: Services,
    do_round: Any,
    topics: dict[int, str],
    project_id: int,
    label_studio: LabelStudio,
) -> None:
    do_round()
    other = label_studio.create_project(title="Other", label_config=TEXT_CONFIG)["id"]
    label_studio.import_tasks(other, [{"data": {"text": f"t {i}"}} for i in range(5)])
    do_round(other)
    assert assert_served(fake, services, project_id).version != assert_served(fake, services, other).version
    assert do_round().outcome == do_round(other).outcome == "nothing new"


class TestImages:
    @pytest.fixture
    def pictures(self, fake: FakeLabelStudio, label_studio: LabelStudio) -> tuple[int, dict[int, str]]:
        project = label_studio.create_project(title="Pictures", label_config=IMAGE_CONFIG)["id"]
        kinds = ["dark" if i % 2 else "light" for i in range(16)]
        tasks = []
        for i, kind in enumerate(kinds):
            buffer = io.BytesIO()
            shade = 20 if kind == "dark" else 190
            pixels = np.random.default_rng(i).integers(shade, shade + 60, (40, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(buffer, "PNG")
            fake.world.files[f"/data/upload/{project}/{i}.png"] = buffer.getvalue()
            tasks.append({"data": {"image": f"/data/upload/{project}/{i}.png"}})
        return project, dict(zip(label_studio.import_tasks(project, tasks), kinds, strict=True))

    def test_pictures_are_learned_from_and_fetched_once(
        self,
        fake: FakeLabelStudio,
        services: Services,
        do_round: Any,
        label_studio: LabelStudio,
        pictures: Any,
    ) -> None:
        project, kinds = pictures
        for task in list(kinds)[:6]:
            label_studio.annotate(task, chosen(kinds[task], "kind", "img"))
        assert do_round(project).has_model
        shown = [
            (kinds[p["task"]], p["result"][0]["value"]["choices"][0])
            for p in fake.world.predictions.values()
            if p["result"]
        ]
        assert all(right == choice for right, choice in shown)
        fetched = len(fake.seen("GET", "/data/.*"))
        assert fetched == 16
        label_studio.annotate(list(kinds)[7], chosen("dark", "kind", "img"))
        do_round(project)
        assert len(fake.seen("GET", "/data/.*")) == fetched

    def test_pictures_that_are_missing_elsewhere_or_damaged_come_last(
        self,
        fake: FakeLabelStudio,
        services: Services,
        do_round: Any,
        label_studio: LabelStudio,
        pictures: Any,
    ) -> None:
        project, kinds = pictures
        odd = list(kinds)[:5]
        values = [
            "http://169.254.169.254/x.png",
            "/data/upload/1/gone.png",
            "",
            None,
            "/data/upload/1/bad.png",
        ]
        fake.world.files["/data/upload/1/bad.png"] = b"no picture"
        for task, value in zip(odd, values, strict=True):
            fake.world.tasks[task]["data"] = {"image": value}
        report = do_round(project)
        assert "5 tasks have no readable image; they come last" in report.notes
        assert sorted(assert_served(fake, services, project).head[-5:]) == odd

    def test_one_file_that_label_studio_stumbles_over_stops_no_round(
        self, fake: FakeLabelStudio, services: Services, do_round: Any, pictures: Any
    ) -> None:
        project, _ = pictures
        fake.fail("status", path=f"/data/upload/{project}/3.png", status=500, times=100)
        assert "1 tasks have no readable image; they come last" in do_round(project).notes

    def test_when_files_cannot_be_had_now_the_round_waits(
        self, fake: FakeLabelStudio, services: Services, do_round: Any, pictures: Any
    ) -> None:
        project, _ = pictures
        fake.fail("status", path="/data/.*", status=503, times=10**6)
        services.label_studio._http._retries = 0
        with pytest.raises(LabelStudioUnreachable):
            do_round(project)
        fake.heal()
        assert do_round(project).head == 16
