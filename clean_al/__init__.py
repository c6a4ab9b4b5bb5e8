"""Active learning: choose what a human should label next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clean_al.accuracy import AccuracyEstimate
from clean_al.comparison import compare_strategies
from clean_al.curves import StrategyComparison
from clean_al.encoders import ImageEncoder, TextEncoder, find_encoder, join_blocks
from clean_al.expected_model_change import ExpectedModelChange
from clean_al.metrics import SamplingMetrics
from clean_al.pool import Pool, Strategy
from clean_al.query_by_committee import QueryByCommittee
from clean_al.relabel import RelabelSuggestions, suggest_relabels
from clean_al.sampler import IntelligentSampler
from clean_al.savings import LabelSavings
from clean_al.session import LabelingSession
from clean_al.strategies import STRATEGIES
from clean_al.suspects import SuspectLabels, suspect_labels
from clean_al.text import TextRepresentation

if TYPE_CHECKING:
    from exporters import CVATExporter, LabelStudioExporter, ProdigyExporter

__all__ = [
    "STRATEGIES",
    "AccuracyEstimate",
    "CVATExporter",
    "ExpectedModelChange",
    "ImageEncoder",
    "IntelligentSampler",
    "LabelSavings",
    "LabelStudioExporter",
    "LabelingSession",
    "Pool",
    "ProdigyExporter",
    "QueryByCommittee",
    "RelabelSuggestions",
    "SamplingMetrics",
    "Strategy",
    "StrategyComparison",
    "SuspectLabels",
    "TextEncoder",
    "TextRepresentation",
    "compare_strategies",
    "find_encoder",
    "join_blocks",
    "suggest_relabels",
    "suspect_labels",
]

# Not imported above: choosing needs nothing of the file formats, and `clean_al` may lean on `exporters` only
# when asked.
_EXPORTERS = ("CVATExporter", "LabelStudioExporter", "ProdigyExporter")


def __getattr__(name: str) -> Any:
    """The exporters' classes, loaded when they are first asked for."""
    if name in _EXPORTERS:
        import exporters

        return getattr(exporters, name)
    raise AttributeError(f"module 'clean_al' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
