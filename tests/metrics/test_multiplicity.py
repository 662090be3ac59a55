"""Corrections against scipy, a hand-worked example and simulated families."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from xstilts.metrics.multiplicity import benjamini_hochberg, holm, replicability

P = st.lists(st.floats(1e-9, 1), min_size=1, max_size=30)


@given(P)
def test_benjamini_hochberg_is_scipys(p_values: list[float]) -> None:
    assert benjamini_hochberg(p_values) == pytest.approx(stats.false_discovery_control(p_values).tolist())


@given(P)
def test_holm_lies_between_the_raw_p_and_bonferronis(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(raw <= one <= min(1, len(p_values) * raw) + 1e-15 for raw, one in zip(p_values, adjusted, strict=True))
    assert all(hochberg <= one + 1e-15 for hochberg, one in zip(benjamini_hochberg(p_values), adjusted, strict=True))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == [] and benjamini_hochberg([]) == []


def test_replicability_by_hand() -> None:
    p_values = [0.001, 0.04, 0.015, 0.045]
    bonferroni = replicability(p_values)
    assert bonferroni.p_at_least == pytest.approx((0.004, 0.045, 0.08, 0.08))  # 4 x .001, 3 x .015, 2 x .04, 1 x .045
    assert (bonferroni.count, bonferroni.named) == (2, (0, 2))


@given(P)
def test_the_count_is_never_below_the_named(p_values: list[float]) -> None:
    found = replicability(p_values)
    assert len(found.named) <= found.count <= len(p_values)
    assert list(found.p_at_least) == sorted(found.p_at_least)


@pytest.mark.parametrize("value", [0.0, 1.5, float("nan")])
def test_what_is_no_p_value_is_refused(value: float) -> None:
    for correct in (holm, benjamini_hochberg, replicability):
        with pytest.raises(ValueError, match="p values above 0"):
            correct([0.5, value])


def test_errors_in_simulated_families() -> None:
    """20 tests of which 12 are null, correlated as languages are; 1,500 families. Two standard errors of 5 % are 1.1 %."""
    rng = np.random.default_rng(0)
    true = np.arange(20) < 8
    names_null = false_share = counted = 0.0
    for _ in range(1500):
        own = rng.standard_normal(20) + 3 * true
        p_parallel = stats.norm.sf(0.6 * rng.standard_normal() + 0.8 * rng.standard_normal(20) + 3 * true)
        p_own = stats.norm.sf(own)
        names_null += any(value <= 0.05 and not real for value, real in zip(holm(p_parallel), true, strict=True))
        claimed = np.array(benjamini_hochberg(p_own)) <= 0.05
        false_share += (claimed & ~true).sum() / max(claimed.sum(), 1)
        counted += replicability(p_parallel).count > 8
    assert names_null / 1500 <= 0.061
    assert false_share / 1500 == pytest.approx(0.05 * 12 / 20, abs=0.011)  # exactly this for independent tests
    assert counted / 1500 <= 0.061
