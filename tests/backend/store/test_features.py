from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from backend.learning.vectorize import InputSpec, Unread
from backend.store import features as feature_store
from backend.store.features import FeatureStore, PoolFeatures

TEXT, NUMBERS = (InputSpec("text", ("text",)),), (InputSpec("numbers", ("size",)),)
WORDS = ("cat", "dog", "bird", "fish", "stock", "bond", "gold", "coin")


class Project:
    """Task values by id, and which were asked for."""

    def __init__(self, n: int, kind: str = "text"):
        self.kind = kind
        self.versions = dict.fromkeys(range(1, n + 1), 1)
        self.read: list[list[int]] = []
        self.unread: dict[int, Any] = {}

    def value(self, i: int) -> Any:
        if self.kind == "numbers":
            return {"size": float(i * 10 + self.versions[i])}
        return f"a {WORDS[i % 8]} and a {WORDS[(i // 8 + self.versions[i]) % 8]} number {i}"

    def values(self, ids: np.ndarray) -> list[list[Any]]:
        self.read.append(ids.tolist())
        return [[self.unread.get(int(i), self.value(int(i))) for i in ids]]

    def refresh(
        self,
        folder: Path,
        inputs: tuple[InputSpec, ...] | None = None,
        means: str = "",
        *,
        anew: bool = False,
    ) -> PoolFeatures:
        ids = np.array(sorted(self.versions), dtype=np.int64)
        versions = np.array([self.versions[int(i)] for i in ids], dtype=np.int64)
        inputs = inputs or (NUMBERS if self.kind == "numbers" else TEXT)
        return FeatureStore(folder).refresh(inputs, ids, versions, self.values, 0, means, anew=anew)


def rows(pool: PoolFeatures) -> np.ndarray:
    X = pool.features.X
    return X.toarray() if sparse.issparse(X) else X


def assert_rows_are_right(pool: PoolFeatures, project: Project) -> None:
    """Every row must be what the vectorizer makes of that task's value now."""
    assert pool.task_ids.tolist() == sorted(project.versions)
    fresh = pool.reader.transform([[project.value(int(i)) for i in pool.task_ids]])
    expected = fresh.X.toarray() if sparse.issparse(fresh.X) else fresh.X
    np.testing.assert_allclose(rows(pool), expected, atol=1e-6)
    np.testing.assert_allclose(pool.features.embedding, fresh.embedding, atol=1e-5)


@pytest.fixture(params=["text", "numbers"])
def project(request: pytest.FixtureRequest) -> Project:
    return Project(20, request.param)


def test_nothing_new_reads_nothing(tmp_path: Path, project: Project) -> None:
    first = project.refresh(tmp_path)
    again = project.refresh(tmp_path)
    assert project.read == [list(range(1, 21))]
    np.testing.assert_array_equal(rows(first), rows(again))
    assert_rows_are_right(again, project)


def test_rows_are_the_values_by_the_scale_of_those_that_were_fitted(tmp_path: Path) -> None:
    """Worked by hand: the other tests compare a row with what the same reader makes of its value."""
    project = Project(4, "numbers")
    # 11, 21, 31, 41: mean 26, standard deviation the root of 125
    deviation = 125**0.5
    np.testing.assert_allclose(
        rows(project.refresh(tmp_path)).ravel(), np.array([-15, -5, 5, 15]) / deviation, rtol=1e-6
    )
    project.versions[2] = 6  # 26, which is the mean
    np.testing.assert_allclose(
        rows(project.refresh(tmp_path)).ravel(), np.array([-15, 0, 5, 15]) / deviation, rtol=1e-6, atol=1e-7
    )


def test_only_new_and_changed_tasks_are_read(tmp_path: Path, project: Project) -> None:
    project.refresh(tmp_path)
    project.versions |= {21: 1, 22: 1}
    project.versions[7] += 1
    pool = project.refresh(tmp_path)
    assert project.read[1:] == [[7, 21, 22]]
    assert_rows_are_right(pool, project)
    assert_rows_are_right(project.refresh(tmp_path), project)
    assert len(project.read) == 2


def test_deleted_tasks_vanish_and_reading_is_not_needed_for_it(tmp_path: Path, project: Project) -> None:
    project.refresh(tmp_path)
    del project.versions[3], project.versions[20]
    pool = project.refresh(tmp_path)
    assert [ids for ids in project.read[1:] if ids] == []
    assert_rows_are_right(pool, project)


def test_rows_stay_in_the_order_of_ids(tmp_path: Path) -> None:
    project = Project(20, "numbers")
    project.versions = dict.fromkeys(range(10, 30), 1)
    project.refresh(tmp_path)
    project.versions |= {1: 1, 5: 1}
    del project.versions[12]
    project.versions[15] = 2
    pool = project.refresh(tmp_path)
    assert_rows_are_right(pool, project)
    assert pool.rows_of(np.array([1, 5, 29])).tolist() == [0, 1, 20]


@pytest.mark.parametrize(("n", "refits"), [(24, False), (25, True), (17, False), (16, True), (0, True)])
def test_scales_are_learned_anew_when_the_pool_has_grown_or_shrunk_by_a_fifth(
    tmp_path: Path, n: int, refits: bool
) -> None:
    project = Project(20, "numbers")
    project.refresh(tmp_path)
    project.versions = dict.fromkeys(range(1, n + 1), 1)
    pool = project.refresh(tmp_path)
    everything = list(range(1, n + 1))
    assert (project.read[-1] == everything) is refits
    assert len(pool.task_ids) == n


def test_growth_counts_from_the_last_fit_not_from_the_last_round(tmp_path: Path) -> None:
    project = Project(20, "numbers")
    for n in range(20, 26):
        project.versions = dict.fromkeys(range(1, n + 1), 1)
        project.refresh(tmp_path)
    assert project.read == [list(range(1, 21)), [21], [22], [23], [24], list(range(1, 26))]


def test_an_empty_project_becomes_one_with_tasks(tmp_path: Path, project: Project) -> None:
    tasks, project.versions = project.versions, {}
    assert len(project.refresh(tmp_path).task_ids) == 0
    assert len(project.refresh(tmp_path).task_ids) == 0
    project.versions = tasks
    assert_rows_are_right(project.refresh(tmp_path), project)


def test_another_input_is_another_matter(tmp_path: Path) -> None:
    project = Project(5, "numbers")
    project.refresh(tmp_path)
    pool = project.refresh(tmp_path, (InputSpec("numbers", ("size", "weight")),))
    everything = [1, 2, 3, 4, 5]
    assert project.read == [everything] * 2
    assert_rows_are_right(pool, project)
    # What was kept for the one input is not taken for the other, in neither direction.
    project.refresh(tmp_path)
    assert project.read == [everything] * 3


def files(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_one_pair_of_files_is_left_and_only_the_owner_may_read_it(tmp_path: Path, project: Project) -> None:
    folder = tmp_path / "features"
    for _ in range(3):
        project.refresh(folder)
        project.versions[1] += 1
    (folder / ".features-cut.npz.1234").write_bytes(b"left by a killed worker")
    project.refresh(folder)
    assert len(files(folder)) == 2
    assert {p.stat().st_mode & 0o777 for p in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_crash_between_the_two_writes_leaves_the_old_pair(
    tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.refresh(tmp_path)
    project.versions[4] += 1

    def crash(*_: Any) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(feature_store, "write_json", crash)
        with pytest.raises(OSError, match="no space"):
            project.refresh(tmp_path)
    project.versions[4] -= 1
    before = len(project.read)
    assert_rows_are_right(project.refresh(tmp_path), project)
    assert len(project.read) == before, "the old pair was whole"


def arrays(folder: Path) -> Path:
    (found,) = folder.glob("features-*.npz")
    return found


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.99])
def test_truncated_arrays_are_made_anew(tmp_path: Path, project: Project, keep: float) -> None:
    project.refresh(tmp_path)
    whole = arrays(tmp_path).read_bytes()
    arrays(tmp_path).write_bytes(whole[: int(len(whole) * keep)])
    assert_rows_are_right(project.refresh(tmp_path), project)
    assert project.read[1:] == [list(range(1, 21))]


def test_flipped_bytes_never_reach_the_features(tmp_path: Path, project: Project) -> None:
    project.refresh(tmp_path)
    whole = arrays(tmp_path).read_bytes()
    for place in np.random.default_rng(0).integers(0, len(whole), 40):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        arrays(tmp_path).write_bytes(damaged)
        assert_rows_are_right(project.refresh(tmp_path), project)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"[1]", b"{}", b'"x"', b'{"format": 3}', b'{"format": 3, "reader": {"inputs": 5}}'],
)
def test_a_damaged_description_is_made_anew(tmp_path: Path, project: Project, content: bytes) -> None:
    project.refresh(tmp_path)
    (tmp_path / "features.json").write_bytes(content)
    assert_rows_are_right(project.refresh(tmp_path), project)


def test_a_pickle_in_place_of_the_arrays_is_not_loaded(tmp_path: Path) -> None:
    project = Project(5, "numbers")
    project.refresh(tmp_path)
    np.save(arrays(tmp_path).with_suffix(".npy"), np.array([object()]), allow_pickle=True)
    arrays(tmp_path).write_bytes(arrays(tmp_path).with_suffix(".npy").read_bytes())
    assert_rows_are_right(project.refresh(tmp_path), project)


def test_features_of_another_make_are_not_mixed_with_ours(
    tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.refresh(tmp_path)
    monkeypatch.setattr(feature_store, "FORMAT", feature_store.FORMAT + 1)
    project.refresh(tmp_path)
    assert len(project.read) == 2


class TestWhatCouldNotBeRead:
    """Reasons are kept with the features; what may have become readable is tried again."""

    gone = Unread("the file is no image")
    down = Unread("cdn.example.org does not answer", later=True)

    @pytest.fixture
    def project(self) -> Project:
        project = Project(20)
        project.unread = {2: self.gone, 5: self.down, 6: self.down, 9: ""}
        return project

    def counts(self, pool: PoolFeatures) -> dict[str, int]:
        assert pool.features.gaps is not None
        return pool.features.gaps.counts()

    def test_reasons_are_counted_and_survive(self, tmp_path: Path, project: Project) -> None:
        first, again = project.refresh(tmp_path), project.refresh(tmp_path)
        for pool in (first, again):
            assert self.counts(pool) == {self.down.reason: 2, self.gone.reason: 1}
            assert np.flatnonzero(~pool.features.readable).tolist() == [1, 4, 5, 8]
        assert len(project.read) == 1

    def test_a_new_task_joins_the_count(self, tmp_path: Path, project: Project) -> None:
        project.refresh(tmp_path)
        project.versions |= {21: 1, 22: 1}
        project.unread |= {21: self.gone, 22: Unread("another reason")}
        pool = project.refresh(tmp_path)
        assert self.counts(pool) == {self.down.reason: 2, self.gone.reason: 2, "another reason": 1}

    def test_whatever_the_reason_it_is_tried_again_when_that_is_asked_for(
        self, tmp_path: Path, project: Project
    ) -> None:
        project.refresh(tmp_path)
        project.unread = {}
        assert self.counts(project.refresh(tmp_path)) != {}
        assert self.counts(project.refresh(tmp_path, anew=True)) == {}

    def test_a_passing_reason_is_tried_again_after_a_while(
        self, tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project.refresh(tmp_path)
        monkeypatch.setattr(feature_store, "RETRY_AFTER", 0)
        project.refresh(tmp_path)
        del project.unread[5]
        pool = project.refresh(tmp_path)
        assert project.read[1:] == [[5, 6], [5, 6]]
        assert self.counts(pool) == {self.down.reason: 1, self.gone.reason: 1}
        assert pool.features.readable[4]

    def test_new_means_try_all_that_had_a_reason_once(self, tmp_path: Path, project: Project) -> None:
        project.refresh(tmp_path)
        for _ in range(2):
            project.refresh(tmp_path, means="cdn.example.org")
        assert project.read[1:] == [[2, 5, 6]]

    def test_the_reader_is_fitted_anew_when_much_more_can_be_read(
        self, tmp_path: Path, project: Project
    ) -> None:
        project.unread = dict.fromkeys(range(1, 11), self.down)
        project.refresh(tmp_path)
        project.unread = dict.fromkeys(range(1, 9), self.down)
        project.refresh(tmp_path, means="a")
        assert len(project.read[-1]) == 10, "12 of 20 is a fifth more than 10"
        project.unread = {}
        pool = project.refresh(tmp_path, means="b")
        assert project.read[-1] == list(range(1, 21))
        assert pool.features.readable.all()
