"""fastembed on the weights that ours runs; in the environment of the peers, without this project.

    .venv-peers/bin/python -m benchmarks.encoders_peer FOLDER TEXTS.json

FOLDER has model.onnx and tokenizer.json. Prints CPU seconds for all texts, by batch size, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
# What it does by itself, what is commonly advised for a CPU, and one text at a time.
BATCHES = (256, 32, 1)
SETTINGS = {
    "config.json": {"pad_token_id": 0},
    "tokenizer_config.json": {"model_max_length": 256, "pad_token": "[PAD]"},
    "special_tokens_map.json": {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"},
}


def main(arguments: list[str]) -> None:
    """Encode the texts and print the figures."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import fastembed

    folder, texts = Path(arguments[0]), json.loads(Path(arguments[1]).read_text(encoding="utf-8"))
    for name, value in SETTINGS.items():
        (folder / name).write_text(json.dumps(value), encoding="utf-8")
    model = fastembed.TextEmbedding(MODEL, specific_model_path=str(folder), threads=1)
    list(model.embed(texts[:8]))
    seconds = {}
    for batch in BATCHES:
        start = time.process_time()
        first = next(iter(list(model.embed(texts, batch_size=batch))))
        seconds[batch] = time.process_time() - start
    print(json.dumps({"seconds": seconds, "first": [float(v) for v in first]}))


if __name__ == "__main__":
    main(sys.argv[1:])
