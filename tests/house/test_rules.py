"""Rules of the house that a machine can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Put together here, so that this file does not break its own rule.
HOSTS = re.compile(
    "|".join([r"pyp" + r"i\.org", "python" + "hosted", r"registry\." + "npmjs", r"deb\." + "debian"])
)


def committed() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines()]


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, FileNotFoundError):
        return ""


def test_no_committed_file_names_a_package_index_or_download_host() -> None:
    assert [p.name for p in committed() if HOSTS.search(text_of(p))] == []


def test_every_locked_requirement_has_hashes_and_no_address() -> None:
    for lock in sorted(ROOT.glob("requirements*.lock")):
        text = lock.read_text(encoding="utf-8")
        assert "http://" not in text
        assert "https://" not in text
        for entry in re.split(r"\n(?=\S)", text.strip()):
            assert re.match(r"[a-z0-9][a-z0-9._-]*==\S+", entry), f"{lock.name}: {entry[:60]}"
            assert "--hash=sha256:" in entry, f"{lock.name}: {entry[:60]}"


BRITISH = re.compile(
    r"label[l](?:ed|ing|er)\b|vectori[s]|summari[s]e|standardi[s]|seriali[s]"
    r"|colo[u]r|neighbo[u]r|behavio[u]r|\bgre[y]|\bcentr[e]",
    re.IGNORECASE,
)
# The names that stored files and older scripts use; they are read as they were written.
KEPT = re.compile(r'"vectoriser|"labelled"|`labelled`|one_webhook_\d+_labelled_s')


def test_one_spelling_everywhere() -> None:
    """American, as in scikit-learn and Label Studio, whose names we share."""
    said = []
    for path in committed():
        if path.suffix in {".py", ".md", ".html", ".toml", ".yml", ".lua"} and "results" not in path.parts:
            found = BRITISH.findall(KEPT.sub("", text_of(path)))
            said += [f"{path.relative_to(ROOT)}: {word}" for word in found]
    assert said == []


SOURCES = ("backend", "benchmarks", "clean_al", "exporters")
LONGEST_FILE, LONGEST_FUNCTION = 350, 60


def sources() -> list[Path]:
    return [path for package in SOURCES for path in sorted((ROOT / package).rglob("*.py"))]


def test_no_source_file_is_longer_than_one_sitting() -> None:
    lengths = {str(path.relative_to(ROOT)): len(text_of(path).splitlines()) for path in sources()}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_no_function_is_longer_than_a_page() -> None:
    """Its docstring, which is read instead of it, not counted."""
    functions = [
        (path.relative_to(ROOT), node)
        for path in sources()
        for node in ast.walk(ast.parse(text_of(path)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = {f"{path}:{node.lineno} {node.name}": lines_of(node) for path, node in functions}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    documented = len((ast.get_docstring(function, clean=False) or "").splitlines())
    return (function.end_lineno or 0) - function.lineno + 1 - documented


def test_the_tests_mirror_the_rooms_of_the_backend() -> None:
    rooms = {path.parent.name for path in (ROOT / "backend").glob("*/__init__.py")}
    tested = {path.parent.name for path in (ROOT / "tests" / "backend").glob("*/test_*.py")}
    assert tested == rooms


def test_no_log_line_holds_the_words_of_an_error_that_nobody_expected() -> None:
    """They may quote a task: `backend.log_context.log_fault` logs kind and place instead."""
    telling = (".exception(", "exc_info=", "print_exc", "format_exc(")
    found = [path for path in ROOT.glob("backend/**/*.py") if any(t in path.read_text() for t in telling)]
    assert found == []


@pytest.mark.parametrize("package", ["backend", "clean_al", "exporters"])
def test_nothing_is_pickled(package: str) -> None:
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(text_of(path))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not {"pickle", "dill", "cloudpickle", "marshal", "shelve"} & {
                n.split(".")[0] for n in names
            }, path


def test_the_sampler_and_the_exporters_import_without_the_backends_packages() -> None:
    code = (
        "import sys\n"
        "blocked = {'flask','redis','rq','requests','pydantic','click','rich','orjson','ijson','lxml','PIL',"
        "'matplotlib','defusedxml','gunicorn'}\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in blocked: raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "import clean_al, exporters\n"
        "clean_al.IntelligentSampler, clean_al.CVATExporter\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
