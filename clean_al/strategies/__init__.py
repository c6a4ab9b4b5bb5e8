"""One file per query strategy, one line here for each."""

from __future__ import annotations

from clean_al.pool import Strategy
from clean_al.strategies.auto import AUTO
from clean_al.strategies.badge import BADGE
from clean_al.strategies.committee import COMMITTEE
from clean_al.strategies.contrastive import CONTRASTIVE
from clean_al.strategies.coreset import CORESET
from clean_al.strategies.determinantal import DETERMINANTAL
from clean_al.strategies.diversity import DIVERSITY, DIVERSITY_METHODS
from clean_al.strategies.dropquery import DROPQUERY
from clean_al.strategies.expected_model_change import EXPECTED_MODEL_CHANGE
from clean_al.strategies.facility_location import FACILITY_LOCATION
from clean_al.strategies.find import FIND
from clean_al.strategies.hybrid import HYBRID
from clean_al.strategies.kmeans import KMEANS
from clean_al.strategies.max_herding import MAX_HERDING
from clean_al.strategies.probcover import PROBCOVER
from clean_al.strategies.tcm import TCM
from clean_al.strategies.typiclust import TYPICLUST
from clean_al.strategies.uncertainty import UNCERTAINTY
from clean_al.strategies.uncertainty_herding import UNCERTAINTY_HERDING
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
    "determinantal": DETERMINANTAL,
    "facility_location": FACILITY_LOCATION,
    "typiclust": TYPICLUST,
    "probcover": PROBCOVER,
    "committee": COMMITTEE,
    "expected_model_change": EXPECTED_MODEL_CHANGE,
    "badge": BADGE,
    "contrastive": CONTRASTIVE,
    "max_herding": MAX_HERDING,
    "uncertainty_herding": UNCERTAINTY_HERDING,
    "dropquery": DROPQUERY,
    "tcm": TCM,
    "find": FIND,
}
