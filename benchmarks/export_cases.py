"""The cases of `export_speed`, one a process: `export_cases.py CASE FOLDER`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def copy(folder: Path) -> None:
    """The floor: the bytes of the tasks, copied."""
    with (folder / "tasks.json").open("rb") as source, (folder / "copy.json").open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)


def read_orjson_lines(folder: Path) -> None:
    """The parser alone, on lines that need no cutting."""
    import orjson

    with (folder / "tasks.jsonl").open("rb") as file:
        for line in file:
            orjson.loads(line)


def read_ijson(folder: Path) -> None:
    """The usual way to read a JSON array in constant memory."""
    import ijson

    with (folder / "tasks.json").open("rb") as file:
        for _ in ijson.items(file, "item", use_float=True):
            pass


CONFIG = """<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">
<Label value="car"/><Label value="person"/><Label value="tree"/></RectangleLabels></View>"""


def _convert(folder: Path, name: str, config: str = CONFIG, jobs: int = 1) -> None:
    import exporters

    exporters.convert(folder / "tasks.json", folder / name, label_config=config, jobs=jobs)


def write_cvat(folder: Path) -> None:
    """Label Studio's JSON array to CVAT XML, end to end."""
    _convert(folder, "ours.xml")


def write_cvat_no_config(folder: Path) -> None:
    """The same, where what the tasks show has to be found out from them."""
    _convert(folder, "ours.xml", "")


def write_cvat_two_jobs(folder: Path) -> None:
    """Label Studio's JSON array to CVAT XML by two processes and the one that puts their pieces together."""
    _convert(folder, "ours.xml", jobs=2)


def write_prodigy_two_jobs(folder: Path) -> None:
    """Label Studio's JSON array to Prodigy's JSON Lines in the same way."""
    _convert(folder, "ours.jsonl", jobs=2)


def write_label_studio_two_jobs(folder: Path) -> None:
    """Label Studio's JSON array to itself in the same way."""
    _convert(folder, "ours.json", jobs=2)


def write_prodigy(folder: Path) -> None:
    """Label Studio's JSON array to Prodigy's JSON Lines, end to end."""
    _convert(folder, "ours.jsonl")


def write_prodigy_from_records(folder: Path) -> None:
    """Records to Prodigy's JSON Lines: 2,000 items, again and again, until there are as many as tasks."""
    from itertools import islice

    from exporters.contract import Job
    from exporters.json_stream import read_objects
    from exporters.label_studio.labeling_config import read_labeling_config
    from exporters.label_studio.reader import read_tasks
    from exporters.prodigy.writer import ProdigyWriter

    job = Job(folder / "records.jsonl", config=read_labeling_config(CONFIG))
    with (folder / "tasks.json").open("rb") as file:
        tasks = read_objects(file, "tasks.json")
        items = list(islice(read_tasks(tasks, job.config, job.options, job.ledger), 2000))
    writer = ProdigyWriter(job)
    count = sum(1 for _ in (folder / "tasks.jsonl").open("rb"))
    for number in range(count):
        writer.write(items[number % len(items)])
    writer.finish()
    job.outputs.commit()


def write_label_studio(folder: Path) -> None:
    """Label Studio's JSON array to itself."""
    _convert(folder, "ours.json")


def read_label_studio(folder: Path) -> None:
    """The JSON array, cut and parsed: no records made."""
    from exporters.json_stream import read_objects

    with (folder / "tasks.json").open("rb") as file:
        for _ in read_objects(file, "tasks.json"):
            pass


def read_cvat(folder: Path) -> None:
    """CVAT XML to records."""
    from exporters.cvat.reader import read_cvat as read
    from exporters.report import Ledger

    with (folder / "ours.xml").open("rb") as file:
        for _ in read(file, "ours.xml", Ledger()):
            pass


def lxml_xmlfile(folder: Path) -> None:
    """The tasks read by our splitter, the boxes worked out in place, the XML written by lxml as it goes."""
    from lxml import etree

    from exporters.json_stream import read_objects

    target = str(folder / "lxml.xml")
    with (folder / "tasks.json").open("rb") as file, etree.xmlfile(target) as document:  # noqa: SIM117
        with document.element("annotations"):
            for number, (task, _) in enumerate(read_objects(file, "tasks.json")):
                attributes = {
                    "id": str(number),
                    "name": task["data"]["image"],
                    "width": "1920",
                    "height": "1080",
                }
                with document.element("image", attributes):
                    for result in task["annotations"][0]["result"]:
                        with document.element("box", _box(result)):
                            pass


def _box(result: dict[str, Any]) -> dict[str, str]:
    value = result["value"]
    wide, high = result["original_width"] / 100, result["original_height"] / 100
    left, top = value["x"] * wide, value["y"] * high
    return {
        "label": value["rectanglelabels"][0],
        "source": "manual",
        "occluded": "0",
        "xtl": f"{left:.2f}",
        "ytl": f"{top:.2f}",
        "xbr": f"{left + value['width'] * wide:.2f}",
        "ybr": f"{top + value['height'] * high:.2f}",
        "z_order": "0",
    }


def datumaro_write(folder: Path) -> None:
    """The same tasks as datumaro's items, exported by datumaro; reading the JSON is in it, as in ours."""
    import orjson
    from datumaro.components.annotation import AnnotationType, Bbox, LabelCategories
    from datumaro.components.dataset import Dataset
    from datumaro.components.dataset_base import DatasetItem
    from datumaro.components.media import Image

    labels = LabelCategories.from_iterable(["car", "person", "tree"])
    items = []
    with (folder / "tasks.jsonl").open("rb") as file:
        for number, line in enumerate(file):
            task = orjson.loads(line)
            name = task["data"]["image"].rsplit("/", 1)[-1]
            boxes = []
            for result in task["annotations"][0]["result"]:
                value = result["value"]
                x, y = value["x"] * 19.2, value["y"] * 10.8
                label = labels.find(value["rectanglelabels"][0])[0]
                boxes.append(Bbox(x, y, value["width"] * 19.2, value["height"] * 10.8, label=label))
            media = Image.from_file(path=name, size=(1080, 1920))
            items.append(DatasetItem(name[:-4], media=media, annotations=boxes, attributes={"frame": number}))
    data = Dataset.from_iterable(items, categories={AnnotationType.label: labels})
    data.export(str(folder / "datumaro"), "cvat", save_media=False)


def datumaro_read(folder: Path) -> None:
    """Our XML read by datumaro, which wants the pictures to be there: empty files do."""
    from datumaro.components.dataset import Dataset

    place = folder / "datumaro_in"
    (place / "images" / "1").mkdir(parents=True)
    shutil.copyfile(folder / "ours.xml", place / "annotations.xml")
    for name in (folder / "ours.images.txt").read_text().split():
        (place / "images" / name).touch()
    count = sum(1 for _ in Dataset.import_from(str(place), "cvat"))
    assert count, "datumaro found nothing"


def fiftyone_read(folder: Path) -> None:
    """Our XML read by FiftyOne, which puts it into memory whole."""
    from fiftyone.utils.cvat import load_cvat_image_annotations

    _, _, images = load_cvat_image_annotations(str(folder / "ours.xml"))
    assert images, "FiftyOne found nothing"


def labelformat_read(folder: Path) -> None:
    """Our XML read by labelformat."""
    sys.modules["lxml"] = None  # type: ignore[assignment]  # with it, labelformat refuses a named encoding
    from labelformat.formats.cvat import CVATObjectDetectionInput

    assert sum(1 for _ in CVATObjectDetectionInput(folder / "ours.xml").get_labels()), "found nothing"


CASES: dict[str, Callable[[Path], None]] = {
    case.__name__: case
    for case in (
        copy,
        read_orjson_lines,
        read_ijson,
        write_cvat,
        write_cvat_no_config,
        write_cvat_two_jobs,
        write_prodigy_two_jobs,
        write_label_studio_two_jobs,
        write_prodigy,
        write_prodigy_from_records,
        write_label_studio,
        read_label_studio,
        read_cvat,
        lxml_xmlfile,
        datumaro_write,
        datumaro_read,
        fiftyone_read,
        labelformat_read,
    )
}

if __name__ == "__main__":
    CASES[sys.argv[1]](Path(sys.argv[2]))
