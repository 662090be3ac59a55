"""Tests that need no approximation: two checkpoints on the same examples, or per-seed differences.

Exact McNemar (Edwards 1948 as a binomial test) for right and wrong answers, approximate randomisation (Noreen 1989; Yeh 2000,
https://aclanthology.org/C00-2137) for any metric, sign flips over seeds. The first two speak about these two checkpoints
only: a seed's luck is part of what they call a difference. p is never 0: the observed assignment is one of those counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xstilts.metrics.bootstrap import Headline, groups
from xstilts.metrics.paired import Arm, Cells, Table

_MOST_EXACT = 22  # 2^21 signed sums: 16 MiB
_CHUNK = 1 << 21  # entries of one matrix: 16 MiB


@dataclass(frozen=True)
class McNemar:
    """Of the examples on which the two differ, `better` are right with the treatment only and `worse` with the control only.

    `odds_ratio` is better / worse (matched odds ratio, inf without any worse, nan without either), with its exact interval.
    """

    better: int
    worse: int
    p: float
    odds_ratio: float
    low: float
    high: float


def mcnemar(treatment_N: NDArray[np.bool_], control_N: NDArray[np.bool_], *, level: float = 0.95) -> McNemar:
    """The exact two-sided test of two checkpoints; the interval of the odds ratio is Clopper and Pearson's (1934)."""
    from scipy import special  # type: ignore[import-untyped]

    treated, controlled = np.asarray(treatment_N, dtype=bool), np.asarray(control_N, dtype=bool)
    if treated.shape != controlled.shape or treated.ndim != 1:
        raise ValueError(f"expected two vectors over the same examples, found shapes {treated.shape} and {controlled.shape}")
    better, worse = int((treated & ~controlled).sum()), int((controlled & ~treated).sum())
    both, tail = better + worse, (1 - level) / 2
    p = min(1.0, 2 * float(special.bdtr(min(better, worse), both, 0.5))) if both else 1.0
    low = float(special.betaincinv(better, worse + 1, tail)) if better else 0.0
    high = float(special.betaincinv(better + 1, worse, 1 - tail)) if worse else 1.0
    ratio = better / worse if worse else np.inf if better else np.nan
    return McNemar(better, worse, max(p, np.finfo(float).tiny), ratio, low / (1 - low), high / (1 - high) if high < 1 else np.inf)


def paired_sign(deltas: Sequence[float], *, resamples: int = 100_000, seed: int = 0) -> float:
    """Two-sided p of the sign-flip permutation test that per-seed differences are symmetric around 0.

    The smallest p that S seeds can give is 2 / 2^S: 0.25 for three, 0.031 for six. Exact up to 22 seeds, then by `resamples`
    random flips.
    """
    values = np.asarray(deltas, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"expected one or more differences, one a seed, found shape {values.shape}")
    reached = abs(values.sum()) - 1e-12 * np.abs(values).sum()
    if len(values) > _MOST_EXACT:
        rng, count = np.random.default_rng(seed), 1
        step = max(1, _CHUNK // len(values))
        for first in range(0, resamples, step):
            signs = rng.integers(2, size=(min(step, resamples - first), len(values))) * 2.0 - 1
            count += int(np.count_nonzero(np.abs(signs @ values) >= reached))
        return count / (resamples + 1)
    sums = values[:1]  # flipping all signs mirrors every sum, so the first sign stays
    for value in values[1:]:
        sums = np.concatenate([sums + value, sums - value])
    return float(np.mean(np.abs(sums) >= reached))


def approximate_randomisation(
    treatment: Cells, control: Cells, headline: Headline, *, resamples: int = 10_000, seed: int = 0
) -> float:
    """Two-sided p of two checkpoints: how often swapping the two sides of random examples gives as large a difference.

    The difference is the mean over shared languages. An id is swapped in all its languages at once; ids that only one side has
    are left out.
    """
    table = Table(headline, "points")
    (run,) = Arm(table, [treatment], [control]).runs
    totals_R, observed = np.zeros(resamples), 0.0
    sheets = table.sheets
    for number, (group, ids_U, places) in enumerate(groups(sheets)):
        rng = np.random.default_rng([seed, number])
        at = dict(zip(group, places, strict=True))
        pairs = [sides for sides in run.values() if sides[0] in at]
        half, sums = [], []
        for treated, controlled in pairs:
            one, other = sheets[treated].counts_NC, sheets[controlled].counts_NC
            half_UC = np.zeros((len(ids_U), one.shape[1]))
            half_UC[at[treated]] = (one - other) / 2
            half.append(half_UC)
            sums.append((one + other).sum(axis=0) / 2)
            observed += float(headline(one.sum(axis=0)) - headline(other.sum(axis=0)))
        half_UGC, sums_GC = np.stack(half, axis=1), np.stack(sums)
        step = max(1, _CHUNK // max(len(ids_U), half_UGC[0].size))
        for first in range(0, resamples, step):
            signs_RU = rng.integers(2, size=(min(step, resamples - first), len(ids_U))) * 2.0 - 1
            swapped_RGC = (signs_RU @ half_UGC.reshape(len(ids_U), -1)).reshape(len(signs_RU), *sums_GC.shape)
            gains_RG = headline(sums_GC + swapped_RGC) - headline(sums_GC - swapped_RGC)
            totals_R[first : first + len(gains_RG)] += gains_RG.sum(axis=1)
    # Equal sums added in another order differ in the last bit: rounding lets them tie.
    reached = np.round(np.abs(totals_R), 12) >= round(abs(observed), 12)
    return (int(np.count_nonzero(reached)) + 1) / (resamples + 1)
