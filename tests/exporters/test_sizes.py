"""Where the size of a picture comes from, and the options around it."""

import re

import pytest
from PIL import Image

from exporters import OptionError
from exporters.options import MOST_JOBS, make_options, size_on_disk
from tests.exporters.converting import SIZE, box, converted, task, told

SIDEWAYS, UPRIGHT = 6, 1


def unsized(**more):
    return {key: value for key, value in box(**more).items() if key not in SIZE}


def picture(folder, name="a.jpg", orientation=UPRIGHT):
    exif = Image.Exif()
    exif[0x0112] = orientation
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 20)).save(folder / name, exif=exif)


@pytest.mark.parametrize(
    ("orientation", "size"), [(UPRIGHT, (40, 20)), (3, (40, 20)), (SIDEWAYS, (20, 40)), (8, (20, 40))]
)
def test_a_picture_on_disk_is_as_large_as_a_browser_shows_it(tmp_path, orientation, size):
    picture(tmp_path, orientation=orientation)
    assert size_on_disk(tmp_path, "a.jpg") == size


@pytest.mark.parametrize("name", ["b.jpg", "../a.jpg", "..", "", "words.txt", "sub"])
def test_what_is_no_picture_inside_the_folder_has_no_size(tmp_path, name):
    picture(tmp_path, "a.jpg")
    inside = tmp_path / "root"
    (inside / "sub").mkdir(parents=True)
    (inside / "words.txt").write_text("no picture")
    assert size_on_disk(inside, name) is None


@pytest.mark.parametrize(
    "options",
    [
        {"sizes": {"a.jpg": (200, 100)}},
        {"sizes": lambda name: (200, 100) if name == "a.jpg" else None},
        {"sizes": {"/data/upload/a.jpg": (200, 100)}},
    ],
)
def test_sizes_are_looked_up_by_address_or_by_name(tmp_path, options):
    given = task({"image": "/data/upload/a.jpg"}, unsized())
    text, report = converted(tmp_path, "in.json", [given], ".xml", **options)
    assert re.findall(r'width="(\d+)" height="(\d+)"', text) == [("200", "100")]
    # 10 % of 200 and of 100, then 20 % and 5 % more.
    assert 'xtl="20.00" ytl="10.00" xbr="60.00" ybr="15.00"' in text
    assert report.lossless


def test_the_size_in_the_task_stands_before_all_others(tmp_path):
    text, _ = converted(
        tmp_path, "in.json", [task({"image": "a.jpg"}, box())], ".xml", sizes={"a.jpg": (7, 7)}
    )
    assert 'width="100" height="200"' in text


def test_the_size_of_a_picture_in_a_folder_is_found(tmp_path):
    picture(tmp_path / "root", "p/a.jpg")
    given = task({"image": "/data/local-files/?d=p/a.jpg"}, unsized())
    text, _ = converted(tmp_path, "in.json", [given], ".xml", image_root=tmp_path / "root")
    assert 'name="p/a.jpg" width="40" height="20"' in text


def test_without_a_size_boxes_are_dropped_with_the_remedy(tmp_path):
    _, report = converted(tmp_path, "in.json", [task({"image": "a.jpg"}, unsized())], ".xml")
    why = "the size of the picture is not known: give sizes or image_root"
    assert told(report) == {"rectanglelabels": {why: 1}}


@pytest.mark.parametrize("jobs", [0, -1, MOST_JOBS + 1, True, "2", 1.0])
def test_a_number_of_processes_that_is_none_is_refused(jobs):
    with pytest.raises(OptionError, match=f"valid: 1 to {MOST_JOBS}"):
        make_options({"jobs": jobs})


def test_an_unknown_option_names_the_valid_ones():
    with pytest.raises(OptionError, match=r"unknown option 'size'; valid: .*sizes"):
        make_options({"size": 3})
    with pytest.raises(OptionError, match="annotators='some' is unknown; valid: all, latest, ground_truth"):
        make_options({"annotators": "some"})
