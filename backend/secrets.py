"""The secrets that this backend and Label Studio share, given by the settings or made once and kept."""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from pathlib import Path

from backend.errors import SettingsError
from backend.settings import Settings

FILE_NAME = "webhook-secret"
SHORTEST = 16
ML_USER = "clean-al"


def webhook_secret(settings: Settings) -> str:
    """Return the secret that a webhook must carry, as `Authorization: Bearer <secret>`.

    It is `settings.webhook_secret` when that is set. Otherwise one is made and kept in
    MODEL_DIR/webhook-secret (mode 0600); several processes that start at once agree on one.

    Raises
    ------
    SettingsError
        When the file cannot be written or read, or holds no usable secret.
    """
    given = settings.webhook_secret.get_secret_value().strip() if settings.webhook_secret else ""
    if given:
        return given
    path = settings.model_dir / FILE_NAME
    try:
        if not path.exists():
            _create(path)
        _refuse_strange(path)
        kept = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"MODEL_DIR: {path} cannot be used ({type(error).__name__}); set WEBHOOK_SECRET"
        ) from None
    # A file that a full disk has cut short: a part of a secret is easier to guess.
    if len(kept) < SHORTEST:
        raise SettingsError(f"MODEL_DIR: {path} holds no secret; delete it and a new one is made")
    return kept


def ml_backend_login(settings: Settings) -> tuple[str, str]:
    """Return the user and password for Label Studio's ML backend form.

    They are BASIC_AUTH_USER and BASIC_AUTH_PASS when set, else "clean-al" and the webhook secret: with them
    even "Start training", which Label Studio sends without the webhook's headers, arrives authenticated.
    """
    if settings.basic_auth_user and settings.basic_auth_pass:
        return settings.basic_auth_user, settings.basic_auth_pass.get_secret_value()
    return ML_USER, webhook_secret(settings)


def _refuse_strange(path: Path) -> None:
    """Refuse a secret that somebody else may have put there, or that leads elsewhere."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise SettingsError(
            f"MODEL_DIR: {path} is a link or can be written by others; delete it and a new one is made"
        )


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{FILE_NAME}-")  # mkstemp makes it 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        _publish(draft, path)
    finally:
        os.unlink(draft)


def _publish(draft: str, path: Path) -> None:
    # A link, not a rename: whoever comes second must not replace a secret that is already in use.
    try:
        os.link(draft, path)
    except FileExistsError:
        return
