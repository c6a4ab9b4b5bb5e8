"""Annotations that cannot be used: counted, named in the status and by the doctor, and nothing else stops."""

from __future__ import annotations

from typing import Any

import pytest

from backend.label_studio.client import LabelStudio
from backend.loop.jobs import perform_round
from backend.project.connect import connect
from backend.project.doctor import diagnose_project
from backend.project.overview import project_status
from backend.services import Services
from backend.store.progress import ProgressFile

CONFIG = """
<View>
  <Text name="t" value="$text"/>
  <Labels name="who" toName="t"><Label value="PER"/></Labels>
  <Rating name="stars" toName="t" maxRating="5"/>
  <Choices name="topic" toName="t"><Choice value="cats"/><Choice value="money"/></Choices>
</View>
"""


def item(name: str, kind: str, **value: Any) -> dict[str, Any]:
    return {"from_name": name, "to_name": "t", "type": kind, "value": value}


def span(start: int, end: int) -> dict[str, Any]:
    return item("who", "labels", start=start, end=end, labels=["PER"])


@pytest.fixture
def project(services: Services, label_studio: LabelStudio) -> int:
    made = int(label_studio.create_project(title="Faults", label_config=CONFIG)["id"])
    ids = label_studio.import_tasks(made, [{"data": {"text": f"Ada met Bob {i}"}} for i in range(9)])
    given = [
        [span(0, 3), item("stars", "rating", rating=4), item("topic", "choices", choices=["cats"])],
        [span(0, 3), item("stars", "rating", rating=2), item("topic", "choices", choices=["money"])],
        [span(8, 99), item("stars", "rating", rating=9), item("topic", "choices", choices=["dogs"])],
        [span(3, 0), item("stars", "rating", rating="many"), item("topic", "choices", choices=[["a"]])],
    ]
    for task, result in zip(ids, given, strict=False):
        label_studio.annotate(task, result)
    connect(services, made)
    return made


def test_each_fault_is_counted_and_named_and_the_rest_is_learned(services: Services, project: int) -> None:
    assert perform_round(project, services) == "published"
    status = project_status(services.store, project)
    expected = [
        "who: 2 tasks have a span past the end of the text, or one that ends before it begins; it is not "
        "learned from; correct them: 3, 4",
        "stars: labels that the config no longer has, not learned from: 9 (1)",
        "stars: 1 tasks have an annotation that makes no sense here; not learned from",
        "topic: labels that the config no longer has, not learned from: dogs (1)",
        "topic: 1 tasks have an annotation that makes no sense here; not learned from",
    ]
    assert [note for note in status.notes if note in expected] == expected
    found = {finding.found for finding in diagnose_project(services, project)}
    assert set(expected) <= found
    report = ProgressFile(services.store.folder(project)).read().report
    assert {q["name"]: q["labels"] for q in report["questions"]} == {"who": 4, "stars": 2, "topic": 2}
