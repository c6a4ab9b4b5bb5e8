"""A project of any kind in Label Studio, and another host with its media."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tests.client import FullLabelStudio
from tests.e2e.projects import Json

TASKS, LABELED_BEFORE, LABELED_IN_LOOP = 64, 30, 10

Put = Callable[[str, bytes, str], str]
Make = Callable[[int, Put], Json]
Answer = Callable[[int], list[Json]]


@dataclass(frozen=True)
class Kind:
    """A kind of project.

    Attributes
    ----------
    config : its labeling config
    data : the data of the task with a number; the second argument puts a file where tasks can name it
    answer : the result of the right annotation of that task
    least : the share of right guesses that is far above chance
    chance : the share that the best constant guess gets
    shown : whether guesses are ever filled in; of regions none is
    within : how far off a number may be
    needs : the package that reads its media
    uploads : whether its files are uploaded; otherwise they lie on another host
    predictions : what another model has found in that task, where there is one
    """

    config: str
    data: Make
    answer: Answer
    least: float
    chance: float
    shown: bool = True
    within: float = 0.0
    needs: str = ""
    uploads: bool = False
    predictions: Answer | None = None

    def is_right(self, guess: Sequence[Json], number: int) -> bool:
        """Whether a prediction's result says what the annotator would say."""
        wanted = self.answer(number)
        if self.within and guess:
            (found,), (right,) = guess, wanted
            return bool(abs(found["value"]["number"] - right["value"]["number"]) <= self.within)
        return len(guess) == len(wanted) and _values(guess) == _values(wanted)


def _values(result: Sequence[Json]) -> set[str]:
    return {json.dumps([item["from_name"], item["value"]], sort_keys=True) for item in result}


class MediaHost:
    """A file server on loopback, beside Label Studio."""

    def __init__(self) -> None:
        files = self._files = {}  # type: dict[str, tuple[bytes, str]]
        asked = self.asked = []  # type: list[str]

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                content, kind = files.get(self.path, (b"", ""))
                self.send_response(200 if kind else 404)
                self.send_header("Content-Type", kind or "text/plain")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def put(self, name: str, content: bytes, kind: str) -> str:
        """Return the address of a file that is served from now on."""
        self._files[f"/{name}"] = content, kind
        return f"{self.url}/{name}"

    @contextmanager
    def running(self) -> Iterator[MediaHost]:
        thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()


@dataclass
class Made:
    """A project of a kind, in Label Studio.

    Attributes
    ----------
    numbers : of each task, by its id
    data : of each task, by its id
    """

    id: int
    kind: Kind
    numbers: dict[int, int] = field(default_factory=dict)
    data: dict[int, Json] = field(default_factory=dict)

    def answer(self, task: int) -> list[Json]:
        return self.kind.answer(self.numbers[task])


def make_project(admin: FullLabelStudio, name: str, kind: Kind, host: MediaHost) -> Made:
    """Return a new project of a kind; nearly half of its tasks come with an annotation."""
    made = Made(int(admin.create_project(title=name, label_config=kind.config)["id"]), kind)

    def upload(file: str, content: bytes, mime: str) -> str:
        return admin.upload_file(made.id, file, content, mime)

    data = [kind.data(number, upload if kind.uploads else host.put) for number in range(TASKS)]
    tasks: list[Json] = [{"data": each} for each in data]
    for number in range(LABELED_BEFORE):
        tasks[number]["annotations"] = [{"result": kind.answer(number)}]
    for number, task in enumerate(tasks):
        if kind.predictions is not None:
            task["predictions"] = [
                {"model_version": "detector", "score": 0.5, "result": kind.predictions(number)}
            ]
    ids = admin.import_tasks(made.id, tasks)
    made.numbers = {task: number for number, task in enumerate(ids)}
    made.data = dict(zip(ids, data, strict=True))
    return made
