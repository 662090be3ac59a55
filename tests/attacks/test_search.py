"""The search against planted victims whose answer is known."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from math import isnan, nan
from random import Random
from typing import Any

import pytest

from xstilts.attacks.attack import Pool
from xstilts.attacks.edits import list_places
from xstilts.attacks.first_wave.invisible import ZERO_WIDTH
from xstilts.attacks.first_wave.pairs import SYMMETRY
from xstilts.attacks.first_wave.segmentation import SEGMENTATION
from xstilts.attacks.model_based import HOTFLIP, PGD, SUBSTITUTE
from xstilts.attacks.registry import find_attack
from xstilts.attacks.search import BeamSearch, GreedySearch, Method, ProposedSearch, RandomSearch, Victim, search, success_rate
from xstilts.attacks.variants import make_variants
from xstilts.errors import InputError
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.format import Example

CHARACTERS = find_attack("characters")
WORDS = ["painter", "merchant", "harbour", "picture", "village", "morning", "letter", "garden", "window", "teacher", "brother"]


def make_examples(count: int) -> list[Example]:
    rng = Random(0)
    return [ClassifyExample(f"e{i}", (" ".join(rng.sample(WORDS, 6)), " ".join(rng.sample(WORDS, 4))), "1") for i in range(count)]


EXAMPLES = make_examples(40)
SEARCHES: dict[str, Method] = {"random": RandomSearch(), "greedy": GreedySearch(), "beam": BeamSearch()}
every_search = pytest.mark.parametrize("method", SEARCHES.values(), ids=list(SEARCHES))


def text_of(example: Example) -> str:
    return " ".join(example.texts) if isinstance(example, ClassifyExample) else ""


class Watched:
    """A victim that notes what it was asked."""

    def __init__(self, victim: Any) -> None:
        self.victim = victim
        self.batches: list[int] = []
        self.asked: list[Example] = []

    def __call__(self, examples: Sequence[Example]) -> list[float]:
        self.batches.append(len(examples))
        self.asked += examples
        return [self.victim(example) for example in examples]


def keyword_victim(words: Sequence[str]) -> Any:
    """Right as long as one of the words is spelled right; the margin is how many are."""
    return lambda example: sum(word in text_of(example).split() for word in words) - 0.5


@every_search
def test_a_constant_victim_is_never_broken(method: Method) -> None:
    """One that always gives label 1 is right on half of these, and stays right on them."""
    mixed = [ClassifyExample(e.id, (text_of(e), "x"), str(i % 2)) for i, e in enumerate(EXAMPLES)]
    victim = Watched(lambda example: 1.0 if example.answer == "1" else -1.0)
    found = search(victim, CHARACTERS, mixed, "en", method)
    assert success_rate(found) == 0
    assert [one.queries > 0 for one in found] == [one.clean > 0 for one in found], "a wrong example is not attacked"
    assert all(one.variant is None for one in found)


def test_success_is_nothing_where_no_example_was_right() -> None:
    assert isnan(success_rate(search(lambda examples: [-1.0] * len(examples), CHARACTERS, EXAMPLES, "en", GreedySearch())))


@pytest.mark.parametrize("method", [GreedySearch(), BeamSearch()], ids=["greedy", "beam"])
@pytest.mark.parametrize("keywords", [1, 2, 3])
def test_a_keyword_victim_breaks_at_its_smallest_budget(method: Method, keywords: int) -> None:
    """Ten words: a budget of 0.3 is three edits. The victim reads `keywords` words, each once in the example."""
    example = ClassifyExample("e", (" ".join(WORDS[:6]), " ".join(WORDS[6:10])), "1")
    victim = Watched(keyword_victim(WORDS[2 : 2 + keywords]))
    at_budget = search(victim, CHARACTERS, [example], "en", method, budget=keywords / 10)
    assert success_rate(at_budget) == 1
    (found,) = at_budget
    assert found.variant is not None and len(found.variant.edits) == keywords
    assert found.score == -0.5 and found.clean == keywords - 0.5
    if keywords > 1:
        below = search(victim, CHARACTERS, [example], "en", method, budget=(keywords - 1) / 10)
        assert success_rate(below) == 0
        assert below[0].score == pytest.approx(0.5), "the search went as far as the budget allows"


@every_search
def test_a_victim_that_does_not_see_the_edit_is_not_broken(method: Method) -> None:
    def blind(example: Example) -> float:
        text = text_of(example).replace("\u200b", "")
        return 1.0 if text in {text_of(clean) for clean in EXAMPLES} else -1.0

    assert success_rate(search(Watched(blind), ZERO_WIDTH, EXAMPLES, "en", method)) == 0
    assert success_rate(search(Watched(blind), CHARACTERS, EXAMPLES, "en", method)) == 1


@pytest.mark.parametrize("count", [1, 3])
def test_random_labels_break_at_the_chance_rate(count: int) -> None:
    """A victim that is right on a text with probability p stays right on k other texts with p ** k."""
    p = 0.7

    def coin(example: Example) -> float:
        number = int.from_bytes(hashlib.sha256(repr(example).split("texts=")[1].encode()).digest()[:4])
        return 1.0 if number < p * 2**32 else -1.0

    examples = make_examples(1500)
    found = [one for one in search(Watched(coin), CHARACTERS, examples, "en", RandomSearch(count)) if one.clean > 0]
    expected = 1 - p**count
    error = (expected * (1 - expected) / len(found)) ** 0.5
    assert sum(one.queries == count for one in found) > 0.8 * len(found)
    rate = success_rate(one for one in found if one.queries == count)
    assert abs(rate - expected) < 4 * error, (rate, expected)


def test_more_variants_never_find_less() -> None:
    victim = keyword_victim(WORDS[:2])
    found = [search(Watched(victim), CHARACTERS, EXAMPLES, "en", RandomSearch(count)) for count in (1, 4, 16)]
    for fewer, more in pairwise(found):
        assert all(b.score <= a.score for a, b in zip(fewer, more, strict=True))


def test_random_search_asks_about_the_variants_of_a_test_set() -> None:
    """So a fixed set of variants is the search of a victim that was not asked."""
    victim = Watched(lambda example: 1.0)
    search(victim, CHARACTERS, EXAMPLES, "en", RandomSearch(3), seed=5)
    made = make_variants(CHARACTERS, EXAMPLES, "en", seed=5, count=3)
    assert {text_of(e) for e in victim.asked[len(EXAMPLES) :]} == {text_of(v.example) for v in made.variants}


@every_search
def test_queries_go_together_and_count_once(method: Method) -> None:
    victim = Watched(keyword_victim(WORDS))
    found = search(victim, CHARACTERS, EXAMPLES, "en", method, batch=64)
    assert len(victim.asked) == len(EXAMPLES) + sum(one.queries for one in found)
    assert max(victim.batches) <= 64
    assert len(victim.batches) < len(EXAMPLES) + len(victim.asked) / 64
    asked = [(example.id.rpartition("#")[0], text_of(example)) for example in victim.asked if "#" in example.id]
    assert len(set(asked)) == len(asked), "no variant was asked about twice"
    ids = [example.id for example in victim.asked]
    assert len(set(ids)) == len(ids)


@every_search
def test_the_batch_and_the_other_examples_change_nothing(method: Method) -> None:
    victim = keyword_victim(WORDS[:3])
    pool = Pool(EXAMPLES)
    whole = search(Watched(victim), CHARACTERS, EXAMPLES, "en", method, pool=pool)
    assert search(Watched(victim), CHARACTERS, EXAMPLES, "en", method, pool=pool, batch=3) == whole
    assert search(Watched(victim), CHARACTERS, EXAMPLES[5:9], "en", method, pool=pool) == whole[5:9]


@every_search
def test_at_most_so_many_queries(method: Method) -> None:
    found = search(Watched(lambda example: 1.0), CHARACTERS, EXAMPLES, "en", method, most_queries=5)
    assert {one.queries for one in found} == {5}


def test_a_search_by_words_needs_an_attack_by_words() -> None:
    with pytest.raises(
        InputError, match="symmetry changes whole examples, and GreedySearch edits word by word; use RandomSearch"
    ):
        search(lambda examples: [1.0] * len(examples), SYMMETRY, EXAMPLES, "en", GreedySearch())


class CutVictim(Watched):
    """Without cuts it is right; with them it is as the id and the exponent have it."""

    def cut(self, alpha: float, seed: int) -> Watched:
        self.cuts = Watched(lambda example: self.victim((alpha, seed, example.id)))
        return self.cuts


def by_chance(given: Any) -> float:
    return 1.0 if isinstance(given, Example) or hashlib.sha256(repr(given).encode()).digest()[0] > 20 else -1.0


def test_each_cut_of_the_same_text_is_a_query() -> None:
    victim = CutVictim(by_chance)
    searched = [search(victim, SEGMENTATION, EXAMPLES, "en", RandomSearch(count), budget=0.6, seed=2) for count in (1, 4, 16)]
    asked = [example.id for example in victim.cuts.asked]
    assert sorted(asked) == sorted(f"{e.id}#{n}" for e in EXAMPLES for n in range(16))
    rates = [success_rate(found) for found in searched]
    assert 0 < rates[0] < rates[1] < rates[2] <= 1
    for few, more in pairwise(searched):
        assert all(one.broken <= other.broken for one, other in zip(few, more, strict=True)), "samples are nested"
    for one in (one for one in searched[2] if one.broken):
        assert one.variant is not None and by_chance((0.4, 2, one.variant.example.id)) == -1.0


def test_a_constant_victim_of_cuts_is_never_broken() -> None:
    assert success_rate(search(CutVictim(lambda given: 1.0), SEGMENTATION, EXAMPLES, "en", RandomSearch(4))) == 0


def test_who_cannot_be_asked_about_cuts() -> None:
    with pytest.raises(InputError, match="segmentation changes no text, only how the victim's tokenizer cuts it"):
        search(Watched(by_chance), SEGMENTATION, EXAMPLES, "en", RandomSearch())
    with pytest.raises(InputError, match="segmentation changes no text, and BeamSearch edits word by word; use RandomSearch"):
        search(CutVictim(by_chance), SEGMENTATION, EXAMPLES, "en", BeamSearch())


@pytest.mark.parametrize(
    ("victim", "message"),
    [
        (lambda examples: [1.0], "the victim returned 1 scores for 40 examples; expected one for each"),
        (
            lambda examples: [nan] * len(examples),
            "the victim returned NaN for example e0; expected the score of its right answer",
        ),
    ],
)
def test_what_a_victim_may_not_return(victim: Victim, message: str) -> None:
    with pytest.raises(InputError, match=message):
        search(victim, CHARACTERS, EXAMPLES, "en", RandomSearch())


# -- a model that proposes words -------------------------------------------------------------------------------------------


def propose_for(*words: str) -> Any:
    """Replacements for these words first, then for all others."""

    def propose(example: Example) -> list[tuple[int, str]]:
        order = sorted(enumerate(list_places(example)), key=lambda one: one[1].word not in words)
        return [(number, new) for number, place in order for new in ("other", "another") if new != place.word]

    return propose


@pytest.mark.parametrize("keywords", [1, 2, 3])
def test_proposals_break_a_keyword_victim_at_its_smallest_budget(keywords: int) -> None:
    example = ClassifyExample("e", (" ".join(WORDS[:6]), " ".join(WORDS[6:10])), "1")
    read = WORDS[2 : 2 + keywords]
    method = ProposedSearch(propose_for(*read), tries=2 * len(read))
    (found,) = search(Watched(keyword_victim(read)), HOTFLIP, [example], "en", method, budget=keywords)
    assert found.broken and found.variant is not None and len(found.variant.edits) == keywords
    if keywords > 1:
        (below,) = search(Watched(keyword_victim(read)), HOTFLIP, [example], "en", method, budget=keywords - 1)
        assert not below.broken and below.score == 0.5, "it went as far as the budget allows"
        (blind,) = search(Watched(keyword_victim(read)), HOTFLIP, [example], "en", ProposedSearch(propose_for(), 2), budget=3)
        assert not blind.broken and blind.queries == 4, "it ends when another word lowers nothing"


def test_proposals_do_nothing_to_a_constant_victim() -> None:
    method = ProposedSearch(propose_for())
    found = search(Watched(lambda example: 1.0), HOTFLIP, EXAMPLES, "en", method)
    assert success_rate(found) == 0 and {one.queries for one in found} == {16}
    assert search(Watched(lambda example: 1.0), HOTFLIP, EXAMPLES, "en", ProposedSearch(lambda e: []))[0].queries == 0


def test_a_proposal_that_is_no_word_is_left_out() -> None:
    """A blank would make two words of one, and the numbers of words would no longer fit."""
    victim = Watched(lambda example: -1.0 if "#" in example.id else 1.0)
    (found, *_) = search(victim, HOTFLIP, EXAMPLES, "en", ProposedSearch(lambda e: [(0, "two words"), (1, "one")]))
    assert found.variant is not None and "two words" not in text_of(found.variant.example) and found.queries == 1


@pytest.mark.parametrize("attack", [HOTFLIP, PGD, SUBSTITUTE], ids=lambda attack: attack.name)
def test_attacks_by_a_model_have_no_variants_of_their_own(attack: Any) -> None:
    with pytest.raises(InputError, match=f"attack {attack.name} is made by the victim's model; attack a finished cell with it"):
        search(Watched(lambda example: 1.0), attack, EXAMPLES, "en", GreedySearch())


@pytest.mark.parametrize("method", [GreedySearch(2), BeamSearch(spellings=2)], ids=["greedy", "beam"])
@pytest.mark.parametrize("keywords", [1, 2, 3])
def test_proposals_can_be_searched_as_spellings_are(method: Method, keywords: int) -> None:
    example = ClassifyExample("e", (" ".join(WORDS[:6]), " ".join(WORDS[6:10])), "1")
    victim = keyword_victim(WORDS[2 : 2 + keywords])
    options: dict[str, Any] = {"propose": propose_for(), "budget": keywords / 10}
    (found,) = search(Watched(victim), SUBSTITUTE, [example], "en", method, **options)
    assert found.broken and found.variant is not None and len(found.variant.edits) == keywords
    assert found.queries >= 20, "ten words, two replacements each"
    (none,) = search(Watched(victim), SUBSTITUTE, [example], "en", method, propose=lambda e: [], budget=0.3)
    assert none.queries == 0 and none.variant is None
