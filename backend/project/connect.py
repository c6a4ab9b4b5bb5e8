"""Switching the loop on for a project, and off again with everything as it was found."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from backend.errors import ForeignProject, LabelStudioError, LabelStudioNotFound, SettingsError
from backend.label_studio.client import LabelStudio
from backend.loop.check_tab import ensure_tab, remove_tab
from backend.loop.lease import take_away
from backend.loop.publish import FOUND, TITLE, VERSION_PREFIX, stop_serving
from backend.loop.second_opinions import close_all
from backend.project.outlook import look_ahead, must_be_orderable
from backend.secrets import ml_backend_login, webhook_secret
from backend.services import Services
from backend.settings import Settings
from backend.store.connection import (
    Connection,
    identity_of,
    read_connection,
    remove_connection,
    save_connection,
)
from backend.store.titles import note_title
from backend.store.wishes import end_pause

WEBHOOK_FIELDS = ("url", "send_payload", "send_for_all_actions", "is_active", "headers")


def connect(services: Services, project_id: int) -> list[str]:
    """Switch the loop on for a project and return what was changed, a line each.

    Doing so twice changes nothing more; what was removed by hand in between is made again. The sampling and
    the model version stay until there is a head to serve: without one, Label Studio would serve at random.

    Raises
    ------
    LabelStudioError
        When the project cannot be read. What was made until then is known to `disconnect`.
    ProjectNotOrderable
        When the loop could do nothing for it; nothing was changed.
    """
    label_studio, store = services.label_studio, services.store
    project = label_studio.project(project_id)
    must_be_orderable(look_ahead(services, project_id), project_id)
    identity = identity_of(services.settings.label_studio_url, project)
    before, changes = _known(services, project_id, identity)
    # The first `connect` saw the project as its owner left it; from then on we would find ourselves.
    connection = before or _found(label_studio, project, services.settings)
    connection = replace(connection, on=True, bound_to=identity)
    # Kept before anything is made: what breaks off in between must be known to `disconnect`.
    save_connection(store, project_id, connection)
    note_title(store.folder(project_id), project.get("title"))
    changes += [] if before and before.on else ["the loop is on for this project"]

    ours = Ours(services.settings, connection)
    backend_id, said = _ensure(lambda: _ml_backend(label_studio, project_id, ours), "ML backend")
    changes += said
    webhook_id, said = _ensure(lambda: _webhook(label_studio, project_id, ours), "webhook")
    changes += said
    if webhook_id is None:
        every = services.settings.poll_interval
        changes.append(f"the loop polls this project every {every:g} s instead")
    tab_id, said = _ensure(
        lambda: ensure_tab(label_studio, project_id, connection.tab_id), "Data Manager tab"
    )
    changes += said
    addresses = sorted({*connection.addresses, services.settings.address})
    connection = replace(connection, webhook_id=webhook_id, ml_backend_id=backend_id)
    connection = replace(connection, tab_id=tab_id, addresses=addresses)
    save_connection(store, project_id, connection)

    _keep_model_version(label_studio, project)
    return changes


def _known(
    services: Services, project_id: int, identity: dict[str, Any]
) -> tuple[Connection | None, list[str]]:
    """Return the connection of this very project, if any, and what was done with that of another one.

    A server that has moved, with the same project on it, is the same project at another address.
    """
    before = read_connection(services.store, project_id)
    if before is None or not before.bound_to or before.bound_to == identity:
        return before, []
    moved = {name: before.bound_to.get(name) for name in identity} | {
        "server": identity["server"]
    } == identity
    if moved and identity["created_at"]:
        return before, [f"the project has moved: {before.bound_to.get('server')} -> {identity['server']}"]
    _end_round(services, project_id)
    aside = services.store.set_aside(project_id)
    return None, [f"another project had this number: what was known of that one lies in {aside.name} now"]


def _keep_model_version(label_studio: LabelStudio, project: dict[str, Any]) -> None:
    """Undo that Label Studio makes a new backend's title the model version: it hides what others predict."""
    now = label_studio.project(project["id"]).get("model_version")
    before = project.get("model_version")
    if now == TITLE and before != TITLE:
        with suppress(LabelStudioError):
            label_studio.update_project(project["id"], model_version=before or "")


def disconnect(services: Services, project_id: int, *, forget: bool = False) -> list[str]:
    """Switch the loop off and return what was put back, a line each; annotations are never touched.

    Parameters
    ----------
    forget : bool
        Also remove the project's models and caches from MODEL_DIR.
    """
    label_studio, store = services.label_studio, services.store
    connection = read_connection(store, project_id)
    folder = store.folder(project_id)
    changes: list[str] = []
    if connection is not None:
        # First: a round that begins now would put back what we are about to undo.
        save_connection(store, project_id, replace(connection, on=False))
        _end_round(services, project_id)
        try:
            changes += _put_back(label_studio, project_id, connection, services.settings, folder)
        except LabelStudioNotFound:
            changes.append("the project is gone from Label Studio")
        except ForeignProject:
            changes.append("Label Studio has another project of this number: it was left alone")
    end_pause(folder)
    # Last: while anything is left to put back, a second `disconnect` must know of it.
    remove_connection(store, project_id)
    if connection is not None:
        changes.append("the loop is off for this project")
    if forget:
        store.forget(project_id)
        changes.append("its models and caches are removed")
    return changes


def _put_back(
    label_studio: LabelStudio, project_id: int, connection: Connection, settings: Settings, folder: Path
) -> list[str]:
    project = label_studio.project(project_id)
    if connection.bound_to and connection.bound_to != identity_of(settings.label_studio_url, project):
        raise ForeignProject
    ours, changes = Ours(settings, connection), []
    # Before the webhooks: removing a backend removes the webhook that Label Studio made for it.
    for backend in label_studio.ml_backends(project_id):
        if ours.backend(backend) and backend["id"] not in connection.found_ml_backends:
            label_studio.delete_ml_backend(backend["id"])
            changes.append("ML backend removed")
    with suppress(LabelStudioError):
        # Without it nothing is served otherwise, so it must not keep the rest from being put back.
        changes += remove_tab(label_studio, project_id, connection.tab_id)
    changes += close_all(label_studio, folder, project)
    changes += _put_webhooks_back(label_studio, project_id, ours)
    heads = [v for v in label_studio.model_versions(project_id) if v.startswith(VERSION_PREFIX)]
    changes += stop_serving(label_studio, project, connection.found)
    # After the switch back: Label Studio empties the model version when the one in use is deleted.
    for version in heads:
        label_studio.delete_model_version(project_id, version)
    if heads:
        changes.append(f"{len(heads)} queue heads (predictions) removed")
    return changes


def _put_webhooks_back(label_studio: LabelStudio, project_id: int, ours: Ours) -> list[str]:
    found = {w["id"]: w for w in ours.connection.found_webhooks}
    changes = []
    for webhook in label_studio.webhooks(project_id):
        before = found.pop(webhook["id"], None)
        if before is not None:
            wanted = {name: before[name] for name in WEBHOOK_FIELDS if name in before}
            if any(webhook.get(name) != value for name, value in wanted.items()):
                label_studio.update_webhook(webhook["id"], **wanted)
                changes.append("webhook put back")
        elif ours.webhook(webhook):
            label_studio.delete_webhook(webhook["id"])
            changes.append("webhook removed")
    return changes


def _end_round(services: Services, project_id: int) -> None:
    """Take the lease from a round that is running: it must not publish any more."""
    # Without Redis no round can publish either: its lease cannot be checked.
    with suppress(RedisError, SettingsError):
        take_away(services.impatient_redis, project_id)


def _ensure(make: Callable[[], tuple[int, str | None]], what: str) -> tuple[int | None, list[str]]:
    """Return the id of what is there now and, where something was changed or refused, a line about it."""
    try:
        made, change = make()
    except LabelStudioError as error:
        # Refused, as private addresses are by default; the loop works by its poll without either.
        return None, [f"no {what}: {error}"]
    return made, [change] if change else []


def _ml_backend(label_studio: LabelStudio, project_id: int, ours: Ours) -> tuple[int, str | None]:
    settings = ours.settings
    user, password = ml_backend_login(settings)
    for backend in label_studio.ml_backends(project_id):
        if ours.backend(backend):
            if str(backend.get("url", "")).rstrip("/") == settings.address:
                return backend["id"], None
            label_studio.update_ml_backend(backend["id"], url=settings.address)
            return backend["id"], f"ML backend moved: {settings.address}"
    made = label_studio.create_ml_backend(
        project=project_id,
        url=settings.address,
        title=TITLE,
        # The only credential that Label Studio's own calls carry.
        auth_method="BASIC_AUTH",
        basic_auth_user=user,
        basic_auth_pass=password,
    )
    return made["id"], f"ML backend added: {settings.address}"


def _webhook(label_studio: LabelStudio, project_id: int, ours: Ours) -> tuple[int, str | None]:
    wanted = {
        "url": f"{ours.settings.address}/webhook/{project_id}",
        # With it PROJECT_UPDATED says whether the labeling config is another one.
        "send_payload": True,
        # Their names differ between releases; what teaches nothing is ignored here.
        "send_for_all_actions": True,
        "is_active": True,
        "headers": {"Authorization": f"Bearer {webhook_secret(ours.settings)}"},
    }
    there = [w for w in label_studio.webhooks(project_id) if ours.webhook(w)]
    found = {w["id"] for w in ours.connection.found_webhooks}
    # Label Studio makes one by itself for each ML backend, without our secret; that one is made use of.
    there.sort(key=lambda w: (w["id"] not in found, w["id"]))
    for spare in there[1:]:
        if spare["id"] not in found:
            label_studio.delete_webhook(spare["id"])
    if not there:
        made = label_studio.create_webhook(project=project_id, **wanted)
        return made["id"], f"webhook added: {wanted['url']}"
    if all(there[0].get(name) == value for name, value in wanted.items()):
        return there[0]["id"], None
    label_studio.update_webhook(there[0]["id"], **wanted)
    return there[0]["id"], f"webhook set: {wanted['url']}"


@dataclass(frozen=True)
class Ours:
    """Tells what belongs to this backend: what leads to its address, or to an earlier one and was made there.

    A number alone says nothing: another database counts from the start again.
    """

    settings: Settings
    connection: Connection

    def backend(self, item: dict[str, Any]) -> bool:
        """Whether an ML backend is this one."""
        url = self._url(item)
        return url == self.settings.address or (
            item["id"] == self.connection.ml_backend_id and self._was_ours(url, item.get("title") == TITLE)
        )

    def webhook(self, item: dict[str, Any]) -> bool:
        """Whether a webhook leads here."""
        address, hooks, rest = self._url(item).partition("/webhook")
        if not hooks or (rest and not rest.startswith("/")):
            return False
        return address == self.settings.address or (
            item["id"] == self.connection.webhook_id and self._was_ours(address, rest[1:].isdigit())
        )

    def _was_ours(self, address: str, looks_so: bool) -> bool:
        """Whether it leads where this backend was; what an earlier version made is known by its looks."""
        return address in self.connection.addresses if self.connection.addresses else looks_so

    @staticmethod
    def _url(item: dict[str, Any]) -> str:
        return str(item.get("url", "")).rstrip("/")


def _found(label_studio: LabelStudio, project: dict[str, Any], settings: Settings) -> Connection:
    """Return what is there before anything is changed."""
    ours = Ours(settings, Connection())
    return Connection(
        found={name: project.get(name) for name in FOUND},
        found_ml_backends=[b["id"] for b in label_studio.ml_backends(project["id"]) if ours.backend(b)],
        found_webhooks=[w for w in label_studio.webhooks(project["id"]) if ours.webhook(w)],
    )
