"""The same comparison over several seeds, in a process of its own beside the live run; see `simulation`."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path

from backend.demo.datasets import DATASETS
from backend.demo.encoded import read_rows
from backend.demo.simulation import BUDGET, Comparison, compare
from backend.errors import BackendError
from backend.processes.keeper import Kept
from backend.store.files import read_json, write_json

SEEDS = (0, 1, 2, 3, 4)
WITHIN = 600.0
# The curves go on until all have reached the target, to say what it took.
MOST_LABELS = {"digits": 600, "docstrings": 800}


class Band:
    """Computes the comparisons of all seeds in the background, with the lowest priority.

    Parameters
    ----------
    folder : where the result is put
    """

    def __init__(self, folder: Path):
        self._result = folder / "band.json"
        # Single-threaded, so that the live run keeps a core.
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        command = [sys.executable, "-P", "-m", "backend.demo.band", str(self._result)]
        # Its temporary files lie in our folder: what is left when it is ended early goes with that.
        env = dict(os.environ) | threads | {"TMPDIR": str(folder)}
        self._process = Kept(command, env=env, grace=1.0)

    def wait(self) -> dict[str, list[Comparison]]:
        """Return the comparisons of each data set, one per seed."""
        code = self._process.wait(WITHIN)
        if code != 0:
            raise BackendError(f"the simulation of {len(SEEDS)} seeds ended with {code}")
        stored = read_json(self._result) or {}
        return {name: [Comparison.from_json(c) for c in found] for name, found in stored.items()}

    def stop(self) -> None:
        """End it if it still runs."""
        self._process.end()


def rows_file(folder: Path, name: str) -> Path:
    """Return where the encoded rows of a data set are left for this process."""
    return folder / f"rows-{name}.npy"


def main(result: str) -> None:
    """Compute the comparisons of each data set, one per seed, and write them."""
    os.nice(10)
    found = {}
    for name, load in DATASETS.items():
        dataset, most = load(), MOST_LABELS.get(name, BUDGET)
        # The live run has the data set encoded.
        encoded = read_rows(rows_file(Path(result).parent, name))
        found[name] = [asdict(compare(dataset, seed, most=most, encoded=encoded)) for seed in SEEDS]
    write_json(Path(result), found)


if __name__ == "__main__":
    main(sys.argv[1])
