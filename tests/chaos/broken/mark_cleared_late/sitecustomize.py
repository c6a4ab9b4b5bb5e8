"""The mark, and the job that it stands for, is cleared when a round has read the project, not before."""

from __future__ import annotations

from types import ModuleType

from patching import patch_when_imported


def patch(jobs: ModuleType) -> None:
    begin = jobs.run_round

    def clear(services: object, project_id: int) -> None:
        redis = services.redis  # type: ignore[attr-defined]
        if held := redis.get(jobs.pending_key(project_id)):
            queue = jobs.round_queue(redis)
            redis.lrem(queue.key, 0, held)
            redis.zrem(queue.scheduled_job_registry.key, held)
            redis.delete(jobs.pending_key(project_id))

    def run(services: object, project_id: int, lease: object, **more: object) -> object:
        report = begin(services, project_id, lease, **more)
        clear(services, project_id)
        return report

    jobs.run_round = run


patch_when_imported("backend.loop.jobs", patch)
