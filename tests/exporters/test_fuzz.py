"""Broken inputs of every format: each ends in an account or in an error by name, never in anything else.

A minute of it runs here. `CLEAN_AL_FUZZ=100000 pytest tests/exporters/test_fuzz.py` tries as many inputs, and
`CLEAN_AL_SEED=7` others.
"""

import copy
import json
import os
import random
import re
import tempfile
from pathlib import Path

import pytest

import exporters
from exporters import ExportDefect, ExportError
from tests.exporters import corpus

INPUTS = int(os.environ.get("CLEAN_AL_FUZZ", "900"))
SEED = int(os.environ.get("CLEAN_AL_SEED", "1"))
ODD = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    -0.0,
    1e308,
    -1e308,
    5e-324,
    float("nan"),
    float("inf"),
    float("-inf"),
    10**400,
    -(10**20),
    2**31,
    2**63,
    "",
    " ",
    "\x00",
    "\ud83d",
    "nan",
    "<![CDATA[",
    "<!",
    "&#x110000;",
    "../../etc/passwd",
    "/abs/olute.jpg",
    "CON",
    "C:\\x.jpg",
    "[/boom]",
    "x" * 5000,
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": None},
    {"a": [1]},
    [1, "a"],
    [[1, 2], [3]],
)
TEXTS = (
    *(str(value) for value in ODD if isinstance(value, str | int | float)),
    "1e400",
    "\u0663",
    "1,2;",
    ";",
    ",",
)


def places(value, found=None):
    """Return (container, key) of everything inside."""
    found = [] if found is None else found
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        found.append((value, key))
        if isinstance(value[key], dict | list):
            places(value[key], found)
    return found


def broken_json(value, chance):
    """Return the value with one to three places of it exchanged, doubled or taken away."""
    value = copy.deepcopy(value)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        found = places(value)
        if not found:
            break
        home, key = chance.choice(found)
        deed = chance.random()
        if deed < 0.7:
            home[key] = copy.deepcopy(chance.choice(ODD))
        elif deed < 0.85:
            del home[key]
        elif isinstance(home, list):
            home.append(copy.deepcopy(home[key]))
        else:
            other, name = chance.choice(found)
            home[key] = copy.deepcopy(other[name]) if name in range(len(other)) or name in other else None
    return value


def broken_xml(text, chance):
    """Return the document with one to three of its values, tags or texts exchanged."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        parts = list(re.finditer(r'"[^"]*"|(?<=<)/?[a-z_]+|(?<=>)[^<>\s]+(?=<)', text))
        part = chance.choice(parts)
        odd = chance.choice(TEXTS).replace("<", "&lt;").replace('"', "").replace("\x00", "")
        if part[0].startswith('"'):
            new = f'"{odd}"'
        elif chance.random() < 0.5:
            new = chance.choice(
                ("box", "tag", "track", "image", "points", "attribute", "skeleton", "meta", "label")
            )
        else:
            new = odd
        text = text[: part.start()] + new + text[part.end() :]
    return text


def broken_bytes(data, chance):
    """Return the bytes with a stretch exchanged, doubled or cut."""
    at, size = chance.randrange(len(data)), chance.choice((1, 1, 2, 8, 60))
    deed = chance.random()
    if deed < 0.3:
        return data[:at] + bytes(chance.randrange(256) for _ in range(size)) + data[at + size :]
    if deed < 0.5:
        return data[:at]
    if deed < 0.75:
        return data[:at] + data[at + size :]
    return data[:at] + data[at : at + size] * 3 + data[at + size :]


def _dump(value):
    return json.dumps(value).encode()


def _lines(values):
    return b"\n".join(map(_dump, values))


def an_input(chance):
    """Return (name, bytes, labeling config) of one broken input."""
    config = corpus.CONFIG if chance.random() < 0.3 else ""
    if config and chance.random() < 0.5:
        config = broken_xml(config, chance)
    kind = chance.randrange(4)
    if kind == 0:
        whole = [chance.choice(corpus.tasks()) for _ in range(2)]
        data, name = _dump(broken_json(whole, chance)), "in.json"
    elif kind == 1:
        lines = broken_json([chance.choice(corpus.LINES) for _ in range(2)], chance)
        data, name = _lines(lines), "in.jsonl"
    else:
        document = corpus.DOCUMENT
        if chance.random() < 0.3:
            document = document.replace("<mode>annotation", "<mode>interpolation")
        data, name = broken_xml(document, chance).encode("utf-8", "surrogatepass"), "in.xml"
    return name, (broken_bytes(data, chance) if chance.random() < 0.15 else data), config


def tried(folder, name, data, config, target):
    """Convert the input; return what went wrong beyond an error by name."""
    (folder / name).write_bytes(data)
    try:
        report = exporters.convert(folder / name, folder / target, label_config=config)
        report.to_text(), report.to_json()
    except ExportDefect:
        raise
    except ExportError:
        return
    for path in report.files:
        text = Path(path).read_bytes()
        assert b"NaN" not in text or b"NaN" in data, path


@pytest.mark.parametrize("part", range(9))
def test_a_broken_input_ends_in_an_account_or_an_error_by_name(part):
    with tempfile.TemporaryDirectory() as root:
        for number in range(INPUTS // 9):
            chance = random.Random(f"{SEED}/{part}/{number}")
            name, data, config = an_input(chance)
            target = chance.choice(("out.xml", "out.json", "out.jsonl"))
            try:
                tried(Path(root), name, data, config, target)
            except Exception as error:
                raise AssertionError(
                    f"seed {SEED}/{part}/{number}, {name} to {target}: {error!r}\n{data[:3000]!r}\n{config}"
                ) from error
