"""What a task shows where no labeling config says it: by its results, its values, its keys."""

import pytest

from exporters.label_studio.groups import Grouper
from exporters.label_studio.guess import guess_shown, kind_of_result, kind_of_value
from exporters.label_studio.labeling_config import LabelingConfig, read_labeling_config


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("a/b.JPG", "image"),
        ("http://127.0.0.1/x.mp4?token=1", "video"),
        ("s3://bucket/x.flac", "audio"),
        ("data:image/png;base64,AA", "image"),
        ("just words.", None),
        ([{"author": "A", "text": "hi"}], "paragraphs"),
        (["1.png", "2.png"], "image"),
        (["1.png", "words"], None),
        ([], None),
        (7, None),
        (None, None),
    ],
)
def test_a_value_tells_its_medium(value, kind):
    assert kind_of_value(value) == kind


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        ({"type": "rectanglelabels", "value": {}}, "image"),
        ({"type": "labels", "original_width": 5, "value": {"x": 1}}, "image"),
        ({"type": "videorectangle", "value": {"sequence": []}}, "video"),
        ({"type": "timelinelabels", "value": {"ranges": []}}, "video"),
        ({"type": "timeserieslabels", "value": {"start": 1, "end": 2}}, "series"),
        ({"type": "hypertextlabels", "value": {"start": "/p[1]", "globalOffsets": {}}}, "html"),
        ({"type": "paragraphlabels", "value": {"start": "0"}}, "paragraphs"),
        ({"type": "labels", "value": {"start": 0, "end": 4, "text": "Bern"}}, "text"),
        ({"type": "labels", "value": {"start": 0.5, "end": 1.5}}, "audio"),
        ({"type": "labels", "value": {"start": 1, "end": 2, "channel": 0}}, "audio"),
        ({"type": "choices", "value": {"choices": ["a"]}}, None),
        ({"type": "labels", "value": "none"}, None),
    ],
)
def test_a_result_tells_what_it_lies_on(item, kind):
    assert kind_of_result(item) == kind


SPAN = {"type": "labels", "value": {"start": 0, "end": 3, "text": "Ulm", "labels": ["LOC"]}}


@pytest.mark.parametrize(
    ("data", "results", "target", "kind", "shown"),
    [
        ({"pic": "a.png", "note": "words"}, [], "", "image", "a.png"),
        ({"note": "words", "n": 4}, [], "", "text", "words"),
        ({"picture": "no suffix"}, [], "", "image", "no suffix"),
        ({"b": "b.png", "a": "a.png"}, [{"type": "rectanglelabels", "source": "$a"}], "i", "image", "a.png"),
        ({"b": "b.png", "a": "a.png"}, [{"type": "rectanglelabels"}], "a", "image", "a.png"),
        ({"doc": {"body": "Bern"}}, [{"type": "choices", "source": "$doc.body"}], "t", "text", "Bern"),
        ({"p": [{"f": "0.png"}, {"f": "1.png"}]}, [{"type": "rectanglelabels"}], "p_1", "image", "1.png"),
        ({"p": [{"who": "B", "line": "Ulm."}] * 2}, [SPAN], "t_1", "text", "Ulm."),
        ({"p": ["Bonn.", "Ulm."]}, [SPAN], "t_1", "text", "Ulm."),
        ({"p": ["Bonn.", "Ulm."]}, [{"type": "choices", "value": {}}], "t_1", "text", "Ulm."),
        # A list of tags beside the text is no text of its own.
        ({"tags": ["new", "old"], "t": "Ulm."}, [{"type": "choices", "value": {}}], "t1", "text", "Ulm."),
        ({"tags": ["new", "old"], "t": "Ulm."}, [SPAN], "t1", "text", "Ulm."),
        ({"my key": "words"}, [], "", "text", "words"),
        ({"a.b": "words"}, [], "", "text", "words"),
        ({"n": 4}, [], "", "other", 4),
        ({}, [], "", "other", ""),
    ],
)
def test_the_object_is_guessed_from_results_then_values_then_keys(data, results, target, kind, shown):
    found = guess_shown(data, results, target)
    assert (found.kind, found.value.resolve(data)) == (kind, shown)


def results_on(*places):
    return [{"id": str(n), "to_name": name, "item_index": page} for n, (name, page) in enumerate(places)]


def groups(config, data, *results):
    said = [({"id": n}, list(part), False) for n, part in enumerate(results)]
    return Grouper(read_labeling_config(config) if config else LabelingConfig()).groups(data, said)


TWO = '<View><Text name="t" value="$t"/><Image name="i" valueList="$pages"/></View>'


def test_pictures_come_before_texts_and_pages_in_their_order():
    data = {"t": "words", "pages": ["0.png", "1.png", "2.png"]}
    found = groups(TWO, data, results_on(("t", None), ("i", 2)), results_on(("i", 0)))
    assert [(g.shown.name, g.media) for g in found] == [
        ("i", "0.png"),
        ("i", "1.png"),
        ("i", "2.png"),
        ("t", "words"),
    ]
    assert [[len(results) for _, results, _ in g.entries] for g in found] == [[1], [0, 0], [1], [1]]


def test_a_relation_stays_with_the_region_that_it_starts_from():
    link = {"type": "relation", "from_id": "1", "to_id": "0"}
    image, text = groups(TWO, {"t": "x", "pages": ["0.png"]}, [*results_on(("i", 0), ("t", None)), link])
    assert link in text.entries[0][1]
    assert link not in image.entries[0][1]


def test_a_page_that_is_not_there_shows_nothing():
    (found, *_) = groups(TWO, {"pages": []}, results_on(("i", 3)))
    assert (found.media, found.page) == ("", 3)


def test_objects_that_show_the_same_are_one_and_those_that_show_nothing_stay_apart():
    one = groups("", {"image": "a.png"}, results_on(("x", None)), results_on(("y", None)))
    assert [(g.media, len(g.entries)) for g in one] == [("a.png", 2)]
    # Parts of one annotation, under two names of what they lie on, stay one annotation.
    both = groups("", {"image": "a.png"}, results_on(("x", None), ("y", None)))
    assert [(g.media, [len(results) for _, results, _ in g.entries]) for g in both] == [("a.png", [2])]
    two = groups("", {"n": {}}, results_on(("x", None)), results_on(("y", None)))
    assert [g.shown.name for g in two] == ["x", "y"]


def test_a_lone_object_takes_everything_whatever_its_results_call_it():
    config = '<View><Image name="i" value="$pic"/></View>'
    (found,) = groups(config, {"pic": "a.png"}, results_on(("other", None)), results_on(("i", None)))
    assert (found.media, len(found.entries)) == ("a.png", 2)
