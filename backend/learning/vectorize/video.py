"""Videos by some of their pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from backend.learning.vectorize.base import Download, ObjectTag, look_up
from backend.learning.vectorize.containers import decoded_frames
from backend.learning.vectorize.fetching import fetch_each
from backend.learning.vectorize.gaps import Unread
from backend.learning.vectorize.image import MAX_PIXELS, SIDE, ImageVectorizer

FRAMES = 8


class VideoVectorizer(ImageVectorizer):
    """The mean of the image features of up to 8 key frames, spread over the video."""

    KIND = "video"
    ENCODED_AS = ""

    @classmethod
    def fields_in(
        cls, shown: Sequence[ObjectTag], sample: Sequence[Mapping[str, Any]], named: Sequence[str]
    ) -> list[tuple[str, ...]]:
        return [(o.value.text,) for o in shown if o.tag == "Video"]

    @classmethod
    def read(
        cls, fields: tuple[str, ...], data: Sequence[Mapping[str, Any]], download: Download
    ) -> list[Any]:
        return fetch_each([look_up(d, fields[0]) for d in data], download, take_video)


def take_video(content: bytes) -> Any:
    """Return pictures of a video, shape (n_frames, 32, 32, 3); an `Unread` where it holds none."""
    frames = decoded_frames(content, FRAMES, MAX_PIXELS)
    if isinstance(frames, Unread):
        return frames
    return np.stack(
        [np.asarray(f.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)) for f in frames]
    )
