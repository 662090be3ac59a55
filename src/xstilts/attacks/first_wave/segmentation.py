"""Sampled segmentation: the same text in other pieces. `model/segmentation.py` draws them.

It is the one attack that needs no reader who forgives it: nobody sees any change. The usual budget is the exponent 0.3 of xTune,
which is also that of robust training by segmentation.
"""

from xstilts.attacks.attack import Attack
from xstilts.formats.choice import Choice
from xstilts.formats.classify import Classify
from xstilts.formats.image_pair import ImagePair
from xstilts.formats.span import Span
from xstilts.formats.tag import Tag

SEGMENTATION = Attack(
    name="segmentation",
    title="sampled segmentation",
    description=(
        "The text stays, and every word is cut into other pieces: each cut is drawn in proportion to its probability ** (1 - "
        "budget) under the encoder's own tokenizer, which must be a Unigram model, as that of XLM-R is. With a budget near 0 the "
        "cuts come as often as they are probable, with 1 all are equally likely."
    ),
    level="R0",
    goal="invariance",
    formats=(Classify, Choice, Tag, Span, ImagePair),
    cite="Kudo 2018 (arXiv 1804.10959); Zheng et al. 2021 (xTune, arXiv 2106.08226; exponent 0.3)",
    cuts=True,
    budget=0.7,
    unit="share of evenness, 1 minus the exponent",
    resource="the encoder's tokenizer",
)
