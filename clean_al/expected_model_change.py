"""A sampler that asks for what would move the model most."""

from __future__ import annotations

from typing import Any

import numpy as np

from clean_al.base import BaseSampler
from clean_al.columns import Columns
from clean_al.pool import Options, Strategy
from clean_al.strategies.expected_model_change import EXPECTED_MODEL_CHANGE, GRADIENT_METHODS
from clean_al.validation import check_embedding, check_option, resolve_weights


class ExpectedModelChange(BaseSampler):
    """Chooses the items with the longest expected gradient of the model's loss.

    Settles, Craven & Ray, Multiple-Instance Active Learning, NIPS 2007. Exact for logistic regression; for
    other models the gradient is that of a softmax layer on the features.

    Parameters
    ----------
    model : str or classifier, default "logistic_regression"
    gradient_method : {"empirical", "predicted", "root_mean_square"}, default "empirical"
        Mean length under the model's own class probabilities; length for the most probable label; square
        root of the mean squared length.
    random_state, duplicate_threshold, n_jobs
        As in `IntelligentSampler`.

    Examples
    --------
    >>> from clean_al import ExpectedModelChange
    >>> emc = ExpectedModelChange(random_state=0).fit([[-1.0], [1.0]], ["no", "yes"])
    >>> emc.select([[0.1], [3.0], [0.4]], 1).tolist()  # a wrong guess there would cost much
    [1]
    """

    def __init__(
        self,
        model: Any = "logistic_regression",
        gradient_method: str = "empirical",
        *,
        random_state: Any = None,
        duplicate_threshold: float = 0.05,
        n_jobs: int | None = None,
    ):
        self.model = model
        self.gradient_method = gradient_method
        self.random_state = random_state
        self.duplicate_threshold = duplicate_threshold
        self.n_jobs = n_jobs

    def get_change_scores(self, X: Any, *, embedding: Any = None) -> np.ndarray:
        """Expected length of the gradient for each row of X: floats of shape (n,).

        Parameters
        ----------
        X : array, CSR matrix or data frame of shape (n, n_features)
        embedding : array of shape (n, d), as in `fit`
            Only needed where X has gaps or columns without numbers, which have no length of their own.

        Raises
        ------
        ValueError
            Before two classes are known, or without an embedding that is needed.
        """
        if getattr(self, "model_", None) is None:
            raise ValueError("the model is not fitted: call fit with labels of at least two classes first")
        X = self._asked(X)
        embedding = check_embedding(embedding, X.shape[0])
        if embedding is not None:
            self.labeled_.check_same_space(embedding)
        pool = self._pool(X, embedding, self._options())
        pool.columns = self.labeled_.columns
        if embedding is None and not pool.is_numeric:
            raise ValueError("X has gaps or columns that hold no numbers: give embedding too, as in fit")
        return EXPECTED_MODEL_CHANGE.scores(pool)

    def _options(self) -> Options:
        check_option(self.gradient_method, "gradient_method", GRADIENT_METHODS)
        weights = resolve_weights(None, None, 0.0)
        return Options(weights, gradient_method=self.gradient_method, n_jobs=self.n_jobs)

    def _strategy(self) -> Strategy:
        return EXPECTED_MODEL_CHANGE

    def _estimators(self) -> list[Any]:
        return [self.model]

    def _new_model(self, seed: int | None, columns: Columns | None = None) -> Any:
        return self._learner(self.model, seed, columns, "model")
