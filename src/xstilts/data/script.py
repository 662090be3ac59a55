"""Scripts by the facts that edits of characters depend on: what a letter is, upper and lower case, blanks and full stops.

Sources: ISO 15924 (codes), the Unicode Standard, chapters 7 to 18 (kinds of scripts and their punctuation). The languages of the
embedded world have private codes and are written in Latin, Cyrillic, Greek and Georgian letters.
"""

from dataclasses import dataclass
from typing import Literal

from xstilts.data.language import LANGUAGES

Kind = Literal["alphabet", "abjad", "abugida", "syllable blocks", "unspaced", "logographic"]


@dataclass(frozen=True, slots=True)
class Script:
    """`kind`: alphabet (a letter is a sound), abjad (letters are consonants), abugida (a cluster is a syllable), syllable blocks
    (Hangul), unspaced (an abugida without blanks between words), logographic. `cased`: ordinary text has upper and lower case.
    `stop` ends a sentence; empty if nothing does. `blank` stands between sentences."""

    name: str
    kind: Kind
    cased: bool = False
    stop: str = "."
    blank: str = " "


_LATIN, _CYRILLIC, _GREEK = (Script(name, "alphabet", cased=True) for name in ("Latin", "Cyrillic", "Greek"))
_GEORGIAN = Script("Georgian", "alphabet")  # it has capitals, but sentences and names do not begin with them
_HAN = Script("Han", "logographic", stop="。", blank="")

# By code of ISO 15924, as in `languages.tsv`.
SCRIPTS: dict[str, Script] = {
    "Latn": _LATIN,
    "Cyrl": _CYRILLIC,
    "Grek": _GREEK,
    "Armn": Script("Armenian", "alphabet", cased=True, stop="։"),
    "Geor": _GEORGIAN,
    "Arab": Script("Arabic", "abjad"),
    "Hebr": Script("Hebrew", "abjad"),
    "Deva": Script("Devanagari", "abugida", stop="।"),
    "Beng": Script("Bengali", "abugida", stop="।"),
    "Guru": Script("Gurmukhi", "abugida", stop="।"),
    "Gujr": Script("Gujarati", "abugida"),
    "Taml": Script("Tamil", "abugida"),
    "Telu": Script("Telugu", "abugida"),
    "Mlym": Script("Malayalam", "abugida"),
    "Knda": Script("Kannada", "abugida"),
    "Kore": Script("Hangul", "syllable blocks"),
    "Thai": Script("Thai", "unspaced", stop=""),
    "Mymr": Script("Burmese", "unspaced", stop="။"),
    "Hans": _HAN,
    "Hant": _HAN,
    "Jpan": Script("Japanese", "logographic", stop="。", blank=""),
    "Qaaa": _LATIN,
    "Qaab": _LATIN,
    "Qaac": _CYRILLIC,
    "Qaad": _GREEK,
    "Qaae": _GEORGIAN,
}
# Languages whose full stop is another one than that of their script.
_STOPS = {"ur": "۔", "mr": "."}


def find_script(language: str) -> Script | None:
    """The script of a language; None if the language, or the class of its script, is not known."""
    return SCRIPTS.get(LANGUAGES[language].script) if language in LANGUAGES else None


def full_stop(language: str) -> str:
    """What ends a sentence of a language; empty if nothing does, or if the script is not known."""
    script = find_script(language)
    return _STOPS.get(language, script.stop) if script else ""
