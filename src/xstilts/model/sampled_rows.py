"""Training rows that are drawn anew at each visit: the same text in other pieces, or the same example in other words.

Robust training reads them (`segmentation` and `code_mix` of `recipe/robust.py`). A draw depends on its numbers and its example,
and on nothing that was drawn before, so a training that goes on after a stop draws what it would have drawn.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random

import numpy as np
from numpy.typing import NDArray

from xstilts.attacks.attack import Attack, Pool
from xstilts.formats.format import Example
from xstilts.model.codecs.codec import Codec, Feature
from xstilts.model.segmentation import SampledTokenizer, encode_sampled

# (place of an example, random numbers) -> its features, drawn by these numbers.
Draw = Callable[[int, Sequence[int]], list[Feature]]


class SampledRows:
    """The training rows of a task, drawn anew at each visit. `owners`: of each row the place of its example, in rising order,
    shape (rows,)."""

    def __init__(self, draw_example: Draw, owners: NDArray[np.int64]):
        self.draw_example, self.owners = draw_example, owners

    def draw(self, row: int, *numbers: int) -> Feature:
        """A row, drawn by these numbers. An example with several rows (windows, parts) may have more of them when it becomes more
        pieces; each of its rows then stands for an equal share of these, of which one is drawn."""
        owner = int(self.owners[row])
        first, end = np.searchsorted(self.owners, owner), np.searchsorted(self.owners, owner, "right")
        found = self.draw_example(owner, numbers)
        place = (row - first + np.random.default_rng(numbers).random()) / (end - first)
        return replace(found[int(place * len(found))], example=owner)


def cut_anew(codec: Codec, tokenizer: SampledTokenizer, examples: Sequence[Example]) -> Draw:
    """The examples with words cut at random."""
    return lambda place, numbers: encode_sampled(codec, tokenizer, [examples[place]], True, lambda _: numbers)


def mix_anew(codec: Codec, attack: Attack, share: float, examples: Mapping[str, Sequence[Example]]) -> Draw:
    """The examples, language after language, with at most this share of their words replaced by an attack that edits words. Where
    it does not apply to a language or finds nothing to replace, the example stays as it is. Raises InputError at the first draw
    if the attack's words are in another language."""
    quiet = copy.copy(codec)
    places: list[tuple[Example, str, Pool]] = []
    for language, some in examples.items():
        pool = Pool(some)
        places += [(example, language, pool) for example in some]

    def draw(place: int, numbers: Sequence[int]) -> list[Feature]:
        example, language, pool = places[place]
        rng = Random(repr(tuple(map(int, numbers))))
        variant = None if attack.excludes(language) else attack.make(example, language, rng, share, pool)
        quiet.unreached = []  # those of one draw among many
        return quiet.encode([variant.example if variant else example], True)

    return draw
