"""Every object that Label Studio shows is learned from, wherever it lies: rounds on planted answers."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend.errors import ProjectNotOrderable
from backend.label_studio.client import LabelStudio
from backend.loop.lease import take_lease
from backend.loop.report import RoundReport
from backend.loop.round import run_round
from backend.services import Services
from tests.backend.label_studio.media_servers import MediaServer, Served
from tests.backend.learning.test_media_kinds import film, pdf, tone, wav
from tests.backend.samples import chosen
from tests.fakes.label_studio import FakeLabelStudio

N, LABELED = 40, 20
MOODS = {"good": ["lovely", "superb", "splendid"], "bad": ["awful", "broken", "useless"]}
FILLER = ["box", "shop", "item", "today", "arrived", "the"]


def mood(n: int) -> str:
    return ("good", "bad", "bad", "good")[n % 4]


def words(n: int) -> str:
    """A sentence of which half the words give the answer away."""
    chance = np.random.default_rng(n)
    return " ".join([*chance.choice(MOODS[mood(n)], 3), *chance.choice(FILLER, 4)])


def picture(n: int) -> bytes:
    level = (60 if mood(n) == "bad" else 200) + n % 7
    buffer = io.BytesIO()
    Image.new("RGB", (24, 24), (level, level // 2, 255 - level)).save(buffer, "PNG")
    return buffer.getvalue()


def data_uri(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def sound(n: int) -> bytes:
    return wav(tone((300 if mood(n) == "bad" else 1500) + 5 * n, 0.2))


def series(n: int) -> dict[str, list[float]]:
    period = 8 if mood(n) == "bad" else 30
    noise = np.random.default_rng(n).normal(0, 0.2, 120)
    return {"t": list(range(120)), "x": (np.sin(2 * np.pi * np.arange(120) / period) + noise).tolist()}


# The objects of a config, the data of the n-th task, and the files that they name, by address.
Case = tuple[str, Callable[[int], dict[str, Any]], Callable[[int], dict[str, bytes]]]
CASES: dict[str, Case] = {
    "a template of two values": (
        '<Text name="t" value="Subject: $subject -- $body"/>',
        lambda n: {"subject": f"about {n * 37 % 101}", "body": words(n)},
        lambda n: {},
    ),
    "a value inside another": (
        '<Text name="t" value="$doc.parts[1]"/>',
        lambda n: {"doc": {"parts": ["same", words(n)]}},
        lambda n: {},
    ),
    "a column that is a number": (
        '<Text name="t" value="$0"/>',
        lambda n: {"0": words(n), "row": n},
        lambda n: {},
    ),
    "texts by address": (
        '<Text name="t" value="$url" valueType="url"/>',
        lambda n: {"url": f"/data/upload/1/text {n}.txt"},
        lambda n: {f"/data/upload/1/text%20{n}.txt": words(n).encode()},
    ),
    "chats": (
        '<Chat name="t" value="$chat"/>',
        lambda n: {"chat": [{"role": "user", "content": "Well?"}, {"role": "bot", "content": words(n)}]},
        lambda n: {},
    ),
    "dialogues": (
        '<Paragraphs name="t" value="$turns" nameKey="who" textKey="said"/>',
        lambda n: {"turns": [{"who": "Ana", "said": words(n), "id": n * 7919}]},
        lambda n: {},
    ),
    "tables": ('<Table name="t" value="$row"/>', lambda n: {"row": {"n": n, "says": words(n)}}, lambda n: {}),
    "markup in a repeater": (
        '<Repeater on="$parts"><HyperText name="t_{{idx}}" value="$parts[{{idx}}].html"/></Repeater>'
        '<Text name="t" value="$n"/>',
        lambda n: {"parts": [{"html": f"<b>{word}</b>"} for word in words(n).split()], "n": "x"},
        lambda n: {},
    ),
    "pictures in the data": (
        '<Image name="t" value="$image"/>',
        lambda n: {"image": data_uri(picture(n))},
        lambda n: {},
    ),
    "pages of pictures": (
        '<Image name="t" valueList="$pages"/>',
        lambda n: {"pages": [data_uri(picture(n)), data_uri(picture(0))]},
        lambda n: {},
    ),
    "one page by its number": (
        '<Image name="t" value="$pages[1]"/>',
        lambda n: {"pages": [data_uri(picture(0)), data_uri(picture(n))]},
        lambda n: {},
    ),
    "names with blanks": (
        '<Image name="t" value="$image"/>',
        lambda n: {"image": f"/data/upload/1/my photo {n}.png"},
        lambda n: {f"/data/upload/1/my%20photo%20{n}.png": picture(n)},
    ),
    "sounds": (
        '<Audio name="t" value="$sound"/>',
        lambda n: {"sound": data_uri(sound(n), "audio/wav")},
        lambda n: {},
    ),
    "time series in the data": (
        '<TimeSeries name="t" value="$s" valueType="json" timeColumn="t"><Channel column="x"/></TimeSeries>',
        lambda n: {"s": series(n)},
        lambda n: {},
    ),
    "time series by address": (
        '<TimeSeries name="t" value="$s" timeColumn="t"><Channel column="x"/></TimeSeries>',
        lambda n: {"s": f"/data/upload/1/{n}.json"},
        lambda n: {f"/data/upload/1/{n}.json": json.dumps(series(n)).encode()},
    ),
    "pdfs": (
        '<Pdf name="t" value="$pdf"/>',
        lambda n: {"pdf": data_uri(pdf(words(n)), "application/pdf")},
        lambda n: {},
    ),
    "videos": (
        '<Video name="t" value="$video"/>',
        lambda n: {"video": data_uri(film([(220, n, n) if mood(n) == "bad" else (n, n, 220)]), "video/mp4")},
        lambda n: {},
    ),
}
NEEDED = {"pdfs": "pypdf", "videos": "av"}


@pytest.fixture
def do_round(services: Services) -> Callable[[int], RoundReport]:
    def run(project: int) -> RoundReport:
        published = services.store.published(project)
        with take_lease(services.redis, project, 15, published.fence if published else 0) as lease:
            assert lease is not None
            return run_round(services, project, lease)

    return run


def project_of(client: LabelStudio, objects: str, data: list[dict[str, Any]], labeled: int = LABELED) -> int:
    """Return a project of these tasks, of which the first are labeled."""
    config = (
        f'<View>{objects}<Choices name="topic" toName="t"><Choice value="good"/><Choice value="bad"/>'
        "</Choices></View>"
    )
    project = int(client.create_project(title="Objects", label_config=config)["id"])
    ids = client.import_tasks(project, [{"data": each} for each in data])
    for n in range(labeled):
        client.annotate(ids[n], chosen(mood(n), to_name="t"))
    return project


def assert_right(services: Services, project: int, data: list[dict[str, Any]]) -> None:
    """The published model must be right on at least nine of ten tasks that have no label."""
    published = services.store.published(project)
    assert published is not None
    assert published.has_model
    model = services.store.load(project, published.version)
    guesses = model.guesses_of(model.tasks(data[LABELED:], services.media.of_project(project)))["topic"]
    right = [guess.answer == mood(n) for n, guess in enumerate(guesses, LABELED)]
    assert sum(right) >= 0.9 * len(right)


@pytest.mark.parametrize("name", CASES)
def test_what_is_shown_is_learned_from(
    name: str, services: Services, fake: FakeLabelStudio, label_studio: LabelStudio, do_round: Any
) -> None:
    if name in NEEDED:
        pytest.importorskip(NEEDED[name], reason="needs an extra")
    objects, data_of, files_of = CASES[name]
    data = [data_of(n) for n in range(N)]
    for n in range(N):
        fake.world.files |= files_of(n)
    project = project_of(label_studio, objects, data)
    report = do_round(project)
    assert not any("readable" in note for note in report.notes)
    assert_right(services, project, data)


class TestOtherHosts:
    objects = '<Image name="t" value="$image"/>'

    def test_pictures_are_fetched_once_their_host_is_listed_and_the_same_project_learns(
        self, services: Services, label_studio: LabelStudio, do_round: Any
    ) -> None:
        with MediaServer() as cdn:
            data = [{"image": f"{cdn.entry}/{n}.png"} for n in range(N)]
            cdn.files = {f"/{n}.png": Served(picture(n)) for n in range(N)}
            project = project_of(label_studio, self.objects, data)
            told = (
                f"{N} tasks: files at {cdn.entry} are not fetched; set CLEAN_AL_MEDIA_HOSTS={cdn.entry} to "
                "allow it"
            )
            with pytest.raises(ProjectNotOrderable) as caught:
                do_round(project)
            assert told in str(caught.value)
            assert cdn.asked == []
            allowed = Services(services.settings.model_copy(update={"media_hosts": cdn.entry}))
            with take_lease(services.redis, project, 15, 1) as lease:
                assert lease is not None
                report = run_round(allowed, project, lease)
            assert not any("not fetched" in note for note in report.notes)
            assert report.has_model
            assert len({path for path, _ in cdn.asked}) == N
            assert_right(allowed, project, data)

    def test_broken_files_are_counted_by_what_they_are_and_stop_nothing(
        self, services: Services, fake: FakeLabelStudio, label_studio: LabelStudio, do_round: Any
    ) -> None:
        odd = [
            picture(0)[:60],
            b"%PDF-1.7",
            b"<!DOCTYPE html><html>sign in</html>",
            b"",
            b"<svg xmlns='x'/>",
            bytes(services.settings.max_media + 1),
        ]
        data = [{"image": f"/data/upload/1/{n}.png"} for n in range(N + len(odd) + 1)]
        contents = [*(picture(n) for n in range(N)), *odd]
        fake.world.files |= {f"/data/upload/1/{n}.png": content for n, content in enumerate(contents)}
        project = project_of(label_studio, self.objects, data)
        notes = do_round(project).notes
        limit = services.settings.max_media
        assert set(notes) >= {
            "7 tasks have no readable image; they come last",
            "1 task: the image is damaged or cut off; put it there anew",
            "1 task: the file is no image but a PDF; correct the task data, or the tag that shows it",
            "1 task: the file is no image but a web page; does it want a login?",
            "1 task: the file is empty; put it there anew",
            "1 task: SVG images are not read; add them as PNG or JPEG",
            f"1 task: the file is larger than {limit} bytes; CLEAN_AL_MAX_MEDIA allows more",
            "1 task: Label Studio has no such file",
        }
        assert_right(services, project, data[:N])

    def test_texts_in_a_storage_that_is_not_connected_are_not_learned_by_their_addresses(
        self, services: Services, label_studio: LabelStudio, do_round: Any
    ) -> None:
        data = [{"url": f"s3://notes/doc_{n:04}.txt"} for n in range(8)]
        project = project_of(label_studio, '<Text name="t" value="$url" valueType="url"/>', data, labeled=4)
        with pytest.raises(ProjectNotOrderable) as caught:
            do_round(project)
        assert "8 tasks: no storage of the project leads to s3://notes; connect it" in str(caught.value)


def test_numeric_fields_beside_a_text_are_no_features(
    services: Services, label_studio: LabelStudio, do_round: Any, tmp_path: Path
) -> None:
    data = [{"text": words(n), "price": n % 4, "task_id": n} for n in range(N)]
    project = project_of(label_studio, '<Text name="t" value="$text"/>', data)
    assert not any("learns from" in note for note in do_round(project).notes)
    assert_right(services, project, data)
