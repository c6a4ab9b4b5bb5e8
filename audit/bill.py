"""The bill of materials of what is installed, in CycloneDX 1.5 (https://cyclonedx.org/docs/1.5/json)."""

from __future__ import annotations

import hashlib
import json
import tomllib
import uuid
from pathlib import Path
from typing import Any

from audit.locks import Pin

# Of the releases' own files: which of them is installed depends on the machine.
HASHES = "clean-al:sha256"


def bill(project: Path, pinned: list[Pin]) -> dict[str, Any]:
    """Return the bill of a project and what its lock pins; the same input gives the same bill."""
    about = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    root = {
        "type": "application",
        "bom-ref": "root",
        "name": about["name"],
        "version": about["version"],
        "licenses": [{"license": {"id": about["license"]}}],
    }
    components = [_component(pin) for pin in pinned]
    digest = hashlib.sha256(json.dumps([root, components]).encode()).hexdigest()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.UUID(digest[:32], version=4)}",
        "version": 1,
        "metadata": {"component": root},
        "components": components,
        "dependencies": [{"ref": "root", "dependsOn": [one["bom-ref"] for one in components]}],
    }


def _component(pin: Pin) -> dict[str, Any]:
    address = f"pkg:pypi/{pin.name}@{pin.version}"
    return {
        "type": "library",
        "bom-ref": address,
        "name": pin.name,
        "version": pin.version,
        "purl": address,
        "properties": [{"name": HASHES, "value": one} for one in pin.hashes],
    }
