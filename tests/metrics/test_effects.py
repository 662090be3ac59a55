"""Equivalence, sign flips, superiority and stochastic order against closed forms and simulation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from tests.metrics.coverage import REGIMES, intervals
from xstilts.metrics.effects import equivalence, sign_flip_test, stochastic_order, superiority, unseen_collapse, violation_ratio
from xstilts.metrics.significance import Interval
from xstilts.metrics.variance_components import VarianceComponents


def interval(estimate: float, spread: VarianceComponents) -> Interval:
    return Interval(estimate, 0, 0, 0.95, 100, None, 3, "", spread)


def test_equivalence_is_two_one_sided_t_tests() -> None:
    values = [0.002, -0.001, 0.004, 0.003, -0.002]
    one = interval(float(np.mean(values)), VarianceComponents(float(np.var(values, ddof=1)) / 5, 4, 0, 100))
    p = equivalence(one, 0.005)
    above = stats.ttest_1samp(values, -0.005, alternative="greater").pvalue
    below = stats.ttest_1samp(values, 0.005, alternative="less").pvalue
    assert p == pytest.approx(max(above, below))
    half = one.spread.critical_value(0.05) * one.spread.standard_error  # type: ignore[union-attr]
    assert (p < 0.05) == (abs(one.estimate) + half < 0.005)
    with pytest.raises(ValueError, match="above 0"):
        equivalence(one, 0)


def test_equivalence_is_rarely_claimed_at_the_margin_itself() -> None:
    """True gain exactly at the margin: 400 studies; 5 % and two standard errors are 7.2 %."""
    found = [equivalence(one, truth) <= 0.05 for one, truth in intervals(REGIMES[4], 5, 0.1, 400)]
    assert np.mean(found) <= 0.072


def test_superiority_is_mann_whitneys_statistic() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 6, 9), rng.integers(0, 5, 7)
    assert superiority(one, other) == pytest.approx(stats.mannwhitneyu(one, other).statistic / 63)  # type: ignore[arg-type]
    assert superiority([1, 1], [1]) == 0.5
    with pytest.raises(ValueError, match="at least one"):
        superiority([], [1])


def violation(one: Sequence[float] | np.ndarray, other: Sequence[float] | np.ndarray) -> float:
    return float(violation_ratio(np.array([one]), np.array([other]))[0])


def test_violation_of_two_normals_is_the_integral() -> None:
    rng = np.random.default_rng(1)
    mean, sd = 0.4, 1.8
    found = violation(mean + sd * rng.standard_normal(20_000), rng.standard_normal(15_000))
    quantiles = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    gaps = mean + (sd - 1) * quantiles
    assert found == pytest.approx((np.minimum(gaps, 0) ** 2).sum() / (gaps**2).sum(), abs=0.02)


def test_violation_by_hand_and_its_ends() -> None:
    # quantile functions 0, 0, 3, 3 against 1, 1, 1, 1: the gaps -1 and 2, each for half of the scale
    assert violation([0.0, 3.0], [1.0, 1.0, 1.0]) == pytest.approx(1 / (1 + 4))
    assert stochastic_order([3.0, 4, 5], [0.0, 1, 2]) == stochastic_order([3.0, 4, 5], [0.0, 1, 2], seed=1)
    assert stochastic_order([3.0, 4, 5], [0.0, 1, 2]) == 0
    assert violation([0.0, 1, 2], [3.0, 4, 5]) == 1
    assert violation([1.0, 1], [1.0, 1]) == 0.5
    with pytest.raises(ValueError, match="two or more"):
        stochastic_order([1.0], [1.0, 2.0])


def test_a_bound_below_one_fifth_is_rare_where_neither_side_is_above() -> None:
    """Same mean, twice the spread: the true violation is 0.5. 400 pairs of 20 seeds; 5 % and two standard errors are 7.2 %."""
    rng = np.random.default_rng(2)
    found = [stochastic_order(rng.normal(0, 2, 20), rng.normal(0, 1, 20), resamples=200, seed=s) < 0.2 for s in range(400)]
    assert np.mean(found) <= 0.072
    better = [stochastic_order(rng.normal(1, 1, 20), rng.normal(0, 1, 20), resamples=200, seed=s) < 0.2 for s in range(50)]
    assert np.mean(better) > 0.8


def test_sign_flip_is_scipys_exact_permutation_test() -> None:
    deltas = np.array([0.4, 0.1, -0.2, 0.3, 0.25, 0.0])
    theirs = stats.permutation_test((deltas,), np.sum, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_test(deltas.tolist()) == pytest.approx(theirs.pvalue)
    assert sign_flip_test([1, 1, 1]) == 0.25
    assert sign_flip_test([0.1] * 6) == pytest.approx(2 / 64)
    assert sign_flip_test([0.0, 0.0]) == 1
    assert sign_flip_test([3]) == 1
    with pytest.raises(ValueError, match="one or more"):
        sign_flip_test([])


def test_many_seeds_are_flipped_at_random() -> None:
    deltas = np.random.default_rng(2).normal(0.1, 0.4, size=23)
    normal = 2 * stats.norm.sf(abs(deltas.sum()) / np.sqrt((deltas**2).sum()))
    assert sign_flip_test(deltas.tolist()) == pytest.approx(normal, abs=0.02)
    assert sign_flip_test([1.0] * 40, resamples=999) == 1 / 1000


def test_what_no_seed_shows_is_not_excluded() -> None:
    """A collapse in 63 % of runs is not seen in any of three with a chance of 5 %."""
    assert [round(unseen_collapse(seeds), 2) for seeds in (1, 3, 6, 10)] == [0.95, 0.63, 0.39, 0.26]
    for seeds in (3, 10):
        assert (1 - unseen_collapse(seeds)) ** seeds == pytest.approx(0.05)
    with pytest.raises(ValueError, match="one or more seeds"):
        unseen_collapse(0)
