"""A project's page: all that is known of it, in words; what is damaged is named, and the rest is shown."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from backend.loop.heartbeat import Alive
from backend.store.insight import CurvePoint, HeadTask, Suspect, save_insight
from backend.store.models import ModelStore
from backend.store.progress import ProgressFile
from backend.store.queue_note import QueueNote
from backend.web.pages.curve import draw, sentence

from .pages import client_of, get
from .projects import ERROR, F1, INSIGHT, NEW, OLD, keep_tasks, make_project, report


def test_it_says_all_that_is_known(tmp_path: Path) -> None:
    make_project(tmp_path)
    text = get(client_of(tmp_path), "/3").text
    for words in (
        "Topics",
        "91.2\u202f%",
        "You can stop",
        "Another 100 labels would gain 0.4 points",
        "534",
        "305 to 839",
        "unsure between cats and money",
        "a cat in a bank",
        "38\u202f% sure",
        "97\u202f% likely wrong",
        "near-copies are labeled otherwise",
        "User 5",
        "94\u202f%",
        "never chosen",
        "labels never chosen yet: war",
        "1.2\u202fs",
        OLD,
        "CVAT XML 1.1",
    ):
        assert words in text, words


def test_without_anything_each_part_says_why(tmp_path: Path) -> None:
    project = make_project(tmp_path, accuracy={})
    for name in ("insight.json", "rounds.jsonl", "published.json"):
        (project / name).unlink()
    shutil.rmtree(project / "models")
    text = get(client_of(tmp_path), "/3").text
    for words in (
        "When to stop is not known yet",
        "There is no estimate yet",
        "The queue is empty",
        "No label has been given yet",
        "Precision and recall are not known yet",
        "No label looks wrong",
        "Nobody has labeled yet",
        "There is no model yet",
        "No round has published anything yet",
    ):
        assert words in text, words


def test_the_measure_of_spans_and_of_numbers_goes_by_its_name(tmp_path: Path) -> None:
    make_project(tmp_path, accuracy=asdict(F1))
    text = " ".join(get(client_of(tmp_path), "/3").text.split())
    assert "F1 of the spans 81.2 %" in text
    assert "Estimated F1 rose" in text
    make_project(tmp_path, accuracy=asdict(ERROR))
    assert "Mean error 2.44 2.01 to 3.2 at 90" in " ".join(get(client_of(tmp_path), "/3").text.split())


def test_links_lead_into_label_studio_as_browsers_find_it(tmp_path: Path) -> None:
    make_project(tmp_path)
    links = get(client_of(tmp_path, label_studio_public_url="https://ls.example.org/"), "/3").links()
    assert "https://ls.example.org/projects/3/data" in links
    assert "https://ls.example.org/projects/3/data?task=21" in links
    assert "https://ls.example.org/projects/3/data?task=11" in links


def test_a_queued_task_without_a_note_shows_its_data_and_audit_tasks_say_so(tmp_path: Path) -> None:
    keep_tasks(make_project(tmp_path), {22: '{"text": "drawn from the pool", "n": 3}'})
    text = get(client_of(tmp_path), "/3").text
    assert "drawn from the pool" in text
    assert "audit" in text
    assert "drawn at random, to estimate accuracy" in text
    assert "The text is not known here." in text


def test_pictures_and_sounds_are_fetched_only_when_they_are_seen(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    head = (HeadTask(21, text="/data/a.png", kind="image"), HeadTask(22, text="/data/a.wav", kind="audio"))
    save_insight(project, replace(INSIGHT, head=head))
    page = get(client_of(tmp_path), "/3")
    (image,) = [i for i in page.all("img") if "media" in str(i["src"])]
    assert (image["loading"], image["src"]) == ("lazy", "/dashboard/3/tasks/21/media")
    assert [a["preload"] for a in page.all("audio")] == ["none"]


def test_what_a_round_learns_meanwhile_is_shown_at_once(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    client = client_of(tmp_path)
    assert "You can stop" in get(client, "/3").text
    save_insight(project, replace(INSIGHT, stop=replace(INSIGHT.stop, verdict="go on"), target=0.95))
    text = get(client, "/3").text
    assert "Go on labeling" in text
    assert "The target is 95%." in text
    (project / "insight.json").unlink()
    assert "When to stop is not known yet" in get(client, "/3").text


class TestCurve:
    POINTS = (CurvePoint(0, 0.5, 0.4, 0.6), CurvePoint(100, 0.9, 0.8, 1.0))

    def test_points_lie_where_the_axes_say(self) -> None:
        chart = draw(self.POINTS, [], width=44 + 14 + 200, height=12 + 34 + 120)
        # Two pixels a label; percent 40 to 100 on 120 pixels, two pixels each.
        assert chart.line == "44,112 244,32"
        assert chart.band == "44,92 244,12 244,52 44,132"
        assert [(t.at, t.label) for t in chart.up] == [
            (132.0, "40\u202f%"),
            (92.0, "60\u202f%"),
            (52.0, "80\u202f%"),
            (12.0, "100\u202f%"),
        ]

    def test_the_random_curve_is_drawn_in_the_same_scale_and_no_farther_than_the_axis(self) -> None:
        far = CurvePoint(10**6, 0.9, 0.8, 1.0)
        chart = draw(self.POINTS, [], width=44 + 14 + 200, height=166, random=(far, *self.POINTS))
        assert (chart.random_line, chart.random_band) == (chart.line, chart.band)
        assert chart.line == draw(self.POINTS, [], width=44 + 14 + 200, height=166).line
        assert draw(self.POINTS, [], 340, 230).random_line == ""

    def test_rounds_are_marked_and_beyond_the_last_point_too(self) -> None:
        chart = draw(self.POINTS, [50, 50, 200], width=44 + 14 + 200, height=166)
        assert chart.rounds == (96.0, 244.0)
        assert chart.line.endswith(" 144,32")

    @pytest.mark.parametrize(
        "points",
        [
            (CurvePoint(7, 0.5, 0.5, 0.5),),
            (CurvePoint(0, 0.0, 0.0, 0.0), CurvePoint(0, 1.0, 1.0, 1.0)),
            (CurvePoint(10**9, 1.0, 1.0, 1.0),),
            (CurvePoint(5, 3.0, -2.0, 9.0),),
        ],
    )
    def test_strange_points_stay_in_the_picture(self, points: tuple[CurvePoint, ...]) -> None:
        chart = draw(points, [], 340, 230)
        for dot in chart.dots:
            assert 0 <= dot.x <= 340
            assert 0 <= dot.y <= 230

    @pytest.mark.parametrize(
        ("first", "last", "said"), [(0.8, 0.804, "went from 80%"), (0.8, 0.79, "fell from 80%")]
    )
    def test_only_what_rose_is_said_to_have_risen(self, first: float, last: float, said: str) -> None:
        points = [CurvePoint(n, value, 0.5, 0.9) for n, value in ((100, first), (200, last))]
        assert said in sentence(points)

    def test_it_is_said_in_words_and_as_a_table(self, tmp_path: Path) -> None:
        make_project(tmp_path)
        page = get(client_of(tmp_path), "/3")
        assert (
            sentence(INSIGHT.curve) == "Estimated accuracy rose from 71% at 100 labels to 91% at 402 labels, "
            "between 88% and 94%."
        )
        assert sentence(INSIGHT.curve) in page.text
        assert "In random order 402 labels would have reached 84%, between 79% and 88%." in page.text
        assert "The same as a table" in page.text
        assert "Random order" in page.text
        assert "84.0\u202f%" in page.text
        assert all(svg["role"] == "img" for svg in page.all("svg") if "aria-labelledby" in svg)

    def test_one_that_falls_is_said_to_fall(self) -> None:
        assert "fell from 90%" in sentence([CurvePoint(1, 0.9, 0.8, 1), CurvePoint(2, 0.5, 0.4, 0.6)])


class TestLists:
    def test_suspects_rounds_and_queue_have_pages_of_their_own(self, tmp_path: Path) -> None:
        project = make_project(tmp_path)
        many = tuple(Suspect(1000 + i, "cats", "money", 0.9, f"reason {i}.") for i in range(25))
        save_insight(project, replace(INSIGHT, suspects=many))
        for _ in range(30):
            ProgressFile(project).succeed(report(), {})
        client = client_of(tmp_path)
        page = get(client, "/3?suspects=3&rounds=2")
        assert "reason 24." in page.text
        assert "reason 19." not in page.text
        assert "11–20 of 32" in page.text
        assert any("suspects=2" in link and "rounds=2" in link for link in page.links())

    def test_of_a_long_history_the_newest_rounds_are_listed_and_all_are_marked(self, tmp_path: Path) -> None:
        project = make_project(tmp_path)
        titled = {"classes": {"labels": 9}, "notes": ['"labels": 7']}
        lines = [
            json.dumps({"notes": ['"labels": 7']} | report(labels=i) | titled | {"x": "y" * 600})
            for i in range(1, 301)
        ]
        (project / "rounds.jsonl").write_text("\n".join([*lines, '{"labels": 5, "has_mo']) + "\n")
        (project / "progress.json").write_text(json.dumps({"report": report(), "rounds": 300}))
        assert ProgressFile(project).learned_from() == list(range(1, 301))
        listed = len(ProgressFile(project).recent()[0])
        assert 10 < listed < 300
        page = get(client_of(tmp_path), "/3")
        assert f"The newest {listed} of 300 rounds" in page.text
        marks = sorted(float(a["x1"] or 0) for a in page.all("line") if a.get("class") == "mark")
        axis = next(float(a["x1"] or 0) for a in page.all("line") if a.get("class") == "axis")
        assert marks[0] < axis + 5


class TestDamage:
    """Whatever is wrong with one file, the page says so, and everything else stays."""

    def test_a_line_of_the_history(self, tmp_path: Path) -> None:
        project = make_project(tmp_path)
        with open(project / "rounds.jsonl", "ab") as history:
            history.write(b'{"outcome": "publ\xff\n[1]\n')
        text = get(client_of(tmp_path), "/3").text
        assert "rounds.jsonl: 2 damaged lines" in text
        assert "380" in text

    @pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"[]", b"{", b'"x"', b"5\n" * 10])
    @pytest.mark.parametrize(
        "name",
        ["rounds.jsonl", "published.json", "insight.json", "progress.json", "options.json", "title.json"],
    )
    def test_a_whole_file(self, tmp_path: Path, name: str, content: bytes) -> None:
        (make_project(tmp_path) / name).write_bytes(content)
        make_project(tmp_path, 4, "Neighbors")
        client = client_of(tmp_path)
        get(client, "/3")
        assert "Neighbors" in get(client).text

    @pytest.mark.parametrize("name", ["rounds.jsonl", "published.json", "insight.json", "options.json"])
    def test_a_folder_in_a_files_place(self, tmp_path: Path, name: str) -> None:
        project = make_project(tmp_path)
        (project / name).unlink(missing_ok=True)
        (project / name).mkdir()
        get(client_of(tmp_path), "/3")

    def test_what_rounds_know(self, tmp_path: Path) -> None:
        (make_project(tmp_path) / "insight.json").write_text('{"suspects": [1], "stop": "no"}')
        text = get(client_of(tmp_path), "/3").text
        assert "insight.json: suspects is damaged" in text
        assert "91.2\u202f%" in text

    def test_the_model_that_is_served(self, tmp_path: Path) -> None:
        shutil.rmtree(make_project(tmp_path) / "models" / NEW)
        text = get(client_of(tmp_path), "/3").text
        assert f"the model that is served, {NEW}, is missing" in text
        assert OLD in text

    def test_a_file_of_an_earlier_model_which_then_cannot_be_rolled_back_to(self, tmp_path: Path) -> None:
        (make_project(tmp_path) / "models" / OLD / "arrays.npz").unlink()
        page = get(client_of(tmp_path), "/3")
        assert "damaged" in page.text
        assert not [i for i in page.all("input") if i.get("value") == OLD]

    @pytest.mark.parametrize("content", [b"", b"SQLite format 3\x00garbage", b"x" * 5000])
    def test_the_snapshot(self, tmp_path: Path, content: bytes) -> None:
        (make_project(tmp_path) / "snapshot.sqlite").write_bytes(content)
        get(client_of(tmp_path), "/3")
        assert (tmp_path / "projects" / "3" / "snapshot.sqlite").read_bytes() == content

    def test_looking_makes_no_file(self, tmp_path: Path) -> None:
        project = make_project(tmp_path)
        before = sorted(p.name for p in project.iterdir())
        get(client_of(tmp_path), "/3")
        assert sorted(p.name for p in project.iterdir()) == before

    def test_the_queue_server_is_away_and_the_page_says_since_when(self, tmp_path: Path) -> None:
        make_project(tmp_path)
        QueueNote(tmp_path).set("Redis does not answer: ConnectionError")
        text = get(client_of(tmp_path), "/3").text
        assert "the queue does not work" in text
        assert "Redis does not answer: ConnectionError (since 20" in text

    def test_the_queue_server_is_away_and_nobody_has_noted_it_yet(self, tmp_path: Path) -> None:
        make_project(tmp_path)
        away = Alive(problem="Redis does not answer: ConnectionError")
        text = get(client_of(tmp_path, alive=away), "/3").text
        assert "the queue does not work" in text
        assert "Redis does not answer: ConnectionError; the last order stands" in text
        assert "402" in text, "what is on disk is shown all the same"

    def test_a_project_that_was_never_connected_is_not_found(self, tmp_path: Path) -> None:
        answer = client_of(tmp_path).get("/dashboard/77")
        assert answer.status_code == 404
        assert "the loop was never on for project 77" in answer.get_data(as_text=True)
        assert not ModelStore(tmp_path).folder(77).exists()


class TestTextsOfOthers:
    """They are shown, never obeyed, cut to a length, and keep their direction to themselves."""

    MARKUP = '"><script>alert(1)</script><img src=x onerror=alert(1)>&{{ 7*7 }}'

    def hostile(self, tmp_path: Path, text: str) -> str:
        project = make_project(
            tmp_path, title=text[:150], notes=[text], outcome="published", seconds={text[:40]: 1.0}
        )
        insight = replace(
            INSIGHT,
            stop=replace(INSIGHT.stop, reason=text),
            head=(HeadTask(21, text, text, 0.5, text),),
            suspects=(Suspect(11, text, text, 0.9, text),),
            classes=tuple(replace(c, label=text) for c in INSIGHT.classes),
            per_label=tuple(replace(q, label=text) for q in INSIGHT.per_label),
            confusion=tuple(replace(c, given=text, guessed=text) for c in INSIGHT.confusion),
        )
        save_insight(project, insight)
        (project / "options.json").write_text('{"strategy": "<b>", "predictions": "\\"><script>"}')
        client = client_of(tmp_path)
        get(client)
        get(client, f"?q={'%3Cscript%3E'}&state=%3Cscript%3E")
        return get(client, "/3").markup

    def test_markup_stays_text(self, tmp_path: Path) -> None:
        markup = self.hostile(tmp_path, self.MARKUP)
        assert "<script>" not in markup
        assert "<img src=x" not in markup
        assert "&lt;script&gt;" in markup
        assert "{{ 7*7 }}" in markup

    def test_a_hundred_thousand_characters_are_cut_and_counted(self, tmp_path: Path) -> None:
        markup = self.hostile(tmp_path, "x" * 100_000)
        assert "(100,000 characters)" in markup
        assert len(markup) < 100_000

    def test_marks_that_turn_the_direction_stay_inside_their_own_text(self, tmp_path: Path) -> None:
        markup = self.hostile(tmp_path, "\u202eevil\u2066")
        for before in markup.split("\u202e")[1:]:
            # Each is inside a <bdi>, or in an attribute or the title, where there is no direction to turn.
            assert "</bdi>" in before or "</title>" in before or '"' in before

    @pytest.mark.parametrize("text", ["\ud800", "a\x00b", "\x1b[2J", "\ufffe", "\U0010ffff"])
    def test_what_no_page_can_hold_does_not_cost_the_page(self, tmp_path: Path, text: str) -> None:
        assert "\x00" not in self.hostile(tmp_path, text)
