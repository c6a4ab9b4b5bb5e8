"""Options by command, by form, and by both."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backend.errors import SettingsError
from backend.loop.options import ProjectOptions, project_options, store_options, stored_options
from backend.services import Services
from tests.fakes.label_studio import FakeLabelStudio


def found(services: Services, project: int) -> tuple[ProjectOptions, tuple[str, ...]]:
    folder = services.store.folder(project)
    return project_options(services.label_studio, project, services.settings, None, folder)


def form(fake: FakeLabelStudio, services: Services, project: int, given: Any) -> None:
    backend = {"id": 50, "project": project, "url": services.settings.address, "title": "x"}
    fake.world.ml_backends[50] = backend | {"basic_auth_user": None, "extra_params": given}


def test_the_forms_values_come_before_the_commands(
    fake: FakeLabelStudio, services: Services, project_id: int
) -> None:
    store_options(services.store.folder(project_id), {"batch_size": 7, "queue_size": 50})
    form(fake, services, project_id, json.dumps({"batch_size": 9}))
    options, notes = found(services, project_id)
    assert (options.batch_size, options.queue_size, notes) == (9, 50, ())


def test_a_wrong_one_is_named_where_it_stands_and_the_others_are_used(
    fake: FakeLabelStudio, services: Services, project_id: int
) -> None:
    store_options(services.store.folder(project_id), {"batch_size": 7})
    form(fake, services, project_id, {"batch": 9})
    options, notes = found(services, project_id)
    assert options.batch_size == 7
    (note,) = notes
    assert note.startswith("extra params: batch is no option")
    (services.store.folder(project_id) / "options.json").write_text('{"prefill": "perhaps"}')
    options, notes = found(services, project_id)
    assert options == ProjectOptions()
    assert notes[0].startswith("options: prefill: ")


def test_a_wrong_option_is_not_kept(services: Services, project_id: int) -> None:
    folder = services.store.folder(project_id)
    store_options(folder, {"batch_size": 7})
    with pytest.raises(SettingsError, match="options: batch_size"):
        store_options(folder, {"batch_size": 0})
    assert stored_options(folder) == {"batch_size": 7}


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff", b"5"])
def test_a_damaged_file_is_as_none(services: Services, project_id: int, content: bytes) -> None:
    folder = services.store.folder(project_id)
    store_options(folder, {"batch_size": 7})
    (folder / "options.json").write_bytes(content)
    assert found(services, project_id) == (ProjectOptions(), ())


def test_the_command_sets_shows_and_takes_back(call: Any, services: Services, project_id: int) -> None:
    assert call("options", str(project_id), "batch_size=10", "prefill=never", 'questions=["topic"]').code == 0
    shown = json.loads(call("options", str(project_id), "--json").out)
    assert (shown["options"]["batch_size"], shown["options"]["prefill"]) == (10, "never")
    assert shown["set"] == {"batch_size": 10, "prefill": "never", "questions": ["topic"]}
    assert call("options", str(project_id), "batch_size=").code == 0
    assert stored_options(services.store.folder(project_id)) == {"prefill": "never", "questions": ["topic"]}


def test_a_value_that_is_nested_too_deep_is_refused_in_words(call: Any, project_id: int) -> None:
    shown = call("options", str(project_id), "batch_size=" + "[" * 100_000)
    assert shown.code != 0
    assert "batch_size" in shown.err
    assert "Traceback" not in shown.err


@pytest.mark.parametrize(
    ("given", "said"),
    [("batch_size", "write NAME=VALUE"), ("colr=1", "colr is no option"), ("batch_size=x", "batch_size")],
)
def test_wrong_usage_is_said_and_changes_nothing(
    call: Any, services: Services, project_id: int, given: str, said: str
) -> None:
    result = call("options", str(project_id), given)
    assert result.code in (1, 2)
    assert said in result.err
    assert stored_options(services.store.folder(project_id)) == {}


@pytest.mark.parametrize(
    ("tasks", "share"),
    [(100, 0.1), (149, 0.1), (150, 0.2), (300, 0.2), (450, 0.2), (600, 0.15), (899, 0.1), (10_000, 0.1)],
)
def test_the_audit_share_goes_by_the_number_of_tasks_unless_it_is_set(tasks: int, share: float) -> None:
    assert ProjectOptions().for_tasks(tasks).exploration == pytest.approx(share, abs=1e-3)
    for given in (0, 0.1, 0.3):
        assert ProjectOptions(exploration=given).for_tasks(tasks).exploration == given
