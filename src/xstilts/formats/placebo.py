"""Placebo data: the same inputs with answers at random (the shuffled-label control; see docs/protocols.md).

What a chain gains with gold answers over its placebo is what the *task* gives. The rest comes from its text, the length of its
training and its head. How the answers of a format are shuffled is stated by the format (`Format.shuffle`).
"""

from collections.abc import Sequence

import numpy as np

from xstilts.formats.format import Example, Format


def shuffle_answers(format: Format, examples: Sequence[Example], seed: int) -> list[Example]:
    """The examples in their order with shuffled answers, a function of the seed."""
    return format.shuffle(examples, np.random.default_rng([seed, 0x91ACEB0]))
