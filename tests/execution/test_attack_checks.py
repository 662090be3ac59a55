"""Transfer, and the checks of a search, against planted victims."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from tests.attacks.test_search import CHARACTERS, EXAMPLES, WORDS, Watched, keyword_victim, propose_for, text_of

from xstilts.attacks.attack import Pool
from xstilts.attacks.model_based import HOTFLIP, PGD, SUBSTITUTE
from xstilts.attacks.search import BeamSearch, GreedySearch, RandomSearch, search, success_rate, transfer
from xstilts.cli.views.attack import print_attacks, print_checks, print_transfer
from xstilts.errors import InputError
from xstilts.execution.attack import Attacked, Round, ask_model, check_judge, judge_rows, summarise_attacks, write_attacked
from xstilts.execution.attack_checks import Rung, check_cell, check_surrogate, check_victim, explain_rungs, summarise_transfer
from xstilts.formats.format import Example

READS = WORDS[0]


def reads(*words: str) -> Any:
    """A victim that is right while one of the words is spelled right, or where no word was there to begin with."""
    has = {example.id: any(word in text_of(example).split() for word in words) for example in EXAMPLES}
    broken = keyword_victim(words)
    return Watched(lambda example: broken(example) if has[example.id.partition("#")[0]] else 0.5)


def carry(victim: Any, surrogate: Any, **options: Any) -> list[Attacked]:
    there = search(surrogate, CHARACTERS, EXAMPLES, "en", GreedySearch(), **options)
    here = transfer(victim, EXAMPLES, there)
    return [Attacked("characters", "en", *row) for row in zip(EXAMPLES, here, there, strict=True)]


def test_a_victim_that_reads_as_the_surrogate_does_breaks_with_it() -> None:
    (summary,) = summarise_transfer(carry(reads(READS), reads(READS), budget=0.3))
    assert summary.victim == summary.surrogate > 0.3 and summary.right == len(EXAMPLES)


def test_a_victim_that_reads_something_else_does_not_break() -> None:
    (summary,) = summarise_transfer(carry(reads(WORDS[1]), reads(READS), budget=0.01))
    assert summary.surrogate > 0.3 and summary.victim == 0


def test_the_victim_is_asked_once_about_each_variant() -> None:
    victim = reads(READS)
    rows = carry(victim, reads(READS))
    found = sum(row.found.variant is not None for row in rows)
    assert len(victim.asked) == len(EXAMPLES) + found
    assert sum(row.found.queries for row in rows) == found < len(EXAMPLES)


def test_rates_are_of_the_examples_that_both_get_right() -> None:
    """The victim is wrong on the first half before any attack, the surrogate on the second half but for five."""
    first = {example.id for example in EXAMPLES[:20]}
    other = {example.id for example in EXAMPLES[25:]}

    def wrong_on(ids: set[str], broken: float) -> Any:
        return Watched(lambda example: -1.0 if example.id.partition("#")[0] in ids else broken if "#" in example.id else 1.0)

    (summary,) = summarise_transfer(carry(wrong_on(first, 1.0), wrong_on(other, -1.0)))
    assert (summary.examples, summary.right, summary.surrogate, summary.victim) == (40, 5, 1.0, 0.0)
    none = summarise_transfer(carry(wrong_on(first, 1.0), wrong_on({e.id for e in EXAMPLES[20:]}, -1.0)))
    console = Console(width=200, record=True, file=io.StringIO())
    print_transfer(console, none, [])
    assert none[0].right == 0 and none[0].victim != none[0].victim and " - " in console.export_text()


def test_a_variant_that_helps_the_victim_is_not_counted_as_worse() -> None:
    helped = Watched(lambda example: 2.0 if "#" in example.id else 1.0)
    row = next(row for row in carry(helped, reads(READS), budget=0.3) if row.surrogate and row.surrogate.broken)
    assert row.surrogate is not None and (row.found.score, row.found.broken) == (1.0, False)
    written = write_attacked(row)
    assert written["surrogate_attacked"] < 0 <= written["surrogate_clean"] and written["attacked"] == 1.0


def test_a_victim_that_returns_too_few_scores_is_refused() -> None:
    with pytest.raises(InputError, match="0 scores for 40 examples"):
        carry(lambda examples: [], reads(READS))


def cell(encoder: str = "e", arm: str = "nli", target: str = "pawsx", key: str = "k") -> Any:
    return SimpleNamespace(id=SimpleNamespace(encoder=encoder, arm=arm, target=target), checkpoint=SimpleNamespace(key=key))


def test_what_cannot_be_a_surrogate() -> None:
    notes: list[str] = []
    with pytest.raises(InputError, match="the victim's own model"):
        check_surrogate(cell(), cell(), notes.append)
    with pytest.raises(InputError, match="answers xnli and the victim pawsx"):
        check_surrogate(cell(), cell(target="xnli", key="other"), notes.append)
    check_surrogate(cell(), cell(arm="qa", key="other"), notes.append)
    check_surrogate(cell(), cell(encoder="f", key="other"), notes.append)
    check_surrogate(cell(arm="none"), cell(encoder="f", arm="none", key="other"), notes.append)
    assert notes == []
    for victim, other in ((cell(), cell(key="seed")), (cell(), cell(arm="none", key="o")), (cell(arm="none"), cell(key="o"))):
        check_surrogate(victim, other, notes.append)
    assert ["the same chain" in text for text in notes] == [True, False, False]
    assert all("on neither side" in text for text in notes)


def check(victim: Any, surrogate: Any = None, **options: Any) -> list[Rung]:
    one = Round(CHARACTERS, "characters", "en", EXAMPLES, Pool(EXAMPLES), options.pop("budget", None))
    return check_victim(victim, surrogate, one, options.pop("method", GreedySearch()), **options)


def test_an_honest_victim_passes() -> None:
    """It reads one word: the search finds it, one misspelling in ten words seldom does, and eight do more often."""
    rungs = check(reads(READS), reads(READS), budget=0.1)
    assert [(one.search, one.tried) for one in rungs[:-1]] == [*(("random", n) for n in (1, 2, 4, 8)), ("transfer", 1)]
    assert explain_rungs(rungs) == []
    once = sum(text_of(example).split().count(READS) == 1 for example in EXAMPLES)
    assert rungs[-1].broken == rungs[-2].broken == once > rungs[3].broken > rungs[0].broken
    assert all(one.right == len(EXAMPLES) for one in rungs) and rungs[-1].tried > 1
    console = Console(width=200, record=True, file=io.StringIO())
    print_checks(console, rungs)
    assert "Asking breaks no less than transfer" in console.export_text()


@pytest.mark.parametrize("method", [GreedySearch(), BeamSearch()], ids=["greedy", "beam"])
def test_a_victim_that_hides_its_gradients_is_found_out(method: Any) -> None:
    """It is wrong where three of its words are misspelled, and sure of itself until then: a search by words sees nothing."""
    margin = keyword_victim(WORDS[:8])
    clean = {example.id: margin(example) for example in EXAMPLES}
    masked = Watched(lambda example: 1.0 if margin(example) > clean[example.id.partition("#")[0]] - 3 else -1.0)
    rungs = check(masked, budget=0.4, method=method, count=16)
    (sentence,) = explain_rungs(rungs)
    assert "hides its gradients or the search is weak" in sentence and rungs[-1].broken < rungs[-2].broken


def test_a_surrogate_unlike_the_victim_is_said() -> None:
    sentences = explain_rungs(check(reads(*WORDS[:1]), reads(WORDS[1]), budget=0.3))
    assert sentences[-1].endswith("the surrogate is too unlike the victim to stand for it")


def test_one_variant_of_a_surrogate_is_not_set_against_a_search() -> None:
    """The random words of hotflip are tried on the victim, twenty of them."""
    place = ("hotflip", "en")
    rungs = [Rung(*place, "random", 20, 9, 6), Rung(*place, "transfer", 1, 9, 3), Rung(*place, "asks the victim", 18, 9, 7)]
    assert explain_rungs(rungs) == []


def test_a_victim_that_answers_at_random_is_found_out() -> None:
    """It gets better with every search: fewer variants then break more."""
    calls = {"searches": 0}

    def victim(examples: Sequence[Example]) -> list[float]:
        calls["searches"] += all("#" not in example.id for example in examples)
        return [-1.0 if "#" in e.id and calls["searches"] < 3 else 1.0 for e in examples]

    sentences = explain_rungs(check(victim))
    assert "the victim gives one text different scores" in sentences[0]
    console = Console(width=200, record=True, file=io.StringIO())
    print_checks(console, [Rung("characters", "en", "random", 1, 3, 2), Rung("characters", "en", "asks the victim", 9, 3, 1)])
    assert "characters in en, of 3: the search that asks the victim breaks 1, random 2; the victim hides" in console.export_text()


def test_a_constant_victim_is_broken_by_nothing() -> None:
    rungs = check(Watched(lambda example: 1.0), Watched(lambda example: 1.0))
    assert not any(one.broken for one in rungs) and explain_rungs(rungs) == []


def test_random_search_is_nothing_to_compare_random_variants_with() -> None:
    with pytest.raises(InputError, match="expected greedy or beam"):
        check_cell(cell(), None, None, None, ["characters"], method=RandomSearch())  # type: ignore[arg-type]


def test_success_of_transfer_is_that_of_a_search() -> None:
    rows = carry(reads(READS), reads(READS), budget=0.3)
    assert success_rate(row.found for row in rows) == summarise_transfer(rows)[0].victim


class Noisy:
    """A model whose margin falls by the size of the noise at each step; it proposes what `propose_for` does."""

    def __init__(self, fall: float, blind_fall: float = 0.0) -> None:
        self.fall, self.blind_fall = fall, blind_fall

    def __call__(self, examples: Sequence[Example]) -> list[float]:
        return [1.0] * len(examples)

    def perturb(self, examples: Sequence[Example], size: float, blind: bool = False) -> list[list[float]]:
        starts = [-1.0 if example.id == "e0" else 1.0 for example in examples]
        fall = self.blind_fall if blind else self.fall
        return [[start - step * size * fall for step in range(11)] for start in starts]


def test_noise_breaks_what_was_right() -> None:
    def broken(size: float, fall: float) -> list[Any]:
        return ask_model(Noisy(fall), Round(PGD, "pgd", "en", EXAMPLES, Pool(EXAMPLES), size), None, 0, None)  # type: ignore[arg-type]

    found = broken(0.3, 1.0)
    assert success_rate(found) == 1 and not found[0].broken and [one.queries for one in found[:2]] == [0, 10]
    assert found[1].score == pytest.approx(-2) and found[1].variant is None
    assert success_rate(broken(0.01, 1.0)) == success_rate(broken(10, 0.0)) == 0
    with pytest.raises(InputError, match="NaN for example e0"):
        broken(0.1, float("nan"))
    with pytest.raises(InputError, match="attack pgd: budget 11, expected more than 0 and at most 10"):
        broken(11, 1.0)


def test_gradients_are_set_against_noise_of_the_same_norm() -> None:
    """A surrogate is no part of it, as there is no text to try on the victim."""
    one = Round(PGD, "pgd", "en", EXAMPLES, Pool(EXAMPLES), 0.3)
    honest = check_victim(Noisy(1.0, 0.1), Noisy(1.0), one, GreedySearch())
    assert [(rung.search, rung.tried, rung.right, rung.broken) for rung in honest] == [
        ("random", 10, 39, 0),
        ("asks the victim", 10, 39, 39),
    ]
    assert explain_rungs(honest) == []
    (sentence,) = explain_rungs(check_victim(Noisy(0.0, 1.0), None, one, GreedySearch()))
    assert "breaks 0, random 39; the victim hides its gradients" in sentence


def test_substitution_is_set_against_some_of_the_same_words() -> None:
    one = Round(SUBSTITUTE, "substitute", "en", EXAMPLES, Pool(EXAMPLES), 0.1)

    def substituting(victim: Any) -> Any:
        victim.substitute = lambda language: propose_for()
        return victim

    honest = check_victim(substituting(reads(READS)), substituting(reads(READS)), one, GreedySearch(2))
    assert [(rung.search, rung.tried) for rung in honest[:-1]] == [*(("random", n) for n in (1, 2, 4, 8)), ("transfer", 1)]
    assert explain_rungs(honest) == [] and honest[-1].broken == honest[-2].broken > honest[3].broken > honest[0].broken
    margin, clean = keyword_victim(WORDS[:8]), {example.id: keyword_victim(WORDS[:8])(example) for example in EXAMPLES}
    masked = substituting(Watched(lambda example: 1.0 if margin(example) > clean[example.id.partition("#")[0]] - 3 else -1.0))
    several = replace(one, budget=0.4)
    (sentence,) = explain_rungs(check_victim(masked, None, several, GreedySearch(2), count=16))
    assert "hides its gradients or the search is weak" in sentence


def blind_or_not(words: Sequence[str]) -> Any:
    """A victim that reads `words` and whose gradients show them."""
    victim = reads(*words)
    victim.propose = lambda language, blind=False: propose_for() if blind else propose_for(*words)
    return victim


def test_hotflip_is_compared_with_words_drawn_at_random() -> None:
    one = Round(HOTFLIP, "hotflip", "en", EXAMPLES, Pool(EXAMPLES), 1)
    honest = check_victim(blind_or_not([READS]), None, one, GreedySearch())
    assert [rung.search for rung in honest] == ["random", "asks the victim"] and explain_rungs(honest) == []
    assert honest[1].broken > honest[0].broken
    masked = reads(READS)
    masked.propose = lambda language, blind=False: propose_for(READS) if blind else propose_for()
    (sentence,) = explain_rungs(check_victim(masked, None, one, GreedySearch()))
    assert "hides its gradients or the search is weak" in sentence


def test_a_judge_is_asked_both_ways_about_what_was_edited_and_broken() -> None:
    found = search(reads(READS), CHARACTERS, EXAMPLES, "en", GreedySearch(), budget=0.01)
    rows = [Attacked("characters", "en", *row) for row in zip(EXAMPLES, found, strict=True)]
    asked: list[tuple[str, str]] = []

    def judge(pairs: Sequence[tuple[str, str]], fails: str) -> list[float]:
        asked.extend(pairs)
        return [0.79 if fails in pair[0] else 0.8 for pair in pairs]

    judged = judge_rows(rows, lambda pairs: judge(pairs, "never"))
    broken = [row for row in judged if row.found.broken]
    assert all(row.kept for row in broken) and all(row.kept is None for row in judged if not row.found.broken)
    assert len(asked) == 2 * len(broken) and asked[0] == asked[1][::-1] and asked[0][0] != asked[0][1]
    (summary,) = summarise_attacks(judged)
    assert summary.kept == 1
    (one_way,) = summarise_attacks(judge_rows(rows, lambda pairs: judge(pairs, READS)))
    assert one_way.kept == 0, "the clean text has the word, so that way fails"
    (none,) = summarise_attacks(rows)
    assert none.kept is None and "kept" not in write_attacked(rows[0])
    assert [write_attacked(row).get("kept") for row in judged] == [row.kept for row in judged]
    console = Console(width=200, record=True, file=io.StringIO())
    print_attacks(console, [summary], [])
    assert "kept: of the broken ones, those that mean the same to the judge" in console.export_text()


def test_the_victim_does_not_judge_itself() -> None:
    check_judge(cell(), cell(key="other"))
    with pytest.raises(InputError, match="the judge is the victim's own model"):
        check_judge(cell(), cell(target="xnli"))
