"""Which projects the loop is on for, and what `connect` found and made in each."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from backend.errors import ForeignProject
from backend.store.files import read_record_twice, remove_twice, write_json_twice
from backend.store.models import ModelStore


@dataclass(frozen=True)
class Connection:
    """What `connect` found and made, so that `disconnect` can put it back.

    Attributes
    ----------
    found : the project's settings before the first `connect`
    found_ml_backends : ids of the ML backends at our address that were there before
    found_webhooks : the webhooks to our address that were there before, as they were
    webhook_id, ml_backend_id, tab_id : those in use; None where Label Studio refused
    bound_to : the server, organization and time of creation of the project that was connected; empty where an
        earlier version has not noted them
    addresses : of this backend, each under which `connect` has made something
    on : False from the moment that `disconnect` begins: what it puts back must not be changed again
    """

    found: dict[str, Any] = field(default_factory=dict)
    found_ml_backends: list[int] = field(default_factory=list)
    found_webhooks: list[dict[str, Any]] = field(default_factory=list)
    webhook_id: int | None = None
    ml_backend_id: int | None = None
    tab_id: int | None = None
    bound_to: dict[str, Any] = field(default_factory=dict)
    addresses: list[str] = field(default_factory=list)
    on: bool = True


def read_connection(store: ModelStore, project_id: int) -> Connection | None:
    """Return a project's connection, or None when the loop was never on or is off again."""
    return read_record_twice(connection_file(store, project_id), Connection)


def is_damaged(store: ModelStore, project_id: int) -> bool:
    """Whether there is a connection that cannot be read, nor its copy: nobody knows whether it was on."""
    return connection_file(store, project_id).exists() and read_connection(store, project_id) is None


def is_connected(store: ModelStore, project_id: int) -> bool:
    """Return whether the loop is switched on for a project."""
    connection = read_connection(store, project_id)
    return connection is not None and connection.on


def identity_of(server: str, project: dict[str, Any]) -> dict[str, Any]:
    """Return what tells a project from all others; its number alone is used again on every server."""
    # Neither changes in a project's life; its title and its owner may.
    names = ("organization", "created_at")
    return {"server": server.rstrip("/")} | {name: project.get(name) for name in names}


def bind(store: ModelStore, project_id: int, identity: dict[str, Any]) -> None:
    """Check that a project is the one that was connected; what an earlier version connected is bound now.

    Raises
    ------
    ForeignProject
        It is another one: a server of its own, another database, a project deleted and made again.
    """
    connection = read_connection(store, project_id)
    if connection is None or connection.bound_to == identity:
        return
    if connection.bound_to:
        raise ForeignProject(
            f"not the project that was connected: {_told(connection.bound_to)}, but {_told(identity)}; it is "
            f"left alone. To work on it: clean-al connect {project_id}"
        )
    # While disconnect puts things back the record is not touched.
    if connection.on:
        save_connection(store, project_id, replace(connection, bound_to=identity))


def _told(identity: dict[str, Any]) -> str:
    return f"made {identity.get('created_at')} on {identity.get('server')}"


def save_connection(store: ModelStore, project_id: int, connection: Connection) -> None:
    """Keep a project's connection."""
    # Twice: nobody else knows what the project was like before.
    write_json_twice(connection_file(store, project_id), asdict(connection))


def remove_connection(store: ModelStore, project_id: int) -> None:
    """Forget what `connect` found and made."""
    remove_twice(connection_file(store, project_id))


def connection_file(store: ModelStore, project_id: int) -> Path:
    """Return where a project's connection is kept."""
    return store.folder(project_id) / "connection.json"
