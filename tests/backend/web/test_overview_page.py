"""The page over all projects: how each stands, found by search, state and order, page by page."""

from __future__ import annotations

import threading
from dataclasses import asdict
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from backend.learning.accuracy import Accuracy
from backend.loop.heartbeat import Alive
from backend.settings import Settings
from backend.store.poll_note import note_poll
from backend.store.progress import ProgressFile
from backend.store.wishes import note_pause
from backend.web import create_app
from backend.web.pages.listing import PER_PAGE, page_of
from backend.web.process_gauges import ProcessGauges
from backend.web.readiness import Readiness
from backend.web.watch import Look, QueueWatch

from .conftest import Marker, TextLengthPredictor, basic
from .pages import client_of, get
from .projects import ERROR, F1, make_project
from .servers import wait_until


def titles(client: FlaskClient, query: str = "") -> list[str]:
    """Return the numbers of the projects on a page, in its order."""
    return [
        link.rpartition("/")[2]
        for link in get(client, query).links()
        if link.startswith("/dashboard/") and link.rpartition("/")[2].isdigit()
    ]


def test_it_shows_title_state_labels_accuracy_and_last_round(tmp_path: Path) -> None:
    make_project(tmp_path)
    page = get(client_of(tmp_path))
    for words in ("Topics", "#3", "settled", "402", "959", "91\u202f%", "88–94\u202f%", "2026-05-0"):
        assert words in page.text
    assert "/dashboard/3" in page.links()


def test_an_accuracy_that_is_not_known_is_said_to_be_so(tmp_path: Path) -> None:
    make_project(tmp_path, accuracy={})
    assert "not known yet" in get(client_of(tmp_path)).text


def test_an_early_estimate_is_shown_as_such(tmp_path: Path) -> None:
    early = Accuracy(early=0.784, early_low=0.65, early_high=0.91, at_labels=80, audit_labels=8)
    make_project(tmp_path, accuracy=asdict(early))
    assert "early 78\u202f% 65–91\u202f%" in get(client_of(tmp_path)).text


def test_a_problem_that_all_projects_have_is_said_once(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        make_project(tmp_path, number)
    nobody = client_of(tmp_path, alive=Alive(workers=0, polls=1, webs=1))
    text = get(nobody).text
    assert text.count("the last order stands") == 1
    assert "the last order stands (all projects)" in text
    note_pause(tmp_path / "projects" / "2")
    text = get(nobody).text
    assert text.count("the last order stands") == 2
    assert "(all projects)" not in text


def test_spans_show_their_f1_and_numbers_by_how_much_they_are_off(tmp_path: Path) -> None:
    make_project(tmp_path, 3, accuracy=asdict(F1))
    make_project(tmp_path, 4, accuracy=asdict(ERROR))
    text = get(client_of(tmp_path)).text
    assert "F1 81 %" in " ".join(text.split())
    assert "off by 2.44" in text
    assert "2.01 to 3.2" in text


def test_without_a_project_it_says_how_to_begin(tmp_path: Path) -> None:
    assert "clean-al connect PROJECT" in get(client_of(tmp_path)).text


def test_projects_are_found_by_words_of_their_title_or_their_number(tmp_path: Path) -> None:
    for number, title in ((3, "Birds of Peru"), (4, "Birds of Kenya"), (50, "Fish")):
        make_project(tmp_path, number, title)
    client = client_of(tmp_path)
    assert titles(client, "?q=birds") == ["3", "4"]
    assert titles(client, "?q=KENYA+birds") == ["4"]
    assert titles(client, "?q=50") == ["50"]
    assert "No project fits" in get(client, "?q=mammals").text


def test_projects_are_filtered_by_state_and_those_with_a_problem_come_first(tmp_path: Path) -> None:
    for number in (3, 4, 5):
        make_project(tmp_path, number)
    note_pause(make_project(tmp_path, 6))
    note_poll(tmp_path / "projects" / "5", "Label Studio does not answer")
    client = client_of(tmp_path)
    assert titles(client, "?state=paused") == ["6"]
    assert titles(client) == ["5", "3", "4", "6"]
    assert titles(client, "?order=id") == ["3", "4", "5", "6"]


def test_each_page_shows_its_part_and_leads_to_the_others(tmp_path: Path) -> None:
    for number in range(1, PER_PAGE + 3):
        make_project(tmp_path, number)
    client = client_of(tmp_path)
    first, second = titles(client, "?order=id"), titles(client, "?order=id&page=2")
    assert (len(first), second) == (PER_PAGE, [str(PER_PAGE + 1), str(PER_PAGE + 2)])
    page = get(client, "?order=id&q=topics")
    assert "/dashboard?order=id&q=topics&page=2" in page.links() or any(
        "page=2" in link and "q=topics" in link and "order=id" in link for link in page.links()
    )


@pytest.mark.parametrize(("number", "shown"), [(0, 1), (1, 1), (3, 3), (99, 3), (-5, 1)])
def test_a_page_that_there_is_not_is_the_nearest_one(number: int, shown: int) -> None:
    page = page_of(list(range(25)), number, 10)
    assert page.number == shown
    assert (page.first, page.last) == {1: (1, 10), 3: (21, 25)}[shown]


@pytest.mark.parametrize(
    "query",
    ["?page=x", "?page=-1", "?page=99999999999999", "?order=drop", "?state=%00%ff", "?q=" + 5000 * "a"],
)
def test_a_query_that_makes_no_sense_still_gets_a_page(tmp_path: Path, query: str) -> None:
    make_project(tmp_path)
    get(client_of(tmp_path), query)


def test_it_asks_for_the_login_where_one_is_set(tmp_path: Path) -> None:
    client = client_of(tmp_path, basic_auth_user="u", basic_auth_pass="p")
    refused = client.get("/dashboard")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].lower().startswith("basic")
    assert client.get("/dashboard", headers=basic("u", "p")).status_code == 200


def test_a_project_that_changes_is_shown_as_it_is_now(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    client = client_of(tmp_path)
    assert "settled" in get(client).text
    note_pause(folder)
    assert titles(client, "?state=paused") == ["3"]


def test_the_seconds_until_the_next_try_become_fewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, client = make_project(tmp_path), client_of(tmp_path)
    ProgressFile(project).fail("Label Studio is away")
    progress = ProgressFile(project).read()
    shown = []
    for now in (progress.failed_at, progress.failed_at + 3):
        monkeypatch.setattr("time.time", lambda now=now: now)
        shown.append(get(client).text)
    assert "again in 5 s" in shown[0]
    assert "again in 2 s" in shown[1]


def test_it_says_at_what_time_it_was_read(tmp_path: Path) -> None:
    assert "As read from disk at 20" in get(client_of(tmp_path)).text


def test_nothing_is_fetched_from_elsewhere_and_no_script_stands_in_it(tmp_path: Path) -> None:
    make_project(tmp_path)
    client = client_of(tmp_path)
    policy = client.get("/dashboard").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for path in ("", "/3"):
        page = get(client, path)
        sources = [
            a.get("src") or a.get("href") or "" for t in ("script", "link", "img") for a in page.all(t)
        ]
        assert all(source.startswith("/dashboard/static/") for source in sources)
        assert "<style" not in page.markup
        assert not any("style" in attributes for _, attributes in page.elements)
        assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)


@pytest.mark.parametrize("name", ["page.css", "live.js", "icon.svg"])
def test_our_own_files_are_there_and_may_be_kept(tmp_path: Path, name: str) -> None:
    answer = client_of(tmp_path).get(f"/dashboard/static/{name}")
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("name", ["../page.css", "..%2fauth.py", "page.py", ""])
def test_no_other_file_is_served(tmp_path: Path, name: str) -> None:
    assert client_of(tmp_path).get(f"/dashboard/static/{name}").status_code == 404


def test_without_a_worker_it_says_so_and_what_would_help(tmp_path: Path) -> None:
    make_project(tmp_path)
    here = [Alive(workers=0, polls=1, webs=1)]
    settings = Settings(_env_file=None, model_dir=tmp_path, webhook_secret="a-webhook-secret-for-tests")
    app = create_app(settings, dirty_marker=Marker(), predictor=TextLengthPredictor(), alive=lambda: here[0])
    assert "no worker runs" in get(app.test_client()).text
    assert "start clean-al serve" in get(app.test_client(), "/3").text
    here[0] = Alive(workers=1, polls=1, webs=1)
    assert "no worker runs" not in get(app.test_client()).text


def test_nobody_waits_for_who_is_alive_and_the_answer_is_there_later() -> None:
    may_answer = threading.Event()

    def ask() -> Look:
        may_answer.wait(30)
        return Look(Alive(workers=2))

    watch = QueueWatch(ask)
    assert watch.alive() is None
    may_answer.set()
    wait_until(lambda: watch.alive() == Alive(workers=2))


def test_redis_is_asked_once_for_the_pages_the_gauges_and_readiness() -> None:
    asked: list[None] = []

    def ask() -> Look:
        asked.append(None)
        return Look(Alive(workers=2), waiting=5)

    watch = QueueWatch(ask, good_for=3600)
    readiness = Readiness(Settings(_env_file=None, label_studio_url="http://127.0.0.1:1"), watch.now)
    assert readiness.checks() == {"queue": "up", "workers": "up", "label_studio": "down"}
    gauges = {m.name: m.samples[0].value for m in ProcessGauges(watch.now).collect()}
    assert gauges["clean_al_queued_rounds"] == 5
    assert watch.alive() == Alive(workers=2)
    assert len(asked) == 1


def test_who_asks_whether_we_are_ready_while_another_is_waiting_gets_the_last_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, may_answer = threading.Event(), threading.Event()
    answers = iter([Look(Alive(workers=2), waiting=0), Look(Alive(workers=0), waiting=0)])

    def look() -> Look:
        answer = next(answers)
        if not answer.alive.workers:
            asked.set()
            may_answer.wait(30)
        return answer

    monkeypatch.setattr("backend.web.readiness.GOOD_FOR", 0.0)
    readiness = Readiness(Settings(_env_file=None, label_studio_url="http://127.0.0.1:1"), look)
    assert readiness.checks()["workers"] == "up"
    waiting = threading.Thread(target=readiness.checks)
    waiting.start()
    assert asked.wait(30)
    assert readiness.checks()["workers"] == "up"
    may_answer.set()
    waiting.join()
    assert readiness._last["workers"] == "down"


def test_an_answer_that_has_aged_is_asked_for_again() -> None:
    answers = iter([Look(Alive(workers=2)), Look(Alive(workers=1))])
    watch = QueueWatch(lambda: next(answers), good_for=0)
    assert [watch.now().alive.workers for _ in range(2)] == [2, 1]
