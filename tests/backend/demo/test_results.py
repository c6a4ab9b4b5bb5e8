"""The figures at the end, worked by hand, and the picture of them."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image

from backend.demo.plot import learning_curves
from backend.demo.results import in_words, summarize
from backend.demo.simulation import Comparison

# Full accuracy 0.8, so the target is 0.76.
BAND = [
    Comparison("d", 0, 0.8, [(100, 0.70), (150, 0.76)], [(100, 0.60), (150, 0.70), (300, 0.76)]),
    Comparison("d", 1, 0.8, [(100, 0.76), (150, 0.78)], [(100, 0.50), (150, 0.66), (200, 0.76)]),
    Comparison("d", 2, 0.8, [(100, 0.68), (150, 0.69), (200, 0.76)], [(100, 0.6), (150, 0.7), (250, 0.76)]),
]
LIVE = ([(100, 0.71), (150, 0.77)], [(100, 0.61), (150, 0.69)])


def test_the_summary_is_what_the_curves_say() -> None:
    found = summarize({"d": LIVE}, {"d": BAND})["d"]
    assert found["live_at_budget"] == {"loop": 0.77, "random": 0.69}
    assert found["seeds_at_budget"] == {"loop": [0.76, 0.78, 0.69], "random": [0.70, 0.66, 0.70]}
    assert found["seeds_won"] == 2
    assert found["savings"] == pytest.approx([150 / 300, 100 / 200, 200 / 250])
    assert found["saving"] == pytest.approx(0.5)
    json.dumps(found)


def test_a_saving_is_not_told_where_one_curve_ends_too_early() -> None:
    short = Comparison("d", 3, 0.8, [(100, 0.70), (150, 0.71)], [(100, 0.60), (150, 0.70)])
    found = summarize({"d": LIVE}, {"d": [*BAND, short]})
    assert found["d"]["saving"] is None
    assert not any("95 %" in line for line in in_words(found))


def test_the_words_name_every_figure() -> None:
    assert in_words(summarize({"d": LIVE}, {"d": BAND})) == [
        "d, 150 labels, held-out accuracy:",
        "  live in Label Studio    loop 77.0%   random order 69.0%",
        "  3 seeds, median         loop 76.0%   random order 70.0%   (the loop is ahead with 2 of 3)",
        "  to 95 % of the accuracy with all labels (80.0%): loop 150 labels, random order 250; "
        "median ratio 0.50",
    ]


def test_the_picture_draws_the_live_run_the_spread_and_the_target() -> None:
    figure = learning_curves({"d": LIVE}, {"d": BAND})
    (axes,) = figure.axes
    lines = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    assert lines["loop, live in Label Studio"] == [[100, 0.71], [150, 0.77]]
    assert lines["random order, live in Label Studio"] == [[100, 0.61], [150, 0.69]]
    assert lines["loop, 3 seeds: median"] == [[100, 0.70], [150, 0.76]]
    spread = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (spread.min(), spread.max()) == (0.68, 0.78)
    assert [y for _, y in lines["95% of the accuracy with all labels (76.0%)"]] == pytest.approx([0.76, 0.76])
    assert axes.get_xlabel() == "tasks labeled"
    content = io.BytesIO()
    figure.savefig(content, format="png")
    with Image.open(content) as image:
        assert image.getextrema()[0] == (0, 255)
