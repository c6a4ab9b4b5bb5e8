"""Bad input of every kind: an error by name or a counted loss, in bounded memory and within the folder."""

import copy
import gzip
import json
import math
import os
import re
import resource
import subprocess
import sys
import zlib
from base64 import b64encode

import pytest

import exporters
from exporters import ExportDefect, ExportError, InputError, OutputError, convert
from exporters.masks import pack_runs
from tests.exporters import corpus
from tests.exporters.mutations import adds_up

SIZES = {"original_width": 200, "original_height": 100}


def leaves(value, path=()):
    """Yield the paths of all values that hold no others."""
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, entry in entries:
        yield from leaves(entry, (*path, key))
    if not entries:
        yield path


def nodes(value, path=()):
    """Yield the paths of all values."""
    if path:
        yield path
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, entry in entries:
        yield from nodes(entry, (*path, key))


def put(whole, path, value):
    changed = copy.deepcopy(whole)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return changed


def get(whole, path):
    for key in path:
        whole = whole[key]
    return whole


def ends_well(folder, name, text, target):
    """Convert; return the account, or None after an error by name. Anything else is raised."""
    (folder / name).write_text(text)
    try:
        report = convert(folder / name, folder / target)
    except ExportDefect:
        raise
    except ExportError:
        return None
    assert adds_up(report)
    written = (folder / target).read_text()
    assert not re.search(r"\b(NaN|Infinity|nan|inf)\b", written)
    return report


WHOLES = {"json": corpus.tasks(), "jsonl": corpus.LINES}
TARGETS = {"json": ("o.xml", "o.jsonl"), "jsonl": ("o.json",), "xml": ("o.json", "o.jsonl")}
# 10**400 has no float, 1e308 no finite multiple.
NUMBERS = (math.nan, math.inf, -math.inf, 1e308, -1, 10**400)


def written(kind, whole):
    return json.dumps(whole) if kind == "json" else "\n".join(map(json.dumps, whole))


@pytest.mark.parametrize("kind", WHOLES)
@pytest.mark.parametrize("number", NUMBERS, ids=["nan", "inf", "-inf", "1e308", "-1", "10^400"])
def test_no_numeric_field_lets_a_number_through_that_is_none(tmp_path, kind, number):
    for index, thing in enumerate(WHOLES[kind]):
        for path in leaves(thing):
            if isinstance(get(thing, path), int | float):
                for target in TARGETS[kind]:
                    whole = [put(thing, path, number)]
                    told = ends_well(tmp_path, f"in.{kind}", written(kind, whole), target)
                    # A number nowhere to be found is an account that says so, not an empty one.
                    assert told is None or told.seen or index


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e308", "1e999", "-1", "9" * 400, "0x10", ""])
def test_no_numeric_attribute_of_a_document_lets_through_what_is_none(tmp_path, number):
    places = list(re.finditer(r'(\w+)="[\d.]+"', corpus.DOCUMENT))
    assert len(places) > 50
    for place in places[::2]:
        text = corpus.DOCUMENT[: place.start()] + f'{place[1]}="{number}"' + corpus.DOCUMENT[place.end() :]
        for target in TARGETS["xml"]:
            ends_well(tmp_path, "in.xml", text, target)


WRONG = (None, True, 7, "x", [], {}, [1], {"a": 1})


@pytest.mark.parametrize("kind", WHOLES)
@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_value_of_the_wrong_type_in_any_field_is_counted_or_refused(tmp_path, kind, number):
    value = WRONG[number]
    for thing in WHOLES[kind]:
        # Each field with half of the values, neighbors with the other half.
        for path in list(nodes(thing))[number % 2 :: 2]:
            ends_well(tmp_path, f"in.{kind}", written(kind, [put(thing, path, value)]), TARGETS[kind][0])


# Sizes

BOUNDED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (3 << 29, 3 << 29))
from exporters import convert, ExportError
try:
    report = convert(sys.argv[1], sys.argv[2], jobs=int(sys.argv[3]))
    print(report.to_text())
except ExportError as error:
    print(error)
"""


def bounded(source, target, jobs=1):
    """Convert with no more than 1.5 GiB of addresses; return what is told."""
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED, str(source), str(target), str(jobs)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def brush(width, height, runs):
    value = {"format": "rle", "rle": runs, "brushlabels": ["x"]}
    return {"type": "brushlabels", "original_width": width, "original_height": height, "value": value}


def png(width, height):
    """Return a PNG that claims a size and holds little."""

    def chunk(kind, data):
        whole = kind + data
        return len(data).to_bytes(4, "big") + whole + zlib.crc32(whole).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x00\x00\x00\x00"
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()


HUGE = 40_000
MASKS = {
    "a brush of a picture of 1.6 billion pixels": brush(HUGE, HUGE, [0, 0, 0, 16, 56, 153, 255, 61, 252]),
    "a brush whose bytes claim four billion": brush(20, 10, [255, 255, 255, 255, 24, 1, 1, 1, 0, 0]),
    "a bitmask of 1.6 billion pixels": {
        "type": "bitmask",
        "original_width": HUGE,
        "original_height": HUGE,
        "value": {"imageDataURL": png(HUGE, HUGE)},
    },
    "a bitmask larger than its picture": {
        "type": "bitmask",
        "original_width": 20,
        "original_height": 10,
        "value": {"imageDataURL": png(HUGE, HUGE)},
    },
}


@pytest.mark.parametrize("what", MASKS)
def test_a_mask_that_claims_a_billion_pixels_is_dropped_and_counted(tmp_path, what):
    task = {"data": {"image": "a.jpg"}, "annotations": [{"result": [MASKS[what]]}]}
    (tmp_path / "in.json").write_text(json.dumps([task]))
    told = bounded(tmp_path / "in.json", tmp_path / "o.xml")
    assert re.search(r"dropped +1  (brushlabels|bitmask): ", told), told


@pytest.mark.parametrize(
    ("width", "height", "runs"),
    [(HUGE, HUGE, f"0, {HUGE * HUGE}"), (10**9, 1, "0, 1000000000"), (3, 3, "0, " + "9" * 30)],
)
@pytest.mark.parametrize("target", ["o.json", "o.jsonl"])
def test_a_mask_of_cvat_that_claims_as_many_is_dropped_and_counted(tmp_path, width, height, runs, target):
    mask = (
        f'<mask label="x" rle="{runs}" left="0" top="0" width="{width}" height="{height}" z_order="0"></mask>'
    )
    image = f'<image id="0" name="a.jpg" width="{width}" height="{height}">{mask}</image>'
    (tmp_path / "in.xml").write_text(f"<annotations><version>1.1</version>{image}</annotations>")
    told = bounded(tmp_path / "in.xml", tmp_path / target)
    assert re.search(r"dropped +1  mask: ", told), told


DEEP = 200_000
NESTED = {
    "arrays": ("in.json", "[" * DEEP + "]" * DEEP),
    "objects": ("in.json", '[{"data": ' + '{"a": ' * DEEP + "1" + "}" * DEEP + "}]"),
    "arrays in a task": ("in.json", '[{"data": {"text": ' + "[" * DEEP + "]" * DEEP + "}}]"),
    "arrays in a line": ("in.jsonl", '{"text": "x", "meta": {"a": ' + "[" * DEEP + "]" * DEEP + "}}"),
    "elements": ("in.xml", "<annotations>" + "<a>" * DEEP + "</a>" * DEEP + "</annotations>"),
    "elements in an image": (
        "in.xml",
        '<annotations><image id="0" name="a.jpg">'
        + "<box>" * DEEP
        + "</box>" * DEEP
        + "</image></annotations>",
    ),
}


@pytest.mark.parametrize("what", NESTED)
def test_nesting_of_200_000_levels_is_refused_by_name(tmp_path, what):
    name, text = NESTED[what]
    (tmp_path / name).write_text(text)
    told = bounded(tmp_path / name, tmp_path / ("o.xml" if name == "in.json" else "o.json"))
    assert told.startswith(name), told[:300]
    assert "deep" in told or "object" in told, told[:300]


def test_a_labeling_config_nested_so_deeply_is_refused():
    with pytest.raises(InputError, match="nested more than 64 deep"):
        exporters.export_tasks(
            [], format="cvat", output="-", label_config="<View>" * 20_000 + "</View>" * 20_000
        )


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("name", "start"), [("in.json", b'[{"data": {"text": "'), ("in.jsonl", b'{"text": "'), ("in.csv", b"id,")]
)
def test_a_line_of_300_mb_is_refused_in_bounded_memory(tmp_path, name, start, jobs):
    with (tmp_path / name).open("wb") as file:
        file.write(start)
        for _ in range(300):
            file.write(b"x" * (1 << 20))
    (tmp_path / "o.xml").write_text("old")
    told = bounded(tmp_path / name, tmp_path / "o.xml", jobs)
    (tmp_path / name).unlink()
    assert "larger than 256 MiB" in told
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"o.xml": "old"}


def test_a_decompression_bomb_is_refused_with_several_processes_too(tmp_path):
    task = json.dumps({"data": {"text": " " * 100_000}}).encode()
    with gzip.open(tmp_path / "bomb.json.gz", "wb", compresslevel=9) as file:
        file.write(b"[" + task)
        for _ in range(300):
            file.write((b", " + task) * 10)
    told = bounded(tmp_path / "bomb.json.gz", tmp_path / "o.jsonl", 2)
    assert told.startswith("bomb.json.gz: unpacks to more than 400 times its size"), told[:300]


# Names

ODD_NAMES = [
    "../../up.jpg",
    "..",
    "/etc/passwd",
    "//host/share/a.jpg",
    "C:\\windows\\a.jpg",
    "CON",
    "con.jpg",
    "NUL.jpg",
    "aux/lpt1.jpg",
    "a.jpg.",
    "a\0b.jpg",
    "a\nb.jpg",
    ".hidden",
    "~/a.jpg",
    "-rf.jpg",
    "x" * 400 + ".jpg",
    "%2e%2e/%2e%2e/a.jpg",
    "https://host/%2e%2e/%2e%2e/a.jpg?x=../y",
    "/data/local-files/?d=../../a.jpg",
    "",
    " ",
    "\ud800.jpg",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_no_name_of_an_image_climbs_out_of_where_it_is_put(tmp_path, name):
    (tmp_path / "in.json").write_text(json.dumps([{"data": {"image": name}}]))
    config = '<View><Image name="i" value="$image"/></View>'
    convert(tmp_path / "in.json", tmp_path / "o.xml", label_config=config)
    (given,) = (tmp_path / "o.images.txt").read_text().splitlines()
    assert given
    assert not given.startswith(("/", "~/")) or given.startswith("~/a")
    assert ".." not in given.split("/")
    assert ":" not in given[:2]
    assert given.isprintable()


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_video_of_any_name_is_written_beside_the_main_document(tmp_path, name):
    result = {"type": "videorectangle", "from_name": "b", "to_name": "v", **SIZES, "value": corpus.TRACK}
    videos = [{"data": {"video": each}, "annotations": [{"result": [result]}]} for each in (name, "b.mp4")]
    (tmp_path / "in.json").write_text(json.dumps(videos))
    config = '<View><Video name="v" value="$video"/><VideoRectangle name="b" toName="v"/></View>'
    report = convert(tmp_path / "in.json", tmp_path / "o.xml", label_config=config)
    assert report.carried == {"track": 2}
    beside = {path.name for path in tmp_path.iterdir()}
    assert len([each for each in beside if each.startswith("o.") and each.endswith(".xml")]) == 3
    assert beside >= {"in.json", "o.xml", "o.b.xml"}
    assert sorted(report.files) == sorted(str(tmp_path / each) for each in beside - {"in.json"})


# The far side


def _with_small_files(limit):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


@pytest.mark.parametrize("name", ["o.xml", "o.jsonl", "o.json", "o.jsonl.gz"])
def test_a_full_disk_is_named_also_with_several_processes(tmp_path, name):
    tasks = [{"id": n, "data": {"image": f"{os.urandom(20).hex()}.jpg"}} for n in range(100_000)]
    source, target = tmp_path / "in.json", tmp_path / "out" / name
    source.write_text(json.dumps(tasks))
    target.parent.mkdir()
    target.write_text("old")
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED, str(source), str(target), "2"],
        preexec_fn=_with_small_files(1 << 20),
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert "cannot be written (File too large)" in done.stdout, done.stdout[:500] + done.stderr[-500:]
    assert {path.name: path.read_text() for path in target.parent.iterdir()} == {name: "old"}


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system takes root")
def test_a_disk_that_is_really_full_leaves_the_old_file(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(small)], check=False
    ).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        (small / "o.jsonl").write_text("old")
        (tmp_path / "in.json").write_text(json.dumps([{"data": {"text": "x" * 900}}] * 1000))
        with pytest.raises(OutputError, match=r"o\.jsonl: cannot be written"):
            convert(tmp_path / "in.json", small / "o.jsonl")
        assert [(path.name, path.read_text()) for path in small.iterdir()] == [("o.jsonl", "old")]
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_reader_that_goes_away_ends_several_processes_quietly(tmp_path):
    tasks = [{"id": n, "data": {"text": "word " * 20}} for n in range(50_000)]
    (tmp_path / "many.json").write_text(json.dumps(tasks))
    command = f"{sys.executable} -m backend.cli convert many.json - --to prodigy --json --jobs 2 | head -c 8"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(each or os.getcwd() for each in sys.path)}
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=env, capture_output=True, timeout=240, check=False
    )
    assert done.stdout == b'{"text":'
    assert done.stderr == b""


def test_a_brush_of_many_pixels_within_bounds_is_still_read(tmp_path):
    runs = pack_runs([0, 2000 * 1000], 2000 * 1000)
    task = {"data": {"image": "a.jpg"}, "annotations": [{"result": [brush(2000, 1000, list(runs))]}]}
    (tmp_path / "in.json").write_text(json.dumps([task]))
    assert convert(tmp_path / "in.json", tmp_path / "o.xml", strict=True).carried == {"mask": 1}
