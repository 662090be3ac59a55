"""Critical values against scipy's t at both ends, the tail as their inverse, discrete agreement, contrasts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from xstilts.metrics.variance_components import SMALLEST_P, VarianceComponents, critical_values, variance_components


def test_one_source_alone_is_students_t() -> None:
    seeds, examples = VarianceComponents(0.04, 2, 0, 99), VarianceComponents(0, 2, 0.09, 99)
    assert seeds.critical_value(0.025) == pytest.approx(stats.t.ppf(0.975, 2))
    assert examples.critical_value(0.025) == pytest.approx(stats.t.ppf(0.975, 99))
    assert seeds.tail(0.5) == pytest.approx(stats.t.sf(0.5 / 0.2, 2))
    assert examples.tail(-0.5) == pytest.approx(stats.t.cdf(0.5 / 0.3, 99))


@given(st.floats(0, 1), st.integers(1, 20), st.floats(-6, 6))
def test_the_tail_inverts_the_critical_value_and_is_never_zero(share: float, df: int, multiple: float) -> None:
    spread = VarianceComponents(share, df, 1 - share, 500)
    tail = spread.tail(multiple * spread.standard_error)
    assert 0 < tail < 1
    assert tail + spread.tail(-multiple * spread.standard_error) == pytest.approx(1)
    if 1e-9 < tail < 0.5:
        assert spread.critical_value(tail) == pytest.approx(multiple, rel=1e-8, abs=1e-8)
    assert SMALLEST_P <= spread.tail(1e9) < 1e-6


@given(st.integers(1, 30), st.floats(0, 1), st.floats(0, 1))
def test_more_of_the_variance_from_few_seeds_makes_a_longer_interval(df: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    values = [VarianceComponents(share, df, 1 - share, 1000).critical_value(0.025) for share in (low, high)]
    assert values[0] <= values[1] + 1e-12


def test_the_smallest_p() -> None:
    assert VarianceComponents(0, 2, 1, 500).tail(1e9) == SMALLEST_P
    assert VarianceComponents(0, 0, 0, 10).tail(0.1) == SMALLEST_P
    assert VarianceComponents(0, 0, 0, 10).tail(0.0) == 0.5


@pytest.mark.parametrize("seeds", [2, 3, 5, 6, 10])
def test_coverage_between_the_extremes(seeds: int) -> None:
    """Normal errors with every share of seeds, 100,000 draws each: the error of a coverage is 0.0007."""
    rng = np.random.default_rng(seeds)
    least, most = (0.932, 0.977) if seeds == 2 else (0.945, 0.971)
    for share in (0.02, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0):
        found = share * rng.chisquare(seeds - 1, 100_000) / (seeds - 1)
        total = found + 1 - share
        half = critical_values(0.025, found / total, seeds - 1, 1e6) * np.sqrt(total)
        assert least <= np.mean(np.abs(rng.standard_normal(100_000)) <= half) <= most


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
