"""Annotations and queues, written for Label Studio, CVAT and Prodigy."""

from exporters.convert import convert, export_tasks
from exporters.errors import (
    ExportDefect,
    ExportError,
    InputError,
    LossError,
    OptionError,
    OutputError,
    WorkerError,
)
from exporters.formats import FORMATS
from exporters.label_studio.make_config import TYPES as LABEL_CONFIG_TYPES
from exporters.report import ExportReport
from exporters.samples import CVATExporter, LabelStudioExporter, ProdigyExporter

__all__ = [
    "FORMATS",
    "LABEL_CONFIG_TYPES",
    "CVATExporter",
    "ExportDefect",
    "ExportError",
    "ExportReport",
    "InputError",
    "LabelStudioExporter",
    "LossError",
    "OptionError",
    "OutputError",
    "ProdigyExporter",
    "WorkerError",
    "convert",
    "export_tasks",
]
