"""A format is a reader, a writer, its options, and one line in the table: nothing else knows it."""

import json
from dataclasses import dataclass, field

import pytest
from click.testing import CliRunner

import exporters
from backend.cli import cli
from exporters.contract import Format
from exporters.options import one_of
from exporters.records import Annotation, Answer, Item, Region


@dataclass(frozen=True)
class LineOptions:
    """Options of the toy format."""

    mark: str = field(default="|", metadata={"help": "Lines: between text and label.", "choices": ("|", "/")})
    shout: bool = field(default=False, metadata={"help": "Lines: in capitals."})

    def __post_init__(self):
        one_of("mark", self.mark, ("|", "/"))


class LineWriter:
    """Writes `text|label` a line."""

    def __init__(self, job):
        self._file, self._job = job.outputs.open(job.path), job

    def write(self, item):
        own = self._job.options.of(LineOptions)
        for annotation in item.annotations:
            for region in annotation.regions:
                text = f"{item.media}{own.mark}{region.shape.values[0]}\n"
                self._file.write((text.upper() if own.shout else text).encode())
                self._job.ledger.carried["choices"] += 1
        self._job.ledger.items += 1

    def finish(self):
        pass

    def close(self):
        pass


def read_lines(file, name, job):
    mark = job.options.of(LineOptions).mark
    for number, line in enumerate(file, 1):
        text, label = line.decode().rstrip("\n").split(mark)
        regions = (Region(Answer("choices", (label,))),)
        yield Item("text", text, annotations=(Annotation(regions),), place=f"{name}, line {number}")


LINES = Format(
    title="Lines",
    suffix=".lines",
    recognizes=lambda head: b"|" in head.start and not head.first,
    read=read_lines,
    write=LineWriter,
    options=LineOptions,
)


@pytest.fixture
def lines(monkeypatch):
    """The toy format, in the table."""
    monkeypatch.setitem(exporters.FORMATS, "lines", LINES)


def run(*arguments):
    result = CliRunner().invoke(cli, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.usefixtures("lines")
def test_a_format_from_outside_is_read_and_written_by_the_command_line(tmp_path):
    (tmp_path / "in.lines").write_text("fine|good\nawful|bad\n")
    run("convert", tmp_path / "in.lines", tmp_path / "a.json")
    tasks = json.loads((tmp_path / "a.json").read_text())
    assert [task["data"]["text"] for task in tasks] == ["fine", "awful"]
    run("convert", tmp_path / "a.json", tmp_path / "out.lines", "--mark", "/", "--shout")
    assert (tmp_path / "out.lines").read_text() == "FINE/GOOD\nAWFUL/BAD\n"
    run("convert", tmp_path / "a.json", tmp_path / "b", "--to", "lines")
    assert (tmp_path / "b").read_text() == "fine|good\nawful|bad\n"


@pytest.mark.usefixtures("lines")
def test_the_help_and_the_errors_name_a_format_from_outside():
    told = run("convert", "--help")
    assert all(word in told for word in ("lines", "--shout", "--clamp"))
    wrong = CliRunner().invoke(cli, ["convert", __file__, "x", "--to", "odd"])
    assert wrong.exit_code == 2
    assert "lines" in wrong.output


@pytest.mark.usefixtures("lines")
def test_an_option_of_a_format_is_checked_by_that_format(tmp_path):
    (tmp_path / "in.lines").write_text("fine|good\n")
    with pytest.raises(exporters.OptionError, match="mark='x' is unknown"):
        exporters.convert(tmp_path / "in.lines", tmp_path / "a.json", mark="x")
    with pytest.raises(exporters.OptionError, match=r"unknown option 'marks'; valid: .*mark, shout"):
        exporters.convert(tmp_path / "in.lines", tmp_path / "a.json", marks="x")


def test_without_it_no_option_of_it_is_known(tmp_path):
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(exporters.OptionError, match="unknown option 'shout'"):
        exporters.convert(tmp_path / "a.json", tmp_path / "a.xml", shout=True)
