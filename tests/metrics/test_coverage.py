"""A small part of the simulations of `coverage.py`: three seeds in the regimes that pull in different ways, families of tests,
and what no interval can hold.

Bounds of single intervals are coverage 93-97.7 %, false positives at most 6 %, and 2.3 binomial standard errors (one in 100, one
side). Families may have false claims in 5 % of studies and two standard errors.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.metrics.coverage import (
    REGIMES,
    SHAPES,
    SHARES,
    any_false,
    any_false_by_shape,
    collapsing_coverage,
    compute_components,
    coverage,
    estimate_components,
    null_answers,
    null_results,
    simulate_family,
    study,
)
from xstilts.analysis.gains import compute_transfer_gains
from xstilts.metrics.classify import ACCURACY
from xstilts.metrics.effects import unseen_collapse
from xstilts.metrics.significance import interaction_interval
from xstilts.metrics.variance_components import variance_components

STUDIES = 400


def slack(share: float) -> float:
    return 2.3 * math.sqrt(share * (1 - share) / STUDIES)


@pytest.mark.parametrize("regime", [REGIMES[k] for k in (0, 2, 4, 7, 8)], ids=lambda regime: regime.name)
def test_intervals_hold_with_three_seeds(regime) -> None:  # type: ignore[no-untyped-def]
    covered, declared = coverage(regime, 3, 0.0, STUDIES)
    assert declared <= 0.06 + slack(0.06)
    assert 0.93 - slack(0.93) <= covered <= 0.977 + slack(0.977)


@pytest.mark.parametrize("seeds", [1, 6])
def test_intervals_hold_under_a_gain(seeds: int) -> None:
    covered, declared = coverage(REGIMES[1 if seeds == 1 else 9], seeds, 0.2, STUDIES)
    assert 0.93 - slack(0.93) <= covered <= 0.977 + slack(0.977)
    assert declared > 0.3  # there is power


def test_interactions_of_two_encoders_hold() -> None:
    """Both gain alike; three seeds each, the same sentences."""
    rng = np.random.default_rng(2)
    found = []
    for number in range(STUDIES):
        pairs = [study(REGIMES[4], 3, 0.2, rng)[:2] for _ in range(2)]
        found.append(interaction_interval(*pairs, ACCURACY.headline, resamples=200, seed=number).p <= 0.05)  # type: ignore[operator]
    assert np.mean(found) <= 0.06 + slack(0.06)


@pytest.mark.parametrize("seeds", [2, 3, 6, 10])
@pytest.mark.parametrize("family", [12, 81])
def test_a_family_has_false_claims_in_at_most_one_study_of_twenty(family: int, seeds: int) -> None:
    studies = 3000
    for share, crossed in (*((share, 0.0) for share in SHARES), (0.8, 0.5)):
        found = simulate_family(seeds, share, family, studies, crossed=crossed)
        assert found.any_false <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / studies)
        assert found.coverage >= 0.945
        if seeds > 2:
            assert found.coverage <= 0.98


@pytest.mark.parametrize("seeds", [2, 3, 6, 10])
def test_small_p_values_are_as_rare_as_they_say(seeds: int) -> None:
    """.05/81 is expected in 150 of 243,000 pairs, 81 of a study of which share nine controls."""
    for share in SHARES:
        found = simulate_family(seeds, share, 81, 3000, seed=1)
        assert all(ratio <= 1.1 + 0.2 * (tail < 0.001) for tail, ratio in found.tails.items())
    assert found.tails[0.05] > 0.85  # nearly all of the variance comes from seeds: Student's t


def test_the_fast_simulation_takes_variance_apart_as_the_product_does() -> None:
    rng = np.random.default_rng(0)
    for shared, own in ((0.002, 0.005), (-0.001, 0.004), (0.003, 0.003)):
        gain_S = rng.normal(0, 0.01, 4)
        theirs = variance_components([gain_S], np.full((4, 4), shared) + np.eye(4) * (own - shared), 100)
        ours = estimate_components(gain_S, np.asarray(shared), np.asarray(own))
        assert ours == (pytest.approx(theirs.seed_variance), pytest.approx(theirs.example_variance))


@pytest.mark.parametrize(("family", "seeds", "studies"), [(12, 2, 120), (12, 3, 120), (81, 3, 60)])
def test_a_family_through_the_whole_bootstrap(family: int, seeds: int, studies: int) -> None:
    """Nearly all of the variance from seeds. The rule of before had false claims in 18 % of such studies with two seeds and
    twelve comparisons, and in 13 % with three and 81."""
    rate, share = any_false(seeds, 0.9, family, studies)
    assert 0.6 < share < 0.99
    assert rate <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / studies)


@pytest.mark.parametrize(("seeds", "family"), [(6, 12), (10, 81)])
def test_the_computed_covariance_is_what_the_bootstrap_estimates(seeds: int, family: int) -> None:
    answers = null_answers(seeds, 0.95, family, np.random.default_rng(seeds))
    _, part_seeds, part_examples = compute_components(answers)
    gains = compute_transfer_gains(null_results(answers), (), resamples=2000)
    assert len(gains) == family
    for gain in gains:
        assert gain.interval is not None and gain.interval.spread is not None
        place = int(gain.target.removeprefix("t")), int(gain.chain.removeprefix("c")) - 1
        assert gain.interval.spread.seed_variance == pytest.approx(part_seeds[place])
        # The error of a variance from 2,000 draws is 3 %; what seeds share is a difference of such variances.
        assert gain.interval.spread.standard_error**2 == pytest.approx((part_seeds + part_examples)[place], rel=0.05)


@pytest.mark.parametrize("family", [12, 81])
def test_seeds_of_other_shapes_cost_less_than_a_point(family: int) -> None:
    """As it is: ten seeds whose scores are anywhere from 0 to 100 give false claims in 5.5 % of studies. Seeds that vary by 8
    points, that have heavy tails or that collapse do not exceed 5 %."""
    studies = 10_000
    error = 2 * math.sqrt(0.05 * 0.95 / studies)
    found = {name: any_false_by_shape(10, shape, family, studies) for name, shape in SHAPES.items()}
    assert found.pop("bounded, 29 points (sd)") <= 0.06 + error
    assert found.pop("15 points") <= 0.055 + error
    assert all(rate <= 0.05 + error for rate in found.values()), found
    assert found["heavy tails (t, 4 df)"] < 0.04


def test_three_seeds_do_not_hold_deep_collapses_of_both_sides_and_six_do() -> None:
    """As it is, not as it should be: all three runs of one side may collapse, and then the seeds agree."""
    deep = SHAPES["1 in 5 loses 60 sd"]
    assert any_false_by_shape(3, deep, 81, 2000) > 0.2
    assert any_false_by_shape(6, deep, 81, 2000) < 0.03


def test_no_interval_holds_a_collapse_that_no_seed_shows() -> None:
    """As it is, not as it should be: one run in five collapses, half of all studies of three seeds see none. More seeds help."""
    three, ten = collapsing_coverage(3, 200), collapsing_coverage(10, 100)
    assert 0.4 < three < 0.7
    assert ten > three + 0.15
    assert unseen_collapse(3) > 0.2  # the report does not exclude it
