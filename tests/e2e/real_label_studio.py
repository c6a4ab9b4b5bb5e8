"""The real Label Studio for tests, the same that `clean-al demo` starts."""

from __future__ import annotations

import tempfile
from functools import cache

from backend.demo.label_studio_server import LabelStudioServer as RealLabelStudio
from backend.demo.label_studio_server import User

__all__ = ["RealLabelStudio", "User", "shared_server"]


@cache
def shared_server(binary: str) -> RealLabelStudio:
    """Return the one server that a test session starts, however many folders ask for it."""
    directory = tempfile.mkdtemp(prefix="label-studio-")
    server = RealLabelStudio(binary, directory, allow_private_addresses=True)
    server.start()
    return server
