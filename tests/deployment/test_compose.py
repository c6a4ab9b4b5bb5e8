"""docker-compose.yml and Dockerfile, against the compose specification and against our own code."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from backend.cli import COMMANDS
from backend.settings import Settings, read_settings

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
KNOWN = {str(info.validation_alias.choices[0]) for info in Settings.model_fields.values()}
SECRETS = {"LABEL_STUDIO_API_KEY", "QUEUE_PASSWORD", "BASIC_AUTH_PASS", "LABEL_STUDIO_PASSWORD"}
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
FILLED_IN = {"LABEL_STUDIO_USERNAME": "you@example.org"} | dict.fromkeys(SECRETS, "a1b2c3d4")
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::?([-?])([^}]*))?\}")
# What these images bring along.
IN_IMAGE = {"label-studio": {"python3"}, "queue": {"sh", "valkey-server", "valkey-cli", "grep"}}


def _filled_in(value: str) -> str:
    """`value` as compose would hand it to a container."""
    text = VARIABLE.sub(lambda found: FILLED_IN.get(found[1], found[3] if found[2] == "-" else ""), value)
    return text.replace("$$", "$")


def _schema() -> Any:
    """The compose specification's schema, as the package check-jsonschema carries it."""
    package = importlib.util.find_spec("check_jsonschema")
    if package is None or package.origin is None:
        pytest.skip("needs the package check-jsonschema, which carries the compose specification's schema")
    path = Path(package.origin).parent / "builtin_schemas" / "vendor" / "compose-spec.json"
    return json.loads(path.read_text())


def _compose_command() -> list[str]:
    """How Compose is called here; skips where there is none. It needs no engine to check a file."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(command[0])
            and subprocess.run([*command, "version"], capture_output=True).returncode == 0
        ):
            return command
    pytest.skip("neither `docker compose` nor `docker-compose` is installed")


def _config(tmp_path: Path, variables: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    env = {name: value for name, value in os.environ.items() if name not in KNOWN | set(FILLED_IN)}
    files = ["--env-file", str(tmp_path / ".env"), "-f", str(COMPOSE_FILE)]
    command = [*_compose_command(), *files, "config", "--format", "json"]
    return subprocess.run(command, capture_output=True, text=True, env=env)


def test_the_compose_file_follows_the_specification() -> None:
    jsonschema.Draft202012Validator(_schema()).validate(COMPOSE)


def test_the_specification_would_refuse_a_wrong_key() -> None:
    wrong = {"services": {"backend": {"image": "x", "healtcheck": {}}}}
    with pytest.raises(jsonschema.ValidationError, match="healtcheck"):
        jsonschema.Draft202012Validator(_schema()).validate(wrong)


def test_compose_itself_accepts_the_file_with_the_needed_variables_only(tmp_path: Path) -> None:
    done = _config(tmp_path, FILLED_IN)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    resolved = json.loads(done.stdout)["services"]
    assert set(resolved) == set(SERVICES)
    assert resolved["worker"]["environment"]["REDIS_URL"] == "redis://:a1b2c3d4@queue:6379/0"


@pytest.mark.parametrize("missing", sorted(FILLED_IN))
def test_compose_itself_names_a_missing_variable(tmp_path: Path, missing: str) -> None:
    done = _config(tmp_path, {name: value for name, value in FILLED_IN.items() if name != missing})
    assert done.returncode != 0
    assert f"required variable {missing} is missing a value: set it in .env" in done.stderr


def test_label_studio_queue_web_and_worker_are_there() -> None:
    assert set(SERVICES) == {"label-studio", "queue", "backend", "worker"}
    assert set(OURS) == {"backend", "worker"}


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_get_settings_that_we_know_and_that_hold_together(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {key: _filled_in(value) for key, value in OURS[name]["environment"].items()}
    assert set(variables) <= KNOWN
    monkeypatch.chdir(tmp_path)
    for variable in KNOWN:
        monkeypatch.delenv(variable, raising=False)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    settings = read_settings()
    assert settings.redis_url.get_secret_value() == "redis://:a1b2c3d4@queue:6379/0"
    assert (settings.address, settings.port) == ("http://backend:9090", 9090)
    assert settings.label_studio_url == "http://label-studio:8080"
    assert not settings.listens_on_loopback


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_containers_run_commands_that_exist(name: str) -> None:
    assert OURS[name]["command"][0] in COMMANDS


def test_one_service_answers_and_the_others_only_work() -> None:
    assert {name: service["command"] for name, service in OURS.items()} == {
        "backend": ["_web"],
        "worker": ["worker"],
    }


def test_the_addresses_inside_name_services_of_this_file_and_their_ports() -> None:
    text = json.dumps([service["environment"] for service in OURS.values()])
    hosts = set(re.findall(r"(?:://|@)([a-z][a-z-]*):(\d+)", text))
    assert hosts == {("label-studio", "8080"), ("queue", "6379"), ("backend", "9090")}


def test_only_label_studio_is_published_and_only_to_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert {name: [_filled_in(port) for port in ports] for name, ports in published.items()} == {
        "label-studio": ["127.0.0.1:8080:8080"]
    }


def test_label_studio_cannot_reach_the_queue() -> None:
    assert not set(SERVICES["label-studio"]["networks"]) & set(SERVICES["queue"]["networks"])
    assert COMPOSE["networks"]["queue"]["internal"] is True


def test_images_are_pinned_and_ours_bears_the_version_of_the_project() -> None:
    for name, service in SERVICES.items():
        tag = service["image"].rpartition(":")[2]
        assert re.match(r"\d+\.\d+\.\d+", tag), (name, service["image"])
    assert {service["image"] for service in OURS.values()} == {f"clean-al:{VERSION}"}
    locked = re.search(
        r"^label-studio==(\S+)", (ROOT / "requirements-label-studio.lock").read_text(), re.MULTILINE
    )
    assert SERVICES["label-studio"]["image"] == f"heartexlabs/label-studio:{locked[1]}"
    assert len(set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))) == 1
    assert re.search(r"^FROM python:3\.\d+-slim", DOCKERFILE, re.MULTILINE)


def test_no_secret_stands_in_the_file_and_a_missing_one_is_named_with_the_way_out() -> None:
    for name, kind, message in VARIABLE.findall(COMPOSE_FILE.read_text()):
        if name in SECRETS:
            assert kind == "?", name
            assert ".env" in message, name


def test_label_studio_may_call_the_containers_of_this_file() -> None:
    environment = SERVICES["label-studio"]["environment"]
    assert environment["SSRF_PROTECTION_ENABLED"] == environment["ML_BLOCK_LOCAL_IP"] == "false"


def test_the_queue_keeps_what_it_acknowledged_and_wants_a_password() -> None:
    command = " ".join(SERVICES["queue"]["command"])
    for words in ("--appendonly yes", "--appendfsync everysec", "--maxmemory-policy noeviction"):
        assert words in command
    assert '--requirepass "$$QUEUE_PASSWORD"' in command


def test_data_is_in_named_volumes() -> None:
    mounts = {name: service["volumes"] for name, service in SERVICES.items()}
    used = {mount.partition(":")[0] for several in mounts.values() for mount in several}
    assert used == set(COMPOSE["volumes"])
    assert "queue:/data" in mounts["queue"]
    assert "--dir /data" in " ".join(SERVICES["queue"]["command"])
    for name, service in OURS.items():
        assert mounts[name] == [f"models:{service['environment']['MODEL_DIR']}"]
    assert re.search(r"^VOLUME /data$", DOCKERFILE, re.MULTILINE)


def test_who_waits_for_whom_waits_for_health_and_the_other_one_can_tell() -> None:
    for service in OURS.values():
        for other, how in service["depends_on"].items():
            assert how == {"condition": "service_healthy"}
            assert "test" in SERVICES[other]["healthcheck"]


@pytest.mark.parametrize("name", sorted(IN_IMAGE))
def test_a_health_check_uses_what_its_image_has(name: str) -> None:
    kind, *command = SERVICES[name]["healthcheck"]["test"]
    assert kind in ("CMD", "CMD-SHELL")
    programs = {command[0]} if kind == "CMD" else {part.split()[0] for part in command[0].split("|")}
    assert programs <= IN_IMAGE[name]


def test_the_images_health_check_is_for_the_web_process_only() -> None:
    assert "healthcheck" not in OURS["backend"]
    assert OURS["worker"]["healthcheck"] == {"disable": True}


def _python_checks() -> dict[str, str]:
    """The Python source of each health check, for port 9090 or 8080."""
    found = re.search(r"^HEALTHCHECK.*?CMD (\[.*?\])$", DOCKERFILE, re.MULTILINE | re.DOTALL)
    words = json.loads(found[1])
    assert words[:2] == ["python", "-c"]
    return {"backend": words[2], "label-studio": SERVICES["label-studio"]["healthcheck"]["test"][3]}


@pytest.mark.parametrize(("status", "code"), [(200, 0), (500, 1)])
@pytest.mark.parametrize("name", ["backend", "label-studio"])
def test_a_python_health_check_tells_health_from_illness(
    name: str, status: int, code: int, http_server: Any
) -> None:
    port = http_server(status)
    source = _python_checks()[name].replace("127.0.0.1:8080", f"127.0.0.1:{port}")
    done = subprocess.run(
        ["python3", "-c", source], env={**os.environ, "PORT": str(port)}, capture_output=True
    )
    assert done.returncode == code


def test_the_image_runs_as_an_ordinary_user_from_hashed_requirements() -> None:
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert users == ["clean-al"]
    assert "pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.lock" in DOCKERFILE
    for line in re.findall(r"pip (?:install|wheel) .*", DOCKERFILE):
        assert "--no-deps" in line
    assert not re.search(r"https?://(?!127\.0\.0\.1)|--index-url|--extra-index-url", DOCKERFILE)


def test_the_image_starts_a_command_that_exists_and_its_environment_is_known() -> None:
    assert json.loads(re.search(r"^ENTRYPOINT (.*)$", DOCKERFILE, re.MULTILINE)[1]) == ["clean-al"]
    assert json.loads(re.search(r"^CMD (.*)$", DOCKERFILE, re.MULTILINE)[1])[0] in COMMANDS
    block = re.search(r"^ENV (.*?[^\\])$", DOCKERFILE, re.MULTILINE | re.DOTALL)[1]
    names = set(re.findall(r"([A-Z_]+)=", block))
    assert names - KNOWN == {"PYTHONUNBUFFERED", "ORT_DISABLE_TELEMETRY"}


def test_what_the_image_copies_exists_and_is_let_through(tmp_path: Path) -> None:
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert sources == {line[1:] for line in ignored if line.startswith("!")}
    assert not [source for source in sources if not (ROOT / source).exists()]


def test_no_secret_file_reaches_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert not [line for line in ignored if line.startswith("!.")]


def test_what_builds_our_wheel_is_taken_from_the_lock_with_its_hashes(tmp_path: Path) -> None:
    script = re.search(r"sed -n '(.*?)' requirements-dev.lock", DOCKERFILE)[1]
    taken = subprocess.run(
        ["sed", "-n", script, str(ROOT / "requirements-dev.lock")], capture_output=True, text=True, check=True
    ).stdout
    first, *rest = taken.splitlines()
    assert first.startswith("setuptools==")
    assert rest
    assert all(line.strip().startswith("--hash=sha256:") for line in rest)
