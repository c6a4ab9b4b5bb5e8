"""The mark is written first and its job after it, and who finds a mark believes that its job waits."""

from __future__ import annotations

import time
from types import ModuleType

from patching import patch_when_imported

# Long enough for a kill to fall between the two.
BETWEEN_SECONDS = 0.7


def patch_marks(marks: ModuleType) -> None:
    ask, lost = marks.RoundJobs.ask, marks.RoundJobs.lost

    def ask_in_two_steps(self: object, project_id: int, *given: object, **more: object) -> bool:
        redis, key = self._redis, marks.pending_key(project_id)  # type: ignore[attr-defined]
        if not redis.set(key, "marked", nx=True, ex=marks.MARK_SECONDS):
            return False
        time.sleep(BETWEEN_SECONDS)
        return bool(ask(self, project_id, *given, **more))

    def only_rounds(self: object, projects: object, lease: float) -> dict[int, str]:
        return {i: why for i, why in lost(self, projects, lease).items() if why.startswith("round")}

    marks.RoundJobs.ask, marks.RoundJobs.lost = ask_in_two_steps, only_rounds


def patch_jobs(jobs: ModuleType) -> None:
    perform = jobs.perform_round

    def clear_first(project_id: int) -> str:
        jobs.Services(jobs.read_settings()).redis.delete(jobs.pending_key(project_id))
        return str(perform(project_id))

    jobs.perform_round = clear_first


patch_when_imported("backend.loop.marks", patch_marks)
patch_when_imported("backend.loop.jobs", patch_jobs)
