"""Items written as CVAT XML 1.1, with the files that create the task in the same order."""

from __future__ import annotations

import json
import shlex
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from exporters.cvat.labels import UNNAMED, Labels
from exporters.cvat.names import ImageNames
from exporters.cvat.shapes import DRAW
from exporters.files import Outputs, beside, copy_into, spool
from exporters.label_studio.config import LabelingConfig
from exporters.options import Options
from exporters.records import Annotation, Answer, Caption, Item, Region, name_of
from exporters.report import Ledger
from exporters.xml_text import escape, has_illegal

NO_LABEL = f"had no label: labelled {UNNAMED!r}"
SHAPE_PER_LABEL = "several labels: one shape for each"
ATTRIBUTE_TEXT = '<attribute name="%s">%s</attribute>'


class CvatWriter:
    """Writes one document; the head, which lists the labels, is put before the body at the end."""

    def __init__(
        self,
        path: Path,
        outputs: Outputs,
        config: LabelingConfig,
        options: Options,
        ledger: Ledger,
        name: str = "",
    ):
        self._path, self._options, self._ledger = path, options, ledger
        self._name = name or "export"
        declared = [c for c in config.controls if c.labels]
        labels = [*options.labels, *(label for c in declared for label in c.labels)]
        colors = [*[""] * len(options.labels), *(color for c in declared for color in c.colors)]
        self.labels = Labels(labels, colors)
        self._names = ImageNames(options.names)
        self._stack = ExitStack()
        self._main, self._outputs = outputs.open(path), outputs
        self._body: IO[bytes] = self._stack.enter_context(spool(path))
        self._lists = self._open_lists() if options.sidecars else None
        self._images = 0

    def _open_lists(self) -> tuple[IO[bytes], IO[bytes]]:
        return (
            self._outputs.open(beside(self._path, ".images.txt")).file,
            self._outputs.open(beside(self._path, ".sources.tsv")).file,
        )

    def write(self, item: Item) -> None:
        """Append one item; what is no picture is counted as dropped."""
        if item.kind == "image":
            self._body.write(self._image(item).encode())
            self._ledger.items += 1
            return
        count = sum(len(a.regions) for a in item.annotations)
        if item.primary:
            self._ledger.drop("item", f"CVAT has no place for {item.kind}", item.place)
        if count:
            self._ledger.drop("region", f"CVAT has no place for {item.kind}", item.place, count)

    def _image(self, item: Item) -> str:
        name, how = self._names.name(item.media, self._images)
        if how:
            self._ledger.change("image name", how, item.place)
        size = f' width="{item.width}" height="{item.height}"' if item.width else ""
        rows = [f'  <image id="{self._images}" name="{escape(name)}"{size}>\n']
        for annotation in item.annotations:
            rows.extend(self._annotation(annotation, item))
        rows.append("  </image>\n")
        if self._lists:
            self._lists[0].write(f"{name}\n".encode())
            self._lists[1].write(f"{name}\t{' '.join(item.media.split())}\n".encode("utf-8", "replace"))
        self._images += 1
        return "".join(rows)

    def _annotation(self, annotation: Annotation, item: Item) -> list[str]:
        if annotation.cancelled:
            self._ledger.drop("annotation", "skipped by the annotator", item.place)
            return []
        source = "auto" if annotation.is_prediction else "manual"
        common = self._common(annotation, item)
        rows: list[str] = []
        for region in annotation.regions:
            rows.extend(self._region(region, source, common, item))
        if annotation.relations:
            self._ledger.drop("relation", "CVAT has no relations", item.place, len(annotation.relations))
        return rows

    def _common(self, annotation: Annotation, item: Item) -> list[tuple[str, str]]:
        found = []
        if annotation.annotator is not None:
            found.append(("annotator", annotation.annotator))
        if annotation.ground_truth:
            found.append(("ground_truth", "true"))
        if annotation.model_version is not None:
            found.append(("model_version", str(annotation.model_version)))
        if item.priority is not None:
            found.append(("priority", f"{item.priority:g}"))
        return found

    def _region(self, region: Region, source: str, common: list[tuple[str, str]], item: Item) -> list[str]:
        shape = region.shape
        if type(shape) is Answer:
            return self._tags(region, shape, source, common, item)
        draw = DRAW.get(type(shape))
        if draw is None:
            self._ledger.drop(name_of(shape), "CVAT has no such shape", item.place)
            return []
        element, geometry, how = draw(shape)
        hows = [how] if how else []
        labels = region.labels
        if len(labels) != 1:
            hows.append(SHAPE_PER_LABEL if labels else NO_LABEL)
            labels = labels or (UNNAMED,)
        extra = common if region.score is None else [("score", _number(region.score)), *common]
        if region.captions or region.attributes:
            extra = [*extra, *region.attributes, *_captions(region.captions)]
        rows = []
        for label in labels:
            name, renamed = self.labels.name(label)
            if renamed:
                hows.append(renamed)
            inner = self._attributes(name, extra, hows) if extra else ""
            rows.append(
                f'    <{element} label="{escape(name)}" source="{source}" occluded="{region.occluded:d}"'
                f'{geometry} z_order="{region.z_order}"'
                + (f' group_id="{region.group}">' if region.group else ">")
                + f"{inner}</{element}>\n"
            )
        if hows:
            self._ledger.settle(name_of(shape), dict.fromkeys(hows), item.place)
        else:
            self._ledger.carried[name_of(shape)] += 1
        return rows

    def _attributes(self, label: str, extra: list[tuple[str, str]], hows: list[str]) -> str:
        parts = []
        for name, value in extra:
            self.labels.has(label, name)
            if has_illegal(value):
                hows.append("attribute had characters that XML cannot hold")
            parts.append(ATTRIBUTE_TEXT % (escape(name), escape(value)))
        return "".join(parts)

    def _tags(
        self, region: Region, answer: Answer, source: str, common: list[tuple[str, str]], item: Item
    ) -> list[str]:
        hows: list[str] = []
        extra = common if region.score is None else [("score", _number(region.score)), *common]
        control = region.control or answer.kind
        if answer.kind in ("choices", "pairwise"):
            names = [str(value) for value in answer.values]
        elif answer.kind == "taxonomy":
            names = [" / ".join(map(str, path)) for path in answer.values]
        else:
            names = [control]
            extra = [*extra, (answer.kind, "\n".join(map(str, answer.values)))]
        rows = []
        for value in names:
            name, renamed = self.labels.name(value)
            hows += [renamed] if renamed else []
            inner = self._attributes(name, extra, hows)
            rows.append(f'    <tag label="{escape(name)}" source="{source}">{inner}</tag>\n')
        self._ledger.settle(answer.kind, dict.fromkeys(hows), item.place)
        return rows

    def finish(self) -> None:
        """Put head, body and end together, and write the companion files."""
        self._main.write(self._head().encode())
        copy_into(self._body, self._main)
        self._main.write(b"</annotations>\n")
        self._stack.close()
        if self._options.sidecars:
            self._companions()

    def close(self) -> None:
        """Let go of the spooled body."""
        self._stack.close()

    def _head(self) -> str:
        last = max(self._images - 1, 0)
        return (
            '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  <meta>\n'
            f"    <task>\n      <name>{escape(self._name)}</name>\n      <size>{self._images}</size>\n"
            "      <mode>annotation</mode>\n      <overlap>0</overlap>\n      <bugtracker></bugtracker>\n"
            f"      <start_frame>0</start_frame>\n      <stop_frame>{last}</stop_frame>\n"
            f"      <frame_filter></frame_filter>\n      {self.labels.meta()}\n    </task>\n  </meta>\n"
        )

    def _companions(self) -> None:
        labels = beside(self._path, ".labels.json")
        text = json.dumps(self.labels.specification(), ensure_ascii=False, indent=1)
        self._outputs.open(labels).write(text.encode())
        line = cli_line(self._name, self._path, labels, beside(self._path, ".images.txt"))
        self._ledger.notes.append(f"create the task in this order: {line}")


def cli_line(name: str, xml: Path, labels: Path, images: Path) -> str:
    """Return the command that creates the CVAT task with the images in our order."""
    quoted = [shlex.quote(str(part)) for part in (name, labels, xml, images)]
    return (
        f"xargs -d '\\n' -a {quoted[3]} cvat-cli task create {quoted[0]} --labels {quoted[1]} "
        f"--sorting-method predefined --annotation_path {quoted[2]} "
        "--annotation_format 'CVAT 1.1' local"
    )


def _number(value: float) -> str:
    return f"{value:.6g}" if isinstance(value, int | float) else str(value)


def _captions(captions: tuple[Caption, ...]) -> list[tuple[str, str]]:
    return [(caption.name, "\n".join(map(_plain, caption.values))) for caption in captions]


def _plain(value: object) -> str:
    return " / ".join(map(str, value)) if isinstance(value, tuple) else str(value)
