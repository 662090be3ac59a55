"""Placebo data: the same inputs, the answers dealt out anew at random.

What a chain gains with gold answers over its placebo is what the *task* gives; the rest is given by its text, its length
of training and its head. (Shuffled-label control; see docs/protocols.md.)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from xstilts.formats.choice import ChoiceExample
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.ranking import RankingExample
from xstilts.formats.registry import Example
from xstilts.formats.span import Answer, SpanExample
from xstilts.formats.tag import TagExample


def shuffled(examples: Sequence[Example], seed: int) -> list[Example]:
    """The examples in their order with shuffled answers. Labels: permuted over the examples. Choices: the index drawn
    anew. Tags: permuted within the sentence. Spans: another stretch of whole words of the same context, with as many
    words as the gold answer where the context has them. Pairs: the texts are permuted over the queries."""
    rng = np.random.default_rng([seed, 0x91ACEB0])
    labels = [e.answer for e in examples if isinstance(e, ClassifyExample)]
    dealt = iter([labels[i] for i in rng.permutation(len(labels))])
    pairs = [e for e in examples if isinstance(e, RankingExample)]
    texts = iter([pairs[i] for i in rng.permutation(len(pairs))])
    return [_shuffled_one(e, rng, dealt, texts) for e in examples]


def _shuffled_one(
    example: Example, rng: np.random.Generator, labels: Iterator[str | None], texts: Iterator[RankingExample]
) -> Example:
    match example:
        case ClassifyExample():
            return dataclasses.replace(example, answer=next(labels))
        case ChoiceExample():
            return dataclasses.replace(example, answer=int(rng.integers(len(example.choices))))
        case TagExample(answer=tuple() as tags):
            return dataclasses.replace(example, answer=tuple(tags[i] for i in rng.permutation(len(tags))))
        case SpanExample(answer=tuple() as answers) if answers:
            return dataclasses.replace(example, answer=(_random_span(example.context, answers[0].text, rng),))
        case RankingExample():
            other = next(texts)
            return dataclasses.replace(example, text=other.text, context=other.context)
        case _:
            return example


def _random_span(context: str, gold: str, rng: np.random.Generator) -> Answer:
    words: list[tuple[int, int]] = []
    position = 0
    for word in context.split():
        begin = context.index(word, position)
        position = begin + len(word)
        words.append((begin, position))
    length = min(max(1, len(gold.split())), len(words))
    first = int(rng.integers(len(words) - length + 1))
    start, end = words[first][0], words[first + length - 1][1]
    return Answer(context[start:end], start)
