"""Finding the answer of a question in a context that was machine-translated apart from it.

No offset survives translation. The translated answer is searched as it is, then without regard to case, width and blanks. Of
several occurrences the one nearest to the relative place of the original is taken. In languages that put blanks between words,
an occurrence that cuts a word ("un" in "mundo") is taken only if there is no other.
"""

import re
import unicodedata

from xstilts.data.language import LANGUAGES
from xstilts.formats.span import SpanAnswer

_Span = tuple[int, int]

_WITHOUT_BLANKS = {"Hans", "Hant", "Jpan", "Khmr", "Laoo", "Mymr", "Thai"}  # scripts


def align_answer(context: str, text: str, near: float, language: str) -> SpanAnswer | None:
    """The answer `text` in `context`, close to `near` (0: at its beginning, 1: at its end), or None. It is spelled as in the
    context."""
    spaced = LANGUAGES[language].script not in _WITHOUT_BLANKS
    for spans in (_find_exact(context, text), _find_folded(context, text)):
        whole = [span for span in spans if not _cuts_word(context, span)] if spaced else []
        if spans:
            start, end = min(whole or spans, key=lambda span: abs(span[0] - near * len(context)))
            return SpanAnswer(context[start:end], start)
    return None


def _find_exact(context: str, text: str) -> list[_Span]:
    text = text.strip()
    return (
        [(found.start(), found.start() + len(text)) for found in re.finditer(f"(?={re.escape(text)})", context)] if text else []
    )


def _find_folded(context: str, text: str) -> list[_Span]:
    """Occurrences of the same letters. An occurrence must not begin or end inside a character (the first s of ß)."""
    letters, places = _fold(context)
    wanted, _ = _fold(text)
    if not wanted:
        return []
    spans = []
    for found in re.finditer(f"(?={re.escape(wanted)})", letters):
        first, end = found.start(), found.start() + len(wanted)
        begins = first == 0 or places[first - 1] != places[first]
        if begins and (end == len(letters) or places[end - 1] != places[end]):
            spans.append((places[first], places[end - 1] + 1))
    return spans


def _fold(text: str) -> tuple[str, list[int]]:
    """The text in lower-case letters of usual width without blanks, and for each letter its place in the text."""
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for letter in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold()):
            if not letter.isspace():
                letters.append(letter)
                places.append(place)
    return "".join(letters), places


def _cuts_word(context: str, span: _Span) -> bool:
    start, end = span
    before = start > 0 and context[start - 1].isalnum() and context[start].isalnum()
    return before or (end < len(context) and context[end - 1].isalnum() and context[end].isalnum())
