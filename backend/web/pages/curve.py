"""The learning curve as geometry: what an SVG of a given size has to draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from backend.store.insight import CurvePoint

LEFT, RIGHT, TOP, BOTTOM = 44.0, 14.0, 12.0, 34.0
STEPS = (1, 2, 5, 10)
# Marks of rounds that are closer together, in pixels, would run into one gray bar.
APART = 4.0


@dataclass(frozen=True)
class Dot:
    """One estimate: its place in pixels, and what it says."""

    x: float
    y: float
    point: CurvePoint


@dataclass(frozen=True)
class Tick:
    """A place on an axis, in pixels, and the value that stands there."""

    at: float
    label: str


@dataclass(frozen=True)
class Chart:
    """A drawing of `width` by `height` pixels, its origin top left.

    Attributes
    ----------
    line, band : points of the curve and of its interval, as SVG writes them
    rounds : where a round has learned, along the axis of labels
    target : the height of the accuracy that the project wants; None without one
    random_line, random_band : the same of random labeling; empty where it is not known
    """

    width: float
    height: float
    line: str
    band: str
    dots: tuple[Dot, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    rounds: tuple[float, ...]
    sentence: str
    target: float | None = None
    random_line: str = ""
    random_band: str = ""

    @property
    def floor(self) -> float:
        """The height of the axis of labels."""
        return self.height - BOTTOM

    @property
    def left(self) -> float:
        return LEFT

    @property
    def right(self) -> float:
        return self.width - RIGHT


def draw(
    curve: Sequence[CurvePoint],
    rounds: Sequence[int],
    width: float,
    height: float,
    target: float | None = None,
    measure: str = "accuracy",
    random: Sequence[CurvePoint] = (),
) -> Chart:
    """Return what to draw of a curve that has at least one point.

    Parameters
    ----------
    rounds : how many labels each round has learned from
    target : the accuracy that the project wants, from 0 to 1
    measure : what it is that was estimated, such as "F1"
    random : what random labeling is estimated to have reached
    """
    points = sorted(curve, key=lambda p: p.labels)
    # Rounds go on after the last estimate, so the axis ends where they do.
    most = max(points[-1].labels, *rounds, 1) if rounds else max(points[-1].labels, 1)
    across = _ticks(0, most, 6 if width > 500 else 4)
    random = [p for p in sorted(random, key=lambda p: p.labels) if 0 <= p.labels <= most]
    low, high = _accuracies(points, target, random)
    up = _ticks(low, high, 5)
    x_scale = (width - LEFT - RIGHT) / max(most, across[-1])
    y_scale = (height - TOP - BOTTOM) / (high - low)

    def x(labels: float) -> float:
        return round(LEFT + labels * x_scale, 1)

    def y(percent: float) -> float:
        # A damaged estimate is drawn at the edge, not outside of the picture.
        return round(TOP + (high - min(max(percent, low), high)) * y_scale, 1)

    dots = tuple(Dot(x(p.labels), y(100 * p.accuracy), p) for p in points)

    def band(of: Sequence[CurvePoint]) -> str:
        above = [(x(p.labels), y(100 * p.high)) for p in of]
        return _written(above + [(x(p.labels), y(100 * p.low)) for p in reversed(of)])

    return Chart(
        width=width,
        height=height,
        line=_written([(d.x, d.y) for d in dots]),
        band=band(points),
        dots=dots,
        across=tuple(Tick(x(v), f"{v:,.0f}") for v in across),
        up=tuple(Tick(y(v), f"{v:.0f}\u202f%") for v in up),
        rounds=tuple(dict.fromkeys(APART * round(x(n) / APART) for n in rounds)),
        sentence=sentence(points, measure)
        + _beside(random)
        + (f" The target is {target:.0%}." if target is not None else ""),
        target=None if target is None else y(100 * target),
        random_line=_written([(x(p.labels), y(100 * p.accuracy)) for p in random]),
        random_band=band(random),
    )


def sentence(points: Sequence[CurvePoint], measure: str = "accuracy") -> str:
    """Return what a curve says, for those who do not see it."""
    first, last = points[0], points[-1]
    now = f"{last.accuracy:.0%} at {last.labels:,} labels, between {last.low:.0%} and {last.high:.0%}"
    if len(points) == 1:
        return f"Estimated {measure}: {now}."
    # By what is read: 80.1% and 80.4% both stand here as 80%.
    a, b = round(100 * first.accuracy), round(100 * last.accuracy)
    went = "rose" if b > a else "fell" if b < a else "went"
    return f"Estimated {measure} {went} from {first.accuracy:.0%} at {first.labels:,} labels to {now}."


def _beside(random: Sequence[CurvePoint]) -> str:
    if not random:
        return ""
    last = random[-1]
    between = f"between {last.low:.0%} and {last.high:.0%}"
    return f" In random order {last.labels:,} labels would have reached {last.accuracy:.0%}, {between}."


def _accuracies(
    points: Sequence[CurvePoint], target: float | None, random: Sequence[CurvePoint]
) -> tuple[float, float]:
    """Return the ends of the axis of accuracy in percent: whole tens around all intervals."""
    shares = [share for p in points for share in (p.low, p.accuracy, p.high)]
    shares += [] if target is None else [target]
    # The band of the random curve may be cut off below: what it stands beside should not be pressed flat.
    shares += [p.accuracy for p in random]
    low, high = 10 * math.floor(10 * min(shares)), 10 * math.ceil(10 * max(shares))
    low, high = max(low, 0), min(max(high, 10), 100)
    return (low, high) if high > low else (max(high - 10, 0), high)


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Return round values between `low` and `high`, at most so many and a little."""
    span = max(high - low, 1)
    power = 10 ** math.floor(math.log10(span / most)) if span > most else 1
    step = next((s * power for s in STEPS if span / (s * power) <= most), 10 * power)
    first = step * math.ceil(low / step)
    return [first + i * step for i in range(int((high - first) // step) + 1)]


def _written(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in places)
