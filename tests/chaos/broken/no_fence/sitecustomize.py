"""A round that was outlived publishes all the same: nobody looks at the lease."""

from __future__ import annotations

from types import ModuleType

from patching import patch_when_imported


def patch(lease: ModuleType) -> None:
    lease.Lease._renew = lambda self: True


patch_when_imported("backend.loop.lease", patch)
