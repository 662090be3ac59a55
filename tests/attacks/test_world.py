"""The embedded world labels every variant anew: no attack of the first wave changes a label where the world can judge."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import pytest

from tests.attacks.world_judge import is_right, judge, read_mixed, split_words
from xstilts.attacks.attack import Attack, Pool, Variant
from xstilts.attacks.edits import parts
from xstilts.attacks.registry import ATTACKS
from xstilts.attacks.variants import make_variants
from xstilts.formats.format import Example
from xstilts.tasks.registry import CATALOGUE
from xstilts.world import LANGUAGES, WorldConfig, generate
from xstilts.world.tongue import make_lexicons

WORLD = WorldConfig(test=300)
ATTACKED = 60
TASKS = ("nli", "paraphrase", "squad", "tydiqa", "choice", "pos", "ner", "retrieval")


@cache
def examples(task: str, language: str) -> tuple[Example, ...]:
    return tuple(generate(WORLD, task, "test", language))


def list_languages(task: str) -> tuple[str, ...]:
    return LANGUAGES[1:] if task == "retrieval" else LANGUAGES


@cache
def make_pool(task: str, language: str) -> Pool:
    return Pool(examples(task, language), {code: {e.id: e for e in examples(task, code)} for code in list_languages(task)})


@pytest.mark.parametrize("task", TASKS)
def test_the_judge_agrees_with_the_world(task: str) -> None:
    for language in list_languages(task):
        answers = [(e, judge(WORLD, task, e, (language, language))) for e in examples(task, language)]
        judged = [(e, answer) for e, answer in answers if answer is not None]
        assert [e for e, answer in judged if not is_right(task, e, answer)] == []
        assert len(judged) > (0.7 if task == "ner" else 0.99) * len(answers), language


class Count(NamedTuple):
    """Variants, how many of them were judged, those with another label than they say, and those among them where a misspelling
    happens to be a word of the language that the test set does not have."""

    made: int
    judged: int
    wrong: tuple[str, ...]
    unlucky: tuple[str, ...]


def count_flips(task: str, attack: Attack, language: str) -> Count:
    pool = make_pool(task, language)
    clean = [e for e in examples(task, language) if is_right(task, e, judge(WORLD, task, e, (language, language)))]
    made = make_variants(attack, clean[:ATTACKED], language, seed=1, count=3, pool=pool)
    unknown = {word for word in make_lexicons(WORLD)[language].values() if word not in pool.words}
    judged = 0
    wrong: list[Variant] = []
    by_id = {example.id: example for example in clean}
    for variant in made.variants:
        example = variant.example
        if attack.name in MIXED:
            example, _, _ = read_mixed(WORLD, language, by_id[variant.source], example)
        answer = judge(WORLD, task, example, variant.languages or (language, language))
        judged += answer is not None
        if answer is not None and not is_right(task, example, answer):
            wrong.append(variant)
    unlucky = [v.example.id for v in wrong if any(unknown & set(split_words(text)) for text in parts(v.example))]
    return Count(len(made.variants), judged, tuple(v.example.id for v in wrong), tuple(unlucky))


FITTING = [
    (task, attack)
    for task in TASKS
    for attack in ATTACKS.values()
    if not attack.misfits(CATALOGUE[f"world/{task}"].format, f"world/{task}")
    and not (attack.name.startswith("stress") or attack.stands_alone)
]
# Nothing to edit in some languages: only l2 has diacritics; Latin letters in foreign words, names and cognates are rare.
MIXED = {"code_mix", "code_mix_phrases"}
SOME = {"diacritics", "width", "homoglyphs", "swap"}


@pytest.mark.parametrize(("task", "attack"), FITTING, ids=[f"{task}-{attack.name}" for task, attack in FITTING])
def test_no_label_changes(task: str, attack: Attack) -> None:
    """The world has no words for truth, so it cannot read the stress tests, and no words of templates. A misspelling may be a
    word that the test set does not have, and two words may be linked by mistake; the page on attacks says so."""
    languages = [code for code in list_languages(task) if not attack.excludes(code)]
    found = {language: count_flips(task, attack, language) for language in languages}
    by_chance = attack.name in ("characters", "keyboard")
    for language, (made, judged, wrong, unlucky) in found.items():
        print(task, attack.name, language, made, judged, len(wrong))
        assert attack.name in MIXED or wrong == (unlucky if by_chance else ()), (language, wrong)
        assert len(wrong) <= 0.02 * made
        assert made or attack.name in SOME, language
        assert judged >= 0.5 * made or made < 20, language
