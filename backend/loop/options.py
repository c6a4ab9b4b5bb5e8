"""What a project sets for itself, in the extra params of Label Studio's ML backend form."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend.errors import SettingsError
from backend.label_studio.client import LabelStudio
from backend.learning.controls import Control
from backend.learning.learner import ESTIMATORS
from backend.settings import Settings
from clean_al import IntelligentSampler

FOR_SAMPLER = (
    "strategy",
    "uncertainty_method",
    "diversity_method",
    "uncertainty_weight",
    "diversity_weight",
    "exploration_weight",
)


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
    exploration: float = Field(0.1, ge=0, le=1, allow_inf_nan=False)
    estimator: str | None = None
    features: tuple[str, ...] = Field((), max_length=1000)
    questions: tuple[str, ...] | dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = ()

    def for_sampler(self) -> dict[str, Any]:
        """Return what the project says about the sampler; the rest keeps the library's defaults."""
        given = {name: getattr(self, name) for name in FOR_SAMPLER}
        given |= {f"{name}_weight": share for name, share in self.weights or () if share is not None}
        return {name: value for name, value in given.items() if value is not None}

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
        wanted = tuple(control for control in controls if control.name in self.questions)
        return wanted or tuple(controls), notes


def read_options(extra_params: Any) -> ProjectOptions:
    """Return the options in an extra-params value: a JSON object, as text or parsed; nothing is the default.

    Raises
    ------
    SettingsError
        Names the option, what is wrong with it and what would be right.
    """
    if isinstance(extra_params, str):
        try:
            extra_params = json.loads(extra_params or "{}")
        except (ValueError, RecursionError):
            raise SettingsError(
                'extra params: not JSON; write an object such as {"batch_size": 20}'
            ) from None
    try:
        options = ProjectOptions.model_validate(extra_params or {})
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(e) for e in error.errors())) from None
    if options.estimator is not None and options.estimator not in ESTIMATORS:
        raise SettingsError(f"extra params: estimator: use one of {', '.join(ESTIMATORS)}")
    try:
        # The sampler checks its own options; one class is not trained on.
        IntelligentSampler(**options.for_sampler()).fit(np.zeros((1, 1)), np.zeros(1))
    except (TypeError, ValueError) as error:
        raise SettingsError(f"extra params: {error}") from None
    return options


def project_options(
    label_studio: LabelStudio, project_id: int, settings: Settings, backend_id: int | None = None
) -> tuple[ProjectOptions, tuple[str, ...]]:
    """Return a project's options and, where its extra params are wrong, why the defaults are used.

    Parameters
    ----------
    backend_id : the ML backend that `connect` has made; a worker on another machine may not know its address
    """
    for backend in label_studio.ml_backends(project_id):
        if backend["id"] == backend_id or str(backend.get("url", "")).rstrip("/") == settings.address:
            try:
                return read_options(backend.get("extra_params")), ()
            except SettingsError as error:
                return ProjectOptions(), (f"{error}; the defaults are used",)
    return ProjectOptions(), ()


def _explain(error: Any) -> str:
    name = ".".join(map(str, error["loc"])) or "the whole"
    if error["type"] == "extra_forbidden":
        return f"extra params: {name} is no option; options are {', '.join(ProjectOptions.model_fields)}"
    return f"extra params: {name}: {error['msg']}"
