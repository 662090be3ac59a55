"""Pooled comparisons: the mean of several comparisons, over targets and over pairs of chains, measured as one.

The mean is over targets, then over each target's languages, so that a target with 40 languages counts as one with four. Seeds
are paired by number and examples by id, as in every `Comparison`. The targets are stacked into one table for the interval of
`metrics.significance`: two more columns (how many examples, and of which target) tell the headline whose counts it sums.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from xstilts.analysis.comparison import Comparison, map_groups
from xstilts.analysis.results import Cell, LanguageScore, Results
from xstilts.analysis.scores import find_metric
from xstilts.metrics.bootstrap import Headline, Ids, have_same_ids
from xstilts.metrics.metric import Counts, Metric
from xstilts.metrics.paired import LanguageTallies
from xstilts.metrics.significance import Interval, overall_gains


@dataclass(frozen=True, eq=False)
class PooledComparison:
    """`pairs` holds the comparisons of each pair of chains, one a target. All have the same seeds, and those of a target have the
    same languages. `metrics` are those of the targets. A single target keeps its own table and headline."""

    pairs: tuple[tuple[Comparison, ...], ...]
    metrics: tuple[Metric, ...]
    _ids: dict[tuple[str, str], list[tuple[Ids, Ids]]] = field(default_factory=dict, repr=False)

    @property
    def seeds(self) -> tuple[int, ...]:
        return self.pairs[0][0].seeds

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        """The (target, language) pairs that it is a mean of."""
        return tuple((one.target.name, code) for one in self.pairs[0] for code in one.languages)

    @property
    def keys(self) -> tuple[str, ...]:
        """The score artefacts of all sides, each once."""
        sides: list[Cell] = []
        for pair in self.pairs:
            sides += [cell for one in pair for cell in one.treatment]
            sides += [cells[0] for one in pair for cells in one.control]
        return tuple(dict.fromkeys(cell.key for cell in sides))

    @property
    def headline(self) -> Headline:
        return self.metrics[0].headline if len(self.metrics) == 1 else self._weigh

    def _weigh(self, sums: Counts) -> Counts:
        """Each target's own headline, times how much more (or less) its rows count than others."""
        width = self._width
        examples, places = sums[..., width], sums[..., width + 1]
        which = np.rint(np.divide(places, examples, out=np.full(examples.shape, -1.0), where=examples > 0))
        values: Counts = np.zeros(examples.shape)
        for t, (metric, one) in enumerate(zip(self.metrics, self.pairs[0], strict=True)):
            if (here := which == t).any():
                weight = len(self.rows) / (len(self.metrics) * len(one.languages))
                values[here] = weight * metric.headline(sums[here][..., : len(metric.counts)])
        return values

    @property
    def _width(self) -> int:
        return max(len(metric.counts) for metric in self.metrics)

    def tallies(self, side: Literal["treatment", "control"], pair: int | None = None) -> list[LanguageTallies]:
        """One side by seed, of all pairs together or of a single one."""
        pairs = self.pairs if pair is None else (self.pairs[pair],)
        return [
            self._stack([[one.treatment[s] if side == "treatment" else one.control[s][0] for one in own] for own in pairs])
            for s in range(len(self.seeds))
        ]

    def _stack(self, cells: Sequence[Sequence[Cell]]) -> LanguageTallies:
        """The cells (pair, target) of one seed in one table."""
        found = {}
        for number, own in enumerate(cells):
            for t, (cell, one) in enumerate(zip(own, self.pairs[0], strict=True)):
                for code in one.languages:
                    name = f"{number} {one.target.name} {code}" if len(cells) > 1 or len(self.metrics) > 1 else code
                    found[name] = self._widen(t, (one.target.name, code), cell.languages[code])
        return found

    def _widen(self, t: int, row: tuple[str, str], score: LanguageScore) -> tuple[Ids, Counts]:
        if len(self.metrics) == 1:
            return score.ids_N, score.counts_NC
        counts = np.zeros((len(score.ids_N), self._width + 2))
        counts[:, : score.counts_NC.shape[1]] = score.counts_NC
        counts[:, self._width], counts[:, self._width + 1] = 1, t
        return self._name_ids(row, score.ids_N), counts

    def _name_ids(self, row: tuple[str, str], ids_N: Ids) -> Ids:
        """Ids with the target's name, so that equal ids of two targets are two examples. Equal arrays stay one array."""
        known = self._ids.setdefault(row, [])
        for before, named in known:
            if have_same_ids(before, ids_N):
                return named
        known.append((ids_N, np.char.add(f"{row[0]} ", ids_N)))
        return known[-1][1]


def pool_targets(comparisons: Mapping[str, Sequence[Comparison]], results: Results) -> PooledComparison | None:
    """Pool the comparisons of each target (one a pair of chains, in the same order) over the seeds that all have; None without
    such a seed. There is at least one target, and each has a metric."""
    seeds = sorted(set.intersection(*(set(one.seeds) for own in comparisons.values() for one in own)))
    metrics = tuple(metric for target in comparisons if (metric := find_metric(results, target)))
    pairs = zip(*([one.restrict(seeds) for one in own] for own in comparisons.values()), strict=True)
    return PooledComparison(tuple(pairs), metrics) if seeds else None


def measure_pooled(pooled: Sequence[PooledComparison], resamples: int) -> list[Interval]:
    """The interval of each mean gain. Those over the same targets and languages share their draws of examples."""

    def measure(group: Sequence[PooledComparison]) -> list[Interval]:
        pairs = [(one.tallies("treatment"), one.tallies("control")) for one in group]
        return overall_gains(pairs, group[0].headline, resamples=resamples)

    return map_groups(pooled, lambda one: one.rows, measure)
