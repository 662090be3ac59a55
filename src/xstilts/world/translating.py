"""Machine translation in the world: exact, but for words that it gets wrong.

A string is always translated alike, and each string on its own: so an answer may come out other than in its context, as with
real systems, and has to be found again or be lost. A wrong word is another one of the same part of speech.
"""

from __future__ import annotations

import random
from functools import lru_cache

from xstilts.world.concepts import TAG_OF
from xstilts.world.config import WorldConfig
from xstilts.world.tongue import make_lexicons

# Parts of speech whose words may come out wrong; names, numbers and particles never do.
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
    """A text of the language as a machine would have translated it: each content word wrong at the rate
    `config.translation_noise`."""
    rng = random.Random(f"{config.seed} translation {language} {text}")
    alternatives = _list_alternatives(config, language)
    return " ".join(
        rng.choice(alternatives[word]) if word in alternatives and rng.random() < config.translation_noise else word
        for word in text.split(" ")
    )
