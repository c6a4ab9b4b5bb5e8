"""What Label Studio refuses to show keeps its place in the order."""

from __future__ import annotations

from backend.label_studio.client import LabelStudio
from backend.loop.jobs import perform_round
from backend.project.connect import connect
from backend.services import Services
from tests.fakes.label_studio import FakeLabelStudio

# As the editor itself writes a comparison: Label Studio takes it in an annotation only.
ODD = [{"from_name": "c", "to_name": "c", "type": "pairwise", "value": {"selected": "left"}}]


def test_a_task_whose_prediction_is_refused_is_served_in_its_turn_with_nothing_filled_in(
    fake: FakeLabelStudio, services: Services, label_studio: LabelStudio, project_id: int
) -> None:
    data = [{"data": {"text": f"a text {i}"}} for i in range(8)]
    tasks = label_studio.import_tasks(project_id, data)
    label_studio.import_predictions(
        project_id, [{"task": task, "model_version": "theirs", "result": []} for task in tasks[:3]]
    )
    for prediction in fake.world.predictions.values():
        prediction["result"] = ODD
    connect(services, project_id)
    assert perform_round(project_id, services) == "published"
    published = services.store.published(project_id)
    assert published is not None
    ours = [p for p in fake.world.predictions.values() if p["model_version"] == published.version]
    assert [p["task"] for p in sorted(ours, key=lambda p: p["score"])] == list(published.head)
    assert {*published.head} == {*tasks}
    assert all(p["result"] == [] for p in ours)
