"""Budget curves against areas computed by hand, and which conditions form one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from tests.analysis.attacked_results import NLI, TARGETS, break_share
from tests.analysis.fake_results import chain, make_results
from xstilts.analysis.budget_curves import BudgetCurve, compute_budget_curves, find_ladders
from xstilts.analysis.results import ConditionInfo, Results
from xstilts.analysis.robustness import OTHERS

# Condition -> budget, count.
STEPS = {"keys 0.1": (0.1, 1), "keys 0.2": (0.2, 1), "keys 0.4": (0.4, 1), "keys 0.4 x8": (0.4, 8), "alone": (1.0, 1)}


def condition(name: str, budget: float, count: int, seed: int = 0) -> ConditionInfo:
    words = (name, name, "Noise.", "invariance", "", "", name.split()[0], "share of words")
    return ConditionInfo(*words, budget, count, seed)


def conditioned(shares: Mapping[str, Mapping[str, float]], skill: Mapping[str, float], noise: float = 0.0) -> Results:
    """`shares`: condition -> chain -> the share of right answers that it breaks."""
    levels = {(name, TARGETS[0].name): level for name, level in skill.items()}
    results = make_results(chains=[chain("none"), NLI], targets=TARGETS[:1], skill=levels, noise=noise)
    cells = {name: tuple(break_share(cell, own[cell.chain]) for cell in results.cells) for name, own in shares.items()}
    return replace(results, conditions=tuple(condition(name, *STEPS[name]) for name in shares), attacked=cells)


LADDER = {"keys 0.4": {"none": 0.5, "nli": 0.2}, "keys 0.1": {"none": 0.1, "nli": 0.1}}


def curve_of(found: tuple[BudgetCurve, ...], name: str, language: str = OTHERS) -> BudgetCurve:
    return next(one for one in found if (one.chain, one.language) == (name, language))


def test_conditions_that_differ_in_one_thing_form_a_ladder() -> None:
    found = {one.varied: one for one in find_ladders([condition(name, *step) for name, step in reversed(STEPS.items())])}
    by_budget, by_count = found["budget"], found["count"]
    assert by_budget.conditions == ("keys 0.1", "keys 0.2", "keys 0.4") and by_budget.strengths == (0.1, 0.2, 0.4)
    assert by_count.conditions == ("keys 0.4", "keys 0.4 x8") and by_count.strengths == (1.0, 8.0)
    assert by_budget.title == "keys" and by_count.title == "keys, budget 0.4"
    assert by_budget.weights == pytest.approx((0.125, 0.25, 0.375, 0.25))
    assert by_count.weights == pytest.approx((1 / 16, 0.5, 7 / 16))
    assert find_ladders([condition("a", 0.1, 1), condition("b", 0.2, 1)]) == [], "two attacks are no curve"
    assert find_ladders([condition("a", 0.1, 1), condition("a x", 0.2, 1, seed=1)]) == [], "neither are other edits"


def test_the_area_is_that_of_trapezia() -> None:
    results = conditioned(LADDER, {"none": 0.7, "nli": 0.8})
    one = curve_of(compute_budget_curves(results, 200), "nli", "de")
    clean, weak, strong = one.scores
    cells = (results.cells, results.attacked["keys 0.1"], results.attacked["keys 0.4"])
    assert one.scores == pytest.approx(
        [np.mean([cell.languages["de"].headline for cell in own if cell.chain == "nli"]) for own in cells]
    )
    assert clean > weak > strong
    assert one.area == pytest.approx(((clean + weak) / 2 * 0.1 + (weak + strong) / 2 * 0.3) / 0.4)
    assert one.seeds == (0, 1, 2) and len(one.keys) == 9


def test_the_differences_to_no_chain() -> None:
    found = compute_budget_curves(conditioned(LADDER, {"none": 0.7, "nli": 0.8}, noise=0.01), 500)
    none, nli = curve_of(found, "none"), curve_of(found, "nli")
    assert none.gain is None and none.robustness is None
    assert nli.gain is not None and nli.robustness is not None
    assert nli.gain.estimate == pytest.approx(nli.area - none.area)
    assert nli.robustness.estimate == pytest.approx(nli.gain.estimate - (nli.scores[0] - none.scores[0]))
    assert nli.gain.low < nli.gain.estimate < nli.gain.high and nli.gain.seeds == 3
    german, english = curve_of(found, "nli", "de"), curve_of(found, "nli", "en")
    assert german.gain is not None and english.gain is not None
    assert german.gain.estimate == pytest.approx(german.area - curve_of(found, "none", "de").area)


def test_a_higher_clean_score_alone_is_no_robustness() -> None:
    shares = {name: {"none": 0.0, "nli": 0.0} for name in LADDER}
    nli = curve_of(compute_budget_curves(conditioned(shares, {"none": 0.6, "nli": 0.8}), 200), "nli")
    assert nli.gain is not None and nli.gain.estimate == pytest.approx(0.2, abs=0.01)
    assert nli.robustness is not None and nli.robustness.estimate == pytest.approx(0)


def test_without_a_ladder_or_its_scores_there_is_no_curve() -> None:
    single = conditioned({"keys 0.4": {"none": 0.5, "nli": 0.2}}, {"none": 0.7, "nli": 0.8})
    assert compute_budget_curves(single) == ()
    whole = conditioned(LADDER, {"none": 0.7, "nli": 0.8})
    assert compute_budget_curves(replace(whole, attacked={**whole.attacked, "keys 0.1": ()})) == ()
    gone = ("nli", 0)
    some = {name: tuple(cell for cell in own if (cell.chain, cell.seed) != gone) for name, own in whole.attacked.items()}
    found = compute_budget_curves(replace(whole, attacked=some), 100)
    assert curve_of(found, "nli").seeds == (1, 2) and curve_of(found, "none").seeds == (0, 1, 2)
