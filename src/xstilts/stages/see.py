"""see: vectors of all pictures that the examples of a task name, made once by a frozen vision tower.

Pictures are found in the data folder by their official names, or drawn; they are never copied into the store. Their bytes are not
in the key: whoever changes a picture under its name has to make the vectors anew (`xstilts store gc`). The record of the run has
the hash of all of them.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xstilts.errors import InputError
from xstilts.formats.jsonl import read_jsonl
from xstilts.stages.contracts import SeeConfig, SeeInputs
from xstilts.stages.device import device
from xstilts.stages.job import Job
from xstilts.tasks.registry import find_task
from xstilts.vision.features import write_features
from xstilts.vision.tower import find_tower

SeeJob = Job[SeeConfig, SeeInputs[Path]]


def run(job: SeeJob) -> None:
    """Leaves `features.npy` and `names.json` (see `vision.features`). In the run's facts: how many pictures, what was done to
    some of them (turned, flattened ...), and the hash of their pixels."""
