"""An encoder, or in words why there is none."""

from __future__ import annotations

from dataclasses import dataclass

from clean_al.encoders.encoder import Encoder
from clean_al.encoders.errors import EncoderError
from clean_al.encoders.image import ImageEncoder
from clean_al.encoders.text import TextEncoder
from clean_al.validation import check_option

KINDS: dict[str, type[Encoder]] = {"text": TextEncoder, "image": ImageEncoder}


@dataclass(frozen=True)
class FoundEncoder:
    """What `find_encoder` found.

    Attributes
    ----------
    encoder : Encoder or None
    reason : str
        Why there is none, and what would help; empty where there is one.
    """

    encoder: Encoder | None
    reason: str


def find_encoder(kind: str, name: str = "auto", *, threads: int = 1) -> FoundEncoder:
    """The encoder that a setting names, or the reason why there is none.

    Parameters
    ----------
    kind : {"text", "image"}
    name : str, default "auto"
        As in `TextEncoder`.
    threads : int, default 1
    """
    check_option(kind, "kind", KINDS)
    try:
        return FoundEncoder(KINDS[kind](name, threads=threads), "")
    # Only ours: a mistake in the code, such as an unknown kind, must not pass for a missing encoder.
    except EncoderError as error:
        return FoundEncoder(None, str(error))
