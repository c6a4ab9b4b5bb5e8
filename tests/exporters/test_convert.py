"""From each format to each other: what goes out comes back, and what cannot is counted."""

import json
import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import exporters
from exporters import InputError, LossError, OptionError, convert, export_tasks
from exporters.contract import Job
from exporters.convert import _run
from exporters.formats import FORMATS
from exporters.inputs import open_input
from exporters.label_studio.labeling_config import read_labeling_config
from exporters.masks import mask_from_array, mask_on_image
from exporters.options import Options, make_options
from exporters.records import (
    Annotation,
    Answer,
    AudioSpan,
    Box,
    Ellipse,
    Item,
    KeyFrame,
    Mask,
    Points,
    Polygon,
    Polyline,
    Region,
    Relation,
    TextSpan,
    Track,
)
from exporters.report import Ledger
from tests.exporters.shared import need, real

WIDTH, HEIGHT = 320, 200


def write(items, name, path, **options):
    chosen = make_options({"predictions": True, **options}, [form.options for form in FORMATS.values()])
    return _run(iter(items), FORMATS[name], Job(path, title="T", options=chosen))


def read(name, path, config=""):
    job = Job(config=read_labeling_config(config), options=Options(predictions=True))
    with open_input(path) as file:
        found = list(FORMATS[name].read(file, path.name, job))
    assert not job.ledger.dropped, job.ledger.dropped
    return found


def round_trip(items, name, **options):
    """Write items, read them back; return (items, report)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("t" + FORMATS[name].suffix)
        report = write(items, name, path, **options)
        config = path.with_name("t.label-config.xml")
        return read(name, path, config.read_text() if config.exists() else ""), report


labels = st.text(
    alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp", "Cn", "Co"]),
    min_size=1,
    max_size=12,
)
across, down = st.floats(0, WIDTH), st.floats(0, HEIGHT)
points = st.tuples(across, down)
angles = st.floats(0, 359.9)
sides = st.floats(1, 100)
boxes = st.builds(Box, across, down, sides, sides, st.just(0.0) | angles)
polygons = st.builds(Polygon, st.lists(points, min_size=3, max_size=6).map(tuple))
lines = st.builds(Polyline, st.lists(points, min_size=2, max_size=6).map(tuple))
dots = st.builds(Points, st.tuples(points))
ellipses = st.builds(Ellipse, across, down, sides, sides, st.just(0.0) | angles)


@st.composite
def masks(draw):
    left, top = draw(st.integers(0, 300)), draw(st.integers(0, 180))
    bits = draw(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=1, max_size=6))
    image = np.zeros((HEIGHT, WIDTH), bool)
    image[top : top + len(bits), left : left + 4] = bits
    image[top, left] = True
    return mask_from_array(image)


shapes = boxes | polygons | lines | dots | ellipses | masks()
scores = st.none() | st.floats(0, 1).map(lambda score: round(score, 6))


@st.composite
def annotations(draw, shape, relations=False):
    drawn = draw(st.lists(st.tuples(shape, labels, scores), max_size=5))
    regions = tuple(Region(s, (label,), f"r{i}", score) for i, (s, label, score) in enumerate(drawn))
    links = ()
    if relations and len(regions) > 1:
        links = (Relation("r0", "r1", (draw(labels),)),)
    is_prediction = draw(st.booleans())
    model = "m1" if is_prediction else None
    return Annotation(regions, links, is_prediction, model_version=model)


def images(shape):
    return st.lists(annotations(shape), max_size=2).map(
        lambda found: Item("image", "a.jpg", 5, WIDTH, HEIGHT, {}, tuple(found))
    )


def near(one, other, tolerance):
    """Whether two shapes are one, up to a distance in pixels; angles are compared on the circle."""
    assert type(one) is type(other)
    if isinstance(one, Mask | Answer | TextSpan):
        return one == other
    if isinstance(one, Box | Ellipse):
        turn = abs(one.rotation - other.rotation) % 360
        assert min(turn, 360 - turn) <= max(tolerance, 1e-6)
        return all(math.isclose(a, b, abs_tol=tolerance) for a, b in zip(one[:4], other[:4], strict=True))
    pairs = zip(one.points, other.points, strict=True)
    return all(math.dist(a, b) <= tolerance * 2 for a, b in pairs)


def regions_of(item):
    """Return (is a prediction, labels, shape, score) of each region, whatever annotation it is in."""
    found = [(a.is_prediction, r) for a in item.annotations for r in a.regions]
    return sorted(
        ((p, r.labels, r.score or -1.0, r) for p, r in found),
        key=lambda t: (t[0], t[1], t[2], repr(t[3].shape)),
    )


def assert_same(one, other, tolerance):
    """Each region of one item has its like in the other; order within an image may differ."""
    left, right = regions_of(one), list(regions_of(other))
    assert len(left) == len(right)
    for is_prediction, names, score, region in left:
        for candidate in right:
            if candidate[:2] != (is_prediction, names) or abs(candidate[2] - score) > 1e-5:
                continue
            if type(candidate[3].shape) is type(region.shape) and _like(
                region.shape, candidate[3].shape, tolerance
            ):
                right.remove(candidate)
                break
        else:
            raise AssertionError(f"no like of {region} in {right}")


def _like(one, other, tolerance):
    try:
        return near(one, other, tolerance)
    except (AssertionError, ValueError):
        return False


@settings(max_examples=40, deadline=None)
@given(images(shapes))
def test_images_come_back_from_cvat(item):
    (found,), report = round_trip([item], "cvat", sidecars=False)
    assert_same(item, found, 0.0101)
    assert report.lossless
    assert (found.width, found.height, found.media) == (WIDTH, HEIGHT, "a.jpg")


@settings(max_examples=40, deadline=None)
@given(images(shapes))
def test_images_come_back_from_label_studio(item):
    (found,), report = round_trip([item], "label-studio")
    assert_same(item, found, 1e-6)
    assert report.lossless
    assert found.media == "a.jpg"


@settings(max_examples=40, deadline=None)
@given(images(st.builds(Box, across, down, sides, sides, st.just(0.0)) | polygons))
def test_boxes_and_polygons_come_back_from_prodigy(item):
    found, report = round_trip([item], "prodigy")
    merged = found[0]._replace(annotations=tuple(a for one in found for a in one.annotations))
    assert_same(item, merged, 1e-9)
    assert report.lossless


@st.composite
def texts(draw):
    text = draw(st.text(alphabet=st.sampled_from("ab, .\n\u00e9\U0001f600"), min_size=1, max_size=30))
    ends = st.integers(0, len(text))
    drawn = draw(st.lists(st.tuples(ends, ends, labels), max_size=4))
    found = sorted({(min(a, b), max(a, b), label) for a, b, label in drawn if a != b})
    regions = tuple(Region(TextSpan(a, b), (label,), f"r{i}") for i, (a, b, label) in enumerate(found))
    links = ()
    if len(regions) > 1 and regions[0].shape != regions[1].shape:
        links = (Relation("r0", "r1", (draw(labels),)),)
    return Item("text", text, 3, annotations=(Annotation(regions, links),))


@settings(max_examples=50, deadline=None)
@given(texts())
def test_texts_come_back_from_label_studio(item):
    (found,), report = round_trip([item], "label-studio")
    assert found.media == item.media
    assert found.annotations[0].relations == item.annotations[0].relations
    assert_same(item, found, 0)
    assert report.lossless


@settings(max_examples=50, deadline=None)
@given(texts())
def test_texts_come_back_from_prodigy_but_for_blanks_at_the_ends_of_spans(item):
    (found,), report = round_trip([item], "prodigy")
    assert found.media == item.media
    annotation = item.annotations[0]
    trimmed = [(region, on_words(item.media, region.shape)) for region in annotation.regions]
    kept = tuple(region._replace(shape=span) for region, span in trimmed if span is not None)
    assert_same(item._replace(annotations=(annotation._replace(regions=kept),)), found, 0)
    assert sum(report.changed.values()) == sum(span not in (None, region.shape) for region, span in trimmed)
    # A blank span has no token, and goes with its relations: only that is dropped.
    blank = {region.id for region, span in trimmed if span is None}
    links = [link for link in annotation.relations if not {link.from_id, link.to_id} & blank]
    assert sum(report.dropped.values()) == len(blank) + len(annotation.relations) - len(links)
    assert len(found.annotations[0].relations) == len(links)


def on_words(text, span):
    """Return the span without the blanks at its ends; None when it is blank."""
    said = text[span.start : span.end]
    start = span.start + len(said) - len(said.lstrip())
    return TextSpan(start, start + len(said.strip())) if said.strip() else None


tracks = st.lists(
    st.tuples(st.integers(0, 40), st.builds(Box, across, down, sides, sides, st.just(0.0)), st.booleans()),
    min_size=1,
    max_size=5,
    unique_by=lambda key: key[0],
).map(lambda keys: tuple(KeyFrame(*key) for key in sorted(keys)))


@settings(max_examples=40, deadline=None)
@given(tracks)
def test_tracks_come_back_from_cvat_key_by_key(frames):
    item = Item(
        "video", "clip.mp4", None, WIDTH, HEIGHT, {}, (Annotation((Region(Track(frames, 50), ("car",)),)),)
    )
    (found,), report = round_trip([item], "cvat", sidecars=False)
    (region,) = found.annotations[0].regions
    assert [(k.frame, k.outside) for k in region.shape.frames] == [(k.frame, k.outside) for k in frames]
    assert all(near(a.shape, b.shape, 0.0101) for a, b in zip(region.shape.frames, frames, strict=True))
    assert region.shape.length == 50
    assert report.lossless


def visible(frames, length):
    """Return the frames on which an object shows, and where its left edge is there."""
    shown = {}
    for number in range(length):
        before = [k for k in frames if k.frame <= number]
        if not before or before[-1].outside:
            continue
        after = [k for k in frames if k.frame > number]
        x = before[-1].shape.left
        if after and before[-1].frame < number:
            part = (number - before[-1].frame) / (after[0].frame - before[-1].frame)
            x += (after[0].shape.left - x) * part
        shown[number] = x
    return shown


@settings(max_examples=50, deadline=None)
@given(tracks)
def test_tracks_show_the_object_on_the_same_frames_in_label_studio(frames):
    if all(key.outside for key in frames):
        return
    item = Item(
        "video", "clip.mp4", None, WIDTH, HEIGHT, {}, (Annotation((Region(Track(frames, 50), ("car",)),)),)
    )
    (found,), _ = round_trip([item], "label-studio")
    (region,) = found.annotations[0].regions
    wanted, got = visible(frames, 50), visible(region.shape.frames, 50)
    assert got.keys() == wanted.keys()
    assert all(math.isclose(wanted[n], got[n], abs_tol=1e-6) for n in wanted)


answers = st.builds(
    Answer, st.just("choices"), st.lists(labels, min_size=1, max_size=3, unique=True).map(tuple)
)
sounds = st.tuples(st.floats(0, 100), st.floats(0, 100)).map(lambda t: AudioSpan(min(t), max(t)))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(sounds, labels), max_size=4), st.sampled_from(["prodigy", "label-studio"]))
def test_sounds_come_back(drawn, name):
    regions = tuple(Region(span, (label,), f"r{i}") for i, (span, label) in enumerate(drawn))
    item = Item("audio", "a.wav", 3, annotations=(Annotation(regions),))
    (found,), report = round_trip([item], name)
    assert [(r.shape, r.labels) for r in found.annotations[0].regions] == [
        (r.shape, r.labels) for r in regions
    ]
    assert report.lossless


@settings(max_examples=40, deadline=None)
@given(answers, st.sampled_from(sorted(FORMATS)), st.booleans())
def test_choices_come_back_from_every_format(answer, name, is_prediction):
    model = "m" if is_prediction else None
    annotation = Annotation((Region(answer, (), "a"),), is_prediction=is_prediction, model_version=model)
    item = Item("image", "a.jpg", 5, WIDTH, HEIGHT, {}, (annotation,))
    (found,), report = round_trip([item], name, sidecars=False)
    (read_back,) = found.annotations
    assert [r.shape for r in read_back.regions] == [answer]
    assert read_back.is_prediction == is_prediction
    assert report.lossless


# Whole conversions


TASKS = [
    {
        "id": n,
        "data": {"image": f"{n}.jpg"},
        "annotations": [
            {
                "result": [
                    {
                        "id": "r",
                        "from_name": "label",
                        "to_name": "image",
                        "type": "rectanglelabels",
                        "original_width": 200,
                        "original_height": 100,
                        "value": {
                            "x": n,
                            "y": 2,
                            "width": 3,
                            "height": 4,
                            "rotation": 0,
                            "rectanglelabels": ["car"],
                        },
                    }
                ]
            }
        ],
    }
    for n in range(5)
]


def test_any_format_becomes_any_other_in_order(tmp_path):
    (tmp_path / "in.json").write_text(json.dumps(TASKS))
    convert(tmp_path / "in.json", tmp_path / "a.xml")
    convert(tmp_path / "a.xml", tmp_path / "b.jsonl.gz")
    convert(tmp_path / "b.jsonl.gz", tmp_path / "c.json")
    report = convert(tmp_path / "c.json", tmp_path / "d.xml", name="a")
    assert report.lossless
    assert (tmp_path / "d.xml").read_text().replace(">d<", ">a<").count("<box") == 5
    tasks = json.loads((tmp_path / "c.json").read_text())
    assert [task["data"]["image"] for task in tasks] == [f"{n}.jpg" for n in range(5)]
    value = tasks[3]["annotations"][0]["result"][0]["value"]
    assert value["x"] == pytest.approx(3)
    assert value["rectanglelabels"] == ["car"]


def test_label_studio_tasks_go_whole_into_their_own_format(tmp_path):
    odd = {
        "id": 1,
        "data": {"a": [1, {"b": None}]},
        "annotations": [{"result": [{"type": "new", "value": {}}]}],
        "predictions": [{"result": []}],
        "drafts": [1],
        "_priority": 0.5,
    }
    export_tasks(
        [odd], format="label-studio", output=tmp_path / "o.json", label_config="<View/>", predictions=True
    )
    (task,) = json.loads((tmp_path / "o.json").read_text())
    assert task == {k: odd[k] for k in ("id", "data", "annotations", "predictions")} | {
        "meta": {"priority": 0.5}
    }
    assert (tmp_path / "o.label-config.xml").read_text() == "<View/>"


def test_who_annotated_is_kept_on_the_way_through_label_studio(tmp_path):
    line = {"text": "x", "label": "L", "answer": "accept", "_annotator_id": "ann"}
    (tmp_path / "a.jsonl").write_text(json.dumps(line))
    convert(tmp_path / "a.jsonl", tmp_path / "b.json")
    convert(tmp_path / "b.json", tmp_path / "c.jsonl")
    assert json.loads((tmp_path / "c.jsonl").read_text())["_annotator_id"] == "ann"


def test_the_format_of_lines_is_told_by_their_keys(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps(TASKS[0]) + "\n" + json.dumps(TASKS[1]))
    assert convert(tmp_path / "a.jsonl", tmp_path / "a.xml").carried == {"box": 2}
    (tmp_path / "b.jsonl").write_text(json.dumps({"text": 'say "data"', "meta": {"data": 1}, "label": "L"}))
    assert convert(tmp_path / "b.jsonl", tmp_path / "b.json").carried == {"choices": 1}


def test_a_video_of_any_name_stays_in_the_folder(tmp_path):
    key = {"frame": 1, "enabled": True, "x": 1, "y": 1, "width": 5, "height": 5, "rotation": 0}
    value = {"sequence": [key], "framesCount": 9, "labels": ["car"]}
    result = {"type": "videorectangle", "value": value, "original_width": 100, "original_height": 100}
    names = ["../../up.mp4", "a" * 400 + ".mp4", "nul\x00 and: more.mp4", ""]
    tasks = [{"data": {"video": name}, "annotations": [{"result": [result]}]} for name in names]
    (tmp_path / "out").mkdir()
    report = export_tasks(tasks, format="cvat", output=tmp_path / "out" / "o.xml", label_config="")
    assert report.carried == {"track": 4}
    assert {Path(name).parent for name in report.files} == {tmp_path / "out"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_strict_writes_nothing_when_anything_is_lost(tmp_path):
    tasks = [{"data": {"text": "a"}}]
    with pytest.raises(LossError, match="CVAT has no place for text") as caught:
        export_tasks(tasks, format="cvat", output=tmp_path / "o.xml", label_config="", strict=True)
    assert caught.value.report.dropped == {("item", "CVAT has no place for text"): 1}
    assert list(tmp_path.iterdir()) == []
    export_tasks(TASKS, format="cvat", output=tmp_path / "o.xml", label_config="", strict=True)
    assert (tmp_path / "o.xml").exists()


def test_the_report_says_how_many_how_and_where(tmp_path):
    tasks = [{"id": n, "data": {"text": "a"}} for n in range(10, 20)]
    report = export_tasks(tasks, format="cvat", output=tmp_path / "o.xml", label_config="")
    assert (
        "dropped       10  item: CVAT has no place for text (task 10, task 11, task 12)" in report.to_text()
    )
    told = json.loads(report.to_json())
    assert told["dropped"] == [
        {
            "kind": "item",
            "why": "CVAT has no place for text",
            "count": 10,
            "places": ["task 10", "task 11", "task 12"],
        }
    ]
    assert told["lossless"] is False
    assert told["files"] == report.to_dict()["files"]


def test_endless_kinds_of_reasons_do_not_fill_the_memory():
    ledger = Ledger()
    for n in range(2000):
        ledger.drop("box", f"reason {n}")
    report = ledger.close()
    assert sum(report.dropped.values()) == 2000
    assert len(report.dropped) <= Ledger.REASONS + 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "coco"}, "valid: cvat, prodigy, label-studio"),
        ({"tpyo": 1}, "unknown option 'tpyo'; valid: predictions"),
        ({"annotators": "first"}, "valid: all, latest, ground_truth"),
        ({"names": "x"}, "valid: path, basename"),
        ({"format": "prodigy", "task_type": "poem"}, "valid: textcat"),
    ],
)
def test_wrong_options_name_the_valid_ones(tmp_path, options, message):
    given = {"format": "cvat", "output": tmp_path / "o", "label_config": "", **options}
    with pytest.raises(OptionError, match=message):
        export_tasks([], **given)
    assert list(tmp_path.iterdir()) == []


def test_the_input_is_never_overwritten(tmp_path):
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(OptionError, match="is the input"):
        convert(tmp_path / "a.json", tmp_path / "a.json")
    with pytest.raises(OptionError, match="say its format"):
        convert(tmp_path / "a.json", tmp_path / "a.dat")
    with pytest.raises(InputError, match="cannot be read"):
        convert(tmp_path / "no.json", tmp_path / "a.xml")
    (tmp_path / "x.bin").write_bytes(b"\x00\x01")
    with pytest.raises(InputError, match="format cannot be told"):
        convert(tmp_path / "x.bin", tmp_path / "a.xml")


def converted_or_refused(path, output, target):
    """Return (why it was refused, the report): one of them."""
    try:
        return "", convert(path, output, to_format=target, sizes=lambda name: (640, 480))
    except InputError as error:
        return str(error), None


@pytest.mark.parametrize("target", sorted(FORMATS))
def test_every_real_file_is_converted_or_refused_with_its_place(tmp_path, target):
    files = [p for p in need(real("*", "*")) if "config" not in p.name]
    converted = 0
    for path in files:
        output = tmp_path / f"out{FORMATS[target].suffix}"
        refusal, report = converted_or_refused(path, output, target)
        if report is None:
            assert path.name in refusal
            continue
        converted += 1
        assert report.to_text()
        json.loads(report.to_json())
    assert converted == len(files)
    assert converted >= 70


def test_real_annotations_survive_the_way_through_their_own_formats(tmp_path):
    for path in need(real("cvat")):
        report = convert(path, tmp_path / "again.xml")
        again = convert(tmp_path / "again.xml", tmp_path / "third.xml")
        assert not report.dropped
        assert again.carried == report.carried
    for path in need(real("prodigy", "*eval.jsonl")):
        report = convert(path, tmp_path / "again.jsonl")
        assert report.lossless
        with path.open() as one, (tmp_path / "again.jsonl").open() as other:
            for before, after in zip(map(json.loads, one), map(json.loads, other), strict=True):
                assert after["text"] == before["text"]
                spans = [(s["start"], s["end"], s["label"]) for s in before.get("spans", ())]
                assert [(s["start"], s["end"], s["label"]) for s in after.get("spans", ())] == sorted(spans)


def test_everything_public_is_listed():
    assert all(hasattr(exporters, name) for name in exporters.__all__)
    assert len(set(exporters.__all__)) == len(exporters.__all__)
    assert set(exporters.FORMATS) == {"cvat", "prodigy", "label-studio"}


def test_a_mask_keeps_its_pixels_through_all_three(tmp_path):
    image = np.zeros((100, 200), bool)
    image[10:30, 20:60] = True
    image[15:20, 30:40] = False
    item = Item(
        "image", "m.png", 1, 200, 100, {}, (Annotation((Region(mask_from_array(image), ("x",), "r"),)),)
    )
    write([item], "label-studio", tmp_path / "a.json")
    convert(tmp_path / "a.json", tmp_path / "b.xml")
    convert(tmp_path / "b.xml", tmp_path / "c.json")
    (found,) = read("label-studio", tmp_path / "c.json")
    assert (mask_on_image(found.annotations[0].regions[0].shape, 200, 100) == image).all()
