"""The comparison over several seeds, beside the live run."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from backend.demo import band
from backend.demo.encoded import write_rows
from backend.demo.simulation import BUDGET, Comparison
from tests.backend.demo.data import topics


def test_every_seed_of_every_data_set_is_followed_up_to_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(band, "DATASETS", {"topics": topics})
    monkeypatch.setattr(band, "SEEDS", (0, 1))
    monkeypatch.setattr(band.os, "nice", lambda n: n)
    write_rows(band.rows_file(tmp_path, "topics"), None)
    band.main(str(tmp_path / "band.json"))
    stored = orjson.loads((tmp_path / "band.json").read_bytes())
    found = [Comparison.from_json(c) for c in stored["topics"]]
    assert [c.seed for c in found] == [0, 1]
    for c in found:
        assert [n for n, _ in c.loop] == [n for n, _ in c.random] == [*range(20, 141, 20), BUDGET]
