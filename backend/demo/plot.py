"""The learning curves as a picture: the live run over the band of the seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from backend.demo.simulation import BUDGET, TARGET_SHARE, Comparison, Curve, accuracy_at

LOOP, RANDOM, GRAY = "#0b6e4f", "#c8553d", "#666666"


def learning_curves(
    live: Mapping[str, tuple[Curve, Curve]], band: Mapping[str, Sequence[Comparison]]
) -> Figure:
    """Return a figure with a panel for each data set.

    Parameters
    ----------
    live : for each data set, the loop's and random order's curve in Label Studio
    band : for each data set, the same comparison without Label Studio, one per seed
    """
    with matplotlib.rc_context({"font.size": 11, "axes.spines.top": False, "axes.spines.right": False}):
        # Not by pyplot, which would look for a display.
        figure = Figure(figsize=(6.4 * len(live), 5.2), dpi=150, layout="constrained")
        for axes, name in zip(figure.subplots(1, len(live), squeeze=False)[0], live, strict=True):
            _draw(axes, name, live[name], band[name])
        figure.suptitle("What the same number of labels teaches", fontsize=15, fontweight="bold")
    return figure


def _draw(axes: Any, name: str, live: tuple[Curve, Curve], band: Sequence[Comparison]) -> None:
    curves = {"loop": [c.loop for c in band], "random": [c.random for c in band]}
    for curve, seeds, color, label, marker in (
        (live[0], curves["loop"], LOOP, "loop", "o"),
        (live[1], curves["random"], RANDOM, "random order", "s"),
    ):
        labels, table = _table(seeds)
        axes.fill_between(
            labels, table.min(0), table.max(0), color=color, alpha=0.16, linewidth=0,
            label=f"{label}, {len(seeds)} seeds: range",
        )  # fmt: skip
        axes.plot(
            labels, np.median(table, 0), color=color, linewidth=1, linestyle="--",
            label=f"{label}, {len(seeds)} seeds: median",
        )  # fmt: skip
        axes.plot(
            *zip(*curve, strict=True), color=color, linewidth=2.6, marker=marker, markersize=5,
            label=f"{label}, live in Label Studio", zorder=3,
        )  # fmt: skip
    _draw_target(axes, band, min(float(_table(s)[1].min()) for s in curves.values()))
    axes.set_title(name.capitalize())
    axes.set_xlabel("tasks labeled")
    axes.set_ylabel("accuracy on held-out items")
    axes.set_xlim(0, BUDGET + 4)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(alpha=0.25)
    axes.legend(loc="lower right", frameon=False, fontsize=9)


def _draw_target(axes: Any, band: Sequence[Comparison], lowest: float) -> None:
    target = float(np.median([c.target for c in band]))
    label = f"{TARGET_SHARE:.0%} of the accuracy with all labels ({target:.1%})"
    axes.axhline(target, color=GRAY, linewidth=1.2, linestyle=":", label=label)
    axes.set_ylim(max(0.0, lowest - 0.05), min(1.02, target + 0.12))


def _table(curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of labels up to the budget, and the accuracies of shape (n_seeds, n_points)."""
    labels = np.array([n for n, _ in curves[0] if n <= BUDGET])
    return labels, np.array([[accuracy_at(curve, n) for n in labels] for curve in curves])
