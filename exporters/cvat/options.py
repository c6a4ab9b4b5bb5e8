"""What a caller may choose about CVAT."""

from __future__ import annotations

from dataclasses import dataclass, field

from exporters.options import one_of

NAMES = ("path", "basename")


@dataclass(frozen=True)
class CvatOptions:
    """Options of CVAT alone.

    Attributes
    ----------
    names : str
        Image names: `path` as in the task, without the address before it, or `basename`.
    clamp : bool
        Whether shapes are cut to the picture (counted as changed).
    video : str
        The video that a document is about which names none, as exports of jobs do not.
    """

    names: str = "path"
    clamp: bool = field(default=False, metadata={"help": "CVAT: cut shapes to the picture."})

    video: str = field(default="", metadata={"help": "CVAT: the video of a document that names none."})

    def __post_init__(self) -> None:
        one_of("names", self.names, NAMES)
