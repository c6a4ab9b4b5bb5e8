"""Run benchmarks by name, or all of them: `make bench ARGS="webhook_latency"`.

Each one prints its figures and keeps them under benchmarks/results/; docs/benchmarks.md is made from those.
"""

from __future__ import annotations

import importlib
import sys

from benchmarks.tables import BENCHMARKS


def main(arguments: list[str]) -> int:
    """Run the named benchmarks; what follows a name and begins with a dash is passed to it."""
    names = [a for a in arguments if not a.startswith("-")]
    options = [a for a in arguments if a.startswith("-")]
    unknown = [n for n in names if n not in BENCHMARKS]
    if unknown or (options and len(names) != 1):
        print(
            f"usage: python -m benchmarks [NAME [OPTION=VALUE ...]]; names: {', '.join(BENCHMARKS)}",
            file=sys.stderr,
        )
        return 2
    for name in names or BENCHMARKS:
        print(f"== {name}", flush=True)
        importlib.import_module(f"benchmarks.{name}").main(options)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
