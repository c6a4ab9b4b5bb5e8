"""Processes that work on stretches side by side; their answers come in the order of the questions.

They are this Python, started anew: neither the caller's main module nor its threads matter to them. Each has
its questions on standard input and ends when that ends, also where the caller was killed.
"""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, TypeVar

from exporters.errors import WorkerError
from exporters.side_by_side.messages import Message, receive, send

T = TypeVar("T")
_START = "import sys; sys.path[:] = {path!r}; from exporters.side_by_side.work import main; main()"


class Worker:
    """One process."""

    def __init__(self, task: dict[str, Any]):
        command = [sys.executable, "-c", _START.format(path=sys.path)]
        # A session of its own: Ctrl-C is the caller's, who then ends the process.
        self._process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        self._task: dict[str, Any] | None = task

    def ask(self, question: Message) -> Message:
        """Return the answer; `WorkerError` when the process is gone."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            if self._task is not None:
                send(self._process.stdin, (self._task, b""))
                self._task = None
            send(self._process.stdin, question)
            answer = receive(self._process.stdout)
        except (OSError, ValueError):  # a pipe with nobody at its end, or closed by `end`
            answer = None
        if answer is None:
            raise WorkerError(self._process.wait())
        return answer

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Let go of its pipes."""
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:  # what was not sent any more
                pass


class Workers:
    """Some processes; `task` is sent to each before its first question.

    Raises `OSError` when they cannot be started.
    """

    def __init__(self, count: int, task: dict[str, Any]):
        self._workers: list[Worker] = []
        self._free: SimpleQueue[Worker] = SimpleQueue()
        self._threads = ThreadPoolExecutor(count)
        self._waiting: deque[tuple[Any, Future[Message]]] = deque()
        try:
            for _ in range(count):
                self._workers.append(Worker(task))
                self._free.put(self._workers[-1])
        except BaseException:
            self.end()
            raise

    def answers(self, things: Iterable[T], question: Callable[[T], Message]) -> Iterator[tuple[T, Message]]:
        """Yield (thing, answer) in order; no more than a few things are taken ahead."""
        waiting = self._waiting
        for thing in things:
            # Made when it is sent: by then the answers before may have changed what is asked.
            waiting.append((thing, self._threads.submit(self._ask, question(thing))))
            while waiting and (len(waiting) > 2 * len(self._workers) or waiting[0][1].done()):
                yield self._next(waiting)
        while waiting:
            yield self._next(waiting)

    def take_back(self) -> list[Any]:
        """Return the things that were taken ahead; their answers are not waited for."""
        things = [thing for thing, _ in self._waiting]
        self._waiting.clear()
        return things

    def _next(self, waiting: deque[tuple[T, Future[Message]]]) -> tuple[T, Message]:
        thing, answer = waiting.popleft()
        return thing, answer.result()

    def _ask(self, question: Message) -> Message:
        worker = self._free.get()
        try:
            return worker.ask(question)
        finally:
            self._free.put(worker)

    def end(self) -> None:
        """End all of them."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers:
            worker.end()
        self._threads.shutdown(wait=True)
        for worker in self._workers:
            worker.close()
