"""Edits that a reader cannot see: letters of another script that look alike, and characters without width."""

import unicodedata
from random import Random

from xstilts.attacks.attack import Attack, Pool
from xstilts.attacks.edits import EDITABLE
from xstilts.attacks.text import split_graphemes
from xstilts.data.script import find_script

# Letters that look alike in most typefaces, after the confusables of Unicode Technical Standard 39. Written for this package.
_LATIN_CYRILLIC = {
    **dict(zip("aceijopsxy", "асеіјорѕху", strict=True)),
    **dict(zip("ABCEHIJKMOPSTX", "АВСЕНІЈКМОРЅТХ", strict=True)),
}
_GREEK_LATIN = dict(zip("ονρΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ovpABEZHIKMNOPTYX", strict=True))
LOOK_ALIKES = {
    "Latin": _LATIN_CYRILLIC,
    "Cyrillic": {cyrillic: latin for latin, cyrillic in _LATIN_CYRILLIC.items()},
    "Greek": _GREEK_LATIN,
}
ZERO_WIDTH_SPACE, ZERO_WIDTH_JOINER = "\u200b", "\u200d"
VIRAMA = 9  # the combining class
# Arabic letters that do not join the next one; a joiner behind them would change its shape.
_NOT_JOINED = frozenset("اآأإدذرزژوؤةىءڈڑے")


def has_no_look_alikes(language: str) -> str:
    script = find_script(language)
    return "" if script is None or script.name in LOOK_ALIKES else "no letters of another script look like its own"


def disguise(word: str, language: str, rng: Random, pool: Pool) -> str | None:
    """The word with one letter of another script that looks the same; None if it has no such letter."""
    script = find_script(language)
    table = LOOK_ALIKES[script.name] if script else {}
    graphemes = split_graphemes(word)
    places = [place for place, grapheme in enumerate(graphemes) if grapheme in table]
    if not places:
        return None
    place = rng.choice(places)
    return "".join((*graphemes[:place], table[graphemes[place]], *graphemes[place + 1 :]))


HOMOGLYPHS = Attack(
    name="homoglyphs",
    title="look-alike letters",
    description="One letter of a word becomes one of another script that looks the same.",
    level="R0",
    goal="invariance",
    formats=EDITABLE,
    cite="Boucher et al. 2022 (Bad Characters)",
    vary=disguise,
    leaves_out=has_no_look_alikes,
    budget=0.1,
    unit="share of words, one letter each",
    resource="letters that look alike, written for this package after Unicode's confusables",
)


def needs_script(language: str) -> str:
    """Every script that is known has a character without width."""
    return ""


def insert_invisible(word: str, language: str, rng: Random, pool: Pool) -> str | None:
    """The word with a character without width between two graphemes: a zero-width space or, where letters join, the joiner."""
    script = find_script(language)
    sign = ZERO_WIDTH_JOINER if script and script.name == "Arabic" else ZERO_WIDTH_SPACE
    graphemes = split_graphemes(word)
    places = [place for place in range(1, len(graphemes)) if _hides_behind(graphemes[place - 1])]
    if not places:
        return None
    place = rng.choice(places)
    return "".join((*graphemes[:place], sign, *graphemes[place:]))


def _hides_behind(grapheme: str) -> bool:
    """Whether a character without width behind it changes no shape. Behind a virama it would break a conjunct."""
    return unicodedata.combining(grapheme[-1]) != VIRAMA and grapheme[0] not in _NOT_JOINED


ZERO_WIDTH = Attack(
    name="zero_width",
    title="invisible characters",
    description="A character without width inside a word: a zero-width space or, in Arabic script, a zero-width joiner.",
    level="R0",
    goal="invariance",
    formats=EDITABLE,
    cite="Boucher et al. 2022 (Bad Characters)",
    vary=insert_invisible,
    leaves_out=needs_script,
    budget=0.1,
    unit="share of words, one character each (without blanks: of stretches between marks)",
)
