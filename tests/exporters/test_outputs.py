"""Where an export goes: files whole or not at all, streams written into, nothing in the place of anything."""

import gzip
import json
import os
import resource
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from exporters import InputError, LossError, OptionError, OutputError, convert, export_tasks
from exporters.files import Outputs, is_standard_output, is_stream
from exporters.inputs import open_input, read_label_config

BOX = {
    "type": "rectanglelabels",
    "original_width": 100,
    "original_height": 50,
    "value": {"x": 10, "y": 20, "width": 30, "height": 40, "rectanglelabels": ["car"]},
}
TASK = {"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"result": [BOX]}]}
SPAN = '<box label="car" source="manual" occluded="0" xtl="10.00" ytl="10.00" xbr="40.00" ybr="30.00"'


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.json"
    path.write_text(json.dumps([TASK]))
    return path


def run(*arguments, **options):
    command = [sys.executable, "-m", "backend.cli", "convert", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=120, check=False, **options)


# Streams


def test_a_pipe_is_written_into_and_stays_a_pipe(source, tmp_path):
    pipe = tmp_path / "p"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    report = convert(source, pipe, to_format="cvat")
    reader.join(30)
    assert SPAN in got[0].decode()
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.json", "p"]
    assert "not written beside a stream: labels, image list, sources" in report.notes[0]


def test_a_device_is_written_into_and_stays_a_device(source):
    convert(source, "/dev/null", to_format="prodigy")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    with pytest.raises(OutputError, match=r"/dev/full: cannot be written \(No space left on device"):
        convert(source, "/dev/full", to_format="prodigy")
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def test_a_link_to_a_device_is_followed(source, tmp_path):
    (tmp_path / "o.xml").symlink_to("/dev/null")
    convert(source, tmp_path / "o.xml")
    assert os.readlink(tmp_path / "o.xml") == "/dev/null"
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_link_to_a_file_stays_a_link(source, tmp_path):
    (tmp_path / "real.xml").write_text("old")
    (tmp_path / "o.xml").symlink_to("real.xml")
    convert(source, tmp_path / "o.xml")
    assert (tmp_path / "o.xml").is_symlink()
    assert SPAN in (tmp_path / "real.xml").read_text()


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"])
def test_standard_output_gets_the_data_and_standard_error_the_report(source, name):
    done = run(source, name, "--to", "prodigy")
    assert json.loads(done.stdout)["spans"][0]["label"] == "car"
    assert b"carried        1  box" in done.stderr
    assert done.returncode == 0


def test_standard_output_that_is_a_file_is_continued_where_it_stands(source, tmp_path):
    with (tmp_path / "log.txt").open("wb") as file:
        file.write(b"before\n")
        file.flush()
        command = [sys.executable, "-m", "backend.cli", "convert", source, "/dev/stdout", "--to", "prodigy"]
        subprocess.run(command, stdout=file, stderr=subprocess.DEVNULL, timeout=120, check=True)
    first, second = (tmp_path / "log.txt").read_bytes().splitlines()
    assert first == b"before"
    assert json.loads(second)["image"] == "a.jpg"


@pytest.mark.parametrize("packed", [False, True])
def test_a_dash_reads_standard_input(tmp_path, packed):
    data = json.dumps([TASK]).encode()
    done = run("-", tmp_path / "o.xml", input=gzip.compress(data) if packed else data)
    assert done.returncode == 0, done.stderr
    assert SPAN in (tmp_path / "o.xml").read_text()


def test_errors_in_standard_input_name_it():
    done = run("-", "-", "--to", "cvat", input=b"neither")
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.startswith(b"clean-al: standard input: the format cannot be told from it")


def test_a_pipe_is_read_like_a_file(tmp_path):
    os.mkfifo(tmp_path / "p")
    lines = b"".join(b'{"text": "%d", "label": "L", "answer": "accept"}\n' % n for n in range(5000))
    writer = threading.Thread(target=lambda: (tmp_path / "p").write_bytes(lines))
    writer.start()
    report = convert(tmp_path / "p", tmp_path / "o.json")
    writer.join(30)
    assert report.items == 5000


def test_a_reader_that_goes_away_is_no_error_to_tell(source, tmp_path):
    (tmp_path / "many.json").write_text(json.dumps([TASK] * 20_000))
    command = f"{sys.executable} -m backend.cli convert many.json - --to cvat --json | head -c 10"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=_env(), capture_output=True, timeout=120, check=False
    )
    assert done.stdout == b"<?xml vers"
    assert done.stderr == b""


def _env():
    root = Path(__file__).parents[2]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])}


def test_strict_sends_nothing_into_a_stream(tmp_path):
    (tmp_path / "in.json").write_text(json.dumps([TASK, {"data": {"text": "no place in CVAT"}}]))
    done = run(tmp_path / "in.json", "-", "--to", "cvat", "--strict")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"clean-al: strict: nothing was written")
    assert b"Traceback" not in done.stderr


def test_what_needs_several_files_is_refused_on_a_stream(tmp_path):
    sound = {
        "data": {"audio": "a.wav"},
        "annotations": [{"result": [{"type": "labels", "value": {"start": 0.5, "end": 1, "labels": ["x"]}}]}],
    }
    with pytest.raises(OptionError, match="is a stream, and there are several files to write"):
        export_tasks([sound], format="cvat", output="/dev/null", label_config="")


# Names


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz", "out.txt", "out.json", "out.jsonl", "out.v2"])
def test_another_suffix_is_an_error_that_names_the_formats(tmp_path, name):
    with pytest.raises(OptionError, match=r"\.xml \(cvat\), \.jsonl \(prodigy\), \.json \(label-studio\)"):
        export_tasks([TASK], format="cvat", output=tmp_path / name, label_config="")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out", "out.XML", "out.xml.GZ", "out.gz"])
def test_the_own_suffix_or_none_is_fine(tmp_path, name):
    export_tasks([TASK], format="cvat", output=tmp_path / name, label_config="", sidecars=False)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_unknown_suffix_needs_a_format_and_says_which(source, tmp_path):
    with pytest.raises(OptionError, match=r"out.csv: say its format; valid: cvat, prodigy, label-studio"):
        convert(source, tmp_path / "out.csv")


def test_a_missing_folder_is_told_before_the_work(tmp_path):
    def tasks():
        raise AssertionError("nothing is read")
        yield

    for output in (tmp_path / "no" / "o.xml", tmp_path / "file" / "o.xml", tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(OutputError, match=r"no such folder; make it first|is a folder"):
            export_tasks(tasks(), format="cvat", output=output, label_config="")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["x" * 300 + ".xml", "nul\0.xml", "\u00e9" * 130 + ".xml"])
def test_a_name_that_no_file_can_have_is_told_before_the_work(tmp_path, name):
    with pytest.raises(OutputError, match="cannot be written"):
        export_tasks([TASK], format="cvat", output=tmp_path / name, label_config="")
    assert list(tmp_path.iterdir()) == []


def test_the_longest_name_can_be_written(tmp_path):
    name = "x" * 251 + ".xml"
    export_tasks([TASK], format="cvat", output=tmp_path / name, label_config="", sidecars=False)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_no_companion_is_written_over_the_input(tmp_path):
    source = tmp_path / "a.labels.json"
    source.write_text(json.dumps([TASK]))
    with pytest.raises(OptionError, match=r"a.labels.json: is the input"):
        convert(source, tmp_path / "a.xml")
    assert json.loads(source.read_text()) == [TASK]
    assert [path.name for path in tmp_path.iterdir()] == ["a.labels.json"]


def test_the_input_is_no_output_by_any_name(source, tmp_path):
    (tmp_path / "link.json").symlink_to(source)
    os.link(source, tmp_path / "hard.json")
    for name in ("in.json", "link.json", "hard.json", "../" + tmp_path.name + "/in.json"):
        with pytest.raises(OptionError, match="is the input"):
            convert(source, tmp_path / name, to_format="label-studio")
    assert json.loads(source.read_text()) == [TASK]


def video(name):
    key = {"frame": 1, "enabled": True, "x": 1, "y": 1, "width": 5, "height": 5, "rotation": 0}
    value = {"sequence": [key], "framesCount": 9, "labels": ["car"]}
    result = {"type": "videorectangle", "value": value, "original_width": 100, "original_height": 100}
    return {"data": {"video": name}, "annotations": [{"result": [result]}]}


def test_each_video_has_a_name_of_its_own_beside_the_main_document(tmp_path):
    """The second video's document would else be a.b.xml, which is the main one."""
    names = ["b.mp4", "b.avi", "x/b.mp4", "B.mov"]
    tasks = [TASK, *map(video, names)]
    report = export_tasks(tasks, format="cvat", output=tmp_path / "a.b.xml", label_config="", sidecars=False)
    assert len(report.files) == len({name.casefold() for name in report.files}) == 5
    assert SPAN in (tmp_path / "a.b.xml").read_text()
    assert report.carried == {"box": 1, "track": 4}


def test_two_files_of_one_name_are_refused(tmp_path):
    outputs = Outputs()
    outputs.open(tmp_path / "a.xml")
    with pytest.raises(OptionError, match="two files of this export have this name"):
        outputs.open(tmp_path / "A.xml")
    outputs.discard()
    assert list(tmp_path.iterdir()) == []


# Failures


LIMITED = """
import sys, exporters
tasks = ({"data": {"text": "x" * 1000 + str(n)}} for n in range(1000))
try:
    exporters.export_tasks(tasks, format=sys.argv[1], output=sys.argv[2], label_config="<View/>")
except exporters.OutputError as error:
    print(error)
"""


@pytest.mark.parametrize(("fmt", "name"), [("prodigy", "o.jsonl"), ("label-studio", "o.json.gz")])
def test_a_full_disk_is_named_and_the_old_file_stands(tmp_path, fmt, name):
    (tmp_path / name).write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, fmt, str(tmp_path / name)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
        env={**_env(), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == f"{tmp_path / name}: cannot be written (File too large)\n", done.stderr
    assert (tmp_path / name).read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_body_of_a_cvat_document_fills_the_disk_just_as_well(tmp_path):
    code = LIMITED.replace('{"text": "x" * 1000 + str(n)}', '{"image": "x" * 1000 + str(n)}')
    (tmp_path / "o.xml").write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", code, "cvat", str(tmp_path / "o.xml")],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
        env={**_env(), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "cannot be written (File too large)" in done.stdout, done.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"o.xml": b"old"}


def test_a_replaced_file_keeps_its_mode(source, tmp_path):
    (tmp_path / "o.xml").touch(0o600)
    convert(source, tmp_path / "o.xml")
    assert stat.S_IMODE((tmp_path / "o.xml").stat().st_mode) == 0o600


def test_strict_leaves_the_old_file(tmp_path):
    (tmp_path / "o.xml").write_text("old")
    with pytest.raises(LossError):
        export_tasks(
            [{"data": {"text": "a"}}], format="cvat", output=tmp_path / "o.xml", label_config="", strict=True
        )
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"o.xml": "old"}


# Inputs


def test_a_damaged_gzip_file_is_named_whatever_is_wrong_with_it(tmp_path):
    packed = gzip.compress(json.dumps([TASK] * 50).encode())
    damages = {
        "crc.json.gz": packed[:-8] + bytes(4) + packed[-4:],
        "length.json.gz": packed[:-4] + bytes(4),
        "middle.json.gz": packed[:30] + bytes(20) + packed[50:],
        "cut.json.gz": packed[:40],
        "head.json.gz": packed[:5],
        "tail.json.gz": packed + b"tail",
    }
    for name, data in damages.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=f"^{name}: the compressed file is damaged or cut short"):
            convert(tmp_path / name, tmp_path / "o.xml")
    assert not (tmp_path / "o.xml").exists()


@pytest.mark.parametrize("start", [b"[", b'[{"data": {"text": "', b"{}\n"])
def test_a_decompression_bomb_is_refused(tmp_path, start):
    with gzip.open(tmp_path / "bomb.json.gz", "wb", compresslevel=9) as file:
        file.write(start)
        for _ in range(300):
            file.write(b" " * (1 << 20))
    with pytest.raises(InputError, match=r"bomb.json.gz: unpacks to more than 400 times its size"):
        convert(tmp_path / "bomb.json.gz", tmp_path / "o.xml")


@pytest.mark.parametrize(
    ("start", "what"), [(b"PK\x03\x04", "a ZIP archive"), (b"BZh9", "bzip2"), (b"\x28\xb5\x2f\xfd", "zstd")]
)
def test_other_archives_are_named(tmp_path, start, what):
    (tmp_path / "a").write_bytes(start + bytes(50))
    with pytest.raises(InputError, match=f"a: is .*{what}; unpack it first"):
        convert(tmp_path / "a", tmp_path / "o.xml")


@pytest.mark.parametrize("name", ["absent.json", "nul\0.json", "."])
def test_an_input_that_cannot_be_opened_is_an_input_error(tmp_path, name):
    with pytest.raises(InputError, match="cannot be read"):
        convert(tmp_path / name, tmp_path / "o.xml")


def test_an_input_can_be_wound_back_until_it_is_released(tmp_path):
    (tmp_path / "a").write_bytes(b"0123456789")
    with open_input(tmp_path / "a") as file:
        assert file.read(4) == b"0123"
        file.seek(0)
        file.release()
        assert [file.read(8), file.read(8), file.read(8)] == [b"01234567", b"89", b""]
        with pytest.raises(ValueError, match="released"):
            file.seek(0)


def test_a_labeling_config_that_is_no_text_is_named(tmp_path):
    (tmp_path / "c.xml").write_bytes(b"\x00\xff\xfe binary")
    with pytest.raises(InputError, match=r"c.xml: is not UTF-8 text"):
        read_label_config(tmp_path / "c.xml")
    (tmp_path / "d.xml").write_bytes(b"\xef\xbb\xbf<View/>")
    assert read_label_config(tmp_path / "d.xml") == "<View/>"
    (tmp_path / "in.json").write_text("[]")
    done = run(tmp_path / "in.json", tmp_path / "o.xml", "--label-config", tmp_path / "c.xml")
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr


def test_what_is_a_stream_is_told_from_what_it_is(tmp_path):
    (tmp_path / "file").touch()
    for path in ("-", "/dev/null", "/dev/stdout", "/proc/self/fd/1"):
        assert is_stream(Path(path))
    for path in (tmp_path / "file", tmp_path / "absent", tmp_path, Path("/dev/shm/absent.xml")):
        assert not is_stream(path)
    assert is_standard_output(Path("-"))
    assert not is_standard_output(tmp_path / "file")
