"""No part of an example tells its answer: probes that see only a part must stay near chance.

The probe is a regularised logistic regression on words and word pairs, trained on 3,000 examples and scored on 1,000
others: "near chance" means within 3 standard deviations of it, and the same probe must find a leak that is planted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from xstilts.formats.choice import ChoiceExample
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.span import SpanExample
from xstilts.world import WorldConfig, generate
from xstilts.world.answering import draw_quiz
from xstilts.world.clause import build_constituent, to_text
from xstilts.world.draw import draw_meanings
from xstilts.world.inference import NLI_OF_DOMAIN
from xstilts.world.tongue import TONGUES, make_lexicons

TRAIN, TEST = 3000, 1000
WORLD = WorldConfig(nli=TRAIN, paraphrase=TRAIN, squad=TRAIN, tydiqa=TRAIN, choice=TRAIN, nli_domain=TRAIN, test=TEST)


def limit(chance: float, count: int = TEST) -> float:
    """Chance and three standard deviations of what a guesser scores on `count` examples."""
    return chance + 3 * float(np.sqrt(chance * (1 - chance) / count))


def probabilities(
    train: Sequence[str], labels: Sequence[str], test: Sequence[str], words: int = 2
) -> tuple[list[str], np.ndarray]:
    """Classes, and their probabilities for each text of `test`, seen as runs of up to `words` words."""
    bag = CountVectorizer(ngram_range=(1, words), token_pattern=r"\S+", binary=True)
    model = LogisticRegression(C=0.1, max_iter=100, tol=1e-3).fit(bag.fit_transform(train), labels)
    return list(model.classes_), model.predict_proba(bag.transform(test))


def accuracy(train: Sequence[str], labels: Sequence[str], test: Sequence[str], gold: Sequence[str]) -> float:
    classes, table = probabilities(train, labels, test)
    return float(np.mean([classes[i] == g for i, g in zip(table.argmax(axis=1), gold, strict=True)]))


@cache
def texts_of(task: str, split: str) -> tuple[ClassifyExample, ...]:
    return tuple(e for e in generate(WORLD, task, split, "en") if isinstance(e, ClassifyExample))


def pairs(task: str, view: Callable[[ClassifyExample], str]) -> tuple[list[str], list[str], list[str], list[str]]:
    """Training texts and labels, test texts and labels."""
    columns: list[list[str]] = []
    for split in ("train", "test"):
        examples = texts_of(task, split)
        columns += [[view(e) for e in examples], [str(e.answer) for e in examples]]
    return columns[0], columns[1], columns[2], columns[3]


def candidates(task: str, split: str) -> Iterator[tuple[str, str, str]]:
    """Question, right answer, and the same role of the other event, in English."""
    tongue, lexicon = TONGUES["en"], make_lexicons(WORLD)["en"]
    meanings = draw_meanings(WORLD, task, split, lambda rng: draw_quiz(rng, tydi=task == "tydiqa"))
    for example, (_, meant) in zip(generate(WORLD, task, split, "en"), meanings, strict=True):
        assert isinstance(example, SpanExample)
        assert example.answer
        other = build_constituent(tongue, meant.events[1 - meant.about], meant.asks)
        yield example.question, example.answer[0].text, to_text(lexicon, [t for t in other if t.role])


@pytest.mark.parametrize("task", ["nli", *NLI_OF_DOMAIN])
@pytest.mark.parametrize("side", [0, 1], ids=["premise", "hypothesis"])
def test_one_sentence_does_not_tell_inference(task: str, side: int) -> None:
    assert accuracy(*pairs(task, lambda e: e.texts[side])) < limit(1 / 3)


@pytest.mark.parametrize("side", [0, 1], ids=["first", "second"])
def test_one_sentence_does_not_tell_paraphrase(side: int) -> None:
    assert accuracy(*pairs("paraphrase", lambda e: e.texts[side])) < limit(1 / 2)


def test_the_probe_finds_a_planted_leak() -> None:
    """A word more in a third of the contradictions is enough to be found."""

    def leaky(example: ClassifyExample) -> str:
        planted = example.answer == "contradiction" and int(example.id.rpartition("-")[2]) % 3 == 0
        return example.texts[1] + (" never" if planted else "")

    assert accuracy(*pairs("nli", leaky)) > limit(1 / 3)


@pytest.mark.parametrize("side", [0, 1])
def test_the_length_of_a_sentence_does_not_tell(side: int) -> None:
    for task, chance in (*((name, 1 / 3) for name in ("nli", *NLI_OF_DOMAIN)), ("paraphrase", 1 / 2)):
        assert accuracy(*pairs(task, lambda e: f"length:{len(e.texts[side].split())}")) < limit(chance)


def test_choices_alone_do_not_tell() -> None:
    """A probe scores each choice by itself; the highest of four is its guess."""
    rows: dict[str, list[ChoiceExample]] = {
        split: [e for e in generate(WORLD, "choice", split, "en") if isinstance(e, ChoiceExample)] for split in ("train", "test")
    }
    train = [(choice, str(i == e.answer)) for e in rows["train"] for i, choice in enumerate(e.choices)]
    test = [choice for e in rows["test"] for choice in e.choices]
    _, table = probabilities([text for text, _ in train], [label for _, label in train], test)
    guesses = table[:, 1].reshape(-1, 4).argmax(axis=1)
    assert np.mean([g == e.answer for g, e in zip(guesses, rows["test"], strict=True)]) < limit(1 / 4)
    for place in range(4):
        assert np.mean([e.answer == place for e in rows["test"]]) < limit(1 / 4)


@pytest.mark.parametrize("task", ["squad", "tydiqa"])
def test_questions_alone_do_not_tell_the_answer(task: str) -> None:
    """A probe learns which answers go with which questions and picks the likeliest of the two that the context offers.

    The two are told apart by whether the question's words go with the answer's: one feature for each pair of a question
    word and an answer word, for the right answer and for the other event's.
    """
    sides: dict[str, tuple[list[str], list[str]]] = {"train": ([], []), "test": ([], [])}
    for split, (texts, labels) in sides.items():
        for question, right, wrong in candidates(task, split):
            for answer, label in ((right, "1"), (wrong, "0")):
                texts.append(" ".join(f"{q}|{a}" for q in question.split() for a in answer.split()))
                labels.append(label)
    _, table = probabilities(*sides["train"], sides["test"][0], words=1)
    right, wrong = table[0::2, 1], table[1::2, 1]
    assert np.mean((right > wrong) + 0.5 * (right == wrong)) < limit(1 / 2)


@pytest.mark.parametrize("task", ["squad", "tydiqa"])
def test_the_place_of_an_answer_does_not_tell(task: str) -> None:
    examples = [e for e in generate(WORLD, task, "test", "en") if isinstance(e, SpanExample) and e.answer]
    first = np.mean([e.answer[0].start < e.context.index(" . ") for e in examples if e.answer])
    assert abs(first - 0.5) < limit(1 / 2) - 0.5
