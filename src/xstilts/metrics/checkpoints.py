"""The test of two checkpoints on the same examples. It says nothing about other seeds, whose luck is part of the difference.

It is exact McNemar (Edwards 1948 as a binomial test) for right and wrong answers, and approximate randomisation (Noreen 1989;
Yeh 2000, https://aclanthology.org/C00-2137) for any metric. p is never 0, because the observed assignment is counted too.

McNemar's test treats the examples as independent and counts them all alike. So it is used where answers are right or wrong, no
example is in two languages, and every language has the same number of examples. There it is the exact form of the randomisation
test of the mean gain. Everything else is tested by approximate randomisation. Surprising: accuracy on parallel languages (XNLI)
is tested by randomisation, which swaps an example in all its languages at once. McNemar's test over 14 languages of the same
sentences would find differences that do not exist.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from xstilts.metrics.bootstrap import Headline, TallyTable, group_by_ids
from xstilts.metrics.metric import Metric
from xstilts.metrics.paired import LanguageTallies, PairedRuns, PairedTallies

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


@dataclass(frozen=True)
class TwoCheckpoints:
    """`gain` is the mean over shared languages (0-1), `p` is two-sided. `better` and `worse` count the examples, over all
    languages, that only the treatment or only the control answers correctly; they are None where answers are more than right or
    wrong. `exact`: p is McNemar's."""

    gain: float
    p: float
    better: int | None
    worse: int | None
    exact: bool

    def decide(self, alpha: float) -> int:
        """1 for a gain, -1 for a loss, 0 if p is above `alpha`."""
        return int(np.sign(self.gain)) if self.p <= alpha else 0


def compare_checkpoints(
    pairs: Sequence[tuple[LanguageTallies, LanguageTallies]], metric: Metric, *, resamples: int = 1000
) -> list[TwoCheckpoints]:
    """The test of each pair (treatment, control), over the languages and ids that both sides have."""
    tallies = PairedTallies(metric.headline, "points")
    arms = [PairedRuns(tallies, [treated], [controlled]) for treated, controlled in pairs]
    tables = [[(tallies.tables[a], tallies.tables[b]) for a, b in arm.runs[0].values()] for arm in arms]  # type: ignore[misc]
    gains = [float(np.mean([_score(metric, one) - _score(metric, other) for one, other in sides])) for sides in tables]
    counts = [mcnemar(*_mark_right(sides)) if metric.right_or_wrong else None for sides in tables]
    known: dict[tuple[int, ...], bool] = {}
    exact = [metric.right_or_wrong and _are_independent([one for one, _ in sides], known) for sides in tables]
    others = [pair for pair, is_exact in zip(pairs, exact, strict=True) if not is_exact]
    rest = iter(approximate_randomisation(others, metric.headline, resamples=resamples))
    found = []
    for gain, count, is_exact in zip(gains, counts, exact, strict=True):
        better, worse, p = count or (None, None, 1.0)
        found.append(TwoCheckpoints(gain, p if is_exact else next(rest), better, worse, is_exact))
    return found


def _score(metric: Metric, table: TallyTable) -> float:
    return float(metric.headline(table.counts_NC.sum(axis=0)))


def _mark_right(sides: Sequence[tuple[TallyTable, TallyTable]]) -> tuple[np.ndarray, np.ndarray]:
    """For treatment and control: whether each answer is right, language after language."""
    one, other = (np.concatenate([pair[side].counts_NC[:, 0] for pair in sides]) for side in (0, 1))
    if not np.isin(np.concatenate([one, other]), (0.0, 1.0)).all():
        raise ValueError("expected tallies of answers that are right (1) or wrong (0)")
    return one > 0, other > 0


def _are_independent(tables: Sequence[TallyTable], known: dict[tuple[int, ...], bool]) -> bool:
    """Whether no id is in two of the tables and all tables have the same number of ids. `known` remembers the results."""
    key = tuple(id(table.ids_N) for table in tables)
    if key not in known:
        same_size = len({len(table.ids_N) for table in tables}) == 1
        known[key] = same_size and len(group_by_ids(tables)) == len(tables)
    return known[key]
