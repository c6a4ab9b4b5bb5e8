"""The table of formats, and how a file's format is found out. A new format is a folder and one line here."""

from __future__ import annotations

from pathlib import Path

from exporters.contract import Format, Head
from exporters.cvat.format import CVAT
from exporters.errors import InputError, OptionError
from exporters.files import inner_suffix, is_stream
from exporters.foreign import kind_by_keys, kind_by_start
from exporters.inputs import Input
from exporters.label_studio.format import LABEL_STUDIO
from exporters.prodigy.format import PRODIGY

FORMATS: dict[str, Format] = {
    "cvat": CVAT,
    "prodigy": PRODIGY,
    "label-studio": LABEL_STUDIO,
}


def format_named(name: str) -> Format:
    """Return the format; `OptionError` lists the valid ones."""
    if name not in FORMATS:
        raise OptionError(f"format {name!r} is unknown; valid: {', '.join(FORMATS)}")
    return FORMATS[name]


def by_suffix(path: Path) -> str | None:
    """Return the name of the format that files of this name have; None when none does."""
    suffix = inner_suffix(path)
    return next((name for name, form in FORMATS.items() if form.suffix == suffix), None)


def check_suffix(path: Path, form: Format) -> None:
    """Raise `OptionError` when the output's name says another format, or one that there is not."""
    suffix = inner_suffix(path)
    if suffix not in ("", form.suffix) and not is_stream(path):
        valid = ", ".join(f"{known.suffix} ({name})" for name, known in FORMATS.items())
        raise OptionError(
            f"{path.name}: {form.title} is written to a name in {form.suffix}, not {suffix}; "
            f"the formats: {valid}, each also with .gz"
        )


def by_content(file: Input, path: Path) -> str:
    """Return the format of an input, by its suffix or by its start; leaves the file there."""
    head = Head(file, path.name)
    foreign = kind_by_start(head.start) or kind_by_keys(head.first)
    if foreign is not None:
        raise InputError(f"{path.name}: this is {foreign}, which is not read; valid: {', '.join(FORMATS)}")
    told = by_suffix(path)
    if told is not None and FORMATS[told].is_told_by_suffix:
        return told
    for name, form in FORMATS.items():
        if form.recognizes(head):
            return name
    if head.start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in head.start[:4]:
        raise InputError(f"{path.name}: is UTF-16; save it as UTF-8")
    raise InputError(f"{path.name}: the format cannot be told from it; say which it is")
