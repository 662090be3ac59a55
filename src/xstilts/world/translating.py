"""Machine translation in the world. It is exact, except for some wrong words.

A string always has the same translation, and each string is translated alone. So an answer may be translated differently than
in its context, as with real systems, and must be found again or is lost. A wrong word is another one of the same part of
speech.
"""

import random
from functools import lru_cache

from xstilts.world.concepts import TAG_OF
from xstilts.world.config import WorldConfig
from xstilts.world.tongue import make_lexicons

# Parts of speech with wrong translations; names, numbers and particles are never wrong.
_CONTENT = ("NOUN", "VERB", "ADJ", "ADV")


@lru_cache(maxsize=8)
def _list_alternatives(config: WorldConfig, language: str) -> dict[str, tuple[str, ...]]:
    """Content word -> the words of its part of speech."""
    by_tag: dict[str, list[str]] = {tag: [] for tag in _CONTENT}
    lexicon = make_lexicons(config)[language]
    for concept, word in lexicon.items():
        by_tag.get(TAG_OF[concept], []).append(word)
    return {word: tuple(words) for words in by_tag.values() for word in words}


def machine_translate(config: WorldConfig, language: str, text: str) -> str:
    """A text of the language as a machine translates it. Each content word is wrong at the rate `config.translation_noise`."""
    rng = random.Random(f"{config.seed} translation {language} {text}")
    alternatives = _list_alternatives(config, language)
    return " ".join(
        rng.choice(alternatives[word]) if word in alternatives and rng.random() < config.translation_noise else word
        for word in text.split(" ")
    )
