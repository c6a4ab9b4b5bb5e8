"""Which question a choice answers, where a format has one choice for a whole task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from exporters.label_studio.labeling_config import LabelingConfig
from exporters.records import Answer, Region, plain


class Questions:
    """Knows from the labeling config which choices stand under several controls."""

    def __init__(self, config: LabelingConfig):
        controls = [control for control in config.controls if control.tag == "Choices"]
        counts = Counter(label for control in controls for label in set(control.labels))
        self._known = {label for label, count in counts.items() if count == 1}

    def are_mixed(self, regions: Sequence[Region]) -> bool:
        """Return whether choices of several controls stand side by side, and do not tell of which they are.

        "yes" to one question and "no" to another are lost without the questions; "red" and "large" are not
        where the config offers each under one control only.
        """
        chosen = [(region.control, region.shape) for region in regions if type(region.shape) is Answer]
        asked = {control for control, answer in chosen if answer.kind == "choices"}
        if len(asked) < 2:
            return False
        values = (value for _, answer in chosen if answer.kind == "choices" for value in answer.values)
        return not all(plain(value) in self._known for value in values)
