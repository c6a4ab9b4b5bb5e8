"""A data set's encoded rows: both arms and all seeds of the demo use the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from backend.demo.encoded import LiveRows, read_rows, write_rows
from backend.demo.simulation import LabeledPool, compare, split
from backend.learning.inputs import Reader
from backend.learning.vectorize import InputSpec
from backend.store.encoded import EncodedStore, Wanted, looked
from backend.store.shards import Wish
from tests.backend.demo.data import WORDS, topics


def rows_of(dataset) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Rows that give each item's topic away."""
    return np.eye(len(WORDS), dtype=np.float32)[[sorted(WORDS).index(t) for t in dataset.truth]]


def test_what_an_encoder_knows_is_learned_from_beside_the_features() -> None:
    dataset = topics(120)
    parts = split(dataset, 0)
    plain = LabeledPool(dataset, parts, 0)
    pool = LabeledPool(dataset, parts, 0, encoded=rows_of(dataset))
    few = np.arange(12)
    assert pool.accuracy(pool.fit(few)[1]) > plain.accuracy(plain.fit(few)[1])
    _, model, situation = pool.fit(few)
    assert model is not None
    assert situation.pool.features.X.shape[1] == plain.situation(few).pool.features.X.shape[1] + len(WORDS)
    # A stored model's own reader, with vectorizers of its own, reads the held-out items in the same way.
    stored = replace(model, reader=Reader.from_state(model.reader.state()))
    assert pool.accuracy(stored) == pool.accuracy(model)


def test_random_order_is_followed_with_the_encoder_and_without() -> None:
    dataset = topics(120)
    found = compare(dataset, 0, encoded=rows_of(dataset))
    assert found.plain
    assert found.plain != found.random
    assert compare(dataset, 0).plain == []


def test_rows_go_to_another_process_whole_or_as_none(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.npy", np.ones((2, 3), dtype=np.float32))
    write_rows(tmp_path / "b.npy", None)
    np.testing.assert_array_equal(read_rows(tmp_path / "a.npy"), np.ones((2, 3)))
    assert read_rows(tmp_path / "b.npy") is None


def test_the_live_rows_are_those_that_the_loop_has_made(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    dataset = topics(30)
    parts = split(dataset, 0)
    monkeypatch.setattr("backend.demo.encoded.encoded_items", lambda d, items: np.full((len(items), 2), 7.0))
    store = EncodedStore(tmp_path, "text")
    store.note_opened(looked("auto", "e", 2, ""))
    wanted = Wanted((InputSpec("text", ("text",)),), "text-e-1-2", "e", 2, len(parts.pool))
    store.note_wanted(wanted.using_wanted())
    tasks = np.arange(100, 100 + len(parts.pool))
    rows = np.column_stack([tasks, -tasks]).astype(np.float32)
    # Rows of an earlier text of the last task do not count.
    store.shards("text-e-1-2").add(Wish(tasks, np.full(len(tasks), 3)), rows)
    store.shards("text-e-1-2").add(Wish(tasks[-1:], np.array([1])), rows[-1:] + 50)
    found = LiveRows(dataset, parts, tmp_path, tasks.tolist()).wait(lambda: None, lambda told: None)
    assert found is not None
    np.testing.assert_array_equal(found[parts.pool], rows)
    assert set(found[parts.held_out].ravel()) == {7.0}
