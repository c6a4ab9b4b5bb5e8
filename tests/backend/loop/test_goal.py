"""The option `goal`: tasks that probably have one label come first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from backend.errors import SettingsError
from backend.label_studio.client import LabelStudio
from backend.loop.jobs import perform_round
from backend.loop.options import read_options, store_options
from backend.project.overview import project_status
from backend.services import Services
from backend.store.files import write_json

CONFIG = """
<View>
  <Text name="text" value="$text"/>
  <Choices name="topic" toName="text"><Choice value="cats"/><Choice value="money"/></Choices>
  <Choices name="marks" toName="text" choice="multiple"><Choice value="rare"/><Choice value="loud"/></Choices>
</View>
"""
N, RARE = 60, 12


def item(name: str, *values: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": list(values)}}


@pytest.fixture
def project(label_studio: LabelStudio, services: Services) -> int:
    made = int(label_studio.create_project(title="Rare", label_config=CONFIG)["id"])
    write_json(services.store.folder(made) / "connection.json", {})
    return made


@pytest.fixture
def tasks(label_studio: LabelStudio, project: int) -> dict[int, bool]:
    """Sixty tasks, and whether each is one of the rare."""
    words = ["unicorn horn glitter" if i % 5 == 0 else "kitten purr paw" for i in range(N)]
    texts = [f"{word} {'bank' if i % 2 else 'meow'} {i}" for i, word in enumerate(words)]
    ids = label_studio.import_tasks(project, [{"data": {"text": text}} for text in texts])
    return {task: i % 5 == 0 for i, task in enumerate(ids)}


@pytest.fixture
def answered(label_studio: LabelStudio, tasks: dict[int, bool]) -> Callable[..., None]:
    def answer(which: list[int]) -> None:
        for i in which:
            task = list(tasks)[i]
            marks = [item("marks", "rare")] if tasks[task] else [item("marks", "loud")]
            label_studio.annotate(task, [item("topic", ("cats", "money")[i % 2]), *marks])

    return answer


def note_of(services: Services, project: int) -> list[str]:
    return [n for n in project_status(services.store, project).notes if "look" in n or "goal" in n]


def test_tasks_that_probably_have_the_label_come_first_and_the_audit_share_stays(
    services: Services, project: int, tasks: dict[int, bool], answered: Any
) -> None:
    answered([0, 1, 2, 3, 4, 5])
    store_options(services.store.folder(project), {"goal": "find:rare", "batch_size": 10})
    perform_round(project, services)
    published = services.store.published(project)
    assert published is not None
    chosen = [task for task in published.head if task not in published.audit]
    left = RARE - 2 - sum(tasks[task] for task in published.audit)
    assert all(tasks[task] for task in chosen[:left])
    assert len(published.audit) >= 5
    assert note_of(services, project) == ["looks for rare: 2 found in 6 labeled tasks"]


def test_until_a_task_has_the_label_the_order_is_the_usual_one(
    services: Services, project: int, tasks: dict[int, bool], answered: Any
) -> None:
    answered([1, 2, 3, 4])
    perform_round(project, services)
    usual = services.store.published(project)
    store_options(services.store.folder(project), {"goal": "find:rare"})
    perform_round(project, services)
    published = services.store.published(project)
    assert usual is not None
    assert published is not None
    assert published.version != usual.version
    assert published.head == usual.head
    assert note_of(services, project)[0].startswith("looks for rare: no task has it yet")


def test_a_label_that_no_question_offers_is_named_with_those_there_are(
    services: Services, project: int, tasks: dict[int, bool], answered: Any
) -> None:
    answered([0, 1, 2])
    store_options(services.store.folder(project), {"goal": "find:gold"})
    perform_round(project, services)
    assert note_of(services, project) == [
        "option goal: no label 'gold' to find; there are cats, money, rare, loud"
    ]
    assert services.store.published(project) is not None


def test_a_label_of_a_single_choice_is_found_too(
    services: Services, project: int, tasks: dict[int, bool], answered: Any
) -> None:
    answered([0, 1, 2, 3])
    store_options(services.store.folder(project), {"goal": "find:money", "exploration": 0})
    perform_round(project, services)
    published = services.store.published(project)
    assert published is not None
    places = {task: i for i, task in enumerate(tasks)}
    assert all(places[task] % 2 for task in published.head[:20])


@pytest.mark.parametrize("goal", ["spam", "find:", "find:  ", "", "lose:x", 3, ["find:x"]])
def test_a_goal_of_another_form_is_refused_by_name(goal: Any) -> None:
    with pytest.raises(SettingsError, match="extra params: goal"):
        read_options({"goal": goal})


def test_a_goal_goes_without_another_strategy() -> None:
    assert read_options({"goal": "find:a b", "strategy": "auto"}).goal == "find:a b"
    with pytest.raises(SettingsError, match="goal goes without strategy; it is 'random'"):
        read_options({"goal": "find:a", "strategy": "random"})
