"""The model hub: one file of a pinned revision, fetched once, checked before it is kept; nothing at import.

Plain HTTP in place of the hub's own library, which without a network tries for half a minute.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.request import Request, urlopen

from clean_al.encoders.errors import EncoderError, EncoderMissing, EncoderRefused
from clean_al.encoders.model import Model, Source, translated
from clean_al.encoders.sources.minilm import minilm
from clean_al.encoders.weights import BLOCK, Weights, read_weights

TIMEOUT = 10.0


@dataclass(frozen=True)
class Hosted:
    """One file of one revision of a repository on the hub; size in bytes."""

    repository: str
    file: str
    revision: str
    sha256: str
    size: int
    opened: Callable[[Weights, int], Model]

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"{self.repository} ({self.file})"


HOSTED: dict[str, Hosted] = {
    # float32; Apache-2.0.
    "text": Hosted(
        "sentence-transformers/all-MiniLM-L6-v2",
        "onnx/model.onnx",
        "1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
        "6fd5d72fe4589f189f8ebc006442dbb529bb7ce38f8082112682524616046452",
        90_405_214,
        lambda weights, threads: minilm("minilm-l6", weights, threads),
    ),
}


def open_from_hub(kind: str, name: str, threads: int) -> Model:
    """The pinned model of this kind; HF_ENDPOINT, HF_HOME and HF_HUB_OFFLINE mean what they always mean."""
    hosted = HOSTED.get(kind)
    if hosted is None:
        raise EncoderMissing(f"no model of {kind}s is pinned for download")
    return hosted.opened(_kept(hosted) or _fetched(hosted), threads)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))


def _own_place(hosted: Hosted) -> Path:
    return _cache() / "clean-al" / "encoders" / f"{hosted.sha256}.onnx"


def _kept(hosted: Hosted) -> Weights | None:
    """The file as it is in our cache or in the hub's own; None where it is in neither, or damaged."""
    home = Path(os.environ.get("HF_HOME") or _cache() / "huggingface")
    folder = "models--" + hosted.repository.replace("/", "--")
    theirs = home / "hub" / folder / "snapshots" / hosted.revision / hosted.file
    for path in (_own_place(hosted), theirs):
        # Missing or damaged is the same here: the next place is tried, then the hub.
        with suppress(EncoderError):
            return read_weights(path, hosted.label, hosted.sha256)
    return None


def _fetched(hosted: Hosted) -> Weights:
    path = _own_place(hosted)
    with translated(EncoderMissing, f"the model hub does not give {hosted.label}"):
        _fetch(hosted, path)
    return read_weights(path, hosted.label, hosted.sha256)


def _fetch(hosted: Hosted, path: Path) -> None:
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "TRUE", "YES", "ON"}:
        raise EncoderMissing(f"HF_HUB_OFFLINE is set, and {hosted.repository} is not in the cache")
    endpoint = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    if not endpoint.startswith(("https://", "http://")):
        raise EncoderMissing("HF_ENDPOINT must be an address such as https://huggingface.co")
    path.parent.mkdir(parents=True, exist_ok=True)
    address = f"{endpoint}/{hosted.repository}/resolve/{hosted.revision}/{hosted.file}"
    request = Request(address, headers={"User-Agent": "clean-al"})  # noqa: S310  checked above
    # Beside its place, so that the rename is atomic and several workers may fetch at once.
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
        try:
            with urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
                _copy_checked(answer, part, hosted)
            part.close()
            os.replace(part.name, path)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise


def _copy_checked(answer: IO[bytes], part: IO[bytes], hosted: Hosted) -> None:
    whole, size = hashlib.sha256(), 0
    while block := answer.read(BLOCK):
        whole.update(block)
        size += len(block)
        # Longer than it should be: there is no need to fill the disk to know that it is another file.
        if size > hosted.size:
            break
        part.write(block)
    if size != hosted.size or whole.hexdigest() != hosted.sha256:
        raise EncoderRefused(
            f"the model hub gave another {hosted.label} than the one with checksum "
            f"sha256:{hosted.sha256[:16]}...: it is not kept"
        )


HUB = Source("hub", lambda setting: "hub" if setting.lower() == "hub" else None, open_from_hub)
