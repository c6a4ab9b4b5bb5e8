"""The live loop between Label Studio and the sampler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backend.web import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:
    # Looked up when asked for: `import backend` alone must stay cheap for the command line.
    if name == "create_app":
        from backend.web import create_app

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
