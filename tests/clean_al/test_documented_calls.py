"""Every call that users were promised runs, in one namespace and in the order of the document."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import make_classification

SHARED = Path(os.environ.get("CLEAN_AL_SHARED", Path(__file__).parents[3] / "shared"))
DOCUMENT = SHARED / "reference" / "intelligent-sampling.md"

CALLS = """
from clean_al import IntelligentSampler

sampler = IntelligentSampler(strategy="hybrid", exploration_weight=0.3, diversity_weight=0.2)
sampler.fit(X_labeled, y_labeled)
indices = sampler.select(X_unlabeled, n_samples=100, batch_mode="diverse")
samples_to_label = X_unlabeled[indices]
sampler.update(samples_to_label, new_labels)
sampler = IntelligentSampler(strategy="uncertainty")
sampler = IntelligentSampler(strategy="uncertainty", uncertainty_method="entropy")

from clean_al import QueryByCommittee

committee = QueryByCommittee(n_estimators=5, base_estimator="random_forest")
committee.fit(X_labeled, y_labeled)
indices = committee.select(X_unlabeled, n_samples=100)
disagreements = committee.get_disagreement_scores(X_unlabeled)

from clean_al import ExpectedModelChange

emc = ExpectedModelChange(model="logistic_regression", gradient_method="empirical")
emc.fit(X_labeled, y_labeled)
indices = emc.select(X_unlabeled, n_samples=100)
sampler = IntelligentSampler(strategy="diversity", diversity_method="kmeans")
sampler = IntelligentSampler(strategy="hybrid", uncertainty_weight=0.6, diversity_weight=0.4)
indices = sampler.select(X_unlabeled, n_samples=100, batch_mode="diverse", batch_diversity_threshold=0.5)
indices = sampler.select(X_unlabeled, n_samples=100, batch_mode="clustered", n_clusters=10)

from clean_al import LabelingSession

session = LabelingSession(sampler=sampler, X_unlabeled=X_unlabeled, export_format="label_studio")
batch1 = session.get_next_batch(n_samples=50)
batch1_indices, batch1_labels = batch1, label_samples(batch1)
session.submit_labels(batch1_indices, batch1_labels)
batch2 = session.get_next_batch(n_samples=50)
print(f"Samples labeled: {session.n_labeled}")
print(f"Estimated accuracy: {session.estimated_accuracy:.1%}")
session = LabelingSession(
    sampler=sampler,
    stopping_criteria={"min_accuracy": 0.95, "accuracy_plateau_rounds": 3, "max_samples": 1000},
)
while not session.should_stop():
    batch = session.get_next_batch(n_samples=50)
    session.submit_labels(batch, label_samples(batch))
print(f"Stopped after {session.n_labeled} samples")
print(f"Final accuracy: {session.estimated_accuracy:.1%}")

metrics = sampler.get_metrics()
print(f"Selection efficiency: {metrics.efficiency:.2f}")
print(f"Diversity score: {metrics.diversity:.2f}")
print(f"Estimated label savings: {metrics.label_savings:.1%}")

from clean_al import compare_strategies

comparison = compare_strategies(
    X_train, y_train, X_test, y_test,
    strategies=["uncertainty", "diversity", "hybrid", "random"],
    n_iterations=10,
    samples_per_iteration=50,
)
comparison.plot_learning_curves()

from clean_al import CVATExporter, LabelStudioExporter, ProdigyExporter

exporter = LabelStudioExporter(project_name="Quality Review", label_config_type="classification")
exporter.export(
    samples=X_unlabeled[indices],
    sample_ids=indices,
    output_path="label_studio_tasks.json",
    metadata={"source": "active_learning"},
)
exporter = CVATExporter(task_name="Image Classification", labels=["cat", "dog", "bird"])
exporter.export(image_paths=image_paths[indices], output_path="cvat_tasks.xml")
exporter = ProdigyExporter()
exporter.export(
    texts=texts[indices],
    output_path="prodigy_tasks.jsonl",
    task_type="textcat",
    labels=["positive", "negative"],
)
"""


def world():
    """The names that the document takes for granted."""
    X, y = make_classification(1900, 8, n_informative=5, class_sep=1.5, random_state=0)
    pool, hidden = X[60:1260], y[60:1260]
    return {
        "X_labeled": X[:60],
        "y_labeled": y[:60],
        "X_unlabeled": pool,
        "X_train": X[:1400],
        "y_train": y[:1400],
        "X_test": X[1400:],
        "y_test": y[1400:],
        "new_labels": np.resize(y, 100),
        "label_samples": lambda rows: hidden[rows],
        "image_paths": np.array([f"img_{i}.jpg" for i in range(len(pool))]),
        "texts": np.array([f"text {i}" for i in range(len(pool))]),
    }


def run(blocks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = world()
    for block in blocks:
        if "batch1_indices" in block and "batch1_indices" not in names:
            names["batch1_indices"] = np.arange(50)
            # The document leaves the labeling itself out: do it between its first batch and its labels.
            before, after = block.split("session.submit_labels", 1)
            exec(before, names)
            names["batch1_indices"] = names["batch1"]
            names["batch1_labels"] = names["label_samples"](names["batch1"])
            block = "session.submit_labels" + after
        exec(block, names)
    return names


def check(names, capsys):
    assert names["session"].stop_reason.startswith(("min_accuracy", "accuracy_plateau", "max_samples"))
    printed = capsys.readouterr().out
    assert re.search(r"Final accuracy: \d\d\.\d%", printed)
    assert re.search(r"Estimated label savings: -?\d+\.\d%", printed)
    assert len(names["comparison"].n_labels) == 10
    for file in ("label_studio_tasks.json", "cvat_tasks.xml", "prodigy_tasks.jsonl"):
        assert Path(file).stat().st_size > 0


def test_the_calls_run(tmp_path, monkeypatch, capsys):
    check(run([CALLS], tmp_path, monkeypatch), capsys)


@pytest.mark.skipif(not DOCUMENT.exists(), reason="the document is not in ../shared")
def test_every_snippet_of_the_document_runs_unchanged(tmp_path, monkeypatch, capsys):
    text = DOCUMENT.read_text(encoding="utf-8").replace("clean.active_learning", "clean_al")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 14
    check(run(blocks, tmp_path, monkeypatch), capsys)
