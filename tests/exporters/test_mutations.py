"""Whatever is wrong in a real file, no label vanishes from it without a word.

`CLEAN_AL_MUTATIONS=20000 pytest tests/exporters/test_mutations.py` tries as many; `CLEAN_AL_SEED` others.
"""

import os
import random

import pytest

from tests.exporters.mutations import Mutant, lost_in_silence, things
from tests.exporters.shared import need

COUNT = int(os.environ.get("CLEAN_AL_MUTATIONS", "300"))
SEED = int(os.environ.get("CLEAN_AL_SEED", "1"))

pytestmark = pytest.mark.timeout(300 + COUNT // 4)


def test_no_label_vanishes_from_a_real_file_in_silence(tmp_path):
    choice = random.Random(SEED)
    found = need(things())
    by_tool = {
        tool: [thing for thing in found if thing[0] == tool] for tool in sorted({t for t, *_ in found})
    }
    lost = []
    for number in range(COUNT):
        tool, thing, config = choice.choice(by_tool[choice.choice(list(by_tool))])
        mutant = Mutant(tool, thing, SEED * 1_000_000 + number)
        lost += [f"{number} {tool} {line}" for line in lost_in_silence(mutant, config, tmp_path)]
    assert lost == []
