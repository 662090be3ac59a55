"""Which meanings belong to which split, and how many are drawn.

Train, dev and test are disjoint by construction: the checksum of a meaning decides its split, so that one split can be drawn
without the others. All languages of a task draw the same meanings, so their ids are parallel.
"""

import random
import zlib
from collections.abc import Callable, Iterator
from typing import TypeVar

from xstilts.world.concepts import DOMAINS
from xstilts.world.config import WorldConfig

Meaning = TypeVar("Meaning")


def assign_split(meaning: object) -> str:
    """test for one meaning in four, dev for one in eight, else train."""
    return ("test", "test", "dev", *(["train"] * 5))[zlib.crc32(repr(meaning).encode()) % 8]


# The field of the config that has the size of a task's training data, where it is not the name before "_".
SIZES = {**{f"nli_{domain}": "nli_domain" for domain in DOMAINS}, "caption": "xvnli", "hypothesis": "xvnli"}


def get_size(config: WorldConfig, task: str, split: str) -> int:
    """The number of examples of a split in each language."""
    if split == "train":
        split = SIZES.get(task, task.partition("_")[0])
    count: int = getattr(config, split)
    return count


def draw_meanings(
    config: WorldConfig, task: str, split: str, meaning: Callable[[random.Random], Meaning | None]
) -> Iterator[tuple[str, Meaning]]:
    """(id, meaning) for each example of a split. `meaning` is called until it gives enough different meanings of this split.

    None from `meaning` is a draw that cannot be used (an ambiguous question, for example)."""
    rng = random.Random(f"{config.seed} {task} {split}")
    needed, seen = get_size(config, task, split), set[str]()
    for _ in range(1000 * needed):
        if len(seen) == needed:
            return
        one = meaning(rng)
        spelled = repr(one)
        if one is None or spelled in seen or assign_split(one) != split:
            continue
        yield f"{task}-{split}-{len(seen)}", one
        seen.add(spelled)
    raise AssertionError(f"world/{task} {split}: {needed} different meanings do not exist; ask for fewer")
