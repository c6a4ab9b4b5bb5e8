"""What three questions cost a round in a large project, beside one.

    python -m benchmarks.several_questions --tasks 100000

The functions of a real round on texts in memory: load the features, learn, choose the head, fill in what
annotators see, store the model, estimate the accuracy. What a round asks of Label Studio is the same for any
number of questions and left out, so the ratio is that of our own work.
"""

from __future__ import annotations

import argparse
import json
import secrets
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from backend.demo.simulation import simulation_settings
from backend.learning.controls import learnable_controls
from backend.learning.inputs import InputSpec
from backend.learning.labels import Labels, ProjectLabels
from backend.loop.learn import learn
from backend.loop.options import ProjectOptions
from backend.loop.prefill import results_for
from backend.loop.round import choose, estimate
from backend.loop.situation import Situation
from backend.loop.stages import Stages
from backend.store.features import FeatureStore
from backend.store.models import ModelStore
from benchmarks.loop_latency import LABELS, texts

RESULT = Path(__file__).parent / "results" / "several_questions.json"
TAGS = ("a", "b", "c", "d", "e", "f")
STARS = 5
TOPIC = '<Choices name="topic" toName="t">{}</Choices>'.format(
    "".join(f'<Choice value="{label}"/>' for label in LABELS)
)
OTHERS = '<Choices name="tags" toName="t" choice="multiple">{}</Choices>{}'.format(
    "".join(f'<Choice value="{tag}"/>' for tag in TAGS),
    f'<Rating name="stars" toName="t" maxRating="{STARS}"/>',
)
CONFIGS = {"one": TOPIC, "three": TOPIC + OTHERS}
PROCESSOR = "processor"
STAGES = ("features", "learn", "choose", "fill in", "store", "estimate")


def answers_to(control: str, text: dict[str, str], rng: np.random.Generator) -> Any:
    """Return an answer that follows the text's own label, but for some chance."""
    which = LABELS.index(text["answer"])
    if control == "topic":
        return text["answer"]
    if control == "tags":
        return frozenset(tag for i, tag in enumerate(TAGS) if rng.random() < (0.7 if i == which else 0.15))
    return int(np.clip(which + rng.integers(0, 2) + 1, 1, STARS))


class Project:
    """A project of many texts, some of them labeled, whose features an earlier round has read."""

    def __init__(self, folder: Path, n_tasks: int, labeled: int, seed: int = 0):
        self.folder, self.settings = folder, simulation_settings(seed)
        # Of twelve words: it is the number of texts that counts, and the first reading is not measured.
        self.texts = [{**t, "text": " ".join(t["text"].split()[:12])} for t in texts(n_tasks, seed)]
        self.ids = np.arange(1, n_tasks + 1, dtype=np.int64)
        self.rows = np.sort(np.random.default_rng(seed).choice(n_tasks, labeled, replace=False))
        self.refreshed()

    def refreshed(self) -> Any:
        """Return the pool's features, from their files where they are kept."""
        store, inputs = FeatureStore(self.folder / "features"), (InputSpec("text", ("text",)),)
        return store.refresh(inputs, self.ids, np.ones_like(self.ids), self._read, self.settings.seed)

    def _read(self, wanted: np.ndarray) -> list[list[str]]:
        return [[self.texts[i - 1]["text"] for i in wanted]]

    def situation(self, config: str, pool: Any) -> Situation:
        """Return the project as a round sees it, with this labeling config."""
        label_config = f'<View><Text name="t" value="$text"/>{config}</View>'
        rng, questions = np.random.default_rng(1), []
        for control in learnable_controls(label_config):
            given = tuple(answers_to(control.name, self.texts[row], rng) for row in self.rows)
            questions.append(Labels(control, self.ids[self.rows], given))
        free = np.setdiff1d(self.ids, self.ids[self.rows])
        project = {"id": 1, "label_config": label_config}
        return Situation(project, ProjectOptions(), pool, ProjectLabels(tuple(questions)), free, self._data)

    def _data(self, ids: np.ndarray) -> list[dict[str, str]]:
        return [self.texts[i - 1] for i in ids]

    def round(self, config: str) -> dict[str, float]:
        """Return the seconds that a round's stages take, and the processor time of all of them."""
        begun = time.process_time()
        stages, store = Stages(), ModelStore(self.folder)
        with stages("features"):
            pool = self.refreshed()
        situation = self.situation(config, pool)
        with stages("learn"):
            lesson, model = learn(situation, self.settings, "v1")
        with stages("choose"):
            head = choose(lesson, situation, self.settings.seed)
        with stages("fill in"):
            results_for(situation, situation.candidates[head.rows], head.audit, model, {})
        assert model is not None
        with stages("store"):
            store.save(1, secrets.token_hex(4), model)
        with stages("estimate"):
            estimate(lesson, situation, {}, anew=True)
        return stages.seconds | {PROCESSOR: time.process_time() - begun}


def medians(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the median seconds of each stage, and of the whole."""
    found = {stage: statistics.median(run[stage] for run in runs) for stage in (*STAGES, PROCESSOR)}
    found["all"] = sum(found[stage] for stage in STAGES)
    return {stage: round(seconds, 3) for stage, seconds in found.items()}


def main(arguments: list[str] | None = None) -> None:
    """Time both projects in turn, and keep the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--labels", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        project = Project(Path(folder), given.tasks, given.labels)
        # In turns: what else the machine does meanwhile then slows both down alike.
        turns = [
            {name: project.round(config) for name, config in CONFIGS.items()} for _ in range(given.repeats)
        ]
    found = {name: medians([turn[name] for turn in turns]) for name in CONFIGS}
    print(json.dumps(found, indent=1))
    kept = {"tasks": given.tasks, "labels": given.labels, "seconds": found}
    RESULT.write_text(json.dumps(kept, indent=1) + "\n")


def table(result: dict[str, Any]) -> str:
    """Return the kept result for the docs."""
    one, three = result["seconds"]["one"], result["seconds"]["three"]
    served = [sum(found[stage] for stage in STAGES[:-1]) for found in (one, three)]
    lines = [
        f"A project of {result['tasks']:,} texts, {result['labels']} labeled: a topic of five alone, and",
        "with tags (six, any number of them) and a rating beside it. Seconds of a round's own work, without",
        "waiting for Label Studio, medians of rounds in turns. The estimate of the accuracy comes after",
        "the head is served, and only when labels have grown by a tenth.",
        "",
        "| stage | one question | three questions | times |",
        "|---|---|---|---|",
        *(_row(stage, one[stage], three[stage]) for stage in STAGES[:-1]),
        _row("**until the head is served**", *served),
        _row(STAGES[-1], one[STAGES[-1]], three[STAGES[-1]]),
        _row("**with the estimate**", one["all"], three["all"]),
        _row("processor time of all", one[PROCESSOR], three[PROCESSOR]),
    ]
    return "\n".join(lines)


def _row(what: str, one: float, three: float) -> str:
    return f"| {what} | {one:.2f} | {three:.2f} | {three / max(one, 0.001):.2f} |"


if __name__ == "__main__":
    main()
