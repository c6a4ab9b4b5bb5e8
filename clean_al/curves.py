"""Learning curves of strategies, side by side, and the figures that sum them up."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

BASELINE = "random"


@dataclass(frozen=True, eq=False)
class StrategyComparison:
    """Test accuracy of every strategy after every batch, for every seed.

    Attributes
    ----------
    n_labels : int array of shape (n_points,)
    accuracy : dict of strategy name to float array of shape (n_seeds, n_points)
    full_accuracy : float, test accuracy of a model trained on every label of the pool
    """

    n_labels: np.ndarray
    accuracy: dict[str, np.ndarray]
    full_accuracy: float

    @property
    def n_seeds(self) -> int:
        """Runs of each strategy."""
        return len(next(iter(self.accuracy.values())))

    def area(self, name: str) -> np.ndarray:
        """Area under the learning curve of every seed, as a mean accuracy; shape (n_seeds,)."""
        curve = self.accuracy[name]
        # No area over one point: dividing by its width would be 0 / 0.
        if len(self.n_labels) == 1:
            return curve[:, 0]
        return np.trapezoid(curve, self.n_labels, axis=1) / (self.n_labels[-1] - self.n_labels[0])

    def gain(self, name: str, over: str = BASELINE) -> tuple[float, float]:
        """Mean difference in area to another strategy, paired by seed, and its standard error."""
        difference = self.area(name) - self.area(over)
        n = len(difference)
        return float(difference.mean()), float(difference.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")

    def labels_to(self, name: str, target: float) -> np.ndarray:
        """Labels needed by every seed to reach an accuracy, between two batches linearly; inf if never."""
        return np.array([_first_crossing(self.n_labels, curve, target) for curve in self.accuracy[name]])

    def label_ratio(self, name: str, share: float = 0.95, over: str = BASELINE) -> tuple[float, bool]:
        """Median ratio of the labels needed for a share of full accuracy to those of another strategy.

        Returns
        -------
        ratio : float, nan if this strategy does not get there in most runs
        bound : bool, True if the other one did not get there in some run: the whole budget stands for what
            it needs, and the ratio is an upper bound
        """
        target = share * self.full_accuracy
        mine, theirs = self.labels_to(name, target), self.labels_to(over, target)
        # The median, as single runs may be infinite: a mean of ratios would be so too.
        ratio = np.median(mine / np.minimum(theirs, self.n_labels[-1]))
        return (float(ratio) if np.isfinite(ratio) else float("nan")), bool(np.isinf(theirs).any())

    def to_table(self) -> str:
        """The strategies, best first: mean accuracy over the curve, gain over random, labels to 95 %."""
        names = sorted(self.accuracy, key=lambda name: -self.area(name).mean())
        lines = [f"{'strategy':<24}{'area':>7}{'sd':>6}{'gain':>8}{'+-':>6}{'final':>8}{'labels to 95%':>15}"]
        lines += [self._line(name) for name in names]
        runs = "1 seed" if self.n_seeds == 1 else f"{self.n_seeds} seeds"
        lines.append(f"accuracy with every label: {self.full_accuracy:.1%}; {runs}")
        return "\n".join(lines)

    def _line(self, name: str) -> str:
        area = 100 * self.area(name)
        gain = f"{'':>14}"
        if BASELINE in self.accuracy and name != BASELINE:
            mean, error = self.gain(name)
            gain = f"{100 * mean:>+8.1f}{_spread(100 * error)}"
        needed = np.median(self.labels_to(name, 0.95 * self.full_accuracy))
        reached = f"{needed:.0f}" if np.isfinite(needed) else "not reached"
        final = 100 * self.accuracy[name][:, -1].mean()
        sd = area.std(ddof=1) if len(area) > 1 else float("nan")
        return f"{name:<24}{area.mean():>7.1f}{_spread(sd)}{gain}{final:>8.1f}{reached:>15}"

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, for JSON."""
        return {
            "n_labels": self.n_labels.tolist(),
            "full_accuracy": self.full_accuracy,
            "accuracy": {name: np.round(curve, 5).tolist() for name, curve in self.accuracy.items()},
        }

    def to_json(self, path: str | Path | None = None) -> str:
        """JSON text of `to_dict`, also written to a path if one is given."""
        text = json.dumps(self.to_dict())
        if path is not None:
            Path(path).write_text(text + "\n", encoding="utf-8")
        return text

    def plot_learning_curves(self, path: str | Path | None = None) -> Any:
        """Draw mean accuracy against labels, with one standard deviation over the seeds as a band.

        Parameters
        ----------
        path : where to save the figure (PNG, SVG or PDF by its suffix), optional

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        ImportError
            Without matplotlib (the extra "plot").
        """
        try:
            # Figure and not pyplot: no window, no global state, and it draws in threads and on servers.
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError("plotting needs matplotlib: pip install 'clean-al[plot]'") from error
        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        for name, curve in self.accuracy.items():
            mean, spread = curve.mean(axis=0), curve.std(axis=0)
            style = "--" if name == BASELINE else "-"
            (line,) = axes.plot(self.n_labels, mean, style, label=name)
            axes.fill_between(self.n_labels, mean - spread, mean + spread, color=line.get_color(), alpha=0.15)
        axes.axhline(self.full_accuracy, color="gray", linewidth=1, linestyle=":", label="every label")
        axes.set(xlabel="labels", ylabel="test accuracy")
        axes.legend()
        if path is not None:
            figure.savefig(path, dpi=120)
        return figure


def _spread(value: float) -> str:
    """Six characters; a single run has no spread."""
    return f"{value:>6.1f}" if np.isfinite(value) else f"{'-':>6}"


def _first_crossing(n_labels: np.ndarray, curve: np.ndarray, target: float) -> float:
    above = np.flatnonzero(curve >= target)
    if len(above) == 0:
        return float("inf")
    i = int(above[0])
    if i == 0:
        return float(n_labels[0])
    low, high = curve[i - 1], curve[i]
    return float(n_labels[i - 1] + (target - low) / (high - low) * (n_labels[i] - n_labels[i - 1]))
