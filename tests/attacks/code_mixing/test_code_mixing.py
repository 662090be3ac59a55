"""Code-mixing on texts whose translations are known."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from xstilts.attacks.attack import Pool
from xstilts.attacks.code_mixing.parallel import learn, split
from xstilts.attacks.code_mixing.phrases import find_phrases
from xstilts.attacks.edits import allow_words, list_places, parts
from xstilts.attacks.registry import find_attack
from xstilts.attacks.search import BeamSearch, GreedySearch, search, success_rate
from xstilts.attacks.variants import make_variants
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.format import Example
from xstilts.formats.span import SpanAnswer, SpanExample
from xstilts.world import WorldConfig, generate
from xstilts.world.tongue import make_lexicons

NOUNS = {"dog": "Hund", "cat": "Kater", "poison": "Gift", "house": "Haus", "gift": "Geschenk", "table": "Tisch"}
VERBS = {"sees": "sieht", "wants": "will", "finds": "findet"}


def make_pool(**more: tuple[str, str]) -> Pool:
    """English pairs and the same ones in German. `more`: further ids."""
    texts = {
        f"{a}-{v}-{b}": (f"The {a} {v} the {b}.", f"Das {NOUNS[a]} {VERBS[v]} das {NOUNS[b]}.")
        for a in NOUNS
        for b in NOUNS
        for v in VERBS
        if a != b
    } | more
    tables = {
        code: {id: ClassifyExample(id, (pair[side], "NS"), "1") for id, pair in texts.items()}
        for side, code in enumerate(("en", "de"))
    }
    return Pool(list(tables["en"].values()), tables)


def variants(name: str, pool: Pool, id: str, language: str = "en", count: int = 30, **more: Any) -> list[Any]:
    example = [e for e in pool.same if e.id == id]
    return [
        v.example for v in make_variants(find_attack(name), example, language, seed=0, count=count, pool=pool, **more).variants
    ]


def test_a_word_becomes_the_word_of_the_same_example() -> None:
    found = {e.texts[0] for e in variants("code_mix", make_pool(), "dog-sees-cat", budget=0.2)}
    assert found == {
        *("Das dog sees the cat.", "The Hund sees the cat.", "The dog sieht the cat."),
        *("The dog sees das cat.", "The dog sees the Kater."),
    }


def test_a_word_that_means_something_else_is_not_put_in() -> None:
    """English has a "gift", which is no poison."""
    found = [e.texts[0] for e in variants("code_mix", make_pool(), "poison-sees-cat", budget=1)]
    assert found and all("poison" in text and "Gift" not in text for text in found)
    german = Pool(list(make_pool().parallel["de"].values()), make_pool().parallel)
    assert any("poison" in e.texts[0] for e in variants("code_mix", german, "poison-sees-cat", "de", budget=1))


def test_joined_words_missing_texts_and_other_labels_are_left_alone() -> None:
    pool = make_pool(joined=("The dog's cat-house sees.", "Das Hund Kater Haus sieht."), gone=("The dog sees.", "NS"))
    texts = [e.texts[0] for e in variants("code_mix", pool, "joined", budget=1)]
    assert texts and all("dog's cat-house" in text for text in texts)
    assert variants("code_mix", pool, "gone") == variants("code_mix_phrases", pool, "gone") == []
    german = pool.parallel["de"] | {"dog-sees-cat": ClassifyExample("dog-sees-cat", ("Das Hund sieht das Kater.", "NS"), "0")}
    pool = Pool(pool.same, {**pool.parallel, "de": german})
    assert variants("code_mix", pool, "dog-sees-cat") == [], "the languages disagree about the label"


def test_phrases_of_a_row() -> None:
    assert list(find_phrases(((0, 1), (1, 0), (2, 2), (4, 3)))) == [
        (0, 1, 1),
        (0, 0, 2),
        (0, 0, 3),
        (1, 0, 1),
        (2, 2, 1),
        (4, 3, 1),
    ]


def test_a_phrase_keeps_the_order_of_its_language() -> None:
    """German verbs go to the end here."""
    tables: dict[str, dict[str, Example]] = {"en": {}, "de": {}}
    for first in NOUNS:
        for verb in VERBS:
            for last in NOUNS:
                id = f"{first}-{verb}-{last}"
                tables["en"][id] = ClassifyExample(id, (f"{first} {verb} {last}, he said.", "NS"), "1")
                tables["de"][id] = ClassifyExample(id, (f"{NOUNS[first]} {NOUNS[last]} {VERBS[verb]}, er sagte.", "NS"), "1")
    pool = Pool(list(tables["en"].values()), tables)
    example = [e for e in pool.same if e.id == "dog-sees-cat"]
    made = make_variants(find_attack("code_mix_phrases"), example, "en", seed=0, count=100, budget=0.6, pool=pool).variants
    found = {parts(variant.example)[0] for variant in made}
    assert "Hund Kater sieht, he said." in found and "dog Kater sieht, er said." in found
    assert not any("," in edit.replacement for variant in made for edit in variant.edits), "a mark ends a phrase"


def test_answers_stay_and_offsets_follow() -> None:
    pairs = make_pool().parallel
    tables: dict[str, dict[str, Example]] = {}
    for code, ask in (("en", "Who sees?"), ("de", "Wer sieht?")):
        tables[code] = {}
        for id, pair in pairs[code].items():
            text = parts(pair)[0]
            word = text.split()[1]
            tables[code][id] = SpanExample(id, ask, text, (SpanAnswer(word, text.index(word)),))
    pool = Pool(list(tables["en"].values()), tables)
    for name in ("code_mix", "code_mix_phrases"):
        for found in variants(name, pool, "dog-sees-cat", budget=1):
            (gold,) = found.answer
            assert gold.text == "dog" and found.context[gold.start :].startswith("dog ")


def test_one_other_language_in_the_phrases_of_a_variant() -> None:
    pool = world_pool("paraphrase", "en")
    words = {word: code for code, lexicon in make_lexicons(WORLD).items() for word in lexicon.values() if code != "en"}
    for example in variants("code_mix_phrases", pool, pool.same[3].id, budget=1):
        foreign = {words[word] for text in example.texts for word in split(text) if word in words and not word.isascii()}
        assert len(foreign) <= 1
    mixed = variants("code_mix", pool, pool.same[3].id, budget=1)
    assert max(len({words.get(word) for text in e.texts for word in split(text)}) for e in mixed) > 3


# -- the world -----------------------------------------------------------------------------------------------------------

WORLD = WorldConfig(test=300)


@cache
def world_pool(task: str, language: str) -> Pool:
    tables = {code: {e.id: e for e in generate(WORLD, task, "test", code)} for code in ("en", "l1", "l3", "l4", "l5")}
    return Pool(list(tables[language].values()), tables)


@pytest.mark.parametrize("other", ["l1", "l3", "l4", "l5"])
@pytest.mark.parametrize(("task", "precision"), [("nli", 0.93), ("paraphrase", 0.98), ("squad", 0.99)])
def test_links_in_the_world_are_right(task: str, precision: float, other: str) -> None:
    pool = world_pool(task, "en")
    concepts = {code: {word: concept for concept, word in make_lexicons(WORLD)[code].items()} for code in ("en", other)}
    right = links = 0
    for (id, part), some in learn(pool, "en", other).links.items():
        ours, theirs = (split(parts(pool.parallel[code][id])[part]) for code in ("en", other))
        links += len(some)
        right += sum(concepts["en"][ours[i]] == concepts[other][theirs[j]] for i, j in some)
    assert links > 1000 and right >= precision * links, right / links


@pytest.mark.parametrize("name", ["code_mix", "code_mix_phrases"])
@pytest.mark.parametrize("budget", [0.1, 0.5, 1])
def test_budgets_hold(name: str, budget: float) -> None:
    pool = world_pool("nli", "l1")
    made = make_variants(find_attack(name), pool.same[:60], "l1", seed=0, budget=budget, pool=pool)
    clean = {example.id: example for example in pool.same}
    assert len(made.variants) > 50
    for variant in made.variants:
        before, after = clean[variant.source], variant.example
        changed = sum(
            first != second
            for one, other in zip(parts(before), parts(after), strict=True)
            for first, second in zip(one.split(), other.split(), strict=True)
        )
        assert 0 < changed <= allow_words(budget, len(list_places(before)))


@pytest.mark.parametrize("name", ["code_mix", "code_mix_phrases"])
def test_same_bytes_for_any_subset_order_and_count(name: str) -> None:
    pool = world_pool("nli", "en")
    whole = make_variants(find_attack(name), pool.same[:40], "en", seed=0, count=3, pool=pool).variants
    again = Pool(pool.same[::-1], {code: dict(reversed(table.items())) for code, table in reversed(pool.parallel.items())})
    part = make_variants(find_attack(name), pool.same[20:25], "en", seed=0, count=2, pool=again).variants
    ids = {example.id for example in pool.same[20:25]}
    assert list(part) == [v for v in whole if v.source in ids and not v.example.id.endswith("#2")]


@pytest.mark.parametrize("method", [GreedySearch(), BeamSearch()], ids=["greedy", "beam"])
def test_a_search_by_words(method: Any) -> None:
    """A victim that reads one word breaks as soon as it is another one."""
    pool = make_pool()
    example = next(e for e in pool.same if e.id == "dog-sees-cat")
    found = search(
        lambda some: [1.0 if "dog" in parts(one)[0] else -1.0 for one in some],
        find_attack("code_mix"),
        [example],
        "en",
        method,
        pool=pool,
    )
    assert success_rate(found) == 1 and found[0].variant is not None
    assert parts(found[0].variant.example)[0] == "The Hund sees the cat."


@pytest.mark.parametrize("language", ["zh", "ja", "th", "my", "vi"])
def test_languages_whose_words_are_not_found_by_blanks(language: str) -> None:
    assert "a part of a word could be replaced or put in" in find_attack("code_mix").excludes(language)
    table = make_pool().parallel
    pool = Pool(list(table["en"].values()), {"en": table["en"], language: table["de"]})
    assert variants("code_mix", pool, "dog-sees-cat") == []
