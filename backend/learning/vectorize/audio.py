"""Sounds by their spectrum: what is loud, high, steady or noisy, and for how long."""

from __future__ import annotations

import io
import wave
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.fft import dct

from backend.learning.vectorize.base import Download, look_up
from backend.learning.vectorize.containers import container_of, decoded_sound
from backend.learning.vectorize.described import DescribedVectorizer
from backend.learning.vectorize.fetching import ANEW, fetch_each, is_there, missing, no_such
from backend.learning.vectorize.gaps import Unread

MAX_SECONDS = 120
# Samples in a second: bats are recorded at some 500,000. A damaged head may say four thousand millions, which
# would make a frame of 25 ms fill the memory.
LOWEST_RATE, HIGHEST_RATE = 1000, 1_000_000
# Of all channels together: silence that is packed well would else be gigabytes.
MOST_SAMPLES = 2**25
# Short enough that a voice does not change within one.
FRAME_SECONDS = 0.025
BANDS, CEPSTRA = 26, 13
LOWEST, HIGHEST = 50.0, 7600.0
FLOOR = 1e-10
# What is softer in a band is the noise of rounding and of lossy compression.
BAND_FLOOR = 1e-4

# Mono samples between -1 and 1, and how many there are in a second.
Sound = tuple[np.ndarray, int]
STRANGE_RATE = Unread(
    f"the sound has fewer than {LOWEST_RATE:,} or more than {HIGHEST_RATE:,} samples a second; {ANEW}"
)


class AudioVectorizer(DescribedVectorizer):
    """Mel cepstra, spectral shape, loudness and length of a sound's first two minutes, standardized.

    Of frames of 25 ms: mean and deviation of 13 mel-frequency cepstral coefficients and the deviation of
    their changes; mean and deviation of the spectrum's center, width, roll-off and flatness, of how much it
    changes, of the rate of zero crossings and of the loudness in decibels; the share of frames 40 dB below
    the loudest; the largest loudness; the logarithm of the length.

    References
    ----------
    Davis and Mermelstein, Comparison of parametric representations for monosyllabic word recognition, 1980.
    """

    KIND = "audio"
    TAGS = frozenset({"Audio", "AudioPlus"})

    @classmethod
    def read(
        cls, fields: tuple[str, ...], data: Sequence[Mapping[str, Any]], download: Download
    ) -> list[Any]:
        return fetch_each([look_up(d, fields[0]) for d in data], download, take_sound)


def take_sound(content: bytes) -> Any:
    """Return the description of a sound file; an `Unread` where it holds none."""
    sound = read_sound(content)
    if isinstance(sound, Unread):
        return sound
    samples, rate = sound
    if not len(samples):
        return Unread(f"the sound is empty; {ANEW}")
    return {"sound": describe(np.nan_to_num(samples), rate)}


def read_sound(content: bytes) -> Sound | Unread:
    """Return the beginning of a sound file: WAV always, others with the packages for it."""
    # soundfile reads Ogg by itself, without the larger package.
    if container_of(content) not in ("", "ogg"):
        return decoded_sound(content, MAX_SECONDS)
    if is_there("soundfile"):
        return _by_soundfile(content)
    if content[:4] == b"RIFF":
        return _by_wave(content)
    if content[:4] in (b"OggS", b"fLaC") or content[:3] == b"ID3" or content[:1] == b"\xff":
        return missing("soundfile", "sound other than WAV")
    return no_such("sound", content)


def describe(samples: np.ndarray, rate: int) -> np.ndarray:
    """Return the features of a sound; shape (56,), float32."""
    frames = _frames(samples, rate)
    power = np.abs(np.fft.rfft(frames * np.hanning(frames.shape[1]), axis=1)) ** 2
    mel = np.log(power @ _mel_bands(rate, frames.shape[1]).T + BAND_FLOOR)
    cepstra = dct(mel, type=2, axis=1, norm="ortho")[:, :CEPSTRA]
    loudness = 10 * np.log10(np.square(frames).mean(axis=1) + FLOOR)
    crossings = (np.diff(np.signbit(frames), axis=1) != 0).mean(axis=1)
    curves = np.column_stack([_shape(power, rate), crossings, loudness])
    return np.concatenate(
        [
            cepstra.mean(axis=0),
            cepstra.std(axis=0),
            np.diff(cepstra, axis=0, prepend=cepstra[:1]).std(axis=0),
            curves.mean(axis=0),
            curves.std(axis=0),
            [(loudness < loudness.max() - 40).mean(), loudness.max(), np.log(len(samples) / rate)],
        ]
    ).astype(np.float32)


def _shape(power: np.ndarray, rate: int) -> np.ndarray:
    """Return center, width and roll-off (in kHz), flatness and change of each frame's spectrum."""
    frequency = np.linspace(0, rate / 2000, power.shape[1])
    share = power / (power.sum(axis=1, keepdims=True) + FLOOR)
    center = share @ frequency
    width = np.sqrt(np.maximum(share @ frequency**2 - center**2, 0))
    rolloff = frequency[np.minimum((np.cumsum(share, axis=1) < 0.85).sum(axis=1), len(frequency) - 1)]
    flatness = np.exp(np.log(power + FLOOR).mean(axis=1)) / (power.mean(axis=1) + FLOOR)
    change = np.abs(np.diff(share, axis=0, prepend=share[:1])).sum(axis=1)
    return np.column_stack([center, width, rolloff, flatness, change])


def _frames(samples: np.ndarray, rate: int) -> np.ndarray:
    """Return overlapping frames, at least one; shape (n_frames, n_samples)."""
    # A power of two, which the Fourier transform takes quickest.
    size = 2 ** int(np.ceil(np.log2(FRAME_SECONDS * rate)))
    padded = np.pad(samples.astype(np.float64), (0, max(0, size - len(samples))))
    return np.lib.stride_tricks.sliding_window_view(padded, size)[:: size // 2]


@lru_cache(maxsize=16)
def _mel_bands(rate: int, size: int) -> np.ndarray:
    """Return triangular bands, evenly spaced as the ear hears: shape (26, n_frequencies)."""
    lowest, highest = (2595 * np.log10(1 + f / 700) for f in (LOWEST, HIGHEST))
    edges = 700 * (10 ** (np.linspace(lowest, highest, BANDS + 2) / 2595) - 1)
    frequency = np.linspace(0, rate / 2, size // 2 + 1)[None, :]
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (frequency - low) / (middle - low), (high - frequency) / (high - middle)
    return np.clip(np.minimum(rising, falling), 0, None)


def _by_soundfile(content: bytes) -> Sound | Unread:
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            rate = int(file.samplerate)
            if not LOWEST_RATE <= rate <= HIGHEST_RATE:
                return STRANGE_RATE
            n = min(MAX_SECONDS * rate, MOST_SAMPLES // file.channels)
            return file.read(n, dtype="float32", always_2d=True).mean(axis=1), rate
    except Exception:  # noqa: BLE001  any decoder may fail in its own way on a damaged file
        return no_such("sound", content)


def _by_wave(content: bytes) -> Sound | Unread:
    try:
        with wave.open(io.BytesIO(content)) as file:
            rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            if not LOWEST_RATE <= rate <= HIGHEST_RATE:
                return STRANGE_RATE
            if width > 4:
                return Unread("the sound has samples of more than 32 bits; save it with 16 or 24")
            raw = file.readframes(min(file.getnframes(), MAX_SECONDS * rate, MOST_SAMPLES // channels))
    except (wave.Error, EOFError, ValueError):
        return no_such("sound", content)
    # A file that is cut off may end within a sample.
    raw = raw[: len(raw) // (width * channels) * width * channels]
    if width == 1:
        samples = (np.frombuffer(raw, dtype=np.uint8).astype(np.float32) - 128) / 128
    else:
        # 24 bits have no type of their own: the high bytes of 32.
        wide = np.zeros((len(raw) // width, 4), dtype=np.uint8)
        wide[:, 4 - width :] = np.frombuffer(raw, dtype=np.uint8).reshape(-1, width)
        samples = wide.view("<i4").ravel().astype(np.float32) / 2**31
    return samples.reshape(-1, channels).mean(axis=1), rate
