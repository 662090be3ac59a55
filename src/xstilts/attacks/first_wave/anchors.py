"""Anchors: numbers and names that both texts of an example have in the same form. Changed in both texts alike they leave the
answer as it is (`rename`); exchanged in one text they make another statement (`swap`).

A word counts as a name if it begins with a capital inside a sentence, and if the test set never writes it without the capital.
So there are names only in scripts with capitals, and none in German, where every noun has one. The embedded world
writes names small, and its names are known.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from random import Random

import regex

from xstilts.attacks.attack import Attack, Pool, Variant, edit_example
from xstilts.attacks.edits import Edit, apply, parts
from xstilts.attacks.text import find_words, is_placeholder
from xstilts.data.language import LANGUAGES
from xstilts.data.script import find_script
from xstilts.formats.classify import Classify
from xstilts.formats.format import Example, Format
from xstilts.formats.span import Span
from xstilts.world.concepts import NAMES as WORLD_NAMES

# A whole number of two digits or more: shorter ones count things and may stand as words in the other text. No part of a date, a
# decimal, an ordinal or a code.
_NUMBER = regex.compile(
    r"(?<![\p{Latin}\p{Cyrillic}\p{N}.,:/%-])\p{Nd}{2,9}(?![\p{Latin}\p{Cyrillic}\p{N}%]|[.,:/-][\p{L}\p{N}])"
)
_SENTENCE_END = regex.compile(r'[.!?։:;"“„«(]\s*$')
_SHORTEST_NAME = 3
_MOST_DIGITS = 4_000  # Python reads no number of more than 4,300
TRIES = 8

Spans = dict[str, list[tuple[int, int, int]]]  # word -> (part, start, end) of each occurrence


def needs_two_texts(format: Format) -> str:
    return "it needs two texts" if isinstance(format, Classify) and format.texts < 2 else ""


def has_names(language: str) -> bool:
    script = find_script(language)
    return script is not None and script.cased and language != "de"


def _is_world(language: str) -> bool:
    return language in LANGUAGES and LANGUAGES[language].family == "synthetic"


@lru_cache(maxsize=8)
def _list_names(pool: Pool, language: str) -> Mapping[str, None]:
    """The names in the pool, in alphabetical order."""
    names: set[str] = set()
    for example in pool.same:
        for text in parts(example):
            names |= {text[start:end] for start, end in find_words(text) if _looks_like_a_name(text, start, end, language)}
    return dict.fromkeys(sorted(name for name in names if name.islower() or name.lower() not in pool.spellings))


def _looks_like_a_name(text: str, start: int, end: int, language: str) -> bool:
    word = text[start:end]
    if word in WORLD_NAMES:
        return language == "en" or _is_world(language)
    if not (has_names(language) and word.istitle() and word.isalpha() and len(word) >= _SHORTEST_NAME):
        return False
    return start > 0 and not _SENTENCE_END.search(text[:start])


def find_anchors(example: Example, language: str, pool: Pool) -> tuple[Spans, Spans]:
    """The numbers and the names that both texts have, each with all its occurrences."""
    numbers, names = defaultdict(list), defaultdict(list)
    known = _list_names(pool, language)
    for part, text in enumerate(parts(example)):
        if is_placeholder(text):
            return {}, {}
        for found in _NUMBER.finditer(text):
            numbers[found.group()].append((part, *found.span()))
        for start, end in find_words(text):
            if text[start:end] in known:
                names[text[start:end]].append((part, start, end))
    return _in_both(numbers), _in_both(names)


def _in_both(spans: Spans) -> Spans:
    return {word: found for word, found in spans.items() if {part for part, _, _ in found} == {0, 1}}


# -- rename ------------------------------------------------------------------------------------------------------------


def rename(example: Example, language: str, rng: Random, budget: float, pool: Pool) -> Variant | None:
    """The example with other numbers and names, the same in both texts."""
    numbers, names = find_anchors(example, language, pool)
    anchors = sorted({**numbers, **names})
    rng.shuffle(anchors)
    edits: list[Edit] = []
    taken = {text[start:end].casefold() for text in parts(example) for start, end in find_words(text)}
    for anchor in anchors[: int(budget)]:
        new = _other_number(anchor, example, rng) if anchor in numbers else _other_name(anchor, taken, language, rng, pool)
        if new is not None:
            taken.add(new.casefold())
            more = [Edit(part, start, end, new) for part, start, end in {**numbers, **names}[anchor]]
            edits += more if apply(example, more) else []
    return edit_example(example, edits)


def _other_number(number: str, example: Example, rng: Random) -> str | None:
    """A number of as many digits that has the same place among the numbers of the example, so that no comparison changes. It is
    near the old one, so that a year stays a year of its century and a day one of every month."""
    if len(number) > _MOST_DIGITS:
        return None
    value = int(number)
    found = (digits for text in parts(example) for digits in regex.findall(r"\p{Nd}+", text))
    others = {int(digits) for digits in found if len(digits) <= _MOST_DIGITS} - {value}
    low = max([10 ** (len(number) - 1) - 1, *(other for other in others if other < value)])
    high = min([10 ** len(number), *(other for other in others if other > value)])
    step = 100 if len(number) > 3 else 10
    first = value - value % step
    nearest = (10, 29) if 10 <= value <= 31 else (first, first + step)
    low, high = max(low, nearest[0] - 1), min(high, nearest[1])
    between = high - low - 1 - (low < value < high)
    if between < 1:
        return None
    new = low + 1 + rng.randrange(between)
    new += new >= value
    zero = ord(number[0]) - int(number[0])
    return "".join(chr(zero + int(digit)) for digit in str(new))


def _other_name(name: str, taken: set[str], language: str, rng: Random, pool: Pool) -> str | None:
    names = [one for one in _list_names(pool, language) if one.casefold() not in taken and one.islower() == name.islower()]
    return rng.choice(names) if names else None


RENAME = Attack(
    name="rename",
    title="consistent renaming",
    description="A number or a name that both texts have becomes another one in both. Numbers keep their order among each other.",
    level="R0",
    goal="invariance",
    formats=(Classify, Span),
    cite="Ribeiro et al. 2020 (CheckList, names and numbers)",
    compose=rename,
    wants=needs_two_texts,
    budget=1,
    most=3,
    unit="numbers and names",
    resource="names of the same test set",
)

# -- directional swap --------------------------------------------------------------------------------------------------

_LEAST_BETWEEN = 2  # words; with fewer the two are members of one list ("A and B")


def swap(example: Example, language: str, rng: Random, budget: float, pool: Pool) -> Variant | None:
    """A positive pair in which two names, or two numbers, have changed places in one of the texts; its label is then 0. Both must
    occur once in each text, and words that are no list must stand between them."""
    if example.answer != "1":
        return None
    for spans in rng.sample(find_anchors(example, language, pool), 2):
        once = sorted(word for word, found in spans.items() if len(found) == 2)
        pairs = list(_list_pairs(once))
        rng.shuffle(pairs)
        part = rng.randrange(2)
        for first, second in pairs:
            one, two = sorted((spans[first][part], spans[second][part]))
            text = parts(example)[part]
            between = text[one[2] : two[1]]
            if len(list(find_words(between))) >= _LEAST_BETWEEN and not set(between) & set(",،、，;；"):
                edits = [
                    Edit(part, one[1], one[2], text[two[1] : two[2]]),
                    Edit(part, two[1], two[2], text[one[1] : one[2]]),
                ]
                return edit_example(example, edits, answer="0")
    return None


def _list_pairs(words: list[str]) -> Iterator[tuple[str, str]]:
    return ((first, second) for i, first in enumerate(words) for second in words[i + 1 :])


SWAP = Attack(
    name="swap",
    title="exchanged names",
    description="Two names or numbers of a positive pair change places in one text, which makes it another statement: the label"
    " becomes 0. Negative pairs are left alone.",
    level="R0",
    goal="directional",
    formats=(Classify,),
    cite="Zhang et al. 2019 (PAWS, word swapping)",
    compose=swap,
    wants=needs_two_texts,
    tasks=("pawsx", "world/paraphrase"),
    unit="one exchange",
)
