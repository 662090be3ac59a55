"""Code-mixing by words, after PolyGloss: a word becomes its translation in another language.

The translation is a word of the same example in that language, in the form that it has there. Answers stay as they are.
"""

from random import Random

from xstilts.attacks.attack import Attack, Pool
from xstilts.attacks.code_mixing.parallel import find_word, is_fixed, list_guests, needs_blanks
from xstilts.attacks.edits import Place
from xstilts.formats.choice import Choice
from xstilts.formats.classify import Classify
from xstilts.formats.format import Example
from xstilts.formats.span import Span


def mix_words(example: Example, place: Place, language: str, rng: Random, pool: Pool) -> str | None:
    """The word that this one is linked with in one of the other languages, each of them as likely; None if there is none."""
    if is_fixed(example, place.part, place.start, place.end):
        return None
    found = [find_word(example, place, language, other, pool) for other in list_guests(example, language, pool)]
    return rng.choice(known) if (known := [word for word in found if word]) else None


CODE_MIX = Attack(
    name="code_mix",
    title="words of other languages",
    description="Words become their translations in other languages, as these stand in the same example there. Which word"
    " translates which is learnt from the test set in all its languages.",
    level="R1",
    goal="invariance",
    formats=(Classify, Choice, Span),
    cite="Tan and Joty 2021 (PolyGloss)",
    vary_in=mix_words,
    mixes_languages=True,
    leaves_out=needs_blanks,
    budget=0.3,
    unit="share of words",
    resource="the same test set in other languages",
)
