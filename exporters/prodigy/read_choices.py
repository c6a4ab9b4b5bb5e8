"""Answers about a whole task of Prodigy: what was chosen among its options, said, or written down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import isfinite
from typing import Any

from exporters.declared import Declared
from exporters.label_studio.read_shapes import ANSWERS
from exporters.label_studio.read_texts import rendered
from exporters.records import Answer, Region, plain
from exporters.report import Ledger

Task = Mapping[str, Any]
ERRORS = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError)
_ROUNDED = "categories are numbers: chosen from 0.5 on"


class ChoiceReader:
    """Reads answers; what a task offers to choose from is noted in `declared`."""

    def __init__(self, ledger: Ledger, declared: Declared):
        self._ledger, self._declared = ledger, declared

    def read(self, task: Task, place: str) -> list[Region]:
        """Return the answers about the whole task; those that are none are counted."""
        found: list[Region] = []
        texts = self._options(task, place)
        said = self._said(task, place)
        try:
            chosen = self._chosen(task, texts, place)
            if isinstance(task.get("accept"), list):
                said = self._of_controls(chosen, said, place)
            found += chosen
        except ERRORS as error:
            self._ledger.drop("answer", why(error), place)
        found += said
        text = task.get("transcript")
        if isinstance(text, str):
            found.append(Region(Answer("textarea", (text,)), control="transcript"))
        return found

    def _said(self, task: Task, place: str) -> list[Region]:
        """Return the answers that our writer keeps under their controls' names."""
        found, said = [], task.get("answers")
        for name, answer in said.items() if isinstance(said, dict) else ():
            try:
                found.append(_said(name, answer))
            except ERRORS as error:
                self._ledger.drop("answer", why(error), place)
        return found

    def _of_controls(self, chosen: list[Region], said: list[Region], place: str) -> list[Region]:
        """Return the answers without choices that were changed since; `chosen` loses what they tell."""
        kept = [region for region in said if _values(region)[0] == "choices"]
        if len(kept) < 2:  # not as our writer tells which controls one choice is of
            return said
        accepted = [region for region in chosen if region.control in ("", "accept")][:1]
        told = {value for region in kept for value in _values(region)[1]}
        if told == {value for region in accepted for value in _values(region)[1]}:
            del chosen[: len(accepted)]
            return said
        how = "what was chosen has changed: of which controls it was is left out"
        self._ledger.change("answer", how, place)
        return [region for region in said if region not in kept]

    def _options(self, task: Task, place: str) -> dict[str, str]:
        """Return what each option is called, by its id; the choice is declared to offer them."""
        options = task.get("options")
        found: dict[str, str] = {}
        for option in options if isinstance(options, list) else ():
            if isinstance(option, str):  # it is what it is called
                option = {"id": option}
            if not isinstance(option, dict) or not _is_name(option.get("id")):
                self._ledger.drop("answer", "an option without an id that is a text or a number", place)
            else:
                key = _key(option["id"])
                if found.get(key, _called(option)) != _called(option):
                    self._ledger.change("answer", "two options have one id: called as the last", place)
                found[key] = _called(option)
        counts = Counter(found.values())
        # Two options of one text would become one choice: their ids keep them apart.
        texts = {key: text if counts[text] == 1 else f"{text} ({key})" for key, text in found.items()}
        self._declared.choices.update(dict.fromkeys(texts.values()))
        config = task.get("config")
        if texts and isinstance(config, dict) and config.get("choice_style") == "multiple":
            self._declared.is_multiple = True
        return texts

    def _chosen(self, task: Task, texts: Mapping[str, str], place: str) -> list[Region]:
        """Return what was accepted, by what it is called, a label, and categories.

        A task mostly has one of the three. Further ones are answers under their own names.
        """
        found: list[tuple[str, tuple[str, ...]]] = []
        accepted, cats = task.get("accept"), task.get("cats")
        if isinstance(accepted, list) and accepted:
            if not all(map(_is_name, accepted)):
                raise ValueError("a choice that is neither a text nor a finite number")
            names = [_key(value) for value in accepted]
            found.append(("accept", tuple(texts.get(name, name) for name in names)))
        if isinstance(task.get("label"), str):
            found.append(("label", (task["label"],)))
        if isinstance(cats, dict) and cats:
            found.append(("cats", self._categories(cats, place)))
        chosen = [(name, values) for name, values in found if values]
        return [
            Region(Answer("choices", values), control=name if number else "")
            for number, (name, values) in enumerate(chosen)
        ]

    def _categories(self, cats: Mapping[str, Any], place: str) -> tuple[str, ...]:
        # spaCy's categories are numbers from 0 to 1, one for each.
        if any(isinstance(value, float) and not isfinite(value) for value in cats.values()):
            raise ValueError("a category whose number is not finite")
        chosen = tuple(label for label, value in cats.items() if value >= 0.5)
        if any(value not in (0, 1) for value in cats.values()):
            self._ledger.change("answer", _ROUNDED, place)
        # Also those that are not chosen: they were asked for.
        self._declared.choices.update(dict.fromkeys(cats))
        return chosen


def _is_name(value: Any) -> bool:
    """Return whether a value can be the id of an option."""
    return isinstance(value, str | int) or (isinstance(value, float) and isfinite(value))


def _key(value: Any) -> str:
    # An id that went through a table of numbers comes back as 1.0.
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)


def _called(option: Task) -> str:
    """Return what an option is called: its text, or what its page says, or its id."""
    text, page = option.get("text"), option.get("html")
    if not (isinstance(text, str) and text) and isinstance(page, str):
        text = rendered(page).strip()
    return text if isinstance(text, str) and text else _key(option["id"])


def _values(region: Region) -> tuple[str, tuple[str, ...]]:
    assert isinstance(region.shape, Answer)
    return region.shape.kind, tuple(map(plain, region.shape.values))


def _said(name: str, said: Mapping[str, Any]) -> Region:
    """Return an answer that our writer keeps under its control's name."""
    if said["type"] not in ANSWERS:
        raise ValueError("is of an unknown type")
    return Region(Answer(said["type"], answer_values(said["values"])), control=name)


def answer_values(values: Any) -> tuple[Any, ...]:
    """Return the values of an answer that our writer wrote; `ValueError` for what it never writes."""
    if not isinstance(values, list):
        raise ValueError("the values of an answer are not a list")
    if any(isinstance(value, float) and not isfinite(value) for value in values):
        raise ValueError("an answer that is no finite number")
    return tuple(tuple(value) if isinstance(value, list) else value for value in values)


def why(error: Exception) -> str:
    """Return what was wrong with a part of a task, without its content."""
    if isinstance(error, KeyError):
        return f"has no {str(error.args[0])[:40]!r}"
    if type(error) is ValueError and "convert" not in str(error) and "unpack" not in str(error):
        return str(error)[:80]
    return "a part of it is of the wrong type"
