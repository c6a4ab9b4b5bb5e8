"""Items that cost more or less to label: informativeness per unit of cost decides.

Settles, Craven & Friedland, Active Learning with Real Annotation Costs, NIPS Workshop on Cost-Sensitive
Learning, 2008: return on investment. Use it when labeling times differ by factors (long and short documents).
"""

from __future__ import annotations

import numpy as np


def per_cost(scores: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Scores per cost, shape (n,); scores that reach below zero are shifted to start at zero first."""
    return (scores - min(float(scores.min(initial=0.0)), 0.0)) / costs
