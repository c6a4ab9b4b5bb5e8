"""The web edge: Label Studio's ML protocol and its webhooks over HTTP."""

from backend.web.app import create_app

__all__ = ["create_app"]
