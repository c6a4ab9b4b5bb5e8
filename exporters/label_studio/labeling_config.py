"""What a labeling config declares: the objects shown, the controls on them, and what each control offers.

Tags and attributes are known in any case, as Label Studio knows them. Loop and exporters both read this.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element

from exporters.label_studio.config_tree import copies, read_tree
from exporters.label_studio.value_expression import ValueExpression
from exporters.label_studio.visibility import Condition, conditions_of

KINDS = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "audioplus": "audio",
    "text": "text",
    "hypertext": "html",
    "paragraphs": "paragraphs",
    "timeseries": "series",
}
OTHER = "other"
OFFERED = frozenset(("Choice", "Label"))


@dataclasses.dataclass(frozen=True)
class Choice:
    """One label or choice.

    Attributes
    ----------
    value, alias : what is shown, and what stands in annotations instead of it (may be empty)
    path : the answers from the root of the tree down to this one
    background : its color; may be empty
    children : the choices below it
    """

    value: str
    alias: str = ""
    path: tuple[str, ...] = ()
    background: str = ""
    children: tuple[Choice, ...] = ()

    @property
    def answer(self) -> str:
        """What an annotation holds when this is chosen."""
        return self.alias or self.value

    def tree(self) -> Iterator[Choice]:
        """Yield this choice and all below it, in the config's order."""
        yield self
        for child in self.children:
            yield from child.tree()


@dataclasses.dataclass(frozen=True)
class ObjectTag:
    """One thing that a task shows.

    Attributes
    ----------
    tag, name : as in the config, the tag in Label Studio's own spelling
    kind : image, video, audio, text, html, paragraphs, series or other
    value : which part of the task's data it shows
    is_list : whether that is a list of which each entry is a page (`valueList`)
    attributes : all of them, known names in Label Studio's own spelling
    repeated : whether it stands in a <Repeater>, which makes several objects of it
    """

    tag: str
    name: str
    kind: str
    value: ValueExpression
    is_list: bool = False
    attributes: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    repeated: bool = False

    @property
    def by_address(self) -> bool:
        """Whether the data hold where the content lies, rather than the content."""
        return self.attributes.get("valueType", "").lower() == "url"


@dataclasses.dataclass(frozen=True)
class ControlTag:
    """One control of a labeling config and what it annotates.

    Attributes
    ----------
    tag : the control's tag in Label Studio's own spelling, such as "Choices"
    name, to_name : its own name and that of its (first) object
    object_tag : the first object's tag, such as "Text"; "" when the config has no such object
    field : the variable that the first object shows ("$text" gives "text"); "" when it names none
    attributes : the control's attributes, known names in Label Studio's own spelling
    labels : what an annotator can choose, in the config's order
    nested : whether its choices form a tree
    repeated : whether it stands in a <Repeater>, which makes several controls of it
    choices : what it offers, as a tree
    to_names, objects : all its objects; those that the config lacks have a name only
    dynamic : where in the task's data more choices stand (`value="$options"`); None when nowhere
    conditions : all that must hold for it to be shown, its own and those of the views around it
    buckets : the names of a <Ranker>'s <Bucket> tags
    """

    tag: str
    name: str
    to_name: str
    object_tag: str
    field: str
    attributes: Mapping[str, str]
    labels: tuple[str, ...]
    nested: bool = False
    repeated: bool = False
    choices: tuple[Choice, ...] = dataclasses.field(default=(), compare=False)
    to_names: tuple[str, ...] = dataclasses.field(default=(), compare=False)
    objects: tuple[ObjectTag, ...] = dataclasses.field(default=(), compare=False)
    dynamic: ValueExpression | None = dataclasses.field(default=None, compare=False)
    conditions: tuple[Condition, ...] = dataclasses.field(default=(), compare=False)
    buckets: tuple[str, ...] = ()

    @property
    def per_region(self) -> bool:
        """Whether it is about a region, not about the task."""
        return self._is_set("perRegion")

    @property
    def per_item(self) -> bool:
        """Whether it is about one page of several."""
        return self._is_set("perItem")

    @property
    def is_conditional(self) -> bool:
        """Whether it is shown only when something else was said (`visibleWhen`)."""
        return bool(self.conditions)

    @property
    def is_single(self) -> bool:
        """Whether one choice excludes the others."""
        # Label Studio has single and single-radio; without a word a choice is single.
        return self.attributes.get("choice", "single").startswith("single")

    def offers(self) -> tuple[tuple[str, str], ...]:
        """Return (answer, color) of each choice, in the config's order."""
        return tuple(
            (each.answer, each.background) for top in self.choices for each in top.tree() if each.answer
        )

    def choices_for(self, data: Mapping[str, Any]) -> tuple[Choice, ...]:
        """Return what it offers on one task, the choices that stand in its data included."""
        return self.choices if self.dynamic is None else (*self.choices, *choices_in(data, self.dynamic))

    def _is_set(self, name: str) -> bool:
        return self.attributes.get(name, "").lower() == "true"


@dataclasses.dataclass(frozen=True)
class LabelingConfig:
    """A labeling config; empty when none was given.

    Attributes
    ----------
    objects, controls : all of them, in document order
    text : the XML as it was given
    """

    objects: tuple[ObjectTag, ...] = ()
    controls: tuple[ControlTag, ...] = ()
    text: str = ""
    root: Element | None = dataclasses.field(default=None, compare=False, repr=False)

    def labels(self, tags: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the labels of all controls (of these tags, lower case), each once, in the config's order."""
        chosen = (c for c in self.controls if not tags or c.tag.lower() in tags)
        return tuple(dict.fromkeys(label for control in chosen for label in control.labels))

    @property
    def has_repeater(self) -> bool:
        """Whether what is shown depends on the length of a list in the task's data."""
        return any(o.repeated for o in self.objects) or any(c.repeated for c in self.controls)

    def for_task(self, data: Mapping[str, Any]) -> LabelingConfig:
        """Return the config as it is for one task: every <Repeater> written out."""
        # Most configs are the same for every task, and writing one out takes longer than reading the task.
        if self.root is None or not self.has_repeater:
            return self
        return _declared(copies(self.root, data), self.text, self.root)


def read_labeling_config(text: str) -> LabelingConfig:
    """Return what the labeling config declares; a blank text gives an empty config.

    Raises
    ------
    InputError
        When the XML is too large, too deep, malformed, or defines entities.
    """
    if not text.strip():
        return LabelingConfig(text=text)
    root = read_tree(text)
    return _declared(root, text, root)


def _declared(tree: Element, text: str, root: Element) -> LabelingConfig:
    repeated = repeated_in(tree)
    # Choices and labels may have names too; they are no controls.
    named = [e for e in tree.iter() if e.get("name") and e.tag not in OFFERED]
    objects = [object_of(e, id(e) in repeated) for e in named if not e.get("toName") and shows(e)]
    known = {shown.name: shown for shown in objects}
    # ElementTree's elements do not know what they stand in.
    parents = {child: parent for parent in tree.iter() for child in parent}
    controls = [
        dataclasses.replace(control_of(e, known, id(e) in repeated), conditions=conditions_of(e, parents))
        for e in named
        if e.get("toName")
    ]
    return LabelingConfig(tuple(objects), _by_answers(controls), text, root)


def _by_answers(controls: Sequence[ControlTag]) -> tuple[ControlTag, ...]:
    """Return the controls, their conditions with the aliases that annotations hold in place of choices."""
    aliases: dict[str, set[str]] = {}
    for control in controls:
        for choice in (c for top in control.choices for c in top.tree() if c.alias):
            for key in ("", control.name):
                # whenChoiceValue names what is shown, annotations hold the alias: a condition must know both.
                aliases.setdefault(f"{key}\n{choice.value}", set()).add(choice.alias)

    def with_aliases(condition: Condition) -> Condition:
        more = (aliases.get(f"{condition.control}\n{value}", set()) for value in condition.values)
        return dataclasses.replace(condition, values=condition.values.union(*more))

    return tuple(
        dataclasses.replace(c, conditions=tuple(map(with_aliases, c.conditions))) if c.conditions else c
        for c in controls
    )


def repeated_in(tree: Element) -> frozenset[int]:
    """Return which elements stand in a <Repeater>, by `id`."""
    return frozenset(id(e) for repeater in tree.iter("Repeater") for e in repeater.iter())


def shows(element: Element) -> bool:
    """Return whether an element has a value, as objects do."""
    return bool(element.get("value") or element.get("valueList"))


def object_of(element: Element, repeated: bool) -> ObjectTag:
    """Return the object that an element is."""
    pages = element.get("valueList") or ""
    value = ValueExpression((pages or element.get("value") or "").strip())
    kind = KINDS.get(element.tag.lower(), OTHER)
    name = element.get("name") or ""
    return ObjectTag(element.tag, name, kind, value, bool(pages), dict(element.attrib), repeated)


def control_of(element: Element, known: Mapping[str, ObjectTag], repeated: bool) -> ControlTag:
    """Return the control that an element is, on objects that are known by their names."""
    to_names = tuple(name.strip() for name in (element.get("toName") or "").split(",") if name.strip()) or (
        "",
    )
    objects = tuple(known.get(name) or ObjectTag("", name, OTHER, ValueExpression("")) for name in to_names)
    choices = _offered(element, ())
    dynamic = ValueExpression((element.get("value") or "").strip())
    return ControlTag(
        tag=element.tag,
        name=element.get("name") or "",
        to_name=to_names[0],
        object_tag=objects[0].tag,
        field=objects[0].value.name,
        attributes=dict(element.attrib),
        labels=tuple(dict.fromkeys(c.answer for top in choices for c in top.tree() if c.value)),
        nested=any(top.children for top in choices),
        repeated=repeated,
        choices=choices,
        to_names=to_names,
        objects=objects,
        dynamic=dynamic if dynamic.variables else None,
        buckets=tuple(each.get("name") or "" for each in element.iter("Bucket")),
    )


def _offered(element: Element, path: tuple[str, ...]) -> tuple[Choice, ...]:
    """Return the choices below an element; tags around them, such as <View>, do not count."""
    found: list[Choice] = []
    for child in element:
        if child.tag not in OFFERED:
            found.extend(_offered(child, path))
            continue
        value, alias = child.get("value") or "", child.get("alias") or ""
        own = (*path, alias or value)
        color = child.get("background") or ""
        found.append(Choice(value, alias, own, color, _offered(child, own)))
    return tuple(found)


def choices_in(data: Mapping[str, Any], value: ValueExpression) -> tuple[Choice, ...]:
    """Return the choices that a task's data list where `value` says: texts, or objects with a value."""
    return _dynamic(value.resolve(data), ())


def _dynamic(given: Any, path: tuple[str, ...]) -> tuple[Choice, ...]:
    """Return the choices that a task's data list: texts, or objects with value, alias and children."""
    found: list[Choice] = []
    # The data of a task are anybody's: a tree nested too deep would end in a RecursionError.
    for each in given if isinstance(given, list) and len(path) < 32 else ():
        entry = each if isinstance(each, Mapping) else {"value": each}
        value, alias = (str(entry.get(key) or "") for key in ("value", "alias"))
        if value:
            own = (*path, alias or value)
            below = _dynamic(entry.get("children"), own)
            found.append(Choice(value, alias, own, str(entry.get("background") or ""), below))
    return tuple(found)
