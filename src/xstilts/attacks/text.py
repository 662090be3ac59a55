"""Graphemes and words of a text, and the stretches of it that no attack may touch."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import regex

_GRAPHEME = regex.compile(r"\X")
# A run of letters and digits with their marks; the joiners (U+200C, U+200D) are part of words in Persian and Indic scripts. In
# scripts without blanks a run is what stands between two marks.
_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}\u200c\u200d]*")
# Web addresses, mail addresses, mentions, tags, fields of templates, <mask>, [MASK], gaps. A mail address is looked for where a
# run of signs begins, and after a field: elsewhere too, a run of 70,000 letters takes half a minute.
_PROTECTED = regex.compile(
    r"(?:https?://|www\.)\S+|(?<![^\s}])\S+@\S+\.\S+|[@#]\w+|</?[\w-]+>|\{[^{}]*\}|\[[A-Z_]+\]|_{2,}",
)
# A whole text that stands for one that is missing: PAWS-X has "NS" where a sentence was not translated.
PLACEHOLDERS = frozenset({"NS", ""})


def split_graphemes(text: str) -> list[str]:
    """What a reader takes for single characters: a letter with its marks, a conjunct, a Hangul block (UAX 29)."""
    return [found.group() for found in _GRAPHEME.finditer(text)]


def is_placeholder(text: str) -> bool:
    return text.strip() in PLACEHOLDERS


def find_words(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of each word outside of protected stretches; none in a text that is a placeholder."""
    if is_placeholder(text):
        return
    kept = [found.span() for found in _PROTECTED.finditer(text)]
    for found in _WORD.finditer(text):
        start, end = found.span()
        if not any(start < last and first < end for first, last in kept):
            yield start, end


def list_units(text: str, spaced: bool) -> frozenset[str]:
    """What two texts may have in common: words without case, or pairs of characters where words have no blanks."""
    if spaced:
        return frozenset(text[start:end].casefold() for start, end in find_words(text))
    graphemes = [grapheme for grapheme in split_graphemes(text) if not grapheme.isspace()]
    return frozenset(first + second for first, second in pairwise(graphemes))


def narrow(before: Sequence[str], after: Sequence[str]) -> tuple[int, int, int]:
    """(graphemes in common at the start, end of the difference in `before`, its end in `after`)."""
    first = 0
    while first < min(len(before), len(after)) and before[first] == after[first]:
        first += 1
    last = 0
    while last < min(len(before), len(after)) - first and before[-1 - last] == after[-1 - last]:
        last += 1
    return first, len(before) - last, len(after) - last
