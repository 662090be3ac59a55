"""The variance of a mean over seeds, split into seeds and examples, and p values and intervals for few degrees of freedom.

With seeds s and examples i crossed, the variance of a mean is var(seed)/S + var(example)/N + var(seed x example)/(S N). The
spread of the per-seed values estimates the first and third terms together, with S - 1 degrees of freedom. The covariance
between two seeds when only examples are resampled is the second. So nothing is counted twice.

A p value is the mean tail of the normal distribution over what the true variances may be (Behrens 1929; Fisher 1935, Annals of
Eugenics 6:391): an estimated variance v with d degrees of freedom stands for d v / chi2(d). For one source alone this is
Student's t. The interval is the set of values whose p is not below its level, so that the two always agree. Surprising: rules
that fit at 95 %, such as Cochran's weighted t quantiles (1964, Biometrics 20:191), fail in the tails that Holm's correction
needs. With three seeds theirs was rejected 3.4 times too often at .05/81. This p is never rejected too often with normal seeds;
with few seeds that have a middle share of the variance it is cautious (3 seeds, a share of .3: 2.4 % instead of 5 %).

Legend: A arms (a contrast has one or more), S seeds of one arm, X runs (seeds of all arms), Q nodes of the integral.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from xstilts.metrics.metric import Values

SMALLEST_P = 1e-12  # approximate normality supports no smaller p
_LOW_TAIL = 0.05
_NODES = 100  # with one degree of freedom the relative error of p is below 1e-5, with two below 1e-8
_OUTSIDE = 1e-15  # the chance of a chi-square below the least node, and above the greatest
_STEPS = 60  # at most; 5 to 10 are usual


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
        errors = np.asarray(abs(deviation) / error)
        tail = max(SMALLEST_P, float(tails(errors, np.asarray(self.seed_share), self.seed_df, self.example_df)))
        return tail if deviation > 0 else 1 - tail


def tails(errors: Values, seed_share: Values, seed_df: float, example_df: float) -> Values:
    """The one-sided p of estimates that lie `errors` (0 or more) standard errors above the null value, where `seed_share` of
    their variance comes from seeds. Arrays of one shape."""
    from scipy import special  # type: ignore[import-untyped]

    ratio_Q, weight_Q = variance_ratios(max(seed_df, 1.0))
    share = np.asarray(seed_share, dtype=np.float64)[..., None]
    variance = share / ratio_Q + (1 - share)  # relative to the estimated one
    # What is left of the examples' uncertainty, by the rule of Welch and Satterthwaite.
    df = max(example_df, 1.0) / np.maximum((1 - share) / variance, 1e-5) ** 2
    values: Values = special.stdtr(df, -np.asarray(errors)[..., None] / np.sqrt(variance)) @ weight_Q
    return values


def critical_values(tail: float, seed_share: Values, seed_df: float, example_df: float) -> Values:
    """How many standard errors leave `tail` (0-0.5) on each side, for each share of the variance that comes from seeds: the
    inverse of `tails`."""
    from scipy import special

    ends = [float(-special.stdtrit(max(df, 1.0), tail)) for df in (seed_df, example_df)]
    if max(ends) < 1e-6:  # a tail of one half
        return np.zeros(np.shape(seed_share))
    # log p is nearly straight in the logarithm of the errors: the secant rule, and a bisection where that leaves the bracket.
    low, high = np.full(np.shape(seed_share), -20.0), np.full(np.shape(seed_share), math.log(max(ends)) + 1)
    now = np.full(np.shape(seed_share), math.log(min(ends)))
    before, excess_before = now - 1e-3, np.full(np.shape(seed_share), np.nan)
    for _ in range(_STEPS):
        excess = np.log(np.maximum(tails(np.exp(now), seed_share, seed_df, example_df), 1e-300)) - math.log(tail)
        low, high = np.where(excess > 0, now, low), np.where(excess > 0, high, now)
        with np.errstate(divide="ignore", invalid="ignore"):
            following = now - excess * (now - before) / (excess - excess_before)
        following = np.where((following > low) & (following < high), following, (low + high) / 2)
        before, excess_before, now = now, excess, following
        if np.abs(excess).max() < 1e-11:
            break
    values: Values = np.exp(before)
    return values


@lru_cache(maxsize=256)
def variance_ratios(df: float) -> tuple[Values, Values]:
    """Nodes chi2(df) / df of an integral over the chi-square distribution, and their weights, which add up to 1. They are even on
    the logarithmic scale, on which the trapezium rule converges fast and the tail of small values is well covered."""
    from scipy import special

    least, most = (math.log(inverse(df / 2, _OUTSIDE)) for inverse in (special.gammaincinv, special.gammainccinv))
    log_Q = np.linspace(least, most, _NODES)  # of half a chi-square
    weight_Q = np.exp(df / 2 * log_Q - np.exp(log_Q) - special.gammaln(df / 2))
    return 2 * np.exp(log_Q) / df, weight_Q / weight_Q.sum()


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
