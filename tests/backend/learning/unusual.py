"""Labeling configs as people write them that few expect, with tasks whose contents tell the answers."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from tests.backend.learning.test_media_kinds import pdf, tone, wav

Made = tuple[dict[str, Any], list[dict[str, Any]]]

TOPICS = (
    ("apple", "pear", "plum", "cherry"),
    ("engine", "wheel", "brake", "clutch"),
    ("river", "lake", "pond", "creek"),
)
FILLERS = ("we saw it", "as ever", "at noon", "they said so", "once more", "on monday")
BOX = {"x": 1, "y": 1, "width": 5, "height": 5, "rotation": 0}


@dataclass(frozen=True)
class Case:
    """A config, the task of a number with its answer, and what is to be learned.

    Attributes
    ----------
    learned : the questions by name
    least : share of the held-out answers that must be guessed, of the first question
    """

    config: str
    made: Callable[[int], Made]
    learned: tuple[str, ...] = ("c",)
    least: float = 0.7


def words(i: int, topic: int | None = None) -> str:
    """Return a text on the topic of a number, or on a given one."""
    rng = np.random.default_rng(i)
    of_topic = TOPICS[i % 3 if topic is None else topic]
    return f"{of_topic[rng.integers(4)]} {FILLERS[rng.integers(6)]} {of_topic[rng.integers(4)]}"


def uri(content: bytes, kind: str = "text/plain") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def picture(i: int, channel: int | None = None) -> str:
    """Return a noisy picture of one color as a data URI."""
    pixels = np.random.default_rng(i).integers(0, 60, (24, 24, 3)).astype(np.uint8)
    pixels[:, :, i % 3 if channel is None else channel] += 150
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    return uri(held.getvalue(), "image/png")


def letter(i: int) -> str:
    return "ABC"[i % 3]


def item(name: str, kind: str, value: dict[str, Any], to: str = "t", **more: Any) -> dict[str, Any]:
    return {"from_name": name, "to_name": to, "type": kind, "value": value, **more}


def picked(*choices: Any, name: str = "c", to: str = "t", **more: Any) -> dict[str, Any]:
    return item(name, "choices", {"choices": list(choices)}, to, **more)


def view(*parts: str) -> str:
    return f"<View>{''.join(parts)}</View>"


TEXT = '<Text name="t" value="$text"/>'
ABC = '<{0} value="A"/><{0} value="B"/><{0} value="C"/>'
CHOICES = f'<Choices name="c" toName="t">{ABC.format("Choice")}</Choices>'


def choices(**attributes: str) -> str:
    written = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    return CHOICES.replace('toName="t"', f'toName="t" {written}')


def shown(config: str, data: Callable[[int], dict[str, Any]]) -> Case:
    """Return a case in which what is shown is unusual, and the question is plain."""
    return Case(config, lambda i: (data(i), [picked(letter(i))]))


def asked(config: str, answers: Callable[[int], list[dict[str, Any]]], *learned: str) -> Case:
    """Return a case in which the question is unusual, on plain texts."""
    return Case(config, lambda i: ({"text": words(i)}, answers(i)), learned or ("c",))


def sine(i: int) -> list[float]:
    return [float(np.sin(x * (0.1, 0.5, 1.5)[i % 3] + i)) for x in range(60)]


def series(i: int, separator: str = ",") -> str:
    rows = [f"{x}{separator}{y:.3f}" for x, y in enumerate(sine(i))]
    return uri("\n".join([f"time{separator}v", *rows]).encode(), "text/csv")


OBJECTS: dict[str, Case] = {
    "tags and attributes in any case": asked(
        '<VIEW><TEXT NAME="t" VALUE="$text"/><CHOICES NAME="c" TONAME="t">'
        '<CHOICE VALUE="A"/><choice value="B"/><Choice Value="C"/></CHOICES></VIEW>',
        lambda i: [picked(letter(i))],
    ),
    "a value in an object": shown(
        view('<Text name="t" value="$a.b"/>', CHOICES), lambda i: {"a": {"b": words(i)}}
    ),
    "an entry of a list": shown(
        view('<Text name="t" value="$a[1]"/>', CHOICES), lambda i: {"a": ["x", words(i)]}
    ),
    "a template": shown(
        view('<Text name="t" value="words $a words $b"/>', CHOICES), lambda i: {"a": words(i), "b": i}
    ),
    "a name with a dash": shown(
        view('<Text name="t" value="$my-field"/>', CHOICES), lambda i: {"my-field": words(i)}
    ),
    "a name with a blank": shown(
        view('<Text name="t" value="$my field"/>', CHOICES), lambda i: {"my field": words(i)}
    ),
    "a text elsewhere": shown(
        view('<Text name="t" value="$u" valueType="url"/>', CHOICES), lambda i: {"u": uri(words(i).encode())}
    ),
    "html elsewhere": shown(
        view('<HyperText name="t" value="$u" valueType="url"/>', CHOICES),
        lambda i: {"u": uri(f"<p>{words(i)}</p>".encode(), "text/html")},
    ),
    "html around a value": shown(
        view('<HyperText name="t" value="&lt;b&gt;$a&lt;/b&gt;"/>', CHOICES), lambda i: {"a": words(i)}
    ),
    "pages of pictures": shown(
        view('<Image name="t" valueList="$i"/>', CHOICES), lambda i: {"i": [picture(i), picture(i + 3)]}
    ),
    "one picture of a list": shown(
        view('<Image name="t" value="$i[1]"/>', CHOICES), lambda i: {"i": [picture(0), picture(i)]}
    ),
    "markdown": shown(view('<Markdown name="t" value="$m"/>', CHOICES), lambda i: {"m": f"# {words(i)}"}),
    "markdown without a name": shown(
        view('<Markdown value="$m"/><Text name="t" value="$x"/>', CHOICES),
        lambda i: {"m": f"# {words(i)}", "x": f"item {i}"},
    ),
    "a header that shows the question": shown(
        view('<Header value="$q"/><Image name="t" value="$i"/>', CHOICES),
        lambda i: {"q": words(i), "i": picture(0)},
    ),
    "a dialog": shown(
        view('<Dialog name="t" value="$m"/>', CHOICES), lambda i: {"m": [{"name": "x", "text": words(i)}]}
    ),
    "a chat": shown(
        view('<Chat name="t" value="$m"/>', CHOICES),
        lambda i: {"m": [{"role": "user", "content": words(i)}, {"role": "assistant", "content": "ok"}]},
    ),
    "paragraphs with keys of their own": shown(
        view('<Paragraphs name="t" value="$m" namekey="who" textkey="say"/>', CHOICES),
        lambda i: {"m": [{"who": "x", "say": words(i)}]},
    ),
    "a table": shown(view('<Table name="t" value="$m"/>', CHOICES), lambda i: {"m": {"k": words(i), "n": i}}),
    "a PDF": shown(
        view('<Pdf name="t" value="$p"/>', CHOICES), lambda i: {"p": uri(pdf(words(i)), "application/pdf")}
    ),
    "a sound": shown(
        view('<Audio name="t" value="$a"/>', CHOICES),
        lambda i: {"a": uri(wav(tone((200, 1000, 4000)[i % 3], 0.2)), "audio/wav")},
    ),
    "a series in the data": shown(
        view('<TimeSeries name="t" value="$s" valueType="json"><Channel column="v"/></TimeSeries>', CHOICES),
        lambda i: {"s": {"time": list(range(60)), "v": sine(i)}},
    ),
    "a series with semicolons": shown(
        view(
            '<TimeSeries name="t" value="$s" TIMECOLUMN="time" SEP=";"><Channel column="v"/></TimeSeries>',
            CHOICES,
        ),
        lambda i: {"s": series(i, ";")},
    ),
    "a picture and a text": Case(
        view(
            '<Image name="t" value="$i"/><Text name="u" value="$x"/>',
            CHOICES,
            '<Rating name="r" toName="u"/>',
        ),
        lambda i: (
            {"i": picture(i), "x": words(i, (i // 3) % 2)},
            [picked(letter(i)), item("r", "rating", {"rating": 1 + (i // 3) % 2}, "u")],
        ),
        ("c", "r"),
    ),
    "an interface of one's own": shown(
        view('<ReactCode name="z" toName="z" data="$m"/>', CHOICES.replace('"t"', '"z"')),
        lambda i: {"m": {"title": words(i), "photo": "https://cdn.example.org/a.png"}},
    ),
    "an embedding where nothing shown can be read": shown(
        view('<Hologram name="t" value="$h"/>', CHOICES),
        lambda i: {"h": "x", "embedding": [float(i % 3 == k) for k in range(3)]},
    ),
    "wrapped in panels": asked(
        view(
            f'<Collapse><Panel value="p"><View><Filter name="f" toName="c"/>{TEXT}</View></Panel>'
            f'<Panel value="q">{CHOICES}</Panel></Collapse>'
        ),
        lambda i: [picked(letter(i))],
    ),
    "a repeated text": Case(
        '<View><Repeater on="$ps" indexFlag="{{n}}"><Text name="t-{{n}}" value="$ps[{{n}}].x"/>'
        + CHOICES.replace('"c"', '"c-{{n}}"').replace('"t"', '"t-{{n}}"')
        + "</Repeater></View>",
        lambda i: (
            {"ps": [{"x": words(i)}, {"x": words(i + 3)}]},
            [picked(letter(i), name=f"c-{j}", to=f"t-{j}") for j in range(2)],
        ),
        ("c-{{n}}",),
    ),
    "a repeater with a flag of its own look": Case(
        '<View><Repeater on="$ps" indexFlag="@@"><Text name="t@@" value="$ps[@@]"/>'
        + CHOICES.replace('"c"', '"c@@"').replace('"t"', '"t@@"')
        + "</Repeater></View>",
        lambda i: (
            {"ps": [words(i), words(i + 3)]},
            [picked(letter(i), name=f"c{j}", to=f"t{j}") for j in range(2)],
        ),
        ("c{{idx}}",),
    ),
    "a repeater in a repeater": Case(
        '<View><Repeater on="$ps" indexFlag="{{p}}"><Repeater on="$ps[{{p}}].ls" indexFlag="{{l}}">'
        '<Text name="t{{p}}-{{l}}" value="$ps[{{p}}].ls[{{l}}].x"/>'
        + CHOICES.replace('"c"', '"c{{p}}-{{l}}"').replace('"t"', '"t{{p}}-{{l}}"')
        + "</Repeater></Repeater></View>",
        # Only what is off the diagonal tells.
        lambda i: (
            {"ps": [{"ls": [{"x": "so"}, {"x": words(i)}]}, {"ls": [{"x": "well"}]}]},
            [picked(letter(i), name="c0-1", to="t0-1")],
        ),
        ("c{{p}}-{{l}}",),
    ),
}
