"""Small files after public bug reports, with the right value of each; their kinds are tested elsewhere."""

import json
import re

import pytest

from exporters import convert
from tests.exporters.shared import SHARED, need


def converted(tmp_path, name, target="o.jsonl", config=""):
    (source,) = need([path for path in [SHARED / "cases" / name] if path.exists()])
    said = (source.parent / config).read_text() if config else ""
    report = convert(source, tmp_path / target, label_config=said, strict=True)
    assert report.lossless
    assert "nothing was lost" in report.to_text()
    return (tmp_path / target).read_text()


@pytest.mark.parametrize(
    ("name", "config", "text", "spans"),
    [
        ("ls-json-min/ner_min.json", "", "Mara Lind moved to Oslo.", [(0, 9, "PER"), (19, 23, "LOC")]),
        ("ls-target-storage/text_85.json", "", "Oslo is cold.", [(0, 4, "LOC")]),
        ("ls-config-variables/nested.json", "nested.xml", "Mara left.", [(0, 4, "PER")]),
        (
            "ls-config-variables/template.json",
            "template.xml",
            "Subject: Leave // Mara left.",
            [(18, 22, "PER")],
        ),
        (
            "ls-paragraphs-text-key/tasks.json",
            "config.xml",
            "Good morning, front desk.\nA late checkout please.",
            [(0, 12, "Greeting"), (28, 41, "Request")],
        ),
        ("ls-quote-normalised/double_space.json", "", "Place: Bergen,  Norway.", [(7, 22, "LOC")]),
    ],
)
def test_texts_and_spans_are_those_that_label_studio_means(tmp_path, name, config, text, spans):
    (line,) = map(json.loads, converted(tmp_path, name, config=config).splitlines())
    assert line["text"] == text
    assert [(span["start"], span["end"], span["label"]) for span in line["spans"]] == spans


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("ls-json-min/choice_min.json", [("great value", ["Positive"]), ("broke in a day", ["Negative"])]),
        (
            "ls-target-storage/real_serializer_1.23.2.json",
            [("useless broken broken box arrived today item arrived", ["bad"])],
        ),
    ],
)
def test_choices_are_those_that_label_studio_means(tmp_path, name, found):
    lines = [json.loads(line) for line in converted(tmp_path, name).splitlines()]
    assert [(line["text"], line["accept"]) for line in lines] == found


def test_each_page_of_a_repeater_is_an_image(tmp_path):
    text = converted(tmp_path, "ls-repeater-pages/tasks.json", "o.xml", "config.xml")
    images = re.findall(r'<image id="\d" name="([^"]+)" width="(\d+)" height="(\d+)">', text)
    assert images == [("9/11aa-p1.png", "1000", "1400"), ("9/22bb-p2.png", "800", "1200")]
    boxes = re.findall(
        r'<box label="(\w+)".*? xtl="([\d.]+)" ytl="([\d.]+)" xbr="([\d.]+)" ybr="([\d.]+)"', text
    )
    assert boxes == [
        ("Stamp", "100.00", "140.00", "300.00", "210.00"),
        ("Signature", "400.00", "960.00", "640.00", "1032.00"),
    ]
    assert text.index("Stamp", text.index("<image")) < text.index("p2.png")
