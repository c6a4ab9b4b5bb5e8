"""What a caller may choose about Prodigy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ProdigyOptions:
    """Options of Prodigy alone.

    Attributes
    ----------
    task_type : str, optional
        textcat, textcat_binary, ner, spans, relations, image, audio, choice; found out by default.
    hashes : bool
        Whether `_input_hash` and `_task_hash` are written.
    tokenizer : callable, optional
        Text to (start, end) pairs; the built-in one by default.
    """

    hashes: bool = field(default=False, metadata={"help": "Prodigy: write _input_hash and _task_hash."})
    task_type: str | None = field(
        default=None, metadata={"help": "Prodigy: textcat, ner, spans, ...; found out by default."}
    )
    tokenizer: Callable[[str], list[tuple[int, int]]] | None = None
