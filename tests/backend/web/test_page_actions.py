"""Actions: by POST, with the login, from our own pages, never because another page makes a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from backend.loop.jobs import force_key, perform_round, round_queue
from backend.loop.options import stored_options
from backend.project.connect import connect
from backend.services import Services
from backend.store.connection import is_connected
from backend.store.wishes import is_paused, wished_rollback
from backend.web import create_app
from backend.web.pages.forms import DAY, form_token
from backend.web.pages.option_fields import option_fields
from tests.backend.samples import chosen
from tests.client import FullLabelStudio
from tests.fakes.label_studio import FakeLabelStudio

from .conftest import UP, TextLengthPredictor, basic
from .pages import BASE, client_of, get
from .projects import NEW, OLD, make_project

ACTIONS = ("round", "pause", "resume", "rollback", "options", "stop")
SECRET = "a-webhook-secret-for-tests"


def post(client: FlaskClient, action: str, project: int = 3, *, headers: Any = None, **fields: str) -> Any:
    """Send a form as our own page would."""
    if "token" not in fields:
        fields["token"] = get(client, f"/{project}").token
    return client.post(f"/dashboard/{project}/{action}", data=fields, base_url=BASE, headers=headers or {})


class TestWhoMaySend:
    @pytest.mark.parametrize("action", ACTIONS)
    def test_without_the_login_nobody(self, tmp_path: Path, action: str) -> None:
        make_project(tmp_path)
        client = client_of(tmp_path, basic_auth_user="u", basic_auth_pass="p")
        assert post(client, action, token=form_token(SECRET)).status_code == 401
        wrong = post(client, action, token=form_token(SECRET), headers=basic("u", "wrong"))
        assert wrong.status_code == 401

    @pytest.mark.parametrize("action", ACTIONS)
    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://127.0.0.1:9091"},
            {"Referer": "http://evil.example/dashboard/3"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "http://[bad"},
        ],
    )
    def test_from_another_origin_nobody_even_with_login_and_token(
        self, tmp_path: Path, action: str, headers: dict[str, str]
    ) -> None:
        folder = make_project(tmp_path)
        client = client_of(tmp_path, basic_auth_user="u", basic_auth_pass="p")
        answer = post(client, action, token=form_token(SECRET), headers=headers | basic("u", "p"))
        assert answer.status_code == 403
        assert not is_paused(folder)

    @pytest.mark.parametrize("token", ["", "x", "ü", form_token("another secret"), form_token(SECRET, 0.0)])
    def test_without_todays_token_nobody(self, tmp_path: Path, token: str) -> None:
        folder = make_project(tmp_path)
        assert post(client_of(tmp_path), "pause", token=token).status_code == 403
        assert not is_paused(folder)

    def test_a_page_that_was_opened_before_midnight_can_still_be_sent(self, tmp_path: Path) -> None:
        import time

        folder = make_project(tmp_path)
        yesterday = form_token(SECRET, time.time() - DAY)
        assert post(client_of(tmp_path), "pause", token=yesterday).status_code == 303
        assert is_paused(folder)

    @pytest.mark.parametrize("action", ACTIONS)
    def test_by_get_nothing_is_done(self, tmp_path: Path, action: str) -> None:
        make_project(tmp_path)
        assert client_of(tmp_path).get(f"/dashboard/3/{action}", base_url=BASE).status_code == 405

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": BASE},
            {"Referer": f"{BASE}/dashboard/3"},
            {"Origin": BASE, "Sec-Fetch-Site": "same-origin"},
        ],
    )
    def test_from_our_own_page_it_is_done(self, tmp_path: Path, headers: dict[str, str]) -> None:
        folder = make_project(tmp_path)
        assert post(client_of(tmp_path), "pause", headers=headers).status_code == 303
        assert is_paused(folder)

    def test_behind_a_proxy_the_public_address_is_ours(self, tmp_path: Path) -> None:
        folder = make_project(tmp_path)
        client = client_of(tmp_path, public_url="https://al.example.org")
        answer = post(client, "pause", headers={"Origin": "https://al.example.org"})
        assert answer.status_code == 303
        assert is_paused(folder)

    def test_the_token_says_nothing_about_the_secret(self, tmp_path: Path) -> None:
        make_project(tmp_path)
        page = get(client_of(tmp_path), "/3")
        assert SECRET not in page.markup
        assert page.token == form_token(SECRET)


class TestWithoutRedisAndLabelStudio:
    """Redis and Label Studio are away in these."""

    def test_a_pause_holds_and_a_resume_says_that_it_waits(self, tmp_path: Path) -> None:
        folder = make_project(tmp_path)
        client = client_of(tmp_path)
        assert post(client, "pause").headers["Location"] == "/dashboard/3?done=paused"
        page = get(client, "/3?done=paused")
        assert "The loop is paused." in page.text
        assert "paused since" in page.text
        assert post(client, "resume").headers["Location"] == "/dashboard/3?done=later"
        assert not is_paused(folder)

    def test_a_round_is_refused_on_the_page_itself(self, tmp_path: Path) -> None:
        make_project(tmp_path)
        answer = post(client_of(tmp_path), "round")
        assert answer.status_code == 503
        assert "Redis does not answer" in answer.get_data(as_text=True)
        assert "Topics" in answer.get_data(as_text=True)

    def test_what_makes_no_sense_is_refused_with_the_way_out(self, tmp_path: Path) -> None:
        make_project(tmp_path)
        client = client_of(tmp_path)
        post(client, "pause")
        answer = post(client, "round")
        assert answer.status_code == 409
        assert "is paused" in answer.get_data(as_text=True)

    @pytest.mark.parametrize("version", ["", "no-such", "../../x", NEW])
    def test_a_rollback_to_nothing_is_refused(self, tmp_path: Path, version: str) -> None:
        folder = make_project(tmp_path)
        assert post(client_of(tmp_path), "rollback", version=version).status_code == 409
        assert wished_rollback(folder) is None

    def test_a_damaged_model_is_refused(self, tmp_path: Path) -> None:
        folder = make_project(tmp_path)
        assert post(client_of(tmp_path), "rollback", version=OLD).status_code == 409
        assert wished_rollback(folder) is None

    def test_options_are_kept_and_wrong_ones_are_named_and_stay_filled_in(self, tmp_path: Path) -> None:
        folder = make_project(tmp_path)
        client = client_of(tmp_path)
        kept = post(client, "options", batch_size="7", prefill="never", questions='["topic"]', features="")
        assert kept.status_code == 303
        assert stored_options(folder) == {"batch_size": 7, "prefill": "never", "questions": ["topic"]}
        wrong = post(client, "options", batch_size="0", strategy='"><script>')
        assert wrong.status_code == 422
        assert "batch_size" in wrong.get_data(as_text=True)
        assert "<script>" not in wrong.get_data(as_text=True)
        assert stored_options(folder)["batch_size"] == 7
        fields = {i.get("name"): i.get("value") for i in get(client, "/3").all("input")}
        assert fields["batch_size"] == "7"
        assert post(client, "options").status_code == 303
        assert stored_options(folder) == {}

    @pytest.mark.parametrize("action", ACTIONS)
    def test_a_project_that_was_never_on_is_not_found(self, tmp_path: Path, action: str) -> None:
        make_project(tmp_path)
        client = client_of(tmp_path)
        assert post(client, action, 77, token=form_token(SECRET)).status_code == 404
        assert not (tmp_path / "projects" / "77").exists()

    @pytest.mark.parametrize("done", ["<script>", "", "paused%00", "x" * 1000])
    def test_an_address_cannot_make_the_page_say_something(self, tmp_path: Path, done: str) -> None:
        make_project(tmp_path)
        assert not [
            a for _, a in get(client_of(tmp_path), f"/3?done={done}").elements if a.get("role") == "status"
        ]


class TestForReal:
    """On a Label Studio that answers, and a Redis."""

    @pytest.fixture
    def client(self, services: Services, label_studio: FullLabelStudio, project_id: int) -> FlaskClient:
        ids = label_studio.import_tasks(
            project_id, [{"data": {"text": f"{w} {i}"}} for i in range(10) for w in ("cat purr", "bank coin")]
        )
        connect(services, project_id)
        for start in (0, 4):
            for i in range(start, start + 4):
                label_studio.annotate(ids[i], chosen(("cats", "money")[i % 2]))
            assert perform_round(project_id, services) == "published"
        services.redis.flushall()
        app = create_app(services.settings, predictor=TextLengthPredictor(), alive=lambda: UP)
        return app.test_client()

    def test_a_round_now_is_a_forced_one(
        self, client: FlaskClient, services: Services, project_id: int
    ) -> None:
        assert post(client, "round", project_id).status_code == 303
        assert services.redis.exists(force_key(project_id))
        assert len(round_queue(services.redis).job_ids) == 1

    def test_a_rollback_that_also_pauses_is_done_by_a_worker(
        self, client: FlaskClient, services: Services, project_id: int
    ) -> None:
        versions = services.store.versions(project_id)
        answer = post(client, "rollback", project_id, version=versions[1], pause="on")
        assert answer.headers["Location"].endswith("done=rollback")
        assert perform_round(project_id, services) == "rolled back"
        text = get(client, f"/{project_id}").text
        assert f"the model of {versions[1]}" in text
        assert "paused since" in text

    def test_stop_puts_back_what_connect_found(
        self, client: FlaskClient, services: Services, fake: FakeLabelStudio, project_id: int
    ) -> None:
        assert post(client, "stop", project_id).headers["Location"].endswith("done=stopped")
        assert not is_connected(services.store, project_id)
        assert services.label_studio.project(project_id)["sampling"] == "Sequential sampling"
        page = get(client, f"/{project_id}")
        assert "off" in page.text
        assert not [a for _, a in page.elements if str(a.get("action", "")).endswith("/pause")]

    def test_the_labels_come_as_a_file_of_each_format(
        self, client: FlaskClient, services: Services, project_id: int
    ) -> None:
        for form, words in (("label-studio", b"PK"), ("prodigy", b'"text"'), ("cvat", b"<annotations>")):
            answer = client.get(f"/dashboard/{project_id}/export/{form}?what=labeled", base_url=BASE)
            assert answer.status_code == 200, answer.get_data(as_text=True)
            assert words in answer.data
            assert answer.headers["Content-Disposition"].startswith(
                f'attachment; filename="{project_id}-Topics'
            )

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_a_download_leaves_nothing_on_disk(
        self,
        client: FlaskClient,
        project_id: int,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        method: str,
    ) -> None:
        import tempfile

        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        before = {p.name for p in tmp_path.iterdir()}
        address = f"/dashboard/{project_id}/export/prodigy?what=all"
        with client.open(address, method=method, base_url=BASE) as answer:
            assert bool(answer.data) == (method == "GET")
        assert {p.name for p in tmp_path.iterdir()} == before


class TestDownloads:
    @pytest.mark.parametrize(
        ("path", "code"),
        [
            ("/3/export/exe", 404),
            ("/77/export/cvat", 404),
            ("/3/export/cvat?what=everything", 400),
            ("/3/export/cvat", 503),
        ],
    )
    def test_what_cannot_be_had_is_said(self, tmp_path: Path, path: str, code: int) -> None:
        make_project(tmp_path)
        client = client_of(tmp_path, request_timeout=1)
        assert client.get(f"/dashboard{path}", base_url=BASE).status_code == code

    def test_another_page_cannot_start_one(self, tmp_path: Path) -> None:
        make_project(tmp_path)
        elsewhere = {"Sec-Fetch-Site": "cross-site"}
        answer = client_of(tmp_path).get("/dashboard/3/export/cvat", base_url=BASE, headers=elsewhere)
        assert answer.status_code == 403


class TestOptionFields:
    def used(self, stored: dict[str, Any], used: dict[str, Any]) -> str:
        return next(field.used for field in option_fields(stored, used) if field.name == "batch_size")

    def test_what_the_last_round_used_is_said_where_it_is_something_else(self) -> None:
        assert self.used({"batch_size": 30}, {"batch_size": 20}) == "20"
        assert self.used({"batch_size": 30}, {"batch_size": 30}) == ""
        assert self.used({"batch_size": 30}, {"queue_size": 100}) == "20"

    def test_of_a_round_that_is_yet_to_come_nothing_is_said(self) -> None:
        assert self.used({"batch_size": 30}, {}) == ""
