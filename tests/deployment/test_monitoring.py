"""Dashboard and alert rules: of the form that Grafana and Prometheus read, and of metrics that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from backend.project.states import STATES
from backend.settings import Settings
from backend.web import create_app

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text(encoding="utf-8"))
RULES = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus-alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
METRIC = re.compile(r"clean_al_\w+")

SOURCE = {
    "type": "object",
    "required": ["type", "uid"],
    "properties": {"type": {"const": "prometheus"}, "uid": {"const": "${datasource}"}},
}
# Of Grafana's dashboard schema (kinds/dashboard), what an import depends on.
SCHEMA = {
    "type": "object",
    "required": ["title", "uid", "schemaVersion", "panels", "templating", "time"],
    "properties": {
        "title": {"type": "string", "minLength": 1},
        "uid": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,40}$"},
        "schemaVersion": {"type": "integer", "minimum": 36},
        "time": {"type": "object", "required": ["from", "to"]},
        "templating": {
            "type": "object",
            "properties": {
                "list": {"type": "array", "items": {"type": "object", "required": ["name", "type"]}}
            },
        },
        "panels": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["id", "type", "title", "gridPos", "targets", "datasource", "fieldConfig"],
                "properties": {
                    "id": {"type": "integer", "minimum": 1},
                    "type": {"enum": ["stat", "table", "timeseries", "bargauge"]},
                    "datasource": SOURCE,
                    "gridPos": {
                        "type": "object",
                        "required": ["x", "y", "w", "h"],
                        "properties": {
                            "x": {"type": "integer", "minimum": 0, "maximum": 23},
                            "w": {"type": "integer", "minimum": 1, "maximum": 24},
                            "y": {"type": "integer", "minimum": 0},
                            "h": {"type": "integer", "minimum": 1},
                        },
                    },
                    "targets": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "required": ["expr", "refId", "datasource"],
                            "properties": {"datasource": SOURCE, "refId": {"pattern": "^[A-Z]$"}},
                        },
                    },
                    "fieldConfig": {"type": "object", "required": ["defaults", "overrides"]},
                },
            },
        },
    },
}


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of all that /metrics can hold."""
    folder = tmp_path_factory.mktemp("models")
    away = "redis://127.0.0.1:1/0"
    settings = Settings(_env_file=None, model_dir=folder, redis_url=away, webhook_secret="a-secret-for-tests")
    registry = create_app(settings).extensions["clean_al"].metrics.registry
    names = set(registry._names_to_collectors)
    return names | {name.removesuffix("_total") for name in names}


def expressions(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [text for key, text in value.items() if key in ("expr", "definition")]
        return own + [text for inner in value.values() for text in expressions(inner)]
    return [text for inner in value for text in expressions(inner)] if isinstance(value, list) else []


def test_the_dashboard_is_of_the_form_that_grafana_imports() -> None:
    jsonschema.validate(DASHBOARD, SCHEMA)
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_no_two_panels_lie_on_one_another() -> None:
    places: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        own = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not own & places
        places |= own


@pytest.mark.parametrize("source", [DASHBOARD, RULES], ids=["dashboard", "alerts"])
def test_every_metric_that_is_asked_for_is_there(source: Any, metrics: set[str]) -> None:
    asked = {name for text in expressions(source) for name in METRIC.findall(text)}
    assert asked
    assert asked - metrics == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r["alert"])
def test_every_rule_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert all(rule["annotations"][name] for name in ("summary", "description"))
    assert re.fullmatch(r"\d+[smhd]", rule["for"])


def test_every_state_that_a_rule_names_is_one() -> None:
    known = {name for name, _ in STATES} | {"cannot be read"}
    named = [part for rule in RULES for part in re.findall(r'state=~?"([^"]+)"', rule["expr"])]
    assert named
    assert {" ".join(state.split()) for text in named for state in text.split("|")} <= known


def test_prometheus_itself_accepts_the_rules() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    command = [promtool, "check", "rules", str(DEPLOY / "prometheus-alerts.yml")]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
