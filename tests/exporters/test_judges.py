"""Other people's readers judge what we write. Each test needs a heavy package, and is skipped without it.

They live in an environment of their own: datumaro, fiftyone, labelformat, cvat-sdk, spacy, label-studio-sdk,
and pytest, hypothesis, numpy, pillow, orjson to run them.
"""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import exporters
from exporters.cvat.labels import Labels
from exporters.cvat.write_shapes import draw_mask
from exporters.label_studio.make_config import TYPES, make_config
from exporters.masks import mask_from_array, pack_brush, unpack_brush
from exporters.prodigy.tokens import spacy_tokenizer
from exporters.records import KeyFrame, Track
from tests.exporters.shared import need, real

# What third parties warn about is theirs.
pytestmark = pytest.mark.filterwarnings("ignore")

SIZED = {"original_width": 200, "original_height": 100, "image_rotation": 0}
PIXELS = np.zeros((100, 200), bool)
PIXELS[10:20, 30:50] = True
PIXELS[12:15, 35:40] = False


def need_package(name):
    """Return the package, or skip: it belongs to the judges' environment."""
    return pytest.importorskip(name, reason=f"{name} is in the judges' environment only")


def region(key, kind, value, label="car", **more):
    return {
        "id": key,
        "from_name": kind,
        "to_name": "image",
        "type": kind,
        "value": {**value, kind: [label]},
        **SIZED,
        **more,
    }


RESULTS = [
    region("a", "rectanglelabels", {"x": 10, "y": 20, "width": 50, "height": 25, "rotation": 0}),
    region("b", "rectanglelabels", {"x": 40, "y": 20, "width": 10, "height": 20, "rotation": 30}),
    region("c", "polygonlabels", {"points": [[10, 10], [30, 10], [20, 40]], "closed": True}, "person"),
    region("d", "polygonlabels", {"points": [[10, 10], [30, 10], [20, 40]], "closed": False}, "person"),
    region("e", "keypointlabels", {"x": 50, "y": 50, "width": 1}),
    region("f", "ellipselabels", {"x": 50, "y": 50, "radiusX": 5, "radiusY": 10, "rotation": 0}),
    region("g", "brushlabels", {"format": "rle", "rle": pack_brush(PIXELS)}),
    {"id": "h", "from_name": "choice", "to_name": "image", "type": "choices", "value": {"choices": ["good"]}},
]
TASKS = [
    {"id": n, "data": {"image": f"{name}.png"}, "annotations": [{"result": RESULTS if n else []}]}
    for n, name in enumerate("zab")
]


@pytest.fixture
def cvat_folder(tmp_path):
    """A folder with our XML and the pictures that it names, as CVAT's own archive has them."""
    image = pytest.importorskip("PIL.Image", reason="pictures need pillow")
    (tmp_path / "images").mkdir()
    for task in TASKS:
        image.new("RGB", (200, 100)).save(tmp_path / "images" / task["data"]["image"])
    exporters.export_tasks(
        TASKS,
        format="cvat",
        output=tmp_path / "annotations.xml",
        label_config="",
        name="T",
        image_root=tmp_path / "images",
    )
    return tmp_path


def test_datumaro_reads_the_shapes_it_knows_and_the_order(cvat_folder):
    need_package("datumaro")
    from datumaro.components.annotation import AnnotationType
    from datumaro.components.dataset import Dataset

    found = list(Dataset.import_from(str(cvat_folder), "cvat"))
    by_id = {item.id: item for item in found}
    assert set(by_id) == {"z", "a", "b"}
    assert [by_id[key].attributes["frame"] for key in ("z", "a", "b")] == [0, 1, 2]
    kinds = [annotation.type for annotation in by_id["a"].annotations]
    assert kinds.count(AnnotationType.mask) == 1
    assert kinds.count(AnnotationType.polygon) == 1
    assert kinds.count(AnnotationType.polyline) == 1
    assert kinds.count(AnnotationType.points) == 1
    assert kinds.count(AnnotationType.label) == 1
    boxes = [
        a for a in by_id["a"].annotations if a.type in (AnnotationType.bbox, AnnotationType.rotated_bbox)
    ]
    plain = next(box for box in boxes if not box.attributes.get("rotation"))
    assert [round(n, 2) for n in plain.get_bbox()] == [20, 20, 100, 25]
    mask = next(a for a in by_id["a"].annotations if a.type == AnnotationType.mask)
    assert (np.asarray(mask.image, bool) == PIXELS).all()


def test_fiftyone_reads_the_shapes_it_knows(cvat_folder):
    need_package("fiftyone")
    import fiftyone.utils.cvat as judge

    _, labels, images = judge.load_cvat_image_annotations(str(cvat_folder / "annotations.xml"))
    assert [image.name for image in images] == ["z.png", "a.png", "b.png"]
    assert {label["name"] for label in labels.labels} == {"car", "person", "good"}
    second = images[1]
    assert (second.width, second.height) == (200, 100)
    first = second.boxes[0]
    assert (first.label, first.xtl, first.ytl, first.xbr, first.ybr) == ("car", 20, 20, 120, 45)
    assert [len(shapes) for shapes in (second.boxes, second.polygons, second.polylines, second.points)] == [
        2,
        1,
        1,
        1,
    ]
    assert [tag.label for tag in second.tags] == ["good"]


def test_fiftyone_reads_tracks(tmp_path):
    need_package("fiftyone")
    import fiftyone.utils.cvat as judge

    keys = [
        {"frame": f, "enabled": e, "x": f, "y": 10, "width": 10, "height": 10, "rotation": 0}
        for f, e in ((1, True), (5, False))
    ]
    value = {"sequence": keys, "framesCount": 30, "labels": ["car"]}
    result = {"id": "v", "type": "videorectangle", "value": value, **SIZED}
    task = {"data": {"video": "clip.mp4"}, "annotations": [{"result": [result]}]}
    exporters.export_tasks([task], format="cvat", output=tmp_path / "v.xml", label_config="", name="T")
    _, _, tracks = judge.load_cvat_video_annotations(str(tmp_path / "v.xml"))
    (track,) = tracks
    assert sorted(track.boxes) == [0, 4, 5]
    assert track.boxes[4].xtl == 10
    assert track.boxes[5].outside == 1


def test_labelformat_reads_the_boxes(cvat_folder):
    need_package("labelformat")
    # With lxml at hand labelformat stumbles over a document that names its encoding: lxml is kept from it.
    code = """
import sys
sys.modules["lxml"] = None
from argparse import Namespace
from pathlib import Path
from labelformat.formats.cvat import CVATObjectDetectionInput
data = CVATObjectDetectionInput(Path(sys.argv[1]))
print(sorted(c.name for c in data.get_categories()))
for label in data.get_labels():
    print(label.image.filename, [(o.category.name, o.box.xmin, o.box.ymax) for o in label.objects][:1])
"""
    argv = [sys.executable, "-c", code, str(cvat_folder / "annotations.xml")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.splitlines() == [
        "['car', 'good', 'person']",
        "z.png []",
        "a.png [('car', 20.0, 45.0)]",
        "b.png [('car', 20.0, 45.0)]",
    ], done.stderr


@settings(max_examples=200, deadline=None)
@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20)))
def test_cvat_sdk_decodes_our_masks(picture):
    judge = need_package("cvat_sdk.masks")
    mask = mask_from_array(picture)
    if mask is None:
        return
    ends = [mask.left, mask.top, mask.left + mask.width - 1, mask.top + mask.height - 1]
    wanted = judge.encode_mask(picture)
    assert [*mask.runs, *ends] == wanted
    decoded = judge.decode_mask(wanted, image_width=picture.shape[1], image_height=picture.shape[0])
    assert (decoded == picture).all()
    assert draw_mask(mask)[1].startswith(f' rle="{", ".join(map(str, mask.runs))}"')


def test_cvat_sdk_takes_our_labels(cvat_folder):
    need_package("cvat_sdk")
    from cvat_sdk.api_client import models

    labels = Labels([("  spaced   out ", ""), ("y" * 90, "#123456"), ("<&>", "")])
    labels.has(labels.name("<&>")[0], "score")
    labels.part(labels.name("person skeleton")[0], "nose")
    listed = json.loads((cvat_folder / "annotations.labels.json").read_text())
    for label in [*labels.specification(), *listed]:
        made = models.PatchedLabelRequest._from_openapi_data(**label)
        assert made.name == label["name"]


texts = st.text(alphabet=st.sampled_from("abc 3.,'’\n\u00e9\U0001f600-"), min_size=1, max_size=40)


@settings(max_examples=150, deadline=None)
@given(texts, st.data())
def test_spacy_finds_our_spans_on_our_tokens(tmp_path_factory, text, data):
    spacy = need_package("spacy")
    from spacy.tokens import Doc
    from spacy.training import offsets_to_biluo_tags

    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    if text[start].isspace() or text[end - 1].isspace():
        return
    result = {"id": "a", "type": "labels", "value": {"start": start, "end": end, "labels": ["L"]}}
    path = tmp_path_factory.mktemp("spans") / "o.jsonl"
    exporters.export_tasks(
        [{"data": {"text": text}, "annotations": [{"result": [result]}]}],
        format="prodigy",
        output=path,
        label_config="",
    )
    line = json.loads(path.read_text())
    words, spaces, shift = _words(line)
    doc = Doc(spacy.blank("en").vocab, words=words, spaces=spaces)
    (span,) = line["spans"]
    found = doc.char_span(shift[span["start"]], shift[span["end"] - 1] + 1)
    assert found is not None
    assert found.text == doc.text[shift[span["start"]] : shift[span["end"] - 1] + 1]
    tags = offsets_to_biluo_tags(doc, [(found.start_char, found.end_char, "L")])
    assert "-" not in tags
    count = span["token_end"] - span["token_start"] + 1
    assert sum(tag != "O" for tag in tags) == count


def _words(line):
    """Return (words, spaces, offset in the text -> offset in spaCy's text of these words)."""
    words, spaces, shift, at = [], [], {}, 0
    for token in line["tokens"]:
        words.append(token["text"])
        spaces.append(token["ws"])
        for i in range(token["start"], token["end"]):
            shift[i] = at + i - token["start"]
        at += len(token["text"]) + token["ws"]
    return words, spaces, shift


def test_the_tokenizer_of_spacy_is_a_tokenizer_of_ours():
    need_package("spacy")
    offsets = spacy_tokenizer("en")("Don't go, U.K.!")
    assert ["Don't go, U.K.!"[a:b] for a, b in offsets] == ["Do", "n't", "go", ",", "U.K.", "!"]


def test_real_tokens_are_those_of_spacy():
    need_package("spacy")
    tokens = spacy_tokenizer("en")
    same = total = 0
    for path in need(real("prodigy", "*eval.jsonl")):
        for line in path.read_text().splitlines():
            task = json.loads(line)
            total += 1
            same += tokens(task["text"]) == [(t["start"], t["end"]) for t in task["tokens"]]
    assert same / total > 0.97


def interface(config):
    need_package("label_studio_sdk")
    from label_studio_sdk.label_interface import LabelInterface

    return LabelInterface(config)


def test_the_label_studio_sdk_takes_what_we_write(tmp_path):
    need_package("label_studio_sdk")
    tasks = [{**TASKS[1], "predictions": [{"model_version": "m", "score": 0.5, "result": RESULTS}]}]
    exporters.export_tasks(
        tasks, format="cvat", output=tmp_path / "a.xml", label_config="", name="T", predictions=True
    )
    exporters.convert(tmp_path / "a.xml", tmp_path / "b.json")
    judge = interface((tmp_path / "b.label-config.xml").read_text())
    (task,) = json.loads((tmp_path / "b.json").read_text())
    (prediction,) = task["predictions"]
    assert judge.validate_prediction(prediction, return_errors=True) == []
    kinds = {result["type"] for result in prediction["result"]}
    assert kinds >= {
        "rectanglelabels",
        "polygonlabels",
        "keypointlabels",
        "ellipselabels",
        "brushlabels",
        "choices",
    }


def test_the_label_studio_sdk_takes_texts_sounds_and_tracks(tmp_path):
    lines = [
        {"text": "Ann lives", "spans": [{"start": 0, "end": 3, "label": "PER"}], "meta": {"task_id": 1}},
        {"text": "fine", "label": "GOOD"},
        {"audio": "a.wav", "audio_spans": [{"start": 0.5, "end": 1.5, "label": "beat"}]},
    ]
    for number, line in enumerate(lines):
        (tmp_path / "in.jsonl").write_text(json.dumps(line))
        exporters.convert(tmp_path / "in.jsonl", tmp_path / f"{number}.json", from_format="prodigy")
        judge = interface((tmp_path / f"{number}.label-config.xml").read_text())
        (task,) = json.loads((tmp_path / f"{number}.json").read_text())
        assert judge.validate_prediction(task["predictions"][0], return_errors=True) == []
    from tests.exporters.test_convert import Annotation, Box, Item, Region, write

    frames = (KeyFrame(0, Box(10, 10, 20, 20)), KeyFrame(9, Box(20, 10, 20, 20), True))
    annotation = Annotation((Region(Track(frames, 30), ("car",), "t"),), is_prediction=True)
    item = Item("video", "v.mp4", None, 200, 100, {}, (annotation,))
    write([item], "label-studio", tmp_path / "v.json")
    judge = interface((tmp_path / "v.label-config.xml").read_text())
    (task,) = json.loads((tmp_path / "v.json").read_text())
    assert judge.validate_prediction(task["predictions"][0], return_errors=True) == []


@pytest.mark.parametrize("name", sorted(TYPES))
def test_the_label_studio_sdk_reads_every_config_that_we_make(name):
    judge = interface(make_config(name, ["a", "b & c"]))
    assert judge.is_valid if hasattr(judge, "is_valid") else True
    judge.validate()


def test_the_label_studio_sdk_packs_brushes_as_we_do():
    need_package("label_studio_sdk")
    from label_studio_sdk.converter.brush import decode_rle, encode_rle

    assert (decode_rle(pack_brush(PIXELS)).reshape(100, 200, 4)[..., 3] > 0).tolist() == PIXELS.tolist()
    theirs = encode_rle(np.repeat(PIXELS.ravel().astype(np.uint8) * 255, 4))
    assert (unpack_brush(theirs, 200, 100) == PIXELS).all()
