"""Which task the fake Label Studio serves next, by the rules of the real one."""

from __future__ import annotations

from tests.fakes.label_studio_world import Json, World


def next_task(world: World, project: int, user: int) -> tuple[Json, str] | None:
    """Return the task that a user gets, now locked for them, and the name of the queue; None without one."""
    open_tasks = [
        task
        for task in world.tasks_of(project)
        if not task["is_labeled"] and user not in _annotators(world, task)
    ]
    held = next((task for task in open_tasks if user in world.locks.get(task["id"], ())), None)
    if held is not None:
        return held, "Task lock"
    free = [task for task in open_tasks if not _taken(world, task, user)]
    found = _in_progress(world, project, free) or _sampled(world, project, free)
    found = found or _skipped(world, project, user)
    if found is not None:
        world.locks.setdefault(found[0]["id"], set()).add(user)
    return found


def _annotators(world: World, task: Json) -> set[int]:
    return {one["completed_by"] for one in world.annotations_of(task["id"])}


def _taken(world: World, task: Json, user: int) -> bool:
    """Whether other users' locks, and annotations, leave no place on a task."""
    skip_queue = world.projects[task["project"]]["skip_queue"]

    def counts(one: Json) -> bool:
        if not one["was_cancelled"]:
            return True
        own = one["completed_by"] == user
        return skip_queue == "IGNORE_SKIPPED" or (skip_queue == "REQUEUE_FOR_ME" and not own)

    others = len(world.locks.get(task["id"], set()) - {user})
    return others + sum(map(counts, world.annotations_of(task["id"]))) >= task["overlap"]


def _in_progress(world: World, project: int, free: list[Json]) -> tuple[Json, str] | None:
    """With several annotations wanted per task, those with most of them come first, at random."""
    most = max((len(world.annotations_of(task["id"])) for task in free), default=0)
    if world.projects[project]["maximum_annotations"] < 2 or not most:
        return None
    begun = [task for task in free if len(world.annotations_of(task["id"])) == most]
    return world.random.choice(begun), "Breadth first queue"


def _sampled(world: World, project: int, free: list[Json]) -> tuple[Json, str] | None:
    if not free:
        return None
    described = world.projects[project]
    if described["sampling"] == "Sequential sampling":
        return min(free, key=lambda task: task["id"]), "Sequence queue"
    if described["sampling"] == "Uniform sampling":
        return world.random.choice(free), "Uniform random queue"
    scores = _scores(world, project, described["model_version"])
    scored = [task for task in free if task["id"] in scores]
    if not scored:
        return world.random.choice(free), "Active learning or random queue"
    return min(scored, key=lambda task: scores[task["id"]]), "Active learning or random queue"


def _scores(world: World, project: int, version: str | None) -> dict[int, float]:
    """Return the lowest score of the current version by task; one without a score comes first."""
    scores: dict[int, float] = {}
    for one in world.predictions.values():
        if one["project"] == project and one["model_version"] == version:
            score = float("-inf") if one["score"] is None else one["score"]
            scores[one["task"]] = min(score, scores.get(one["task"], score))
    return scores


def _skipped(world: World, project: int, user: int) -> tuple[Json, str] | None:
    """Give users the tasks back that they skipped, where the project says so."""
    if world.projects[project]["skip_queue"] != "REQUEUE_FOR_ME":
        return None
    own = [
        one
        for one in world.annotations.values()
        if one["project"] == project and one["completed_by"] == user and one["was_cancelled"]
    ]
    tasks = [world.tasks[one["task"]] for one in sorted(own, key=lambda one: str(one["updated_at"]))]
    waiting = [task for task in tasks if not task["is_labeled"] and not _taken(world, task, user)]
    return (waiting[0], "Skipped queue") if waiting else None
