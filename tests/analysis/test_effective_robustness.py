"""Effective robustness: lines and residuals against planted ones, and where nothing can be said."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from tests.analysis.attacked_results import NLI, TARGETS
from tests.analysis.fake_results import chain, make_results
from xstilts.analysis.effective_robustness import (
    Residual,
    RobustnessLine,
    compute_residuals,
    describe_effective,
    fit_lines,
)
from xstilts.analysis.results import Cell, LanguageScore, Results

N = 20_000  # examples, so that scores are hardly rounded
SLOPE, INTERCEPT = 0.8, -0.5


def score(odds: float) -> LanguageScore:
    value = 1 / (1 + math.exp(-odds))
    return LanguageScore({}, value, np.array([str(i) for i in range(N)]), np.zeros((N, 2)), attack={"effective": 1.0})


def planted(
    above: Mapping[str, float], clean: Mapping[str, float], seeds: int = 3, jitter: float = 0.1, spread: float = 0.5
) -> Results:
    """Attacked scores `above` a known line by chain; clean log-odds by chain, `spread` apart between languages."""
    results = make_results(chains=[chain("none"), NLI], targets=TARGETS[:1], skill={}, seeds=range(seeds))

    def cell(name: str, seed: int, attacked: bool) -> Cell:
        odds = {code: clean[name] + spread * rank + jitter * seed for rank, code in enumerate(("en", "de", "sw"))}
        if attacked:
            odds = {code: INTERCEPT + SLOPE * x + above[name] + 0.01 * seed * (name == "nli") for code, x in odds.items()}
        languages = {code: score(x) for code, x in odds.items()}
        return Cell("mini-xlmr", name, "pawsx", seed, "", languages, (), None, f"{name}-{seed}-{attacked}")

    cells = [tuple(cell(name, seed, attacked) for name in clean for seed in range(seeds)) for attacked in (False, True)]
    return replace(results, cells=cells[0], attacked={"keys": cells[1]})


def measure(results: Results) -> tuple[RobustnessLine, dict[str, Residual]]:
    (line,) = lines = fit_lines(results)
    return line, {one.chain: one for one in compute_residuals(results, lines)}


def test_the_line_is_that_of_direct_checkpoints() -> None:
    line, found = measure(planted({"none": 0.0, "nli": 0.3}, {"none": 0.2, "nli": 1.0}))
    assert (line.slope, line.intercept) == pytest.approx((SLOPE, INTERCEPT), abs=1e-3) and line.points == 9
    assert found["none"].mean == pytest.approx(0, abs=1e-3) and found["nli"].mean == pytest.approx(0.31, abs=1e-3)
    assert [value for _, value in found["nli"].by_seed] == pytest.approx([0.3, 0.31, 0.32], abs=1e-3)
    assert found["none"].over_none is None and found["nli"].over_none == pytest.approx(0.31, abs=2e-3)
    assert found["nli"].attacked > found["nli"].expected > found["none"].attacked
    interval = found["nli"].over_interval
    assert interval is not None and interval.seeds == 3
    half = 4.3027 * 0.01 / math.sqrt(3)  # Student's t with two degrees of freedom
    assert (interval.low, interval.high) == pytest.approx((0.31 - half, 0.31 + half), abs=3e-3)
    assert found["nli"].verdict == "more than explained"


def test_a_higher_clean_score_explains_a_higher_attacked_score() -> None:
    """The chain is 8 points better, clean and attacked, and lies on the line but for its seeds."""
    _, found = measure(planted({"none": 0.0, "nli": -0.01}, {"none": 0.2, "nli": 1.0}))
    assert found["nli"].attacked > found["none"].attacked + 0.08
    assert found["nli"].over_none == pytest.approx(0, abs=2e-3) and found["nli"].verdict == "not clear"
    results = planted({"none": 0.0, "nli": -0.01}, {"none": 0.2, "nli": 1.0})
    lines = fit_lines(results)
    said = describe_effective(results, lines, compute_residuals(results, lines))
    assert "neither more nor less, clearly, for any of 1 comparison" in said


def test_two_seeds_say_nothing() -> None:
    results = planted({"none": 0.0, "nli": 0.3}, {"none": 0.2, "nli": 1.0}, seeds=2)
    line, found = measure(results)
    assert line.points == 6 and found["nli"].over_interval is None and found["nli"].verdict == "few seeds"
    assert "cannot be told with fewer than 3 seeds" in describe_effective(results, [line], list(found.values()))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"seeds": 1}, "3 scores with no chain, 6 are needed"), ({"jitter": 0.0, "spread": 0.01}, "nearly the same")],
)
def test_without_points_or_spread_there_is_no_line(changes: dict[str, float], reason: str) -> None:
    results = planted({"none": 0.0, "nli": 0.3}, {"none": 0.2, "nli": 1.0}, **changes)  # type: ignore[arg-type]
    (line,) = lines = fit_lines(results)
    assert reason in line.missing and compute_residuals(results, lines) == ()
    assert reason in describe_effective(results, lines, ())
    assert describe_effective(results, (), ()) == ""


def test_what_was_not_edited_is_no_point() -> None:
    results = planted({"none": 0.0, "nli": 0.3}, {"none": 0.2, "nli": 1.0})

    def leave(cell: Cell) -> Cell:
        untouched = replace(cell.languages["sw"], attack={"effective": 0.0})
        return replace(cell, languages={**cell.languages, "sw": untouched})

    (line,) = fit_lines(replace(results, attacked={"keys": tuple(map(leave, results.attacked["keys"]))}))
    assert line.points == 6
