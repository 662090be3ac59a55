"""The six languages. A tongue is an order of constituents, a script and a few markers. Its lexicon follows from the seed.

The distance from English grows from l1 to l5 in every respect at once, as it does (roughly) among the languages of the
benchmarks: order, script, cognates (words spelled as in English) and names spelled as in English. Every foreign word is made of
syllables of its script and is no word of any other language.
"""

import random
from dataclasses import dataclass
from functools import lru_cache

from xstilts.world.concepts import NAMES, OBJECT, TAG_OF
from xstilts.world.config import WorldConfig


@dataclass(frozen=True, slots=True)
class Tongue:
    """`order` is the order of the constituents of a statement, `verb` that of the verb and its markers.

    `wh_first` moves the question word to the front (else it stands in the place of the answer)."""

    code: str
    order: tuple[str, ...]
    consonants: str
    vowels: str
    cognates: float
    shared_names: float
    verb: tuple[str, ...] = ("tense", "negation", "verb")
    noun_adjective: bool = False
    postpositions: bool = False
    article: bool = True
    object_marker: bool = False
    wh_first: bool = True


_SVO = ("agent", "verb", "patient", "place", "time")
_SOV = ("agent", "time", "place", "patient", "verb")
_VSO = ("verb", "agent", "patient", "place", "time")
_TENSE_LAST, _DENIED_FIRST = ("verb", "negation", "tense"), ("negation", "verb", "tense")

TONGUES: dict[str, Tongue] = {
    t.code: t
    for t in (
        Tongue("en", _SVO, "", "", 1.0, 1.0),
        Tongue("l1", _SVO, "bdfglmnprstv", "aeiou", 0.30, 1.0),
        Tongue("l2", _SVO, "cčdřkľmňpšťž", "áéíóú", 0.20, 1.0, noun_adjective=True),
        Tongue("l3", _SVO, "бгджзклмнпрст", "аеиоу", 0.15, 0.9, postpositions=True, article=False),
        Tongue(
            "l4",
            _SOV,
            "βγδζθκλμνπρστ",
            "αειου",
            0.10,
            0.8,
            _TENSE_LAST,
            postpositions=True,
            article=False,
            object_marker=True,
            wh_first=False,
        ),
        Tongue("l5", _VSO, "ბგდზთკლმნპრს", "აეიოუ", 0.05, 0.7, _DENIED_FIRST, noun_adjective=True, object_marker=True),
    )
}
LANGUAGES = tuple(TONGUES)


@lru_cache(maxsize=8)
def make_lexicons(config: WorldConfig) -> dict[str, dict[str, str]]:
    """Language -> concept -> word. Digits and punctuation are the same in all languages. English words are the concepts."""
    english = {concept: concept for concept in TAG_OF if concept != OBJECT}
    taken = set(english)
    result = {"en": english}
    for code in LANGUAGES[1:]:
        tongue, rng = TONGUES[code], random.Random(f"{config.seed} lexicon {code}")
        words: dict[str, str] = {}
        for concept, tag in TAG_OF.items():
            share = tongue.shared_names if concept in NAMES else tongue.cognates
            content = tag in ("NOUN", "VERB", "ADJ", "ADV", "PROPN")
            if tag in ("NUM", "PUNCT") or (content and rng.random() < share):
                words[concept] = concept
            else:
                words[concept] = _coin(tongue, rng, taken, syllables=2 if content else 1)
        result[code] = words
    return result


def _coin(tongue: Tongue, rng: random.Random, taken: set[str], syllables: int) -> str:
    """A new word of the script. It gets one more syllable if the short words are used up."""
    for attempt in range(1000):
        length = syllables + attempt // 100
        word = "".join(rng.choice(tongue.consonants) + rng.choice(tongue.vowels) for _ in range(length))
        if word not in taken:
            taken.add(word)
            return word
    raise AssertionError("a script of a dozen consonants does not run out of words")


def list_words(config: WorldConfig) -> tuple[str, ...]:
    """All word types of the six languages, sorted: the vocabulary of a word-level tokenizer without unknown words."""
    return tuple(sorted({word for lexicon in make_lexicons(config).values() for word in lexicon.values()}))
