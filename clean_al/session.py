"""A labeling session: batches go out, labels come in, until it is enough."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from clean_al.accuracy import AccuracyEstimate, unknown_accuracy
from clean_al.base import BaseSampler
from clean_al.sampler import IntelligentSampler
from clean_al.savings import LabelSavings, label_savings
from clean_al.stopping import Round, first_reason, make_criteria
from clean_al.validation import (
    as_numbers,
    check_confidence,
    check_count,
    check_embedding,
    check_labels,
    check_number,
    check_option,
    checked_rows,
    rows_of,
)

# Bloodgood & Vijay-Shanker ask for a set that is large and never changes; 2000 predictions cost little.
STOP_SET = 2000
PER_ITEM = ("costs", "doubt")
SELECT_OPTIONS = ("batch_mode", "batch_diversity_threshold", "n_clusters", "exploration", *PER_ITEM)

EXPORT_FORMATS: dict[str, tuple[str, str]] = {
    "label_studio": ("LabelStudioExporter", "samples"),
    "cvat": ("CVATExporter", "image_paths"),
    "prodigy": ("ProdigyExporter", "texts"),
}


class LabelingSession:
    """Hands out batches of one pool, takes their labels, and knows how far it has come.

    Parameters
    ----------
    sampler : IntelligentSampler, QueryByCommittee or ExpectedModelChange, fitted or not
    X_unlabeled : array, CSR matrix or data frame of shape (n, n_features), optional
        The pool. Without it the first `get_next_batch` is given one; a sampler that has selected before
        brings its own, without the rows that it has learned since.
    embedding : array of shape (n, d), optional
    export_format : {None, "label_studio", "cvat", "prodigy"}
        What `export_batch` writes.
    stopping_criteria : dict, optional
        Names of `clean_al.stopping.STOPPING_CRITERIA` and their limits: min_accuracy (tested on the lower end
        of the estimate's interval), accuracy_plateau_rounds, stable_predictions, max_samples, max_rounds.
    audit_fraction : float in [0, 1], default 0.1
        Share of the batches drawn uniformly at random; `estimated_accuracy` and `label_savings` rest on it.
    confidence : float, default 0.9
        Nominal coverage of intervals.

    Attributes
    ----------
    history : tuple of `Round`, one per call of submit_labels
    stop_reason : str or None, which criterion fired and with what figures

    Examples
    --------
    >>> import numpy as np
    >>> from clean_al import IntelligentSampler, LabelingSession
    >>> X = np.arange(40.0)[:, None]
    >>> sampler = IntelligentSampler(random_state=0)
    >>> session = LabelingSession(sampler, X, stopping_criteria={"max_samples": 12})
    >>> while not session.should_stop():
    ...     rows = session.get_next_batch(4)
    ...     session.submit_labels(rows, X[rows, 0] > 17)
    >>> session.n_labeled, session.stop_reason
    (12, 'max_samples: 12 labels, 12 allowed')
    """

    def __init__(
        self,
        sampler: BaseSampler | None = None,
        X_unlabeled: Any = None,
        *,
        embedding: Any = None,
        export_format: str | None = None,
        stopping_criteria: Mapping[str, Any] | None = None,
        audit_fraction: float = 0.1,
        confidence: float = 0.9,
    ):
        if sampler is None:
            sampler = IntelligentSampler()
        if not isinstance(sampler, BaseSampler):
            raise TypeError(
                f"sampler must be an IntelligentSampler or its like, not {type(sampler).__name__}"
            )
        if export_format is not None:
            check_option(export_format, "export_format", EXPORT_FORMATS)
        self.sampler = sampler
        self.export_format = export_format
        self.audit_fraction = check_number(audit_fraction, "audit_fraction", high=1.0)
        self.confidence = check_confidence(confidence)
        self.history: tuple[Round, ...] = ()
        self.stop_reason: str | None = None
        self._criteria = make_criteria(stopping_criteria)
        self._audited = 0
        self._savings: tuple[int, LabelSavings | None] | None = None
        self._X: Any = None
        self._batch: dict[int, bool] = {}
        if X_unlabeled is not None:
            self._set_pool(X_unlabeled, embedding)

    @property
    def n_labeled(self) -> int:
        """Labels submitted in this session."""
        return 0 if self._X is None else int(self._labeled.sum())

    @property
    def n_remaining(self) -> int:
        """Items of the pool that are neither labeled nor skipped."""
        return 0 if self._X is None else int(self._open.sum())

    @property
    def estimated_accuracy(self) -> AccuracyEstimate:
        """Accuracy of the model over all items, with an interval; nan while it is not known."""
        return self.history[-1].accuracy if self.history else unknown_accuracy(self.confidence)

    @property
    def label_savings(self) -> LabelSavings | None:
        """Share of labels saved against random sampling, or None while it cannot be known."""
        # Eighty fits: worked out when somebody asks, and once for each round.
        if self._savings is None or self._savings[0] != len(self.history):
            self._savings = (len(self.history), self._estimated_savings())
        return self._savings[1]

    def get_next_batch(
        self, n_samples: int = 20, *, X_unlabeled: Any = None, embedding: Any = None, **select: Any
    ) -> np.ndarray:
        """Rows of the pool to label next, best first: n_samples, or as many as are left.

        Rows of an earlier batch that got no label return to the pool.

        Parameters
        ----------
        n_samples : int, at least 1
        X_unlabeled, embedding : the pool, if the session was made without one
        **select : batch_mode, batch_diversity_threshold, n_clusters (or as many as are left); costs and
            doubt for the whole pool; exploration, never below what is owed to audit_fraction

        Raises
        ------
        ValueError
            Without a pool, with a second pool, or when nothing is left.
        """
        for name in select:
            if name not in SELECT_OPTIONS:
                raise TypeError(f"get_next_batch takes no {name!r}; it takes {', '.join(SELECT_OPTIONS)}")
        had_pool = self._X is not None
        try:
            self._ensure_pool(X_unlabeled, embedding)
            rows, uniform = self._next_rows(n_samples, select)
        except BaseException:
            # A pool that came with a refused call may come again with the corrected one.
            if not had_pool:
                self._X = None
            raise
        self._batch = dict(zip(rows.tolist(), uniform.tolist(), strict=True))
        return rows

    def submit_labels(self, rows: Any, labels: Any) -> None:
        """Learn the labels of some or all rows of the last batch.

        Raises
        ------
        ValueError
            If a row is not in the last batch, comes twice, or was submitted before; nothing is learned then.
        Exception
            The classifier's own, if it fails on these labels; nothing is learned then either.
        """
        rows = self._checked_rows(rows)
        labels = check_labels(labels, len(rows), "labels")
        uniform = np.array([self._batch[row] for row in rows.tolist()], bool)
        # Nothing is marked before it: the classifier can fail when it is fitted, and when it is held out.
        done = self._learned_round(rows, labels, uniform)
        self._labeled[rows] = True
        self._open[rows] = False
        self._audited += int(uniform.sum())
        for row in rows.tolist():
            del self._batch[row]
        self.history = (*self.history, done)

    def skip(self, rows: Any) -> None:
        """Take rows of the last batch out of the pool without labels; an annotator could not decide."""
        for row in self._checked_rows(rows).tolist():
            self._open[row] = False
            del self._batch[row]

    def should_stop(self) -> bool:
        """Whether a stopping criterion fired or the pool is used up; `stop_reason` says which."""
        self.stop_reason = first_reason(self._criteria, self.history)
        if self.stop_reason is None and self._X is not None and not self._open.any():
            self.stop_reason = "the pool is used up"
        return self.stop_reason is not None

    def export_batch(self, output_path: Any, samples: Any, *, options: Any = None, **export: Any) -> Any:
        """Write the last batch in the session's export_format, best first.

        Parameters
        ----------
        output_path : path of the file
        samples : sequence aligned with the pool (texts, records, image paths); the batch's are taken from it
        options : dict for the exporter's constructor
        **export : more for the exporter's export
        """
        if self.export_format is None:
            raise ValueError(f"export_format is None: give one of {', '.join(sorted(EXPORT_FORMATS))}")
        if not self._batch:
            raise ValueError("there is no batch to export: call get_next_batch first")
        exporter, name = EXPORT_FORMATS[self.export_format]
        rows = np.array(list(self._batch), np.intp)
        export[name] = [samples[row] for row in rows.tolist()]
        if self.export_format == "label_studio":
            # Rows of the pool as ids, so that an export of the answers finds its way back to submit_labels.
            export.setdefault("sample_ids", rows)
        # Loaded here: `clean_al` must work where the exporters are not wanted.
        make = getattr(import_module("exporters"), exporter)
        return make(**dict(options or {})).export(output_path=output_path, **export)

    def _set_pool(self, X: Any, embedding: Any) -> None:
        width = getattr(self.sampler, "n_features_in_", None)
        X = checked_rows(X, "X_unlabeled", n_features=width, finite=embedding is None)
        if X.shape[0] == 0:
            raise ValueError("X_unlabeled is empty: a session needs items to label")
        self._X, self._embedding = X, check_embedding(embedding, X.shape[0])
        self._labeled = np.zeros(X.shape[0], bool)
        self._open = np.ones(X.shape[0], bool)
        self._batch = {}
        # A fixed seed of its own: agreement between rounds means something on the same items only.
        rng = np.random.default_rng(0)
        self._stop_set = np.sort(rng.choice(X.shape[0], min(STOP_SET, X.shape[0]), replace=False))

    def _ensure_pool(self, X: Any, embedding: Any) -> None:
        if X is not None:
            if self._X is not None:
                raise ValueError(
                    "X_unlabeled was given already: a session has one pool; start another session"
                )
            self._set_pool(X, embedding)
        elif self._X is None:
            last = getattr(self.sampler, "selection_", None)
            if last is None:
                raise ValueError(
                    "the session has no pool: give X_unlabeled to LabelingSession, or to the first "
                    "get_next_batch"
                )
            pool = last.pool
            X = pool.X if pool.columns is None else pool.columns.frame(pool.X)
            self._set_pool(X, None if pool.points.X is pool.X else pool.points.X)
            self._open = last.unlabeled(getattr(self.sampler, "labeled_", None))

    def _next_rows(self, n_samples: Any, select: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        left = np.flatnonzero(self._open)
        if len(left) == 0:
            raise ValueError("the pool is empty: every item is labeled or skipped; ask should_stop() first")
        n = min(check_count(n_samples, "n_samples"), len(left))
        # Given for the pool, as rows are; the sampler only sees what is left of it.
        for name in PER_ITEM:
            if select.get(name) is not None:
                select[name] = self._of_the_pool(select[name], name)[left]
        if select.get("n_clusters") is not None:
            select["n_clusters"] = min(check_count(select["n_clusters"], "n_clusters"), len(left))
        return self._selected(left, n, select)

    def _of_the_pool(self, values: Any, name: str) -> np.ndarray:
        array = as_numbers(values, name, "one per row of the pool")
        if array.shape != (len(self._open),):
            raise ValueError(
                f"{name} must have one number per row of the pool, shape ({len(self._open)},), "
                f"not {array.shape}"
            )
        return array

    def _selected(self, left: np.ndarray, n: int, select: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Audit items are owed over all labels together, so that small batches get their share too."""
        owed = max(round((self.n_labeled + n) * self.audit_fraction) - self._audited, 0)
        share = select.pop("exploration", None)
        if share is None:
            share = getattr(self.sampler, "exploration_weight", 0.0)
        share = max(check_number(share, "exploration", high=1.0), min(owed, n) / n)
        # The pool itself while it is whole: slicing would double the memory at the first batch.
        whole = len(left) == self._X.shape[0]
        embedding = self._embedding if whole or self._embedding is None else self._embedding[left]
        X = self._X if whole else rows_of(self._X, left)
        rows = self.sampler.select(X, n, embedding=embedding, exploration=share, **select)
        return left[rows], self.sampler.uniform_

    def _checked_rows(self, rows: Any) -> np.ndarray:
        rows = np.atleast_1d(np.asarray(rows))
        if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
            raise TypeError("rows must be the integers that get_next_batch returned")
        if self._X is None:
            raise ValueError("there is no batch yet: call get_next_batch first")
        # Before the test for strange rows: a second submit is the usual mistake, and has a message of its
        # own.
        known = [r for r in rows.tolist() if 0 <= r < len(self._labeled) and self._labeled[r]]
        if known:
            raise ValueError(f"rows {known[:5]} are labeled already: submit each row once")
        strange = sorted(set(rows.tolist()) - set(self._batch))
        if strange:
            raise ValueError(
                f"rows {strange[:5]} are not in the last batch: submit what get_next_batch returned"
            )
        if len(set(rows.tolist())) < len(rows):
            raise ValueError("rows has the same row twice: submit each row once")
        return rows.astype(np.intp)

    def _learned_round(self, rows: np.ndarray, labels: np.ndarray, uniform: np.ndarray) -> Round:
        """The round after these labels; the sampler is as it was if anything fails."""
        before = self.sampler.__dict__.copy()
        try:
            self.sampler.update(
                rows_of(self._X, rows),
                labels,
                embedding=None if self._embedding is None else self._embedding[rows],
                uniform=uniform,
            )
            return self._round(rows)
        except BaseException:
            self.sampler.__dict__.clear()
            self.sampler.__dict__.update(before)
            raise

    def _round(self, new: np.ndarray) -> Round:
        n_labeled = self.n_labeled + len(new)
        if getattr(self.sampler, "model_", None) is None:
            return Round(n_labeled, unknown_accuracy(self.confidence))
        left = self._open.copy()
        left[new] = False
        accuracy = self.sampler.estimate_accuracy(
            rows_of(self._X, np.flatnonzero(left)), confidence=self.confidence
        )
        return Round(n_labeled, accuracy, self.sampler.predict(rows_of(self._X, self._stop_set)))

    def _estimated_savings(self) -> LabelSavings | None:
        if getattr(self.sampler, "model_", None) is None:
            return None
        return label_savings(
            self.sampler.model_, self.sampler.labeled_, self.estimated_accuracy, confidence=self.confidence
        )
