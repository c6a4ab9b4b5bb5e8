"""The secret that is made when none is set."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.errors import SettingsError
from backend.secrets import webhook_secret
from backend.web import create_app


def test_a_given_secret_wins_and_writes_nothing(settings_for, tmp_path):
    assert webhook_secret(settings_for(webhook_secret="given-by-the-user")) == "given-by-the-user"
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("unset", [None, "", "  "])
def test_a_secret_is_made_once_and_kept_for_this_user_only(settings_for, unset):
    settings = settings_for(webhook_secret=unset)
    made = webhook_secret(settings)
    path = settings.model_dir / "webhook-secret"
    assert len(made) >= 32
    assert webhook_secret(settings) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.model_dir.stat().st_mode) == 0o700
    assert [entry.name for entry in settings.model_dir.iterdir()] == ["webhook-secret"]


def test_processes_that_start_at_once_agree_on_one_secret(settings_for):
    settings = settings_for(webhook_secret=None)
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: webhook_secret(settings), range(32)))) == 1


def test_two_installations_have_different_secrets(settings_for, tmp_path):
    made = {webhook_secret(settings_for(webhook_secret=None, model_dir=tmp_path / name)) for name in "abc"}
    assert len(made) == 3


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 40])
def test_a_file_that_holds_no_secret_is_an_error_that_names_it(settings_for, content):
    settings = settings_for(webhook_secret=None)
    settings.model_dir.mkdir()
    (settings.model_dir / "webhook-secret").write_bytes(content)
    with pytest.raises(SettingsError, match="webhook-secret"):
        webhook_secret(settings)


def test_a_place_that_cannot_be_written_is_an_error_that_names_the_way_out(settings_for, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="set WEBHOOK_SECRET"):
        create_app(settings_for(webhook_secret=None, model_dir=tmp_path / "file" / "models"))


@pytest.mark.parametrize("planted", ["by others", "as a link", "as a folder"])
def test_a_secret_that_somebody_else_may_have_planted_is_not_believed(settings_for, tmp_path, planted):
    settings = settings_for(webhook_secret=None)
    path = settings.model_dir / "webhook-secret"
    settings.model_dir.mkdir()
    known = tmp_path / "known"
    known.write_text("x" * 32)
    known.chmod(0o600)
    if planted == "as a folder":
        path.mkdir()
    elif planted == "as a link":
        path.symlink_to(known)
    else:
        path.write_text("x" * 32)
        path.chmod(0o666)
    with pytest.raises(SettingsError, match="webhook-secret"):
        webhook_secret(settings)
