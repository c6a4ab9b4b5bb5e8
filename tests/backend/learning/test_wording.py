"""What is read of the tags that show words: what the annotator reads, wherever it lies."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from backend.errors import MediaError
from backend.learning.inputs import choose_inputs, read_values
from backend.learning.labeling_config import shown_objects
from backend.learning.vectorize import Unread
from backend.learning.vectorize.wording import MAX_CHARACTERS, WORDINGS, decoded_text, without_markup

FILES: dict[str, bytes] = {}


def fetch(address: str) -> bytes:
    if address not in FILES:
        raise MediaError("no such file")
    return FILES[address]


@pytest.fixture(autouse=True)
def _files() -> None:
    FILES.clear()


def read(objects: str, *data: Mapping[str, Any]) -> list[Any]:
    """Return what the text vectorizer reads of tasks, with these objects in the config."""
    config = f'<View>{objects}<Choices name="c" toName="t"><Choice value="a"/></Choices></View>'
    inputs = choose_inputs(shown_objects(config), data)
    assert [spec.kind for spec in inputs] == ["text"]
    return read_values(inputs, data, fetch)[0]


TURNS = [{"author": "Ana", "text": "Hello."}, {"author": "", "text": "Hi."}]


@pytest.mark.parametrize(
    ("tag", "value", "words"),
    [
        ('Text name="t" value="$x"', "a", "a"),
        ('Text name="t" value="$x"', 5, "5"),
        ('text name="t" Value="$x"', "a", "a"),
        ('Text name="t" value="$x" encoding="base64"', base64.b64encode("für".encode()).decode(), "für"),
        ('Text name="t" value="$x" encoding="base64"', "no base64!", "no base64!"),
        (
            'HyperText name="t" value="$x"',
            "<p>A <b>bold</b>&nbsp;&amp; free</p><p>one</p>",
            "A bold & free\none",
        ),
        ('HyperText name="t" value="$x"', "<style>p {}</style><script>go()</script>seen", "seen"),
        ('HyperText name="t" value="$x"', "3 < 4 and a & b", "3 < 4 and a & b"),
        ('Paragraphs name="t" value="$x"', TURNS, "Ana: Hello.\nHi."),
        ('Paragraphs name="t" value="$x"', json.dumps(TURNS), "Ana: Hello.\nHi."),
        (
            'Paragraphs name="t" value="$x" nameKey="who" textKey="said"',
            [{"who": "Bo", "said": "Yes.", "id": 7}],
            "Bo: Yes.",
        ),
        ('Paragraphs name="t" value="$x"', ["plain", 5], "plain\n5"),
        ('Chat name="t" value="$x"', [{"role": "user", "content": "Why?"}], "user: Why?"),
        ('Table name="t" value="$x"', {"price": 5, "name": "cup"}, "price: 5\nname: cup"),
        ('Table name="t" value="$x"', [{"a": 1}, {"a": 2}], "a: 1\na: 2"),
        ('Table name="t" value="$x"', [["a", 1], ["b", 2]], "a\n1\nb\n2"),
        (
            'List name="t" value="$x"',
            [{"id": "q-1", "title": "One", "body": "first"}, {"id": "q-2", "html": "<i>Two</i>"}],
            "One\nfirst\nTwo",
        ),
        ('List name="t" value="$x"', ["a", "b"], "a\nb"),
    ],
)
def test_each_tag_gives_the_words_that_it_shows(tag: str, value: Any, words: str) -> None:
    assert read(f"<{tag}/>", {"x": value}) == [words]


@pytest.mark.parametrize("tag", sorted(WORDINGS))
@pytest.mark.parametrize("value", [None, "", [], {}, 5, True, [None], [[]], "[", "{}", [{"text": None}], "<"])
def test_whatever_stands_in_the_data_is_read_without_an_error(tag: str, value: Any) -> None:
    assert isinstance(read(f'<{tag} name="t" value="$x"/>', {"x": value})[0], str)


@pytest.mark.parametrize(
    ("value", "data", "words"),
    [
        ("$doc.body", {"doc": {"body": "Mara left."}}, "Mara left."),
        ("$lines[1]", {"lines": ["a", "b"]}, "b"),
        ("Subject: $subject -- $body", {"subject": "Leave", "body": "Now."}, "Subject: Leave -- Now."),
        ("$0", {"0": "first column"}, "first column"),
    ],
)
def test_a_value_is_read_as_label_studio_resolves_it(value: str, data: dict[str, Any], words: str) -> None:
    assert read(f'<Text name="t" value="{value}"/>', data) == [words]


class TestByAddress:
    text = '<Text name="t" value="$url" valueType="url"/>'

    def test_the_file_is_read_and_never_the_address(self) -> None:
        FILES["/data/a.txt"] = "\ufeffKäse".encode()
        found = read(
            self.text, {"url": "/data/a.txt"}, {"url": "s3://notes/b.txt"}, {"url": ""}, {"url": ["x"]}
        )
        assert found == [
            "Käse",
            Unread("no such file"),
            Unread(""),
            Unread(
                "the task data hold no address of a file; correct them, or the `value` that names their field"
            ),
        ]

    @pytest.mark.parametrize(
        ("tag", "content", "words"),
        [
            ("HyperText", "<p>a</p>", "a"),
            ("Paragraphs", json.dumps(TURNS), "Ana: Hello.\nHi."),
            ("Table", '{"a": 1}', "a: 1"),
            ("Chat", '[{"role": "r", "content": "c"}]', "r: c"),
        ],
    )
    def test_every_tag_may_lie_elsewhere(self, tag: str, content: str, words: str) -> None:
        FILES["/data/x"] = content.encode()
        assert read(f'<{tag} name="t" value="$u" valuetype="URL"/>', {"u": "/data/x"}) == [words]

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"plain", "plain"),
            (b"caf\xe9", "café"),
            ("ab".encode("utf-16"), "ab"),
            (b"%PDF-1.7 ...", "no text but a PDF"),
            (b"\x89PNG\r\n\x1a\n\x00\x00", "no text but an image"),
            (b"\x00\x01\x02", "damaged"),
            (b"", "empty"),
        ],
    )
    def test_what_is_no_text_says_what_it_is(self, content: bytes, words: str) -> None:
        FILES["/data/x"] = content
        (found,) = read(self.text, {"url": "/data/x"})
        assert words in (found.reason if isinstance(found, Unread) else found)

    def test_of_a_large_file_only_the_beginning_is_kept(self) -> None:
        FILES["/data/x"] = b"word " * 100_000
        assert len(read(self.text, {"url": "/data/x"})[0]) == MAX_CHARACTERS


def test_what_a_repeater_repeats_is_read_as_one_text() -> None:
    repeated = '<Repeater on="$turns"><Text name="t_{{idx}}" value="$turns[{{idx}}].said"/></Repeater>'
    data = {"turns": [{"said": "a"}, {"said": "b"}]}
    assert read(repeated, data, {"turns": []}, {}) == ["a\nb", Unread(""), Unread("")]


def test_markup_as_deep_and_as_long_as_it_likes_ends() -> None:
    assert without_markup("<div>" * 50_000 + "deep") == "deep"
    assert without_markup("<p>x</p>" * 200_000).startswith("x\nx")
    assert decoded_text(b"a\x0bb") == "a\x0bb"
