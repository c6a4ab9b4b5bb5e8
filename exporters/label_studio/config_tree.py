"""The XML of a labeling config as a tree: safe to read, in Label Studio's spelling, repeaters written out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from exporters.errors import InputError
from exporters.label_studio.value_expression import ValueExpression

MAX_CHARACTERS = 256 * 1024
MAX_DEPTH = 64
# Repeaters within repeaters multiply: a small task could ask for millions of controls.
MOST_COPIES = 10_000
INDEX_FLAG = "{{idx}}"
_FLAG = re.compile(r"\{\{\w+\}\}")
_TAGS = (
    "Audio AudioPlus BitMask BitMaskLabels Brush BrushLabels Bucket Channel Chat Choice Choices "
    "Collapse CustomInterface DateTime Dialog Ellipse EllipseLabels Filter Header HyperText HyperTextLabels "
    "Image KeyPoint KeyPointLabels Label Labels List MagicWand Markdown Number ObjectSetting Pairwise Panel "
    "ParagraphLabels Paragraphs PDF Polygon PolygonLabels Ranker Rating ReactCode Rectangle "
    "RectangleLabels Relation Relations Repeater Shortcut Style Table Taxonomy Text TextArea TimeSeries "
    "TimelineLabels TimeSeriesLabels Vector VectorLabels Video VideoRectangle View"
)
_ATTRIBUTES = (
    "alias allowNested apiUrl background choice data default encoding indexFlag max maxRating min mode name "
    "nameKey on perItem perRegion required sep smart step textKey timeColumn toName value valueList "
    "valueType visibleWhen whenTagName whenChoiceValue whenLabelValue"
)
# Label Studio looks tags up in lower case; what reads the tree here may compare them as they are.
_SPELLING = {word.lower(): word for word in _TAGS.split()}
_SPELLING_OF_ATTRIBUTES = {word.lower(): word for word in _ATTRIBUTES.split()}


def read_tree(text: str) -> Element:
    """Return the root; `InputError` says why the XML is not accepted."""
    if len(text) > MAX_CHARACTERS:
        raise InputError(f"label_config: longer than {MAX_CHARACTERS} characters")
    builder = _Builder()
    # The text is decoded already: what the document says of its encoding does not count.
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = builder.open
    parser.EndElementHandler = builder.shut
    try:
        parser.Parse(text.encode(), True)
    except expat.ExpatError as error:
        raise InputError(f"label_config: not XML ({error})") from None
    except UnicodeEncodeError:
        raise InputError("label_config: holds a character that XML does not allow") from None
    root = builder.tree.close()
    for repeater in root.iter("Repeater"):
        _give_plain_flag(repeater)
    return root


def _give_plain_flag(repeater: Element) -> None:
    """Put a flag in double braces in the place of one of another look, so that readers need know one kind."""
    flag = repeater.get("indexFlag") or INDEX_FLAG
    if _FLAG.fullmatch(flag):
        return
    within = [each for each in repeater.iter() if each is not repeater]
    taken = {found for each in within for value in each.attrib.values() for found in _FLAG.findall(value)}
    plain = next(f for i in range(len(taken) + 1) if (f := f"{{{{idx{i or ''}}}}}") not in taken)
    repeater.set("indexFlag", plain)
    for element in within:
        for name, value in element.attrib.items():
            element.set(name, value.replace(flag, plain))


def _refuse(*_: object) -> None:
    raise InputError("label_config: has a DOCTYPE; a DTD or entity is not accepted; remove it")


class _Builder:
    def __init__(self) -> None:
        self.tree = TreeBuilder()
        self.depth = 0

    def open(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise InputError(f"label_config: tags are nested more than {MAX_DEPTH} deep")
        spelled = {
            _SPELLING_OF_ATTRIBUTES.get(name.lower(), name): value for name, value in attributes.items()
        }
        self.tree.start(_SPELLING.get(tag.lower(), tag), spelled)

    def shut(self, tag: str) -> None:
        self.depth -= 1
        self.tree.end(_SPELLING.get(tag.lower(), tag))


def copies(element: Element, data: Mapping[str, Any]) -> Element:
    """Return the tree with what stands in a <Repeater> once for each entry of its list in the task's data."""
    return _copied(element, data, {}, [MOST_COPIES])


def _copied(element: Element, data: Mapping[str, Any], flags: Mapping[str, str], left: list[int]) -> Element:
    done = Element(element.tag, {name: _filled(value, flags) for name, value in element.attrib.items()})
    for child in element:
        if child.tag == "Repeater":
            done.extend(list(_written_out(child, data, flags, left)))
        else:
            done.append(_copied(child, data, flags, left))
    return done


def _written_out(
    repeater: Element, data: Mapping[str, Any], flags: Mapping[str, str], left: list[int]
) -> Iterator[Element]:
    listed = ValueExpression(_filled(repeater.get("on") or "", flags)).resolve(data)
    flag = repeater.get("indexFlag") or INDEX_FLAG
    for index in range(len(listed) if isinstance(listed, list) else 0):
        left[0] -= 1
        if left[0] < 0:
            raise InputError(f"label_config: a <Repeater> makes more than {MOST_COPIES} copies")
        # Still a <Repeater>, so that what stands in it is known as repeated.
        body = Element(repeater.tag)
        body.extend(repeater)
        yield _copied(body, data, {**flags, flag: str(index)}, left)


def _filled(text: str, flags: Mapping[str, str]) -> str:
    for flag, index in flags.items():
        text = text.replace(flag, index)
    return text
