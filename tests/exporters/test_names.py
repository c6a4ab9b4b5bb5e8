"""Names of files as CVAT finds them again, out of the addresses in tasks."""

import pytest

from exporters.cvat.names import ImageNames, SeenHashes
from exporters.paths import basename, climbs, media_name, stem
from tests.exporters.converting import converted, told


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("a.jpg", "a.jpg"),
        ("d/a b.jpg", "d/a b.jpg"),
        ("/data/upload/9/11aa-p1.png", "9/11aa-p1.png"),
        ("/data/local-files/?d=photos/a%20b.jpg", "photos/a b.jpg"),
        ("s3://bucket/2026/a.jpg", "2026/a.jpg"),
        ("https://example.org/x/a%20b.jpg?sig=1#top", "x/a b.jpg"),
        ("C:\\photos\\a.jpg", "photos/a.jpg"),
        ("..\\..\\a.jpg", "a.jpg"),
        ("/etc/../a.jpg", "etc/a.jpg"),
        ("./d//a.jpg", "d/a.jpg"),
        ("100%25.jpg", "100%25.jpg"),
        ("what?.jpg", "what?.jpg"),
        ("data:image/png;base64,AAAA", ""),
        ("http://[broken/a.jpg", "http:/[broken/a.jpg"),
        ("/", ""),
    ],
)
def test_a_name_is_the_path_of_an_address_inside_its_folder(address, name):
    assert media_name(address) == name


@pytest.mark.parametrize(
    ("name", "last", "root"),
    [
        ("d/a.b.jpg", "a.b.jpg", "d/a.b"),
        ("a", "a", "a"),
        ("d/.hidden", ".hidden", "d/.hidden"),
        ("d.x/a", "a", "d.x/a"),
    ],
)
def test_a_stem_is_what_cvat_compares(name, last, root):
    assert (basename(name), stem(name)) == (last, root)


def test_a_step_up_is_seen_on_either_system():
    assert [climbs(each) for each in ("a/../b", "..\\b", "a..b", "a/b")] == [True, True, False, False]


def test_a_name_is_used_once_whatever_its_extension():
    names = ImageNames("path")
    found = [
        names.given(*names.wanted(each), at) for at, each in enumerate(("a.jpg", "a.png", "a.jpg", "b/a.jpg"))
    ]
    assert [name for name, _ in found] == ["a.jpg", "a-2.png", "a-3.jpg", "b/a.jpg"]
    assert [bool(how) for _, how in found] == [False, True, True, False]


def test_a_free_name_is_one_that_nobody_has_yet():
    names = ImageNames("path")
    found = [
        names.given(*names.wanted(each), at)[0]
        for at, each in enumerate(("a-2.jpg", "a.jpg", "a.png", "a.gif"))
    ]
    assert found == ["a-2.jpg", "a.jpg", "a-3.png", "a-4.gif"]


def test_base_names_alone_are_given_where_uploads_keep_no_folder():
    names = ImageNames("basename")
    assert [names.given(*names.wanted(each), 0)[0] for each in ("x/a.jpg", "y/a.jpg")] == ["a.jpg", "a-2.jpg"]


def test_a_task_without_a_file_is_named_after_its_place_and_counted(tmp_path):
    given = [{"data": {"image": each}} for each in ("data:image/png;base64,AAAA", "a.png")]
    text, report = converted(tmp_path, "in.json", given, ".xml")
    assert 'name="image_000000"' in text
    assert told(report) == {"image name": {"the task names no file": 1}}


def test_ten_thousand_names_are_known_again_and_no_other():
    seen = SeenHashes()
    assert not any(seen.add(f"image {number}") for number in range(10_000))
    assert all(seen.add(f"image {number}") for number in range(0, 10_000, 97))
    assert not seen.add("image 10000")
