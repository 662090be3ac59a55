"""A small part of the simulation of `coverage.py`: three seeds, the hardest case, in the regimes that pull in different ways.

Bounds are the issue's (coverage 93-97 %, false positives at most 6 %) and 2.3 binomial standard errors (one in 100, one side).
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.metrics.coverage import REGIMES, coverage, study
from xstilts.metrics.classify import ACCURACY
from xstilts.metrics.significance import interaction_interval

STUDIES = 400


def slack(share: float) -> float:
    return 2.3 * math.sqrt(share * (1 - share) / STUDIES)


@pytest.mark.parametrize("regime", [REGIMES[k] for k in (0, 2, 4, 7, 8)], ids=lambda regime: regime.name)
def test_intervals_hold_with_three_seeds(regime) -> None:  # type: ignore[no-untyped-def]
    covered, declared = coverage(regime, 3, 0.0, STUDIES)
    assert declared <= 0.06 + slack(0.06)
    assert 0.93 - slack(0.93) <= covered <= 0.97 + slack(0.97)


@pytest.mark.parametrize("seeds", [1, 6])
def test_intervals_hold_under_a_gain(seeds: int) -> None:
    covered, declared = coverage(REGIMES[1 if seeds == 1 else 9], seeds, 0.2, STUDIES)
    assert 0.93 - slack(0.93) <= covered <= 0.97 + slack(0.97)
    assert declared > 0.3  # there is power


def test_interactions_of_two_encoders_hold() -> None:
    """Both gain alike; three seeds each, the same sentences."""
    rng = np.random.default_rng(2)
    found = []
    for number in range(STUDIES):
        pairs = [study(REGIMES[4], 3, 0.2, rng)[:2] for _ in range(2)]
        found.append(interaction_interval(*pairs, ACCURACY.headline, resamples=200, seed=number).p <= 0.05)  # type: ignore[operator]
    assert np.mean(found) <= 0.06 + slack(0.06)
