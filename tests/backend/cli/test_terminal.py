"""Labels, titles and errors of others are shown in the terminal and the log, and never obeyed."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import pytest
from click.testing import CliRunner

from backend.cli import cli
from backend.cli.terminal import LONGEST, JsonFormatter, PlainFormatter, plain, safe_json
from backend.log_context import about
from backend.services import Services
from backend.store.connection import Connection, save_connection
from backend.store.progress import ProgressFile

HOSTILE = [
    "\x1b]0;owned\x07",
    "\x1b[31mred",
    "[/boom]",
    "[red]x[/red]",
    "nul\x00",
    "two\nlines",
    "back\r",
    "\x9b31m",
    "\u202egnp.exe",
    "half \ud800",
    ":smile:",
]
OBEYED = ("\x1b", "\x00", "\x07", "\r", "\x9b", "\u202e", "\ud800")


@pytest.fixture
def project(services: Services, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("MODEL_DIR", str(services.settings.model_dir))
    save_connection(services.store, 5, Connection())
    return 5


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("arguments", [[], ["5"], ["--json"]])
def test_status_shows_what_it_was_told_and_does_not_end_on_it(
    text: str, arguments: list[str], services: Services, project: int
) -> None:
    file = ProgressFile(services.store.folder(project))
    file.succeed({"outcome": "nothing new", "notes": [f"never chosen: {text}"]}, {})
    file.fail(f"no such label: {text}")
    said = CliRunner().invoke(cli, ["status", *arguments])
    assert said.exit_code == 0, said.exception
    assert [sign for sign in OBEYED if sign in said.output] == []
    if arguments == ["--json"]:
        assert "no such label: " in json.loads(said.output)[0]["problem"]
    else:
        assert "no such label: " in said.output
        assert ("[/boom]" in said.output) == (text == "[/boom]")


def test_an_error_of_a_hundred_thousand_characters_is_cut(services: Services, project: int) -> None:
    ProgressFile(services.store.folder(project)).fail("x" * 100_000)
    for arguments in ([], ["5"]):
        assert len(CliRunner().invoke(cli, ["status", *arguments]).output) < 5 * LONGEST


def test_texts_without_control_characters_stay_as_they_are() -> None:
    assert plain("Übung 5 % [x] 日本 \N{GRINNING FACE}") == "Übung 5 % [x] 日本 \N{GRINNING FACE}"
    assert plain("a\tb") == "a\\x09b"
    assert plain("x" * 50, 10) == "xxxxxxxxxx... (50 characters)"


@pytest.mark.parametrize("text", HOSTILE)
def test_json_means_the_same(text: str) -> None:
    assert json.loads(safe_json(json.dumps({"a": text}, ensure_ascii=False, indent=2))) == {"a": text}


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_forges_a_line_of_the_log(text: str) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PlainFormatter("%(levelname)s %(message)s"))
    try:
        raise ValueError(f"of our own {text}")
    except ValueError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "x", 1, "told: %s", (text,), (type(error), error, None)
        )
    handler.emit(record)
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("ERROR told: ")
    assert all(line.startswith("  | ") for line in lines[1:])
    assert [sign for sign in OBEYED if sign in stream.getvalue()] == []


def test_commands_print_through_one_place() -> None:
    folder = Path(__file__).parents[3] / "backend" / "cli"
    users = [path.name for path in folder.glob("*.py") if "click.echo(" in path.read_text("utf-8")]
    assert sorted(users) == ["common.py", "export.py", "terminal.py"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_json_log_line_is_one_object_with_what_it_is_about(text: str) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.Logger("of.this.test")
    logger.addHandler(handler)
    with about(project=3), about(round=17):
        try:
            raise ValueError(text)
        except ValueError:
            logger.exception("label %s", text)
    logger.info("outside")
    first, second = stream.getvalue().splitlines()
    line = json.loads(first)
    assert (line["project"], line["round"], line["level"]) == (3, 17, "ERROR")
    assert line["message"] == f"label {text}"
    assert "ValueError" in line["traceback"]
    assert [sign for sign in OBEYED if sign in first] == []
    assert set(json.loads(second)) == {"at", "level", "logger", "message"}
