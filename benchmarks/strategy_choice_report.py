"""What the curves of `strategy_choice` say: gains over random by set, and choices on sets left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

BASELINE, PUBLISHED, BEFORE = "random", "herding_published", "auto_before"
DEFAULT, UNGUARDED = "typical1_guard_low", "typical1"
DRAWN = (BASELINE, BEFORE, DEFAULT)
# Points of mean gain that a candidate may lie behind the best one and still be taken for its worst set.
CLOSE = 0.1
SKLEARN = ("digits", "digits_shuffled", "wine", "breast_cancer", "iris", "fashion_mnist")


def family(name: str) -> str:
    """What a set has in common with others: texts are one family, since some come as several sets."""
    for start in ("made", "ml"):
        if name.startswith(start + "_"):
            return {"made": "made", "ml": "mlbench"}[start]
    return "pictures and classics" if name in SKLEARN else "texts"


def areas(results: list[dict[str, Any]]) -> dict[str, dict[str, dict[int, float]]]:
    """Area under the curve over random's in points, by set, name and seed."""
    mean = {(r["set"], r["name"], r["seed"]): 100 * float(np.mean(r["accuracy"])) for r in results}
    result: dict[str, dict[str, dict[int, float]]] = {}
    for (where, name, seed), value in mean.items():
        base = mean.get((where, BASELINE, seed))
        if base is not None:
            result.setdefault(where, {}).setdefault(name, {})[seed] = value - base
    return result


def kept(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The part that is kept: mean gain and its standard error by set and candidate, and a few mean curves."""
    cells = areas(results)
    gains = {
        where: {
            n: [_rounded(np.mean(v)), _rounded(_error(v))] for n, by in row.items() for v in [[*by.values()]]
        }
        for where, row in cells.items()
    }
    curves: dict[str, dict[str, list[float]]] = {}
    batch = {r["set"]: r["batch"] for r in results}
    for where in cells:
        for name in DRAWN:
            found = [r["accuracy"] for r in results if r["set"] == where and r["name"] == name]
            curves.setdefault(where, {})[name] = [_rounded(100 * a) for a in np.mean(found, axis=0)]
    seeds = len({r["seed"] for r in results})
    return {"seeds": seeds, "batch": batch, "gains": gains, "curves": curves}


def _error(values: list[float]) -> float:
    return float(np.std(values) / np.sqrt(max(len(values) - 1, 1)))


def _rounded(value: Any) -> float:
    return round(float(value), 2)


def by_mean(gain: np.ndarray) -> int:
    """The candidate of the largest mean gain; gain has the shape (n_sets, n_candidates)."""
    return int(gain.mean(axis=0).argmax())


def by_worst(gain: np.ndarray) -> int:
    """Of the candidates that lie close to the best mean, the one whose worst set is best."""
    mean, worst = gain.mean(axis=0), gain.min(axis=0)
    return int(np.where(mean >= mean.max() - CLOSE, worst, -np.inf).argmax())


def left_out(gain: np.ndarray, groups: list[str], rule: Callable[[np.ndarray], int]) -> np.ndarray:
    """For each set the candidate that the rule takes on all sets of other groups."""
    return np.array([rule(gain[[g != own for g in groups]]) for own in groups])


def interval(differences: np.ndarray) -> str:
    """The mean and the half width of its 95 % interval over sets."""
    reach = 1.96 * differences.std(ddof=1) / np.sqrt(len(differences))
    return f"{differences.mean():+.2f} ± {reach:.2f}"


def report(results: list[dict[str, Any]]) -> str:
    """Every figure of a run as text."""
    result = kept(results)
    rows = (
        f"{w}: " + ", ".join(f"{n} {m:+.2f}({e:.2f})" for n, (m, e) in c.items())
        for w, c in result["gains"].items()
    )
    return "\n".join([table(result), "", *rows])


def table(result: dict[str, Any]) -> str:
    """The kept result for the docs."""
    gains: dict[str, dict[str, list[float]]] = result["gains"]
    names = [n for n in next(iter(gains.values())) if all(n in row for row in gains.values())]
    gain = np.array([[row[n][0] for n in names] for row in gains.values()])
    size = f"{len(gain)} sets, {result['seeds']} seeds"
    return "\n".join(
        [
            f"{size}; mean accuracy over ten batches, up to 200 labels, less random's on the same split,",
            f"in points; intervals are 95 % over sets. `auto` is `{DEFAULT}`; before, it was `{BEFORE}`.",
            "",
            *_ranking(names, gain, list(gains)),
            "",
            "Chosen without a whole family of sets, by the mean, and by the worst set of those at most",
            f"{CLOSE} behind the best mean:",
            "",
            *_choices(names, gain, [family(where) for where in gains]),
            "",
            "By set, with the standard error over seeds:",
            "",
            *_by_set(result),
        ]
    )


def _ranking(names: list[str], gain: np.ndarray, sets: list[str]) -> list[str]:
    """A row for each candidate, the best first."""
    before = gain[:, names.index(BEFORE)]
    lines = ["| candidate | mean gain | over what was the default | behind random on | worst set |"]
    lines.append("|---|---|---|---|---|")
    for i in np.argsort(-gain.mean(axis=0), kind="stable"):
        g, worst = gain[:, i], int(gain[:, i].argmin())
        lines.append(
            f"| {names[i]} | {g.mean():+.2f} | {interval(g - before)} | {(g < 0).sum()} sets "
            f"| {g[worst]:+.2f} ({sets[worst]}) |"
        )
    return lines


def _choices(names: list[str], gain: np.ndarray, groups: list[str]) -> list[str]:
    """What a rule would have taken without a family of sets, and what that gets on that family."""
    lines = [
        "| left out | best mean elsewhere | gain there | best worst set of the close ones | gain there |"
    ]
    lines.append("|---|---|---|---|---|")
    chosen = [left_out(gain, groups, rule) for rule in (by_mean, by_worst)]
    got = [gain[np.arange(len(gain)), c] for c in chosen]
    for own in sorted(set(groups)):
        here = np.array([g == own for g in groups])
        cells = (f"{names[c[here][0]]} | {g[here].mean():+.2f}" for c, g in zip(chosen, got, strict=True))
        lines.append(f"| {own} ({here.sum()} sets) | " + " | ".join(cells) + " |")
    for other in (BEFORE, PUBLISHED, BASELINE):
        cells = (f"| {interval(g - gain[:, names.index(other)])}" for g in got)
        lines.append(f"| all, over {other} | " + " | ".join(cells) + " |")
    return lines


def _by_set(result: dict[str, Any]) -> list[str]:
    """Gains by set with their standard errors, and the mean curves of three candidates."""
    shown = (BEFORE, DEFAULT, UNGUARDED, PUBLISHED, "margin")
    lines = ["| set | " + " | ".join(shown) + " |", "|---" * (len(shown) + 1) + "|"]
    for where, row in result["gains"].items():
        lines.append(
            f"| {where} | " + " | ".join(f"{m:+.1f} ({e:.1f})" for m, e in (row[n] for n in shown)) + " |"
        )
    lines += ["", "Mean accuracy over the sets that are labeled by twenties:", ""]
    large = [where for where, batch in result["batch"].items() if batch == 20]
    steps = len(result["curves"][large[0]][BASELINE])
    lines += [
        "| labels | " + " | ".join(str(20 * (i + 1)) for i in range(steps)) + " |",
        "|---" * (steps + 1) + "|",
    ]
    for name in DRAWN:
        mean = np.mean([result["curves"][where][name] for where in large], axis=0)
        lines.append(f"| {name} | " + " | ".join(f"{a:.1f}" for a in mean) + " |")
    return lines
