"""Pages as a browser has them: their text without markup, and their elements."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from backend.settings import Settings
from backend.web import create_app

from .conftest import UP, Marker, TextLengthPredictor

BASE = "http://127.0.0.1:9090"


class Page(HTMLParser):
    """What a page consists of.

    Attributes
    ----------
    elements : each start tag with its attributes, in order
    """

    def __init__(self, markup: str):
        super().__init__()
        self.markup = markup
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._words: list[str] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    @property
    def text(self) -> str:
        """All words, with single blanks between them."""
        return re.sub(r"[ \t\n]+", " ", " ".join(self._words))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of each element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def links(self) -> list[str]:
        """Return where its links lead."""
        return [str(a["href"]) for a in self.all("a")]

    @property
    def token(self) -> str:
        """What its forms carry."""
        return str(next(i["value"] for i in self.all("input") if i.get("name") == "token"))


def client_of(folder: Path, **given: Any) -> FlaskClient:
    """Return a client of an app over this MODEL_DIR; neither Redis nor Label Studio are there."""
    defaults = {
        "model_dir": folder,
        "webhook_secret": "a-webhook-secret-for-tests",
        "redis_url": "redis://127.0.0.1:1/0",
        "label_studio_url": "http://127.0.0.1:1",
        "label_studio_api_key": "a-token",
    }
    alive = given.pop("alive", UP)
    settings = Settings(_env_file=None, **(defaults | given))
    app = create_app(settings, dirty_marker=Marker(), predictor=TextLengthPredictor(), alive=lambda: alive)
    return app.test_client()


def get(client: FlaskClient, path: str = "", **more: Any) -> Page:
    """Return a page that must be there."""
    answer = client.get(f"/dashboard{path}", base_url=BASE, **more)
    assert answer.status_code == 200, answer.get_data(as_text=True)[:300]
    return Page(answer.get_data(as_text=True))
