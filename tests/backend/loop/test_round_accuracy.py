"""The accuracy estimate in real rounds: what is recorded, what survives, what is reported."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from backend.label_studio.client import LabelStudio
from backend.learning.accuracy import Accuracy, read_accuracy
from backend.loop.jobs import force_key, perform_round
from backend.loop.predictor import Predictor
from backend.project.overview import project_status
from backend.services import Services
from backend.settings import Settings
from backend.store.models import Published
from backend.store.progress import ProgressFile
from tests.backend.loop.test_round import WORDS, text_of
from tests.backend.samples import chosen
from tests.fakes.label_studio import FakeLabelStudio

OPTIONS = {"exploration": 0.5, "queue_size": 100}


class Loop:
    """One project, one annotator who labels from the front of the queue, and the worker's rounds."""

    def __init__(self, services: Services, fake: FakeLabelStudio, owner: LabelStudio, project: int):
        self.services, self.fake, self.owner, self.project = services, fake, owner, project
        topics = [list(WORDS)[i % 3] for i in range(120)]
        tasks = [{"data": {"text": text_of(topic, i)}} for i, topic in enumerate(topics)]
        self.truth = dict(zip(owner.import_tasks(project, tasks), topics, strict=True))
        folder = services.store.folder(project)
        folder.mkdir(parents=True)
        (folder / "connection.json").write_text("{}")
        backend = {"project": project, "url": services.settings.address, "title": "x"}
        fake.world.ml_backends[50] = {"id": 50, "basic_auth_user": None, "extra_params": OPTIONS, **backend}

    def round(self) -> str:
        return perform_round(self.project, self.services)

    @property
    def published(self) -> Published:
        published = self.services.store.published(self.project)
        assert published is not None
        return published

    @property
    def accuracy(self) -> Accuracy:
        return read_accuracy(ProgressFile(self.services.store.folder(self.project)).read().report)

    def label(self, n: int) -> list[int]:
        """Label the next tasks as Label Studio serves them."""
        world = self.fake.world
        version = world.projects[self.project]["model_version"]
        rows = [p for p in world.predictions.values() if p["model_version"] == version]
        queue = [p["task"] for p in sorted(rows, key=lambda p: p["score"])]
        done = [task for task in queue if not world.tasks[task]["is_labeled"]][:n]
        for task in done:
            self.owner.annotate(task, chosen(self.truth[task]))
        return done


@pytest.fixture
def loop(services: Services, fake: FakeLabelStudio, label_studio: LabelStudio, project_id: int) -> Loop:
    return Loop(services, fake, label_studio, project_id)


def test_accuracy_is_reported_once_thirty_audit_labels_are_there_and_stands_until_there_is_news(
    loop: Loop,
) -> None:
    loop.round()
    loop.label(40)
    loop.round()
    assert loop.accuracy.unknown_because == "20 of 30 audit labels, about 20 more labels to give"
    assert str(loop.accuracy).startswith("early, biased: ")
    loop.label(30)
    assert loop.round() == "published"
    known = loop.accuracy
    assert (known.audit_labels, known.at_labels, known.at_tasks) == (35, 70, 120)
    fresh = [(text_of(topic, n), topic) for n in range(500, 600) for topic in WORDS]
    answers, _ = Predictor(loop.services).predict(loop.project, [{"data": {"text": t}} for t, _ in fresh])
    right = [
        a["result"][0]["value"]["choices"][0] == topic for a, (_, topic) in zip(answers, fresh, strict=True)
    ]
    assert known.low is not None
    assert known.high is not None
    assert known.low <= sum(right) / len(right) <= known.high
    assert loop.round() == "nothing new"
    assert loop.accuracy == known
    loop.label(2)
    loop.round()
    assert asdict(loop.accuracy) == asdict(known) | {"audit_labels": 36}
    loop.label(6)
    loop.round()
    assert loop.accuracy.at_labels == 78
    assert project_status(loop.services.store, loop.project).accuracy == loop.accuracy


def test_a_round_that_is_asked_for_estimates_anew(loop: Loop) -> None:
    loop.round()
    loop.label(70)
    loop.round()
    loop.label(1)
    loop.services.redis.set(force_key(loop.project), "now")
    loop.round()
    assert loop.accuracy.at_labels == 71


def test_draws_outlive_the_worker_and_are_not_drawn_again(
    loop: Loop, settings: Settings, services: Services
) -> None:
    loop.round()
    first = loop.published
    assert first.drawn == first.audit
    assert len(first.drawn) == 50
    done = loop.label(10)
    loop.services = Services(settings)
    loop.round()
    labeled = [task for task in first.drawn if task in done]
    assert len(labeled) == 5
    assert loop.accuracy.audit_labels == 5
    waiting = [task for task in first.drawn if task not in done]
    assert list(loop.published.drawn[:50]) == labeled + waiting
    assert list(loop.published.audit[:45]) == waiting
    loop.services.label_studio.close()
    loop.services.redis.close()


@pytest.mark.parametrize("n_labels", [0, 6])
def test_a_worker_that_dies_before_it_has_recorded_its_draws_counts_none_wrongly(
    n_labels: int, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop.round()
    loop.label(10)
    served: list[Published] = []

    def killed(_: int, published: Published) -> None:
        served.append(published)
        raise KeyboardInterrupt("killed here")

    with monkeypatch.context() as patch:
        patch.setattr(loop.services.store, "publish", killed)
        with pytest.raises(KeyboardInterrupt):
            loop.round()
    before = loop.published
    done = loop.label(n_labels)  # from the head that was served and never recorded
    loop.round()
    after = loop.published
    if not n_labels:
        assert (after.head, after.drawn) == (served[0].head, served[0].drawn)
    unrecorded = set(served[0].drawn) - set(before.drawn)
    assert unrecorded
    counted = [task for task in after.drawn if task not in after.audit]
    assert set(counted) <= set(before.drawn)
    assert loop.accuracy.audit_labels == len(counted) == 5 + len(set(done) & set(before.drawn))


def test_draws_are_forgotten_with_their_tasks(loop: Loop) -> None:
    loop.round()
    gone = list(loop.published.drawn[:3])
    loop.label(20)
    loop.fake.world.delete_tasks(loop.project, gone)
    loop.round()
    assert set(loop.published.drawn).isdisjoint(gone)


def test_a_label_that_is_withdrawn_puts_its_draw_back_into_the_queue(loop: Loop) -> None:
    loop.round()
    done = [task for task in loop.label(10) if task in loop.published.audit]
    loop.round()
    assert loop.accuracy.audit_labels == len(done) == 5
    for number, annotation in list(loop.fake.world.annotations.items()):
        if annotation["task"] == done[0]:
            loop.owner.delete_annotation(number)
    loop.round()
    assert loop.accuracy.audit_labels == 4
    assert loop.published.audit[0] == done[0]
