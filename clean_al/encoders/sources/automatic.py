"""The best that is here without being named: an installed package, else the model hub."""

from __future__ import annotations

from clean_al.encoders.errors import EncoderMissing
from clean_al.encoders.model import Model, Source
from clean_al.encoders.sources.hub import open_from_hub
from clean_al.encoders.sources.package import open_package

ORDER = (open_package, open_from_hub)


def open_first(kind: str, name: str, threads: int) -> Model:
    """The first source that has the model; EncoderMissing tells what each of them said."""
    reasons = []
    for opened in ORDER:
        try:
            return opened(kind, name, threads)
        # Missing only: what is here and refused (another checksum) must be seen, not papered over by a
        # download.
        except EncoderMissing as error:
            reasons.append(str(error))
    raise EncoderMissing("; ".join(reasons))


AUTOMATIC = Source("auto", lambda setting: "auto" if setting.lower() == "auto" else None, open_first)
