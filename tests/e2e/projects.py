"""Projects to label, and annotators who know the answers."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Mapping
from typing import Any

from PIL import Image

from backend.label_studio.client import LabelStudio
from tests.client import FullLabelStudio

TEXT_CONFIG = """<View>
  <Text name="text" value="$text"/>
  <Choices name="topic" toName="text">{choices}</Choices>
</View>"""
IMAGE_CONFIG = """<View>
  <Image name="image" value="$image"/>
  <Choices name="topic" toName="image"><Choice value="dark"/><Choice value="light"/></Choices>
</View>"""
NUMBERS_CONFIG = """<View>
  <Header name="header" value="Is it heavy?"/>
  <Choices name="topic" toName="header"><Choice value="light"/><Choice value="heavy"/></Choices>
</View>"""

WORDS = {
    "sport": "match goal team referee league striker coach season penalty stadium tackle keeper",
    "food": "recipe oven flour butter sauce pepper garlic simmer salad dessert kitchen spoon",
    "space": "orbit rocket planet lunar telescope galaxy comet satellite launch gravity probe crater",
}
COMMON = "the a of with after before new old very first last some many people day week report"

Json = dict[str, Any]
Answers = Callable[[Mapping[str, Any]], str]


def text_config(*labels: str) -> str:
    """Return a config with one choice among `labels` on a text."""
    return TEXT_CONFIG.format(choices="".join(f'<Choice value="{label}"/>' for label in labels))


def texts(n: int, seed: int = 0) -> list[Json]:
    """Return `n` distinct short texts, each about one topic; about a fifth of them hard to tell."""
    rng = random.Random(seed)
    made = []
    for number in range(n):
        topic = rng.choice(list(WORDS))
        own = rng.choices(WORDS[topic].split(), k=rng.choice([1, 3, 4, 5, 6]))
        words = own + rng.choices(COMMON.split(), k=rng.randint(3, 9))
        rng.shuffle(words)
        made.append({"text": f"{' '.join(words)} {number}"})
    return made


def topic_of(data: Mapping[str, Any]) -> str:
    """Return the topic of a text: the one most of its words belong to."""
    words = data["text"].split()
    return max(WORDS, key=lambda topic: sum(word in WORDS[topic].split() for word in words))


def make_text_project(admin: LabelStudio, n: int, *, title: str = "topics", seed: int = 0) -> int:
    """Return the id of a new project with `n` texts."""
    project = admin.create_project(title=title, label_config=text_config(*WORDS))
    admin.import_tasks(project["id"], texts(n, seed))
    return int(project["id"])


def make_image_project(admin: LabelStudio, n: int) -> int:
    """Return the id of a new project with `n` uploaded pictures, even ones dark."""
    project = int(admin.create_project(title="pictures", label_config=IMAGE_CONFIG)["id"])
    paths = [admin.upload_file(project, f"{i}.png", png(i), "image/png") for i in range(n)]
    admin.import_tasks(project, [{"image": path} for path in paths])
    return project


def png(number: int) -> bytes:
    """Return a small picture: dark for an even number, light for an odd one, each a little different."""
    rng = random.Random(number)
    base = 40 if number % 2 == 0 else 200
    picture = Image.new("L", (16, 16))
    picture.putdata([base + rng.randint(-30, 30) for _ in range(256)])
    target = io.BytesIO()
    picture.save(target, "PNG")
    return target.getvalue()


def brightness(data: Mapping[str, Any]) -> str:
    """Return "dark" or "light" for a picture of `make_image_project`, from its file name."""
    number = int(data["image"].rsplit("-", 1)[1].removesuffix(".png"))
    return "dark" if number % 2 == 0 else "light"


def make_number_project(admin: LabelStudio, n: int) -> int:
    """Return the id of a new project with `n` rows of numbers and nothing else to see."""
    project = int(admin.create_project(title="numbers", label_config=NUMBERS_CONFIG)["id"])
    rng = random.Random(1)
    rows = [{"weight": rng.uniform(0, 100), "height": rng.uniform(0, 2), "name": f"n{i}"} for i in range(n)]
    admin.import_tasks(project, rows)
    return project


def heaviness(data: Mapping[str, Any]) -> str:
    """Return the answer for a row of `make_number_project`."""
    return "heavy" if data["weight"] > 50 else "light"


def choice(label: str, to_name: str = "text") -> list[Json]:
    """Return the result of an annotation that chooses `label`."""
    return [
        {"from_name": "topic", "to_name": to_name, "type": "choices", "value": {"choices": [label]}},
    ]


class Annotator:
    """A user who labels over the API, as the labeling page does."""

    def __init__(self, url: str, token: str, answers: Answers = topic_of, to_name: str = "text"):
        self.label_studio = FullLabelStudio(url, token)
        self._answers, self._to_name = answers, to_name

    def next_task(self, project_id: int) -> Json | None:
        """Return the task that is served to this user."""
        return self.label_studio.next_task(project_id)

    def label(self, task: Mapping[str, Any]) -> Json:
        """Give a task the right answer."""
        answer = choice(self._answers(task["data"]), self._to_name)
        return self.label_studio.annotate(int(task["id"]), answer)

    def label_next(self, project_id: int) -> int:
        """Label the task that is served, and return its id."""
        task = self.next_task(project_id)
        assert task is not None, "nothing is left to label"
        self.label(task)
        return int(task["id"])

    def skip(self, task_id: int) -> Json:
        return self.label_studio.annotate(task_id, [], was_cancelled=True)
