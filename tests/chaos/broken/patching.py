"""Runs a function on a module as soon as it has been imported, for builds that are broken on purpose."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType


class _Patching(MetaPathFinder, Loader):
    def __init__(self, name: str, patch: Callable[[ModuleType], None]):
        self._name, self._patch = name, patch

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        assert spec is not None
        self._loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        assert self._loader is not None
        self._loader.exec_module(module)
        self._patch(module)


def patch_when_imported(name: str, patch: Callable[[ModuleType], None]) -> None:
    """Let `patch` change the module of this name before anyone uses it."""
    sys.meta_path.insert(0, _Patching(name, patch))
