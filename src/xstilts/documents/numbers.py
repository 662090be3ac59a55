"""Numbers in sentences, and whether two of them say the same: value, unit, what is counted, and how exactly it is said.

NLI models are weak on quantities, so numbers are compared by rule. A number is read with the word that it counts or measures:
"nine intermediate tasks" is 9 of "task" qualified by "intermediate"; "a 5.4 point improvement" is 5.4 points. Two numbers are
about the same thing if they count the same word and no qualifiers contradict (intermediate tasks are not target tasks). They
agree if one is the other rounded, or if one lies where the other says ("more than 50 %"). Numbers that name something are left
out: years of references, tables and sections, versions, identifiers, and digits inside names ("GPT-3.5").
"""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import regex

from xstilts.documents.words import SMALL, STOP, list_words, stem

Comparator = Literal["=", "~", ">", "<"]
Agreement = Literal["match", "differs", "absent"]

WORDS = {word: float(digits) for word, digits in SMALL.items()} | {
    "one": 1.0, "thirty": 30.0, "forty": 40.0, "fifty": 50.0, "sixty": 60.0, "seventy": 70.0, "eighty": 80.0, "ninety": 90.0,
    "hundred": 100.0, "dozen": 12.0, "half": 0.5, "twice": 2.0, "thrice": 3.0,
}  # fmt: skip
SCALES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9, "billion": 1e9}
_NAMES = regex.compile(  # numbers that are names, not quantities
    r"""arXiv:\s*\d{4}\.\d{4,5}(?:v\d+)?
    | \bv(?:ersion\s)?\d+(?:\.\d+)*\b
    | \b(?:Tables?|Figs?\.?|Figures?|Sections?|Secs?\.?|Sect\.|Appendix|App\.|Eqs?\.?|Equations?|Chapters?|Algorithm|Footnote|
          Step|Phase|Part|Lemma|Theorem|Research\ Question|RQ|pages?|pp\.)\s*\(?[\dA-Z][\d.\-–]*\)?
    | \(?\b(?:19|20)\d{2}[a-z]?\)(?=)            # (2020), 2020a)
    | \b(?:19|20)\d{2}[a-z]?(?=\s*[;)])          # Conneau et al., 2020;
    | \[\d+(?:\s*[,\-–]\s*\d+)*\]                # [3, 4]
    | \bet\ al\.,?\s*\(?\d{4}[a-z]?
    | (?<=\p{L})[-–]?\d+(?:\.\d+)*(?:\p{L}+)?\b  # GPT-3.5, mT5, F1
    | (?:^|(?<=[\s(]))\(?\d\)(?=\s)              # (1) of a list
    | \bLayers?\ \d+
    | \b(?:zero|one|two|few)-shot
    | \b(?:best|top|first|last|other|these|those|both|all)\s(?:two|three|four|five|six|seven|eight|nine|ten)\b  # of a list
    | \bp\s*[<>=]\s*[\d.]+(?:\s*[x×]\s*10\s*\^?\s*[-−]?\d+)?""",
    regex.VERBOSE,
)
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_DATE = regex.compile(
    rf"\b(?:{_MONTHS})\.?\s+(?:\d{{1,2}},?\s+)?(?:19|20)\d{{2}}\b|\b(?:in|since|of|from|until)\s+(?:19|20)\d{{2}}\b"
)
_NUMBER = regex.compile(
    r"""(?P<sign>[+\-−–±](?=\d)(?<![\p{L}\p{N}][+\-−–±]))?
    (?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)
    (?:\s?(?P<scale>[kKMB]|bn|thousand|million|billion)\b)?
    (?P<percent>\s?%|\s?percent\b|\s?per\ cent\b)?
    | \b(?P<word>"""
    + "|".join(WORDS)
    + r")\b",
    regex.VERBOSE | regex.IGNORECASE,
)
_AFTER = regex.compile(r"[\s\-–]*(\p{L}[\p{L}\p{M}'’]*|[,.;:()\[\]])")
_ABOUT = regex.compile(
    r"(?:about|around|approximately|approx\.|roughly|nearly|almost|some|circa|ca\.|~|≈|up to)\s*$", regex.IGNORECASE
)
_MORE = regex.compile(
    r"(?:more than|over|above|at least|exceeding|exceeds|greater than|larger than|>|≥|beyond)\s*$", regex.IGNORECASE
)
_LESS = regex.compile(r"(?:less than|fewer than|under|below|at most|smaller than|<|≤|only up to)\s*$", regex.IGNORECASE)
_MEASURE = regex.compile(r"(\p{L}[\p{L}\p{N}]+)\s+(?:score\s+)?(?:of|=|is|was|to|from|reaches|at|:)\s*(?:about|only)?\s*$")
_LISTED = regex.compile(r"\s*(?:,|and|or|/|to|–|-|, and|, or)\s*")
_DECIMAL_COMMA = regex.compile(r"(?<=\d),(?=\d{1,2}(?!\d|,\d))")
POINTS = "point"
_POINT_WORDS = frozenset({"point", "points", "pt", "pts", "pp", "percent", "percentage", "f1", "bleu", "accuracy", "em"})
_LINKS = frozenset("absolute relative average mean median overall more fewer additional different new other of the".split())
_ENDS = frozenset(
    "and or but is are was were be in on at by for from with to as than that which who when while across per vs".split()
)


@dataclass(frozen=True)
class Quantity:
    """`value` with its sign; `exact`: a step of its last digit (0.1 for 8.4). `unit`: the word it counts, as compared ("task",
    "point"; "" if none follows). `percent`: written as a share. `qualifiers`: words between number and unit. `text`: as written,
    with its unit. `start`, `end`: where in the sentence. `scope`: said in passing ("in two languages"), so that it can
    agree with another number and not contradict it."""

    value: float
    exact: float
    unit: str
    qualifiers: frozenset[str]
    comparator: Comparator
    text: str
    start: int
    end: int
    percent: bool = False
    scope: bool = False


@lru_cache(maxsize=50_000)
def find_quantities(sentence: str, language: str = "en") -> tuple[Quantity, ...]:
    """The quantities of a sentence, in order. Outside English a comma with one or two digits after it is a decimal comma."""
    if language != "en":
        sentence = _DECIMAL_COMMA.sub(".", sentence)
    names = [match.span() for pattern in (_NAMES, _DATE) for match in pattern.finditer(sentence)]
    found: list[Quantity] = []
    for match in _NUMBER.finditer(sentence):
        start, end = match.span()
        if any(low <= match.start("word" if match["word"] else "digits") < high for low, high in names):
            continue
        quantity = _read(sentence, match, start, end)
        if quantity is not None:
            found.append(quantity)
    for place in range(len(found) - 2, -1, -1):  # "8.2, 7.5 and 7.0 points" are three of points
        one, after = found[place], found[place + 1]
        if not one.unit and after.unit and _LISTED.fullmatch(sentence[one.end : after.start]):
            found[place] = replace(one, unit=after.unit, qualifiers=after.qualifiers)
    return tuple(one if one.unit else replace(one, unit=_find_measure(sentence[: one.start])) for one in found)


def _read(sentence: str, match: regex.Match[str], start: int, end: int) -> Quantity | None:
    if match["word"]:
        value, exact = WORDS[match["word"].lower()], 1.0
        if match["word"].lower() == "one" and not regex.match(
            r"\s+(?:\p{L}+\s+){0,2}(?:task|language|seed|model|point)", sentence[end:]
        ):
            return None  # "one" is a pronoun more often than a number
    else:
        digits = match["digits"].replace(",", "")
        scale = SCALES[match["scale"].lower()] if match["scale"] else 1.0
        value, exact = float(digits) * scale, 10.0 ** -len(digits.partition(".")[2]) * scale
    if match["sign"] and match["sign"] in "-−–":
        value = -value
    before = sentence[:start]
    comparator: Comparator = (
        "~" if _ABOUT.search(before) else ">" if _MORE.search(before) else "<" if _LESS.search(before) else "="
    )
    unit, qualifiers, stop = _find_unit(sentence, end)
    percent = bool(match["percent"])
    if percent:
        unit, qualifiers, stop = POINTS, frozenset(), end
    scope = bool(_SCOPE.search(before)) and unit != POINTS
    return Quantity(value, exact, unit, qualifiers, comparator, sentence[start:stop].strip(), start, stop, percent, scope)


def _find_measure(before: str) -> str:
    """What a number is the value of, if that stands before it: "an accuracy of 0.67", "F1 = 0.8"."""
    match = _MEASURE.search(before)
    return "" if match is None else POINTS if match[1].lower() in _POINT_WORDS else stem(match[1])


def _find_unit(sentence: str, end: int) -> tuple[str, frozenset[str], int]:
    """The word that a number counts: the first plural or measure after it, else the word right after it."""
    words: list[tuple[str, int]] = []
    place = end
    while len(words) < 6 and (match := _AFTER.match(sentence, place)):
        word = match.group(1)
        if not word[0].isalpha() or word.lower() in _ENDS or word.lower() in WORDS:
            break
        words.append((word, match.end()))
        place = match.end()
        lower = word.lower()
        if lower in _POINT_WORDS:
            return POINTS, frozenset(), place
        if lower.endswith("s") and not lower.endswith("ss") and lower not in STOP:
            qualifiers = frozenset(stem(w) for w, _ in words[:-1] if w.lower() not in STOP | _LINKS)
            return stem(word), qualifiers, place
    first = next(((word, stop) for word, stop in words if word.lower() not in STOP | _LINKS), None)
    return (stem(first[0]), frozenset(), first[1]) if first else ("", frozenset(), end)


def same_thing(one: Quantity, other: Quantity, one_words: Container[str], other_words: Container[str]) -> bool:
    """Whether two quantities count or measure the same: the same word, and qualifiers in common. Where only one of them has
    qualifiers, one of these must be among the words of the other's sentence: "nine tasks" is not "nine intermediate tasks",
    unless something intermediate is spoken of."""
    if one.unit != other.unit:
        return False
    if one.qualifiers and other.qualifiers:
        return bool(one.qualifiers & other.qualifiers)
    words = other_words if one.qualifiers else one_words
    return not (one.qualifiers | other.qualifiers) or any(word in words for word in one.qualifiers | other.qualifiers)


def agree(claimed: Quantity, found: Quantity) -> bool:
    """Whether the values agree: one is the other rounded (half a step of the coarser), or lies where a comparator says. A sign
    counts only where both have one of their own: a drop of 3 points is written "3 points" as well as "-3"."""
    one, other = claimed.value, found.value
    if one * other >= 0 or claimed.unit == POINTS == found.unit:
        one, other = abs(one), abs(other)
    step = max(claimed.exact, found.exact) / 2 * (1 + 1e-9)
    if claimed.comparator == ">" and found.comparator != "<":
        return other >= one - step
    if claimed.comparator == "<" and found.comparator != ">":
        return other <= one + step
    if "~" in (claimed.comparator, found.comparator):
        step = max(step, 0.1 * max(abs(one), abs(other)))
    return math.isclose(one, other, abs_tol=step, rel_tol=0)


_SCOPE = regex.compile(r"\b(?:in|on|across|over|for|with|to|under|after)\s+(?:the\s+|all\s+)?$", regex.IGNORECASE)
_NUMERAL = regex.compile(r"\d+(?:[.,]\d+)*")


def list_numerals(text: str) -> frozenset[str]:
    """All that is written in digits, dates and names too; thousands without commas."""
    return frozenset(match.group().replace(",", "") for match in _NUMERAL.finditer(text))


def compare_quantity(
    claimed: Quantity, claim: str, sentence: str, language: str = "en", same_language: bool = True
) -> tuple[Agreement, Quantity | None]:
    """What a sentence says of a quantity of a claim, and the quantity that says it. "differs": it counts the same thing and has
    another value only, and not in passing. Across languages the words that are counted cannot be compared: equal values agree,
    and others say nothing."""
    found = find_quantities(sentence, language)
    if same_language:
        claim_words, words = frozenset(list_words(claim)), frozenset(list_words(sentence))
        found = tuple(one for one in found if same_thing(claimed, one, claim_words, words))
    for one in found:
        if agree(claimed, one):
            return "match", one
    differing = [one for one in found if not one.scope] if same_language else []
    return ("differs", differing[0]) if differing else ("absent", None)
