"""The wheel: what lies in it, what each extra asks plain pip for, and what works without the SDK."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS, VERSION = sorted(PROJECT["optional-dependencies"]), PROJECT["version"]
PACKAGES = ("backend", "clean_al", "exporters")
NOT_CODE = {".html", ".css", ".js", ".lua", ".txt"}
WITHOUT_THE_SDK = """
import sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "label_studio_ml":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Finder())
"""


def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", *arguments, "--disable-pip-version-check", "--quiet"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def run_without_the_sdk(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_THE_SDK + code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our wheel, built from a copy: in the checkout it would take in what earlier builds have left."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    made = pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(built), str(source))
    assert made.returncode == 0, made.stderr
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def _package_index() -> None:
    """Skip where there is none: one small package that every index has is asked for."""
    probe = pip("install", "--dry-run", "--ignore-installed", "--no-deps", "--retries", "0", "click")
    if probe.returncode:
        pytest.skip("pip reaches no package index here")


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_module_and_what_the_code_reads(wheel: Path) -> None:
    wanted = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in NOT_CODE | {".py"}
    }
    assert wanted <= names(wheel)
    assert {name.partition("/")[0] for name in names(wheel) - wanted} == {f"clean_al-{VERSION}.dist-info"}


def test_the_wheels_extras_are_those_of_pyproject(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        read = HeaderParser().parsestr(archive.read(metadata).decode())
    assert sorted(read.get_all("Provides-Extra", [])) == EXTRAS


def resolved(wheel: Path, extras: str, folder: Path) -> dict[str, str]:
    """Return the version of each package that plain pip would install, by name."""
    report = folder / "report.json"
    ran = pip("install", "--dry-run", "--ignore-installed", "--report", str(report), f"{wheel}[{extras}]")
    assert ran.returncode == 0, ran.stderr
    found: list[dict[str, Any]] = json.loads(report.read_text())["install"]
    return {re.sub("[-_.]+", "-", m["metadata"]["name"]).lower(): m["metadata"]["version"] for m in found}


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("_package_index")
@pytest.mark.parametrize("extra", EXTRAS)
def test_plain_pip_finds_a_solution_for_every_extra(extra: str, wheel: Path, tmp_path: Path) -> None:
    assert resolved(wheel, extra, tmp_path)["clean-al"] == VERSION


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("_package_index")
def test_the_backend_and_the_exporters_extras_go_together_and_do_not_ask_for_the_sdk(
    wheel: Path, tmp_path: Path
) -> None:
    found = resolved(wheel, "backend,export,plot", tmp_path)
    assert int(found["flask"].split(".")[0]) >= 3
    assert "label-studio-ml" not in found


def test_everything_but_the_model_class_imports_without_the_sdk() -> None:
    code = """
import importlib, pkgutil, backend
for module in pkgutil.walk_packages(backend.__path__, "backend."):
    if module.name not in ("backend.model", "backend.cli.__main__"):
        importlib.import_module(module.name)
"""
    ran = run_without_the_sdk(code)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["worker", "--help"]])
def test_the_command_line_works_without_the_sdk(arguments: list[str]) -> None:
    ran = run_without_the_sdk(f"from backend.cli import main; main({arguments!r})")
    assert ran.returncode == 0, ran.stderr
    assert "Example:" in ran.stdout


def test_the_model_class_says_what_it_needs() -> None:
    ran = run_without_the_sdk("import backend.model")
    assert "label-studio-ml is not installed; docs/http.md says how" in ran.stderr.splitlines()[-1]
