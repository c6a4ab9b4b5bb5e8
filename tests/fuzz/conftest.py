"""The fixtures of the backend's own tests."""

from tests.backend.conftest import (
    _no_settings_from_outside,
    fake,
    label_studio,
    project_id,
    services,
    settings,
    valkey_url,
)
from tests.backend.web.conftest import app_for, client, marker, predictor, settings_for

__all__ = [
    "_no_settings_from_outside",
    "app_for",
    "client",
    "fake",
    "label_studio",
    "marker",
    "predictor",
    "project_id",
    "services",
    "settings",
    "settings_for",
    "valkey_url",
]
