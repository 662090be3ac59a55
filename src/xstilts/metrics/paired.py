"""Treatment and control, paired by seed, language and example id: their gains, and how these vary when examples are resampled.

An arm is one comparison (or one side alone) over all its seeds. Several arms, such as the chains of a study over one control,
share the draws of ids and the sums of the control. Gains are in points, relative to the control's headroom, or in log-odds.

Examples that all agree do not make an error vanish. If none of N differs, up to 1 - .05^(1/N) of all others may, about 3/N (the
rule of three: Hanley and Lippman-Hand 1983, JAMA 249:1743). The variance of one run on one language is at least that of N
examples of which so many differ. With three or more that differ, this changes nothing.

Legend: C counts, R replicates, S seeds of an arm, X runs (all seeds of all arms), G tables of a group, N ids of one language.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xstilts.metrics.bootstrap import Headline, Ids, TallyTable, draw_scores, group_by_ids, have_same_ids, make_tally_table
from xstilts.metrics.metric import Counts, Values
from xstilts.metrics.variance_components import VarianceComponents, variance_components

LanguageTallies = Mapping[str, tuple[Ids, Counts]]  # language -> ids_N, counts_NC
Scale = Literal["points", "headroom", "logit"]
_UNSEEN = 0.05  # the chance that a share as large as the assumed one shows in none of the examples
_NOTHING = 1e-8  # of the least variance: less is rounding


class PairedTallies:
    """The tables of one analysis, and the gain of a treatment's scores over a control's on one scale."""

    def __init__(self, headline: Headline, scale: Scale) -> None:
        self.headline, self.scale = headline, scale
        self.tables: list[TallyTable] = []
        self._place: dict[int, int] = {}
        # the cells stay alive, so that their id() stays unique
        self._from: dict[tuple[int, str], tuple[LanguageTallies, TallyTable]] = {}

    def read(self, cells: LanguageTallies, language: str) -> TallyTable:
        """The table of a cell's language. A control is read once, however many chains are compared with it."""
        key = (id(cells), language)
        if key not in self._from:
            self._from[key] = cells, make_tally_table(language, *cells[language])
        return self._from[key][1]

    def place(self, one: TallyTable) -> int:
        """The number of a table in `tables`, to which it is added if it is new."""
        if id(one) not in self._place:
            self._place[id(one)] = len(self.tables)
            self.tables.append(one)
        return self._place[id(one)]

    def gain(self, scores: Values, sides: NDArray[np.int64], sizes: NDArray[np.int64]) -> Values:
        """Scores (..., tables) to gains (..., rows). `sides` (rows, 1 or 2) has the numbers of the tables, `sizes` the numbers
        of examples."""
        treated: Values = scores[..., sides[:, 0]]
        if sides.shape[1] == 1:
            return treated
        controlled: Values = scores[..., sides[:, 1]]
        if self.scale == "headroom":
            return (treated - controlled) / np.maximum(1 - controlled, 1 / sizes)
        if self.scale == "logit":
            odds = [(sizes * score + 0.5) / (sizes * (1 - score) + 0.5) for score in (treated, controlled)]
            gains: Values = np.log(odds[0] / odds[1])
            return gains
        difference: Values = treated - controlled
        return difference

    def weights(self, scores: Values, sides: NDArray[np.int64], sizes: NDArray[np.int64]) -> Values:
        """What one example more that is right on the first side adds to each row's gain, times the number of examples."""
        treated: Values = scores[sides[:, 0]]
        if self.scale == "headroom":
            return 1 / np.maximum(1 - scores[sides[:, 1]], 1 / sizes)
        if self.scale == "logit":
            return sizes / (sizes * treated + 0.5) + sizes / (sizes * (1 - treated) + 0.5)
        return np.ones_like(treated)


class PairedRuns:
    """The runs of an arm: for each seed, language -> the numbers of one table or of two (treatment, control) in
    `PairedTallies`."""

    def __init__(
        self, tallies: PairedTallies, treatment: Sequence[LanguageTallies], control: Sequence[LanguageTallies] | None
    ) -> None:
        if control is not None and len(treatment) != len(control):
            raise ValueError(f"seeds are paired by position: found {len(treatment)} of treatment, {len(control)} of control")
        self.runs: list[dict[str, tuple[int, ...]]] = []
        apart: set[str] = set()
        dropped = 0
        for s, treated in enumerate(treatment):
            run: dict[str, tuple[int, ...]] = {}
            controlled = control[s] if control is not None else None
            for code in sorted(treated if controlled is None else set(treated) & set(controlled)):
                sides = [tallies.read(cells, code) for cells in (treated, controlled) if cells is not None]
                if len(sides) == 2 and not have_same_ids(sides[0].ids_N, sides[1].ids_N):
                    before = sum(len(side.ids_N) for side in sides)
                    sides = _intersect(*sides)
                    dropped += before - 2 * len(sides[0].ids_N)
                if len(sides[0].ids_N):
                    run[code] = tuple(tallies.place(side) for side in sides)
            apart |= set(treated) ^ set(controlled) if controlled is not None else set()
            self.runs.append(run)
        if not self.runs or not all(self.runs):
            raise ValueError("expected, for each of one or more seeds, a language with at least one example (on both sides)")
        self.notes = [f"left out, on one side only: {', '.join(sorted(apart))}"] if apart else []
        if dropped:
            self.notes.append(f"paired by id on the intersection: {dropped} rows on one side only were left out")


def _intersect(one: TallyTable, other: TallyTable) -> list[TallyTable]:
    for side in (one, other):
        group_by_ids([side])  # raises on repeated ids
    shared_N, rows, other_rows = np.intersect1d(one.ids_N, other.ids_N, assume_unique=True, return_indices=True)
    if len(shared_N) == len(one.ids_N) == len(other.ids_N):
        return [one, TallyTable(other.language, one.ids_N, other.counts_NC[other_rows[np.argsort(rows)]])]
    return [
        TallyTable(one.language, shared_N, one.counts_NC[rows]),
        TallyTable(other.language, shared_N, other.counts_NC[other_rows]),
    ]


@dataclass(frozen=True)
class PairedEstimates:
    """The value of each run and their covariance; also by arm and language."""

    points_X: Values
    covariance_XX: Values
    arm_X: NDArray[np.int64]
    degrees: float
    by_language: Mapping[tuple[int, str], tuple[Values, Values, float]]
    over_seeds: bool

    def points(self, arm: int) -> Values:
        points_S: Values = self.points_X[self.arm_X == arm]
        return points_S

    def spread(self, arms: Sequence[int], weights: Sequence[float]) -> VarianceComponents:
        chosen = np.concatenate([np.flatnonzero(self.arm_X == arm) for arm in arms])
        covariance = self.covariance_XX[np.ix_(chosen, chosen)]
        points = [self.points(arm) for arm in arms]
        return variance_components(points, covariance, self.degrees, weights, over_seeds=self.over_seeds)

    def language(self, arm: int, code: str) -> tuple[Values, VarianceComponents]:
        points_S, covariance_SS, degrees = self.by_language[arm, code]
        return points_S, variance_components([points_S], covariance_SS, degrees, over_seeds=self.over_seeds)


class _Row(NamedTuple):  # one run on one language; `tables` are the numbers of its tables, the treatment's first
    arm: int
    run: int
    language: str
    tables: tuple[int, ...]


def measure(
    tallies: PairedTallies, arms: Sequence[PairedRuns], resamples: int, seed: int, *, over_seeds: bool = True
) -> PairedEstimates:
    """Estimate all arms from the same draws. The value of a run is the mean over its languages."""
    if resamples < 2:
        raise ValueError(f"expected resamples >= 2, found {resamples}")
    runs = [(a, run) for a, arm in enumerate(arms) for run in arm.runs]
    rows = [_Row(a, x, code, sides) for x, (a, run) in enumerate(runs) for code, sides in run.items()]
    sizes = np.array([len(tallies.tables[row.tables[0]].ids_N) for row in rows])
    points = np.array([float(tallies.headline(one.counts_NC.sum(axis=0))) for one in tallies.tables])
    sides_rows = np.array([row.tables for row in rows])
    point_rows, weight_rows = tallies.gain(points, sides_rows, sizes), tallies.weights(points, sides_rows, sizes)
    share_rows_X = np.zeros((len(rows), len(runs)))
    for k, row in enumerate(rows):
        share_rows_X[k, row.run] = 1 / len(runs[row.run][1])

    seeds_of: dict[tuple[int, str], list[int]] = {}
    for k, row in enumerate(rows):
        seeds_of.setdefault((row.arm, row.language), []).append(k)
    sums = {key: np.zeros(len(found)) for key, found in seeds_of.items()}
    products = {key: np.zeros((len(found), len(found))) for key, found in seeds_of.items()}
    replicates_RX = np.zeros((resamples, len(runs)))
    ids = groups = 0
    for draw in draw_scores(tallies.tables, tallies.headline, resamples, seed):
        if draw.first == 0:
            ids, groups = ids + draw.ids, groups + 1
        column = {place: g for g, place in enumerate(draw.tables)}
        here = {k: n for n, k in enumerate(k for k, row in enumerate(rows) if row.tables[0] in column)}
        chosen = list(here)
        sides = np.array([[column[place] for place in rows[k].tables] for k in chosen])
        deviations = tallies.gain(draw.scores_RG, sides, sizes[chosen]) - point_rows[chosen]
        replicates_RX[draw.first : draw.first + len(deviations)] += deviations @ share_rows_X[chosen]
        for key, found in seeds_of.items():
            if mine := [n for n, k in enumerate(found) if k in here]:
                part = deviations[:, [here[found[n]] for n in mine]]
                sums[key][mine] += part.sum(axis=0)
                products[key][np.ix_(mine, mine)] += part.T @ part

    by_language = {}
    own_rows, least_rows = np.zeros(len(rows)), weight_rows**2 * _unseen_variance(sizes)
    for key, found in seeds_of.items():
        covariance_SS = (products[key] - np.outer(sums[key], sums[key]) / resamples) / (resamples - 1)
        own_rows[found] = np.diag(covariance_SS)
        own, least = float(own_rows[found].mean()), float(least_rows[found].mean())
        covariance_SS = np.full_like(covariance_SS, least) if own < _NOTHING * least else covariance_SS * max(1.0, least / own)
        by_language[key] = (point_rows[found], covariance_SS, float(sizes[found].max() - 1))
    covariance_XX = np.atleast_2d(np.cov(replicates_RX, rowvar=False))
    arm_X, arm_rows = np.array([a for a, _ in runs]), np.array([row.arm for row in rows])
    for a in range(len(arms)):
        mine_X, mine_rows = arm_X == a, arm_rows == a
        own, least = float(own_rows[mine_rows].mean()), float(least_rows[mine_rows].mean())
        if own < _NOTHING * least:
            unseen = _unseen_variance(np.array(ids))
            covariance_XX[np.ix_(mine_X, mine_X)] = weight_rows[mine_rows].mean() ** 2 * unseen
        elif own < least:
            covariance_XX[mine_X] *= math.sqrt(least / own)
            covariance_XX[:, mine_X] *= math.sqrt(least / own)
    return PairedEstimates(point_rows @ share_rows_X, covariance_XX, arm_X, float(ids - groups), by_language, over_seeds)


def _unseen_variance(sizes: NDArray[np.int64]) -> Values:
    """The variance of the mean of so many examples if the share of the rule of three differs, by one each."""
    share: Values = 1 - _UNSEEN ** (1 / sizes)
    return share / sizes
