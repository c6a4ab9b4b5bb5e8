"""What a project's labeling config says about learning: which control, on which object, with which labels."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from backend.errors import LabelingConfigError
from backend.learning.vectorize import Shown

MAX_CHARACTERS = 256 * 1024
MAX_DEPTH = 64
VARIABLE = re.compile(r"\$([A-Za-z_][\w.\-]*)")


@dataclass(frozen=True)
class ControlTag:
    """One control of a labeling config and the object that it annotates.

    Attributes
    ----------
    tag : the control's tag, such as "Choices"
    name, to_name : its own name and that of its object
    object_tag : the object's tag, such as "Text"; "" when the config has no such object
    field : the task data's field that the object shows ("$text" gives "text"); "" when it names none
    attributes : the control's attributes, as written
    labels : what an annotator can choose, in the config's order
    nested : whether its choices form a tree
    repeated : whether it stands in a <Repeater>, which makes several controls of it
    """

    tag: str
    name: str
    to_name: str
    object_tag: str
    field: str
    attributes: dict[str, str]
    labels: tuple[str, ...]
    nested: bool = False
    repeated: bool = False


def read_controls(label_config: str) -> list[ControlTag]:
    """Return the controls of a labeling config, in its order.

    Raises
    ------
    LabelingConfigError
        When the XML is too large, too deep, malformed, or defines entities.
    """
    root = _parse(label_config)
    objects = {
        e.get("name"): e for e in root.iter() if e.get("value") and e.get("name") and not e.get("toName")
    }
    repeated = {id(e) for repeater in root.iter("Repeater") for e in repeater.iter()}
    return [_control(e, objects, id(e) in repeated) for e in root.iter() if e.get("toName") and e.get("name")]


def shown_objects(label_config: str) -> list[Shown]:
    """Return what annotators are shown, in the config's order: the objects of all its controls.

    Raises
    ------
    LabelingConfigError
        As for `read_controls`.
    """
    tags = read_controls(label_config)
    return list(dict.fromkeys(Shown(tag.object_tag, tag.field) for tag in tags if tag.object_tag))


def config_digest(label_config: str) -> str:
    """Return a short digest that changes when the labeling config does."""
    return hashlib.blake2b(label_config.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _control(element: Element, objects: dict[str | None, Element], repeated: bool) -> ControlTag:
    to_name = element.get("toName", "").split(",")[0].strip()
    shown = objects.get(to_name)
    variable = VARIABLE.search(shown.get("value", "")) if shown is not None else None
    choices = list(_choices(element))
    return ControlTag(
        tag=str(element.tag),
        name=element.get("name", ""),
        to_name=to_name,
        object_tag=str(shown.tag) if shown is not None else "",
        field=variable.group(1) if variable else "",
        attributes=dict(element.attrib),
        labels=tuple(
            dict.fromkeys(c.get("alias") or c.get("value") or "" for c in choices if c.get("value"))
        ),
        nested=any(child.tag == "Choice" for c in choices for child in c),
        repeated=repeated,
    )


def _choices(control: Element) -> Iterator[Element]:
    return (e for e in control.iter() if e is not control and e.tag in ("Choice", "Label"))


class _ShallowTree(TreeBuilder):
    """Builds a tree and gives up where nesting is deeper than any labeling config's."""

    depth = 0

    def start(self, tag: str, attrs: dict[str, str]) -> Element:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise LabelingConfigError(f"label_config: tags are nested more than {MAX_DEPTH} deep")
        return super().start(tag, attrs)

    def end(self, tag: str) -> Element:
        self.depth -= 1
        return super().end(tag)


def _parse(label_config: str) -> Element:
    if len(label_config) > MAX_CHARACTERS:
        raise LabelingConfigError(f"label_config: longer than {MAX_CHARACTERS} characters")
    parser = DefusedXMLParser(target=_ShallowTree(), forbid_dtd=True)
    try:
        parser.feed(label_config)
        return parser.close()
    except ParseError as error:
        raise LabelingConfigError(f"label_config: not well-formed XML ({error})") from None
    except DefusedXmlException:
        raise LabelingConfigError("label_config: a DTD or entity is not accepted; remove it") from None
    except UnicodeError:
        raise LabelingConfigError("label_config: holds a character that XML does not allow") from None
