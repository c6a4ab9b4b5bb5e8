"""docs/operations.md speaks of commands, settings and services that exist."""

import re
from pathlib import Path

import yaml

from backend.cli import COMMANDS
from backend.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "operations.md").read_text()
KNOWN = {str(info.validation_alias.choices[0]) for info in Settings.model_fields.values()}
LABEL_STUDIO = {"SSRF_PROTECTION_ENABLED", "ML_BLOCK_LOCAL_IP"}


def test_every_command_in_the_text_exists() -> None:
    named = set(re.findall(r"(?<![\w/-])clean-al ([a-z]+)\b", TEXT))
    assert named
    assert named <= set(COMMANDS)


def test_every_variable_in_the_text_exists() -> None:
    named = set(re.findall(r"\b((?:CLEAN_AL|BASIC_AUTH)_[A-Z_]+[A-Z]|[A-Z]+_(?:URL|DIR|SECRET|KEY))\b", TEXT))
    assert named <= KNOWN


def test_every_variable_given_a_value_in_the_text_exists() -> None:
    given = set(re.findall(r"\b([A-Z][A-Z_]+)=", TEXT))
    assert given - KNOWN <= LABEL_STUDIO | {"DJANGO_DB"}


def test_every_compose_service_in_a_command_exists() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    named = {word for line in re.findall(r"docker compose stop ([a-z ]+)", TEXT) for word in line.split()}
    named |= set(re.findall(r"--scale ([a-z]+)=", TEXT))
    assert named
    assert named <= set(services)
