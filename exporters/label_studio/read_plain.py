"""Results of the most common form, read at one go: upright boxes of one label, each with an id of its own."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from exporters.records import FARTHEST, Box, Region, new

_BOXES = "rectanglelabels"
# One call for all of them: that takes as long as two look-ups.
_head = itemgetter("id", "type", "from_name", "value", "original_width", "original_height")
_sides = itemgetter(_BOXES, "x", "y", "width", "height")
_NOT_SO = (ValueError, TypeError, KeyError, AttributeError, OverflowError)


def plain_boxes(results: Sequence[Any]) -> list[Region] | None:
    """Return the regions; None, and nothing is counted, where one result is of another form.

    The caller has looked at the keys: results hold nothing beside what is read here.
    """
    regions = []
    keys = set()
    try:
        for key, kind, name, value, width, height in map(_head, results):
            labels, x, y, wide, high = _sides(value)
            if kind != _BOXES or type(labels) is not list or type(name) is not str:
                return None
            (label,) = labels
            scale_x, scale_y = width / 100.0, height / 100.0
            left, top, wide, high = x * scale_x, y * scale_y, wide * scale_x, high * scale_y
            # Comparisons that nan fails, too.
            is_upright = left >= 0.0 and top >= 0.0 and wide >= 0.0 and high >= 0.0
            is_near = scale_x > 0.0 < scale_y and left + top + wide + high <= FARTHEST
            if not (is_upright and is_near) or value.get("rotation") or type(label) is not str:
                return None
            keys.add(key)
            box = new(Box, (left, top, wide, high, 0.0))
            regions.append(new(Region, (box, (label,), key, None, name, (), (), 0, 0, False, None)))
    except _NOT_SO:
        return None
    return regions if len(keys) == len(regions) and None not in keys else None
