"""The variance of a mean over seeds, split into seeds and examples, and a confidence interval for few degrees of freedom.

With seeds s and examples i crossed, the variance of a mean is var(seed)/S + var(example)/N + var(seed x example)/(S N). The
spread of the per-seed values estimates the first and third terms together, with S - 1 degrees of freedom. The covariance
between two seeds when only examples are resampled is the second. So nothing is counted twice. The critical value is Cochran's
(1964, Biometrics 20:191): the t quantiles of the two sources, weighted by their shares of the variance. Surprising: the share
of seeds is raised to the power 1.1. In a normal simulation with three seeds the plain rule covers up to 97.2 % between the
extremes, Satterthwaite's degrees of freedom down to 92.1 %, and this rule 95 to 97 % (two seeds: 93.5 to 97.5 %).

Legend: A arms (a contrast has one or more), S seeds of one arm, X runs (seeds of all arms).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.metrics.metric import Values

SMALLEST_P = 1e-12  # approximate normality supports no smaller p
_SHARE_POWER = 1.1
_LOW_TAIL = 0.05


@dataclass(frozen=True)
class VarianceComponents:
    """Variances of an estimate by source, each with the degrees of freedom of its own estimate. `seed_df` is 0 for one seed."""

    seed_variance: float
    seed_df: float
    example_variance: float
    example_df: float

    @property
    def standard_error(self) -> float:
        return math.sqrt(self.seed_variance + self.example_variance)

    @property
    def seed_share(self) -> float:
        """The share of the variance that comes from seeds, 0-1."""
        total = self.seed_variance + self.example_variance
        return self.seed_variance / total if total else 0.0

    def critical_value(self, tail: float) -> float:
        """How many standard errors leave `tail` (0-0.5) on each side."""
        return float(critical_values(tail, np.asarray(self.seed_share), self.seed_df, self.example_df))

    def tail(self, deviation: float) -> float:
        """The one-sided p of an estimate that lies `deviation` above the null value, at least SMALLEST_P."""
        error = self.standard_error
        if not deviation or not error:
            return 0.5 if not deviation else SMALLEST_P if deviation > 0 else 1 - SMALLEST_P
        tail = max(SMALLEST_P, math.exp(self._log_tail(abs(deviation) / error)))
        return tail if deviation > 0 else 1 - tail

    def _log_tail(self, errors: float) -> float:
        """log p at which `errors` standard errors are critical. It lies between the tails of the two sources' t distributions."""
        from scipy import optimize, special  # type: ignore[import-untyped]

        ends = [
            math.log(max(float(special.stdtr(max(df, 1.0), -errors)), SMALLEST_P / 2)) for df in (self.example_df, self.seed_df)
        ]
        low, high = min(ends) - 1e-9, max(ends) + 1e-9  # rounding must not leave the root outside
        if self.seed_share == 0 or high < math.log(SMALLEST_P):
            return ends[0]

        def excess(log_p: float) -> float:
            return self.critical_value(math.exp(log_p)) - errors

        return float(optimize.brentq(excess, low, high, xtol=1e-13)) if excess(low) > 0 > excess(high) else low


def critical_values(tail: float, seed_share: Values, seed_df: float, example_df: float) -> Values:
    """How many standard errors leave `tail` on each side, for each share of the variance that comes from seeds."""
    from scipy import special  # type: ignore[import-untyped]

    examples, seeds = (-special.stdtrit(max(df, 1.0), tail) for df in (example_df, seed_df))
    values: Values = examples + (seeds - examples) * seed_share**_SHARE_POWER
    return values


def variance_components(
    points_AS: Sequence[Values],
    covariance_XX: Values,
    example_df: float,
    weights_A: Sequence[float] = (1.0,),
    *,
    over_seeds: bool = True,
) -> VarianceComponents:
    """The variance components of the sum over arms of weight x mean over the arm's seeds; without `over_seeds`, of these very
    runs.

    `points_AS`: the value of every seed, arm by arm. `covariance_XX`: the covariance of the same runs, in that order, when only
    examples are resampled. Each arm has its own seeds: seeds of two arms are not paired here."""
    if not over_seeds:
        weights_X = np.repeat([w / len(p) for w, p in zip(weights_A, points_AS, strict=True)], [len(p) for p in points_AS])
        return VarianceComponents(0.0, 0.0, max(float(weights_X @ covariance_XX @ weights_X), 0.0), max(example_df, 1.0))
    arm_X = np.repeat(np.arange(len(points_AS)), [len(points) for points in points_AS])
    example_variance = seed_variance = squares = 0.0
    for a, (points_S, weight) in enumerate(zip(points_AS, weights_A, strict=True)):
        own_SS = covariance_XX[np.ix_(arm_X == a, arm_X == a)]
        seeds = len(points_S)
        shared = own = float(np.trace(own_SS)) / seeds
        if seeds > 1:
            shared = (float(own_SS.sum()) - seeds * own) / (seeds * (seeds - 1))
            # Discrete scores agree by chance, so the part of seeds is at least what examples alone give in one of 20 cases.
            least = _low_variance_ratio(seeds - 1) * max(own - shared, 0.0) / seeds
            variance = weight**2 * max(float(np.var(points_S, ddof=1)) / seeds, least)
            seed_variance += variance
            squares += variance**2 / (seeds - 1)
        example_variance += weight**2 * shared
        for b in range(a):
            example_variance += 2 * weight * weights_A[b] * float(covariance_XX[np.ix_(arm_X == a, arm_X == b)].mean())
    most = max(len(points) for points in points_AS) - 1
    seed_df = seed_variance**2 / squares if squares else float(most)
    return VarianceComponents(seed_variance, seed_df, max(example_variance, 0.0), max(example_df, 1.0))


def _low_variance_ratio(df: int) -> float:
    """The ratio to the true variance that an estimate with `df` degrees of freedom falls below in one of 20 cases."""
    from scipy import special  # type: ignore[import-untyped]

    return float(special.chdtri(df, 1 - _LOW_TAIL)) / df
