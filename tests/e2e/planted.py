"""The kinds of projects, each with a signal planted in its tasks, and what an annotator answers."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from tests.backend.learning.test_media_kinds import film, pdf, tone, wav
from tests.e2e.kinds import Kind, Put
from tests.e2e.projects import COMMON, WORDS, Json, png

TOPICS = tuple(WORDS)
RATINGS = (
    "dreadful awful horrid",
    "poor weak dull",
    "fair plain usual",
    "good nice solid",
    "superb great best",
)


def item(name: str, to: str, kind: str, value: Any, **more: Any) -> Json:
    """Return one item of a result."""
    held = {kind: value} if kind != "pairwise" else {"selected": value}
    return {"from_name": name, "to_name": to, "type": kind, "value": held | more}


def topic(number: int) -> str:
    """Return the topic of a task: drawn, so that no order of the tasks tells it."""
    return random.Random(number).choice(TOPICS)


def is_odd(number: int) -> bool:
    return number % 2 == 1


def light(number: int) -> str:
    return "light" if is_odd(number) else "dark"


def words(number: int, *topics: str) -> str:
    """Return a text about these topics, among common words."""
    rng = random.Random(1000 + number)
    said = [word for one in topics for word in rng.sample(WORDS[one].split(), 4)]
    said += rng.sample(COMMON.split(), 4)
    rng.shuffle(said)
    return " ".join(said)


def some_topics(number: int) -> list[str]:
    rng = random.Random(number)
    return [one for one in TOPICS if rng.random() < 0.5] or [TOPICS[0]]


def stars(number: int) -> int:
    return random.Random(number).randint(1, 5)


def review(number: int, _: Put) -> Json:
    rng = random.Random(2000 + number)
    own = rng.choices(RATINGS[stars(number) - 1].split(), k=3)
    return {"text": " ".join([*own, *rng.sample(COMMON.split(), 4)])}


def two_texts(number: int, _: Put) -> Json:
    """Return two answers to compare: the better one is about space, the other about food."""
    better, worse = words(number, "space"), words(number, "food")
    return {"one": worse, "other": better} if is_odd(number) else {"one": better, "other": worse}


def ranked(number: int, _: Put) -> Json:
    """Return three answers in any order: best is space, then food, then sport."""
    items = [{"id": one, "title": "", "body": words(number, one)} for one in TOPICS]
    for each in items:
        each["id"] = f"{each['id']}-{number}"
    random.Random(number).shuffle(items)
    return {"items": items}


def people(number: int) -> tuple[str, list[Json]]:
    """Return a sentence with a person and a city, and the spans of both."""
    rng = random.Random(3000 + number)
    name, city = ("".join(rng.choices(("ka", "lo", "mi", "ru", "te"), k=3)).title() for _ in range(2))
    before, between = (" ".join(rng.sample(COMMON.split(), 3)) for _ in range(2))
    text = f"{before} Dr {name} {between} lives in {city} now"
    spans = [
        item("span", "text", "labels", [label], start=text.index(word), end=text.index(word) + len(word))
        for label, word in (("Person", f"{name} "), ("City", f"{city} "))
    ]
    for span in spans:
        span["value"]["end"] -= 1
    return text, spans


def sound(number: int, put: Put) -> Json:
    rng = random.Random(number)
    hertz = rng.uniform(1500, 2500) if is_odd(number) else rng.uniform(150, 350)
    return {"media": put(f"{number}.wav", wav(tone(hertz, 0.2)), "audio/wav")}


def series(number: int, put: Put) -> Json:
    """Return a slow wave, or for odd numbers a fast one."""
    rng = np.random.default_rng(number)
    points = np.sin(np.arange(100) * (1.2 if is_odd(number) else 0.1)) + rng.normal(0, 0.1, 100)
    rows = "".join(f"{i},{value:.4f}\n" for i, value in enumerate(points))
    return {"media": put(f"series-{number}.csv", f"time,value\n{rows}".encode(), "text/csv")}


def clip(number: int, put: Put) -> Json:
    base = 200 if is_odd(number) else 40
    rng = random.Random(number)
    colors = [(base + rng.randint(-30, 30),) * 3 for _ in range(2)]
    return {"media": put(f"clip-{number}.mp4", film(colors), "video/mp4")}  # type: ignore[arg-type]


def picture(number: int, put: Put) -> Json:
    return {"media": put(f"picture-{number}.png", png(number), "image/png")}


def document(number: int, put: Put) -> Json:
    content = pdf(words(number, topic(number)))
    return {"media": put(f"{number}.pdf", content, "application/pdf")}


def boxes(number: int) -> list[Json]:
    """Return one box on a dark picture, two on a light one."""
    size = {"x": 10, "y": 10, "width": 20, "height": 20}
    return [
        item("box", "media", "rectanglelabels", [light(number)], **size | {"x": 10 + 30 * i})
        | {"id": f"r{i}"}
        for i in range(1 + is_odd(number))
    ]


def is_mistaken(number: int) -> bool:
    """Whether the detector is wrong about a picture."""
    return random.Random(4000 + number).random() < 0.4


def detected(number: int) -> list[Json]:
    """Return what a detector finds: where it is mistaken it is unsure, and its box lies elsewhere."""
    rng = random.Random(5000 + number)
    (found,) = boxes(0)
    if is_mistaken(number):
        found["value"] |= {"x": 70, "y": 70}
    return [found | {"score": rng.uniform(0.3, 0.5) if is_mistaken(number) else rng.uniform(0.8, 0.95)}]


def config(shown: str, *controls: str) -> str:
    return f"<View>{shown}{''.join(controls)}</View>"


def choices(*labels: str, name: str = "topic", to: str = "text", more: str = "") -> str:
    offered = "".join(f'<Choice value="{label}"/>' for label in labels)
    return f'<Choices name="{name}" toName="{to}" {more}>{offered}</Choices>'


def chosen(label: str, to: str = "text", name: str = "topic") -> Json:
    return item(name, to, "choices", [label])


TEXT = '<Text name="text" value="$text"/>'
IMAGE = '<Image name="media" value="$media"/>'
BOXES = (
    '<RectangleLabels name="box" toName="media"><Label value="dark"/><Label value="light"/></RectangleLabels>'
)
LIGHT = choices("dark", "light", to="media")

KINDS: dict[str, Kind] = {
    "multiple choice": Kind(
        config(TEXT, choices(*TOPICS, more='choice="multiple"')),
        lambda n, _: {"text": words(n, *some_topics(n))},
        lambda n: [item("topic", "text", "choices", some_topics(n))],
        least=0.6,
        chance=0.3,
    ),
    "taxonomy": Kind(
        config(
            TEXT,
            '<Taxonomy name="topic" toName="text"><Choice value="life">',
            '<Choice value="sport"/><Choice value="food"/></Choice><Choice value="space"/></Taxonomy>',
        ),
        lambda n, _: {"text": words(n, topic(n))},
        lambda n: [
            item("topic", "text", "taxonomy", [["space"] if topic(n) == "space" else ["life", topic(n)]])
        ],
        least=0.7,
        chance=0.4,
    ),
    "rating": Kind(
        config(TEXT, '<Rating name="stars" toName="text" maxRating="5"/>'),
        review,
        lambda n: [item("stars", "text", "rating", stars(n))],
        least=0.6,
        chance=0.3,
    ),
    "number": Kind(
        config(TEXT, '<Number name="amount" toName="text" min="0" max="100"/>'),
        lambda n, _: {"text": words(n, topic(n))},
        lambda n: [item("amount", "text", "number", 10 + 40 * TOPICS.index(topic(n)))],
        least=0.6,
        chance=0.4,
        within=15,
    ),
    "pairwise": Kind(
        config(
            '<Text name="one" value="$one"/><Text name="other" value="$other"/>',
            '<Pairwise name="better" toName="one,other"/>',
        ),
        two_texts,
        lambda n: [item("better", "better", "pairwise", "right" if is_odd(n) else "left")],
        least=0.85,
        chance=0.5,
    ),
    "ranker": Kind(
        config('<List name="list" value="$items" title="Answers"/>', '<Ranker name="rank" toName="list"/>'),
        ranked,
        lambda n: [
            item("rank", "list", "ranker", {"rank": [f"{one}-{n}" for one in ("space", "food", "sport")]})
        ],
        least=0.7,
        chance=0.17,
    ),
    "spans": Kind(
        config(
            TEXT, '<Labels name="span" toName="text"><Label value="Person"/><Label value="City"/></Labels>'
        ),
        lambda n, _: {"text": people(n)[0]},
        lambda n: people(n)[1],
        least=0.7,
        chance=0.0,
        needs="pycrfsuite",
    ),
    "two controls": Kind(
        config(TEXT, choices(*TOPICS), '<Rating name="stars" toName="text"/>'),
        lambda n, put: {"text": f"{words(n, topic(n))} {review(n, put)['text']}"},
        lambda n: [chosen(topic(n)), item("stars", "text", "rating", stars(n))],
        least=0.4,
        chance=0.1,
    ),
    "chat": Kind(
        config('<Chat name="chat" value="$chat"/>', choices(*TOPICS, to="chat")),
        lambda n, _: {
            "chat": [
                {"role": "user", "content": f"tell me {n}"},
                {"role": "assistant", "content": words(n, topic(n))},
            ]
        },
        lambda n: [chosen(topic(n), "chat")],
        least=0.7,
        chance=0.4,
    ),
    "pdf": Kind(
        config('<Pdf name="media" value="$media"/>', choices(*TOPICS, to="media")),
        document,
        lambda n: [chosen(topic(n), "media")],
        least=0.7,
        chance=0.4,
        needs="pypdf",
        uploads=True,
    ),
    "audio": Kind(
        config('<Audio name="media" value="$media"/>', LIGHT),
        sound,
        lambda n: [chosen(light(n), "media")],
        least=0.85,
        chance=0.5,
        uploads=True,
    ),
    "video": Kind(
        config('<Video name="media" value="$media"/>', LIGHT),
        clip,
        lambda n: [chosen(light(n), "media")],
        least=0.85,
        chance=0.5,
        needs="av",
    ),
    "time series": Kind(
        config(
            '<TimeSeries name="media" valueType="url" value="$media" sep="," timeColumn="time">',
            '<Channel column="value"/></TimeSeries>',
            '<TimeSeriesLabels name="wave" toName="media"><Label value="dark"/><Label value="light"/>',
            "</TimeSeriesLabels>",
        ),
        series,
        lambda n: [item("wave", "media", "timeserieslabels", [light(n)], start=10, end=20, instant=False)],
        least=0.85,
        chance=0.5,
        shown=False,
    ),
    "images on another host": Kind(
        config(IMAGE, LIGHT), picture, lambda n: [chosen(light(n), "media")], least=0.85, chance=0.5
    ),
    "boxes": Kind(config(IMAGE, BOXES), picture, boxes, least=0.85, chance=0.5, shown=False),
}
DETECTED = Kind(
    config(IMAGE, BOXES),
    picture,
    lambda n: [{k: v for k, v in boxes(0)[0].items() if k != "score"}],
    least=0.7,
    chance=0.4,
    shown=False,
    predictions=detected,
)
