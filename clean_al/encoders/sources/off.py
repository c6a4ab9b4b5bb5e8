"""No encoder, by the user's wish."""

from __future__ import annotations

from clean_al.encoders.errors import EncoderMissing
from clean_al.encoders.model import Model, Source


def open_nothing(kind: str, name: str, threads: int) -> Model:
    """Raises EncoderMissing."""
    raise EncoderMissing(f"the {kind} encoder is switched off by its setting")


OFF = Source("off", lambda setting: "off" if setting.lower() == "off" else None, open_nothing)
