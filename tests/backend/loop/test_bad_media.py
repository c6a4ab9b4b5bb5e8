"""Files that cannot be read are counted with the fix, whatever their kind, and nothing else stops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from backend.label_studio.client import LabelStudio
from backend.learning.tasks import Tasks
from backend.learning.vectorize import fetching
from backend.loop.jobs import perform_round
from backend.project.connect import connect
from backend.project.doctor import diagnose_project
from backend.services import Services
from backend.store.progress import ProgressFile
from tests.backend.label_studio.media_servers import MediaServer, Served
from tests.backend.learning.test_media_kinds import film, pdf, tone, wav
from tests.backend.samples import chosen
from tests.fakes.label_studio import FakeLabelStudio

N, N_LABELED = 24, 16
CHOICES = '<Choices name="topic" toName="o"><Choice value="a"/><Choice value="b"/></Choices>'


@dataclass(frozen=True)
class Kind:
    """An object, the files of good tasks, and bad ones with what is said of each.

    Attributes
    ----------
    send : what the server says that they are
    hidden : a package that is not installed while the files are read
    """

    shows: str
    good: Callable[[int], bytes]
    bad: tuple[tuple[Served, str], ...]
    send: str
    hidden: str = ""


def csv(n: int, head: str = "t,x") -> bytes:
    waves = np.sin(np.arange(60) * (0.2, 1.5)[n % 2] + n)
    return "\n".join([head, *(f"{i},{y:.3f}" for i, y in enumerate(waves))]).encode()


def served(body: bytes, kind: str = "application/octet-stream", status: int = 200) -> Served:
    return Served(body, status, {"Content-Type": kind})


PAGE = (served(b"<!DOCTYPE html><html>sign in</html>", "text/html"), "but a web page; does it want a login?")
LOGIN = (served(b"", status=403), "refuses the file (403): it wants a login or a signed link; sign the links")
GONE = (served(b"", status=404), "has no such file (404); correct the address")
HUGE = (
    Served(b"", headers={"Content-Type": "video/mp4", "Content-Length": str(2 * 2**30)}),
    "CLEAN_AL_MAX_MEDIA allows more",
)
ZIP = (served(b"PK\x03\x04....", "application/zip"), "sends application/zip, which is no media file")

KINDS: dict[str, Kind] = {
    "sounds": Kind(
        '<Audio name="o" value="$u"/>',
        lambda n: wav(tone((300, 1500)[n % 2], 0.2)),
        (
            (served(wav(np.zeros(0))), "the sound is empty; put it there anew"),
            (
                served(wav(tone(300))[:20]),
                "no sound that can be read (damaged or cut off?); put it there anew",
            ),
            PAGE,
            LOGIN,
            GONE,
            HUGE,
            ZIP,
        ),
        "audio/wav",
    ),
    "sounds without their decoder": Kind(
        '<Audio name="o" value="$u"/>',
        lambda n: wav(tone((300, 1500)[n % 2], 0.2)),
        (
            (
                served(b"ID3" + bytes(90)),
                "sound other than WAV is not read here: pip install 'clean-al[audio]'",
            ),
        ),
        "audio/wav",
        hidden="soundfile",
    ),
    "series": Kind(
        '<TimeSeries name="o" value="$u" timeColumn="t"><Channel column="x"/></TimeSeries>',
        csv,
        (
            (
                served(csv(0, "when,x")),
                "has no column 't', which `timeColumn` names; correct the one or the other",
            ),
            (served(b'{"t": [1, 2'), "neither CSV nor JSON that can be read (cut off?)"),
            (served(b"t,x\n1,so\n"), "has no column of numbers; is `sep` right, which parts its columns?"),
            (served(b"\x89PNG" + bytes(30)), "no CSV or JSON but an image"),
            LOGIN,
        ),
        "text/csv",
    ),
    "PDFs": Kind(
        '<Pdf name="o" value="$u"/>',
        lambda n: pdf(("apples and pears", "wheels and brakes")[n % 2]),
        (
            (served(pdf("")), "the PDF has no text (scanned pages?); put its text into the task data"),
            (served(pdf("well")[:40]), "the PDF is damaged, cut off, or locked with a password"),
            (served(b"\x89PNG" + bytes(30)), "no PDF but an image; correct the task data, or the tag"),
            PAGE,
        ),
        "application/pdf",
    ),
    "texts": Kind(
        '<Text name="o" value="$u" valueType="url"/>',
        lambda n: ("apples and pears", "wheels and brakes")[n % 2].encode(),
        ((served(b"%PDF-1.7"), "no text but a PDF"), (served(b""), "the file is empty; put it there anew")),
        "text/plain",
    ),
    "videos": Kind(
        '<Video name="o" value="$u"/>',
        lambda n: film([((200, 30, 30), (30, 30, 200))[n % 2]]),
        ((served(film([(1, 2, 3)])[:300]), "cut off"), PAGE, HUGE),
        "video/mp4",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_read_is_named_with_the_fix_and_the_rest_is_learned(
    fake: FakeLabelStudio,
    services: Services,
    label_studio: LabelStudio,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    case = KINDS[kind]
    if case.hidden:
        monkeypatch.setattr(fetching, "find_spec", lambda name: None if name == case.hidden else object())
    fetching.is_there.cache_clear()
    with MediaServer() as server:
        for n in range(N):
            server.files[f"/{n}"] = served(case.good(n), case.send)
        for n, (file, _) in enumerate(case.bad, N):
            server.files[f"/{n}"] = file
        world = Services(services.settings.model_copy(update={"media_hosts": server.entry}))
        config = f"<View>{case.shows}{CHOICES}</View>"
        project = int(label_studio.create_project(title="Files", label_config=config)["id"])
        data = [{"data": {"u": f"{server.entry}/{n}"}} for n in range(N + len(case.bad))]
        ids = label_studio.import_tasks(project, data)
        for n, task in enumerate(ids[:N_LABELED]):
            label_studio.annotate(task, chosen("ab"[n % 2], to_name="o"))
        connect(world, project)
        assert perform_round(project, world) == "published"
        report = ProgressFile(services.store.folder(project)).read().report
        assert report["has_model"]
        notes, found = report["notes"], diagnose_project(world, project)
        for _, words in case.bad:
            assert [note for note in notes if note.startswith("1 task: ") and words in note], (words, notes)
            assert [each for each in found if words in each.found], words
        model = services.store.load(project, str(report["version"]))
        rest = [each["data"] for each in data[N_LABELED:N]]
        tasks = Tasks.of(rest, model.reader.features_of(rest, world.media.of_project(project)))
        guesses = [guess.answer for guess in model.guesses_of(tasks)["topic"]]
        assert guesses == ["ab"[n % 2] for n in range(N_LABELED, N)]
    fetching.is_there.cache_clear()
