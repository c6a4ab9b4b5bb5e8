"""What becomes of a project, judged by its labeling config alone and with a sample of its tasks."""

from __future__ import annotations

import os
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import yaml

from backend.learning.controls import read_questions
from backend.learning.verdict import Outcome, Verdict, judge, judge_controls
from tests.backend.learning.lessons import on_text
from tests.backend.samples import TEXT_CONFIG

ROOT = Path(__file__).parents[3]


def test_a_config_with_something_to_learn_and_to_read_is_learned() -> None:
    verdict = judge(TEXT_CONFIG.replace("</View>", '<TextArea name="note" toName="text"/></View>'))
    assert verdict.outcome is Outcome.LEARNED
    assert verdict.why == "learns topic (<Choices>)"
    assert [(c.name, c.outcome) for c in verdict.controls] == [
        ("topic", Outcome.LEARNED),
        ("note", Outcome.ORDERED),
    ]
    (shown,) = verdict.objects
    assert (shown.tag, shown.value, shown.read_as) == ("Text", "$text", ("text",))
    assert verdict.inputs == (("text", ("$text",)),)


def test_with_nothing_but_text_to_write_the_tasks_are_ordered_and_it_is_said_why() -> None:
    verdict = judge(on_text('<TextArea name="note" toName="t"/>'))
    assert verdict.outcome is Outcome.ORDERED
    assert "what annotators write is not learned from" in verdict.why


UNREADABLE = '<View><Strange name="s" value="$s"/><Rating name="r" toName="s"/></View>'


def test_a_project_of_which_nothing_can_be_read_is_refused() -> None:
    verdict = judge(UNREADABLE, [{"s": "a"}, {"s": "b"}])
    assert verdict.outcome is Outcome.REFUSED
    assert "<Strange>" in verdict.why
    assert verdict.objects[0].read_as == ()
    assert verdict.controls[0].outcome is Outcome.LEARNED, "the control alone would do"


def test_numbers_in_the_data_are_read_where_no_object_can_be() -> None:
    sample = [{"s": "a", "height": 0.5}, {"s": "b", "height": 1.5}]
    verdict = judge(UNREADABLE, sample, ["height"])
    assert verdict.outcome is Outcome.LEARNED
    assert verdict.objects[0].read_as == ()
    assert verdict.inputs[0][1] == ("height",)


@pytest.mark.parametrize("config", ["", "<View>", "<View/>", "no xml", "<View><Header value='x'/></View>"])
def test_no_config_or_one_without_a_control_is_refused(config: str) -> None:
    verdict = judge(config)
    assert verdict.outcome is Outcome.REFUSED
    assert verdict.why


@cache
def templates() -> dict[str, str]:
    """Return the labeling configs of Label Studio's own project templates, by their names."""
    package = "label_studio/annotation_templates"
    places = [ROOT.glob(f".venv-label-studio/lib/python3*/site-packages/{package}")]
    given = os.environ.get("CLEAN_AL_TEMPLATES")
    folder = Path(given) if given else next((p for found in places for p in found), None)
    if folder is None:
        pytest.skip("no Label Studio here: set CLEAN_AL_TEMPLATES to its annotation_templates, or make e2e")
    found = {str(p.parent.relative_to(folder)): p for p in sorted(folder.glob("**/config.yml"))}
    return {name: yaml.safe_load(path.read_text("utf-8"))["config"] for name, path in found.items()}


def is_read(tag: str) -> bool:
    (shown,) = judge(f'<View><{tag} name="t" value="$t"/><Rating name="r" toName="t"/></View>').objects
    return bool(shown.read_as)


ONLY_WRITTEN = {"TextArea", "Chat"}


def test_of_all_templates_every_control_is_known_and_most_can_be_learned() -> None:
    found = {name: judge_controls(read_questions(config)) for name, config in templates().items()}
    assert len(found) >= 69
    assert all(found.values())
    assert "is not known" not in " ".join(c.why for controls in found.values() for c in controls)
    learned = {n for n, controls in found.items() if any(c.outcome is Outcome.LEARNED for c in controls)}
    assert len(learned) >= 60
    for name in found.keys() - learned:
        assert {c.tag for c in found[name]} <= ONLY_WRITTEN, name


def test_of_all_templates_none_is_refused_and_sixty_are_learned() -> None:
    verdicts: dict[str, Verdict] = {name: judge(config) for name, config in templates().items()}
    unread = [tag for tag in ("Audio", "Video", "TimeSeries", "PDF", "List") if not is_read(tag)]
    if unread:
        pytest.skip(f"no vectorizer reads {', '.join(unread)}")
    outcomes = Counter(verdict.outcome for verdict in verdicts.values())
    refused = {name: v.why for name, v in verdicts.items() if v.outcome is Outcome.REFUSED}
    assert not refused
    assert outcomes[Outcome.LEARNED] >= 60
    assert all(v.why.startswith("only ordered") for v in verdicts.values() if v.outcome is Outcome.ORDERED)


def test_the_support_table_of_the_docs_is_what_is_said_of_each_template() -> None:
    from benchmarks.templates import page

    assert (ROOT / "docs" / "templates.md").read_text("utf-8") == page(templates())
