"""Real files with something wrong in each, and the labels that must not vanish from them without a word.

Each label, choice and written answer of a file is made unlike every other one first. So it can be found in
what was written, wherever it went: it is lost in silence when the input still holds it, the report says that
nothing was lost, and no output holds it.
"""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from exporters import ExportDefect, ExportError, ExportReport, convert
from exporters.json_stream import read_objects
from exporters.report import units_told
from tests.exporters.shared import real

LARGEST = 60_000
MARK = "\u00a7"  # stands in a label that was made unlike the others
TWICE = "\u00b6"  # ends a key that the text is to hold twice
ATOM = re.compile(rf"\d+{MARK}")
SAID = re.compile("labels$|^choices$|^taxonomy$|^label$|^accept$|^pairwise$|^ranker$")
TARGETS = {
    "label_studio": (".jsonl", ".xml"),
    "prodigy": (".json", ".jsonl"),
    "cvat": (".json", ".jsonl", ".xml"),
}


def things() -> list[tuple[str, Any, str]]:
    """Return (tool, a task or document of a real file, its labeling config) for all that is small enough."""
    found: list[tuple[str, Any, str]] = []
    for path in real("label_studio", "*.json"):
        config = path.with_name(re.sub(r"_(annotations|tasks).*", "_config.xml", path.name))
        text = config.read_text("utf-8") if config.exists() and config != path else ""
        found += [
            ("label_studio", thing, text) for thing in objects(path) if len(json.dumps(thing)) < LARGEST
        ]
    for path in real("prodigy", "*.jsonl"):
        found += [("prodigy", thing, "") for _, thing in zip(range(25), objects(path), strict=False)]
    found += [("cvat", path.read_text("utf-8"), "") for path in real("cvat", "*.xml")]
    return found


def objects(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        for thing, _ in read_objects(file, path.name):
            yield thing


class Mutant:
    """A thing with its labels made unlike each other, and one to three things wrong with it."""

    def __init__(self, tool: str, thing: Any, seed: int):
        self.tool, self._random, self._count = tool, random.Random(seed), 0
        self.done: list[str] = []
        if tool == "cvat":
            root = ElementTree.fromstring(thing)
            self._mark_shapes(root)
            self._wrong(lambda: self._wrong_xml(root))
            self.text = ElementTree.tostring(root, "unicode")
        else:
            whole = [self._marked(copy.deepcopy(thing), "")]
            self._wrong(lambda: self._wrong_json(whole))
            self.text = json.dumps(whole[0]).replace(json.dumps(TWICE)[1:], '"')
        self.atoms = set(ATOM.findall(self.text.replace(json.dumps(MARK)[1:-1], MARK)))

    def _wrong(self, one: Any) -> None:
        for _ in range(self._random.randint(1, 3)):
            one()

    def _new(self, text: str) -> str:
        self._count += 1
        return f"{text[:20]}{self._count}{MARK}"

    def _marked(self, value: Any, key: str) -> Any:
        if isinstance(value, dict):
            of_answer = value.get("type") == "textarea" and isinstance(value.get("value"), dict)
            made = {name: self._marked(entry, name) for name, entry in value.items()}
            if of_answer and isinstance(made["value"].get("text"), list):
                made["value"]["text"] = [self._new(str(entry)) for entry in made["value"]["text"]]
            return made
        if isinstance(value, list):
            return [self._marked(entry, key) for entry in value]
        return self._new(value) if isinstance(value, str) and SAID.search(key) else value

    def _mark_shapes(self, root: ElementTree.Element) -> None:
        for parent in root.iter():
            for shape in parent:
                if shape.get("label") is not None:
                    shape.set("label", self._new(shape.get("label") or ""))
                if shape.tag == "attribute" and parent.tag not in ("attributes", "label") and shape.text:
                    shape.text = self._new(shape.text)

    def _wrong_json(self, whole: list[Any]) -> None:
        homes = [home for home in dicts(whole) if home]
        if not homes:
            return
        home = self._random.choice(homes)
        key = self._random.choice(sorted(home))
        how = self._random.choice(("drop", "rename", "nest", "twice", "swap"))
        self.done.append(f"{how} {key}")
        if how == "drop":
            del home[key]
        elif how == "rename":
            home[self._random.choice((key + "z", key.upper(), "labels", "x_" + key))] = home.pop(key)
        elif how == "nest":
            home[key] = self._random.choice(([home[key]], {"inner": home[key]}, {key: home[key]}))
        elif how == "twice":
            home[key + TWICE] = self._random.choice((None, [], "other", home[key]))
        else:
            other = self._random.choice(sorted(home))
            home[key], home[other] = home[other], home[key]

    def _wrong_xml(self, root: ElementTree.Element) -> None:
        parents = [parent for parent in root.iter() if len(parent)]
        parent = self._random.choice(parents)
        child = self._random.choice(list(parent))
        how = self._random.choice(("drop", "rename", "nest", "attribute", "repeat"))
        self.done.append(f"{how} {parent.tag}/{child.tag}")
        if how == "drop":
            parent.remove(child)
        elif how == "rename":
            child.tag = self._random.choice((child.tag + "z", child.tag.upper(), "image", "track"))
        elif how == "nest":
            parent.remove(child)
            ElementTree.SubElement(parent, "group").append(child)
        elif how == "repeat":
            parent.append(copy.deepcopy(child))
        elif child.attrib:
            name = self._random.choice(sorted(child.attrib))
            value = child.attrib.pop(name)
            if self._random.random() < 0.7:
                child.set(name + "z", value)


def dicts(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a JSON value."""
    if isinstance(value, dict):
        yield value
    for entry in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from dicts(entry)


def adds_up(report: ExportReport) -> bool:
    """Return whether what was seen is what was carried, changed, dropped or joined."""
    told = units_told(report.carried, report.changed, report.dropped)
    return all(count == told[unit] + report.joined.get(unit, 0) for unit, count in report.seen.items())


def lost_in_silence(mutant: Mutant, config: str, folder: Path) -> list[str]:
    """Return what vanished without a word, in which direction; mostly nothing."""
    source = folder / ("in.xml" if mutant.tool == "cvat" else "in.json")
    source.write_text(mutant.text, encoding="utf-8")
    lost = []
    for suffix in TARGETS[mutant.tool]:
        for old in folder.glob("out*"):
            old.unlink()
        try:
            report = convert(source, folder / f"out{suffix}", label_config=config, sizes=lambda _: (640, 480))
        except ExportDefect:
            raise
        except ExportError:  # a refusal is no silence
            continue
        assert adds_up(report)
        if report.lossless and not report.left_out:
            text = "".join(path.read_text("utf-8") for path in folder.glob("out*"))
            gone = sorted(mutant.atoms - set(ATOM.findall(text)))
            lost += [f"{suffix}: {', '.join(gone)} after {mutant.done}"] if gone else []
    return lost
