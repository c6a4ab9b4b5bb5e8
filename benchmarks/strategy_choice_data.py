"""Makes the sets of `strategy_choice`, from data at hand, with seeds of its own: the same files every time.

    apt-get download r-cran-mlbench dataset-fashion-mnist && pip install rdata "clean-al[encoders]"
    python -m benchmarks.strategy_choice_data --out DIR --packages FOLDER_OF_THE_DEB_FILES

Texts come from the shared data (CLEAN_AL_SHARED), pictures and tables from the two Debian packages and from
scikit-learn; what is not there is named and left out. Labels are kept as numbers, at most LARGEST items of a
set. For the kept figures, made with the same encoder, texts were cut at 128 tokens, here at 256.
"""

from __future__ import annotations

import argparse
import gzip
import subprocess
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from sklearn import datasets
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from benchmarks.label_efficiency import SHARED, rows_of
from clean_al import TextRepresentation, find_encoder, join_blocks

LARGEST = 4500
SEVERAL_LABELS = {"debtags_implemented": "implemented-in", "debtags_role": "role"}
ONE_LABEL = ("hedge", "sms_spam", "banking77", "debian_sections")
BESIDE = ("hedge", "banking77")
CLASSIC: dict[str, Callable[..., Any]] = {
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "iris": datasets.load_iris,
}
MADE: dict[str, dict[str, Any]] = {
    "made_20_classes": {
        "n_features": 30,
        "n_informative": 15,
        "n_redundant": 5,
        "n_classes": 20,
        "n_clusters_per_class": 1,
        "class_sep": 1.5,
        "random_state": 1,
    },
    "made_noisy": {"n_informative": 8, "n_classes": 4, "flip_y": 0.3, "random_state": 2},
    "made_imbalanced": {
        "n_informative": 6,
        "n_classes": 3,
        "weights": [0.9, 0.07, 0.03],
        "class_sep": 1.2,
        "random_state": 3,
    },
    "made_hard_binary": {
        "n_features": 40,
        "n_informative": 3,
        "n_clusters_per_class": 3,
        "class_sep": 0.8,
        "random_state": 5,
    },
}
# Name of the table in mlbench, and its column of labels.
TABLES = {
    "LetterRecognition": "lettr",
    "Satellite": "classes",
    "Vehicle": "Class",
    "Vowel": "Class",
    "DNA": "Class",
    "Glass": "Type",
    "PimaIndiansDiabetes": "diabetes",
    "Sonar": "Class",
    "Ionosphere": "Class",
    "Soybean": "Class",
    "Zoo": "type",
    "HouseVotes84": "Class",
}


def save(out: Path, name: str, X: Any, y: Any, C: float, **more: Any) -> None:
    """Keep a set: rows in half precision, labels as numbers."""
    labels = np.unique(np.asarray(y).astype(str), return_inverse=True)[1].astype(np.int16)
    if sparse.issparse(X):
        parts = {"data": X.data.astype(np.float16), "indices": X.indices.astype(np.int32)}
        parts |= {"indptr": X.indptr.astype(np.int32), "shape": np.array(X.shape)}
    else:
        parts = {"X": np.asarray(X, np.float16)}
    np.savez_compressed(out / f"{name}.npz", y=labels, C=C, **parts, **more)
    print(name, X.shape, len(np.unique(labels)), flush=True)


def scaled(X: Any) -> np.ndarray:
    """Columns of mean 0 and deviation 1, without extreme values."""
    return np.clip(StandardScaler().fit_transform(X), -8, 8)


def classics_and_made(out: Path) -> None:
    """Sets that scikit-learn has or makes."""
    X, y = datasets.load_digits(return_X_y=True)
    save(out, "digits", X / 16, y, 1.0)
    save(out, "digits_shuffled", X / 16, np.random.default_rng(0).permutation(y), 1.0)
    for name, load in CLASSIC.items():
        X, y = load(return_X_y=True)
        save(out, name, scaled(X), y, 1.0)
    for name, how in MADE.items():
        X, y = datasets.make_classification(4000, **how)
        save(out, name, scaled(X), y, 1.0)


def labeled_texts(name: str) -> list[tuple[str, str]]:
    """Different texts with one label each, in random order; of tags those of one facet."""
    if name in SEVERAL_LABELS:
        start = SEVERAL_LABELS[name] + "::"
        tagged = [
            (row["text"], [tag for tag in row["labels"].split("|") if tag.startswith(start)])
            for row in rows_of("debtags_multilabel")
        ]
        found = [(text, tags[0]) for text, tags in tagged if len(tags) == 1]
    else:
        found = [(row["text"], row["label"]) for row in rows_of(name)]
    found = list(dict.fromkeys(pair for pair in found if pair[0].strip()))
    return [found[i] for i in np.random.default_rng(0).permutation(len(found))[:LARGEST]]


def texts(out: Path) -> None:
    """Each set of texts by a pretrained encoder; some by their words, and by both, too."""
    encoder = find_encoder("text", "auto")
    if encoder.encoder is None or not (SHARED / "data").is_dir():
        return print(f"no texts: {encoder.reason or f'{SHARED}/data is not there'}")
    for name in (*ONE_LABEL, *SEVERAL_LABELS):
        values, y = zip(*labeled_texts(name), strict=True)
        encoded = encoder.encoder.encode(list(values))
        save(out, name, encoded, y, 10.0)
        if name in ONE_LABEL:
            words(out, name, list(values), y, encoded)


def words(out: Path, name: str, values: list[str], y: Any, encoded: np.ndarray) -> None:
    """A set by its words, and by words and encoder."""
    representation = TextRepresentation(random_state=0)
    X = sparse.csr_matrix(representation.fit_transform(values))
    sketch = np.asarray(representation.embedding(X), np.float16)
    n_sketch = representation.learner().get_params().get("n_sketch", 0)
    save(out, f"{name}_words", X, y, 10.0, n_sketch=n_sketch, embedding=sketch)
    if name in BESIDE:
        both = sparse.csr_matrix(join_blocks(X, encoded))
        block = np.asarray(join_blocks(sketch.astype(np.float32), encoded), np.float16)
        save(out, f"{name}_beside", both, y, 10.0, embedding=block)


def packaged(out: Path, folder: Path) -> None:
    """Sets of the two Debian packages."""
    with tempfile.TemporaryDirectory() as place:
        for file in sorted(folder.glob("*.deb")):
            subprocess.run(["dpkg-deb", "-x", str(file), place], check=True)
        files = [path for path in Path(place).rglob("*") if path.is_file()]
        for name, label in TABLES.items():
            found = [f for f in files if "mlbench" in f.parts and f.stem.lower() == name.lower()]
            if found:
                table(out, name, label, found[0])
            else:
                print(f"no ml_{name.lower()}: r-cran-mlbench is not in {folder}")
        pictures = {part: f for f in files for part in ("images", "labels") if f"t10k-{part}" in f.name}
        if len(pictures) == 2:
            fashion(out, pictures["images"], pictures["labels"])
        else:
            print(f"no fashion_mnist: dataset-fashion-mnist is not in {folder}")


def table(out: Path, name: str, label: str, file: Path) -> None:
    """A table of mlbench: numbers as they are, gaps at the median, a column for each value of a factor."""
    pd, rdata = import_module("pandas"), import_module("rdata")
    frame = next(iter(rdata.read_rda(file).values()))
    y, frame = frame[label].astype(str).to_numpy(), frame.drop(columns=[label])
    columns = [
        pd.to_numeric(frame[c], errors="coerce")
        if frame[c].dtype.kind in "biuf"
        else pd.get_dummies(frame[c].astype(str), prefix=str(c))
        for c in frame.columns
    ]
    X = pd.concat(columns, axis=1).astype(float)
    X = X.fillna(X.median())
    rows = np.random.default_rng(0).permutation(len(X))[:LARGEST]
    save(out, f"ml_{name.lower()}", scaled(X.loc[:, X.std() > 0].to_numpy()[rows]), y[rows], 1.0)


def fashion(out: Path, images: Path, labels: Path) -> None:
    """Pictures of clothes in 64 principal components."""
    raw = [gzip.decompress(f.read_bytes()) if f.suffix == ".gz" else f.read_bytes() for f in (images, labels)]
    X = np.frombuffer(raw[0][16:], np.uint8).reshape(-1, 784)[:LARGEST] / 255.0
    X = PCA(64, random_state=0).fit_transform(X)
    save(out, "fashion_mnist", X / X.std(), np.frombuffer(raw[1][8:], np.uint8)[:LARGEST], 1.0)


def main(arguments: list[str] | None = None) -> None:
    """Make all sets that can be made here."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--packages", type=Path, default=Path(), help="folder of the .deb files")
    parser.add_argument("--no-texts", action="store_true", help="leave out what takes minutes")
    args = parser.parse_args(arguments)
    args.out.mkdir(parents=True, exist_ok=True)
    classics_and_made(args.out)
    packaged(args.out, args.packages)
    if not args.no_texts:
        texts(args.out)


if __name__ == "__main__":
    main()
