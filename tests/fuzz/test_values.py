"""Labeling configs and options of any shape: read, or refused by name."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import LabelingConfigError, SettingsError
from backend.learning.labeling_config import config_digest, read_controls, shown_objects
from backend.learning.verdict import Outcome, judge
from backend.loop.options import ProjectOptions, read_options
from tests.fuzz.inputs import ANYTHING, changed, kept, tries

CONFIGS = kept("labeling_configs")
SAMPLE = [
    {
        "text": "words",
        "html": "<p>x<![ y</p>",
        "t": None,
        "a": [{"b": 1}],
        "items": [{"text": "x"}],
        "opts": 5,
    },
    {
        "items": "no list",
        "pages": {"a": 1},
        "chat": [{"content": 7}],
        "d": [{"a": 1, "t": ["x"]}],
        "csv": "1,2",
    },
]


def read(config: str) -> None:
    verdict, refused = judge(config, SAMPLE), False
    assert verdict.why
    config_digest(config)
    try:
        read_controls(config)
        shown_objects(config)
    except LabelingConfigError:
        refused = True
    assert verdict.outcome is Outcome.REFUSED or not refused


@pytest.mark.parametrize("config", CONFIGS)
def test_a_kept_labeling_config_is_judged(config: bytes) -> None:
    read(config.decode("utf-8", "replace"))


@tries(60)
@given(config=changed(CONFIGS))
def test_a_broken_labeling_config_is_judged_and_ends_in_nothing_else(config: bytes) -> None:
    read(config.decode("utf-8", "surrogateescape"))


OPTIONS = st.dictionaries(st.sampled_from([*ProjectOptions.model_fields, "nonsense"]), ANYTHING, max_size=5)


@tries(60)
@given(given_options=OPTIONS | ANYTHING, as_text=st.booleans())
def test_options_are_read_or_refused_by_name(given_options: Any, as_text: bool) -> None:
    said = ""
    try:
        options = read_options(json.dumps(given_options) if as_text else given_options)
    except SettingsError as error:
        options, said = None, str(error)
    assert said if options is None else isinstance(options, ProjectOptions)


@tries(60)
@given(text=st.text(max_size=40) | changed(kept("bodies")).map(lambda data: data.decode("utf-8", "replace")))
def test_any_text_as_options_is_read_or_refused(text: str) -> None:
    with suppress(SettingsError):
        read_options(text)
