"""Finds what keeps the loop from working, and says what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import requests
from redis import Redis

from backend.errors import LabelStudioError, SettingsError
from backend.learning.verdict import Outcome
from backend.loop.heartbeat import ask_alive
from backend.loop.publish import SAMPLING, TITLE
from backend.project.outlook import Outlook, look_ahead
from backend.services import Services
from backend.store.connection import identity_of, is_connected, read_connection
from backend.store.progress import ProgressFile

OLDEST_LABEL_STUDIO = (1, 13)
OLDEST_REDIS = (5, 0)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    level : "ok", "note" (the loop works, but) or "problem" (it does not)
    """

    level: str
    what: str
    found: str
    fix: str = ""

    @property
    def ok(self) -> bool:
        return self.level == "ok"

    def as_dict(self) -> dict[str, str]:
        return asdict(self)

    def __str__(self) -> str:
        return f"[{self.level}] {self.what}: {self.found}" + (f" -> {self.fix}" if self.fix else "")


def diagnose(services: Services, project_id: int | None = None) -> list[Finding]:
    """Return what was found about this install and, if given, one project; else all connected ones."""
    findings = [*_label_studio(services), *_redis(services), *_processes(services), *_web(services)]
    # Each project would say the same once more.
    if any(f.level == "problem" and f.what == "Label Studio" for f in findings):
        return findings
    ids = [project_id] if project_id is not None else _connected(services)
    for i in ids:
        findings += diagnose_project(services, i)
    return findings


def diagnose_project(services: Services, project_id: int) -> list[Finding]:
    """Return what was found about one project."""
    label_studio, what = services.label_studio, f"project {project_id}"
    try:
        project = label_studio.project(project_id)
        # Looked at even when the loop is off: what is to be expected is asked before connecting.
        outlook = look_ahead(services, project_id)
        findings = list(_expected(what, outlook))
        if not project.get("task_number"):
            findings.append(Finding("note", what, "it has no tasks yet", "import some; the loop then begins"))
        connection = read_connection(services.store, project_id)
        if connection is None or not connection.on:
            fix = f"clean-al connect {project_id}"
            return [*findings, Finding("note", what, "the loop is off", fix)]
        identity = identity_of(services.settings.label_studio_url, project)
        if connection.bound_to and connection.bound_to != identity:
            fix = f"clean-al connect {project_id}"
            return [*findings, Finding("problem", what, "it is not the project that was connected", fix)]
        published = services.store.published(project_id)
        findings += _serving(what, project, served=bool(published and published.head))
        if connection.webhook_id is None:
            findings.append(_polls(services, what))
        elif connection.webhook_id not in {w["id"] for w in label_studio.webhooks(project_id)}:
            fix = f"clean-al connect {project_id}"
            findings.append(Finding("note", what, "our webhook was removed; the poll still works", fix))
        return [*findings, *_notes(services, project_id, outlook)]
    except LabelStudioError as error:
        return [Finding("problem", what, str(error))]


def _notes(services: Services, project_id: int, outlook: Outlook) -> Iterator[Finding]:
    """Yield what is wrong of options, media and annotations; the last as the last round has found it."""
    what = f"project {project_id}"
    fix = f"correct them in the ML backend form, or with clean-al options {project_id}"
    yield from (Finding("note", what, text, fix) for text in outlook.notes)
    report = ProgressFile(services.store.folder(project_id)).read().report
    # A round has read all tasks, we have looked at some.
    unread = report.get("unread") or outlook.gaps
    yield from (Finding("note", what, text) for text in (*unread, *report.get("faults", ())))


def _label_studio(services: Services) -> Iterator[Finding]:
    url = services.settings.label_studio_url
    try:
        version = services.label_studio.version()
    except (LabelStudioError, SettingsError) as error:
        yield Finding("problem", "Label Studio", str(error), f"check LABEL_STUDIO_URL ({url}) and the token")
        return
    if _numbers(version) < OLDEST_LABEL_STUDIO:
        oldest = ".".join(map(str, OLDEST_LABEL_STUDIO))
        yield Finding("problem", "Label Studio", f"version {version} is too old", f"use {oldest} or newer")
        return
    yield Finding("ok", "Label Studio", f"version {version} at {url}")
    # The version is told to anyone: only this call needs the token.
    try:
        user = services.label_studio.whoami()
        yield Finding("ok", "token", f"accepted, as {user.get('email') or user.get('username')}")
    except LabelStudioError as error:
        yield Finding("problem", "token", str(error), "make a Personal Access Token: Account & Settings")


def _redis(services: Services) -> Iterator[Finding]:
    def ask(client: Redis) -> dict[str, Any]:
        return client.info("server")

    try:
        info = ask(services.impatient_redis)
    except SettingsError as error:
        yield Finding("problem", "queue", str(error))
        return
    except Exception as error:  # noqa: BLE001  whatever the client raises, the server does not answer
        yield Finding("problem", "queue", f"Redis does not answer: {type(error).__name__}", "check REDIS_URL")
        return
    # Valkey gives a Redis version, too: of the release that it was made from.
    version = str(info.get("valkey_version") or info.get("redis_version"))
    if _numbers(version) < OLDEST_REDIS:
        yield Finding("problem", "queue", f"Redis {version} is too old", "use Redis 5 or newer, or Valkey")
        return
    kind = "embedded" if services.settings.redis_url is None else "REDIS_URL"
    yield Finding("ok", "queue", f"{info.get('server_name', 'redis')} {version} ({kind})")


def _processes(services: Services) -> Iterator[Finding]:
    """Yield whether workers and a poll run; of a queue that is away, nothing can be said."""
    alive = ask_alive(services)
    if alive.problem is not None:
        return
    fix = "start `clean-al serve`, or `clean-al worker`"
    if alive.workers:
        yield Finding("ok", "workers", f"{alive.workers} running")
    else:
        yield Finding("problem", "workers", "none runs, so nothing is learned", fix)
    if not alive.polls:
        yield Finding("problem", "poll", "none runs, so what no webhook announces is not seen", fix)


def _web(services: Services) -> Iterator[Finding]:
    address = services.settings.address
    try:
        answer = requests.get(f"{address}/health", timeout=2)
        # Another program may answer on this port, and with 200 to every path.
        up = answer.ok and answer.json().get("status") == "UP"
    except (requests.RequestException, ValueError):
        up = False
    if up:
        yield Finding("ok", "backend", f"answers at {address}")
    else:
        fix = "start `clean-al serve`, or set CLEAN_AL_PUBLIC_URL to where Label Studio reaches it"
        yield Finding("problem", "backend", f"does not answer at {address}", fix)


def _expected(what: str, outlook: Outlook) -> Iterator[Finding]:
    """Yield what the loop does in the project, and what keeps it from doing more."""
    if outlook.problem:
        yield Finding("problem", what, outlook.problem)
        return
    level = "ok" if outlook.verdict.outcome is Outcome.LEARNED else "note"
    yield Finding(level, what, outlook.verdict.why)
    for control in outlook.verdict.controls:
        if control.outcome is not Outcome.LEARNED:
            yield Finding("note", what, f'<{control.tag} name="{control.name}">: {control.why}')
    if outlook.readable < outlook.looked_at:
        unread = outlook.looked_at - outlook.readable
        yield Finding("note", what, f"{unread} of {outlook.looked_at} tasks looked at cannot be read")


def _serving(what: str, project: dict[str, Any], *, served: bool) -> Iterator[Finding]:
    """Yield what keeps annotators from our order; before there is a head, nothing is to be kept from."""
    if served and project.get("model_version") == TITLE:
        found = f"model_version is the ML backend's title ({TITLE}): Label Studio serves tasks at random"
        yield Finding("note", what, found, "the next round repairs it")
    if served and project.get("sampling") != SAMPLING:
        found = f"sampling is {project.get('sampling')}: our order is not used"
        yield Finding("note", what, found, "the next round repairs it")
    if int(project.get("maximum_annotations") or 1) > 1:
        found = "several annotations per task: Label Studio serves started tasks before our order"
        fix = (
            "with 1 there and option opinions=2, others are asked only where it is worth more than a new task"
        )
        yield Finding("note", what, found, fix)


def _polls(services: Services, what: str) -> Finding:
    every = services.settings.poll_interval
    fix = (
        "where Label Studio and this backend share a private network, start Label Studio with "
        "SSRF_PROTECTION_ENABLED=false and ML_BLOCK_LOCAL_IP=false, then connect again"
    )
    return Finding("note", what, f"Label Studio refuses our webhook; the loop polls every {every:g} s", fix)


def _connected(services: Services) -> list[int]:
    return [i for i in services.store.project_ids() if is_connected(services.store, i)]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", version)[:2])
