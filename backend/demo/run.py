"""The demo from its first process to its last, on one page."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from rich.console import Console

from backend.demo.annotators import LoopAnnotator, RandomAnnotator
from backend.demo.band import Band, rows_file
from backend.demo.board import Board
from backend.demo.datasets import DATASETS, Dataset
from backend.demo.encoded import LiveRows, write_rows
from backend.demo.plot import learning_curves
from backend.demo.projects import ProjectPair, make_projects
from backend.demo.results import in_words, summarize
from backend.demo.servers import Servers
from backend.demo.simulation import LabeledPool, split
from backend.demo.threads import together
from backend.label_studio.client import LabelStudio
from backend.processes.process_tree import stop_signals
from backend.project.leaving import image_sizes, leaving_tasks
from backend.store.files import write_json
from exporters import export_tasks

SEED = 0
FORMATS = {"image": ("cvat", "xml"), "text": ("prodigy", "jsonl")}
"""What the labeled tasks of each kind are exported to."""


@dataclass(frozen=True)
class Demo:
    """One run of the demo.

    Attributes
    ----------
    binary : the `label-studio` command
    out : the folder for what it shows
    stay : whether the servers stay up at the end, until Ctrl-C
    """

    binary: str
    out: Path
    stay: bool

    def run(self, console: Console) -> dict[str, Any]:
        """Run everything and return the results; nothing that was started is left, however it ends."""
        self.out.mkdir(parents=True, exist_ok=True)
        board = Board(console, tuple(DATASETS))
        with ExitStack() as stack:
            stack.enter_context(interruptible())
            # A server that is just ending may still write into it.
            folder = Path(
                stack.enter_context(TemporaryDirectory(prefix="clean-al-demo-", ignore_cleanup_errors=True))
            )
            with board.shown():
                board.phase("starting Label Studio and clean-al serve")
                # First, since it takes longest and waits for nothing that follows.
                band = Band(folder)
                stack.callback(band.stop)
                servers = stack.enter_context(Servers(self.binary, folder, self.out / "serve.log", SEED))
                board.phase(f"labeling at {servers.label_studio_server.url}")
                pairs = self._label(servers, board, folder)
                board.phase("finishing the simulation of the other seeds")
                live = {name: board.curves(name) for name in DATASETS}
                seeds = band.wait()
                board.phase("writing the curves and exports")
                results = summarize(live, seeds)
                learning_curves(live, seeds).savefig(self.out / "learning-curves.png", format="png")
                write_json(self.out / "results.json", results)
                files = [self._export(servers, pair) for pair in pairs]
            self._tell(console, results, files)
            if self.stay:
                self._stay(console, servers)
        return results

    def _label(self, servers: Servers, board: Board, folder: Path) -> list[ProjectPair]:
        """Label all projects at once and return them."""
        anna, twin = servers.annotator("annotator"), servers.annotator("random-order")
        pairs: list[ProjectPair] = []

        def label(name: str) -> None:
            pairs.append(_label_pair(servers, board, DATASETS[name](), anna, twin, folder))

        # A server that dies ends all annotators at once, instead of each one's patience.
        together([partial(label, name) for name in DATASETS], also=servers.check)
        return pairs

    def _export(self, servers: Servers, pair: ProjectPair) -> Path:
        target, suffix = FORMATS[pair.dataset.kind]
        path = self.out / f"{pair.dataset.name}.{suffix}"
        export_tasks(
            leaving_tasks(servers.owner, pair.loop, None, "labeled"),
            format=target,
            output=path,
            label_config=pair.dataset.label_config,
            name=pair.dataset.title,
            sizes=image_sizes(servers.owner),
        )
        return path

    def _tell(self, console: Console, results: dict[str, Any], files: list[Path]) -> None:
        for line in in_words(results):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        written = [self.out / "learning-curves.png", self.out / "results.json", *files]
        console.print(
            "written: " + ", ".join(map(str, written)), highlight=False, markup=False, soft_wrap=True
        )

    def _stay(self, console: Console, servers: Servers) -> None:
        """Leave everything up until Ctrl-C, which is then a good end."""
        server = servers.label_studio_server
        for line in (
            f"Label Studio  {server.url}   login {server.admin.email}, password {server.admin.password}",
            f"dashboard     {servers.settings.address}/dashboard",
            "Label a task in one of the projects: the order changes within seconds. Ctrl-C ends everything.",
        ):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        try:
            while True:
                servers.check()
                time.sleep(0.5)
        except KeyboardInterrupt:
            console.print("ending both servers")


def _label_pair(
    servers: Servers, board: Board, dataset: Dataset, anna: LabelStudio, twin: LabelStudio, folder: Path
) -> ProjectPair:
    """Make a data set's two projects, connect one, label both; return them."""
    parts = split(dataset, SEED)
    board.step(dataset.name, f"importing {len(parts.pool)} tasks, {len(parts.held_out)} held out")

    def uploaded(n: int) -> None:
        board.step(dataset.name, f"uploading {n}/{len(parts.pool)}", quiet=True)

    pair = make_projects(servers.owner, dataset, parts, uploaded)
    board.step(dataset.name, "connecting")
    servers.connect(pair.loop)
    # A person's first labels take as long as that; the simulated one waits.
    live = LiveRows(dataset, parts, servers.services.store.folder(pair.loop), list(pair.loop_rows))
    encoded = live.wait(servers.check, lambda told: board.step(dataset.name, told, quiet=True))
    write_rows(rows_file(folder, dataset.name), encoded)
    pool = LabeledPool(dataset, parts, SEED, encoded=encoded)
    loop = LoopAnnotator(anna, servers.services.store, pair, pool, board, servers.check)
    together([loop.run, RandomAnnotator(twin, pair, pool, board).run])
    board.step(dataset.name, "done")
    return pair


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the work inside as Ctrl-C does; a second signal does not cut the end short.

    After `nohup` SIGHUP stays ignored.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        # Who is impatient would otherwise leave half of the servers running.
        for each in kept:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    kept = {number: signal.getsignal(number) for number in stop_signals()}
    for number in kept:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
