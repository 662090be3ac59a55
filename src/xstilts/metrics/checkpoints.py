"""The test of two checkpoints on the same examples. It says nothing about other seeds.

McNemar's test treats the examples as independent and counts them all alike. So it is used where answers are right or wrong, no
example is in two languages, and every language has the same number of examples. There it is the exact form of the randomisation
test of the mean gain. Everything else is tested by approximate randomisation. Surprising: accuracy on parallel languages (XNLI)
is tested by randomisation, which swaps an example in all its languages at once. McNemar's test over 14 languages of the same
sentences would find differences that do not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.metrics.bootstrap import TallyTable, group_by_ids
from xstilts.metrics.exact import approximate_randomisation, mcnemar
from xstilts.metrics.metric import Metric
from xstilts.metrics.paired import LanguageTallies, PairedRuns, PairedTallies


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
