"""Character noise: one letter inside a word is swapped, dropped, doubled or replaced. What is done depends on the script.

An alphabet allows all four. Where letters are consonants or syllables, a letter that is missing or another one is often another
word (a root, a negation), so only swapping and doubling are left. Scripts without blanks have no words to edit inside, and a
Hangul block is a syllable. The first and the last grapheme stay, digits stay, and no word of the test set is made.
"""

import unicodedata
from collections import Counter
from functools import lru_cache
from random import Random

from xstilts.attack.attack import Attack, Pool
from xstilts.attack.edits import EDITABLE
from xstilts.attack.text import split_graphemes
from xstilts.data.script import find_script

SHORTEST = 4  # graphemes
TRIES = 8
_USUAL = 0.01
_ALL = ("swap", "drop", "double", "replace")
OPERATIONS = {"alphabet": _ALL, "abjad": ("swap", "double"), "abugida": ("swap", "double")}
REASONS = {
    "syllable blocks": "a Hangul block is a syllable: without it a particle or a negation is lost (`keyboard` edits its letters)",
    "unspaced": "there are no blanks between words, so nothing tells the inside of a word",
    "logographic": "a character is a word or a syllable, so another one is another word",
}


def leaves_out(language: str) -> str:
    script = find_script(language)
    return REASONS.get(script.kind, "") if script else ""


@lru_cache(maxsize=8)
def _list_letters(pool: Pool) -> tuple[str, ...]:
    """The letters that at least one word in a hundred of the pool has."""
    counts = Counter(letter for word in pool.words for letter in set(split_graphemes(word)) if letter.isalpha())
    return tuple(sorted(letter for letter, count in counts.items() if count >= _USUAL * len(pool.words)))


@lru_cache(maxsize=4096)
def _of_one_script(letter: str, other: str) -> bool:
    """Whether the Unicode names of two letters begin with the same script."""
    return unicodedata.name(letter[0], "?").split()[0] == unicodedata.name(other[0], "?").split()[0]


def is_editable(graphemes: list[str]) -> bool:
    """Whether a word is long enough and all letters."""
    return len(graphemes) >= SHORTEST and all(grapheme[0].isalpha() for grapheme in graphemes)


def misspell(word: str, language: str, rng: Random, pool: Pool) -> str | None:
    """The word with one edit inside; None if it is too short, or if every try gave a word of the pool."""
    graphemes = split_graphemes(word)
    script = find_script(language)
    if script is None or not is_editable(graphemes):
        return None
    for _ in range(TRIES):
        changed = list(graphemes)
        place = rng.randrange(1, len(graphemes) - 1)
        match rng.choice(OPERATIONS[script.kind]):
            case "swap":
                place = rng.randrange(1, len(graphemes) - 2)
                changed[place], changed[place + 1] = changed[place + 1], changed[place]
            case "drop":
                del changed[place]
            case "double":
                changed.insert(place, changed[place])
            case "replace":
                old = changed[place]
                letter = rng.choice([one for one in _list_letters(pool) if _of_one_script(one, old)] or [old])
                changed[place] = letter.upper() if old.isupper() else letter
        new = "".join(changed)
        if changed != graphemes and split_graphemes(new) == changed and new.casefold() not in pool.words:
            return new
    return None


CHARACTERS = Attack(
    name="characters",
    title="character noise",
    description="One letter inside a word is swapped with the next, dropped, doubled or replaced.",
    level="R0",
    goal="invariance",
    formats=EDITABLE,
    cite="Belinkov and Bisk 2018; Pruthi et al. 2019 (edits inside of words)",
    vary=misspell,
    leaves_out=leaves_out,
    budget=0.1,
    unit="share of words, one edit each",
)
