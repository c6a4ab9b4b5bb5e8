"""The dashboard shows every project and lets nothing of theirs become markup."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from backend.learning.accuracy import Accuracy
from backend.settings import Settings
from backend.store.files import write_json
from backend.store.models import ModelStore
from backend.store.progress import ProgressFile
from backend.web import create_app

from .conftest import Marker, TextLengthPredictor, basic


def page_of(folder: Path) -> str:
    settings = Settings(model_dir=folder, webhook_secret="a-webhook-secret-for-tests")
    app = create_app(settings, dirty_marker=Marker(), predictor=TextLengthPredictor())
    answer = app.test_client().get("/dashboard", base_url="http://127.0.0.1:9090")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def finished_round(folder: Path, project_id: int, notes: list[str], **more: Any) -> None:
    project = ModelStore(folder).folder(project_id)
    write_json(project / "connection.json", {})
    report = {
        "outcome": "published",
        "labels": 41,
        "candidates": 959,
        "notes": notes,
        "seconds": {"fetch": 1.25},
        **more,
    }
    ProgressFile(project).succeed(report, {})


def test_it_shows_how_each_project_stands(tmp_path: Path) -> None:
    finished_round(tmp_path, 3, ["labels never chosen yet: owl"])
    page = page_of(tmp_path)
    for expected in ("Project 3", "<dd>41</dd>", "<dd>959</dd>", "labels never chosen yet: owl", "1.2 s"):
        assert expected in page


def test_it_shows_the_accuracy_or_what_it_takes_to_know_it(tmp_path: Path) -> None:
    finished_round(tmp_path, 3, [])
    assert "not known yet: 0 of 30 audit labels" in page_of(tmp_path)
    known = Accuracy(0.912, 0.881, 0.943, audit_labels=41, at_labels=402, at_tasks=900, unknown_because=None)
    finished_round(tmp_path, 3, [], accuracy=asdict(known))
    assert "91.2% (88.1% to 94.3% at 90% confidence" in page_of(tmp_path)


def test_without_a_project_it_says_how_to_begin(tmp_path: Path) -> None:
    assert "clean-al connect PROJECT" in page_of(tmp_path)


def test_a_label_that_is_markup_stays_text(tmp_path: Path) -> None:
    finished_round(tmp_path, 3, ["labels never chosen yet: <script>alert(1)</script>"])
    page = page_of(tmp_path)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_no_script_may_run_on_it_and_nothing_is_fetched(client: FlaskClient) -> None:
    policy = client.get("/dashboard").headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")


def test_it_asks_for_the_login_where_one_is_set(tmp_path: Path) -> None:
    settings = Settings(
        model_dir=tmp_path,
        webhook_secret="a-webhook-secret-for-tests",
        basic_auth_user="u",
        basic_auth_pass="p",
    )
    client = create_app(settings, dirty_marker=Marker(), predictor=TextLengthPredictor()).test_client()
    assert client.get("/dashboard").status_code == 401
    assert client.get("/dashboard", headers=basic("u", "p")).status_code == 200
