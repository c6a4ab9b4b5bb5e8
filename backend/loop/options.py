"""What a project sets for itself, in the extra params of Label Studio's ML backend form."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend.errors import SettingsError
from backend.label_studio.client import LabelStudio
from backend.learning.controls import Control
from backend.learning.learner import ESTIMATORS
from backend.loop.goal import FIND
from backend.settings import Settings
from backend.store.files import read_json, write_json
from clean_al import IntelligentSampler

FOR_SAMPLER = (
    "strategy",
    "uncertainty_method",
    "diversity_method",
    "uncertainty_weight",
    "diversity_weight",
    "exploration_weight",
)


# The audit share that the default has in a project of so many tasks; in small ones it is larger, so that
# accuracy is known before half of them are labeled. In fewer than 150 it cannot be.
SHARE, LARGEST_SHARE, FEWEST_TASKS = 0.1, 0.2, 150
SHARE_TASKS = 900


class Weights(BaseModel):
    """The shares of a batch's attention, as `weights` gives them; they add up to 1, one may be left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uncertainty: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    diversity: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    exploration: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)


class ProjectOptions(BaseModel):
    """A project's own options; they choose among what is built in and never name code to import."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=64)

    strategy: str | None = None
    uncertainty_method: str | None = None
    diversity_method: str | None = None
    uncertainty_weight: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    diversity_weight: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    exploration_weight: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    weights: Weights | None = None
    batch_size: int = Field(20, ge=1, le=1000)
    queue_size: int = Field(100, ge=1, le=1000)
    min_labels: int = Field(2, ge=2)
    prefill: Literal["confident", "always", "never"] = "confident"
    exploration: float = Field(SHARE, ge=0, le=1, allow_inf_nan=False)
    opinions: int = Field(1, ge=1, le=10)
    target_accuracy: float | None = Field(None, gt=0, lt=1, allow_inf_nan=False)
    predictions: str | None = None
    goal: str | None = Field(None, max_length=300, pattern=rf"^{FIND}\s*\S")
    estimator: str | None = None
    features: tuple[str, ...] = Field((), max_length=1000)
    questions: tuple[str, ...] | dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = ()

    def for_sampler(self) -> dict[str, Any]:
        """Return what the project says about the sampler; the rest keeps the library's defaults."""
        given = {name: getattr(self, name) for name in FOR_SAMPLER}
        given |= {f"{name}_weight": share for name, share in self.weights or () if share is not None}
        return {name: value for name, value in given.items() if value is not None}

    def for_tasks(self, n: int) -> ProjectOptions:
        """Return the options in a project of n tasks: an audit share that is not set goes by that number."""
        if "exploration" in self.model_fields_set or not FEWEST_TASKS <= n < SHARE_TASKS:
            return self
        share = min(SHARE * SHARE_TASKS / n, LARGEST_SHARE)
        return self.model_copy(update={"exploration": round(share, 3)})

    @property
    def question_weights(self) -> dict[str, float]:
        """How much each named question's doubt counts; others count 1."""
        return dict(self.questions) if isinstance(self.questions, dict) else {}

    def among(self, controls: Sequence[Control]) -> tuple[tuple[Control, ...], tuple[str, ...]]:
        """Return the questions to learn, and what is wrong with the names that the project gave."""
        names = [control.name for control in controls]
        unknown = [name for name in self.questions if name not in names]
        offered = ", ".join(names)
        notes = tuple(
            f"option questions: no control {name!r} to learn; there are {offered}" for name in unknown
        )
        if isinstance(self.questions, dict):
            wanted = [control for control in controls if self.questions.get(control.name, 1.0) > 0]
        else:
            wanted = [control for control in controls if control.name in self.questions]
        return tuple(wanted or controls), notes


# Where options may be given, as errors name it; the second is `clean-al options`.
FORM, COMMAND = "extra params", "options"
OPTIONS_FILE = "options.json"


def read_options(extra_params: Any, source: str = FORM) -> ProjectOptions:
    """Return the options in an extra-params value: a JSON object, as text or parsed; nothing is the default.

    Parameters
    ----------
    source : where they were given, to begin an error with

    Raises
    ------
    SettingsError
        Names the option, what is wrong with it and what would be right.
    """
    given = _as_object(extra_params, source)
    try:
        options = ProjectOptions.model_validate(given)
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(e, source) for e in error.errors())) from None
    if options.estimator is not None and options.estimator not in ESTIMATORS:
        raise SettingsError(f"{source}: estimator: use one of {', '.join(ESTIMATORS)}")
    if options.goal and options.strategy not in (None, "auto", "find"):
        raise SettingsError(f"{source}: goal goes without strategy; it is {options.strategy!r}")
    try:
        # The sampler checks its own options; one class is not trained on.
        IntelligentSampler(**options.for_sampler()).fit(np.zeros((1, 1)), np.zeros(1))
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{source}: {error}") from None
    return options


def project_options(
    label_studio: LabelStudio,
    project_id: int,
    settings: Settings,
    backend_id: int | None = None,
    folder: Path | None = None,
) -> tuple[ProjectOptions, tuple[str, ...]]:
    """Return a project's options and, where some are wrong, why these are not used.

    The form's values come before those of `clean-al options`.

    Parameters
    ----------
    backend_id : the ML backend that `connect` has made; a worker on another machine may not know its address
    folder : the project's folder in MODEL_DIR, where the command keeps its options
    """
    given: dict[str, Any] = {}
    notes: list[str] = []
    sources = [(COMMAND, stored_options(folder) if folder else {})]
    sources.append((FORM, _in_form(label_studio, project_id, settings, backend_id)))
    for source, found in sources:
        try:
            values = _as_object(found, source)
            read_options(values, source)
        except SettingsError as error:
            notes.append(f"{error}; the {'defaults' if source is FORM else 'others'} are used")
        else:
            # The form comes last: what stands there wins.
            given |= values
    try:
        return read_options(given), tuple(notes)
    except SettingsError as error:
        # Each is right by itself, such as two shares that add up to more than 1 together.
        return ProjectOptions(), (*notes, f"{error}; the defaults are used")


def stored_options(folder: Path) -> dict[str, Any]:
    """Return what `clean-al options` has set for a project; {} for a damaged file."""
    stored = read_json(folder / OPTIONS_FILE)
    return stored if isinstance(stored, dict) else {}


def store_options(folder: Path, given: dict[str, Any]) -> ProjectOptions:
    """Keep a project's options, all of them anew.

    Raises
    ------
    SettingsError
        When one of them is wrong; what was there stays.
    """
    options = read_options(given, COMMAND)
    write_json(folder / OPTIONS_FILE, given)
    return options


def _in_form(label_studio: LabelStudio, project_id: int, settings: Settings, backend_id: int | None) -> Any:
    for backend in label_studio.ml_backends(project_id):
        if backend["id"] == backend_id or str(backend.get("url", "")).rstrip("/") == settings.address:
            return backend.get("extra_params")
    return None


def _as_object(given: Any, source: str) -> dict[str, Any]:
    if isinstance(given, str):
        try:
            given = json.loads(given or "{}")
        except (ValueError, RecursionError):
            raise SettingsError(f'{source}: not JSON; write an object such as {{"batch_size": 20}}') from None
    if given is None or given == []:
        return {}
    if not isinstance(given, dict):
        raise SettingsError(f'{source}: the whole: not an object; write one such as {{"batch_size": 20}}')
    return given


def _explain(error: Any, source: str) -> str:
    name = ".".join(map(str, error["loc"])) or "the whole"
    if error["type"] == "extra_forbidden":
        return f"{source}: {name} is no option; options are {', '.join(ProjectOptions.model_fields)}"
    return f"{source}: {name}: {error['msg']}"
