"""What a `value` of a labeling config stands for in a task's data, as Label Studio's frontend finds it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_VARIABLE = re.compile(r"\$[A-Za-z0-9_\[\].{}]+")
_STEP = re.compile(r"[^.\[\]]+|\[(-?\d+(?:\.\d+)?)\]|(?=(?:\.|\[\])(?:\.|\[\]|$))")
_NAME = re.compile(r"\$([A-Za-z0-9_][\w.\-\[\]]*)")
# None cannot say it: null is a value that a task can have.
_MISSING = object()


class ValueExpression:
    """A `value`, `valueList` or `on` of a labeling config.

    Parameters
    ----------
    text : str
        As written: `$a`, `$a.b`, `$a[1]`, `$a[0].b`, or a template such as `Subject: $subject`.

    Notes
    -----
    A lone variable gives what stands in the data, whatever its type, and an empty text when nothing does. In
    a template each variable becomes text as JavaScript writes it, and one that is missing the word
    `undefined`: the annotator saw it so, and offsets count in what the annotator saw. A key that holds dots
    is found when it stands in the data as it is. Blanks and dashes end a variable; only where the data have
    no such variable but the whole rest as a key, as Label Studio before 1.0 read it, that key is meant.

    Examples
    --------
    >>> ValueExpression("$doc.body").resolve({"doc": {"body": "Mara left."}})
    'Mara left.'
    >>> ValueExpression("$pages[1].scan").resolve({"pages": [{}, {"scan": "b.png"}]})
    'b.png'
    >>> ValueExpression("Nr. $no: $text").resolve({"no": 4.0, "text": "fine"})
    'Nr. 4: fine'
    """

    __slots__ = ("_rest", "is_variable", "text", "variables")

    def __init__(self, text: str):
        self.text, self._rest = text, text[1:]
        found = _VARIABLE.findall(text)
        self.variables: tuple[str, ...] = tuple(each[1:] for each in found)
        self.is_variable = bool(found) and found[0] == text

    @classmethod
    def of_key(cls, key: str) -> ValueExpression:
        """Return the expression of one key of the task's data, whatever characters it holds."""
        made = cls(f"${key}")
        made.is_variable = True
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ValueExpression) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"ValueExpression({self.text!r})"

    def __bool__(self) -> bool:
        return bool(self.text)

    @property
    def name(self) -> str:
        """The first variable as written, without `$`, dashes included; empty when there is none."""
        found = _NAME.search(self.text)
        return found[1].rstrip(".-") if found else ""

    def fields(self) -> tuple[str, ...]:
        """Return the keys of the task's data that it reads, each once."""
        return tuple(dict.fromkeys(_steps(each)[0] for each in self.variables if _steps(each)))

    def key_in(self, data: Mapping[str, Any]) -> str | None:
        """Return the key whose value alone it shows; None for a template, or a value inside another."""
        if self.is_variable:
            rest = self._rest
            return rest if rest in data or len(_steps(rest)) == 1 else None
        return self._whole_key(data)

    def resolve(self, data: Mapping[str, Any]) -> Any:
        """Return what it shows of a task; an empty text for nothing."""
        if self.is_variable:
            key = self._rest
            found = data[key] if key in data else _get(data, key)
            return "" if found is _MISSING or found is None else found
        if not self.variables:
            return self.text
        whole = self._whole_key(data)
        if whole is not None:
            return data[whole]
        return _VARIABLE.sub(lambda match: as_text(_get(data, match[0][1:])), self.text)

    def is_found_in(self, data: Mapping[str, Any]) -> bool:
        """Return whether the data hold all that it shows."""
        if self._whole_key(data) is not None:
            return True
        return all(_get(data, each) is not _MISSING for each in self.variables)

    def _whole_key(self, data: Mapping[str, Any]) -> str | None:
        rest = self._rest
        is_one = self.text[:1] == "$" and rest in data and not self.is_variable
        return (
            rest if is_one and _get(data, self.variables[0] if self.variables else "") is _MISSING else None
        )


@lru_cache(maxsize=4096)
def _steps(path: str) -> tuple[str, ...]:
    """Return the steps of a path: `a[0].b` gives a, 0, b."""
    first = ("",) if path.startswith(".") else ()
    return first + tuple(match[1] if match[1] is not None else match[0] for match in _STEP.finditer(path))


def _get(data: Any, path: str) -> Any:
    if isinstance(data, Mapping) and path in data:
        return data[path]
    at = data
    for step in _steps(path):
        at = _child(at, step)
        if at is _MISSING:
            return _MISSING
    return at if path else _MISSING


def _child(value: Any, step: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(step, _MISSING)
    if isinstance(value, list | tuple | str):
        if step == "length":
            return len(value)
        # int() refuses thousands of digits with an error of its own.
        if step.isascii() and step.isdigit() and len(step) < 10 and int(step) < len(value):
            return value[int(step)]
    return _MISSING


def as_text(value: Any) -> str:
    """Return a value as JavaScript puts it into a text."""
    if value is _MISSING:
        return "undefined"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    # JavaScript has one type of number: 4.0 is shown as 4, and exponents begin at 1e21.
    if isinstance(value, float) and value == value // 1 and abs(value) < 1e21:
        return str(int(value))
    if isinstance(value, list | tuple):
        # A list, since a generator takes two steps of Python's stack for each of a thousand levels.
        return ",".join(["" if each is None else as_text(each) for each in value])
    return "[object Object]" if isinstance(value, Mapping) else str(value)
