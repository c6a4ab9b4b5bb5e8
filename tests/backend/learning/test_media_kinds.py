"""What is read of sounds, videos, time series and PDFs, and what is said of files that are none."""

from __future__ import annotations

import importlib.util
import io
import json
import math
import struct
import wave
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend.learning.inputs import Reader, choose_inputs, read_values
from backend.learning.labeling_config import shown_objects
from backend.learning.vectorize import InputSpec, Unread, fetching
from backend.learning.vectorize.audio import describe as describe_sound
from backend.learning.vectorize.audio import read_sound, take_sound
from backend.learning.vectorize.containers import container_of
from backend.learning.vectorize.fetching import fetch_each
from backend.learning.vectorize.pdf import take_pdf
from backend.learning.vectorize.series import SeriesVectorizer, take_series
from backend.learning.vectorize.series import describe as describe_series
from backend.learning.vectorize.video import take_video

RATE = 16_000


def tone(hertz: float, seconds: float = 0.5, rate: int = RATE, loud: float = 0.5) -> np.ndarray:
    return loud * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def wav(samples: np.ndarray, rate: int = RATE, width: int = 2, channels: int = 1) -> bytes:
    """Return a WAV file; every channel has the samples."""
    wide = np.repeat(np.round(samples * (2**31 - 1)).astype("<i4"), channels)
    raw = wide.view(np.uint8).reshape(-1, 4)[:, 4 - width :].tobytes()
    if width == 1:
        raw = (np.repeat(samples, channels) * 127 + 128).astype(np.uint8).tobytes()
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(raw)
    return buffer.getvalue()


def encoded(samples: np.ndarray, kind: str, rate: int = RATE) -> bytes:
    soundfile = pytest.importorskip("soundfile", reason="needs clean-al[audio]")
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind)
    return buffer.getvalue()


def film(colors: list[tuple[int, int, int]], container: str = "mp4", codec: str = "mpeg4") -> bytes:
    """Return a video of a second for each color."""
    av = pytest.importorskip("av", reason="needs clean-al[video]")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as file:
        stream = file.add_stream(codec, rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for color in colors:
            for _ in range(5):
                file.mux(stream.encode(av.VideoFrame.from_image(Image.new("RGB", (64, 48), color))))
        file.mux(stream.encode())
    return buffer.getvalue()


def pdf(text: str, pages: int = 1) -> bytes:
    """Return a PDF whose pages say `text`; none at all where it is empty."""
    stream = f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode() if text else b""
    kids = " ".join(f"{4 + i} 0 R" for i in range(pages))
    page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/Contents 3 0 R/Resources<</Font<</F1 %d 0 R>>>>>>"
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {pages}>>".encode(),
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        *[(page % (4 + pages)).encode()] * pages,
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        places.append(len(out))
        out += b"%d 0 obj%s endobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    tail = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(bodies) + 1, len(out))
    return out + head + table + tail


def reason(value: Any) -> str:
    assert isinstance(value, Unread), value
    return value.reason


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let a package not be installed."""
    real = importlib.util.find_spec
    gone: set[str] = set()
    monkeypatch.setattr(fetching, "find_spec", lambda name: None if name in gone else real(name))

    def hide(package: str) -> None:
        gone.add(package)
        fetching.is_there.cache_clear()

    return hide


@pytest.fixture(autouse=True)
def _fresh_cache() -> Any:
    fetching.is_there.cache_clear()
    yield
    fetching.is_there.cache_clear()


class TestSounds:
    @pytest.mark.parametrize("width", [1, 2, 3, 4])
    @pytest.mark.parametrize("channels", [1, 2])
    def test_wav_is_read_without_any_package(self, width: int, channels: int, without: Any) -> None:
        without("soundfile")
        samples = tone(440, 0.1)
        found = read_sound(wav(samples, width=width, channels=channels))
        assert not isinstance(found, Unread)
        assert found[1] == RATE
        np.testing.assert_allclose(found[0], samples, atol=0.02 if width == 1 else 1e-4)

    @pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
    def test_all_common_kinds_sound_alike(self, kind: str) -> None:
        samples = tone(440, 1.0)
        found = take_sound(encoded(samples, kind))["sound"]
        plain = describe_sound(samples, RATE)
        # the mean of the first coefficients, that is, how loud and how bright
        np.testing.assert_allclose(found[:3], plain[:3], atol=6)

    @pytest.mark.parametrize("kind", ["FLAC", "OGG", "MP3"])
    def test_a_kind_without_its_decoder_names_the_package(self, kind: str, without: Any) -> None:
        content = encoded(tone(440), kind)
        without("soundfile")
        found = take_sound(content)
        assert reason(found) == "sound other than WAV is not read here: pip install 'clean-al[audio]'"
        assert not found.later, "it takes a package, not time"

    def test_center_crossings_and_length_are_those_of_a_tone(self) -> None:
        found = describe_sound(tone(1000, 2.0), RATE)
        center, crossings, length = found[39], found[44], found[-1]
        assert found.shape == (56,)
        assert center == pytest.approx(1.0, abs=0.05), "kHz"
        assert crossings == pytest.approx(2 * 1000 / RATE, rel=0.05)
        assert length == pytest.approx(math.log(2.0), abs=1e-6)

    def test_loudness_is_in_decibels(self) -> None:
        quiet, loud = (describe_sound(tone(500, loud=x), RATE)[-2] for x in (0.05, 0.5))
        assert loud - quiet == pytest.approx(20, abs=0.1)

    @pytest.mark.parametrize("samples", [np.zeros(RATE), np.zeros(1), np.ones(3), tone(100, 0.001)])
    def test_silence_and_the_shortest_sounds_are_described(self, samples: np.ndarray) -> None:
        assert np.isfinite(describe_sound(samples, RATE)).all()

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (wav(np.zeros(0)), "the sound is empty"),
            (wav(tone(440))[:20], "no sound that can be read"),
            (b"RIFF\x00\x00\x00\x00WAVE", "no sound"),
            (b"<!DOCTYPE html><html>", "no sound but a web page"),
            (b"%PDF-1.4", "no sound but a PDF"),
            (b"\x89PNG\r\n\x1a\n", "no sound but an image"),
            (b"#EXTM3U\nfile:///etc/passwd", "no sound"),
            (b"hello", "no sound"),
        ],
    )
    @pytest.mark.parametrize("package", ["", "soundfile"])
    def test_what_is_no_sound_says_what_it_is(
        self, content: bytes, words: str, package: str, without: Any
    ) -> None:
        without(package)
        assert words in reason(take_sound(content))

    @pytest.mark.parametrize("package", ["", "soundfile"])
    @pytest.mark.parametrize("rate", [1, 999, 1_000_001, 2**32 - 1])
    def test_a_rate_that_nobody_records_with_takes_no_memory(
        self, rate: int, package: str, without: Any
    ) -> None:
        without(package)
        content = bytearray(wav(tone(440, 0.1)))
        content[24:28] = struct.pack("<I", rate)
        said = reason(take_sound(bytes(content)))
        # soundfile itself refuses the wildest of them.
        assert "samples a second" in said or (package == "" and "no sound" in said)

    @pytest.mark.parametrize("bits", [40, 64])
    def test_samples_that_are_too_wide_are_named(self, bits: int, without: Any) -> None:
        without("soundfile")
        content = bytearray(wav(tone(440, 0.1)))
        content[32:36] = struct.pack("<HH", bits // 8, bits)
        assert "more than 32 bits" in reason(take_sound(bytes(content)))

    def test_a_header_that_claims_two_gigabytes_takes_no_memory(self, without: Any) -> None:
        content = bytearray(wav(tone(440, 0.1)))
        content[40:44] = struct.pack("<I", 2**31)
        for package in ("", "soundfile"):
            without(package)
            found = take_sound(bytes(content))
            assert isinstance(found, Unread) or len(found["sound"]) == 56

    def test_the_sound_of_a_video_is_heard(self) -> None:
        av = pytest.importorskip("av", reason="needs clean-al[video]")
        buffer = io.BytesIO()
        with av.open(buffer, "w", format="mp4") as file:
            stream = file.add_stream("aac", rate=RATE, layout="mono")
            samples = tone(440, 1.0).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate = RATE
            file.mux(stream.encode(frame))
            file.mux(stream.encode())
        found = take_sound(buffer.getvalue())["sound"]
        assert found[39] == pytest.approx(0.44, abs=0.1)
        assert reason(take_sound(film([(9, 9, 9)]))) == "the file has no sound that can be read"


class TestVideos:
    @pytest.mark.parametrize(
        ("container", "codec"),
        [("mp4", "mpeg4"), ("matroska", "mpeg4"), ("avi", "mpeg4"), ("mpegts", "mpeg2video")],
    )
    def test_pictures_are_spread_over_the_film(self, container: str, codec: str) -> None:
        content = film([(250, 0, 0), (0, 250, 0), (0, 0, 250)], container, codec)
        found = take_video(content)
        assert found.shape[1:] == (32, 32, 3)
        assert 3 <= len(found) <= 8
        assert [int(found[i].mean(axis=(0, 1)).argmax()) for i in (0, len(found) // 2, -1)] == [0, 1, 2]

    def test_films_of_other_colors_differ_and_alike_ones_are_near(self) -> None:
        films = [film([color]) for color in ((250, 0, 0), (240, 5, 5), (0, 0, 250), (5, 5, 240))]
        X = features_of(
            '<Video name="v" value="$v"/>',
            [{"v": str(i)} for i in range(4)],
            dict(zip("0123", films, strict=True)),
        )
        near, far = np.linalg.norm(X[0] - X[1]), np.linalg.norm(X[0] - X[2])
        assert near < far / 2

    def test_a_film_that_is_cut_off_is_read_as_far_as_it_goes_or_not_at_all(self) -> None:
        whole = film([(250, 0, 0), (0, 250, 0)], "matroska")
        for share in (0.1, 0.5, 0.9):
            found = take_video(whole[: int(len(whole) * share)])
            assert isinstance(found, Unread) or found.shape[1:] == (32, 32, 3)
        assert "cut off" in reason(take_video(film([(1, 2, 3)])[:200]))

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"#EXTM3U\nhttp://127.0.0.1:9/a.ts", "no video"),
            (b"ffconcat version 1.0\nfile /etc/passwd", "no video"),
            (b"<html>", "no video but a web page"),
            (b"hello", "no video"),
            (b"\x00\x00\x00\x18ftypmp42" + bytes(100), "no video"),
        ],
    )
    def test_what_is_no_video_is_never_followed(self, content: bytes, words: str) -> None:
        pytest.importorskip("av", reason="needs clean-al[video]")
        assert words in reason(take_video(content))

    def test_without_the_package_it_is_named(self, without: Any) -> None:
        without("av")
        content = b"\x00\x00\x00\x18ftypmp42"
        assert container_of(content) == "mov"
        assert reason(take_video(content)) == "video is not read here: pip install 'clean-al[video]'"


class TestPdfs:
    def test_the_text_is_read(self) -> None:
        pytest.importorskip("pypdf", reason="needs clean-al[pdf]")
        assert take_pdf(pdf("Invoice of May")) == "Invoice of May"
        assert take_pdf(pdf("x", pages=60)).split() == ["x"] * 50

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (pdf(""), r"no text (scanned pages?); put its text into the task data"),
            (b"%PDF-1.4\n%%EOF", "damaged, cut off"),
            (b"%PDF-1.4", "damaged, cut off"),
            (b"\x89PNG\r\n\x1a\n", "no PDF but an image"),
            (b"hello", "no PDF"),
        ],
    )
    def test_what_has_no_text_says_why(self, content: bytes, words: str) -> None:
        pytest.importorskip("pypdf", reason="needs clean-al[pdf]")
        assert words in reason(take_pdf(content))

    def test_without_the_package_it_is_named(self, without: Any) -> None:
        without("pypdf")
        assert reason(take_pdf(pdf("x"))) == "the text of a PDF is not read here: pip install 'clean-al[pdf]'"


def csv_of(**columns: list[Any]) -> bytes:
    rows = zip(*columns.values(), strict=True)
    return "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]).encode()


class TestTimeSeries:
    def test_a_straight_line_has_its_slope_quantiles_and_length(self) -> None:
        found = describe_series(np.arange(101.0))
        assert found.shape == (18,)
        mean, deviation, slope = found[:3]
        assert (mean, slope) == (50, 100)
        assert deviation == pytest.approx(np.sqrt(850), rel=1e-6)
        assert found[3:8].tolist() == [5, 25, 50, 75, 95]
        assert found[-1] == pytest.approx(math.log(101))
        assert found[-2] == pytest.approx(1 / 101), "it crosses its mean once"

    def test_a_wave_has_its_period_in_lags_bands_and_crossings(self) -> None:
        points = np.cos(2 * np.pi * np.arange(200) / 10)
        lag1, _, lag5, lag10 = describe_series(points)[8:12]
        assert lag1 == pytest.approx(np.cos(2 * np.pi / 10), abs=0.02)
        assert lag5 == pytest.approx(-1, abs=0.03)
        assert lag10 == pytest.approx(1, abs=0.06)
        # 0.1 of a cycle a point: above 1/32, below 1/8
        np.testing.assert_allclose(describe_series(points)[12:16], [0, 0, 1, 0], atol=1e-6)
        assert describe_series(points)[16] == pytest.approx(0.2, abs=0.01)

    @pytest.mark.parametrize("points", [[5.0], [5.0] * 9, [1.0, 2.0], [1e29, -1e29]])
    def test_the_shortest_and_the_flattest_are_described(self, points: list[float]) -> None:
        assert np.isfinite(describe_series(np.array(points))).all()

    @pytest.mark.parametrize(
        ("content", "how"),
        [
            (csv_of(time=[1, 2, 3], x=[5, 6, 8]), {"timeColumn": "time"}),
            (b"\xef\xbb\xbftime;x\r\n1;5\r\n2;6\r\n3;8\r\n", {"timeColumn": "time", "sep": ";"}),
            (b"time\tx\n1\t5\n2\t6\n3\t8", {"timeColumn": "time", "sep": "\\t"}),
            (b'{"time": [1, 2, 3], "x": [5, 6, 8]}', {"timeColumn": "time"}),
            (b'[{"time": 1, "x": 5}, {"time": 2, "x": 6}, {"time": 3, "x": "8"}]', {"timeColumn": "time"}),
            (csv_of(time=["a", "b", "c"], x=[5, 6, 8]), {}),
            (csv_of(time=[1, 2, 3, 4], x=[5, 6, "", 8], note=["a", "b", "c", "d"]), {"timeColumn": "time"}),
        ],
    )
    def test_csv_and_json_give_the_same_channels(self, content: bytes, how: dict[str, str]) -> None:
        found = take_series(content, how)
        assert list(found) == ["x"]
        np.testing.assert_array_equal(found["x"], describe_series(np.array([5.0, 6, 8])))

    def test_halves_of_characters_in_the_task_data_are_passed_over(self) -> None:
        fields = ("$s", "valueType=json")
        (found,) = SeriesVectorizer.read(fields, [{"s": "a,b\ud800\n1,2\n3,5\n"}], lambda _: b"")
        assert list(found) == ["a", "b?"]

    def test_columns_without_names_are_named_by_their_places(self) -> None:
        assert list(take_series(b"1,5,7\n2,6,7\n", {"timeColumn": "0"})) == ["1", "2"]

    @pytest.mark.parametrize(
        ("content", "how", "words"),
        [
            (csv_of(when=[1, 2], x=[5, 6]), {"timeColumn": "time"}, "no column 'time', which `timeColumn`"),
            (b'{"x": [1, 2]}', {"timeColumn": "time"}, "no column 'time'"),
            (csv_of(time=[1, 2]), {"timeColumn": "time"}, "no column of numbers"),
            (b"some words", {}, "no column of numbers"),
            (b'{"x": [1, 2', {}, "neither CSV nor JSON"),
            (b"[" * 100_000, {}, "neither CSV nor JSON"),
            (b"\x89PNG\r\n\x1a\n\x00", {}, "no CSV or JSON but an image"),
            (b"a,b\n\x00", {}, "no CSV or JSON"),
        ],
    )
    def test_what_is_no_series_says_why(self, content: bytes, how: dict[str, str], words: str) -> None:
        assert words in reason(take_series(content, how))

    def test_it_stands_in_the_data_or_at_an_address(self) -> None:
        columns = {"t": [1, 2, 3], "x": [5, 6, 8]}
        by_address = '<TimeSeries name="s" value="$s" timecolumn="t"><Channel column="x"/></TimeSeries>'
        inline = by_address.replace("value=", 'valueType="json" value=')
        files = {"/data/a.csv": csv_of(**columns)}
        at, lies, text = (
            read(by_address, [{"s": "/data/a.csv"}, {"s": columns}, {"s": ""}], files),
            read(inline, [{"s": columns}], {}),
            read(inline, [{"s": json.dumps(columns)}], {}),
        )
        for found in (at[0], at[1], lies[0], text[0]):
            np.testing.assert_array_equal(found["x"], describe_series(np.array([5.0, 6, 8])))
        assert at[2] == Unread("")


def read(objects: str, data: list[dict[str, Any]], files: dict[str, bytes]) -> list[Any]:
    (inputs,) = choose_inputs(shown_objects(f"<View>{objects}</View>"), data)
    return read_values((inputs,), data, files.__getitem__)[0]


def features_of(objects: str, data: list[dict[str, Any]], files: dict[str, bytes]) -> np.ndarray:
    inputs = choose_inputs(shown_objects(f"<View>{objects}</View>"), data)
    values = read_values(inputs, data, files.__getitem__)
    features = Reader.fitted(inputs, values, seed=0).transform(values)
    assert features.readable.all()
    return features.X.toarray() if hasattr(features.X, "toarray") else features.X


def test_each_object_has_its_kind_and_several_stand_side_by_side() -> None:
    config = (
        '<View><Audio name="a" value="$a"/><Video name="v" value="$v"/><Pdf name="p" value="$p"/>'
        '<TimeSeries name="s" value="$s" timeColumn="t" sep=";"/><Text name="t" value="$t"/>'
        '<AudioPlus name="b" value="$b"/></View>'
    )
    inputs = choose_inputs(shown_objects(config), [{"n": 1}])
    assert inputs == (
        InputSpec("video", ("$v",)),
        InputSpec("audio", ("$a",)),
        InputSpec("audio", ("$b",)),
        InputSpec("time series", ("$s", "timeColumn=t", "sep=;")),
        InputSpec("pdf", ("$p",)),
        InputSpec("text", ("$t",)),
    )


def test_a_reader_fitted_on_nothing_says_that_more_was_read_later() -> None:
    inputs = (InputSpec("audio", ("$a",)),)
    empty = Reader.fitted(inputs, [[Unread("no package", later=True)] * 3], seed=0)
    features = empty.transform([[take_sound(wav(tone(440)))] * 3])
    assert features.gaps is not None
    assert features.gaps.n_read == [3]


class Late(Exception):
    """As the queue's own, which ends a round that takes too long."""


@pytest.mark.parametrize("error", [ValueError("text"), struct.error("x"), MemoryError(), RecursionError("x")])
def test_what_nobody_thought_of_in_one_file_is_no_matter_of_the_others(error: Exception) -> None:
    def download(address: str) -> bytes:
        if address == "a":
            raise error
        return address.encode()

    def take(content: bytes) -> str:
        if content == b"b":
            raise error
        return content.decode()

    one, two, three = fetch_each(["a", "b", "c"], download, take)
    kind, passing = type(error).__name__, isinstance(error, MemoryError)
    assert one == Unread(f"fetching the file failed ({kind}): please report it", passing)
    assert two == Unread(f"reading the file failed ({kind}): please report it", passing)
    assert three == "c"


def test_a_round_that_is_ended_for_taking_too_long_is_ended() -> None:
    def download(address: str) -> bytes:
        raise Late

    with pytest.raises(Late):
        fetch_each(["a"], download, bytes.decode)
