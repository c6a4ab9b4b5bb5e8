"""Pictures and sounds of the queue head: small, never anything else, and of no other task."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from backend.store.insight import HeadTask, save_insight

from .pages import BASE, client_of
from .projects import INSIGHT, make_project


def data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def picture(size: tuple[int, int] = (1000, 500)) -> bytes:
    packed = io.BytesIO()
    Image.new("RGBA", size, (200, 10, 10, 255)).save(packed, "PNG")
    return packed.getvalue()


def answer(tmp_path: Path, head: HeadTask, task: int = 21):  # type: ignore[no-untyped-def]
    save_insight(make_project(tmp_path), replace(INSIGHT, head=(head,)))
    return client_of(tmp_path).get(f"/dashboard/3/tasks/{task}/media", base_url=BASE)


def test_a_picture_comes_as_a_small_jpeg_of_the_same_shape(tmp_path: Path) -> None:
    found = answer(tmp_path, HeadTask(21, text=data_uri("image/png", picture()), kind="image"))
    assert (found.status_code, found.content_type) == (200, "image/jpeg")
    with Image.open(io.BytesIO(found.data)) as small:
        assert small.size == (320, 160)


@pytest.mark.parametrize("content", [b"", b"<svg onload='alert(1)'/>", b"\x89PNG\r\n\x1a\nnone"])
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    found = answer(tmp_path, HeadTask(21, text=data_uri("image/png", content), kind="image"))
    assert found.status_code in (404, 415)


def test_only_tasks_that_the_page_shows_have_one(tmp_path: Path) -> None:
    head = HeadTask(21, text=data_uri("image/png", picture()), kind="image")
    assert answer(tmp_path, head, task=22).status_code == 404


def test_a_text_is_never_taken_for_an_address(tmp_path: Path) -> None:
    assert answer(tmp_path, HeadTask(21, text="http://127.0.0.1:1/x.png", kind="text")).status_code == 404


def test_what_cannot_be_had_now_is_not_found_and_says_no_address(tmp_path: Path) -> None:
    found = answer(tmp_path, HeadTask(21, text="http://secret.example/x.png", kind="image"))
    assert found.status_code == 404
    assert b"secret.example" not in found.data


def test_a_sound_is_sent_as_nothing_else_and_in_parts(tmp_path: Path) -> None:
    sound = data_uri("audio/wav", b"RIFF" + bytes(range(96)))
    save_insight(make_project(tmp_path), replace(INSIGHT, head=(HeadTask(21, text=sound, kind="audio"),)))
    client = client_of(tmp_path)
    whole = client.get("/dashboard/3/tasks/21/media", base_url=BASE)
    assert whole.status_code == 200
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert "html" not in whole.content_type
    part = client.get("/dashboard/3/tasks/21/media", base_url=BASE, headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.data) == (206, b"\x00\x01\x02\x03")
