"""`clean-al compare` as its users meet it: a table and a plot, or one line that says what to change."""

import json

import pytest
from click.testing import CliRunner

from backend.cli.compare import compare


@pytest.fixture
def tickets(tmp_path):
    words = {"fruit": ["apple", "pear", "plum"], "tool": ["saw", "hammer", "drill"]}
    rows = [f"{words[k][i % 3]} {words[k][i % 2]} {i % 5},{k}" for i in range(40) for k in words]
    path = tmp_path / "tickets.csv"
    path.write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def run(path, *options):
    arguments = [
        str(path),
        "--text",
        "text",
        "--label",
        "label",
        "--seeds",
        "1",
        "--budget",
        "20",
        "--batch",
        "10",
    ]
    return CliRunner().invoke(compare, [*arguments, *map(str, options)])


def test_it_prints_a_table_and_draws_a_plot(tickets, tmp_path):
    result = run(tickets, "--strategies", "auto, random,auto", "-o", tmp_path / "curves.png")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert sorted(line.split()[0] for line in lines[1:3]) == ["auto", "random"]
    assert lines[3] == "accuracy with every label: 100.0%; 1 seed"
    assert (tmp_path / "curves.png").read_bytes()[:4] == b"\x89PNG"


def test_by_default_every_strategy_is_another_one(tickets, tmp_path):
    result = run(tickets, "--json", "-o", tmp_path / "curves.svg")
    assert result.exit_code == 0, result.output
    read = json.loads(result.stdout)
    assert sorted(read["accuracy"]) == ["auto", "diversity", "random", "uncertainty"]
    assert read["n_labels"] == [10, 20]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--text", "body"], 1, "no column 'body'; its columns are: text, label"),
        (["--text", "label"], 1, "must be two columns"),
        (["--strategies", "best"], 2, "'best' is unknown; choose of auto, badge"),
        (["--strategies", ""], 2, "'' is unknown"),
        (["--budget", "0"], 2, "--budget"),
        (["--seeds", "0"], 2, "--seeds"),
        (["-o", "curves.gif"], 2, "must end in .png, .svg, .pdf"),
        (["-o", "no/such/folder/curves.png"], 2, "there is no folder no/such/folder"),
    ],
)
def test_faults_are_one_line_and_come_before_the_work(tickets, tmp_path, monkeypatch, options, code, words):
    monkeypatch.chdir(tmp_path)
    result = run(tickets, *options)
    assert result.exit_code == code
    assert isinstance(result.exception, SystemExit)
    assert words in " ".join(result.output.split())
    assert [p.name for p in tmp_path.iterdir()] == ["tickets.csv"]


@pytest.mark.parametrize("content", ["", "text,label\n", "text,label\n" + "tea,a\n" * 40])
def test_files_without_enough_in_them_are_refused_in_words(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "few.csv"
    path.write_text(content)
    result = run(path)
    assert result.exit_code == 1
    assert result.output.startswith("Error: few.csv has")
