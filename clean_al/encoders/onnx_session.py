"""onnxruntime sessions from bytes: one core, no code, a clear refusal."""

from __future__ import annotations

import os
from typing import Any

from clean_al.encoders.errors import EncoderRefused
from clean_al.encoders.model import imported, translated
from clean_al.encoders.weights import Weights


def silence_telemetry() -> None:
    """Keeps onnxruntime (1.29 and later) from reporting each model it loads to its makers.

    It reads the variable once, as it is imported. A value of the user's own stands.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def open_session(weights: Weights, threads: int) -> Any:
    """An onnxruntime session on the CPU.

    Raises
    ------
    EncoderMissing
        onnxruntime is not installed.
    EncoderRefused
        The bytes are no model that it can run.
    """
    silence_telemetry()
    runtime = imported("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Lengths differ from batch to batch: a memory plan for each of them would be kept for nothing.
    options.enable_mem_pattern = False
    options.log_severity_level = 4
    # Threads that wait must not burn the core on which annotators are served.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    refusal = f"{weights.name} is no ONNX model that onnxruntime runs (truncated, or of another kind)"
    with translated(EncoderRefused, refusal):
        return runtime.InferenceSession(weights.data, options, providers=["CPUExecutionProvider"])


def run(session: Any, name: str, inputs: dict[str, Any]) -> Any:
    """The first output of the model for these inputs."""
    with translated(EncoderRefused, f"{name} fails on its input"):
        return session.run([session.get_outputs()[0].name], inputs)[0]


def rows_depend_on_batch(weights: Weights) -> bool:
    """Whether the model takes the scale of its activations from all items of a batch together."""
    return b"DynamicQuantizeLinear" in weights.data
