from __future__ import annotations

from pathlib import Path

import pytest

from backend.errors import SettingsError
from backend.services import Services
from backend.settings import Settings, read_settings

SECRET = "s3cr3t-value"


def test_the_defaults_need_nothing() -> None:
    settings = read_settings()
    assert settings.label_studio_url == "http://localhost:8080"
    assert (settings.host, settings.port) == ("127.0.0.1", 9090)
    assert settings.redis_url is None


def test_no_secret_shows_in_a_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LABEL_STUDIO_API_KEY", "BASIC_AUTH_PASS", "WEBHOOK_SECRET"):
        monkeypatch.setenv(name, SECRET)
    monkeypatch.setenv("REDIS_URL", f"redis://:{SECRET}@localhost:6379/0")
    monkeypatch.setenv("BASIC_AUTH_USER", "someone")
    settings = read_settings()
    shown = f"{settings!r} {settings} {settings.model_dump()} {Services(settings)!r}"
    assert SECRET not in shown
    assert SECRET not in repr(Services(settings).label_studio)
    assert settings.api_key == SECRET


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LABEL_STUDIO_URL", f"ftp://{SECRET}"),
        ("LABEL_STUDIO_URL", f"http://u:{SECRET}@host"),
        ("CLEAN_AL_PUBLIC_URL", SECRET),
        ("REDIS_URL", SECRET),
        ("REDIS_URL", f"http://{SECRET}"),
        ("REDIS_URL", f"redis://:a/{SECRET}@host:6379/0"),
        ("REDIS_URL", f"redis://host:{SECRET}/0"),
        ("PORT", SECRET),
        ("PORT", "70000"),
        ("LOG_LEVEL", SECRET),
        ("CLEAN_AL_WORKERS", "0"),
        ("CLEAN_AL_DEBOUNCE", "-1"),
        ("CLEAN_AL_DEBOUNCE", SECRET),
        ("CLEAN_AL_LEASE", "0.5"),
        ("CLEAN_AL_MAX_BODY", SECRET),
        ("CLEAN_AL_ESTIMATOR", f"os.{SECRET}"),
        ("CLEAN_AL_ESTIMATOR", "no:"),
        ("CLEAN_AL_SEED", "-1"),
        ("BASIC_AUTH_USER", "alone"),
        ("HOST", "192.168.0.1"),
    ],
)
def test_a_wrong_value_names_its_variable_and_does_not_repeat_it(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name) as refused:
        read_settings()
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


def test_every_wrong_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "x")
    monkeypatch.setenv("LOG_LEVEL", "x")
    with pytest.raises(SettingsError, match=r"PORT.*LOG_LEVEL"):
        read_settings()


def test_a_missing_token_says_how_to_get_one() -> None:
    with pytest.raises(SettingsError, match="Personal Access Token"):
        _ = read_settings().api_key


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({}, "http://127.0.0.1:9090"),
        ({"host": "::1"}, "http://[::1]:9090"),
        ({"host": "localhost", "port": 80}, "http://localhost:80"),
        ({"public_url": "https://al.example.org/"}, "https://al.example.org"),
        ({"host": "0.0.0.0", "basic_auth_user": "u", "basic_auth_pass": "p"}, "http://127.0.0.1:9090"),
    ],
)
def test_the_address_under_which_label_studio_reaches_us(given: dict[str, object], address: str) -> None:
    assert read_settings(**given).address == address


@pytest.mark.parametrize(
    "url",
    ["redis://localhost", "rediss://u:p%40ss@host:6380/1", "unix:///tmp/x.sock?db=1", "redis://[::1]:6379/0"],
)
def test_usual_redis_addresses_are_taken(url: str) -> None:
    given = read_settings(redis_url=url).redis_url
    assert given is not None
    assert given.get_secret_value() == url


def test_an_empty_redis_url_means_the_embedded_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "")
    monkeypatch.setenv("CLEAN_AL_ESTIMATOR", "")
    settings = read_settings()
    assert settings.redis_url is None
    assert settings.estimator is None


def test_a_dotenv_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("PORT=1234\nLOG_LEVEL=debug\nOTHER=1\n")
    assert (read_settings().port, read_settings().log_level) == (1234, "DEBUG")
    monkeypatch.setenv("PORT", "4321")
    assert read_settings().port == 4321


def test_a_dotenv_file_that_is_no_text_is_said() -> None:
    Path(".env").write_bytes(b"PORT=\xff\xfe\n")
    with pytest.raises(SettingsError, match=r"\.env"):
        read_settings()


def test_settings_do_not_change_once_read() -> None:
    settings: Settings = read_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_a_model_dir_that_everyone_can_write_to_is_refused(mode: int, tmp_path: Path) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(SettingsError, match=r"MODEL_DIR=.*chmod o-w"):
        read_settings(model_dir=tmp_path)
    tmp_path.chmod(0o770)
    assert read_settings(model_dir=tmp_path).model_dir == tmp_path


def test_a_model_dir_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="MODEL_DIR"):
        read_settings(model_dir=tmp_path / "file")
    with pytest.raises(SettingsError, match="MODEL_DIR"):
        read_settings(model_dir=tmp_path / "file" / "below")
