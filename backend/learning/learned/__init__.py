"""What can be learned of a control, and stored. A new kind is one file and one line in LEARNED."""

from __future__ import annotations

from backend.learning.learned.amount import Amount
from backend.learning.learned.base import How, Learned
from backend.learning.learned.offered import ChosenItems, OfferedSet
from backend.learning.learned.one_of import OneOf
from backend.learning.learned.preference import Preference
from backend.learning.learned.ranking import Ranking
from backend.learning.learned.set_of import SetOf
from backend.learning.learned.spans_in import SpansIn

_KINDS: tuple[type[Learned], ...] = (
    OneOf,
    SetOf,
    OfferedSet,
    ChosenItems,
    Amount,
    Preference,
    Ranking,
    SpansIn,
)
LEARNED: dict[str, type[Learned]] = {kind.KIND: kind for kind in _KINDS}

__all__ = [
    "LEARNED",
    "Amount",
    "ChosenItems",
    "How",
    "Learned",
    "OfferedSet",
    "OneOf",
    "Preference",
    "Ranking",
    "SetOf",
    "SpansIn",
]
