"""SQuAD v2.0 and MLQA: hand-made cases of what the official scripts do, and the contract of every metric."""

from __future__ import annotations

import string
import unicodedata
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xstilts.errors import InputError
from xstilts.formats.prediction import Prediction
from xstilts.formats.span import SpanAnswer, SpanExample
from xstilts.metrics.metric import Metric
from xstilts.metrics.mlqa import MLQA, normalise
from xstilts.metrics.squad import SQUAD, SQUAD_V2

LANGUAGES = ("en", "es", "de", "vi", "ar", "hi", "zh")


def tally(metric: Metric, golds: list[str], predicted: str) -> tuple[float, ...]:
    return metric.tally(SpanExample("0", "q", "c", tuple(SpanAnswer(gold, 0) for gold in golds)), Prediction("0", predicted))


def values(metric: Metric, pairs: list[tuple[list[str], str]]) -> dict[str, float]:
    sums = np.array([tally(metric, *pair) for pair in pairs]).sum(0)
    return dict(zip(metric.values, metric.finish(sums).tolist(), strict=True))


# -- SQuAD v2.0 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("golds", "predicted", "f1", "em"),
    [
        ([], "", 1, 1),  # no answer, none given
        ([], "the", 1, 1),  # the prediction is compared as it normalises
        ([], "?!", 1, 1),
        ([], "cat", 0, 0),
        (["cat"], "", 0, 0),
        (["cat"], "the", 0, 0),
        (["The Cat!"], "cat", 1, 1),
        (["big red cat"], "a red dog", 2 / 5, 0),  # two tokens of the prediction, three of gold, one in common
        (["x", "dog sleeps"], "dog", 2 / 3, 0),
        (["the"], "", 1, 1),  # gold answers that normalise to nothing are not counted; none left is "no answer"
        (["the"], "cat", 0, 0),
        (["the", "cat"], "", 0, 0),
        (["the", "cat"], "cat", 1, 1),
    ],
)
def test_squad_v2(golds: list[str], predicted: str, f1: float, em: float) -> None:
    has_answer = (f1, em, 1.0) if golds else (0.0, 0.0, 0.0)  # the official script asks whether there is any, of any kind
    assert tally(SQUAD_V2, golds, predicted) == pytest.approx((f1, em, 1.0, *has_answer))


def test_squad_v2_says_how_it_did_on_questions_with_and_without_an_answer() -> None:
    pairs = [
        (["red cat"], "cat"),  # F1 2/3
        (["dog"], "dog"),  # 1
        (["cow"], ""),  # 0
        ([], ""),  # 1
        ([], "cow"),  # 0
    ]
    found = values(SQUAD_V2, pairs)
    assert found["f1"] == pytest.approx((2 / 3 + 1 + 1) / 5)
    assert found["em"] == pytest.approx(2 / 5)
    assert found["has_answer_f1"] == pytest.approx((2 / 3 + 1) / 3)
    assert found["has_answer_em"] == pytest.approx(1 / 3)
    assert found["no_answer"] == pytest.approx(1 / 2)
    sums = np.array([tally(SQUAD_V2, *pair) for pair in pairs]).sum(0)
    assert SQUAD_V2.headline(sums) == pytest.approx((found["f1"] + found["em"]) / 2)
    sizes, answered = SQUAD_V2.count_examples(sums), sum(bool(golds) for golds, _ in pairs)
    assert (sizes["headline"], sizes["has_answer_f1"], sizes["no_answer"]) == (len(pairs), answered, len(pairs) - answered)


def test_squad_v2_without_one_of_the_two_kinds_is_0_there_not_undefined() -> None:
    assert values(SQUAD_V2, [(["cat"], "cat")])["no_answer"] == 0
    assert values(SQUAD_V2, [([], "")]) == {"f1": 1, "em": 1, "has_answer_f1": 0, "has_answer_em": 0, "no_answer": 1}


texts = st.lists(st.sampled_from(["the", "a", "cat", "dog.", "Cat", "?", "an ox"]), max_size=4).map(" ".join)
questions = st.lists(st.tuples(st.lists(texts.filter(bool), max_size=3), texts), min_size=1, max_size=8)


@given(questions)
def test_squad_v2_is_a_mean_of_its_two_parts(pairs: list[tuple[list[str], str]]) -> None:
    found = values(SQUAD_V2, pairs)
    answered = sum(bool(golds) for golds, _ in pairs) / len(pairs)
    assert all(0 <= value <= 1 for value in found.values())
    assert found["f1"] == pytest.approx(answered * found["has_answer_f1"] + (1 - answered) * found["no_answer"])
    assert found["em"] == pytest.approx(answered * found["has_answer_em"] + (1 - answered) * found["no_answer"])


@given(questions)
def test_squad_v2_is_v1_where_every_question_has_an_answer_in_words(pairs: list[tuple[list[str], str]]) -> None:
    worded = [([f"{gold} ox" for gold in golds], predicted) for golds, predicted in pairs if golds]
    if worded:
        one, two = values(SQUAD, worded), values(SQUAD_V2, worded)
        assert (two["f1"], two["em"]) == pytest.approx((one["f1"], one["em"]))


def test_an_answer_that_is_not_public_cannot_be_scored() -> None:
    with pytest.raises(InputError, match="no public gold"):
        SQUAD_V2.tally(SpanExample("0", "q", "c", None), Prediction("0", ""))


# -- MLQA -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "text", "tokens"),
    [
        ("en", "The “Old” Pier, a ruin", "old pier ruin"),  # quotes of any kind go first, so the article is seen
        ("en", "an-other", "another"),  # punctuation leaves no blank
        ("en", "50% $5", "50 5"),  # ASCII's punctuation includes its symbols
        ("en", "€5", "€5"),  # other symbols are no punctuation
        ("es", "¿Un gato y los perros?", "gato y perros"),
        ("es", "the unas", "the"),  # articles of this language only
        ("de", "Die Stadt des Königs einer", "stadt königs"),
        ("de", "Derby", "derby"),
        ("vi", "Những con mèo của tôi", "con mèo tôi"),
        ("hi", "एक बिल्ली।", "एक बिल्ली"),  # no articles; the danda is punctuation
        ("hi", "the cat", "the cat"),
        ("ar", "الكتاب", "كتاب"),
        ("ar", "سالم", "س م"),  # inside a word as well, where it leaves a blank
        ("ar", "كتاب؟", "كتاب"),
        ("zh", "北京大学", "北 京 大 学"),
        ("zh", "1990年 Python编程", "1990 年 python 编 程"),
        ("zh", "《红楼梦》。", "红 楼 梦"),
        ("zh", "東京タワー", "東 京 タワー"),  # kana are not in the range
        ("zh", "龥龥龦龦", "龥 龥 龦龦"),  # U+9FA5 is the last of it
        ("zh", "the A", "the a"),
    ],
)
def test_mlqa_normalises_by_language(language: str, text: str, tokens: str) -> None:
    assert normalise(text, language) == tokens.split()


@pytest.mark.parametrize(
    ("language", "golds", "predicted", "f1", "em"),
    [
        ("zh", ["北京大学"], "北京", 2 * 2 / 6, 0),  # characters are tokens; SQuAD's metric says 0
        ("zh", ["北京。"], "北京", 1, 1),
        ("zh", ["北京", "上海市"], "上海", 4 / 5, 0),
        ("de", ["der Turm"], "Turm", 1, 1),  # SQuAD's metric says 2/3
        ("en", ["der Turm"], "Turm", 2 / 3, 0),
        ("en", ["“tower”"], "tower", 1, 1),
        ("es", ["el"], "la", 0, 1),  # both normalise to nothing, as in SQuAD v1.1
        ("ar", ["الكتاب"], "كتاب", 1, 1),
    ],
)
def test_mlqa(language: str, golds: list[str], predicted: str, f1: float, em: float) -> None:
    assert tally(MLQA.for_language(language), golds, predicted) == pytest.approx((f1, em, 1))


def by_characters(text: str, language: str) -> list[str]:
    """The same rules, written down a second time without a regular expression (articles aside, which are not tried)."""
    words, word = [], ""
    for character in text.lower():
        if unicodedata.category(character)[0] == "P" or character in string.punctuation:
            continue
        alone = language == "zh" and 0x4E00 <= ord(character) <= 0x9FA5
        if alone or character.isspace():
            words += [word, character] if alone else [word]
            word = ""
        else:
            word += character
    return [found for found in [*words, word] if found]


@given(
    st.sampled_from(["hi", "zh"]), st.text(st.sampled_from("ab1 \t\u3000\x85«»।.$€北龥龦の\u0301") | st.characters(codec="utf-8"))
)
def test_tokens_are_those_of_a_second_writing(language: str, text: str) -> None:
    assert normalise(text, language) == by_characters(text, language)


@pytest.mark.parametrize("language", LANGUAGES)
@given(data=st.data())
def test_mlqa_keeps_the_contract_of_a_metric(language: str, data: st.DataObject) -> None:
    metric = MLQA.for_language(language)
    answers = st.lists(st.sampled_from(["the", "der", "el", "Katze", "北京", "ال", "?", "của", "1990年"]), max_size=3).map(
        " ".join
    )
    pairs = data.draw(st.lists(st.tuples(st.lists(answers, min_size=1, max_size=3), answers), min_size=1, max_size=5))
    found = values(metric, pairs)
    assert all(0 <= value <= 1 for value in found.values())
    assert values(metric, data.draw(st.permutations(pairs))) == pytest.approx(found)
    for golds, predicted in pairs:
        f1, em, _ = tally(metric, golds, predicted)
        assert tally(metric, golds, f" «{predicted.upper()}» ") == pytest.approx((f1, em, 1))
        worded = [gold for gold in golds if normalise(gold, language)]
        assert all(tally(metric, golds, gold)[:2] == pytest.approx((1, 1)) for gold in worded)


def test_a_metric_that_is_defined_by_language_needs_one() -> None:
    with pytest.raises(InputError, match="for_language"):
        tally(MLQA, ["cat"], "cat")
    with pytest.raises(InputError, match=r"not defined for 'fr'; it has a normalisation for en, es"):
        MLQA.for_language("fr")


@pytest.mark.parametrize("metric", [SQUAD, SQUAD_V2], ids=lambda metric: metric.name)
def test_any_other_metric_is_the_same_in_every_language(metric: Any) -> None:
    assert metric.for_language("zh") is metric
    assert MLQA.for_language("zh").for_language("zh").tally is not MLQA.tally
