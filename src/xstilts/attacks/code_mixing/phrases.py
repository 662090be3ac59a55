"""Code-mixing by phrases, after Bumblebee: a phrase of an example becomes the phrase of its translation that it is aligned with.

A phrase is up to four words in a row, each of which is linked with a word of a row in the translation that is as long (Och et al.
1999: consistent, and here without words that have no link). Marks do not stand inside a phrase. All phrases of a variant come
from one language, so that a reader of two languages understands it. Answers stay as they are.
"""

from collections.abc import Iterator
from itertools import pairwise
from random import Random

import regex

from xstilts.attacks.attack import Attack, Pool, Variant, edit_example
from xstilts.attacks.code_mixing.align import Link
from xstilts.attacks.code_mixing.parallel import (
    Spans,
    find_translation,
    is_fixed,
    learn,
    list_guests,
    list_spans,
    needs_blanks,
    stands_alone,
)
from xstilts.attacks.edits import Edit, allow_words, list_places, parts
from xstilts.formats.choice import Choice
from xstilts.formats.classify import Classify
from xstilts.formats.format import Example
from xstilts.formats.span import Span

LONGEST = 4  # words
_BETWEEN = regex.compile(r"[\s'’-]+")  # what may stand between two words of a phrase

Phrase = tuple[int, Edit]  # the number of its words


def find_phrases(links: tuple[Link, ...]) -> Iterator[tuple[int, int, int]]:
    """(first word, first word of the translation, number of words) of each phrase. A word has one link at most."""
    partner = dict(links)
    for first in partner:
        for words in range(1, LONGEST + 1):
            row = [partner.get(first + i) for i in range(words)]
            known = [j for j in row if j is not None]
            if len(known) < words:
                break
            if max(known) - min(known) == words - 1:
                yield first, min(known), words


def list_phrases(example: Example, language: str, other: str, pool: Pool) -> list[Phrase]:
    """The phrases of an example that can be replaced by those of the other language."""
    learnt = learn(pool, language, other)
    translated = pool.parallel[other][example.id]
    found: list[Phrase] = []
    for part, text in enumerate(parts(example)):
        translation = find_translation(example, part, translated)
        ours, theirs = list_spans(text), list_spans(translation)
        for first, first_there, words in find_phrases(learnt.links.get((example.id, part), ())):
            here, there = ours[first : first + words], theirs[first_there : first_there + words]
            start, end = here[0][0], here[-1][1]
            new = translation[there[0][0] : there[-1][1]].casefold()
            alike = new == text[start:end].casefold() or new in learnt.translated  # as in `find_word`
            if _is_row(text, here) and _is_row(translation, there) and not alike and not is_fixed(example, part, start, end):
                found.append((words, Edit(part, start, end, translation[there[0][0] : there[-1][1]])))
    return found


def _is_row(text: str, words: Spans) -> bool:
    """Whether nothing but blanks, apostrophes and hyphens stands between the words, and none of the two around them."""
    gaps = [text[end:start] for (_, end), (start, _) in pairwise(words)]
    return all(map(_BETWEEN.fullmatch, gaps)) and stands_alone(text, words[0][0], words[-1][1])


def mix_phrases(example: Example, language: str, rng: Random, budget: float, pool: Pool) -> Variant | None:
    """The example with phrases of one other language; short and long ones are as likely."""
    guests = [other for other in list_guests(example, language, pool) if list_phrases(example, language, other, pool)]
    if not guests:
        return None
    left = allow_words(budget, len(list_places(example)))
    free = list_phrases(example, language, rng.choice(guests), pool)
    chosen: list[Edit] = []
    while free := [phrase for phrase in free if phrase[0] <= left and not any(_overlap(phrase[1], one) for one in chosen)]:
        words = rng.choice(sorted({words for words, _ in free}))
        chosen.append(rng.choice([edit for size, edit in free if size == words]))
        left -= words
    return edit_example(example, chosen)


def _overlap(edit: Edit, other: Edit) -> bool:
    return edit.part == other.part and edit.start < other.end and other.start < edit.end


CODE_MIX_PHRASES = Attack(
    name="code_mix_phrases",
    title="phrases of another language",
    description="Phrases of up to four words become those that the same example has in another language. Which phrases belong"
    " together is learnt from the test set in all its languages.",
    level="R1",
    goal="invariance",
    formats=(Classify, Choice, Span),
    cite="Tan and Joty 2021 (Bumblebee)",
    compose=mix_phrases,
    mixes_languages=True,
    leaves_out=needs_blanks,
    budget=0.3,
    unit="share of words",
    resource="the same test set in other languages",
)
