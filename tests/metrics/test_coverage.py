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
    SHARES,
    any_false,
    collapsing_coverage,
    coverage,
    estimate_components,
    simulate_family,
    study,
)
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


@pytest.mark.parametrize("seeds", [2, 3, 6])
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


def test_no_interval_holds_a_collapse_that_no_seed_shows() -> None:
    """As it is, not as it should be: one run in five collapses, half of all studies of three seeds see none. More seeds help."""
    three, ten = collapsing_coverage(3, 200), collapsing_coverage(10, 100)
    assert 0.4 < three < 0.7
    assert ten > three + 0.15
    assert unseen_collapse(3) > 0.2  # the report does not exclude it
