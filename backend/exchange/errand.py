"""One push or pull: all that a tool needs to know of it, and what a tool offers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from backend.exchange.account import Account
from backend.exchange.incoming import Incoming, Lost
from backend.services import Services
from exporters.label_studio.labeling_config import LabelingConfig, read_labeling_config


@dataclass(frozen=True)
class Errand:
    """What is to be carried for which project.

    Attributes
    ----------
    services : the world of this process
    project : the project as Label Studio describes it
    account : where everything is counted
    dry_run : whether nothing is to be written anywhere
    follow : whether to wait for new tasks when all that there are were given (streams)
    predictions : whether the model's guesses go along
    segment : tasks in one job; 0 puts all into one
    again : whether what a person deleted since it came is to come back
    source : what to pull from, for tools that have several places
    """

    services: Services
    project: dict[str, Any]
    account: Account
    dry_run: bool = False
    follow: bool = False
    predictions: bool = False
    segment: int = 0
    again: bool = False
    source: str = ""

    @property
    def project_id(self) -> int:
        return int(self.project["id"])

    @property
    def title(self) -> str:
        return str(self.project.get("title") or f"project {self.project_id}")

    @cached_property
    def config(self) -> LabelingConfig:
        return read_labeling_config(str(self.project.get("label_config") or ""))


class Tool(NamedTuple):
    """Another annotation tool.

    Attributes
    ----------
    title : what people call it
    push : hands the queue over
    pull : yields what came of it
    unit : what `push` counts
    is_stream : whether `push` writes to standard output
    has_source : whether there are several places to pull from
    """

    title: str
    push: Callable[[Errand], None]
    pull: Callable[[Errand], Iterator[Incoming | Lost]]
    unit: str
    is_stream: bool = False
    has_source: bool = False
