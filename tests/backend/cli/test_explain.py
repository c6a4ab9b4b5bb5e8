"""What a labeling config is good for, with and without Label Studio."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from backend.cli import cli
from backend.label_studio.client import LabelStudio
from backend.loop.options import store_options
from backend.services import Services
from tests.backend.samples import TEXT_CONFIG


def explained(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["explain", *arguments])
    return result.exit_code, result.output


def test_a_file_is_judged_without_label_studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABEL_STUDIO_API_KEY", raising=False)
    config = tmp_path / "config.xml"
    config.write_text(TEXT_CONFIG.replace("</View>", '<TextArea name="note" toName="text"/></View>'))
    code, said = explained(str(config))
    assert code == 0
    assert said.startswith("learned: learns topic (<Choices>)")
    assert '<TextArea name="note">  ordered: ' in said
    assert '<Text name="text" value="$text">  read as text' in said
    found = json.loads(explained(str(config), "--json")[1])
    assert (found["outcome"], found["controls"][0]["outcome"]) == ("learned", "learned")
    assert found["inputs"] == [["text", ["$text"]]]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<View><Header/></View>", "no control"),
        (b"", "is empty"),
        (b"<<<", "not well-formed"),
        (b"\xff\xfe\x00binary", "label_config"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><View>&a;</View>', "entity"),
    ],
)
def test_what_is_no_use_is_refused_with_its_reason(tmp_path: Path, content: bytes, why: str) -> None:
    config = tmp_path / "config.xml"
    config.write_bytes(content)
    code, said = explained(str(config))
    assert code == 1
    assert said.startswith("refused: ")
    assert why in said


def test_a_project_is_judged_by_its_tasks_too(call: Any, label_studio: LabelStudio, project_id: int) -> None:
    label_studio.import_tasks(project_id, [{"data": {"text": "a", "embedding": [1.0, 2.0]}}] * 3)
    result = call("explain", str(project_id))
    assert result.code == 0
    assert "features: numbers of embedding" in result.out
    assert call("explain", "Topics", "--json").code == 0


def test_second_opinions_are_said_where_they_are_wanted(
    call: Any, services: Services, label_studio: LabelStudio, project_id: int
) -> None:
    label_studio.import_tasks(project_id, [{"data": {"text": "a"}}])
    assert "another is asked" not in call("explain", str(project_id)).out
    store_options(services.store.folder(project_id), {"opinions": 2})
    assert "up to 2 annotators a task: another is asked where" in call("explain", str(project_id)).out


def test_a_file_that_is_not_there_is_said(call: Any) -> None:
    result = call("explain", "nowhere.xml")
    assert result.code == 1
    assert "nowhere.xml" in result.err


def test_a_title_with_a_dot_is_a_title_and_a_mistyped_config_a_file(
    call: Any, label_studio: LabelStudio, project_id: int
) -> None:
    label_studio.update_project(project_id, title="News 1.2")
    assert call("explain", "News 1.2").code == 0
    missed = call("explain", "confg.xml")
    assert (missed.code, "confg.xml" in missed.err) == (1, True)
    assert "Projects:" not in missed.err
