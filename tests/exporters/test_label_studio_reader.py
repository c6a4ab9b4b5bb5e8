"""Label Studio's JSON, in its new and old shapes, as records."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters import convert, export_tasks
from exporters.errors import InputError
from exporters.formats import FORMATS
from exporters.label_studio.labeling_config import read_labeling_config
from exporters.label_studio.make_config import make_config
from exporters.label_studio.read_texts import Dialogue, code_point, rendered, span_in, utf16_unit
from exporters.label_studio.reader import read_tasks
from exporters.options import make_options
from exporters.records import (
    Answer,
    AudioSpan,
    Box,
    Caption,
    FrameRange,
    Points,
    Polyline,
    Relation,
    SeriesSpan,
    TextSpan,
)
from exporters.report import Ledger


def items(task, config="", ledger=None, **options):
    return list(
        read_tasks(
            [(task, "task 1")], read_labeling_config(config), make_options(options), ledger or Ledger()
        )
    )


def image(*results, **more):
    return {"data": {"image": "a.jpg"}, "annotations": [{"result": list(results), **more}]}


def result(kind, value, **more):
    return {"id": "r1", "type": kind, "from_name": "c", "to_name": "image", "value": value, **more}


SIZED = {"original_width": 200, "original_height": 100}
BOX = {"x": 10, "y": 20, "width": 50, "height": 25, "rotation": 0}


def regions(task, config="", ledger=None, **options):
    (item,) = items(task, config, ledger, **options)
    return [region for annotation in item.annotations for region in annotation.regions]


def test_a_box_has_its_label_its_score_and_its_control():
    (region,) = regions(
        image(result("rectanglelabels", {**BOX, "rectanglelabels": ["car"]}, score=0.5, **SIZED))
    )
    assert region.shape == Box(20.0, 20.0, 100.0, 25.0)
    assert (region.labels, region.id, region.score, region.control) == (("car",), "r1", 0.5, "c")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_split_form_is_put_together_whatever_comes_first(order):
    parts = [result("rectangle", BOX, **SIZED), result("labels", {**BOX, "labels": ["car"]}, **SIZED)]
    (region,) = regions(image(*(parts[i] for i in order)))
    assert region.shape == Box(20.0, 20.0, 100.0, 25.0)
    assert region.labels == ("car",)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_an_answer_about_a_region_stays_beside_it(order):
    parts = [
        result("rectanglelabels", {**BOX, "rectanglelabels": ["text"]}, **SIZED),
        result("textarea", {**BOX, "text": ["read me"]}, **{**SIZED, "from_name": "words"}),
    ]
    (region,) = regions(image(*(parts[i] for i in order)))
    assert region.shape == Box(20.0, 20.0, 100.0, 25.0)
    assert region.captions == (Caption("textarea", "words", ("read me",)),)


def test_the_size_may_come_from_elsewhere_else_the_region_is_counted():
    task = image(result("rectanglelabels", {**BOX, "rectanglelabels": ["car"]}))
    ledger = Ledger()
    assert regions(task, ledger=ledger) == []
    assert ledger.dropped == {
        ("rectanglelabels", "the size of the picture is not known: give sizes or image_root"): 1
    }
    assert regions(task, sizes={"a.jpg": (200, 100)})[0].shape == Box(20.0, 20.0, 100.0, 25.0)


def test_the_size_on_disk_is_the_upright_one(tmp_path):
    Image = pytest.importorskip("PIL.Image", reason="image_root needs pillow")
    picture = Image.new("RGB", (100, 200))
    exif = Image.Exif()
    exif[0x0112] = 6  # stored sideways
    picture.save(tmp_path / "a.jpg", exif=exif)
    task = image(result("rectanglelabels", {**BOX, "rectanglelabels": ["car"]}))
    assert regions(task, image_root=tmp_path)[0].shape == Box(20.0, 20.0, 100.0, 25.0)
    climbing = {**task, "data": {"image": "../a.jpg"}}
    (tmp_path / "sub").mkdir()
    (item,) = items(climbing, image_root=tmp_path / "sub")
    assert item.width is None


def test_each_kind_of_region_is_known():
    task = image(
        result("keypointlabels", {"x": 50, "y": 50, "width": 1, "keypointlabels": ["k"]}, id="a", **SIZED),
        result(
            "vectorlabels",
            {"vertices": [{"x": 0, "y": 0}, {"x": 10, "y": 10}], "vectorlabels": ["v"]},
            id="b",
            **SIZED,
        ),
        result("choices", {"choices": ["x", "y"]}, id="c"),
        result("taxonomy", {"taxonomy": [["A", "B"], ["C"]]}, id="d"),
        result("rating", {"rating": 4}, id="e"),
        result("number", {"number": 2.5}, id="f"),
        result("datetime", {"datetime": "2025-01-01"}, id="g"),
        result("textarea", {"text": ["t"]}, id="h"),
        result("pairwise", {"selected": "left"}, id="i"),
        result("ranker", {"ranker": ["1", "2"]}, id="j"),
        {"type": "relation", "from_id": "a", "to_id": "b", "direction": "bi", "labels": ["near"]},
    )
    (item,) = items(task)
    (annotation,) = item.annotations
    shapes = [region.shape for region in annotation.regions]
    assert shapes[:2] == [Points(((100.0, 50.0),)), Polyline(((0.0, 0.0), (20.0, 10.0)))]
    assert shapes[2:] == [
        Answer("choices", ("x", "y")),
        Answer("taxonomy", (("A", "B"), ("C",))),
        Answer("rating", (4,)),
        Answer("number", (2.5,)),
        Answer("datetime", ("2025-01-01",)),
        Answer("textarea", ("t",)),
        Answer("pairwise", ("left",)),
        Answer("ranker", ("1", "2")),
    ]
    assert annotation.relations == (Relation("a", "b", ("near",), "bi"),)


def test_sound_and_series_and_timelines():
    sound = {
        "data": {"audio": "a.wav"},
        "annotations": [
            {
                "result": [
                    result(
                        "labels",
                        {"start": 1.5, "end": 2.5, "channel": 0, "labels": ["beat"]},
                        to_name="audio",
                    )
                ]
            }
        ],
    }
    assert regions(sound)[0].shape == AudioSpan(1.5, 2.5, 0)
    series = {
        "data": {"ts": "a.csv"},
        "annotations": [
            {
                "result": [
                    result(
                        "timeserieslabels",
                        {"start": 1, "end": 4, "instant": False, "timeserieslabels": ["run"]},
                    )
                ]
            }
        ],
    }
    assert regions(series)[0].shape == SeriesSpan(1, 4)
    video = {
        "data": {"video": "a.mp4"},
        "annotations": [
            {
                "result": [
                    result("timelinelabels", {"ranges": [{"start": 3, "end": 5}], "timelinelabels": ["jump"]})
                ]
            }
        ],
    }
    assert regions(video)[0].shape == FrameRange(2, 4)


def test_skipped_true_and_old_names_are_told():
    task = {
        "data": {"text": "x"},
        "completions": [
            {"id": 5, "result": [], "skipped": True, "completed_by": {"email": "a@b", "id": 3}},
            {"id": 6, "result": [], "honeypot": True, "completed_by": 3},
        ],
    }
    (item,) = items(task)
    first, second = item.annotations
    assert (first.cancelled, first.annotator, second.ground_truth, second.annotator) == (
        True,
        "a@b",
        True,
        "3",
    )


def test_predictions_come_when_asked_for_and_drafts_never():
    task = {
        "data": {"text": "x"},
        "annotations": [],
        "drafts": [{"result": [result("choices", {"choices": ["d"]})]}],
        "predictions": [
            {"model_version": "m", "score": 0.25, "result": [result("choices", {"choices": ["p"]})]}
        ],
    }
    assert items(task)[0].annotations == ()
    (annotation,) = items(task, predictions=True)[0].annotations
    assert (annotation.is_prediction, annotation.model_version, annotation.score) == (True, "m", 0.25)
    assert annotation.regions[0].shape == Answer("choices", ("p",))


def test_one_of_several_annotators_is_chosen_and_the_rest_counted():
    entries = [
        {"result": [result("choices", {"choices": [name]})], "updated_at": when, "ground_truth": name == "b"}
        for name, when in (("a", "2025-03-01"), ("b", "2025-01-01"), ("c", "2025-02-01"))
    ]
    task = {"data": {"text": "x"}, "annotations": entries}
    ledger = Ledger()
    assert regions(task, ledger=ledger, annotators="latest")[0].shape.values == ("a",)
    assert regions(task, annotators="ground_truth")[0].shape.values == ("b",)
    assert len(regions(task)) == 3
    assert ledger.dropped == {("annotation", "not chosen by annotators=latest"): 2}


def test_pages_of_an_image_list_are_items_of_their_own():
    config = '<View><Image name="img" valueList="$images"/><RectangleLabels name="c" toName="img"/></View>'
    value = {**BOX, "rectanglelabels": ["x"]}
    task = {
        "data": {"images": ["p0.png", "p1.png"]},
        "annotations": [{"result": [result("rectanglelabels", value, to_name="img", item_index=1, **SIZED)]}],
    }
    found = items(task, config)
    assert sorted((item.media, len(item.annotations[0].regions)) for item in found) == [
        ("p0.png", 0),
        ("p1.png", 1),
    ]


def test_the_config_tells_what_is_shown():
    config = (
        '<View><Header value="$title"/><Text name="t" value="$body"/>'
        '<Labels name="l" toName="t"><Label value="A"/></Labels></View>'
    )
    task = {
        "data": {"title": "no", "body": "yes it is"},
        "annotations": [
            {
                "result": [
                    result("labels", {"start": 0, "end": 3, "text": "yes", "labels": ["A"]}, to_name="t")
                ]
            }
        ],
    }
    (item,) = items(task, config)
    assert (item.kind, item.media) == ("text", "yes it is")
    assert item.annotations[0].regions[0].shape == TextSpan(0, 3)
    assert read_labeling_config(config).labels() == ("A",)


@pytest.mark.parametrize("task", [[], "x", 3, None])
def test_what_is_no_task_is_refused_with_its_place(task):
    with pytest.raises(InputError, match="task 1: a task must be an object"):
        items(task)


@pytest.mark.parametrize(
    ("broken", "message"),
    [({"data": []}, "data must be"), ({"data": {}, "annotations": {"a": 1}}, "annotations must be")],
)
def test_parts_of_the_wrong_type_are_refused(broken, message):
    with pytest.raises(InputError, match=message):
        items(broken)


junk = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3) | st.integers(-5, 500),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["x", "start", "id"]), inner, max_size=2)
    ),
    max_leaves=4,
)
KINDS = [
    "rectanglelabels",
    "polygonlabels",
    "brushlabels",
    "labels",
    "choices",
    "videorectangle",
    "relation",
    "what",
]
KEYS = [
    "x",
    "y",
    "width",
    "height",
    "points",
    "rle",
    "start",
    "end",
    "labels",
    "choices",
    "sequence",
    "rectanglelabels",
]
broken_results = st.fixed_dictionaries(
    {
        "type": st.sampled_from(KINDS) | junk,
        "value": st.dictionaries(st.sampled_from(KEYS), junk, max_size=6) | junk,
    },
    optional={
        "id": junk,
        "original_width": junk,
        "original_height": junk,
        "score": junk,
        "from_id": junk,
        "to_id": junk,
    },
)


@settings(deadline=None)
@given(st.lists(broken_results | junk, max_size=4), st.sampled_from(["image", "text", "audio", "video"]))
def test_broken_regions_are_counted_and_never_crash(results, kind):
    ledger = Ledger()
    task = {"data": {kind: "abc"}, "annotations": [{"result": results}]}
    found = items(task, ledger=ledger, sizes=lambda _: (10, 10))
    kept = sum(len(a.regions) + len(a.relations) for item in found for a in item.annotations)
    dropped = sum(count for (unit, _), count in ledger.dropped.items() if unit != "key")
    assert kept + dropped <= len(results)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(broken_results | junk, max_size=4),
    st.sampled_from(["image", "text", "audio", "video"]),
    st.dictionaries(st.sampled_from(["_priority", "_score", "meta", "id", "predictions"]), junk, max_size=2),
)
def test_broken_tasks_never_crash_a_writer(tmp_path_factory, results, kind, more):
    folder = tmp_path_factory.mktemp("broken")
    head = {"result": results, "completed_by": more.get("id"), "model_version": more.get("meta")}
    task = {"data": {kind: "abc"}, "annotations": [head], **more}
    for name, form in FORMATS.items():
        path = folder / f"o{form.suffix}"
        try:
            report = export_tasks(
                [task], format=name, output=path, label_config="", predictions=True, sizes=lambda _: (10, 10)
            )
        except InputError:
            continue
        assert path.exists()
        report.to_text()
        if name != "label-studio" and report.items:
            convert(path, folder / "back.json", from_format=name)


ASTRAL = "a\U0001f600bc\U0001f601d"


def test_offsets_in_utf16_units_are_told_by_the_quoted_text():
    assert span_in(ASTRAL, 2, 4, "bc") == TextSpan(2, 4)
    assert span_in(ASTRAL, 3, 5, "bc") == TextSpan(2, 4)
    with pytest.raises(ValueError, match="do not match"):
        span_in(ASTRAL, 0, 2, "zz")


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (0, 99, "past the text"),
        (3, 3, "empty"),
        (3, 1, "empty"),
        (-1, 2, "before"),
        (0.5, 2, "whole"),
        (None, 1, "whole"),
    ],
)
def test_offsets_that_fit_no_text_are_refused(start, end, message):
    with pytest.raises(ValueError, match=message):
        span_in("abcdef", start, end)


@settings(deadline=None)
@given(st.text(max_size=30), st.data())
def test_utf16_offsets_are_undone(text, data):
    point = data.draw(st.integers(0, len(text)))
    assert code_point(text, utf16_unit(text, point)) == point


def test_a_dialogue_counts_utf16_within_its_phrase():
    dialogue = Dialogue([{"author": "A", "text": "hi \U0001f600 you"}, {"author": "B", "text": "well"}])
    assert dialogue.text == "hi \U0001f600 you\nwell"
    span = dialogue.span({"start": "0", "end": "1", "startOffset": 6, "endOffset": 4})
    assert dialogue.text[span.start : span.end] == "you\nwell"
    with pytest.raises(ValueError, match="no such phrase"):
        dialogue.span({"start": "2", "end": "2", "startOffset": 0, "endOffset": 1})


def test_rich_text_counts_in_what_is_rendered():
    html = "<p>One <b>two</b> &amp; three</p><script>no</script>"
    assert rendered(html) == "One two & three"
    value = {
        "start": "/p[1]/b[1]/text()[1]",
        "end": "/p[1]/b[1]/text()[1]",
        "startOffset": 0,
        "endOffset": 3,
        "globalOffsets": {"start": 4, "end": 7},
        "text": "two",
        "hypertextlabels": ["N"],
    }
    task = {
        "data": {"html": html},
        "annotations": [{"result": [result("hypertextlabels", value, to_name="html")]}],
    }
    (item,) = items(task)
    assert item.media == "One two & three"
    assert item.annotations[0].regions[0].shape == TextSpan(4, 7)


def test_made_configs_are_read_back():
    for name in ("classification", "ner", "bounding_boxes", "video_tracks", "audio_regions", "segmentation"):
        config = read_labeling_config(make_config(name, ["a <b>", 'c "d"']))
        assert config.labels() == ("a <b>", 'c "d"')
        assert all(
            target == config.objects[0].name for control in config.controls for target in control.to_names
        )


def test_a_config_with_a_doctype_is_refused():
    with pytest.raises(InputError, match="DOCTYPE"):
        read_labeling_config('<!DOCTYPE x [<!ENTITY a "b">]><View><Text name="&a;" value="$t"/></View>')
    with pytest.raises(InputError, match="not XML"):
        read_labeling_config("<View><Text></View>")
