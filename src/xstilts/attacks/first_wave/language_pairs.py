"""Language pairs: the two texts of an example come from two languages. Nothing is edited; both are the benchmark's own.

Only ids that *all* languages have are used, so that every pair of languages is scored on the same examples. (A, B) and (B, A)
are two inputs. `mix` makes one cell of the matrix; the attack draws the other language and the side.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random

from xstilts.attacks.attack import Attack, Pool, Variant
from xstilts.attacks.edits import parts
from xstilts.attacks.first_wave.anchors import needs_two_texts
from xstilts.attacks.text import is_placeholder
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.format import Example
from xstilts.formats.span import Span, SpanExample


def mix(first: Example, second: Example) -> Example | None:
    """The first text (the question) of one example, and the second (the context) of the same example in another language. None
    if a text is missing, or if the two languages disagree about the answer."""
    if any(is_placeholder(text) for example in (first, second) for text in parts(example)):
        return None
    if isinstance(first, SpanExample) and isinstance(second, SpanExample):
        return replace(second, question=first.question)
    if isinstance(first, ClassifyExample) and isinstance(second, ClassifyExample) and first.answer == second.answer:
        return replace(second, texts=(first.texts[0], second.texts[1]))
    return None


def mix_languages(parallel: Mapping[str, Mapping[str, Example]], first: str, second: str) -> Iterator[Variant]:
    """One cell of the matrix: all examples with the first text in one language and the second in another (or the same), in the
    order of the second language. An id is left out of every cell if any cell cannot have it."""
    pool = Pool(parallel=parallel)
    for id in parallel[second]:
        if id in pool.shared_ids and _agree([table[id] for table in parallel.values()]):
            mixed = mix(parallel[first][id], parallel[second][id])
            assert mixed is not None
            yield Variant(mixed, id, languages=(first, second))


def _agree(examples: list[Example]) -> bool:
    """Whether no text is missing in any language, and all have the same label (answers in a context always differ)."""
    whole = not any(is_placeholder(text) for example in examples for text in parts(example))
    return whole and (isinstance(examples[0], SpanExample) or len({example.answer for example in examples}) == 1)


def draw_languages(example: Example, language: str, rng: Random, budget: float, pool: Pool) -> Variant | None:
    """The example with one of its two texts in another language."""
    others = sorted(code for code in pool.parallel if code != language)
    if not others or example.id not in pool.shared_ids:
        return None
    if not _agree([example, *(pool.parallel[code][example.id] for code in others)]):
        return None
    other = rng.choice(others)
    translated = pool.parallel[other][example.id]
    foreign_first = rng.random() < 0.5
    mixed = mix(translated, example) if foreign_first else mix(example, translated)
    languages = (other, language) if foreign_first else (language, other)
    return None if mixed is None else Variant(mixed, example.id, languages=languages)


LANGUAGE_PAIR = Attack(
    name="language_pair",
    title="texts in two languages",
    description="One of the two texts (premise or hypothesis, question or context) is that of another language.",
    level="R1",
    goal="invariance",
    formats=(Classify, Span),
    cite="Lewis et al. 2020 (MLQA, G-XLT); Huang et al. 2021 (generalised setting)",
    compose=draw_languages,
    mixes_languages=True,
    wants=needs_two_texts,
    unit="one text",
    resource="the same test set in other languages",
)
