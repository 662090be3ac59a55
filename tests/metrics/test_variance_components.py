"""p against scipy's t at both ends and its quadrature between, the rate of false positives, discrete agreement, contrasts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from xstilts.metrics.variance_components import SMALLEST_P, VarianceComponents, critical_values, variance_components


def test_one_source_alone_is_students_t() -> None:
    seeds, examples = VarianceComponents(0.04, 2, 0, 99), VarianceComponents(0, 2, 0.09, 99)
    assert seeds.critical_value(0.025) == pytest.approx(stats.t.ppf(0.975, 2))
    assert examples.critical_value(0.025) == pytest.approx(stats.t.ppf(0.975, 99))
    for tail in (0.05 / 81, 1e-6, 1e-10):
        assert VarianceComponents(1, 1, 0, 9).critical_value(tail) == pytest.approx(stats.t.isf(tail, 1), rel=1e-4)
        assert VarianceComponents(1, 2, 0, 9).critical_value(tail) == pytest.approx(stats.t.isf(tail, 2), rel=1e-5)
    assert seeds.tail(0.5) == pytest.approx(stats.t.sf(0.5 / 0.2, 2))
    assert examples.tail(-0.5) == pytest.approx(stats.t.cdf(0.5 / 0.3, 99))


@given(st.floats(0, 1), st.integers(1, 20), st.floats(-6, 6))
def test_the_tail_inverts_the_critical_value_and_is_never_zero(share: float, df: int, multiple: float) -> None:
    spread = VarianceComponents(share, df, 1 - share, 500)
    tail = spread.tail(multiple * spread.standard_error)
    assert 0 < tail < 1
    assert tail + spread.tail(-multiple * spread.standard_error) == pytest.approx(1)
    if 1e-9 < tail < 0.5:
        assert spread.critical_value(tail) == pytest.approx(multiple, rel=1e-8, abs=1e-6)
    assert SMALLEST_P <= spread.tail(1e9) < 1e-4  # one degree of freedom has long tails


@pytest.mark.parametrize("df", [1.0, 2.0, 3.7, 9.0])
def test_p_is_the_mean_tail_over_the_true_variance_of_the_seeds(df: float) -> None:
    """Against scipy's adaptive quadrature."""
    for errors, share in ((2.0, 0.3), (5.0, 0.8), (30.0, 0.5)):

        def tail(log_chi2: float, errors: float = errors, share: float = share) -> float:
            variance = share * df / math.exp(log_chi2) + 1 - share
            density = math.exp(df / 2 * log_chi2 - math.exp(log_chi2) / 2 - df / 2 * math.log(2) - math.lgamma(df / 2))
            return float(stats.norm.sf(errors / math.sqrt(variance)) * density)

        theirs = integrate.quad(tail, -60, 6, points=(-20, -10, -5, 0, 3), limit=500)[0]
        assert VarianceComponents(share, df, 1 - share, 1e9).tail(errors) == pytest.approx(theirs, rel=1e-4)


@given(st.integers(1, 30), st.floats(0, 1), st.floats(0, 1))
def test_more_of_the_variance_from_few_seeds_makes_a_longer_interval(df: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    values = [VarianceComponents(share, df, 1 - share, 1000).critical_value(0.025) for share in (low, high)]
    assert values[0] <= values[1] + 1e-9


def test_the_smallest_p() -> None:
    assert VarianceComponents(0, 2, 1, 500).tail(1e9) == SMALLEST_P
    assert VarianceComponents(0, 0, 0, 10).tail(0.1) == SMALLEST_P
    assert VarianceComponents(0, 0, 0, 10).tail(0.0) == 0.5


@pytest.mark.parametrize("seeds", [2, 3, 6, 10])
def test_the_null_is_never_rejected_too_often_in_any_tail(seeds: int) -> None:
    """Normal errors with every share of seeds. The rate is an exact integral over what the spread of the seeds may be."""
    ratio_Q = stats.chi2.ppf((np.arange(4000) + 0.5) / 4000, seeds - 1) / (seeds - 1)
    grid = np.concatenate([np.geomspace(1e-6, 0.5, 60), 1 - np.geomspace(0.5, 1e-6, 60)[1:]])
    for alpha in (0.05, 0.05 / 9, 0.05 / 81):
        critical = critical_values(alpha / 2, grid, seeds - 1, 1e6)
        for share in (0.02, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98):
            total_Q = share * ratio_Q + 1 - share
            half_Q = np.interp(share * ratio_Q / total_Q, grid, critical) * np.sqrt(total_Q)
            rate = 2 * np.mean(stats.norm.sf(half_Q))
            assert rate <= 1.01 * alpha
            if alpha == 0.05 and seeds > 2:
                assert rate >= 0.023  # three seeds and a share of .3; six seeds: .038


def test_nothing_is_counted_twice() -> None:
    points = np.array([0.1, 0.2, 0.3])
    own, shared = 0.002, 0.0005
    covariance_SS = np.full((3, 3), shared) + np.eye(3) * (own - shared)
    spread = variance_components([points], covariance_SS, 100)
    assert spread.seed_variance == pytest.approx(points.var(ddof=1) / 3)
    assert spread.example_variance == pytest.approx(shared)
    assert spread.seed_df == pytest.approx(2)


def test_seeds_that_agree_by_chance_do_not_make_the_error_vanish() -> None:
    spread = variance_components([np.full(3, 0.1)], np.eye(3) * 0.002, 100)
    assert spread.seed_variance == pytest.approx(stats.chi2.ppf(0.05, 2) / 2 * 0.002 / 3)


def test_a_contrast_adds_variances_and_pools_degrees_of_freedom_as_welch_does() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=4), rng.normal(size=6) * 3
    spread = variance_components([one, other], np.zeros((10, 10)), 1e9, [1.0, -1.0])
    theirs = stats.ttest_ind(one, other, equal_var=False)
    assert spread.seed_df == pytest.approx(theirs.df)
    assert 2 * spread.tail(abs(one.mean() - other.mean())) == pytest.approx(theirs.pvalue)


def test_a_contrast_takes_off_the_examples_that_both_share() -> None:
    covariance_XX = np.array([[0.004, 0.003], [0.003, 0.005]])
    spread = variance_components([np.array([0.1]), np.array([0.2])], covariance_XX, 50, [1.0, -1.0])
    assert spread.example_variance == pytest.approx(0.004 + 0.005 - 2 * 0.003)
    assert spread.seed_variance == 0
