"""A project's options as fields of a form: JSON or a plain word in each, empty for the default."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from backend.learning.learner import ESTIMATORS
from backend.loop.options import ProjectOptions
from clean_al import STRATEGIES

CHOICES: dict[str, tuple[str, ...]] = {
    "prefill": ("confident", "always", "never"),
    "estimator": tuple(ESTIMATORS),
    "strategy": tuple(STRATEGIES),
}
# The page tells browsers the same; what others send is cut.
LONGEST = 10_000


@dataclass(frozen=True)
class OptionField:
    """One option, as texts.

    Attributes
    ----------
    value : what was set on the page or by command; empty for the default
    used : what the last round went by, where that is something else; empty otherwise
    """

    name: str
    value: str
    default: str
    used: str
    choices: tuple[str, ...]


def option_fields(
    stored: Mapping[str, Any], used: Mapping[str, Any], filled_in: Mapping[str, str] | None = None
) -> Iterator[OptionField]:
    """Yield a field for each option.

    Parameters
    ----------
    filled_in : what was sent and refused, for its sender to mend
    """
    for name, option in ProjectOptions.model_fields.items():
        value = _written(stored.get(name))
        default = _written(option.get_default())
        # Before the first round nothing was used; one that does not name an option went by its default.
        went_by = _written(used.get(name)) if name in used else default if used else value
        shown = value if filled_in is None else filled_in.get(name, "")
        yield OptionField(
            name, shown, default, went_by if went_by != (value or default) else "", CHOICES.get(name, ())
        )


def filled_in(form: Mapping[str, str]) -> dict[str, str]:
    """Return what a form holds of the options, as it was typed."""
    return {name: form.get(name, "").strip()[:LONGEST] for name in ProjectOptions.model_fields}


def values_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the values that were filled in."""
    return {name: _value(text) for name, text in fields.items() if text}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _written(value: Any) -> str:
    """Return a value as it is typed."""
    if value is None or value == ():
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
