"""What a model of pictures owes to its picture: another picture in its place, or none.

Nothing keeps the answer here, so the score is that of the changed examples themselves and not the worst of several: what is left
is what the text alone (and luck) gives.
"""

from dataclasses import replace
from random import Random

from xstilts.attacks.attack import Attack, Pool, Variant
from xstilts.formats.format import Example
from xstilts.formats.image_pair import ImagePair, ImagePairExample


def exchange_picture(example: Example, language: str, rng: Random, budget: float, pool: Pool) -> Variant | None:
    """The picture of another example of the test set, never the same picture."""
    assert isinstance(example, ImagePairExample)
    others = [other for other in pool.pictures if other != example.picture]
    return Variant(replace(example, picture=rng.choice(others)), example.id) if others else None


def remove_picture(example: Example, language: str, rng: Random, budget: float, pool: Pool) -> Variant | None:
    """No picture at all."""
    assert isinstance(example, ImagePairExample)
    return Variant(replace(example, picture=""), example.id) if example.picture else None


SHUFFLED_PICTURES = Attack(
    name="shuffled_pictures",
    title="another picture",
    description="The picture is exchanged for another one of the test set, the text stays.",
    level="R0",
    goal="ablation",
    formats=(ImagePair,),
    cite="Shekhar et al. 2017 (FOIL) and many since",
    compose=exchange_picture,
)
BLANK_PICTURE = Attack(
    name="blank_picture",
    title="no picture",
    description="The picture is left out, and the text stands alone.",
    level="R0",
    goal="ablation",
    formats=(ImagePair,),
    cite="the usual control of visual question answering",
    compose=remove_picture,
)
