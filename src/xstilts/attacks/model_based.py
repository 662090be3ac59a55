"""Attacks that a model makes: the victim's own, from its gradients, or the encoder that it began as. Here are the records; the
work is in `xstilts.stages.white_box` and `xstilts.stages.masked_words`, since it needs torch.

Nothing keeps the label: what they find bounds the fragility of a model from above, and is no error rate. A judge (another model)
can say which texts still mean the same.
"""

from xstilts.attacks.attack import Attack
from xstilts.data.script import find_script
from xstilts.formats.choice import Choice
from xstilts.formats.classify import Classify
from xstilts.formats.tag import Tag

CHOOSING = (Classify, Choice, Tag)  # formats whose answers have margins
PGD_SIZES = (0.01, 0.03, 0.1, 0.3)


def _lacks_blanks(language: str) -> str:
    script = find_script(language)
    assert script is not None, "`excludes` asked before"
    return "no blanks stand between words, so a piece of the tokenizer is no word" if is_unspaced(script.kind) else ""


def is_unspaced(kind: str) -> bool:
    """Whether scripts of this kind have no blanks between words."""
    return kind in ("unspaced", "logographic")


HOTFLIP = Attack(
    name="hotflip",
    title="flips of words by gradients",
    description=(
        "A word becomes another one of the same script, of those that lower the margin of the right answer most to first order: "
        "(e_new - e_old) times its gradient, over words that are one piece of the tokenizer. The eight best are tried as texts, "
        "tokenised anew; each word takes one backward pass. An upper bound of fragility: nothing keeps the label."
    ),
    level="R4",
    goal="invariance",
    formats=CHOOSING,
    by_model=True,
    leaves_out=_lacks_blanks,
    budget=3,
    most=3,
    unit="words",
    cite="Ebrahimi et al. 2018 (HotFlip)",
)
PGD = Attack(
    name="pgd",
    title="noise on word embeddings",
    description=(
        "Ten steps along the gradient move the word embeddings, each inside a ball; padding and special tokens stay. "
        "A diagnostic of smoothness and no text. Without a budget the sizes 0.01, 0.03, 0.1 and 0.3 are tried one by one."
    ),
    level="R4",
    goal="invariance",
    formats=CHOOSING,
    by_model=True,
    budget=0.1,
    most=10,
    unit="share of the mean norm of the word embeddings, for each word",
    cite="Madry et al. 2018 (projected gradient descent); Zhu et al. 2020 (on word embeddings)",
)
SUBSTITUTE = Attack(
    name="substitute",
    title="words from a masked language model",
    description=(
        "A word becomes one that the encoder, as it was before any fine-tuning, would put in its place: the likeliest of the "
        "same script that are one piece of the tokenizer. Greedy search, or a beam; --count is how many are tried for a word. "
        "An antonym is as likely as a synonym: without a judge this is an upper bound of fragility."
    ),
    level="R3",
    goal="invariance",
    formats=(Classify, Choice),
    by_model=True,
    leaves_out=_lacks_blanks,
    budget=0.1,
    most=0.4,
    unit="share of words",
    cite="Li et al. 2020 (BERT-Attack); Li et al. 2021 (CLARE)",
)
