"""What follows from the form of a pair: the order of the two texts does not matter, and a text means what it means itself.

Pairs whose texts are equal are left out: PAWS-X has some, made by translation, and a few of them are labelled 0.
"""

from dataclasses import replace
from random import Random

from xstilts.attacks.attack import Attack, Pool, Variant
from xstilts.attacks.first_wave.anchors import needs_two_texts
from xstilts.attacks.text import is_placeholder
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.format import Example

PARAPHRASE = ("pawsx", "qqp", "world/paraphrase")


def _is_pair(example: Example) -> bool:
    assert isinstance(example, ClassifyExample)
    return len(set(example.texts)) == 2 and not any(map(is_placeholder, example.texts))


def turn_round(example: Example, language: str, rng: Random, budget: float, pool: Pool) -> Variant | None:
    """The pair in the other order."""
    assert isinstance(example, ClassifyExample)
    return Variant(replace(example, texts=example.texts[::-1]), example.id) if _is_pair(example) else None


def pair_with_itself(example: Example, language: str, rng: Random, budget: float, pool: Pool) -> Variant | None:
    """One of the two texts, twice; the label is 1."""
    assert isinstance(example, ClassifyExample)
    text = rng.choice(example.texts)
    return Variant(replace(example, texts=(text, text), answer="1"), example.id) if _is_pair(example) else None


SYMMETRY = Attack(
    name="symmetry",
    title="texts in the other order",
    description="The two texts of a paraphrase pair change places. The label stays.",
    level="R0",
    goal="invariance",
    formats=(Classify,),
    cite="Ribeiro et al. 2020 (CheckList)",
    compose=turn_round,
    wants=needs_two_texts,
    tasks=PARAPHRASE,
)
SELF_PAIR = Attack(
    name="self_pair",
    title="a text with itself",
    description="One of the two texts stands on both sides, so the label is 1 whatever it was.",
    level="R0",
    goal="minimum functionality",
    formats=(Classify,),
    cite="Ribeiro et al. 2020 (CheckList)",
    compose=pair_with_itself,
    wants=needs_two_texts,
    tasks=PARAPHRASE,
)
