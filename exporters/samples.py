"""Chosen samples, as arrays, written for a labeling tool: the short way, without a project."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from exporters.convert import export_tasks
from exporters.errors import OptionError
from exporters.label_studio.make_config import config_type, make_config, object_key
from exporters.prodigy.types import task_type
from exporters.report import ExportReport

PathLike = str | os.PathLike[str]


class LabelStudioExporter:
    """Writes samples as Label Studio tasks, beside a labeling config that shows them.

    Parameters
    ----------
    project_name : str
        Kept in each task's `meta`.
    label_config_type : str
        One of `exporters.LABEL_CONFIG_TYPES`: classification, multilabel, ner, bounding_boxes and so on.
    labels : sequence of str
        The labels that the config offers.

    Examples
    --------
    >>> import tempfile, os
    >>> exporter = LabelStudioExporter(project_name="Review", labels=["good", "bad"])
    >>> path = os.path.join(tempfile.mkdtemp(), "tasks.json")
    >>> exporter.export(samples=["a text", "another"], sample_ids=[7, 3], output_path=path).items
    2
    """

    def __init__(
        self,
        project_name: str = "",
        label_config_type: str = "classification",
        labels: Sequence[str] = (),
    ):
        self.project_name = project_name
        self.label_config_type = config_type(label_config_type)
        self.labels = tuple(labels)

    def export(
        self,
        samples: Iterable[Any],
        sample_ids: Iterable[Any] | None = None,
        output_path: PathLike = "label_studio_tasks.json",
        metadata: Mapping[str, Any] | None = None,
    ) -> ExportReport:
        """Write one task for each sample, best first, and return the account.

        Parameters
        ----------
        samples : sequence of str or dict, or array of shape (n_samples, n_features)
            Texts or addresses; dicts become the task's data; rows of numbers become `features`, with a line
            of text.
        sample_ids : sequence, optional
            Kept as `sample_id`; positions by default.
        output_path : path
            The JSON file; the labeling config is written beside it.
        metadata : mapping, optional
            Added to each task's `meta`.
        """
        # Counted against the ids, so a generator has to be held.
        rows = list(samples)
        ids = list(range(len(rows))) if sample_ids is None else [_plain(entry) for entry in sample_ids]
        if len(ids) != len(rows):
            raise OptionError(f"sample_ids: {len(ids)} ids for {len(rows)} samples; give one for each")
        key = object_key(self.label_config_type)
        return export_tasks(
            self._tasks(rows, ids, key, metadata or {}),
            format="label-studio",
            output=Path(output_path),
            label_config=make_config(self.label_config_type, self.labels),
            name=self.project_name,
        )

    def _tasks(
        self, rows: list[Any], ids: list[Any], key: str, metadata: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        meta = {"project": self.project_name, **metadata} if self.project_name else dict(metadata)
        for rank, (row, sample_id) in enumerate(zip(rows, ids, strict=True)):
            data = {**_data(row, key), "sample_id": sample_id}
            yield {"data": data, "meta": {**meta, "priority": rank}}


def _data(row: Any, key: str) -> dict[str, Any]:
    """Return the task's data for one sample."""
    if isinstance(row, Mapping):
        return {str(name): _plain(value) for name, value in row.items()}
    if isinstance(row, str | os.PathLike):
        return {key: os.fspath(row)}
    # A row of a sparse matrix: numpy would make an array of one object of it.
    if hasattr(row, "toarray"):
        row = row.toarray().ravel()
    import numpy as np  # here, so that a conversion of files does not wait for it

    numbers = np.asarray(row)
    values = [_plain(value) for value in numbers.ravel()] if numbers.dtype != object else [str(row)]
    if len(values) == 1 and isinstance(values[0], str):
        return {key: values[0]}
    # A labeling tool shows text: the numbers are put into words as well.
    shown = ", ".join(f"{value:.6g}" if isinstance(value, float) else str(value) for value in values)
    return {key: shown, "features": values}


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "dtype") else value  # numpy's numbers and arrays


class CVATExporter:
    """Writes images as a CVAT 1.1 document, and the files that create the task in the same order.

    Parameters
    ----------
    task_name : str
        The name of the task.
    labels : sequence of str
        The labels that the task offers.

    Examples
    --------
    >>> import tempfile, os
    >>> exporter = CVATExporter(task_name="Animals", labels=["cat", "dog"])
    >>> path = os.path.join(tempfile.mkdtemp(), "tasks.xml")
    >>> exporter.export(image_paths=["b.jpg", "a.jpg"], output_path=path).items
    2
    """

    def __init__(self, task_name: str = "", labels: Sequence[str] = ()):
        self.task_name, self.labels = task_name, tuple(labels)

    def export(
        self,
        image_paths: Iterable[PathLike],
        output_path: PathLike = "cvat_tasks.xml",
        image_root: PathLike | None = None,
    ) -> ExportReport:
        """Write one `<image>` for each path, best first, and return the account.

        Widths and heights are written when `image_root` is given and the files are there.
        """
        options: dict[str, Any] = {"labels": self.labels}
        if image_root is not None:
            options["image_root"] = image_root
        return export_tasks(
            ({"data": {"image": os.fspath(path)}} for path in image_paths),
            format="cvat",
            output=Path(output_path),
            label_config='<View><Image name="image" value="$image"/></View>',
            name=self.task_name,
            **options,
        )


class ProdigyExporter:
    """Writes texts, or addresses of images and sounds, as Prodigy's JSON Lines.

    Examples
    --------
    >>> import tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "tasks.jsonl")
    >>> ProdigyExporter().export(["fine", "awful"], path, labels=["positive", "negative"]).items
    2
    """

    def export(
        self,
        texts: Iterable[str],
        output_path: PathLike = "prodigy_tasks.jsonl",
        task_type: str = "textcat",
        labels: Sequence[str] = (),
        hashes: bool = False,
    ) -> ExportReport:
        """Write one line for each text, best first, and return the account.

        Parameters
        ----------
        texts : sequence of str
            Texts; for the task types image, choice and audio, addresses.
        output_path : path
            The JSONL file; gzip when it ends in `.gz`.
        task_type : str
            textcat, textcat_binary, ner, spans, relations, image, choice or audio.
        labels : sequence of str
            The options to choose from; for textcat_binary, the one label to ask about.
        hashes : bool
            Whether Prodigy's hashes are written.
        """
        kind = _kind(task_type, labels)
        tag = kind.capitalize()
        return export_tasks(
            ({"data": {kind: str(text)}} for text in texts),
            format="prodigy",
            output=Path(output_path),
            label_config=f'<View><{tag} name="{kind}" value="${kind}"/></View>',
            task_type=task_type,
            labels=tuple(labels),
            hashes=hashes,
        )


def _kind(name: str, labels: Sequence[str]) -> str:
    kind = task_type(name)
    if kind is None:
        raise OptionError("task_type is missing")
    if kind.is_binary and len(labels) != 1:
        raise OptionError("task_type textcat_binary asks about one label: give labels=[...] with one")
    return kind.kind
