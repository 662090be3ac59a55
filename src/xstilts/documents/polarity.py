"""Which way a sentence points: does it speak of a rise or a fall, is that denied, and how sure is it?

English only: of another language nothing is found, and the models are left to judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import regex

from xstilts.documents.words import list_words, stem

_UP = """
improve improvement gain increase raise rise outperform better higher boost help helpful benefit beneficial exceed
surpass superior stronger enhance best effective""".split()
_DOWN = """
decrease drop fall worse lower hurt harm degrade degradation decline reduce reduction loss lose weaker inferior
deteriorate worst underperform harmful detrimental""".split()
_NOT = regex.compile(
    r"""\b(?:not|no|neither|never|none|cannot|hardly|barely|rarely|seldom|nothing|fails?\ to|failed\ to|unable\ to)\b|n['’]t\b""",
    regex.VERBOSE | regex.IGNORECASE,
)
_NOT_ONLY = regex.compile(
    r"\bnot\s+(?:only|just|merely|limited\s+to)\b|\bno\s+less\s+than\b|\bwithout\s+loss\b", regex.IGNORECASE
)
_HEDGE = regex.compile(
    r"""\b(?:may|might|could|can|possibly|perhaps|probably|likely|suggests?|seems?|appears?|often|sometimes|in\ some\ cases|
    tends?\ to|generally|usually|small|slight(?:ly)?|modest(?:ly)?|moderate(?:ly)?|limited|potential(?:ly)?|
    hypothesi[sz]e|expect)\b""",
    regex.VERBOSE | regex.IGNORECASE,
)


@dataclass(frozen=True)
class Polarity:
    """`direction`: +1 if the sentence speaks of a rise or of something better, -1 of a fall, 0 of neither or of both. `denied`:
    an odd number of negations. `hedges`: the words that make it less certain."""

    direction: int
    denied: bool
    hedges: tuple[str, ...] = ()

    @property
    def asserted(self) -> int:
        """The direction that is asserted; 0 where none is, or where it is denied."""
        return 0 if self.denied else self.direction


@lru_cache(maxsize=1)
def _directions() -> tuple[frozenset[str], frozenset[str]]:
    """The words of a rise and of a fall, as they are compared."""
    return frozenset(map(stem, _UP)), frozenset(map(stem, _DOWN))


def find_polarity(sentence: str) -> Polarity:
    """How a sentence points; see `Polarity`."""
    words, (up, down) = set(list_words(sentence)), _directions()
    direction = bool(words & up) - bool(words & down)
    denials = len(_NOT.findall(_NOT_ONLY.sub(" ", sentence)))
    return Polarity(direction, denials % 2 == 1, tuple(dict.fromkeys(m.group().lower() for m in _HEDGE.finditer(sentence))))


def oppose(claim: Polarity, evidence: Polarity) -> bool:
    """Whether two sentences on the same matter exclude each other: one asserts what the other denies, or they point in opposite
    ways."""
    if claim.direction and evidence.direction and claim.direction != evidence.direction:
        return claim.denied == evidence.denied
    return claim.denied != evidence.denied
