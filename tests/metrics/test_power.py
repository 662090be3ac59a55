"""Power in closed form for usual test sets, against the t test where only seeds vary, and against simulated studies."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tests.metrics.coverage import REGIMES, Regime, intervals, study
from xstilts.metrics.classify import ACCURACY
from xstilts.metrics.power import Design, detectable, estimate_design, examples_needed, power, seeds_needed


@pytest.mark.parametrize(
    ("task", "examples", "discordance", "error", "found"),
    [
        ("xnli", 5010, 0.10, 0.45, 1.25),
        ("pawsx", 2000, 0.08, 0.63, 1.8),
        ("xquad", 1190, 0.15, 1.12, 3.1),
        ("xvnli", 1150, 0.20, 1.32, 3.7),
        ("tatoeba", 1000, 0.20, 1.4, 4.0),
        ("xcopa", 500, 0.25, 2.2, 6.3),
    ],
)
def test_one_pair_of_checkpoints(task: str, examples: int, discordance: float, error: float, found: float) -> None:
    design = Design(examples, discordance)
    assert 100 * design.standard_error == pytest.approx(error, rel=0.02)
    assert 100 * detectable(design) == pytest.approx(found, rel=0.02)
    assert detectable(design) == pytest.approx((1.95996 + 0.84162) * math.sqrt(discordance / examples), rel=0.004)


def test_only_seeds_is_the_power_of_the_t_test() -> None:
    design = Design(10**7, 0.0, seeds=6, seed_sd=0.005)
    critical = stats.t.ppf(0.975, 5)
    shift = 0.008 / (0.005 / math.sqrt(6))
    theirs = stats.nct.sf(critical, 5, shift) + stats.nct.cdf(-critical, 5, shift)
    assert power(design, 0.008) == pytest.approx(theirs, abs=0.002)
    assert power(design, 0.0) == pytest.approx(0.05, abs=0.001)


def test_a_family_asks_for_more_and_is_the_power_of_the_corrected_t_test() -> None:
    design = Design(10**7, 0.0, seeds=6, seed_sd=0.005)
    for tests in (12, 81):
        critical, shift = stats.t.isf(0.025 / tests, 5), 0.03 / (0.005 / math.sqrt(6))
        theirs = stats.nct.sf(critical, 5, shift) + stats.nct.cdf(-critical, 5, shift)
        assert power(design, 0.03, tests) == pytest.approx(theirs, abs=0.003)
        assert power(design, 0.0, tests) == pytest.approx(0.05 / tests, rel=0.01)
    xnli = Design(5010, 0.10, seeds=6, languages=14, seed_sd=0.006, shared_by_seeds=0.5)
    assert 1.2 * detectable(xnli) < detectable(xnli, 12) < detectable(xnli, 81)
    assert detectable(replace(xnli, seeds=3), 81) > 4 * detectable(xnli, 81)  # three seeds have no tails to speak of


def test_parallel_languages_do_not_add_examples_and_others_do() -> None:
    one = Design(1000, 0.2)
    assert detectable(replace(one, languages=15)) == pytest.approx(detectable(one))
    apart = replace(one, languages=16, shared_by_languages=0.0)
    assert apart.standard_error == pytest.approx(one.standard_error / 4)


def test_needed_seeds_and_examples_are_the_fewest() -> None:
    design = Design(2000, 0.1, seed_sd=0.006, shared_by_seeds=0.3)
    seeds = seeds_needed(design, 0.015)
    assert seeds is not None and seeds > 3
    assert power(replace(design, seeds=seeds), 0.015) >= 0.8 > power(replace(design, seeds=seeds - 1), 0.015)
    five = replace(design, seeds=5)
    examples = examples_needed(five, 0.015)
    assert examples is not None
    assert power(replace(five, examples=examples), 0.015) >= 0.8 > power(replace(five, examples=examples - 1), 0.015)
    assert seeds_needed(design, 0.001) is None  # the examples are the limit
    assert examples_needed(replace(design, seeds=2), 0.005) is None  # the seeds are
    assert detectable(Design(2, 1.0, seeds=2, seed_sd=1.0)) == math.inf


def test_a_design_outside_its_ranges_is_refused() -> None:
    for change in ({"examples": 0}, {"discordance": 1.5}, {"seed_sd": -0.1}):
        with pytest.raises(ValueError, match="expected"):
            Design(**({"examples": 10, "discordance": 0.1} | change))  # type: ignore[arg-type]


@pytest.mark.parametrize(("regime", "seeds", "gain"), [(REGIMES[4], 3, 0.3), (REGIMES[9], 5, 0.15), (REGIMES[0], 1, 0.15)])
def test_power_is_that_of_simulated_studies(regime: Regime, seeds: int, gain: float) -> None:
    """The design is measured on one very large study, the power on 300 of the planned size: 3 standard errors at most."""
    big = replace(regime, ids=4000)
    treatment, control, truth = study(big, max(seeds, 60), gain, np.random.default_rng(1))
    measured = estimate_design(treatment, control, ACCURACY.headline, resamples=400)
    design = replace(measured, examples=regime.ids, seeds=seeds)
    predicted = power(design, truth)
    found = np.mean([one.p is not None and one.p < 0.05 for one, _ in intervals(regime, seeds, gain, 300)])
    assert 0.1 < predicted < 0.95
    assert found == pytest.approx(predicted, abs=0.09)


def test_observed_finds_the_parts_of_a_made_up_study() -> None:
    """Constructed shares: gains with a common part by example, one by seed and example, one by seed."""
    rng = np.random.default_rng(3)
    ids = np.arange(1500).astype(str)
    shared_N = rng.normal(0, 0.3, 1500)
    sides: list[list] = [[], []]
    for _ in range(40):
        seed = rng.normal(0, 0.02)
        gains = {c: 0.05 + seed + shared_N + rng.normal(0, 0.4, 1500) for c in "ab"}
        sides[0].append({c: (ids, np.stack([gain, np.ones(1500)], axis=1)) for c, gain in gains.items()})
        sides[1].append({c: (ids, np.stack([np.zeros(1500), np.ones(1500)], axis=1)) for c in "ab"})
    found = estimate_design(*sides, ACCURACY.headline, resamples=1000)
    assert found.discordance == pytest.approx(0.09 + 0.16, rel=0.05)
    assert found.shared_by_languages == pytest.approx(0.09 / 0.25, abs=0.05)
    assert found.shared_by_seeds == pytest.approx(0.09 / (0.09 + 0.08), abs=0.05)
    assert found.seed_sd == pytest.approx(0.02, rel=0.3)
    assert (found.examples, found.seeds, found.languages) == (1500, 40, 2)
