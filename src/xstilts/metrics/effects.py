"""Small effects and no effect: equivalence within a margin, and what the scores over seeds say by themselves.

"No effect" is claimed by two one-sided tests (Schuirmann 1987, https://doi.org/10.1007/BF01068419), never by a large p. The
order of score distributions over seeds is that of Dror, Shlomov and Reichart (2019, https://aclanthology.org/P19-1266), after
del Barrio et al. (2018): the share of the squared distance between the quantile functions by which the treatment falls short.
Surprising: the bound of this order describes and does not test. With equally good treatments of unequal spread and ten seeds,
it calls 16 in 100 better (< 0.5). The stricter 0.2 calls 10 in 100 with three seeds, 8 with five, 3 with ten (500 simulated
pairs each).
"""

from collections.abc import Sequence

import numpy as np

from xstilts.metrics.metric import Values
from xstilts.metrics.significance import LEVEL, Interval

_MOST_EXACT = 22  # 2^21 signed sums: 16 MiB


def equivalence(interval: Interval, margin: float) -> float:
    """p of "the true value lies within ± `margin`", on the interval's scale. It is at most 0.05 exactly where the 90 % interval
    lies within the margin."""
    if margin <= 0:
        raise ValueError(f"expected a margin above 0, found {margin}")
    return max(interval.tail_above(-margin), 1 - interval.tail_above(margin))


def unseen_collapse(seeds: int) -> float:
    """The greatest share of runs (0-1) that may collapse with a chance of 5 % that none of `seeds` runs shows it. No interval
    covers a collapse that no seed shows: it knows the spread of the seeds that it has seen."""
    if seeds < 1:
        raise ValueError(f"expected one or more seeds, found {seeds}")
    return 1 - float((1 - LEVEL) ** (1 / seeds))


def sign_flip_test(deltas: Sequence[float], *, resamples: int = 100_000, seed: int = 0) -> float:
    """Two-sided p of the sign-flip permutation test that the differences of seeds are symmetric around 0.

    The smallest p that S seeds can give is 2 / 2^S: 0.25 for three, 0.031 for six. It is exact up to 22 seeds; beyond that it
    uses `resamples` random flips."""
    values = np.asarray(deltas, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"expected one or more differences, one a seed, found shape {values.shape}")
    reached = abs(values.sum()) - 1e-12 * np.abs(values).sum()
    if len(values) > _MOST_EXACT:
        rng, count = np.random.default_rng(seed), 1
        step = max(1, (1 << 21) // len(values))
        for first in range(0, resamples, step):
            signs = rng.integers(2, size=(min(step, resamples - first), len(values))) * 2.0 - 1
            count += int(np.count_nonzero(np.abs(signs @ values) >= reached))
        return count / (resamples + 1)
    sums = values[:1]  # flipping all signs mirrors every sum, so the first sign stays
    for value in values[1:]:
        sums = np.concatenate([sums + value, sums - value])
    return float(np.mean(np.abs(sums) >= reached))


def superiority(treatment: Sequence[float], control: Sequence[float]) -> float:
    """The chance that a random run of the treatment scores above a random run of the control. Ties count half."""
    one, other = np.asarray(treatment, dtype=np.float64), np.asarray(control, dtype=np.float64)
    if not one.size or not other.size:
        raise ValueError("expected at least one score on each side")
    signs = np.sign(one[:, None] - other[None, :])
    return float((signs.mean() + 1) / 2)


def stochastic_order(treatment: Sequence[float], control: Sequence[float], *, resamples: int = 1000, seed: int = 0) -> float:
    """The upper confidence bound of `violation_ratio` of two sets of scores, one score for each seed, by the bootstrap standard
    deviation. A bound below 0.5 means that the treatment is almost above the control; below 0.2 is the stricter rule."""
    from scipy import special  # type: ignore[import-untyped]

    one, other = np.asarray(treatment, dtype=np.float64), np.asarray(control, dtype=np.float64)
    if one.size < 2 or other.size < 2:
        raise ValueError(f"expected two or more scores on each side, found {one.size} and {other.size}")
    rng = np.random.default_rng(seed)
    violation = float(violation_ratio(one[None], other[None])[0])
    resampled = violation_ratio(
        one[rng.integers(one.size, size=(resamples, one.size))], other[rng.integers(other.size, size=(resamples, other.size))]
    )
    return min(1.0, violation + float(special.ndtri(LEVEL)) * float(np.std(resampled)))


def violation_ratio(one_RN: Values, other_RM: Values) -> Values:
    """For every row 0 if the first scores are above the others at every quantile, 1 if they are below, 0.5 if neither. It is
    exact, since both quantile functions are step functions."""
    n, m = one_RN.shape[1], other_RM.shape[1]
    edges = np.unique(np.concatenate([np.arange(n + 1) * m, np.arange(m + 1) * n]))  # in units of 1 / (n m)
    widths, middles = np.diff(edges), (edges[:-1] + edges[1:]) / 2
    gaps = np.sort(one_RN)[:, (middles // m).astype(int)] - np.sort(other_RM)[:, (middles // n).astype(int)]
    short, whole = (np.minimum(gaps, 0) ** 2) @ widths, (gaps**2) @ widths
    ratios: Values = np.divide(short, whole, out=np.full(len(gaps), 0.5), where=whole > 0)
    return ratios
