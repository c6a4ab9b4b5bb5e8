"""`python -m tests.chaos --seed 7 --strikes 1000`: a campaign, and what came of it."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from tests.chaos.campaign import campaign


def main() -> int:
    """Run a campaign; return 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--strikes", type=int, default=30)
    parser.add_argument("--harms", nargs="*", help="only these, such as 'kill valkey'")
    parser.add_argument("--keep", type=Path, help="an empty directory for MODEL_DIR and the log")
    given = parser.parse_args()
    # The small disk is taken away at the end, however it comes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    report = campaign(given.seed, given.strikes, harms=given.harms, directory=given.keep)
    print(report)
    if report.log:
        print(report.log, file=sys.stderr)
    return 1 if report.violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
