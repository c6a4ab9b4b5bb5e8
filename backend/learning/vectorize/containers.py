"""Decodes videos and their sounds; only containers that hold all they need."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from backend.learning.vectorize.fetching import is_there, missing, no_such
from backend.learning.vectorize.gaps import Unread

SOUND_RATE = 16_000
# Frames decoded one by one where a video has too few key frames.
MOST_FRAMES = 300
MOST_KEY_FRAMES = 200
_BEGINNINGS = {
    b"\x1a\x45\xdf\xa3": "matroska",
    b"OggS": "ogg",
    b"FLV\x01": "flv",
    b"\x00\x00\x01\xba": "mpeg",
}


def container_of(content: bytes) -> str:
    """Return FFmpeg's name of the container; empty for one that is not decoded.

    A playlist is a container too, for FFmpeg, and would make it fetch what the list names: so the kind of
    file is found here, and FFmpeg is told it.
    """
    if content[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        return "mov"
    if content[:4] == b"RIFF" and content[8:12] == b"AVI ":
        return "avi"
    if content[:4] in _BEGINNINGS:
        return _BEGINNINGS[content[:4]]
    # Packets of 188 bytes, each beginning with a G: one G alone could begin any text.
    return "mpegts" if content[:1] == b"G" and content[188:189] == b"G" else ""


def decoded_frames(content: bytes, n: int, max_pixels: int) -> list[Any] | Unread:
    """Return up to `n` pictures of a video, its key frames where there are enough, spread over its length."""
    container = container_of(content)
    if not container:
        return no_such("video", content)
    if not is_there("av"):
        return missing("av", "video")
    try:
        with _opened(content, container) as file:
            if not file.streams.video:
                return Unread(
                    "the video has no pictures that can be read (cut off, or sound alone); put it there anew"
                )
            stream = file.streams.video[0]
            if stream.width * stream.height > max_pixels:
                return Unread(f"the video's pictures have more than {max_pixels:,} pixels; shrink it")
            # Key frames stand by themselves: a film of hours is looked at in seconds.
            stream.codec_context.skip_frame = "NONKEY"
            frames = list(islice(_pictures(file, stream), MOST_KEY_FRAMES))
        # Some encoders set a key frame at the start alone; then all are decoded, up to a number.
        if len(frames) < n:
            with _opened(content, container) as file:
                frames = list(islice(_pictures(file, file.streams.video[0]), MOST_FRAMES)) or frames
    except Exception:  # noqa: BLE001  any decoder may fail in its own way on a damaged file
        return no_such("video", content)
    return [frames[i] for i in _spread(len(frames), n)] or no_such("video", content)


def decoded_sound(content: bytes, seconds: int) -> tuple[np.ndarray, int] | Unread:
    """Return the beginning of a container's sound as mono samples, and its rate."""
    if not is_there("av"):
        return missing("av", "sound in a video container")
    import av

    parts: list[np.ndarray] = []
    n_samples = 0
    try:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SOUND_RATE)
        with _opened(content, container_of(content)) as file:
            if not file.streams.audio:
                return Unread("the file has no sound that can be read")
            for frame in file.decode(file.streams.audio[0]):
                parts += [made.to_ndarray().ravel() for made in resampler.resample(frame)]
                n_samples += frame.samples * SOUND_RATE // max(frame.sample_rate, 1)
                if n_samples >= seconds * SOUND_RATE:
                    break
    except Exception:  # noqa: BLE001  any decoder may fail in its own way on a damaged file
        if not parts:
            return no_such("sound", content)
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32), SOUND_RATE


def _opened(content: bytes, container: str) -> Any:
    import av

    # No protocol at all: what a file refers to outside itself is not opened, on this machine or elsewhere.
    return av.open(io.BytesIO(content), format=container, options={"protocol_whitelist": "none"})


def _pictures(file: Any, stream: Any) -> Iterator[Any]:
    """Yield small pictures; a video that is cut off ends where it is cut."""
    from av.error import FFmpegError

    try:
        for frame in file.decode(stream):
            # Shrunk at once: a few hundred pictures of full size would not fit into memory.
            scale = min(1.0, 256 / max(frame.width, frame.height, 1))
            size = (max(1, round(frame.width * scale)), max(1, round(frame.height * scale)))
            yield frame.to_image(width=size[0], height=size[1])
    except FFmpegError:
        return


def _spread(length: int, n: int) -> list[int]:
    return sorted({int(i) for i in np.linspace(0, length - 1, min(n, length)).round()}) if length else []
