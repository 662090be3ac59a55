"""What a parallel test set says about words: the links of each text with its translation, and which words translate each other.

A pair of words is a translation if it is linked in two examples or more and is no rare accident of either word. Words are
compared without case. Words that are spelled alike in both languages may be linked, and nothing is gained by exchanging them.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from xstilts.attacks.attack import Pool
from xstilts.attacks.code_mixing.align import Link, align, fits
from xstilts.attacks.edits import Place, parts, touches_answer
from xstilts.attacks.text import find_words, is_placeholder
from xstilts.data.script import find_script
from xstilts.formats.format import Example
from xstilts.formats.span import SpanExample

LEAST = 2  # examples in which a pair of words is linked
SHARE = 0.1  # of the links of either word
_JOINS = frozenset("'’ʼ-‐‑־")
Spans = list[tuple[int, int]]


@dataclass(frozen=True)
class Parallel:
    """What was learnt of one other language. `links`: of each text that was aligned, by id and part. `translated`: the words that
    have a translation of another spelling, without case."""

    links: Mapping[tuple[str, int], tuple[Link, ...]]
    translated: frozenset[str]


def needs_blanks(language: str) -> str:
    """Words are found by blanks, in the text that is changed and in the text that the translation comes from."""
    script = find_script(language)
    if script is not None and script.kind in ("unspaced", "logographic"):
        return "there are no blanks between words, so a part of a word could be replaced or put in"
    if language == "vi":
        return "blanks stand between syllables, so a part of a word could be replaced or put in"
    return ""


def stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a word is not joined to another one by an apostrophe or a hyphen ("don't")."""
    return text[max(0, start - 1) : start] not in _JOINS and text[end : end + 1] not in _JOINS


def is_fixed(example: Example, part: int, start: int, end: int) -> bool:
    """Whether words may not be replaced: they are joined to others, or a part of an answer."""
    return touches_answer(example, part, start, end) or not stands_alone(parts(example)[part], start, end)


def list_guests(example: Example, language: str, pool: Pool) -> list[str]:
    """The other languages that have the example, sorted."""
    return sorted(
        code for code, table in pool.parallel.items() if code != language and example.id in table and not needs_blanks(code)
    )


def find_translation(example: Example, part: int, other: Example) -> str:
    """A text of the example in the other language; empty if one of the two is missing, if they have another number of texts, or
    if they disagree about the answer (in a context, answers always differ)."""
    ours, theirs = parts(example), parts(other)
    agree = isinstance(example, SpanExample) or example.answer == other.answer
    if not agree or len(ours) != len(theirs) or is_placeholder(ours[part]) or is_placeholder(theirs[part]):
        return ""
    return theirs[part]


@lru_cache(maxsize=256)
def list_spans(text: str) -> Spans:
    """(start, end) of each word."""
    return list(find_words(text))


def split(text: str) -> tuple[str, ...]:
    """The words of a text without case."""
    return tuple(text[start:end].casefold() for start, end in find_words(text))


def find_word(example: Example, place: Place, language: str, other: str, pool: Pool) -> str | None:
    """The word in the other language that the word of a place is linked with. None if there is none, if it is spelled alike, and
    if it may mean something else in the language of the example ("Gift" for a German reader)."""
    learnt = learn(pool, language, other)
    links = dict(learnt.links.get((example.id, place.part), ()))
    number = list_spans(parts(example)[place.part]).index((place.start, place.end))
    if number not in links:
        return None
    translation = find_translation(example, place.part, pool.parallel[other][example.id])
    start, end = list_spans(translation)[links[number]]
    new = translation[start:end]
    fits_in = stands_alone(translation, start, end) and new.casefold() != place.word.casefold()
    return new if fits_in and new.casefold() not in learnt.translated else None


@lru_cache(maxsize=32)
def learn(pool: Pool, language: str, other: str) -> Parallel:
    """What the pool says about `language` (`pool.same`) and `other`. It takes about four seconds for XNLI's 5,010 pairs. A text
    that occurs in several examples is aligned once."""
    places: dict[tuple[tuple[str, ...], tuple[str, ...]], list[tuple[str, int]]] = defaultdict(list)
    table = pool.parallel[other]
    for example in sorted(pool.same, key=lambda example: example.id):
        if example.id in table:
            for part, text in enumerate(parts(example)):
                pair = (split(text), split(find_translation(example, part, table[example.id])))
                if fits(*pair):
                    places[pair].append((example.id, part))
    linked = list(zip(places, align(list(places)), strict=True))
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    for (first, second), links in linked:
        for i, j in links:
            seen[first[i], second[j]].add(places[first, second][0][0])
    kinds = _select(seen)
    kept = {pair: tuple((i, j) for i, j in links if (pair[0][i], pair[1][j]) in kinds) for pair, links in linked}
    return Parallel(
        {place: links for pair, links in kept.items() for place in places[pair]},
        frozenset(word for word, translation in kinds if word != translation),
    )


def _select(seen: Mapping[tuple[str, str], set[str]]) -> set[tuple[str, str]]:
    """The pairs of words that are translations, out of those that are linked in these examples."""
    first: dict[str, int] = defaultdict(int)
    second: dict[str, int] = defaultdict(int)
    for (word, translation), ids in seen.items():
        first[word] += len(ids)
        second[translation] += len(ids)
    return {
        (word, translation)
        for (word, translation), ids in seen.items()
        if len(ids) >= LEAST and len(ids) >= SHARE * max(first[word], second[translation])
    }
