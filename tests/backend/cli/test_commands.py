from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from dataclasses import asdict
from typing import Any

import click
import pytest
from click.testing import CliRunner

from backend.cli import COMMANDS, cli
from backend.errors import LabelStudioUnreachable
from backend.label_studio.client import LabelStudio
from backend.learning.accuracy import Accuracy
from backend.loop.heartbeat import WORKER, Heartbeat
from backend.loop.jobs import force_key, perform_round
from backend.loop.marks import pending_key
from backend.project.connect import connect
from backend.services import Services
from backend.settings import Settings
from backend.store.models import Published
from backend.store.progress import ProgressFile
from tests.backend.command import Call, Result
from tests.backend.samples import chosen
from tests.fakes.label_studio import FakeLabelStudio

PUBLIC = sorted(name for name in COMMANDS if not name.startswith("_"))


@pytest.mark.parametrize("name", PUBLIC)
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert "Example:" in result.output
    assert f"clean-al {name}" in result.output


def test_the_help_lists_every_command_with_what_it_does(call: Call) -> None:
    shown = call("--help")
    assert shown.code == 0
    for name in PUBLIC:
        assert re.search(rf"^  {name} +\w", shown.out, re.MULTILINE), name
    assert "_worker" not in shown.out
    assert call("-h").out == shown.out


@pytest.mark.parametrize("name", PUBLIC)
def test_the_help_says_of_a_command_what_the_command_says_of_itself(name: str) -> None:
    listed = CliRunner().invoke(cli, ["--help"], terminal_width=300).output
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    said = command.get_short_help_str(limit=72)
    assert re.search(rf"^  {name} +{re.escape(said.removesuffix('...'))}", listed, re.MULTILINE)


def test_the_help_imports_no_command() -> None:
    code = (
        "import sys\n"
        "from backend.cli import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit as ended:\n"
        "    heavy = {'numpy', 'requests', 'rich', 'pydantic', 'redis'} & set(sys.modules)\n"
        "    sys.exit(ended.code or ', '.join(heavy) or 0)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "Commands:" in ran.stdout


@pytest.mark.parametrize(("level", "told"), [("INFO", True), ("warning", False)])
def test_what_a_command_waits_for_is_logged_from_the_level_that_is_set(
    level: str, told: bool, fake: FakeLabelStudio, settings: Settings
) -> None:
    fake.fail("status", path="/api/projects/7/", status=503)
    env = {
        "LABEL_STUDIO_URL": fake.url,
        "LABEL_STUDIO_API_KEY": fake.token,
        "MODEL_DIR": str(settings.model_dir),
        "LOG_LEVEL": level,
    }
    command = [sys.executable, "-m", "backend.cli", "connect", "7"]
    ran = subprocess.run(command, env=os.environ | env, capture_output=True, text=True)
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith("clean-al: PROJECT 7: no such project")
    assert ("INFO backend.label_studio.http: " in ran.stderr) is told
    assert ("trying again in" in ran.stderr) is told


def test_the_version_is_told(call: Call) -> None:
    assert re.search(r"\d+\.\d+\.\d+", call("--version").out)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["connect"],
        ["connect", "1", "2"],
        ["status", "--color"],
        ["retrain", "1", "--timeout", "x"],
    ],
)
def test_wrong_usage_is_two(call: Call, arguments: list[str]) -> None:
    result = call(*arguments)
    assert result.code == 2
    assert "Usage" in result.err or "Error" in result.err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LABEL_STUDIO_API_KEY", ""),
        ("LABEL_STUDIO_URL", "p4ssw0rd"),
        ("LABEL_STUDIO_URL", "http://user:p4ssw0rd@host"),
        ("REDIS_URL", "p4ssw0rd"),
        ("REDIS_URL", "redis://:p4ssw0rd/#x@localhost:6379/0"),
        ("PORT", "p4ssw0rd"),
        ("LOG_LEVEL", "p4ssw0rd"),
        ("CLEAN_AL_LEASE", "p4ssw0rd"),
        ("CLEAN_AL_ESTIMATOR", "p4ssw0rd"),
        ("BASIC_AUTH_PASS", "p4ssw0rd"),
        ("HOST", "0.0.0.0"),
    ],
)
def test_wrong_settings_are_two_and_name_the_variable_never_the_value(
    call: Call, name: str, value: str
) -> None:
    result = call("connect", "1", **{name: value})
    assert result.code == 2
    assert name in result.err
    assert len(result.err.splitlines()) == 1


def test_connect_status_retrain_disconnect(
    call: Call, services: Services, project_id: int, label_studio: LabelStudio
) -> None:
    ids = label_studio.import_tasks(project_id, [{"data": {"text": f"a cat {i}"}} for i in range(6)])
    connected = call("connect", "Topics")
    assert connected.code == 0
    assert f"project {project_id}: ML backend added" in connected.out
    assert "the first round is queued" in connected.out
    assert services.redis.exists(pending_key(project_id))
    assert "no worker runs" in call("status").out
    Heartbeat(services.redis, WORKER).beat()
    assert "waiting for the first round" in call("status").out
    perform_round(project_id, services)
    label_studio.annotate(ids[0], chosen("cats"))
    perform_round(project_id, services)
    shown = json.loads(call("status", str(project_id), "--json").out)
    assert (shown[0]["labels"], shown[0]["candidates"], shown[0]["rounds"]) == (1, 5, 2)
    assert "waiting for labels" in call("status", str(project_id)).out
    assert "a round is queued" in call("retrain", str(project_id)).out
    assert json.loads(call("retrain", str(project_id), "--json").out) == {
        "project": project_id,
        "queued": True,
    }
    assert services.redis.exists(force_key(project_id))
    off = json.loads(call("disconnect", str(project_id), "--json").out)
    assert "the loop is off for this project" in off["changes"]
    assert "off" in call("status").out
    assert "was not on" in call("disconnect", str(project_id)).out


def test_status_gives_the_accuracy_with_its_interval_or_what_it_takes_to_know_it(
    call: Call, services: Services, project_id: int
) -> None:
    connect(services, project_id)
    file = ProgressFile(services.store.folder(project_id))
    assert "accuracy     not known yet: 0 of 30 audit labels" in call("status", str(project_id)).out
    missing = "12 of 30 audit labels, about 180 more labels to give"
    file.succeed({"labels": 120, "accuracy": asdict(Accuracy(audit_labels=12, unknown_because=missing))}, {})
    assert f"accuracy     not known yet: {missing}\n" in call("status", str(project_id)).out
    assert json.loads(call("status", "--json").out)[0]["accuracy"]["value"] is None
    known = Accuracy(0.912, 0.881, 0.943, audit_labels=41, at_labels=402, at_tasks=900, unknown_because=None)
    file.succeed({"labels": 410, "accuracy": asdict(known)}, {})
    said = "91.2% (88.1% to 94.3% at 90% confidence; estimated at 402 labels, 41 audit labels now)"
    assert f"accuracy     {said}\n" in call("status", str(project_id)).out
    assert "91% (88%-94%)" in call("status").out
    assert json.loads(call("status", "--json").out)[0]["accuracy"] == asdict(known)


def test_connect_answers_in_json(call: Call, project_id: int) -> None:
    told = json.loads(call("connect", str(project_id), "--json").out)
    assert told["project"] == project_id
    assert told["changes"]
    assert {"level", "what", "found", "fix"} == set(told["findings"][0])


@pytest.mark.parametrize("name", ["99", "No such title", "²", "9" * 30, "-1", "../1", ""])
@pytest.mark.parametrize("command", ["connect", "disconnect", "retrain"])
def test_a_project_that_is_not_there_is_one_and_lists_those_that_are(
    call: Call, command: str, name: str, project_id: int
) -> None:
    result = call(command, "--", name)
    assert result.code == 1
    assert f"{project_id} (Topics)" in result.err


def test_of_many_projects_some_are_listed_and_the_others_counted(
    call: Call, label_studio: LabelStudio, project_id: int
) -> None:
    for i in range(22):
        label_studio.create_project(title=f"more {i}", label_config="<View/>")
    assert result_ends(call("connect", "No such title").err) == "and 3 more"


def result_ends(said: str) -> str:
    return " ".join(said.split()[-3:])


def test_a_title_of_digits_is_found_when_no_project_has_that_number(
    call: Call, label_studio: LabelStudio
) -> None:
    number = label_studio.create_project(title="2024", label_config="<View/>")["id"]
    assert f"project {number}:" in call("connect", "2024").out


def test_two_projects_of_one_title_need_the_id(
    call: Call, project_id: int, label_studio: LabelStudio
) -> None:
    label_studio.create_project(title="Topics", label_config="<View/>")
    result = call("connect", "Topics")
    assert result.code == 1
    assert "give the id" in result.err


@pytest.mark.parametrize("name", ["7", "²", "x", "-1"])
def test_status_of_an_unknown_project_is_one(call: Call, name: str) -> None:
    result = call("status", "--", name)
    assert result.code == 1
    assert "never on" in result.err


def test_status_without_projects_says_how_to_begin(call: Call) -> None:
    assert "clean-al connect PROJECT" in call("status").out
    assert json.loads(call("status", "--json").out) == []


def test_retrain_of_a_project_that_is_off_says_how_to_switch_it_on(call: Call, project_id: int) -> None:
    result = call("retrain", str(project_id))
    assert result.code == 1
    assert f"clean-al connect {project_id}" in result.err


def test_retrain_without_redis_is_one_line(call: Call, services: Services, project_id: int) -> None:
    connect(services, project_id)
    result = call("retrain", str(project_id), REDIS_URL="redis://:p4ssw0rd@127.0.0.1:1/0")
    assert result.code == 1
    assert "Redis does not answer" in result.err
    assert len(result.err.splitlines()) == 1


def test_connect_without_redis_says_when_the_first_round_comes(call: Call, project_id: int) -> None:
    result = call("connect", str(project_id), REDIS_URL="redis://:p4ssw0rd@127.0.0.1:1/0")
    assert result.code == 0
    assert "as soon as `clean-al serve` is up" in result.out


def test_retrain_waits_for_its_round(call: Call, services: Services, project_id: int) -> None:
    connect(services, project_id)
    worker = threading.Timer(0.5, perform_round, (project_id, services))
    worker.start()
    result = call("retrain", str(project_id), "--wait", "--json")
    worker.join()
    assert result.code == 0
    assert json.loads(result.out)["outcome"] == "published"
    assert not services.redis.exists(force_key(project_id))


@pytest.mark.parametrize("failures_before", [0, 40])
def test_retrain_tells_that_its_round_failed(
    call: Call,
    services: Services,
    project_id: int,
    monkeypatch: pytest.MonkeyPatch,
    failures_before: int,
) -> None:
    connect(services, project_id)
    for _ in range(failures_before):
        ProgressFile(services.store.folder(project_id)).fail("earlier")

    def run(*_: Any, **__: Any) -> None:
        raise LabelStudioUnreachable("/api/tasks/: no answer")

    monkeypatch.setattr("backend.loop.jobs.run_round", run)
    worker = threading.Timer(0.5, perform_round, (project_id, services))
    worker.start()
    result = call("retrain", str(project_id), "--wait", "--timeout", "30")
    worker.join()
    assert result.code == 1
    assert "the round failed: /api/tasks/: no answer" in result.err


def test_retrain_gives_up_waiting_and_says_what_is_missing(
    call: Call, services: Services, project_id: int
) -> None:
    connect(services, project_id)
    result = call("retrain", str(project_id), "--wait", "--timeout", "0.5")
    assert result.code == 1
    assert "clean-al serve" in result.err


class TestDoctor:
    def findings(self, result: Result) -> dict[tuple[str, str], str]:
        """All that was found of each thing at each level, joined."""
        found: dict[tuple[str, str], str] = {}
        for f in json.loads(result.out):
            key = f["what"], f["level"]
            found[key] = f"{found.get(key, '')} {f['found']} {f['fix']}".strip()
        return found

    def test_label_studio_that_is_down_is_found(self, call: Call, fake: FakeLabelStudio) -> None:
        fake.stop()
        result = call("doctor", "--json")
        assert result.code == 1
        assert "LABEL_STUDIO_URL" in self.findings(result)["Label Studio", "problem"]

    def test_it_is_found_for_a_project_by_its_title_too(
        self, call: Call, services: Services, fake: FakeLabelStudio, project_id: int
    ) -> None:
        connect(services, project_id)
        title = fake.world.projects[project_id]["title"]
        assert call("doctor", title, "--json").out
        fake.stop()
        result = call("doctor", title, "--json")
        assert result.code == 1
        assert "LABEL_STUDIO_URL" in self.findings(result)["Label Studio", "problem"]

    def test_a_wrong_token_is_found(self, call: Call) -> None:
        result = call("doctor", "--json", LABEL_STUDIO_API_KEY="p4ssw0rd")
        assert result.code == 1
        assert "Token" in " ".join(self.findings(result).values())

    def test_a_legacy_token_where_they_are_off_is_found(self, call: Call, fake: FakeLabelStudio) -> None:
        result = call("doctor", "--json", LABEL_STUDIO_API_KEY=fake.legacy_token)
        assert result.code == 1
        assert "Personal Access Token" in " ".join(self.findings(result).values())

    def test_redis_that_is_down_is_found(self, call: Call) -> None:
        result = call("doctor", "--json", REDIS_URL="redis://:p4ssw0rd@127.0.0.1:1/0")
        assert "REDIS_URL" in self.findings(result)["queue", "problem"]

    def test_a_config_that_is_not_learned_from_names_its_tag(
        self, call: Call, label_studio: LabelStudio, project_id: int
    ) -> None:
        note = '<View><Text name="t" value="$text"/><TextArea name="r" toName="t"/></View>'
        label_studio.update_project(project_id, label_config=note)
        found = self.findings(call("doctor", str(project_id), "--json"))
        assert '<TextArea name="r">' in found[f"project {project_id}", "note"]

    def test_what_makes_label_studio_serve_at_random_is_found(
        self, call: Call, services: Services, fake: FakeLabelStudio, project_id: int
    ) -> None:
        connect(services, project_id)
        services.store.publish(project_id, Published("v", 1, "print", (1,), False))
        fake.world.projects[project_id] |= {"model_version": "Clean AL", "sampling": "Uniform sampling"}
        fake.world.projects[project_id]["maximum_annotations"] = 2
        text = call("doctor", str(project_id)).out
        assert "model_version is the ML backend's title" in text
        assert "sampling is Uniform sampling" in text
        assert "several annotations per task" in text

    def test_a_removed_webhook_is_found(
        self, call: Call, services: Services, fake: FakeLabelStudio, project_id: int
    ) -> None:
        connect(services, project_id)
        fake.world.webhooks.clear()
        assert "our webhook was removed" in call("doctor", str(project_id)).out

    def test_a_project_that_is_off_is_told_so(self, call: Call, services: Services, project_id: int) -> None:
        assert "the loop is off" in call("doctor", str(project_id)).out

    def test_what_is_in_order_is_said_too(self, call: Call, services: Services, project_id: int) -> None:
        found = self.findings(call("doctor", "--json"))
        assert ("Label Studio", "ok") in found
        assert ("token", "ok") in found
        assert ("queue", "ok") in found
        assert ("backend", "problem") in found, "no web process runs here"
        assert ("workers", "problem") in found, "nor does a worker"
        Heartbeat(services.redis, WORKER).beat()
        assert ("workers", "ok") in self.findings(call("doctor", "--json"))
