"""`make audit`: writes the bill of materials, and names releases that are known to have holes.

It ends with 1 where there is one; with 0 where there is none, and where the database cannot be reached.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from audit.bill import bill
from audit.holes import DATABASE, NoData, known_holes
from audit.locks import Pin, pins

ROOT = Path(__file__).parents[1]
# What users install; the others are tools of our own.
SHIPPED = "requirements.lock"


def main(arguments: list[str] | None = None) -> int:
    """Audit the lock files; return the exit code."""
    parser = argparse.ArgumentParser(prog="make audit", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "sbom.cdx.json")
    parser.add_argument("--database", default=DATABASE, help="where to ask, such as a mirror")
    parser.add_argument("--locks", nargs="*", type=Path, default=sorted(ROOT.glob("requirements*.lock")))
    given = parser.parse_args(arguments)
    locked = {lock: pins(lock) for lock in given.locks}
    given.output.parent.mkdir(parents=True, exist_ok=True)
    shipped = next((found for lock, found in locked.items() if lock.name == SHIPPED), [])
    given.output.write_text(json.dumps(bill(ROOT, shipped), indent=1) + "\n", encoding="utf-8")
    print(f"{given.output}: the bill of materials, {len(shipped)} releases; every one pinned by its hashes")
    return _tell_holes(locked, given.database)


def _tell_holes(locked: dict[Path, list[Pin]], database: str) -> int:
    where = {pin: lock.name for lock, found in locked.items() for pin in found}
    try:
        holes = known_holes(sorted(where), database)
    except NoData as error:
        print(f"SKIPPED: whether any of them has known holes was not looked up: {error}", file=sys.stderr)
        return 0
    for pin, ids in holes.items():
        print(f"{where[pin]}: {pin.name} {pin.version}: {', '.join(ids)}", file=sys.stderr)
    print(f"{len(where)} releases looked up, {len(holes)} with known holes")
    return 1 if holes else 0


if __name__ == "__main__":
    raise SystemExit(main())
