"""docs/settings.md and .env.example say what backend/settings.py does."""

import re
from pathlib import Path

import pytest
from dotenv import dotenv_values
from pydantic import SecretStr

from backend.loop.options import ProjectOptions
from backend.settings import Settings, read_settings

ROOT = Path(__file__).parents[2]
SETTINGS = (ROOT / "docs" / "settings.md").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
COMPOSE_ONLY = {"QUEUE_PASSWORD", "LABEL_STUDIO_USERNAME", "LABEL_STUDIO_PASSWORD", "LABEL_STUDIO_PORT"}
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", re.MULTILINE)


def _defaults() -> dict[str, str]:
    """Each variable with the text of its default."""
    found = {}
    for info in Settings.model_fields.values():
        value = info.default
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        found[str(info.validation_alias.choices[0])] = "" if value is None else str(value)
    return found


def _rows(section: str) -> dict[str, str]:
    return {name: default for name, default, _ in ROW.findall(section)}


def _project_section() -> str:
    return SETTINGS.partition("## Per project")[2]


def _example_lines() -> dict[str, str]:
    return dict(re.findall(r"^(?:# )?([A-Z][A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE))


def test_every_setting_is_documented_and_nothing_else() -> None:
    assert set(_rows(SETTINGS.partition("## Per project")[0])) == set(_defaults())


@pytest.mark.parametrize("name", sorted(set(_defaults()) - {"MODEL_DIR"}))
def test_the_documented_default_is_the_real_one(name: str) -> None:
    documented = _rows(SETTINGS)[name]
    words = {"not set": "", "empty": ""}
    assert words.get(documented, documented.strip("`")) == _defaults()[name]


def test_every_project_option_is_documented_and_nothing_else() -> None:
    assert set(_rows(_project_section())) == set(ProjectOptions.model_fields)


@pytest.mark.parametrize("name", sorted(ProjectOptions.model_fields))
def test_the_documented_default_of_a_project_option_is_the_real_one(name: str) -> None:
    documented, default = _rows(_project_section())[name], ProjectOptions.model_fields[name].default
    if documented.startswith("`"):
        assert documented.strip("`") == str(default)
    else:
        assert default in (None, ())


def test_the_example_file_names_every_setting_and_what_the_compose_file_needs() -> None:
    assert set(_example_lines()) == set(_defaults()) | COMPOSE_ONLY


@pytest.mark.parametrize("name", sorted(name for name, default in _defaults().items() if default))
def test_a_value_in_the_example_file_is_the_default(name: str) -> None:
    if name != "MODEL_DIR":
        assert _example_lines()[name] == _defaults()[name]


def test_the_example_file_as_it_stands_needs_only_a_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in _defaults():
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".env").write_text(
        EXAMPLE.replace("LABEL_STUDIO_API_KEY=\n", "LABEL_STUDIO_API_KEY=a-token\n")
    )
    monkeypatch.chdir(tmp_path)
    settings = read_settings()
    assert settings.api_key == "a-token"
    assert settings == read_settings(label_studio_api_key="a-token")
    assert set(dotenv_values(tmp_path / ".env")) == {"LABEL_STUDIO_API_KEY"}


def test_every_line_of_the_example_file_is_a_valid_setting_once_uncommented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in _defaults():
        monkeypatch.delenv(name, raising=False)
    text = re.sub(r"^# (?=[A-Z_]+=)", "", EXAMPLE, flags=re.MULTILINE)
    (tmp_path / ".env").write_text(re.sub(r"^(\w+)=$", r"\1=something-long-enough", text, flags=re.MULTILINE))
    monkeypatch.chdir(tmp_path)
    settings = read_settings()
    assert settings.redis_url.get_secret_value() == "redis://localhost:6379/0"
    assert settings.estimator == "package.module:factory"
    assert settings.basic_auth_pass.get_secret_value() == "something-long-enough"
