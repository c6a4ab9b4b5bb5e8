"""Where encoders come from: one file a source, one line here for each."""

from __future__ import annotations

from clean_al.encoders.errors import EncoderNameError
from clean_al.encoders.model import Model, Source
from clean_al.encoders.sources.automatic import AUTOMATIC
from clean_al.encoders.sources.factory import FACTORY
from clean_al.encoders.sources.fastembed import FASTEMBED
from clean_al.encoders.sources.hub import HUB
from clean_al.encoders.sources.off import OFF
from clean_al.encoders.sources.open_clip import OPEN_CLIP
from clean_al.encoders.sources.package import PACKAGE
from clean_al.encoders.sources.path import PATH
from clean_al.encoders.sources.sentence_transformers import SENTENCE_TRANSFORMERS
from clean_al.encoders.sources.timm import TIMM

# The first whose form the setting has: a path has any form, and so it is the last.
SOURCES: dict[str, Source] = {
    "auto": AUTOMATIC,
    "off": OFF,
    "package": PACKAGE,
    "hub": HUB,
    "fastembed": FASTEMBED,
    "sentence-transformers": SENTENCE_TRANSFORMERS,
    "open_clip": OPEN_CLIP,
    "timm": TIMM,
    "factory": FACTORY,
    "path": PATH,
}
FORMS = " | ".join(source.form for source in SOURCES.values())


def parse_name(setting: str) -> tuple[str, str]:
    """The key of SOURCES that the setting asks for, and what it names there.

    Raises
    ------
    EncoderNameError
        The setting is no text, or names nothing.
    """
    if not isinstance(setting, str) or not setting.strip() or "\0" in setting:
        raise EncoderNameError(f"{setting!r} names no encoder; give {FORMS}")
    for key, source in SOURCES.items():
        name = source.name_in(setting.strip())
        if name == "":
            raise EncoderNameError(f"{setting!r} has no name behind the colon; give {source.form}")
        if name is not None:
            return key, name
    raise EncoderNameError(f"{setting!r} names no encoder; give {FORMS}")


def open_model(kind: str, setting: str, threads: int) -> Model:
    """The model that the setting names; kind is "text" or "image"."""
    key, name = parse_name(setting)
    return SOURCES[key].open(kind, name, threads)
