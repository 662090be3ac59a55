"""Each attack on texts whose right variants are known."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from random import Random
from typing import Any

import pytest

from tests.attacks.texts import SENTENCES
from xstilts.attacks.attack import Pool
from xstilts.attacks.edits import Edit, measure_edits
from xstilts.attacks.first_wave.anchors import find_anchors
from xstilts.attacks.first_wave.characters import misspell
from xstilts.attacks.first_wave.entities import find_entities
from xstilts.attacks.first_wave.invisible import LOOK_ALIKES, disguise, insert_invisible
from xstilts.attacks.first_wave.keyboard import slip
from xstilts.attacks.first_wave.language_pairs import mix_languages
from xstilts.attacks.first_wave.layouts import LAYOUTS, list_neighbours
from xstilts.attacks.first_wave.spelling import change_case, change_width, strip_marks
from xstilts.attacks.first_wave.stress import TAUTOLOGIES
from xstilts.attacks.registry import find_attack
from xstilts.attacks.text import find_words, split_graphemes
from xstilts.attacks.variants import make_variants
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.span import SpanAnswer, SpanExample
from xstilts.formats.tag import TagExample

EMPTY = Pool()


def spellings(vary: Any, word: str, language: str, pool: Pool = EMPTY, draws: int = 200) -> set[str | None]:
    return {vary(word, language, Random(seed), pool) for seed in range(draws)}


def texts_of(name: str, example: Any, language: str = "en", pool: Pool | None = None, **more: Any) -> list[Any]:
    made = make_variants(find_attack(name), [example], language, seed=0, count=30, pool=pool or Pool([example]), **more)
    return [variant.example for variant in made.variants]


def pair(first: str, second: str, answer: str = "1", id: str = "x") -> ClassifyExample:
    return ClassifyExample(id, (first, second), answer)


def words_of(texts: Iterable[str]) -> list[str]:
    return [text[start:end] for text in texts for start, end in find_words(text)]


# -- characters and keyboards ------------------------------------------------------------------------------------------


def test_character_noise_in_an_alphabet() -> None:
    found = spellings(misspell, "market", "en")
    assert {"makret", "mrket", "marrket"} <= found, "swap, drop, double"
    assert all(word and word[0] == "m" and word[-1] == "t" for word in found)
    letters = Pool([pair("market zebra jungle", "brown fox")])
    assert "mazket" in spellings(misspell, "market", "en", letters, 2000), "a letter of the test set"


def test_only_swaps_and_doubles_where_letters_are_consonants_or_syllables() -> None:
    assert spellings(misspell, "مدرسة", "ar") == {"مردسة", "مدسرة", "مددرسة", "مدررسة", "مدرسسة"}
    graphemes = split_graphemes("चित्रकार")
    for word in spellings(misspell, "चित्रकार", "hi") - {None}:
        assert word is not None and len(split_graphemes(word)) in (len(graphemes), len(graphemes) + 1)
        assert set(split_graphemes(word)) == set(graphemes)


@pytest.mark.parametrize("word", ["cat", "4500", "B2B4", "Nr10a"])
def test_short_words_and_numbers_stay(word: str) -> None:
    assert spellings(misspell, word, "en") == spellings(slip, word, "en") == {None}


def test_no_word_of_the_test_set_is_made() -> None:
    pool = Pool([pair("from form", "their")])
    assert "from" in spellings(misspell, "form", "en") and "from" not in spellings(misspell, "form", "en", pool)
    assert "From" not in spellings(misspell, "Form", "en", pool)


def test_neighbours_are_the_keys_around() -> None:
    assert set(list_neighbours("en")["g"]) == set("fhtyvb")
    assert set(list_neighbours("de")["z"]) == set("tuhg")
    assert set(list_neighbours("fr")["a"]) == set("zq")
    assert set(list_neighbours("ru")["п"]) == set("аренми")
    assert set(list_neighbours("ko")["ㅎ"]) == set("ㄹㅗㅅㅛㅍㅠ")
    assert set(list_neighbours("hi")["क"]) == set("रतगदस")


@pytest.mark.parametrize("language", LAYOUTS)
def test_layouts(language: str) -> None:
    """No letter lies on two keys, being beside each other is mutual, and all letters are of one script."""
    keys = [key for row in LAYOUTS[language] for key in row if key != " "]
    assert len(keys) == len(set(keys)) >= 8
    neighbours = list_neighbours(language)
    assert all(key in neighbours[other] for key in keys for other in neighbours[key])
    assert len({unicodedata.name(key).split()[0] for key in keys}) == 1


def test_a_hangul_slip_changes_one_letter_of_an_inner_block() -> None:
    for word in spellings(slip, "미술관", "ko") - {None}:
        assert word is not None and word[0] == "미" and word[2] == "관"
        before, after = (unicodedata.normalize("NFD", text) for text in ("술", word[1]))
        assert len(before) == len(after) == 3 and sum(a != b for a, b in zip(before, after, strict=True)) == 1


def test_a_slip_keeps_the_vowel_sign_and_the_case() -> None:
    for word in spellings(slip, "पुराने", "hi") - {None}:
        assert word is not None and word[:2] == "पु" and word[-2:] == "ने" and word[3] == "ा"
    assert spellings(slip, "BERLIN", "de") - {None} and all(word and word.isupper() for word in spellings(slip, "BERLIN", "de"))


# -- spelling ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "language", "plain"),
    [
        ("schöne", "de", "schone"),
        ("élève", "fr", "eleve"),
        ("ёлочный", "ru", "елочный"),
        ("Παύλος", "el", "Παυλος"),
        ("Straße", "de", None),
        ("мой", "ru", None),
    ],
)
def test_diacritics(word: str, language: str, plain: str | None) -> None:
    assert strip_marks(word, language, Random(0), EMPTY) == plain
    if plain:
        assert strip_marks(word, language, Random(0), Pool([pair(plain, word)])) is None, "that is another word of the test set"


@pytest.mark.parametrize(
    ("word", "language", "forms"),
    [
        ("Paris", "en", {"paris", "PARIS", "pArIs"}),
        ("İzmir", "tr", {"izmir", "İZMİR", "iZmİr"}),
        ("ışık", "tr", {"IŞIK", "ıŞıK"}),
        ("ναός", "el", {"ΝΑΌΣ", "νΑόΣ"}),
        ("1987", "en", {None}),
    ],
)
def test_case(word: str, language: str, forms: set[str | None]) -> None:
    assert spellings(change_case, word, language) == forms


def test_width() -> None:
    assert change_width("USB3", "en", Random(0), EMPTY) == "ＵＳＢ３"
    assert change_width("パソコン", "ja", Random(0), EMPTY) == "ﾊﾟｿｺﾝ"
    assert change_width("画家", "ja", Random(0), EMPTY) is None
    for code in ("ja", "zh", "de"):
        for word in words_of([SENTENCES[code]]):
            new = change_width(word, code, Random(0), EMPTY)
            assert new is None or unicodedata.normalize("NFKC", new) == unicodedata.normalize("NFKC", word)


def test_look_alikes() -> None:
    assert spellings(disguise, "peace", "en") == {"рeace", "pеace", "peаce", "peaсe", "peacе"}
    for name, table in LOOK_ALIKES.items():
        assert all(unicodedata.name(letter).startswith(name.upper()) for letter in table)
        assert not any(unicodedata.name(letter).startswith(name.upper()) for letter in table.values())
        assert all(letter.isupper() == other.isupper() for letter, other in table.items())


def test_invisible_characters_change_no_shape() -> None:
    assert spellings(insert_invisible, "abc", "en") == {"a\u200bbc", "ab\u200bc"}
    assert spellings(insert_invisible, "دار", "ar") == {None}, "no letter joins the next one"
    assert spellings(insert_invisible, "بيت", "ar") == {"ب\u200dيت", "بي\u200dت"}
    assert all(word is None or "्\u200b" not in word for word in spellings(insert_invisible, "क्षमा", "hi"))


def test_punctuation() -> None:
    found = {example.texts for example in texts_of("punctuation", pair('He said "no".', "Why not?"))}
    assert ("He said “no”.", "Why not?") in found
    assert ('He said "no"', "Why not?") in found
    assert ('He said "no".', "Why not") in found
    assert ('He  said "no".', "Why not?") in found
    assert {e.texts[0] for e in texts_of("punctuation", pair("他来了", "NS"), "zh")} == {"他来了。"}
    assert {e.texts[0] for e in texts_of("punctuation", pair("वह आया।", "NS"), "hi")} == {"वह आया", "वह  आया।"}


# -- names, numbers, pairs ---------------------------------------------------------------------------------------------

NAMES = Pool(
    [
        pair("Yesterday Martha Keller met Robert.", "In 1987 Martha Keller met Robert."),
        pair("The young Lindqvist arrived.", "There Paris is.", id="y"),
    ]
)


def test_anchors_are_in_both_texts() -> None:
    numbers, names = find_anchors(pair("In 1987 Martha met Robert and 3 men.", "Then Martha met 3 men in 1987."), "en", NAMES)
    assert set(numbers) == {"1987"} and set(names) == {"Martha"}
    assert find_anchors(pair("Sie traf Martha.", "Er traf Martha."), "de", NAMES)[1] == {}, "every noun has a capital"


@pytest.mark.parametrize("text", ["4,500", "12.03.1987", "1990s", "15:30", "A320", "20-30", "45%", "7"])
def test_what_is_no_whole_number(text: str) -> None:
    assert find_anchors(pair(f"We saw {text} there.", f"There {text} was."), "en", EMPTY)[0] == {}


def test_renaming_is_consistent_and_keeps_the_order_of_numbers() -> None:
    example = pair("In 1987 Martha met 40 men, in 1990 none.", "Some met Martha in 1987, not in 1990.")
    for found in texts_of("rename", example, pool=Pool([example, *NAMES.same]), budget=3):
        numbers = [int(word) for word in words_of(found.texts) if word.isdigit()]
        assert numbers[0] == numbers[3] and numbers[2] == numbers[4], "the same in both texts"
        assert 40 < numbers[0] < numbers[2] and numbers[1] == 40
        names = [word for word in words_of(found.texts) if word in ("Martha", "Robert", "Lindqvist", "Keller", "Paris")]
        assert len(names) == 2 and len(set(names)) == 1
    assert any(
        "Martha" not in found.texts[0] for found in texts_of("rename", example, pool=Pool([example, *NAMES.same]), budget=3)
    )


@pytest.mark.parametrize(("number", "first", "last"), [("1987", 1900, 1999), ("15", 10, 28), ("31", 10, 28), ("72", 70, 79)])
def test_a_year_stays_in_its_century_and_a_day_in_every_month(number: str, first: int, last: int) -> None:
    numbers = {int(words_of(e.texts)[-1]) for e in texts_of("rename", pair(f"We left on {number}", f"They left on {number}"))}
    assert len(numbers) > 5 and first <= min(numbers) and max(numbers) <= last and int(number) not in numbers


def test_renaming_keeps_the_digits_of_a_script() -> None:
    for found in texts_of("rename", pair("سال ۱۹۸۷ بود.", "در ۱۹۸۷ آمد."), "fa"):
        assert all(unicodedata.name(c).startswith("EXTENDED ARABIC-INDIC") for text in found.texts for c in text if c.isdigit())


def test_an_answer_follows_a_renaming() -> None:
    example = SpanExample("q", "Who won in 1987 there?", "They say that in 1987 Keller won.", (SpanAnswer("1987 Keller", 17),))
    for found in texts_of("rename", example):
        assert found.answer[0].text != "1987 Keller" and found.answer[0].text.endswith(" Keller")


def test_exchanged_names_make_a_negative_pair() -> None:
    first = pair("Yesterday Martha went to see Robert.", "It was Martha who wanted to see Robert.")
    found = texts_of("swap", first)
    assert {e.texts for e in found} == {
        ("Yesterday Robert went to see Martha.", first.texts[1]),
        (first.texts[0], "It was Robert who wanted to see Martha."),
    }
    assert {e.answer for e in found} == {"0"}
    assert texts_of("swap", pair(*first.texts, answer="0")) == [], "a negative pair might become positive"
    assert texts_of("swap", pair("I saw Martha and Robert.", "He saw Martha and Robert.")) == [], "a list has no order"


def test_symmetry_and_self_pair() -> None:
    example = pair("A.", "B.", "0")
    assert [(e.texts, e.answer) for e in texts_of("symmetry", example)] == [(("B.", "A."), "0")]
    assert {(e.texts, e.answer) for e in texts_of("self_pair", example)} == {(("A.", "A."), "1"), (("B.", "B."), "1")}
    for name in ("symmetry", "self_pair"):
        assert texts_of(name, pair("A.", "A.", "0")) == texts_of(name, pair("NS", "B.", "0")) == []


PARALLEL = {
    code: {id: pair(f"{code} first {id}", f"{code} second {id}", id=id) for id in ids}
    for code, ids in {"en": "abcd", "de": "abc", "zh": "abd"}.items()
}


def test_language_pairs_use_the_ids_of_all_languages() -> None:
    pool = Pool(list(PARALLEL["en"].values()), PARALLEL)
    made = make_variants(find_attack("language_pair"), pool.same, "en", seed=0, count=40, pool=pool)
    assert made.untouched == ("c", "d")
    assert {variant.languages for variant in made.variants} == {("en", "de"), ("de", "en"), ("en", "zh"), ("zh", "en")}
    for variant in made.variants:
        one, other = variant.languages
        assert variant.example.texts == (f"{one} first {variant.source}", f"{other} second {variant.source}")


def test_every_cell_of_the_matrix_has_the_same_ids() -> None:
    tables = {code: dict(table) for code, table in PARALLEL.items()}
    assert all([v.source for v in mix_languages(tables, a, b)] == ["a", "b"] for a in tables for b in tables)
    tables["zh"]["b"] = pair("NS", "zh second b", id="b")
    assert all([v.source for v in mix_languages(tables, a, b)] == ["a"] for a in tables for b in tables)
    tables["zh"]["a"] = pair("zh first a", "zh second a", "0", id="a")
    assert not any(list(mix_languages(tables, a, b)) for a in tables for b in tables), "the languages disagree about the label"


def test_a_question_in_another_language_keeps_the_answer_of_the_context() -> None:
    tables = {
        "en": {"a": SpanExample("a", "Who?", "It was Ann.", (SpanAnswer("Ann", 7),))},
        "de": {"a": SpanExample("a", "Wer?", "Ann war es.", (SpanAnswer("Ann", 0),))},
    }
    (mixed,) = mix_languages(tables, "de", "en")
    assert mixed.example == SpanExample("a", "Wer?", "It was Ann.", (SpanAnswer("Ann", 7),)) and mixed.languages == ("de", "en")


# -- entities, distractors, stress -------------------------------------------------------------------------------------


def test_entities_of_the_same_type_and_length() -> None:
    tags = ("O", "B-PER", "I-PER", "O", "I-LOC")
    assert list(find_entities(tags)) == [("PER", 1, 3), ("LOC", 4, 5)]
    assert list(find_entities(("B-PER", "B-PER", "I-LOC", "I-LOC"))) == [("PER", 0, 1), ("PER", 1, 2), ("LOC", 2, 4)]
    example = TagExample("a", ("so", "Ann", "Lee", "in", "Rome"), tags)
    other = TagExample("b", ("Bob", "Ray", "Oslo", "Al"), ("B-PER", "I-PER", "B-LOC", "B-PER"))
    found = texts_of("entities", example, pool=Pool([example, other]))
    assert [e.words for e in found] == [("so", "Bob", "Ray", "in", "Oslo")]
    assert [e.answer for e in found] == [tags]


def test_a_second_premise_is_unrelated() -> None:
    example = pair("A man sleeps on a bench.", "A man sleeps.", "entailment")
    others = [pair("A man never sleeps.", "x", id="1"), pair("Dogs bark at night.", "x", id="2")]
    found = texts_of("distractor_premise", example, pool=Pool([example, *others]))
    assert [e.texts for e in found] == [("A man sleeps on a bench. Dogs bark at night.", "A man sleeps.")]
    neutral = pair(*example.texts, answer="neutral")
    assert texts_of("distractor_premise", neutral, pool=Pool([neutral, *others])) == []


def test_a_foreign_sentence_stands_around_the_context() -> None:
    example = SpanExample("a", "Who sold the boat?", "Ann sold the boat.", (SpanAnswer("Ann", 0),))
    others = [
        SpanExample("b", "?", "Bob sold the boat. Ann slept. It rained all day. And then", ()),
        SpanExample("c", "?", "Ann sold the boat. Ann slept.", ()),
    ]
    found = texts_of("distractor_sentence", example, pool=Pool([example, *others]))
    assert {e.context for e in found} == {"Ann sold the boat. It rained all day.", "It rained all day. Ann sold the boat."}
    assert {e.answer[0].start for e in found} == {0, 19}


@pytest.mark.parametrize("language", TAUTOLOGIES)
def test_stress(language: str) -> None:
    example = pair("Text one.", "Text two", "neutral")
    (overlap,), (negation,), (length,) = (
        texts_of(f"stress_{name}", example, language) for name in ("overlap", "negation", "length")
    )
    true, false = TAUTOLOGIES[language]
    assert overlap.texts == ("Text one.", f"Text two{true}") and negation.texts == ("Text one.", f"Text two{false}")
    assert length.texts == (f"Text one{true * 5}.", "Text two")


def test_how_much_is_edited() -> None:
    example = pair("one two three", "four five")
    letters = len("one two three") + len("four five")
    assert measure_edits(example, [Edit(0, 1, 2, "xy"), Edit(0, 2, 2, "z")]) == (1 / 5, 3 / letters), "twice in one word"
    assert measure_edits(example, [Edit(1, 0, 9, "")]) == (2 / 5, 9 / letters)
    assert measure_edits(example, [Edit(1, 9, 9, " and more")]) == (0, 9 / letters), "what is put behind a word changes none"
    assert measure_edits(TagExample("x", ("ab", "cd"), ("O", "O")), [Edit(1, 0, 1, "x")]) == (1 / 2, 1 / 4)
