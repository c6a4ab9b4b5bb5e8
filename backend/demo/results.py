"""What the demo has found: the figures at its end, and demo-out/results.json."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from backend.demo.simulation import BUDGET, Comparison, Curve, accuracy_at, labels_to_reach


def summarize(
    live: Mapping[str, tuple[Curve, Curve]], band: Mapping[str, Sequence[Comparison]]
) -> dict[str, Any]:
    """Return the figures of each data set, ready for JSON.

    `saving` is the loop's number of labels to 95 % of full-data accuracy as a share of random order's: the
    median over the seeds; None where one of them was not followed that far. `saving_with_encoder` is the same
    as a share of what random order takes without the encoder.
    """
    return {name: _summary(live[name], band[name]) for name in live}


def _summary(live: tuple[Curve, Curve], band: Sequence[Comparison]) -> dict[str, Any]:
    loop, random = live
    savings = [c.saving for c in band]
    with_encoder = [c.saving_with_encoder for c in band]
    at_budget = {
        "loop": [accuracy_at(c.loop, BUDGET) for c in band],
        "random": [accuracy_at(c.random, BUDGET) for c in band],
    }
    return {
        "labels": BUDGET,
        "live": {"loop": loop, "random": random},
        "live_at_budget": {"loop": accuracy_at(loop, BUDGET), "random": accuracy_at(random, BUDGET)},
        "seeds_at_budget": at_budget,
        "seeds_won": sum(a > b for a, b in zip(*at_budget.values(), strict=True)),
        "full_data_accuracy": statistics.median(c.full for c in band),
        "labels_to_target": [
            {arm: labels_to_reach(getattr(c, arm), c.target) for arm in ("loop", "random", "plain")}
            for c in band
        ],
        "savings": savings,
        "saving": _median(savings),
        "saving_with_encoder": _median(with_encoder),
        "seeds": [asdict(c) for c in band],
    }


def _median(shares: Sequence[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    # One that was never reached took more than all others: a median without it would flatter.
    return statistics.median(known) if known and len(known) == len(shares) else None


def in_words(results: Mapping[str, Any]) -> list[str]:
    """Return the figures as lines to print."""
    lines = []
    for name, found in results.items():
        live, seeds = found["live_at_budget"], found["seeds_at_budget"]
        loop, random = (statistics.median(seeds[arm]) for arm in ("loop", "random"))
        lines += [
            f"{name}, {found['labels']} labels, held-out accuracy:",
            f"  live in Label Studio    loop {live['loop']:.1%}   random order {live['random']:.1%}",
            f"  {len(seeds['loop'])} seeds, median         loop {loop:.1%}   random order {random:.1%}"
            f"   (the loop is ahead with {found['seeds_won']} of {len(seeds['loop'])})",
        ]
        if found["saving"] is not None:
            needed = found["labels_to_target"]
            loop, random = (statistics.median(n[arm] for n in needed) for arm in ("loop", "random"))
            lines.append(
                f"  to 95 % of the accuracy with all labels ({found['full_data_accuracy']:.1%}): "
                f"loop {loop:.0f} labels, random order {random:.0f}; median ratio {found['saving']:.2f}"
            )
        if found["saving_with_encoder"] is not None:
            plain = statistics.median(n["plain"] for n in found["labels_to_target"])
            lines.append(
                f"  random order without the encoder {plain:.0f}; median ratio "
                f"{found['saving_with_encoder']:.2f}"
            )
    return lines
