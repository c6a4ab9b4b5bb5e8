"""What the demo labels: two real data sets that are on every machine already, so nothing is downloaded."""

from __future__ import annotations

import ast
import io
import sysconfig
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

PICTURE_SIDE = 128
N_PACKAGES = 8
SHORTEST_DOCSTRING = 20
# Code about code: tests, the interpreter's own idle corner, and what is not the standard library at all.
NOT_READ = {
    "test",
    "tests",
    "idlelib",
    "idle_test",
    "site-packages",
    "dist-packages",
    "lib2to3",
    "__pycache__",
}


@dataclass(frozen=True)
class Dataset:
    """Items with their true labels, which only the simulated annotators and the held-out score know.

    Attributes
    ----------
    name : a short name, fit for a file
    title : what the project is called in Label Studio
    kind : "image" or "text", the kind of vectorizer
    field : the field of the task data that holds the value
    values : n_items texts, or PNG files as bytes
    truth : array of shape (n_items,) of str
    question : what the annotators are asked
    """

    name: str
    title: str
    kind: str
    field: str
    values: tuple[Any, ...]
    truth: np.ndarray
    question: str

    def __len__(self) -> int:
        return len(self.values)

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label, sorted."""
        return tuple(sorted(set(self.truth.tolist())))

    @property
    def label_config(self) -> str:
        """The labeling config of the Label Studio project."""
        # Without a width, the picture pushes the choices off the page.
        tag, width = {"image": ("Image", ' maxWidth="320px"'), "text": ("Text", "")}[self.kind]
        choices = "".join(f"<Choice value={quoteattr(label)}/>" for label in self.labels)
        return (
            f"<View><Header value={quoteattr(self.question)}/>"
            f'<{tag} name="{self.kind}" value="${self.field}"{width}/>'
            f'<Choices name="label" toName="{self.kind}" choice="single" showInline="true">'
            f"{choices}</Choices></View>"
        )


def digits() -> Dataset:
    """Return scikit-learn's 1,797 handwritten digits as PNG images.

    References
    ----------
    Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998.
    """
    found = load_digits()
    return Dataset(
        name="digits",
        title="Digits (Clean AL demo)",
        kind="image",
        field="image",
        values=tuple(_png(pixels) for pixels in found.images),
        truth=found.target.astype(str),
        question="Which digit is this?",
    )


def docstrings(library: str | Path | None = None) -> Dataset:
    """Return the docstrings of the eight best documented packages of Python's own standard library.

    Parameters
    ----------
    library : path, optional
        The folder that holds the packages; by default this Python's standard library.
    """
    by_text = _docstrings_by_package(Path(library or sysconfig.get_paths()["stdlib"]))
    largest = {package for package, _ in Counter(by_text.values()).most_common(N_PACKAGES)}
    kept = [(text, package) for text, package in by_text.items() if package in largest]
    return Dataset(
        name="docstrings",
        title="Docstrings (Clean AL demo)",
        kind="text",
        field="text",
        values=tuple(text for text, _ in kept),
        truth=np.array([package for _, package in kept], dtype=str),
        question="Which package of Python's standard library says this?",
    )


DATASETS: dict[str, Callable[[], Dataset]] = {"digits": digits, "docstrings": docstrings}


def _png(pixels: np.ndarray) -> bytes:
    """Return an 8 x 8 picture with gray levels 0 to 16, enlarged so that a person can read it."""
    small = Image.fromarray((pixels * (255 / 16)).astype(np.uint8))
    out = io.BytesIO()
    small.resize((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.BICUBIC).save(out, "PNG")
    return out.getvalue()


def _docstrings_by_package(library: Path) -> dict[str, str]:
    """Return every docstring and its package; one that several packages share is left out."""
    found: dict[str, str] = {}
    shared: set[str] = set()
    for path in sorted(library.glob("*/**/*.py")):
        parts = path.relative_to(library).parts
        # A folder without __init__.py is data or a script's home, not a package.
        if NOT_READ & set(parts) or not (library / parts[0] / "__init__.py").exists():
            continue
        for text in _docstrings_in(path):
            # Boilerplate that two packages share would have two right answers.
            if found.setdefault(text, parts[0]) != parts[0]:
                shared.add(text)
    return {text: package for text, package in found.items() if text not in shared}


def _docstrings_in(path: Path) -> Iterator[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old escapes in other people's strings
            tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        text = ast.get_docstring(node) if isinstance(node, documented) else None
        if text and len(text) >= SHORTEST_DOCSTRING:
            yield text
