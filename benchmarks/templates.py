"""Writes docs/templates.md: what becomes of each of Label Studio's own project templates.

python -m benchmarks.templates FOLDER, which is annotation_templates in Label Studio's own package
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import yaml

from backend.learning.verdict import Verdict, judge

TARGET = Path(__file__).parents[1] / "docs" / "templates.md"
HEAD = """# Label Studio's project templates

What `clean-al explain` says of each of the {n} templates that Label Studio 1.23.2 offers: {counts}.
Made by `python -m benchmarks.templates FOLDER`; the tests hold it against the code.

| template | verdict | controls learned | ordered only | read |
|---|---|---|---|---|
"""


def templates(folder: Path) -> dict[str, str]:
    """Return the labeling configs of Label Studio's own project templates, by their names."""
    found = {str(p.parent.relative_to(folder)): p for p in sorted(folder.glob("**/config.yml"))}
    return {name: yaml.safe_load(path.read_text("utf-8"))["config"] for name, path in found.items()}


def page(configs: Mapping[str, str]) -> str:
    """Return the page: a row a template."""
    verdicts = {name: judge(config) for name, config in configs.items()}
    counts = Counter(verdict.outcome for verdict in verdicts.values())
    said = ", ".join(f"{n} {outcome}" for outcome, n in counts.most_common())
    return HEAD.format(n=len(verdicts), counts=said) + "".join(_row(*each) for each in verdicts.items())


def _row(name: str, verdict: Verdict) -> str:
    learned = _tags(c.tag for c in verdict.controls if c.outcome == "learned")
    ordered = _tags(c.tag for c in verdict.controls if c.outcome != "learned")
    read = _tags(o.tag for o in verdict.objects if o.read_as)
    return f"| {name} | {verdict.outcome} | {learned} | {ordered} | {read} |\n"


def _tags(tags: object) -> str:
    return ", ".join(f"`<{tag}>`" for tag in dict.fromkeys(tags))  # type: ignore[call-overload]


if __name__ == "__main__":
    TARGET.write_text(page(templates(Path(sys.argv[1]))), encoding="utf-8")
