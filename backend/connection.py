"""Switching the loop on for a project, and off again with everything as it was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from backend.errors import LabelStudioError, LabelStudioNotFound
from backend.files import read_json, write_json
from backend.label_studio import LabelStudio
from backend.model_store import ModelStore
from backend.publish import SAMPLING, VERSION_PREFIX
from backend.secrets import ml_backend_login, webhook_secret
from backend.services import Services
from backend.settings import Settings

TITLE = "Clean AL"
FOUND = ("sampling", "model_version", "show_collab_predictions")


@dataclass(frozen=True)
class Connection:
    """What `connect` found and made, so that `disconnect` can put it back.

    Attributes
    ----------
    found : the project's settings before the first `connect`
    webhook_id, ml_backend_id : what we made; None where Label Studio refused, or where it was there before
    """

    found: dict[str, Any] = field(default_factory=dict)
    webhook_id: int | None = None
    ml_backend_id: int | None = None


def read_connection(store: ModelStore, project_id: int) -> Connection | None:
    """Return a project's connection, or None when the loop is off."""
    stored = read_json(store.folder(project_id) / "connection.json")
    return Connection(**stored) if isinstance(stored, dict) else None


def connect(services: Services, project_id: int) -> list[str]:
    """Switch the loop on for a project and return what was changed, a line each.

    Doing so twice changes nothing more; what was removed by hand in between is made again.

    Raises
    ------
    LabelStudioError
        When the project cannot be read or its sampling cannot be set. What was made until then is known to
        `disconnect`.
    """
    label_studio, store = services.label_studio, services.store
    project = label_studio.project(project_id)
    before = read_connection(store, project_id)
    connection = before or Connection(found={name: project.get(name) for name in FOUND})
    _save(store, project_id, connection)
    changes: list[str] = [] if before else ["the loop is on for this project"]

    backend_id, said = _ensure(lambda: _ml_backend(label_studio, project_id, services.settings), "ML backend")
    changes += said
    webhook_id, said = _ensure(lambda: _webhook(label_studio, project_id, services.settings), "webhook")
    changes += said
    if webhook_id is None:
        every = services.settings.poll_interval
        changes.append(f"the loop polls this project every {every:g} s instead")
    _save(store, project_id, Connection(connection.found, webhook_id, backend_id))

    # Adding an ML backend makes Label Studio put the backend's title here, which would mean random order.
    if project.get("sampling") != SAMPLING:
        label_studio.update_project(project_id, sampling=SAMPLING)
        changes.append(f"sampling: {project.get('sampling')} -> {SAMPLING}")
    return changes


def disconnect(services: Services, project_id: int, *, forget: bool = False) -> list[str]:
    """Switch the loop off and return what was put back, a line each; annotations are never touched.

    Parameters
    ----------
    forget : bool
        Also remove the project's models and caches from MODEL_DIR.
    """
    label_studio, store = services.label_studio, services.store
    connection = read_connection(store, project_id)
    changes: list[str] = []
    try:
        if connection is not None:
            changes += _put_back(label_studio, project_id, connection, services.settings)
    except LabelStudioNotFound:
        changes.append("the project is gone from Label Studio")
    (store.folder(project_id) / "connection.json").unlink(missing_ok=True)
    if connection is not None:
        changes.append("the loop is off for this project")
    if forget:
        store.forget(project_id)
        changes.append("its models and caches are removed")
    return changes


def _put_back(
    label_studio: LabelStudio, project_id: int, connection: Connection, settings: Settings
) -> list[str]:
    project = label_studio.project(project_id)
    changes = []
    # Before the webhooks: removing a backend removes the webhook that Label Studio made for it.
    for backend in label_studio.ml_backends(project_id):
        if _is_ours(backend, settings):
            label_studio.delete_ml_backend(backend["id"])
            changes.append("ML backend removed")
    for webhook in label_studio.webhooks(project_id):
        if _is_ours(webhook, settings):
            label_studio.delete_webhook(webhook["id"])
            changes.append("webhook removed")
    ours = [v for v in label_studio.model_versions(project_id) if v.startswith(VERSION_PREFIX)]
    changes += _restore(label_studio, project, connection.found)
    for version in ours:
        label_studio.delete_model_version(project_id, version)
    if ours:
        changes.append(f"{len(ours)} queue heads (predictions) removed")
    return changes


def _restore(label_studio: LabelStudio, project: dict[str, Any], found: dict[str, Any]) -> list[str]:
    changes = []
    for name in FOUND:
        if name not in found or project.get(name) == found[name]:
            continue
        try:
            label_studio.update_project(
                project["id"], **{name: found[name] if found[name] is not None else ""}
            )
            changes.append(f"{name}: {project.get(name)} -> {found[name]}")
        except LabelStudioError as error:
            changes.append(f"{name} stays {project.get(name)}: {error}")
    return changes


def _ensure(make: Callable[[], tuple[int, str | None]], what: str) -> tuple[int | None, list[str]]:
    """Return the id of what is there now and, where something was changed or refused, a line about it."""
    try:
        made, change = make()
    except LabelStudioError as error:
        return None, [f"no {what}: {error}"]
    return made, [change] if change else []


def _ml_backend(label_studio: LabelStudio, project_id: int, settings: Settings) -> tuple[int, str | None]:
    user, password = ml_backend_login(settings)
    for backend in label_studio.ml_backends(project_id):
        if _is_ours(backend, settings):
            return backend["id"], None
    made = label_studio.create_ml_backend(
        project=project_id,
        url=settings.address,
        title=TITLE,
        auth_method="BASIC_AUTH",
        basic_auth_user=user,
        basic_auth_pass=password,
    )
    return made["id"], f"ML backend added: {settings.address}"


def _webhook(label_studio: LabelStudio, project_id: int, settings: Settings) -> tuple[int, str | None]:
    wanted = {
        "url": f"{settings.address}/webhook/{project_id}",
        "send_payload": True,
        "send_for_all_actions": True,
        "is_active": True,
        "headers": {"Authorization": f"Bearer {webhook_secret(settings)}"},
    }
    ours = [w for w in label_studio.webhooks(project_id) if _is_ours(w, settings)]
    # Label Studio makes one by itself for each ML backend, without our secret; that one is made use of.
    for spare in ours[1:]:
        label_studio.delete_webhook(spare["id"])
    if not ours:
        made = label_studio.create_webhook(project=project_id, **wanted)
        return made["id"], f"webhook added: {wanted['url']}"
    if all(ours[0].get(name) == value for name, value in wanted.items()):
        return ours[0]["id"], None
    label_studio.update_webhook(ours[0]["id"], **wanted)
    return ours[0]["id"], f"webhook set: {wanted['url']}"


def _is_ours(item: dict[str, Any], settings: Settings) -> bool:
    url = str(item.get("url", "")).rstrip("/")
    return url == settings.address or url.startswith(f"{settings.address}/webhook")


def _save(store: ModelStore, project_id: int, connection: Connection) -> None:
    write_json(store.folder(project_id) / "connection.json", asdict(connection))
