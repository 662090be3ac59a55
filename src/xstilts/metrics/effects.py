"""Small effects and no effect: equivalence within a margin, the probability of superiority, and almost stochastic order.

"No effect" is claimed by two one-sided tests (Schuirmann 1987, https://doi.org/10.1007/BF01068419), never by a large p. The
order of score distributions over seeds is that of Dror, Shlomov and Reichart (2019, https://aclanthology.org/P19-1266), after
del Barrio et al. (2018): the share of the squared distance between the quantile functions by which the treatment falls short.
Surprising: the bound of this order describes and does not test. With equally good treatments of unequal spread and ten seeds,
it calls 16 in 100 better (< 0.5). The stricter 0.2 calls 10 in 100 with three seeds, 8 with five, 3 with ten (500 simulated
pairs each).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.metrics.metric import Values
from xstilts.metrics.significance import Interval


def equivalence(interval: Interval, margin: float) -> float:
    """p of "the true value lies within ± `margin`", on the interval's scale. It is at most 0.05 exactly where the 90 % interval
    lies within the margin."""
    if margin <= 0:
        raise ValueError(f"expected a margin above 0, found {margin}")
    return max(interval.tail_above(-margin), 1 - interval.tail_above(margin))


def superiority(treatment: Sequence[float], control: Sequence[float]) -> float:
    """The chance that a random run of the treatment scores above a random run of the control. Ties count half."""
    one, other = np.asarray(treatment, dtype=np.float64), np.asarray(control, dtype=np.float64)
    if not one.size or not other.size:
        raise ValueError("expected at least one score on each side")
    signs = np.sign(one[:, None] - other[None, :])
    return float((signs.mean() + 1) / 2)


@dataclass(frozen=True)
class StochasticOrder:
    """`violation`: 0 if the treatment's scores are above the control's at every quantile, 1 if they are below, 0.5 if neither.
    `bound`: its upper confidence bound. A bound below 0.5 means "almost above"; below 0.2 is the stricter rule."""

    violation: float
    bound: float


def stochastic_order(
    treatment: Sequence[float], control: Sequence[float], *, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> StochasticOrder:
    """Almost stochastic order of two sets of scores, one score for each seed. The bound uses the bootstrap standard deviation."""
    from scipy import special  # type: ignore[import-untyped]

    one, other = np.asarray(treatment, dtype=np.float64), np.asarray(control, dtype=np.float64)
    if one.size < 2 or other.size < 2:
        raise ValueError(f"expected two or more scores on each side, found {one.size} and {other.size}")
    rng = np.random.default_rng(seed)
    violation = float(_violation(one[None], other[None])[0])
    resampled = _violation(
        one[rng.integers(one.size, size=(resamples, one.size))], other[rng.integers(other.size, size=(resamples, other.size))]
    )
    bound = violation + float(special.ndtri(level)) * math.sqrt(float(np.mean((resampled - resampled.mean()) ** 2)))
    return StochasticOrder(violation, min(1.0, bound))


def _violation(one_RN: Values, other_RM: Values) -> Values:
    """The violation ratio of every row. It is exact, since both quantile functions are step functions."""
    n, m = one_RN.shape[1], other_RM.shape[1]
    edges = np.unique(np.concatenate([np.arange(n + 1) * m, np.arange(m + 1) * n]))  # in units of 1 / (n m)
    widths, middles = np.diff(edges), (edges[:-1] + edges[1:]) / 2
    gaps = np.sort(one_RN)[:, (middles // m).astype(int)] - np.sort(other_RM)[:, (middles // n).astype(int)]
    short, whole = (np.minimum(gaps, 0) ** 2) @ widths, (gaps**2) @ widths
    ratios: Values = np.divide(short, whole, out=np.full(len(gaps), 0.5), where=whole > 0)
    return ratios
