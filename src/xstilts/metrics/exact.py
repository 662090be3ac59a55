"""Tests without an approximation: of two checkpoints on the same examples, and of the differences between seeds.

Exact McNemar (Edwards 1948 as a binomial test) for right and wrong answers, approximate randomisation (Noreen 1989; Yeh 2000,
https://aclanthology.org/C00-2137) for any metric, sign flips over seeds. The first two are about these two checkpoints only:
the luck of a seed is part of the difference that they test. p is never 0, because the observed assignment is counted too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xstilts.metrics.bootstrap import Headline, group_by_ids
from xstilts.metrics.paired import LanguageTallies, PairedRuns, PairedTallies

_MOST_EXACT = 22  # 2^21 signed sums: 16 MiB
_CHUNK = 1 << 21  # entries of one matrix: 16 MiB


class McNemar(NamedTuple):
    """Of the examples on which the two differ, only the treatment answers `better` correctly and only the control `worse`."""

    better: int
    worse: int
    p: float


def mcnemar(treatment_N: NDArray[np.bool_], control_N: NDArray[np.bool_]) -> McNemar:
    """The exact two-sided test of two checkpoints on the same, independent examples."""
    from scipy import special  # type: ignore[import-untyped]

    treated, controlled = np.asarray(treatment_N, dtype=bool), np.asarray(control_N, dtype=bool)
    if treated.shape != controlled.shape or treated.ndim != 1:
        raise ValueError(f"expected two vectors over the same examples, found shapes {treated.shape} and {controlled.shape}")
    better, worse = int((treated & ~controlled).sum()), int((controlled & ~treated).sum())
    both = better + worse
    p = min(1.0, 2 * float(special.bdtr(min(better, worse), both, 0.5))) if both else 1.0
    return McNemar(better, worse, max(p, np.finfo(float).tiny))


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
    pairs: Sequence[tuple[LanguageTallies, LanguageTallies]], headline: Headline, *, resamples: int = 10_000, seed: int = 0
) -> list[float]:
    """The two-sided p of each pair of checkpoints (treatment, control): how often swapping the two sides of random examples
    gives at least as large a difference.

    The difference is the mean over shared languages. An id is swapped in all its languages at once. Ids that only one side has
    are left out. All pairs share the swaps, so that many pairs cost little more than one. The p of a pair does not depend on
    other pairs that are scored on the same ids."""
    tallies = PairedTallies(headline, "points")
    runs = [run for treated, controlled in pairs for run in PairedRuns(tallies, [treated], [controlled]).runs]
    tables = tallies.tables
    totals_RP, observed_P = np.zeros((resamples, len(runs))), np.zeros(len(runs))
    for number, (group, ids_U, places) in enumerate(group_by_ids(tables)):
        rng = np.random.default_rng([seed, number])
        at = dict(zip(group, places, strict=True))
        rows = [(p, *sides) for p, run in enumerate(runs) for sides in run.values() if sides[0] in at]
        width = tables[group[0]].counts_NC.shape[1]
        half_UGC, sums_GC = np.zeros((len(ids_U), len(rows), width)), np.zeros((len(rows), width))
        share_GP = np.zeros((len(rows), len(runs)))
        for g, (p, treated, controlled) in enumerate(rows):
            one, other = tables[treated].counts_NC, tables[controlled].counts_NC
            half_UGC[at[treated], g] = (one - other) / 2
            sums_GC[g] = (one + other).sum(axis=0) / 2
            share_GP[g, p] = 1 / len(runs[p])
        difference_GC = half_UGC.sum(axis=0)
        observed_P += (headline(sums_GC + difference_GC) - headline(sums_GC - difference_GC)) @ share_GP
        step = max(1, _CHUNK // max(len(ids_U), sums_GC.size))
        for first in range(0, resamples, step):
            signs_RU = _draw_signs(rng, min(step, resamples - first), len(ids_U))
            swapped_RGC = (signs_RU @ half_UGC.reshape(len(ids_U), -1)).reshape(len(signs_RU), *sums_GC.shape)
            gains_RG = headline(sums_GC + swapped_RGC) - headline(sums_GC - swapped_RGC)
            totals_RP[first : first + len(gains_RG)] += gains_RG @ share_GP
    # Equal sums that were added in another order differ in the last bit. Rounding makes them tie.
    reached_P = (np.round(np.abs(totals_RP), 12) >= np.round(np.abs(observed_P), 12)).sum(axis=0)
    return [(int(reached) + 1) / (resamples + 1) for reached in reached_P]


def _draw_signs(rng: np.random.Generator, rows: int, size: int) -> NDArray[np.float64]:
    """Random -1 and 1. Shape (rows, size)."""
    bits = np.unpackbits(rng.integers(256, size=(rows, -(-size // 8)), dtype=np.uint8), axis=1, count=size)
    return bits.astype(np.float64) * 2 - 1
