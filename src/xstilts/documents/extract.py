"""Claims in a paper's own words: sentences that assert a comparison, a number, a null result or a fact, found by rule.

The rules are those of `claim.py`: a sentence is a claim if it has a quantity with a unit, points up or down, or denies that.
Where it stands decides whose claim it is: related work reports other papers, so it is left out. Sentences about the paper
itself ("Section 3 describes") assert nothing about the world.
"""

from __future__ import annotations

import regex

from xstilts.documents.claim import StatedClaim, read_claim
from xstilts.documents.paper import Paper
from xstilts.documents.sentences import TITLE, list_sentences
from xstilts.documents.words import list_words

_ELSEWHERE = regex.compile(
    r"related work|background|references|bibliography|acknowledg|appendix|ethic|limitation", regex.IGNORECASE
)
_PLAN = regex.compile(
    r"\b(?:we (?:describe|discuss|present|introduce|propose|organi[sz]e|thank|refer|follow|leave)"
    r"|this (?:paper|section) (?:is|describes|presents)|is organi[sz]ed|in (?:section|future work)"
    r"|see (?:section|table|figure))\b",
    regex.IGNORECASE,
)
SHORTEST, LONGEST_WORDS = 5, 60
_ABSTRACT = regex.compile(r"^\s*(?:abstract|conclusion)", regex.IGNORECASE)


def extract_claims(paper: Paper, count: int) -> list[StatedClaim]:
    """Up to `count` claims of a paper: first those of the abstract and the conclusion, then those that say the most (a number, a
    comparison, a null result), in the order of the text."""
    found = []
    for sentence in list_sentences(paper):
        words = len(sentence.text.split())
        if sentence.section == TITLE or _ELSEWHERE.search(sentence.section) or _PLAN.search(sentence.text):
            continue
        if not SHORTEST <= words <= LONGEST_WORDS or len(list_words(sentence.text)) < SHORTEST:
            continue
        claim = read_claim(
            f"{paper.id.replace(' ', '-').replace(':', '-').replace('/', '-')}-{sentence.number}",
            sentence.text,
            language=paper.language,
            origin=paper.id,
            place=", ".join(part for part in (sentence.section, f"sentence {sentence.number}") if part),
        )
        if claim.kind != "fact" or claim.model or claim.targets:
            found.append((not _ABSTRACT.search(sentence.section), -_say_much(claim), sentence.number, claim))
    found.sort(key=lambda one: one[:3])
    return [claim for _, _, _, claim in sorted(found[:count], key=lambda one: one[2])]


def _say_much(claim: StatedClaim) -> int:
    return 2 * bool(claim.quantities) + bool(claim.direction) + bool(claim.control) + (claim.kind == "null")
