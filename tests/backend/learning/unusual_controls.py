"""Controls as people write them that few expect, with tasks whose contents tell the answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.backend.learning.unusual import (
    ABC,
    BOX,
    CHOICES,
    FILLERS,
    TEXT,
    Case,
    Made,
    asked,
    choices,
    item,
    letter,
    picked,
    picture,
    view,
    words,
)


def ranked(i: int, *, buckets: bool = False) -> Made:
    rng = np.random.default_rng(i)
    grades = ("great", "fine", "poor", "awful")
    items = [
        {"id": f"{(k + i) % 4}", "title": grades[k], "body": FILLERS[rng.integers(6)]}
        for k in rng.permutation(4)
    ]
    order = [f"{(k + i) % 4}" for k in range(4)]
    held = {"good": order[:2], "bad": order[2:]} if buckets else {"c": order}
    return {"l": items}, [item("c", "ranker", {"ranker": held})]


def marked(i: int) -> Made:
    """Return a text with a word marked; behind characters that count as two for some."""
    text = words(i)
    end = 3 + len(text.split()[0])
    return {"text": f"é😀 {text}"}, [
        item("c", "labels", {"start": 3, "end": end, "labels": [letter(i)]}, id="z")
    ]


def drawn(tag: str, value: dict[str, Any], labels: str = "") -> Case:
    """Return a case of a tool that draws regions, one or four of them."""
    kind = tag.lower()

    def made(i: int) -> Made:
        named = {kind: [letter(i)]} if labels else {}
        return {"i": picture(i)}, [
            item("c", kind, {**value, **named}, id=f"r{j}") for j in range(1 + 3 * (i % 3 == 1))
        ]

    return Case(view('<Image name="t" value="$i"/>', f'<{tag} name="c" toName="t">{labels}</{tag}>'), made)


LABELS = f'<Labels name="c" toName="t">{ABC.format("Label")}</Labels>'
ITEMS = '<List name="t" value="$l"/>'
NESTED = (
    '<Choices name="c" toName="t" {}><Choice value="A"><Choice value="A1"/><Choice value="A2"/></Choice>'
    '<Choice value="B"><Choice value="B1"/></Choice></Choices>'
)
BRANCHES = (["A", "A1"], ["A", "A2"], ["B", "B1"])
TREE = [{"value": "R", "children": [{"value": each} for each in "ABC"]}]
CONDITION = 'visibleWhen="choice-selected" whenTagName="c" whenChoiceValue="A,B"'
PICTURE = '<Image name="t" value="$i"/>'
YES_NO = '<Choice value="x"/><Choice value="y"/>'
TOLD = "abc"

CONTROLS: dict[str, Case] = {
    "aliases": asked(
        view(
            TEXT,
            '<Choices name="c" toName="t"><Choice value="Fruit" alias="a"/><Choice value="Car" alias="b"/>'
            '<Choice value="Water" ALIAS="c"/></Choices>',
        ),
        lambda i: [picked(TOLD[i % 3])],
    ),
    "choices of the task": Case(
        view(TEXT, '<Choices name="c" toName="t" VALUE="$options"/>'),
        lambda i: ({"text": words(i), "options": [{"value": each} for each in "ABC"]}, [picked(letter(i))]),
    ),
    "choices of the task beside one of the config": Case(
        view(TEXT, '<Choices name="c" toName="t" value="$options"><Choice value="C"/></Choices>'),
        lambda i: ({"text": words(i), "options": ["A", "B"]}, [picked(letter(i))]),
    ),
    "choices that only their texts tell": Case(
        view(TEXT, '<Choices name="c" toName="t" value="$o.p"/>'),
        lambda i: (
            {
                "text": "so?",
                "o": {"p": [f"{('bad', 'good')[j == i % 2]} {words(i + j)} {i}" for j in (0, 1)]},
            },
            [picked(f"good {words(i + i % 2)} {i}")],
        ),
    ),
    "one choice alone": asked(
        view(TEXT, '<Choices name="c" toName="t"><Choice value="A"/></Choices>'),
        lambda i: [picked("A")] if i % 3 == 0 else [],
    ),
    "nested choices": asked(view(TEXT, NESTED.format("")), lambda i: [picked(BRANCHES[i % 3][1])]),
    "nested choices with their paths": asked(
        view(TEXT, NESTED.format('ALLOWNESTED="true"')), lambda i: [picked(BRANCHES[i % 3])]
    ),
    "several, one at least": asked(
        view(TEXT, choices(choice="multiple", REQUIRED="TRUE")),
        lambda i: [picked(*("A", "AB", "C")[i % 3])],
    ),
    "asked under a condition": asked(
        view(TEXT, CHOICES, f'<Choices name="d" toName="t" {CONDITION}>{YES_NO}</Choices>'),
        lambda i: [picked(letter(i)), *([picked("xy"[i % 3], name="d")] if i % 3 < 2 else [])],
        "c",
        "d",
    ),
    "in a view under a condition": asked(
        view(TEXT, CHOICES, f'<View {CONDITION.lower()}><Rating name="d" toName="t"/></View>').replace(
            '"a,b"', '"A,B"'
        ),
        lambda i: [picked(letter(i)), *([item("d", "rating", {"rating": 1 + i % 3})] if i % 3 < 2 else [])],
        "c",
        "d",
    ),
    "about regions": Case(
        view(
            PICTURE,
            '<RectangleLabels name="r" toName="t"><Label value="x"/></RectangleLabels>',
            choices(perRegion="true"),
        ),
        lambda i: (
            {"i": picture(i)},
            [
                item("r", "rectanglelabels", {**BOX, "rectanglelabels": ["x"]}, id=f"b{j}")
                for j in range(1 + i % 3)
            ]
            + [item("c", "choices", {**BOX, "choices": [letter(i)]}, id="b0")],
        ),
        ("r", "c"),
    ),
    "about pages": Case(
        view('<Image name="t" valueList="$i"/>', choices(PERITEM="true")),
        lambda i: (
            {"i": [picture(i), picture(i + 3)]},
            [picked(letter(i), item_index=0), picked(letter(i), item_index=1)],
        ),
    ),
    "a tree from an address": asked(
        view(TEXT, '<Taxonomy name="c" toName="t" apiUrl="https://trees.example.org/a.json"/>'),
        lambda i: [item("c", "taxonomy", {"taxonomy": [["R", letter(i)]]})],
    ),
    "a tree from the data": Case(
        view(TEXT, '<Taxonomy name="c" toName="t" value="$tree"/>'),
        lambda i: (
            {"text": words(i), "tree": TREE},
            [item("c", "taxonomy", {"taxonomy": [["R", letter(i)], ["R", letter(i + 1)]]})],
        ),
    ),
    "an order": Case(view(ITEMS, '<Ranker name="c" toName="t"/>'), ranked),
    "buckets": Case(
        view(
            ITEMS,
            '<Ranker name="c" toName="t"><Bucket name="good" default="true"/><Bucket name="bad"/></Ranker>',
        ),
        lambda i: ranked(i, buckets=True),
    ),
    "two pictures": Case(
        view('<Pairwise name="c" toName="a,b"/><Image name="a" value="$a"/><Image name="b" value="$b"/>'),
        lambda i: (
            {"a": picture(i, i % 2), "b": picture(i + 1, 1 - i % 2)},
            [item("c", "pairwise", {"selected": ("left", "right")[i % 2]}, "a")],
        ),
    ),
    "two texts": Case(
        view('<Pairwise name="c" toName="a, b"/><Text name="a" value="$a"/><Text name="b" value="$b"/>'),
        lambda i: (
            {"a": words(i, i % 2), "b": words(i + 1, 1 - i % 2)},
            [item("c", "pairwise", {"selected": ("left", "right")[i % 2]}, "a")],
        ),
    ),
    "more stars than there are": asked(
        view(TEXT, '<Rating name="c" toName="t" MAXRATING="10"/>'),
        lambda i: [item("c", "rating", {"rating": (2, 7, 10)[i % 3] if i % 10 else 99})],
    ),
    "numbers out of bounds": asked(
        view(TEXT, '<Number name="c" toName="t" MIN="0" MAX="2" step="1"/>'),
        lambda i: [item("c", "number", {"number": i % 3 if i % 10 else -4})],
    ),
    "beside a date, a text and what is unknown": asked(
        view(
            TEXT,
            CHOICES,
            '<DateTime name="d" toName="t"/><TextArea name="x" toName="t"/><Magic name="m" toName="t"/>'
            '<ReactCode name="z" toName="t" data="$text"/>',
        ),
        lambda i: [
            item("d", "datetime", {"datetime": "2020-01-01"}),
            item("m", "magic", {"magic": 7}),
            picked(letter(i)),
        ],
    ),
    "a name of many characters": asked(
        view(TEXT, CHOICES.replace('"c"', '"my c, $x &lt;1&gt;"')),
        lambda i: [picked(letter(i), name="my c, $x <1>")],
        "my c, $x <1>",
    ),
    "an answer that the config no longer has": asked(
        view(TEXT, CHOICES), lambda i: [picked(letter(i) if i % 5 else "Gone")]
    ),
    "spans behind wide characters": Case(view(TEXT, LABELS), marked),
    "spans with labels of the task": Case(
        view(TEXT, '<Labels name="c" toName="t" value="$labels"/>'),
        lambda i: ({**marked(i)[0], "labels": [{"value": each} for each in "ABC"]}, marked(i)[1]),
    ),
    "spans with relations": Case(
        view(TEXT, LABELS, '<Relations><Relation value="r"/></Relations>'),
        lambda i: (marked(i)[0], [*marked(i)[1], {"type": "relation", "from_id": "z", "to_id": "z"}]),
    ),
    "a tool with labels beside it": Case(
        view(LABELS, PICTURE, '<MagicWand name="m" toName="t"/>'),
        lambda i: (
            {"i": picture(i)},
            [
                each
                for j in range(1 + i % 2)
                for each in (
                    item("m", "magicwand", {"rle": [1]}, id=f"a{j}"),
                    item("c", "labels", {"rle": [1], "labels": [letter(i)]}, id=f"a{j}"),
                )
            ],
        ),
        ("c", "m"),
        least=0.4,
    ),
    "a bitmask": drawn("BitmaskLabels", {"imageDataURL": "data:"}, ABC.format("Label")),
    "a vector": drawn("VectorLabels", {"vertices": []}, ABC.format("Label")),
    "key points": drawn("KeyPointLabels", {"x": 1, "y": 1, "width": 1}, ABC.format("Label")),
    "a tool without labels": drawn("Vector", {"vertices": []}),
    "a brush": drawn("Brush", {"format": "rle", "rle": [1]}),
}
