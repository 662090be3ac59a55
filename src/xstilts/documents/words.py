"""Words of a text as they are compared: without case and endings, without words that carry no content.

Endings are those of English; other languages are compared by whole words. `Weights` gives a rare word more weight than a
common one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Iterable
from functools import lru_cache
from typing import Any

import regex

from xstilts.documents.libraries import need

_WORD = regex.compile(r"\p{L}[\p{L}\p{M}\p{N}'’]*|\p{N}+(?:[.,]\p{N}+)*")
STOP = frozenset(
    """
    a about above after again all also am an and any are as at be because been before being below between both but by
    can could did do does doing down during each either few for from further had has have having he her here hers him
    his how however i if in into is it its itself let may me might more most must my nor of off on once only onto or
    other our out over own per same shall she should so some such than that the their them then there these they this
    those through thus to too under until up upon us very was we were what when where whether which while who whom whose
    why will with within would yet you your""".split()
)
_NUMBERS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
twenty""".split()
SMALL = {word: str(value) for value, word in enumerate(_NUMBERS) if value != 1}  # "one" is a pronoun more often than a number


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    return need("snowballstemmer").stemmer("english")


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """A word without its English ending (Snowball), in lower case."""
    found: str = _stemmer().stemWord(word.lower().replace("’", "'"))
    return found


@lru_cache(maxsize=200_000)
def list_words(text: str) -> tuple[str, ...]:
    """The words that carry content, as they are compared; small numbers in digits."""
    found = (match.group() for match in _WORD.finditer(text))
    return tuple(SMALL.get(word.lower()) or stem(word) for word in found if word.lower() not in STOP)


class Weights:
    """How rare each word is among some texts: the logarithm of its smoothed inverse document frequency, above 0. A word that no
    text has weighs as much as the rarest."""

    def __init__(self, texts: Iterable[Iterable[str]]):
        """`texts`: the words of each, as `list_words` gives them."""
        counts: Counter[str] = Counter()
        total = 0
        for words in texts:
            counts.update(set(words))
            total += 1
        self._weights = {word: math.log(1 + total / (count + 0.5)) for word, count in counts.items()}
        self._rarest = max(self._weights.values(), default=1.0)

    def __contains__(self, word: object) -> bool:
        return word in self._weights

    def of(self, word: str) -> float:
        return self._weights.get(word, self._rarest)

    def measure_coverage(self, wanted: Iterable[str], present: Container[str]) -> float:
        """The share of the wanted words, by weight, that are present: 0-1; 0 if none is wanted."""
        weights = {word: self.of(word) for word in wanted}
        total = sum(weights.values())
        return sum(weight for word, weight in weights.items() if word in present) / total if total else 0.0
