"""The requests that Label Studio sends, field by field; whatever is not named here is never looked at."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

LARGEST_ID = 2**63 - 1
# Label Studio asks for one task, or for a page of the Data Manager.
MOST_TASKS = 10_000
PROJECT_UID = re.compile(r"([0-9]{1,19})(\.[0-9]{1,20})?")


def read_project_id(value: Any) -> int:
    """Return the id in `2`, `"2"` or Label Studio's `"2.1795330824"` (id and time of creation).

    Raises
    ------
    ValueError
        For anything else. An id becomes part of a key and of a path, so nothing else gets through.
    """
    if isinstance(value, str) and (match := PROJECT_UID.fullmatch(value)):
        value = int(match.group(1))
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST_ID:
        raise ValueError("must be a project id, such as 2 or '2.1795330824'")
    return value


def _read_project(value: Any) -> Any:
    return value if isinstance(value, dict) else {"id": read_project_id(value)}


# Said again for openapi.json: a validator of ours tells no schema of itself.
ID_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": LARGEST_ID},
        {"type": "string", "pattern": r"^[1-9][0-9]{0,17}(\.[0-9]{1,20})?$"},
    ]
}
PROJECT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": ID_SCHEMA, "label_config": {"type": ["string", "null"]}},
}

ProjectId = Annotated[int, BeforeValidator(read_project_id), WithJsonSchema(ID_SCHEMA)]


def _check_data(task: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(task.get("data"), dict | None):
        raise ValueError('"data" must be an object')
    return task


Task = Annotated[
    dict[str, Any],
    AfterValidator(_check_data),
    WithJsonSchema({"type": "object", "properties": {"data": {"type": ["object", "null"]}}}),
]


class _Request(BaseModel):
    # Webhooks carry whole projects and tasks, with more fields in each release: those are no error.
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Project(_Request):
    """A project as a webhook describes it."""

    id: ProjectId
    label_config: str | None = None


ProjectField = Annotated[
    Project,
    BeforeValidator(_read_project),
    WithJsonSchema({"anyOf": [*ID_SCHEMA["anyOf"], PROJECT_SCHEMA]}),
]


class Event(_Request):
    """A webhook. One without payload has only its action."""

    action: str = Field(min_length=1, max_length=128)
    project: ProjectField | None = None


class SetupRequest(_Request):
    """POST /setup. `hostname` and `access_token` are no fields of ours: anyone could send them."""

    project: ProjectId
    label_config: str = Field("", alias="schema")
    extra_params: str | dict[str, Any] | None = None


class PredictRequest(_Request):
    """POST /predict."""

    project: ProjectId
    tasks: list[Task] = Field(max_length=MOST_TASKS)


class TrainRequest(_Request):
    """POST /train. The annotations that may come with it are not used: a round reads them itself."""

    project: ProjectField


class ProjectRequest(_Request):
    """POST /versions and /delete."""

    project: ProjectId


class DuplicateRequest(_Request):
    """POST /duplicate_model."""

    project_src: ProjectId
    project_dst: ProjectId
