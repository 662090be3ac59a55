"""How sure are we? Intervals for gains and scores over seeds and examples, for one comparison or a whole grid of them.

The estimand is macro: mean over seeds of the mean over languages of the headline value, or of its difference between a
treatment and a control that share seed, language and test examples. Ids are clusters: the same sentence in 15 languages is
not 15 independent sentences (`bootstrap`). Seeds enter through the spread of the per-seed values with S - 1 degrees of
freedom, examples through a bootstrap of the ids (`spread`). The percentiles of a bootstrap over seeds and ids, used here
before, gave 23 % false positives at 5 % with three seeds that differ; these intervals were chosen, and are tested, by
simulation (`tests/metrics/coverage.py`).

The interval speaks about *other seeds* and *other test examples of the same kind*, in these languages, with this recipe
and this training data. It cannot speak about other languages, encoders or tasks, nor about a winner that was picked for
being the winner. Seeds that share one intermediate checkpoint say nothing about intermediate training seeds. It takes the
per-seed values as roughly normal: one collapsed run in three makes it long, and an empty statement rather than a false one.

Legend: N ids of one language, C counts, R replicates, S seeds, A arms, X runs (all seeds of all arms), G sheets of a group.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xstilts.metrics.bootstrap import Headline, Ids, Sheet, Values, drawn, groups, same_ids, sheet
from xstilts.metrics.metric import Counts
from xstilts.metrics.spread import Spread, spread_of

Cells = Mapping[str, tuple[Ids, Counts]]  # language -> ids_N, counts_NC
Scale = Literal["points", "headroom", "logit"]

FEW_SEEDS = 6  # below this no sign-flip test over seeds can reach two-sided 0.05
_MOST_SEEDS = 22  # 2^21 signed sums: 16 MiB


@dataclass(frozen=True)
class Interval:
    """An interval at confidence `level`, on the 0-1 scale unless another was asked for, over `seeds` seeds.

    `p` is two-sided against 0, never 0, and None for a plain score; `note` says in words what the interval leaves out.
    """

    estimate: float
    low: float
    high: float
    level: float
    resamples: int
    p: float | None
    seeds: int
    note: str
    spread: Spread | None = None

    def tail_above(self, null: float) -> float:
        """The one-sided p of the claim that the true value is above `null`."""
        if self.spread is None:
            raise ValueError("this interval carries no spread; make it with gain_interval or score_interval")
        return self.spread.tail(self.estimate - null)


@dataclass(frozen=True)
class Gains:
    """One chain's gain over its languages, and each language's own."""

    overall: Interval
    languages: Mapping[str, Interval]


def gain_interval(
    treatment: Sequence[Cells],
    control: Sequence[Cells],
    headline: Headline,
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
    scale: Scale = "points",
) -> Interval:
    """The gain headline(treatment) - headline(control), averaged over languages, then over seeds, with its interval.

    Seeds are paired by position, examples by id. Languages and ids that only one side has are left out; `note` says so.
    With one seed on each side this is the paired bootstrap of two checkpoints (its standard error, with t quantiles).
    """
    found = gain_intervals({"": treatment}, control, headline, resamples=resamples, level=level, seed=seed, scale=scale)
    return found[""].overall


def gain_intervals(
    treatments: Mapping[str, Sequence[Cells]],
    control: Sequence[Cells],
    headline: Headline,
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
    scale: Scale = "points",
) -> dict[str, Gains]:
    """`gain_interval` of many chains over one control, and of each of their languages, from the same draws of examples.

    A chain's overall interval equals that of `gain_interval` where all chains were scored on the same ids.
    """
    table = _Table(headline, scale)
    arms = {name: _Arm(table, treatment, control) for name, treatment in treatments.items()}
    measured = _measure(table, list(arms.values()), resamples, level, seed)
    found = {}
    for a, (name, arm) in enumerate(arms.items()):
        bounded = scale == "points"
        overall = _interval(
            measured.spread([a], [1.0]), measured.points(a), level, resamples, arm.notes, bounds=(-1, 1) if bounded else None
        )
        languages = {}
        for code in sorted({code for run in arm.runs for code in run}):
            points_S, spread = measured.language(a, code)
            languages[code] = _interval(spread, points_S, level, resamples, [], bounds=(-1, 1) if bounded else None)
        found[name] = Gains(overall, languages)
    return found


def score_interval(
    scores: Sequence[Cells], headline: Headline, *, resamples: int = 2000, level: float = 0.95, seed: int = 0
) -> Interval:
    """A plain score, averaged over languages, then over seeds, with its interval; `p` is None."""
    table = _Table(headline, "points")
    measured = _measure(table, [_Arm(table, scores, None)], resamples, level, seed)
    return _interval(measured.spread([0], [1.0]), measured.points(0), level, resamples, [], bounds=(0, 1), tested=False)


def interaction_interval(
    first: tuple[Sequence[Cells], Sequence[Cells]],
    second: tuple[Sequence[Cells], Sequence[Cells]],
    headline: Headline,
    *,
    scale: Scale = "points",
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """How much larger the first gain (treatment, control) is than the second, for example of a Base and a Large encoder.

    Seeds are paired within a gain, not between the two; ids are shared by all four. Languages that one gain lacks are left
    out. `headroom` divides each language's gain by what its control left to gain; `logit` takes differences of log-odds: a
    model near the ceiling cannot gain many points, so an interaction should hold on more than one scale.
    """
    shared = set.intersection(*(set(cells) for pair in (first, second) for side in pair for cells in side))
    dropped = set().union(*(set(cells) for pair in (first, second) for side in pair for cells in side)) - shared
    table = _Table(headline, scale)
    arms = [
        _Arm(table, *([{code: cells[code] for code in shared} for cells in side] for side in pair)) for pair in (first, second)
    ]
    measured = _measure(table, arms, resamples, level, seed)
    notes = [f"left out, not in all: {', '.join(sorted(dropped))}"] if dropped else []
    notes += [note for arm in arms for note in arm.notes]
    estimate = float(measured.points(0).mean() - measured.points(1).mean())
    seeds = min(len(arm.runs) for arm in arms)
    spread = measured.spread([0, 1], [1.0, -1.0])
    return _interval(spread, np.full(seeds, estimate), level, resamples, notes, bounds=(-2, 2) if scale == "points" else None)


def paired_sign(deltas: Sequence[float]) -> float:
    """Two-sided p of the exact sign-flip permutation test that per-seed differences are symmetric around 0.

    The smallest p that S seeds can give is 2 / 2^S: 0.25 for three, 0.031 for six. 22 seeds at most.
    """
    values = np.asarray(deltas, dtype=np.float64)
    if values.ndim != 1 or not 1 <= len(values) <= _MOST_SEEDS:
        raise ValueError(f"expected 1 to {_MOST_SEEDS} differences, one a seed, found shape {values.shape}")
    sums = values[:1]  # flipping all signs mirrors every sum, so the first sign stays
    for value in values[1:]:
        sums = np.concatenate([sums + value, sums - value])
    slack = 1e-12 * np.abs(values).sum()
    return float(np.mean(np.abs(sums) >= abs(values.sum()) - slack))


class _Table:
    """The sheets of one analysis and the gain of a treatment's scores over a control's, on the scale asked for."""

    def __init__(self, headline: Headline, scale: Scale) -> None:
        self.headline, self.scale = headline, scale
        self.sheets: list[Sheet] = []
        self._place: dict[int, int] = {}
        self._from: dict[tuple[int, str], Sheet] = {}

    def read(self, cells: Cells, language: str) -> Sheet:
        """A control's cells are read once, however many chains are compared with it."""
        key = (id(cells), language)
        if key not in self._from:
            self._from[key] = sheet(language, *cells[language])
        return self._from[key]

    def place(self, one: Sheet) -> int:
        if id(one) not in self._place:
            self._place[id(one)] = len(self.sheets)
            self.sheets.append(one)
        return self._place[id(one)]

    def gain(self, treated: Values, controlled: Values, sizes: NDArray[np.int64]) -> Values:
        """Scores (..., G) of both sides, with the number of examples of each."""
        if self.scale == "headroom":
            return (treated - controlled) / np.maximum(1 - controlled, 1 / sizes)
        if self.scale == "logit":
            odds = [(sizes * score + 0.5) / (sizes * (1 - score) + 0.5) for score in (treated, controlled)]
            gains: Values = np.log(odds[0] / odds[1])
            return gains
        return treated - controlled


class _Arm:
    """Treatment and control, or one side alone, as places in the table: for each seed, language -> one or two sheets."""

    def __init__(self, table: _Table, treatment: Sequence[Cells], control: Sequence[Cells] | None) -> None:
        if control is not None and len(treatment) != len(control):
            raise ValueError(f"seeds are paired by position: found {len(treatment)} of treatment, {len(control)} of control")
        self.runs: list[dict[str, tuple[int, ...]]] = []
        apart: set[str] = set()
        dropped = 0
        for s, treated in enumerate(treatment):
            run: dict[str, tuple[int, ...]] = {}
            controlled = control[s] if control is not None else None
            for code in sorted(treated if controlled is None else set(treated) & set(controlled)):
                sides = [table.read(cells, code) for cells in (treated, controlled) if cells is not None]
                if len(sides) == 2 and not same_ids(sides[0].ids_N, sides[1].ids_N):
                    before = sum(len(side.ids_N) for side in sides)
                    sides = _intersected(*sides)
                    dropped += before - 2 * len(sides[0].ids_N)
                if len(sides[0].ids_N):
                    run[code] = tuple(table.place(side) for side in sides)
            apart |= set(treated) ^ set(controlled) if controlled is not None else set()
            self.runs.append(run)
        if not self.runs or not all(self.runs):
            raise ValueError("expected, for each of one or more seeds, a language with at least one example (on both sides)")
        self.notes = [f"left out, on one side only: {', '.join(sorted(apart))}"] if apart else []
        if dropped:
            self.notes.append(f"paired by id on the intersection: {dropped} rows on one side only were left out")


def _intersected(one: Sheet, other: Sheet) -> list[Sheet]:
    for side in (one, other):
        groups([side])  # refuses ids that repeat
    shared_N, rows, other_rows = np.intersect1d(one.ids_N, other.ids_N, assume_unique=True, return_indices=True)
    if len(shared_N) == len(one.ids_N) == len(other.ids_N):
        return [one, Sheet(other.language, one.ids_N, other.counts_NC[other_rows[np.argsort(rows)]])]
    return [Sheet(one.language, shared_N, one.counts_NC[rows]), Sheet(other.language, shared_N, other.counts_NC[other_rows])]


@dataclass(frozen=True)
class _Measured:
    """Points and covariances of all runs, and of the runs of each arm on each language."""

    points_X: Values
    covariance_XX: Values
    arm_X: NDArray[np.int64]
    degrees: float
    by_language: Mapping[tuple[int, str], tuple[Values, Values, float]]

    def points(self, arm: int) -> Values:
        return self.points_X[self.arm_X == arm]

    def spread(self, arms: Sequence[int], weights: Sequence[float]) -> Spread:
        chosen = np.concatenate([np.flatnonzero(self.arm_X == arm) for arm in arms])
        return spread_of(
            [self.points(arm) for arm in arms], self.covariance_XX[np.ix_(chosen, chosen)], self.degrees, weights
        )

    def language(self, arm: int, code: str) -> tuple[Values, Spread]:
        points_S, covariance_SS, degrees = self.by_language[arm, code]
        return points_S, spread_of([points_S], covariance_SS, degrees)


def _measure(table: _Table, arms: Sequence[_Arm], resamples: int, level: float, seed: int) -> _Measured:
    if resamples < 2 or not 0 < level < 1:
        raise ValueError(f"expected resamples >= 2 and 0 < level < 1, found {resamples} and {level}")
    sheets, headline = table.sheets, table.headline
    rows = [
        (a, code, x, sides)
        for x, (a, run) in enumerate((a, run) for a, arm in enumerate(arms) for run in arm.runs)
        for code, sides in run.items()
    ]
    arm_X = np.repeat(np.arange(len(arms)), [len(arm.runs) for arm in arms])
    languages_X = np.bincount([x for _, _, x, _ in rows])
    point_sheets = np.array([float(headline(one.counts_NC.sum(axis=0))) for one in sheets])
    size_sheets = np.array([len(one.ids_N) for one in sheets])

    def gains(scores: Values, sides: NDArray[np.int64], sizes: NDArray[np.int64]) -> Values:
        return scores[..., sides[:, 0]] if sides.shape[1] == 1 else table.gain(scores[..., sides[:, 0]], scores[..., sides[:, 1]], sizes)

    sides_all = np.array([sides for *_, sides in rows])
    point_rows = gains(point_sheets, sides_all, size_sheets[sides_all[:, 0]])
    points_X = np.bincount([x for _, _, x, _ in rows], point_rows) / languages_X

    replicates_RX = np.zeros((resamples, len(arm_X)))
    cells: dict[tuple[int, str], list[int]] = {}
    for row, (a, code, _, _) in enumerate(rows):
        cells.setdefault((a, code), []).append(row)
    moments = {key: (np.zeros(len(found)), np.zeros((len(found), len(found)))) for key, found in cells.items()}
    for draw in drawn(sheets, headline, resamples, seed):
        column = {g: k for k, g in enumerate(draw.sheets)}
        here = [row for row, (*_, sides) in enumerate(rows) if sides[0] in column]
        sides = np.array([[column[g] for g in rows[row][3]] for row in here])
        # Equal sums added in another order differ in the last bit: rounding lets them tie.
        deviations = np.round(gains(draw.scores_RG, sides, size_sheets[sides_all[here, 0]]) - point_rows[here], 12)
        share = np.zeros((len(here), len(arm_X)))
        share[np.arange(len(here)), [rows[row][2] for row in here]] = 1
        replicates_RX[draw.first : draw.first + len(deviations)] += deviations @ (share / languages_X)
        at = {row: k for k, row in enumerate(here)}
        for key, found in cells.items():
            if mine := [k for k, row in enumerate(found) if row in at]:
                part = deviations[:, [at[found[k]] for k in mine]]
                total, product = moments[key]
                total[mine] += part.sum(axis=0)
                product[np.ix_(mine, mine)] += part.T @ part
    covariance_XX = np.atleast_2d(np.cov(replicates_RX, rowvar=False))
    by_language = {}
    for key, found in cells.items():
        total, product = moments[key]
        covariance_SS = (product - np.outer(total, total) / resamples) / (resamples - 1)
        by_language[key] = (point_rows[found], covariance_SS, float(size_sheets[sides_all[found, 0]].max() - 1))
    degrees = sum(len(ids_U) - 1 for _, ids_U, _ in groups(sheets))
    return _Measured(points_X, covariance_XX, arm_X, float(degrees), by_language)


def _interval(
    spread: Spread,
    points_S: Values,
    level: float,
    resamples: int,
    notes: Sequence[str],
    *,
    bounds: tuple[float, float] | None,
    tested: bool = True,
) -> Interval:
    estimate, seeds = float(points_S.mean()), len(points_S)
    half = spread.critical((1 - level) / 2) * spread.standard_error
    low, high = (estimate - half, estimate + half) if bounds is None else np.clip([estimate - half, estimate + half], *bounds)
    if seeds == 1:
        notes = [*notes, "one seed: only examples are drawn anew, seed variation is not covered"]
    elif seeds < FEW_SEEDS:
        notes = [*notes, f"exploratory: {seeds} seeds, fewer than {FEW_SEEDS}"]
    p = None
    if tested:
        p = min(1.0, 2 * spread.tail(abs(estimate)))
        if not spread.standard_error and estimate:
            p = 2 / (resamples + 1)  # nothing varies: as a bootstrap has it in which every replicate agrees
    return Interval(estimate, float(low), float(high), level, resamples, p, seeds, "; ".join(notes), spread)
