"""Items written as Prodigy's JSON Lines, in the order in which they come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from exporters.contract import Job
from exporters.json_stream import dump
from exporters.prodigy.hashes import input_hash, with_hashes
from exporters.prodigy.options import ProdigyOptions
from exporters.prodigy.types import TaskType, task_type
from exporters.prodigy.write_spans import DRAW, Span, dressed, of_one_name, upright
from exporters.prodigy.write_texts import TextTask
from exporters.questions import are_mixed
from exporters.records import Annotation, Answer, AudioSpan, Box, Item, Region, TextSpan, name_of, plain

UNNAMED = "object"
MEDIA = ("image", "audio", "video")


class ProdigyWriter:
    """Writes a line for each annotation of each item, and one for an item that has none."""

    def __init__(self, job: Job):
        self._file, self._ledger = job.outputs.open(job.path), job.ledger
        self._declared = job.declared
        self._options = job.options.of(ProdigyOptions)
        self._type: TaskType | None = task_type(self._options.task_type)
        offered = job.config.labels(("choices",)) or job.options.labels
        self._offered = dict.fromkeys(map(str, offered))
        single = [control.is_single for control in job.config.controls if control.tag == "Choices"]
        self._is_single = all(single) if single else None
        self._mixed: bool | None = None

    def state(self) -> list[str]:
        """Return what is offered so far: it stands in every line with a choice."""
        return list(self._offered)

    def join(self, piece: list[list[str]], lines: bytes, place: Callable[[str], str]) -> bool:
        """Append lines that were written elsewhere; False where another choice was offered there."""
        before, after = piece
        # Every line lists the options so far: lines that were written beside others would offer too few.
        if before != list(self._offered):
            return False
        self._offered.update(dict.fromkeys(after))
        self._file.write(lines)
        return True

    def write(self, item: Item) -> None:
        """Append one item."""
        if item.kind not in ("text", *MEDIA):
            self._refuse(item)
            return
        # A further object of a task on which nobody marked anything: a line for it would be a task that
        # nobody made.
        if not item.primary and not any(a.regions for a in item.annotations):
            self._ledger.covered("relation", sum(len(a.relations) for a in item.annotations))
            return
        for choice in self._declared.choices:
            self._offered.setdefault(choice)
        for annotation in item.annotations or (None,):
            task = self._task(item, annotation)
            if item.id is None and len(item.annotations) > 1:
                # Without an id it is all that tells lines about one input.
                task["_input_hash"] = input_hash(task)
            self._file.write(dump(with_hashes(task) if self._options.hashes else task) + b"\n")
            self._ledger.items += 1

    def _refuse(self, item: Item) -> None:
        self._ledger.drop_item(item, f"Prodigy has no place for {item.kind}")

    def _task(self, item: Item, annotation: Annotation | None) -> dict[str, Any]:
        task = self._input(item)
        if annotation is not None:
            self._fill(task, item, annotation)
        elif item.kind == "text" and self._wants_tokens():
            TextTask(item.media, self._options.tokenizer).fill(task, [], ())
        self._offer(task)
        meta = _meta(item, annotation)
        if item.data:
            further = {key: value for key, value in item.data.items() if not _is_plain(key, value)}
            meta = {**{key: value for key, value in item.data.items() if key not in further}, **meta}
            if further:
                task["data"] = further
        if meta:
            task["meta"] = meta
        if annotation is not None and not annotation.is_prediction:
            task["answer"] = _answer(annotation)
            if annotation.annotator is not None:
                task["_annotator_id"] = task["_session_id"] = annotation.annotator
        # Only where it is asked for: Prodigy takes the interface from the recipe.
        if self._type is not None:
            task["_view_id"] = self._type.view
        return task

    def _wants_tokens(self) -> bool:
        return self._type is not None and self._type.has_tokens

    def _input(self, item: Item) -> dict[str, Any]:
        task: dict[str, Any] = {item.kind: item.media}
        if item.width is not None:
            task["width"] = item.width
        if item.height is not None:
            task["height"] = item.height
        return task

    def _fill(self, task: dict[str, Any], item: Item, annotation: Annotation) -> None:
        spans: list[Span] = []
        sounds: list[Span] = []
        texts: list[Region] = []
        boxes = 0
        # Only where there are answers, and once for all of them.
        self._mixed = None
        for region in annotation.regions:
            shape, labels, key, score, _, attributes, captions, group, z_order, occluded, parent = region
            if type(shape) is Box and not shape[4] and len(labels) == 1:
                # Most regions, by the shortest way.
                span = upright(shape)
                span["label"] = labels[0]
                if key is not None:
                    span["id"] = key
                spans.append(span)
                if score is not None or attributes or captions or group or z_order or occluded or parent:
                    dressed(span, region, labels[0])
                    self._count(region, "", item)
                else:
                    boxes += 1
                continue
            if type(shape) is Answer:
                self._answer(task, region, shape, item, annotation)
                continue
            if type(shape) is TextSpan:
                texts.append(region)
                continue
            draw = DRAW.get(type(shape))
            if draw is None:
                self._ledger.drop(name_of(shape), "Prodigy has no such shape", item.place)
                continue
            try:
                pieces, how = draw(shape)
            except ValueError as error:
                self._ledger.drop(name_of(shape), str(error), item.place)
                continue
            target = sounds if type(shape) is AudioSpan else spans
            # A piece is dressed in place where it is used once; for several labels each needs its own.
            if len(pieces) == 1 and len(region.labels) == 1:
                target.append(dressed(pieces[0], region, region.labels[0]))
            else:
                for label in region.labels or (UNNAMED,):
                    target.extend(dressed(dict(piece), region, label) for piece in pieces)
            self._count(region, how, item)
        if boxes:
            self._ledger.carried["box"] += boxes
        if texts or (item.kind == "text" and self._wants_tokens()):
            self._fill_text(task, item, texts, annotation)
        elif annotation.relations:
            why = "Prodigy links words of a text only"
            self._ledger.drop("relation", why, item.place, len(annotation.relations))
        if spans:
            task["spans"] = spans
        if sounds:
            task["audio_spans"] = sounds

    def _fill_text(
        self, task: dict[str, Any], item: Item, regions: list[Region], annotation: Annotation
    ) -> None:
        text = TextTask(item.media, self._options.tokenizer)
        texts: list[tuple[Region, str]] = []
        for region in regions:
            assert isinstance(region.shape, TextSpan)
            span = text.on_words(region.shape)
            if span is None:
                self._ledger.drop("text span", "is blank: Prodigy's spans stand on tokens", item.place)
                continue
            how = "" if span == region.shape else "blanks at its ends left out"
            self._count(region, how, item)
            texts.extend((region._replace(shape=span), label) for label in region.labels or (UNNAMED,))
        text.fill(task, texts, annotation.relations)
        text.count(self._ledger, item.place)

    def _count(self, region: Region, how: str, item: Item) -> None:
        kind = name_of(region.shape)
        clash = of_one_name(region)
        if not (how or clash) and len(region.labels) == 1:
            self._ledger.carried[kind] += 1
            return
        hows = [how] if how else []
        hows += [clash] if clash else []
        if len(region.labels) != 1:
            several = "several labels: one span for each"
            hows.append(several if region.labels else f"had no label: {UNNAMED!r}")
        self._ledger.settle(kind, hows, item.place)

    def _answer(
        self, task: dict[str, Any], region: Region, answer: Answer, item: Item, annotation: Annotation
    ) -> None:
        control = region.control or answer.kind
        if answer.kind == "choices":
            how = self._choose(task, [plain(value) for value in answer.values])
            if self._mixed is None:
                self._mixed = are_mixed(annotation.regions)
            if self._mixed and "accept" in task:
                # Prodigy shows all of them as one choice: the controls that they answer stand beside.
                how = _put(task, control, answer)
        else:
            how = _put(task, control, answer)
        is_bare = region.score is None and region.parent is None and not region.group
        if region.captions or region.attributes or not is_bare:
            how = how or "what was said about the answer left out"
        self._ledger.settle(answer.kind, [how] if how else [], item.place)

    def _choose(self, task: dict[str, Any], values: list[str]) -> str:
        if self._type is not None and self._type.is_binary:
            is_first = task.setdefault("label", values[0] if values else UNNAMED) in values or not values
            return "" if is_first and len(values) < 2 else "a binary task has one label: the first"
        for value in values:
            self._offered.setdefault(value)
        accepted = task.setdefault("accept", [])
        repeated = [value for value in values if value in accepted]
        accepted.extend(dict.fromkeys(value for value in values if value not in accepted))
        return "chosen twice: kept once" if repeated else ""

    def _offer(self, task: dict[str, Any]) -> None:
        """Add the options: training fails on `accept` without them."""
        if self._type is not None and self._type.is_binary:
            # A question that nobody has answered yet still has to say what it asks about.
            if "label" not in task and len(self._offered) == 1:
                task["label"] = next(iter(self._offered))
            return
        if "accept" in task or (self._offered and (self._type is None or self._type.has_options)):
            task["options"] = [{"id": label, "text": label} for label in self._offered]
            if self._is_single is not None:
                task["config"] = {"choice_style": "single" if self._is_single else "multiple"}

    def finish(self) -> None:
        """Nothing is kept back: every line is written."""

    def close(self) -> None:
        """Nothing is held."""


def _put(task: dict[str, Any], control: str, answer: Answer) -> str:
    """Add an answer under its control's name; return how it changed."""
    values = [list(value) if isinstance(value, tuple) else value for value in answer.values]
    # A key of our own, which Prodigy's interface passes over: it has a place for one choice only.
    answers = task.setdefault("answers", {})
    answers.setdefault(control, {"type": answer.kind, "values": []})["values"].extend(values)
    is_same = answers[control]["type"] == answer.kind
    return "" if is_same else "put to an answer of another type: its control has the same name"


class WrittenPieces(ProdigyWriter):
    """Writes the lines of one stretch of the input, for `ProdigyWriter.join`."""

    def __init__(self, job: Job, offered: list[str]):
        super().__init__(job)
        self._before, self._offered = offered, dict.fromkeys(offered)

    def piece(self) -> tuple[list[list[str]], bytes]:
        """Return (what was offered before and after, the lines)."""
        self._file.file.seek(0)
        return [self._before, list(self._offered)], self._file.file.read()


_OURS_IN_META = frozenset(("task_id", "priority", "score", "model_version", "annotator", "ground_truth"))


def _is_plain(key: str, value: Any) -> bool:
    """Return whether a further field of a task can stand in Prodigy's `meta`, which annotators see."""
    return key not in _OURS_IN_META and isinstance(value, str | int | float | bool | None)


def _meta(item: Item, annotation: Annotation | None) -> dict[str, Any]:
    meta: dict[str, Any] = {} if item.id is None else {"task_id": item.id}
    if item.priority is not None:
        meta["priority"] = item.priority
    if item.score is not None:
        meta["score"] = item.score
    if annotation is not None:
        if annotation.score is not None:
            meta["score"] = annotation.score
        if annotation.model_version is not None:
            meta["model_version"] = annotation.model_version
        if annotation.annotator is not None:
            meta["annotator"] = annotation.annotator
        if annotation.ground_truth:
            meta["ground_truth"] = True
    return meta


def _answer(annotation: Annotation) -> str:
    if annotation.cancelled:
        return "ignore"
    return "reject" if annotation.rejected else "accept"
