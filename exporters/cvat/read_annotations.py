"""Shapes read from CVAT, sorted into the annotations that they came from.

Our writer keeps annotator, model, score, ground truth and priority as attributes; here they go back to
their places.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from exporters.label_studio.read_shapes import ANSWERS
from exporters.records import Annotation, Answer, FrameRange, Geometry, KeyFrame, Region, Track

Draft = tuple[Region, str]
Key = tuple[bool, str | None, str | None, bool, float | None]
# By this attribute tags tell which control they answer, where there are several.
CONTROL = "control"
_PLAIN_ANSWERS = frozenset(ANSWERS) - {"choices", "taxonomy"}


class Told(NamedTuple):
    """What the attributes of a shape say about its annotation; `rest` is about the shape itself."""

    key: Key
    rest: tuple[tuple[str, str], ...]
    score: float | None
    priority: float | None


def tell(source: str, attributes: tuple[tuple[str, str], ...]) -> Told:
    """Return what source and attributes say."""
    told: dict[str, Any] = {}
    rest = []
    for name, text in attributes:
        read = _OURS.get(name)
        value = None if read is None or name in told else read(text)
        if value is None:
            # A label can have an attribute of its own by one of our names: what is not as we write it is its.
            rest.append((name, text))
        else:
            told[name] = value
    get = told.get
    is_truth = get("ground_truth") is not None
    key = (source == "auto", get("annotator"), get("model_version"), is_truth, get("annotation_score"))
    return Told(key, tuple(rest), get("score"), get("priority"))


def annotations_of(drafts: Sequence[Draft]) -> tuple[tuple[Annotation, ...], float | None]:
    """Return (annotations, priority of the item) for (region, source) pairs."""
    groups: dict[Key, list[Region]] = {}
    priority: float | None = None
    for region, source in drafts:
        told = tell(source, region.attributes)
        priority = told.priority if told.priority is not None else priority
        region = region._replace(attributes=told.rest, score=told.score)
        groups.setdefault(told.key, []).append(region)
    return joined(groups), priority


def joined(groups: Mapping[Key, list[Region]]) -> tuple[Annotation, ...]:
    """Return an annotation for each group of regions."""
    return tuple([_annotation(key, regions) for key, regions in groups.items()])


def _annotation(key: Key, regions: list[Region]) -> Annotation:
    is_prediction, annotator, model, is_truth, score = key
    # A list: a generator would cost more than it saves.
    has_tags = [region for region in regions if type(region[0]) is Answer]
    return Annotation(
        _joined(regions) if has_tags else tuple(regions),
        is_prediction=is_prediction,
        annotator=annotator,
        model_version=model,
        score=score,
        ground_truth=is_truth,
    )


def _joined(regions: list[Region]) -> tuple[Region, ...]:
    """Return the regions with plain tags as one choice, and tags that tell a rating or a text as such."""
    regions = _asked(regions)
    done: list[Region] = []
    tags: dict[tuple[Any, ...], int] = {}
    values: dict[int, list[Any]] = {}
    for region in regions:
        if type(region.shape) is not Answer:
            done.append(region)
            continue
        told = [pair for pair in region.attributes if pair[0] in _PLAIN_ANSWERS]
        if told:
            done.append(_told(region, *told[0]))
            continue
        key = (region.attributes, region.group, region.control)
        if region.score is None and key in tags:
            values[tags[key]].extend(region.shape.values)
        else:
            tags[key] = len(done)
            values[len(done)] = list(region.shape.values)
            done.append(region)
    for at, chosen in values.items():
        done[at] = done[at]._replace(shape=Answer("choices", tuple(chosen)))
    return tuple(done)


def _asked(regions: list[Region]) -> list[Region]:
    """Return the regions with the controls that our writer names on tags, where it names several."""
    told = [dict(region.attributes).get(CONTROL) for region in regions if isinstance(region.shape, Answer)]
    if len({name for name in told if name}) < 2:
        return regions  # an attribute of the label's own
    done = []
    for region in regions:
        name = dict(region.attributes).get(CONTROL) if isinstance(region.shape, Answer) else None
        rest = tuple(pair for pair in region.attributes if pair[0] != CONTROL)
        done.append(region._replace(attributes=rest, control=name) if name else region)
    return done


def _told(region: Region, kind: str, text: str) -> Region:
    assert isinstance(region.shape, Answer)
    values = tuple(_value(kind, line) for line in text.split("\n"))
    rest = tuple(pair for pair in region.attributes if pair[0] != kind)
    return region._replace(shape=Answer(kind, values), control=region.shape.values[0], attributes=rest)


def _value(kind: str, text: str) -> float | str:
    number = _float(text) if kind in ("rating", "number") else None
    if number is None:
        return text
    return int(number) if number == int(number) else number


def _float(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if number - number == 0 else None


_OURS: Mapping[str, Callable[[str], Any]] = {
    "annotator": str,
    "model_version": str,
    "ground_truth": lambda text: True if text == "true" else None,
    **dict.fromkeys(("annotation_score", "priority", "score"), _float),
}


def video_annotations(
    tracks: Sequence[Draft], tagged: Mapping[int, Sequence[Draft]]
) -> tuple[tuple[Annotation, ...], float | None]:
    """Return the annotations of a video: its tracks, and tags on runs of frames as frame ranges."""
    drafts = list(tracks)
    runs: dict[tuple[str, str, tuple[tuple[str, str], ...]], list[list[int]]] = {}
    for frame, found in sorted(tagged.items()):
        for region, source in found:
            if isinstance(region.shape, Answer):
                spans = runs.setdefault((region.shape.values[0], source, region.attributes), [])
                if spans and spans[-1][1] == frame - 1:
                    spans[-1][1] = frame
                else:
                    spans.append([frame, frame])
            else:
                drafts.append((_one_frame(region, frame), source))
    for (label, source, attributes), spans in runs.items():
        for start, end in spans:
            drafts.append((Region(FrameRange(start, end), (label,), attributes=attributes), source))
    return annotations_of(drafts)


def _one_frame(region: Region, frame: int) -> Region:
    shape: Geometry = region.shape  # type: ignore[assignment]
    first = KeyFrame(frame, shape, False, region.occluded, (), region.z_order)
    keys = (first, first._replace(frame=frame + 1, outside=True, occluded=False))
    return region._replace(shape=Track(keys), occluded=False, z_order=0)
