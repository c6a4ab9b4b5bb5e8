"""What the README and the docs say is true: snippets run, commands exist, links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from backend.cli import COMMANDS, cli
from backend.loop.options import ProjectOptions

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
# Variables of the reader's own; what follows them in a line is not ours to check.
COMMAND = re.compile(r"^\$ (?:\w+=\S+ )*clean-al (.+?)(?:\s*#.*|\s*&.*)?$", re.MULTILINE)


def blocks(language: str) -> list[tuple[str, str]]:
    found = []
    for document in DOCUMENTS:
        for kind, text in FENCE.findall(document.read_text(encoding="utf-8")):
            if kind == language:
                found.append((document.name, text))
    return found


def test_the_readme_has_a_python_example() -> None:
    assert any(name == "README.md" for name, _ in blocks("python"))


@pytest.mark.parametrize(("name", "code"), blocks("python"))
def test_a_python_snippet_runs(name: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODEL_DIR", str(tmp_path))
    # Nobody listens there: a snippet may build a client, not need a server.
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    exec(compile(code, name, "exec"), {"__name__": "snippet"})


def commands() -> list[str]:
    return [c for _, text in blocks("console") for c in COMMAND.findall(text)]


@pytest.mark.parametrize("line", commands())
def test_a_shown_command_and_its_options_exist(line: str) -> None:
    name, *arguments = shlex.split(line)
    assert name in COMMANDS
    command = cli.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    known = {option for parameter in command.params for option in parameter.opts}
    given = {argument.split("=")[0] for argument in arguments if argument.startswith("-")}
    assert given <= known


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_links_to_files_lead_somewhere(document: Path) -> None:
    targets = [t for t in LINK.findall(document.read_text(encoding="utf-8")) if "://" not in t]
    missing = [t for t in targets if not (document.parent / t).exists()]
    assert not missing


def test_every_option_of_a_project_is_described() -> None:
    text = (ROOT / "docs" / "loop.md").read_text(encoding="utf-8")
    missing = [name for name in ProjectOptions.model_fields if f"`{name}`" not in text]
    assert not missing


@pytest.mark.parametrize("name", [n for n in COMMANDS if not n.startswith("_")])
def test_every_command_has_help_with_an_example(name: str) -> None:
    command = cli.get_command(None, name)  # type: ignore[arg-type]
    assert command is not None
    assert "Example:" in (command.help or "")
