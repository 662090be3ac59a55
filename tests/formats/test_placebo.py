"""Placebo data: the inputs stay, the answers are dealt out at random, and a seed always gives the same data."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from xstilts.formats.choice import Choice, ChoiceExample
from xstilts.formats.classify import Classify, ClassifyExample
from xstilts.formats.jsonl import to_record
from xstilts.formats.mlm import Mlm, MlmExample
from xstilts.formats.placebo import shuffle_answers
from xstilts.formats.ranking import Ranking, RankingExample
from xstilts.formats.span import Span, SpanAnswer, SpanExample
from xstilts.formats.tag import Tag, TagExample
from xstilts.tasks.files.locate import read_examples
from xstilts.tasks.registry import find_task


def test_labels_are_permuted() -> None:
    form = Classify(labels=("y", "n"))
    texts = [ClassifyExample(str(i), (f"a{i}", "b"), "yn"[i % 2]) for i in range(200)]
    fake = shuffle_answers(form, texts, 1)
    assert [(e.id, e.texts) for e in fake] == [(e.id, e.texts) for e in texts]
    assert sorted(e.answer for e in fake) == sorted(e.answer for e in texts)
    agreement = np.mean([a.answer == b.answer for a, b in zip(fake, texts, strict=True)])
    assert agreement == pytest.approx(0.5, abs=0.12)
    assert shuffle_answers(form, texts, 1) == fake != shuffle_answers(form, texts, 2)


def test_answers_become_other_words_of_the_same_context() -> None:
    spans = [SpanExample(str(i), "q", f"a{i}  bb ccc\tdd", (SpanAnswer("bb ccc", 4 + len(str(i))),)) for i in range(50)]
    fake = shuffle_answers(Span(), spans, 0)
    for e in fake:
        (answer,) = e.answer
        assert e.context[answer.start : answer.start + len(answer.text)] == answer.text
        assert len(answer.text.split()) == 2
    assert len({e.answer[0].text for e in fake}) > 1
    empty = [SpanExample("a", "q", "no answer here", ())]
    assert shuffle_answers(Span(no_answer=True), empty, 0) == empty


def test_tags_choices_and_texts() -> None:
    words = [TagExample("a", ("x", "y", "z"), ("A", "B", "C"))]
    assert sorted(shuffle_answers(Tag(("A", "B", "C")), words, 0)[0].answer) == ["A", "B", "C"]
    choices = [ChoiceExample(str(i), "p", ("x", "y"), 0) for i in range(50)]
    assert {e.answer for e in shuffle_answers(Choice(2), choices, 0)} == {0, 1}
    pairs = [RankingExample(str(i), f"q{i}", f"t{i}", f"c{i}") for i in range(50)]
    fake = shuffle_answers(Ranking(), pairs, 0)
    assert [(e.id, e.query) for e in fake] == [(e.id, e.query) for e in pairs]
    assert all(e.text[1:] == e.context[1:] for e in fake) and [e.text for e in fake] != [e.text for e in pairs]


def test_formats_without_a_placebo_pass_through() -> None:
    plain = [MlmExample("a", ("x",))]
    assert shuffle_answers(Mlm(), plain, 0) == plain


@pytest.mark.parametrize(
    ("task", "first", "second"),
    [
        ("world/choice", "73f8ff3226f09e7d", "b5ed98f6ab459950"),
        ("world/ner", "bfd9a710019b586e", "63c1e02fbb79dbc0"),
        ("world/nli", "2f625a005a5eef47", "9461bdd7e033a05a"),
        ("world/squad", "a92a39be76983647", "20866a31ed06ee8a"),
        ("world/text", "dd054e392910ac74", "dd054e392910ac74"),
    ],
)
def test_a_seed_gives_the_data_it_always_gave(task: str, first: str, second: str) -> None:
    """Trainings on placebo data are found in a store by their key, so the data behind a key must not change."""
    found = list(read_examples(find_task(task), "train", "en", Path("no-data")))[:400]
    for seed, wanted in ((0, first), (7, second)):
        records = [to_record(e) for e in shuffle_answers(find_task(task).format, found, seed)]
        assert hashlib.sha256(json.dumps(records, ensure_ascii=False).encode()).hexdigest()[:16] == wanted


def test_a_seed_gives_the_pairs_it_always_gave() -> None:
    pairs = [RankingExample(str(i), f"q{i}", f"t{i}", f"c{i}") for i in range(50)]
    records = [to_record(e) for e in shuffle_answers(Ranking(), pairs, 3)]
    assert hashlib.sha256(json.dumps(records, ensure_ascii=False).encode()).hexdigest()[:16] == "157940d3a6154efa"
