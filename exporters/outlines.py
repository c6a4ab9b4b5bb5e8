"""Outlines of masks, exactly along the pixels' edges."""

from __future__ import annotations

import numpy as np

from exporters.masks import mask_pixels
from exporters.records import Mask, Point

# The padded array of a mask is held whole, a byte a pixel.
LARGEST_OUTLINED = 1 << 26
_Corner = tuple[int, int]
# With y downwards, walking clockwise: where a right turn, straight on, a left turn lead.
_TURNS = {
    (1, 0): ((0, 1), (1, 0), (0, -1)),
    (0, 1): ((-1, 0), (0, 1), (1, 0)),
    (-1, 0): ((0, -1), (-1, 0), (0, 1)),
    (0, -1): ((1, 0), (0, -1), (-1, 0)),
}


def mask_outlines(mask: Mask) -> tuple[list[tuple[Point, ...]], int]:
    """Return the outer outlines of its parts (clockwise, corners only), and how many holes there are."""
    if mask.width * mask.height > LARGEST_OUTLINED:
        raise ValueError(f"a mask of more than {LARGEST_OUTLINED:,} pixels is not outlined")
    edges = _edges(mask)
    outer: list[tuple[Point, ...]] = []
    holes = 0
    for start in sorted(edges):
        if start not in edges:
            continue
        loop = _walk(edges, start)
        # With y downwards, clockwise is positive; around a hole the set pixels lie outside, so the walk turns
        # left.
        if _doubled_area(loop) > 0:
            outer.append(tuple((x + float(mask.left), y + float(mask.top)) for x, y in loop))
        else:
            holes += 1
    return outer, holes


def _edges(mask: Mask) -> dict[_Corner, list[_Corner]]:
    """Return the unit edges between set and unset pixels, start to ends, with the set pixel on the right."""
    # A border of unset pixels: the outermost ones have an edge, too, without four cases of their own.
    field = np.pad(mask_pixels(mask), 1)
    inner = field[1:-1, 1:-1]
    edges: dict[_Corner, list[_Corner]] = {}
    sides = (
        (field[:-2, 1:-1], (0, 0), (1, 0)),
        (field[1:-1, 2:], (1, 0), (1, 1)),
        (field[2:, 1:-1], (1, 1), (0, 1)),
        (field[1:-1, :-2], (0, 1), (0, 0)),
    )
    for neighbor, (x0, y0), (x1, y1) in sides:
        for y, x in np.argwhere(inner & ~neighbor).tolist():
            edges.setdefault((x + x0, y + y0), []).append((x + x1, y + y1))
    return edges


def _walk(edges: dict[_Corner, list[_Corner]], start: _Corner) -> list[_Corner]:
    """Take the loop from this corner out of the edges; return its corners."""
    at, step = start, (0, 0)
    loop: list[_Corner] = []
    while True:
        target = _next(edges, at, step)
        turned = (target[0] - at[0], target[1] - at[1])
        if turned != step:
            loop.append(at)
        at, step = target, turned
        if at == start and start not in edges:
            return loop
        if at == start and len(edges.get(start, ())) == 1 and loop[0] == start:
            return loop


def _next(edges: dict[_Corner, list[_Corner]], at: _Corner, step: _Corner) -> _Corner:
    ends = edges[at]
    chosen = ends[0]
    if len(ends) > 1:
        # Where two parts touch at a corner, turning right keeps them apart.
        wanted = [(at[0] + dx, at[1] + dy) for dx, dy in _TURNS.get(step, _TURNS[1, 0])]
        chosen = next(end for end in wanted if end in ends)
    ends.remove(chosen)
    if not ends:
        del edges[at]
    return chosen


def _doubled_area(loop: list[_Corner]) -> int:
    following = [*loop[1:], loop[0]]
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(loop, following, strict=True))
