"""Spellings that people read as the same word: without diacritics, in other case, in full or half width."""

import unicodedata
from functools import cache
from random import Random

from xstilts.attacks.attack import Attack, Pool
from xstilts.attacks.edits import EDITABLE
from xstilts.attacks.text import split_graphemes
from xstilts.data.script import find_script

# -- diacritics --------------------------------------------------------------------------------------------------------

_TONES = "a diacritic is a tone: without it the word may be another one"
_TONAL = {"vi": _TONES, "yo": _TONES}
_MARKED = {"Latin", "Cyrillic", "Greek"}
# Letters of their own, which only look like a letter with a mark.
_OWN_LETTERS = frozenset("йЙїЇўЎ")
_WIDE = 0xFEE0  # from ASCII to its full-width form


def keeps_marks(language: str) -> str:
    script = find_script(language)
    if language in _TONAL or script is None:
        return _TONAL.get(language, "")
    if script.name in _MARKED:
        return ""
    if script.kind in ("abugida", "unspaced"):
        return "the marks are its vowels"
    return "ordinary text has no marks that one could leave out"


def strip_marks(word: str, language: str, rng: Random, pool: Pool) -> str | None:
    """The word without its diacritics; None if it has none, or if that is a word of the pool."""
    letters = [_strip_mark(letter) for letter in unicodedata.normalize("NFC", word)]
    new = "".join(letters)
    return None if new == word or new.casefold() in pool.words else new


def _strip_mark(letter: str) -> str:
    if letter in _OWN_LETTERS:
        return letter
    kept = "".join(c for c in unicodedata.normalize("NFD", letter) if unicodedata.category(c) != "Mn")
    return unicodedata.normalize("NFC", kept)


DIACRITICS = Attack(
    name="diacritics",
    title="without diacritics",
    description="Words lose their diacritics. A word that would become another word of the test set keeps them.",
    level="R0",
    goal="invariance",
    formats=EDITABLE,
    cite="Náplava et al. 2021 (natural noise)",
    vary=strip_marks,
    leaves_out=keeps_marks,
    unit="share of words",
)

# -- case --------------------------------------------------------------------------------------------------------------

# Dotted and dotless i are two letters.
_DOTTED = {"tr", "az"}


def has_no_case(language: str) -> str:
    script = find_script(language)
    return "" if script is None or script.cased else "the script has no upper and lower case in ordinary text"


def change_case(word: str, language: str, rng: Random, pool: Pool) -> str | None:
    """The word in lower case, in upper case or in alternating case; None if it has only one of them."""
    small, large = _lower(word, language), _upper(word, language)
    mixed = "".join((_upper if i % 2 else _lower)(letter, language) for i, letter in enumerate(split_graphemes(word)))
    forms = [form for form in dict.fromkeys((small, large, mixed)) if form != word and _lower(form, language) == small]
    return rng.choice(forms) if forms else None


def _lower(text: str, language: str) -> str:
    return (text.replace("I", "ı").replace("İ", "i") if language in _DOTTED else text).lower()


def _upper(text: str, language: str) -> str:
    return (text.replace("i", "İ") if language in _DOTTED else text).upper()


CASE = Attack(
    name="case",
    title="other case",
    description="Words are written in lower, upper or alternating case. In tagging, case is a part of the signal.",
    level="R0",
    goal="invariance",
    formats=EDITABLE,
    cite="Ribeiro et al. 2020 (CheckList); Hendrycks et al. 2020",
    vary=change_case,
    leaves_out=has_no_case,
    unit="share of words",
)

# -- width -------------------------------------------------------------------------------------------------------------


def has_one_width(language: str) -> str:
    script = find_script(language)
    if script is None or script.name in ("Latin", "Han", "Japanese", "Hangul"):
        return ""
    return "its letters have one width only"


@cache
def _list_narrow_kana() -> dict[str, str]:
    """Katakana -> its half-width form, with the voicing mark behind it where it has one."""
    plain = [chr(code) for code in range(0xFF66, 0xFF9E)]
    forms = [*plain, *(kana + mark for kana in plain for mark in "ﾞﾟ")]
    return {wide: form for form in forms if len(wide := unicodedata.normalize("NFKC", form)) == 1}


def change_width(word: str, language: str, rng: Random, pool: Pool) -> str | None:
    """The word with full-width Latin letters and digits and, in Japanese, half-width katakana; None if it has none of them."""
    narrow = _list_narrow_kana() if language == "ja" else {}
    new = "".join(chr(ord(c) + _WIDE) if "!" <= c <= "~" else narrow.get(c, c) for c in word)
    return None if new == word else new


WIDTH = Attack(
    name="width",
    title="other width",
    description="Latin letters and digits in full width, katakana in half width. Tokenizers that normalise (XLM-R's NFKC) see no"
    " difference.",
    level="R0",
    goal="invariance",
    formats=EDITABLE,
    cite="Unicode Standard Annex 11 (East Asian width)",
    vary=change_width,
    leaves_out=has_one_width,
    unit="share of words",
)
