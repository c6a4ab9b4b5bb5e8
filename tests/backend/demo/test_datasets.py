"""What the demo labels."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from backend.demo.datasets import DATASETS, Dataset, digits, docstrings
from backend.learning.controls import learnable_controls


@pytest.fixture(scope="module")
def small_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two packages, a folder of tests, a folder that is no package, and what must not be read."""
    root = tmp_path_factory.mktemp("library")
    files = {
        "alpha/__init__.py": '"""The alpha package does the first thing."""',
        "alpha/inner.py": 'def f():\n    """Return what the inner part of alpha holds."""\n'
        'class C:\n    """Short."""\n    def g(self):\n        """Everybody says this sentence."""\n',
        "alpha/tests/test_inner.py": '"""A test of alpha that must not be read."""',
        "alpha/broken.py": 'def (:\n    """Not Python at all, so left out."""',
        "beta/__init__.py": "",
        "beta/m.py": '"""The module of beta counts all sheep."""\n'
        'async def h():\n    """Everybody says this sentence."""\n',
        "no_package/m.py": '"""A folder without an init file is none."""',
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_docstrings_belong_to_the_one_package_that_says_them(small_library: Path) -> None:
    found = docstrings(small_library)
    assert dict(zip(found.values, found.truth.tolist(), strict=True)) == {
        "The alpha package does the first thing.": "alpha",
        "Return what the inner part of alpha holds.": "alpha",
        "The module of beta counts all sheep.": "beta",
    }


def test_the_standard_library_gives_eight_packages_of_different_texts() -> None:
    found = docstrings()
    assert len(found.labels) == 8
    assert len(set(found.values)) == len(found) >= 1500
    assert min(np.unique(found.truth, return_counts=True)[1]) >= 60


def test_a_digit_is_the_same_picture_enlarged() -> None:
    found = digits()
    assert len(found) == 1797
    assert found.labels == tuple("0123456789")
    for i in (0, 700, 1796):
        with Image.open(io.BytesIO(found.values[i])) as image:
            assert (image.format, image.size) == ("PNG", (128, 128))
            small = np.asarray(image.resize((8, 8), Image.Resampling.BOX), dtype=float)
        assert np.abs(small - load_digits().images[i] * 255 / 16).mean() < 20


@pytest.mark.parametrize("name", DATASETS)
def test_the_loop_learns_from_the_labeling_config(name: str) -> None:
    found = DATASETS[name]()
    (control,) = learnable_controls(found.label_config)
    assert control.offered == found.labels
    assert (control.tag.object_tag.lower(), control.tag.field) == (found.kind, found.field)


def test_labels_with_quotes_stay_whole_in_the_config() -> None:
    labels = ('a "b"', "c & d", "<e>")
    found = Dataset("n", "t", "text", "text", ("1", "2", "3"), np.array(labels), 'What\'s "this"?')
    assert set(learnable_controls(found.label_config)[0].offered) == set(labels)
