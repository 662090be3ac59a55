"""Corrections against scipy, a hand-worked example and simulated families."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from xstilts.metrics.multiplicity import benjamini_hochberg, holm

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


@given(P)
def test_holms_count_is_the_replicability_count(p_values: list[float]) -> None:
    """The largest k for which "at least k" and all smaller counts have a partial conjunction p (Bonferroni) of at most alpha."""
    conjunctions = [min(1.0, (len(p_values) - k) * p) for k, p in enumerate(sorted(p_values))]
    count = next((k for k, p in enumerate(conjunctions) if p > 0.05), len(p_values))
    assert sum(p <= 0.05 for p in holm(p_values)) == count


@pytest.mark.parametrize("value", [0.0, 1.5, float("nan")])
def test_what_is_no_p_value_is_refused(value: float) -> None:
    for correct in (holm, benjamini_hochberg):
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
        counted += sum(p <= 0.05 for p in holm(p_parallel)) > 8
    assert names_null / 1500 <= 0.061
    assert false_share / 1500 == pytest.approx(0.05 * 12 / 20, abs=0.011)  # exactly this for independent tests
    assert counted / 1500 <= 0.061
