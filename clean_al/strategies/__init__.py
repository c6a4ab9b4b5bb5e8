"""One file per query strategy, one line here for each."""

from __future__ import annotations

from clean_al.pool import Strategy
from clean_al.strategies.auto import AUTO
from clean_al.strategies.coreset import CORESET
from clean_al.strategies.diversity import DIVERSITY, DIVERSITY_METHODS
from clean_al.strategies.hybrid import HYBRID
from clean_al.strategies.kmeans import KMEANS
from clean_al.strategies.typiclust import TYPICLUST
from clean_al.strategies.uncertainty import UNCERTAINTY
from clean_al.strategies.uniform import RANDOM

__all__ = ["DIVERSITY_METHODS", "STRATEGIES"]

STRATEGIES: dict[str, Strategy] = {
    "auto": AUTO,
    "uncertainty": UNCERTAINTY,
    "diversity": DIVERSITY,
    "hybrid": HYBRID,
    "random": RANDOM,
    "kmeans": KMEANS,
    "coreset": CORESET,
    "typiclust": TYPICLUST,
}
