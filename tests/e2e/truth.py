"""What must hold once a loop has come to rest, read from Label Studio itself."""

from __future__ import annotations

from collections import Counter

from backend.label_studio.client import LabelStudio, greater
from backend.loop.check_tab import LEAST_SCORE
from backend.loop.marks import begun_key, lock_key, pending_key
from backend.loop.observe import observe
from tests.e2e.loop_runner import PATIENCE, SLOW_STEP, Loop, wait_for


def labels_in(label_studio: LabelStudio, project_id: int) -> Counter[str]:
    """Return how many tasks have each label; for projects with one annotation per task."""
    found: Counter[str] = Counter()
    for page in label_studio.iter_tasks(
        project_id, include=["id"], where=[greater("total_annotations", 0)], with_annotations=True
    ):
        for task in page:
            results = [a["result"] for a in task["annotations"] if not a["was_cancelled"]]
            assert results, task
            assert results[-1], task
            found[results[-1][0]["value"]["choices"][0]] += 1
    return found


def queue_in(label_studio: LabelStudio, project_id: int, version: str) -> list[int]:
    """Return the tasks with a prediction of `version`, lowest score first: what Label Studio goes by.

    Higher scores come after the head: labeled tasks in the tab of likely wrong ones, and what the backend was
    asked for as somebody opened another task.
    """
    scored = [
        (prediction["score"], task["id"])
        for page in label_studio.iter_tasks(project_id, include=["predictions", "model_version", "score"])
        for task in page
        for prediction in task["predictions"]
        if prediction["model_version"] == version and prediction["score"] < LEAST_SCORE
    ]
    return [task for _, task in sorted(scored)]


def assert_nothing_is_lost(loop: Loop, project_id: int, within: float = PATIENCE) -> None:
    """Every annotation is learned from, and annotators are served what was published, in its order."""
    label_studio = loop.label_studio
    truth = labels_in(label_studio, project_id)
    try:
        wait_for(
            f"{truth.total()} labels are in the model of project {project_id}",
            lambda: loop.progress(project_id).report["classes"] == truth and loop.has_caught_up(project_id),
            within,
            SLOW_STEP,
        )
    except AssertionError as error:
        raise AssertionError(f"{error}: {what_is_missing(loop, project_id, truth)}") from None
    published = loop.published(project_id)
    assert published is not None
    assert published.has_model
    assert loop.store.load(project_id, published.version).facts["labels"] == truth.total()
    assert label_studio.project(project_id)["model_version"] == published.version
    assert queue_in(label_studio, project_id, published.version) == list(published.head)


def what_is_missing(loop: Loop, project_id: int, truth: Counter[str]) -> str:
    """Return in what a loop that is not at rest differs from Label Studio, to say when a test fails."""
    progress = loop.progress(project_id)
    covered, seen = progress.covers or {}, observe(loop.label_studio, project_id)
    news = {key: (covered.get(key), now) for key, now in seen.items() if covered.get(key) != now}
    learned = progress.report.get("classes")
    asked = {
        key(project_id): value
        for key in (pending_key, begun_key, lock_key)
        if (value := loop.redis().get(key(project_id))) is not None
    }
    return (
        f"learned {learned}, given {dict(truth)}; covered and seen {news}; "
        f"running since {progress.running_since}; {asked}"
    )


def assert_few_predictions(loop: Loop, project_id: int) -> None:
    """At most the served queue head and the one before it are in Label Studio."""
    counts = loop.served_versions(project_id)
    assert len(counts) <= 2, counts
    for version in counts:
        assert len(queue_in(loop.label_studio, project_id, version)) <= 100
