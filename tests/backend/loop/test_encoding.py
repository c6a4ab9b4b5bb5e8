"""Encoders beside the rounds: asked for in shards, encoded between rounds, joined when all is there."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend.label_studio.client import LabelStudio
from backend.learning.encoders import Encoders
from backend.loop import encoding
from backend.loop.encoding import PUT_OFF, encode_shard, encoding_notes
from backend.loop.jobs import perform_round, perform_shard, round_queue
from backend.loop.poller import Poller
from backend.loop.predictor import Predictor
from backend.loop.shard_jobs import ask_for_shards, is_one_shard, shard_queue
from backend.project.overview import project_status
from backend.services import Services
from backend.settings import Settings
from backend.store import shards
from backend.store.encoded import EncodedStore
from backend.store.files import write_json
from backend.store.models import ModelStore
from backend.store.shards import Wish
from tests.backend.samples import IMAGE_CONFIG, chosen
from tests.backend.tiny_encoder import ORDERS
from tests.fakes.label_studio import FakeLabelStudio

TINY = "tests.backend.tiny_encoder"
WORDS = {"cats": "cat purr", "money": "bank coin", "conflict": "army siege"}
N = 30


@pytest.fixture
def topics(label_studio: LabelStudio, project_id: int) -> dict[int, str]:
    """Thirty tasks and their right labels."""
    labels = [list(WORDS)[i % 3] for i in range(N)]
    tasks = [{"data": {"text": f"{WORDS[topic]} number {i}"}} for i, topic in enumerate(labels)]
    return dict(zip(label_studio.import_tasks(project_id, tasks), labels, strict=True))


@pytest.fixture
def connected(services: Services, project_id: int) -> int:
    write_json(services.store.folder(project_id) / "connection.json", {})
    return project_id


@pytest.fixture
def world(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Services]:
    """Makes the services of a worker whose text encoder is the one that is named."""

    def make(encoder: str = f"{TINY}:topics", **more: Any) -> Services:
        services = Services(settings.model_copy(update={"text_encoder": encoder, **more}))
        monkeypatch.setattr(shards, "SHARD", 12)
        monkeypatch.setattr("backend.store.encoded.SHARD", 12)
        monkeypatch.setattr(encoding, "AT_ONCE", 5)
        return services

    return make


def store_of(services: Services, project: int, kind: str = "text") -> EncodedStore:
    return EncodedStore(services.store.folder(project), kind)


def do_round(services: Services, project: int) -> dict[str, Any]:
    perform_round(project, services)
    published = services.store.published(project)
    assert published is not None
    return {"version": published.version, "columns": _columns(services.store, project, published.version)}


def _columns(store: ModelStore, project: int, version: str) -> list[str]:
    """The encoders that a published model reads with; none where there is no model yet."""
    if version not in store.versions(project):
        return []
    return [beside.encoded.identity for beside in store.load(project, version).reader.beside]


def encode_all(services: Services, project: int, kind: str = "text") -> list[str]:
    """Do what is asked for, as a worker without rounds would, each job in a process of its own."""
    return [
        perform_shard(project, name, Services(services.settings))
        for name in store_of(services, project, kind).asked()
    ]


def label_some(client: LabelStudio, topics: dict[int, str], n: int = 9) -> None:
    for task in list(topics)[:n]:
        client.annotate(task, chosen(topics[task]))


def test_a_project_is_ordered_at_once_and_turns_to_the_encoder_when_every_shard_is_there(
    world: Any, connected: int, topics: dict[int, str], label_studio: LabelStudio
) -> None:
    services = world()
    label_some(label_studio, topics)
    first = do_round(services, connected)
    assert first["columns"] == []
    assert encode_all(services, connected) == ["looked at tests.backend.tiny_encoder:topics@topics 1"]
    services.redis.flushall()
    # Nothing else is new, and yet a round asks for the shards.
    assert do_round(services, connected)["version"] == first["version"]
    store = store_of(services, connected)
    assert len(store.asked()) == 3
    assert shard_queue(services.redis).count == 3
    assert encoding_notes(services.store.folder(connected)) == [
        "encoding 0 of 30 texts by tests.backend.tiny_encoder:topics@topics 1"
    ]
    perform_shard(connected, store.asked()[0], services)
    (note,) = project_status(services.store, connected).notes[-1:]
    assert note.startswith("encoding 12 of 30 texts") or note.startswith("encoding 6 of 30 texts")
    assert do_round(services, connected)["version"] == first["version"]
    encode_all(services, connected)
    joined = do_round(services, connected)
    assert joined["version"] != first["version"]
    assert joined["columns"] == ["tests.backend.tiny_encoder:topics@topics 1"]
    assert encoding_notes(services.store.folder(connected)) == []
    # And it stays so.
    assert do_round(services, connected)["version"] == joined["version"]


def test_the_published_model_reads_new_texts_with_the_encoder_too(
    world: Any, connected: int, topics: dict[int, str], label_studio: LabelStudio
) -> None:
    services = world()
    label_some(label_studio, topics)
    for _ in range(3):
        do_round(services, connected)
        encode_all(services, connected)
    model = services.store.load(connected, do_round(services, connected)["version"])
    data, download = [{"text": "kitten whisker"}, {"text": ""}], services.media.of_project(connected)
    features = model.tasks(data, download, services.encoders).features
    with_none = model.tasks(data, download, Encoders()).features
    assert features.X.shape == with_none.X.shape
    width = 4
    assert np.abs(features.X[0, -width:]).sum() > 0
    assert np.abs(with_none.X[:, -width:]).sum() == np.abs(features.X[1, -width:]).sum() == 0
    # Words that no task has: today's features alone know nothing of them.
    (guess, _) = model.guesses_of(model.tasks(data, download, services.encoders))["topic"]
    (blind, _) = model.guesses_of(model.tasks(data, download, Encoders()))["topic"]
    assert guess.answer == "cats"
    assert guess.confidence > blind.confidence
    (said,), version = Predictor(services).predict(connected, [{"data": data[0]}])
    assert version == model.facts["version"]
    assert said["score"] == pytest.approx(guess.confidence)


def test_tasks_that_come_later_get_a_shard_of_their_own_and_the_encoder_stays_in_use(
    world: Any, connected: int, topics: dict[int, str], label_studio: LabelStudio
) -> None:
    services = world()
    label_some(label_studio, topics)
    for _ in range(3):
        do_round(services, connected)
        encode_all(services, connected)
    label_studio.import_tasks(connected, [{"data": {"text": f"bond battle {i}"}} for i in range(4)])
    assert do_round(services, connected)["columns"] != []
    store = store_of(services, connected)
    (name,) = store.asked()
    asked = store.read(name)
    assert asked is not None
    assert len(asked) == 4
    encode_all(services, connected)
    assert do_round(services, connected)["columns"] != []
    assert store.asked() == []


def test_far_more_tasks_than_are_encoded_are_ordered_by_what_all_of_them_have(
    world: Any, connected: int, topics: dict[int, str], label_studio: LabelStudio
) -> None:
    services = world()
    label_some(label_studio, topics)
    for _ in range(3):
        do_round(services, connected)
        encode_all(services, connected)
    label_studio.import_tasks(connected, [{"data": {"text": f"bond battle {i}"}} for i in range(40)])
    assert do_round(services, connected)["columns"] == []
    encode_all(services, connected)
    assert do_round(services, connected)["columns"] != []


def test_a_changed_text_is_encoded_anew_and_no_other(
    world: Any, connected: int, topics: dict[int, str], label_studio: Any, fake: FakeLabelStudio
) -> None:
    services = world()
    for _ in range(3):
        do_round(services, connected)
        encode_all(services, connected)
    task = next(iter(topics))
    fake.world.tasks[task]["data"] = {"text": "siege"}
    fake.world.touch(task)
    do_round(services, connected)
    store = store_of(services, connected)
    assert store.asked_tasks().ids.tolist() == [task]


def test_a_damaged_shard_is_made_anew(world: Any, connected: int, topics: dict[int, str]) -> None:
    services = world()
    for _ in range(3):
        do_round(services, connected)
        encode_all(services, connected)
    store = store_of(services, connected)
    wanted = store.wanted()
    assert wanted is not None
    first = sorted((services.store.folder(connected) / "encoded" / wanted.folder).glob("*.npy"))[0]
    content = bytearray(first.read_bytes())
    content[-1] ^= 1
    first.write_bytes(content)
    do_round(services, connected)
    assert len(store.asked_tasks()) in (6, 12)
    encode_all(services, connected)
    do_round(services, connected)
    assert store.asked() == []
    assert first.exists()


def test_a_changed_encoder_makes_its_rows_anew_while_the_old_ones_stay_in_use(
    world: Any,
    connected: int,
    topics: dict[int, str],
    label_studio: LabelStudio,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    named = tmp_path / "identity"
    monkeypatch.setenv(ORDERS, str(named))
    named.write_text("one")
    services = world(f"{TINY}:named")
    label_some(label_studio, topics)
    for _ in range(3):
        do_round(services, connected)
        encode_all(services, connected)
    assert do_round(services, connected)["columns"] == [f"{TINY}:named@one"]
    named.write_text("two")
    monkeypatch.setattr(encoding, "LOOK_AGAIN", 0.0)
    do_round(services, connected)
    monkeypatch.setattr(encoding, "LOOK_AGAIN", 600.0)
    assert encode_all(services, connected) == [f"looked at {TINY}:named@two"]
    # A new round, as a restarted worker would do it: the old rows are in use, the new ones asked for.
    label_studio.annotate(list(topics)[20], chosen(topics[list(topics)[20]]))
    assert do_round(services, connected)["columns"] == [f"{TINY}:named@one"]
    assert len(store_of(services, connected).asked_tasks()) == N
    encode_all(services, connected)
    assert do_round(services, connected)["columns"] == [f"{TINY}:named@two"]
    folders = [f.name for f in (services.store.folder(connected) / "encoded").glob("text-*/")]
    assert len(folders) == 1


@pytest.mark.parametrize(
    ("encoder", "said"),
    [
        (f"{TINY}:broken", "the weights are cut off"),
        ("no_such_package:make", "no_such_package cannot be imported"),
        ("/no/such/folder", "/no/such/folder: there is no such file or folder"),
        ("timm:resnet18", "timm:resnet18 encodes images, not texts"),
    ],
)
def test_an_encoder_that_cannot_be_had_is_named_and_the_loop_goes_on_without(
    world: Any, connected: int, topics: dict[int, str], label_studio: LabelStudio, encoder: str, said: str
) -> None:
    services = world(encoder)
    label_some(label_studio, topics)
    first = do_round(services, connected)
    encode_all(services, connected)
    assert do_round(services, connected) == first
    notes = [note for note in project_status(services.store, connected).notes if "encoder" in note]
    assert len(notes) == 1
    assert notes[0].startswith("texts are learned from without an encoder: ")
    assert said in notes[0]
    # Said, and not asked again at every round.
    label_studio.annotate(list(topics)[20], chosen("cats"))
    do_round(services, connected)
    assert store_of(services, connected).asked() == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("model.onnx", b"", "no ONNX model"),
        ("model.onnx", b"PK\x03\x04 not a model at all", "no ONNX model"),
        ("tokenizer.json", b"{", "is no tokenizer"),
    ],
)
def test_a_model_file_that_is_cut_off_or_of_another_kind_is_refused_by_name(
    world: Any, connected: int, topics: dict[int, str], tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    pytest.importorskip("onnxruntime")
    folder = tmp_path / "minilm"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"x")
    (folder / "tokenizer.json").write_text(
        '{"version": "1.0", "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}'
    )
    (folder / name).write_bytes(content)
    services = world(str(folder))
    do_round(services, connected)
    encode_all(services, connected)
    (note,) = encoding_notes(services.store.folder(connected))
    assert name in note
    assert said in note or name == "tokenizer.json"
    assert do_round(services, connected)["version"]


def test_an_encoder_that_fails_at_a_text_is_given_up_and_said(
    world: Any, connected: int, topics: dict[int, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = tmp_path / "orders"
    monkeypatch.setenv(ORDERS, str(orders))
    services = world()
    do_round(services, connected)
    encode_all(services, connected)
    do_round(services, connected)
    orders.write_text("fail")
    encode_all(services, connected)
    (note,) = encoding_notes(services.store.folder(connected))
    assert "RuntimeError: no memory for this" in note
    assert do_round(services, connected)["version"]
    # Looked at again later, it is as good as new.
    orders.unlink()
    monkeypatch.setattr(encoding, "LOOK_AGAIN", 0.0)
    do_round(services, connected)
    encode_all(services, connected)
    assert encoding_notes(services.store.folder(connected)) == []


def test_a_shard_makes_way_for_a_round_and_keeps_what_is_done(
    world: Any, connected: int, topics: dict[int, str]
) -> None:
    services = world()
    do_round(services, connected)
    encode_all(services, connected)
    do_round(services, connected)
    store = store_of(services, connected)
    name = next(n for n in store.asked() if len(store.read(n) or ()) == 12)
    asked: list[str] = []
    assert encode_shard(services, connected, name, lambda: False, asked.append) == "encoded 5 of 12"
    assert asked == []
    assert name not in store.asked()
    assert len(store.asked_tasks()) == N - 5
    encode_all(services, connected)
    do_round(services, connected)
    assert store.asked() == []
    wanted = store.wanted()
    assert wanted is not None
    assert wanted.used == wanted.folder


def test_the_last_shard_asks_for_a_round(world: Any, connected: int, topics: dict[int, str]) -> None:
    services = world()
    do_round(services, connected)
    services.redis.flushall()
    for rounds_asked in (1, 1):
        encode_all(services, connected)
        assert round_queue(services.redis).scheduled_job_registry.count == rounds_asked
        services.redis.flushall()
        do_round(services, connected)


def test_a_worker_that_is_killed_in_the_middle_of_a_shard_loses_no_finished_one(
    world: Any,
    services: Services,
    connected: int,
    topics: dict[int, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    orders = tmp_path / "orders"
    monkeypatch.setenv(ORDERS, str(orders))
    own = world()
    do_round(own, connected)
    encode_all(own, connected)
    do_round(own, connected)
    store = store_of(own, connected)
    perform_shard(connected, store.asked()[0], own)
    left = store.asked()
    before = {p: p.read_bytes() for p in (services.store.folder(connected) / "encoded").glob("text-*/*.npy")}
    orders.write_text("hang")
    code = f"from backend.loop.jobs import perform_shard;perform_shard({connected}, {left[0]!r})"
    process = subprocess.Popen([sys.executable, "-c", code], env=_environment(own.settings))
    try:
        for _ in range(600):
            if orders.with_suffix(".hangs").exists():
                break
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    orders.unlink()
    assert store.asked() == left
    after = {p: p.read_bytes() for p in (services.store.folder(connected) / "encoded").glob("text-*/*.npy")}
    assert before == after
    # The poll finds that nobody works on what is asked for.
    own.redis.flushall()
    Poller(own).tick()
    assert shard_queue(own.redis).count == len(left)
    encode_all(own, connected)
    do_round(own, connected)
    wanted = store.wanted()
    assert wanted is not None
    assert wanted.used == wanted.folder


def _environment(settings: Settings) -> dict[str, str]:
    from backend.processes.supervisor import environment_of

    return os.environ | environment_of(settings) | {"PYTHONPATH": str(Path(__file__).parents[3])}


def test_a_shard_whose_worker_dies_again_and_again_is_given_up(
    world: Any, connected: int, topics: dict[int, str]
) -> None:
    services = world()
    do_round(services, connected)
    encode_all(services, connected)
    do_round(services, connected)
    store = store_of(services, connected)
    name = store.asked()[0]
    services.redis.set(f"clean-al:tries:{connected}:{name}", 3)
    assert perform_shard(connected, name, services) == "given up"
    assert "failed 3 times at one shard" in encoding_notes(services.store.folder(connected))[0]
    assert do_round(services, connected)["version"]
    assert store.asked() == []


def test_what_is_asked_for_is_queued_once_and_behind_rounds(
    world: Any, connected: int, topics: dict[int, str]
) -> None:
    services = world()
    do_round(services, connected)
    assert shard_queue(services.redis).count == 1
    assert ask_for_shards(services.redis, services.store, connected, 60) == 0
    services.redis.flushall()
    assert ask_for_shards(services.redis, services.store, connected, 60) == 1
    services.redis.delete(shard_queue(services.redis).key)
    services.redis.set(shard_queue(services.redis).key, "no list")
    assert ask_for_shards(services.redis, services.store, connected, 60) == 1


@pytest.mark.parametrize(
    ("arguments", "is_one"),
    [
        ((1, "text.look"), True),
        ((1, "image.0123456789abcdef"), True),
        ((1, "../text.look"), False),
        ((1, "text.look/../../x"), False),
        ((True, "text.look"), False),
        ((0, "text.look"), False),
        ((1,), False),
        ((1, 2), False),
    ],
)
def test_only_what_we_ask_for_can_be_a_shard(arguments: tuple[Any, ...], is_one: bool) -> None:
    assert is_one_shard(arguments) is is_one


def test_an_encoder_that_is_switched_off_leaves_nothing_behind(
    world: Any, connected: int, topics: dict[int, str], label_studio: LabelStudio
) -> None:
    services = world()
    label_some(label_studio, topics)
    for _ in range(3):
        do_round(services, connected)
        encode_all(services, connected)
    assert do_round(services, connected)["columns"] != []
    assert do_round(world("off"), connected)["columns"] == []
    assert [p for p in (services.store.folder(connected) / "encoded").rglob("*") if p.is_file()] == []


@pytest.fixture
def pictures(services: Services, label_studio: LabelStudio, fake: FakeLabelStudio) -> int:
    """A connected project of four pictures and one that is damaged."""
    project = int(label_studio.create_project(title="Pictures", label_config=IMAGE_CONFIG)["id"])
    write_json(services.store.folder(project) / "connection.json", {})
    for i in range(4):
        buffer = io.BytesIO()
        Image.new("RGB", (1 + 100 * i, 1), (60 * i, 0, 0)).save(buffer, "PNG")
        fake.world.files[f"/data/upload/{project}/{i}.png"] = buffer.getvalue()
    fake.world.files[f"/data/upload/{project}/4.png"] = b"no picture"
    tasks = [{"data": {"image": f"/data/upload/{project}/{i}.png"}} for i in range(5)]
    label_studio.import_tasks(project, tasks)
    return project


def test_pictures_are_encoded_and_those_that_cannot_be_read_are_not_asked_for(
    world: Any, pictures: int, label_studio: LabelStudio
) -> None:
    services = world("off", image_encoder=f"{TINY}:brightness")
    for task, kind in zip(range(1, 5), ("dark", "dark", "light", "light"), strict=True):
        label_studio.annotate(task, chosen(kind, "kind", "img"))
    for _ in range(3):
        do_round(services, pictures)
        encode_all(services, pictures, "image")
    wanted = store_of(services, pictures, "image").wanted()
    assert wanted is not None
    assert (wanted.tasks, wanted.used) == (4, wanted.folder)
    tasks = Wish(np.arange(1, 5), np.full(4, 3))
    rows = store_of(services, pictures, "image").shards(wanted.folder).rows_of(tasks, 3)
    np.testing.assert_allclose(rows[:, 0], [0, 60 / 255, 120 / 255, 180 / 255], atol=1e-6)


def test_a_label_studio_that_is_away_puts_a_shard_off(
    world: Any, pictures: int, fake: FakeLabelStudio
) -> None:
    services = world("off", image_encoder=f"{TINY}:brightness")
    do_round(services, pictures)
    encode_all(services, pictures, "image")
    do_round(services, pictures)
    store = store_of(services, pictures, "image")
    asked = store.asked()
    fake.fail("status", path="/data/.*", status=503, times=10**6)
    assert encode_all(services, pictures, "image") == [PUT_OFF]
    assert store.asked() == asked


def test_the_weights_of_the_extra_encode_a_project_from_beginning_to_end(
    world: Any, connected: int, topics: dict[int, str], label_studio: LabelStudio
) -> None:
    services = world("auto")
    if services.encoders.find("text").encoder is None:
        pytest.skip(services.encoders.find("text").reason)
    label_some(label_studio, topics)
    for _ in range(3):
        do_round(services, connected)
        encode_all(services, connected)
    (identity,) = do_round(services, connected)["columns"]
    assert identity.startswith("minilm-l6-int8@sha256:")
    model = services.store.load(connected, do_round(services, connected)["version"])
    # None of these words is in the pool.
    data = [{"text": "a dog and its puppy"}, {"text": "credit and debt"}, {"text": "troops invaded"}]
    download = services.media.of_project(connected)
    guesses = model.guesses_of(model.tasks(data, download, services.encoders))["topic"]
    assert [guess.answer for guess in guesses] == ["cats", "money", "conflict"]
