"""What holds for every attack, format and language: answers follow, budgets hold, and the same question gives the same bytes."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.attacks.texts import SENTENCES, make_pool
from xstilts.attacks.attack import Attack, Pool
from xstilts.attacks.edits import allow_words, apply, list_places, parts
from xstilts.attacks.first_wave.entities import find_entities
from xstilts.attacks.registry import ATTACKS
from xstilts.attacks.text import find_words, is_placeholder, split_graphemes
from xstilts.attacks.variants import Made, make_variants
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.image_pair import ImagePairExample
from xstilts.formats.ranking import RankingExample
from xstilts.formats.span import SpanExample
from xstilts.formats.tag import TagExample

KINDS = {
    attack.name: sorted({k for f in attack.formats for k in f.examples if k is not RankingExample}, key=lambda kind: kind.kind)
    for attack in ATTACKS.values()
}
COUNT = 4


def draw_case(data: st.DataObject, attack: Attack) -> tuple[str, Pool]:
    language = data.draw(st.sampled_from([code for code in SENTENCES if not attack.excludes(code)]), label="language")
    kind = data.draw(st.sampled_from(KINDS[attack.name]), label="kind")
    return language, data.draw(make_pool(kind, language), label="pool")


def attacked(attack: Attack, language: str, pool: Pool, **more: Any) -> Made:
    return make_variants(attack, more.pop("examples", pool.same), language, pool=pool, **{"seed": 3, "count": COUNT, **more})


DIFFERENT = [attack for name, attack in ATTACKS.items() if not name.startswith("checklist_")]  # these are parts of one
every_attack = pytest.mark.parametrize("attack", DIFFERENT, ids=lambda attack: attack.name)
quick = settings(max_examples=15, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.reuse, Phase.generate))


@every_attack
@quick
@given(data=st.data())
def test_answers_follow(attack: Attack, data: st.DataObject) -> None:
    language, pool = draw_case(data, attack)
    clean = {example.id: example for example in pool.same}
    for variant in attacked(attack, language, pool).variants:
        before, after = clean[variant.source], variant.example
        if isinstance(after, ImagePairExample) and attack.goal == "ablation":
            assert isinstance(before, ImagePairExample) and after.picture != before.picture
            assert replace(after, id=before.id, picture=before.picture) == before
            continue
        if attack.stands_alone:
            assert isinstance(after, SpanExample) and after.answer is not None and not variant.edits
            assert all(after.context[gold.start :].startswith(gold.text) for gold in after.answer)
            continue
        assert parts(after) != parts(before) or after.answer != before.answer or attack.cuts
        if isinstance(after, SpanExample):
            assert isinstance(before, SpanExample)
            if not variant.languages:
                assert (after.answer is None) == (before.answer is None)
                assert len(after.answer or ()) == len(before.answer or ())
            for gold in after.answer or ():
                assert gold.text.strip()
                assert after.context[gold.start : gold.start + len(gold.text)] == gold.text
        elif isinstance(after, TagExample):
            assert after.answer is not None and len(after.words) == len(after.answer)
            assert all(word.split() == [word] for word in after.words)
            assert after.answer == before.answer
        elif attack.goal == "invariance":
            assert after.answer == before.answer
        else:
            assert after.answer == {"directional": "0", "minimum functionality": "1"}[attack.goal]


@every_attack
@quick
@given(data=st.data())
def test_edits_lead_from_clean_to_variant(attack: Attack, data: st.DataObject) -> None:
    """Every edit is one of whole graphemes, none is in a placeholder or a protected stretch, and together they give the texts."""
    language, pool = draw_case(data, attack)
    clean = {example.id: example for example in pool.same}
    for variant in attacked(attack, language, pool).variants:
        before = clean[variant.source]
        if not variant.edits:
            other = attack.stands_alone or attack.name in ("self_pair", "language_pair")
            assert other or sorted(parts(before)) == sorted(parts(variant.example))
            continue
        changed = apply(before, variant.edits)
        assert changed is not None and parts(changed) == parts(variant.example)
        for edit in variant.edits:
            text = parts(before)[edit.part]
            if attack.name != "entities":  # whole words; a word of a sentence is no missing text
                assert not is_placeholder(text)
                assert "example.org" not in text[edit.start : edit.end]
            borders = {0}
            for grapheme in split_graphemes(text):
                borders.add(max(borders) + len(grapheme))
            assert {edit.start, edit.end} <= borders


@every_attack
@quick
@given(data=st.data())
def test_budgets_hold_and_are_nested(attack: Attack, data: st.DataObject) -> None:
    language, pool = draw_case(data, attack)
    small, large = sorted((data.draw(st.floats(0.05, 1)) * attack.most for _ in range(2)), key=float)
    if attack.vary:
        edits = []
        for budget in (small, large):
            made = attacked(attack, language, pool, budget=budget)
            clean = {example.id: len(list_places(example)) for example in pool.same}
            assert all(len(v.edits) <= allow_words(budget, clean[v.source]) for v in made.variants)
            edits.append({v.example.id: set(v.edits) for v in made.variants})
        assert all(found <= edits[1][id] for id, found in edits[0].items() if id in edits[1])
    elif attack.name == "entities":
        for variant in attacked(attack, language, pool, budget=small).variants:
            (before,) = (e for e in pool.same if e.id == variant.source)
            assert isinstance(before, TagExample) and before.answer is not None
            spans = list(find_entities(before.answer))
            touched = [s for s in spans if any(s[1] <= edit.part < s[2] for edit in variant.edits)]
            assert len(touched) <= max(1, int(small * len(spans) + 1e-9))
    elif attack.name in ("distractor_premise", "distractor_sentence", "punctuation"):
        made = attacked(attack, language, pool, budget=max(1, int(small)))
        longest = {"punctuation": 2 * small, "distractor_premise": 1, "distractor_sentence": 2}[attack.name]
        assert all(len(v.edits) <= max(longest, 2) for v in made.variants)


@every_attack
@quick
@given(data=st.data())
def test_same_bytes_for_any_order_subset_and_count(attack: Attack, data: st.DataObject) -> None:
    language, pool = draw_case(data, attack)
    whole = attacked(attack, language, pool)
    ids = [variant.example.id for variant in whole.variants]
    assert len(set(ids)) == len(ids)
    assert {variant.source for variant in whole.variants}.isdisjoint(whole.untouched)
    assert {variant.source for variant in whole.variants} | {*whole.untouched} == {example.id for example in pool.same}
    shuffled = data.draw(st.permutations(list(pool.same)))
    again = attacked(attack, language, Pool(pool.same, pool.parallel), examples=shuffled)
    assert sorted(map(repr, again.variants)) == sorted(map(repr, whole.variants))
    part = attacked(attack, language, pool, examples=shuffled[:2])
    assert {repr(v) for v in part.variants} == {repr(v) for v in whole.variants if v.source in {e.id for e in shuffled[:2]}}
    fewer = attacked(attack, language, pool, count=2)
    assert [v for v in whole.variants if int(v.example.id.rpartition("#")[2]) < 2] == list(fewer.variants)


@every_attack
def test_another_seed_gives_other_variants(attack: Attack) -> None:
    """Not for attacks that have nothing to draw."""
    if attack.vary is None or attack.name in ("diacritics", "width"):
        return
    pool = Pool([ClassifyExample(text, (text, text), "1") for text in SENTENCES["en"].split(";")])
    first, second = (attacked(attack, "en", pool, seed=seed).variants for seed in (0, 1))
    assert [v.edits for v in first] != [v.edits for v in second]


@quick
@given(text=st.text(), language=st.sampled_from(sorted(SENTENCES)), seed=st.integers())
@pytest.mark.parametrize("attack", [a for a in ATTACKS.values() if a.vary], ids=lambda attack: attack.name)
def test_any_text_at_all(attack: Attack, text: str, language: str, seed: int) -> None:
    """A spelling is another word of whole graphemes, or None; nothing raises."""
    if attack.excludes(language):
        return
    assert attack.vary is not None
    for start, end in find_words(text):
        word = text[start:end]
        new = attack.vary(word, language, Random(seed), Pool())
        assert new is None or (new != word and new.strip() == new and new)
