"""Intervals for gains and scores, over seeds and examples, for one comparison or a whole grid of them.

The estimand is macro: the mean over seeds of the mean over languages of the headline value, or of its difference between a
treatment and a control that share seed, language and test examples. Ids are clusters: the same sentence in 15 languages is not
15 independent sentences (`bootstrap.py`). Seeds enter through the spread of the per-seed values with S - 1 degrees of freedom,
examples through a bootstrap of the ids (`variance_components.py`). Surprising: the usual percentiles of a bootstrap over seeds
and ids are not used. With three seeds that differ they gave 23 % false positives at 5 %. The intervals were chosen by
simulation, which also tests them (`tests/metrics/coverage.py`).

The interval is about *other seeds* and *other test examples of the same kind*, in these languages, with this recipe and this
training data. It is not about other languages, encoders or tasks, nor about a winner that was selected for being the winner.
Seeds that share one intermediate checkpoint say nothing about other seeds of the intermediate training. The interval assumes
that the per-seed values are roughly normal; a collapsed run among them makes it long.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xstilts.metrics.bootstrap import Headline
from xstilts.metrics.paired import LanguageTallies, PairedEstimates, PairedRuns, PairedTallies, Scale, measure
from xstilts.metrics.variance_components import VarianceComponents

Sides = tuple[Sequence[LanguageTallies], Sequence[LanguageTallies]]  # treatment and control, by seed
LEVEL = 0.95  # of every interval
FEWEST_SEEDS = 3  # with fewer nothing is called: intervals and corrections were tested for three and more
ENOUGH_SEEDS = 6  # with fewer, no sign-flip test over seeds can reach two-sided 0.05


@dataclass(frozen=True)
class Interval:
    """An interval at confidence LEVEL, on the 0-1 scale unless another was asked for, over `seeds` seeds.

    `p` is two-sided against 0, never 0, and None for a plain score. `note` says in words what the interval leaves out. `spread`
    has the parts of the variance that come from seeds and from examples."""

    estimate: float
    low: float
    high: float
    level: float
    resamples: int
    p: float | None
    seeds: int
    note: str
    spread: VarianceComponents | None = None

    def tail_above(self, null: float) -> float:
        """The one-sided p of the claim that the true value is above `null`."""
        if self.spread is None:
            raise ValueError("this interval carries no spread; make it with gain_interval or score_interval")
        return self.spread.tail(self.estimate - null)


@dataclass(frozen=True)
class Gains:
    """One chain's gain over its languages, and the gain in each language."""

    overall: Interval
    languages: Mapping[str, Interval]


def gain_interval(
    treatment: Sequence[LanguageTallies],
    control: Sequence[LanguageTallies],
    headline: Headline,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """The gain headline(treatment) - headline(control), averaged over languages, then over seeds, with its interval.

    Seeds are paired by position, examples by id. Languages and ids that only one side has are left out, and `note` says so.
    With one seed on each side the interval is about these very runs: it is the paired bootstrap of two checkpoints (its
    standard error, with t quantiles)."""
    (found,) = overall_gains([(treatment, control)], headline, resamples=resamples, seed=seed)
    return found


def overall_gains(pairs: Sequence[Sides], headline: Headline, *, resamples: int = 2000, seed: int = 0) -> list[Interval]:
    """`gain_interval` of many pairs (treatment, control) from the same draws of examples."""
    return [_overall(*one, resamples) for one in _measure_pairs(pairs, headline, resamples, seed)]


def gain_intervals(pairs: Sequence[Sides], headline: Headline, *, resamples: int = 2000) -> list[Gains]:
    """`gain_interval` of many pairs (treatment, control), and of each of their languages, from the same draws of examples.

    The overall interval of a pair equals that of `gain_interval` if all pairs were scored on the same ids."""
    found = []
    for measured, a, arm in _measure_pairs(pairs, headline, resamples, 0):
        languages = {}
        for code in sorted({code for run in arm.runs for code in run}):
            points_S, spread = measured.language(a, code)
            languages[code] = _interval(float(points_S.mean()), len(points_S), spread, resamples, [], (-1.0, 1.0))
        found.append(Gains(_overall(measured, a, arm, resamples), languages))
    return found


def _measure_pairs(
    pairs: Sequence[Sides], headline: Headline, resamples: int, seed: int
) -> list[tuple[PairedEstimates, int, PairedRuns]]:
    """Everything that was measured, and for each pair its number in it and its runs."""
    tallies = PairedTallies(headline, "points")
    arms = [PairedRuns(tallies, treatment, control) for treatment, control in pairs]
    measured = measure(tallies, arms, resamples, seed)
    return [(measured, a, arm) for a, arm in enumerate(arms)]


def _overall(measured: PairedEstimates, a: int, arm: PairedRuns, resamples: int) -> Interval:
    points_S, spread = measured.points(a), measured.spread([a], [1.0])
    return _interval(float(points_S.mean()), len(points_S), spread, resamples, arm.notes, (-1.0, 1.0))


def two_sided_p(estimate: float, spread: VarianceComponents) -> float:
    """p of no gain. It is at most 0.05 exactly where the interval at LEVEL excludes 0."""
    return min(1.0, 2 * spread.tail(abs(estimate)))


def score_interval(
    scores: Sequence[LanguageTallies], headline: Headline, *, resamples: int = 2000, over_seeds: bool = True
) -> Interval:
    """A plain score, averaged over languages, then over seeds, with its interval. `p` is None. Without `over_seeds` the interval
    is about the mean of these very runs."""
    tallies = PairedTallies(headline, "points")
    measured = measure(tallies, [PairedRuns(tallies, scores, None)], resamples, 0, over_seeds=over_seeds)
    estimate, spread = float(measured.points(0).mean()), measured.spread([0], [1.0])
    return _interval(estimate, len(scores), spread, resamples, [], (0, 1), over_seeds=over_seeds, tested=False)


def interaction_interval(
    first: Sides, second: Sides, headline: Headline, *, scale: Scale = "points", resamples: int = 2000, seed: int = 0
) -> Interval:
    """How much larger the first gain (treatment, control) is than the second, for example of a Base and a Large encoder.

    Seeds are paired within a gain, not between the two. All four share the ids. Languages that one gain lacks are left out.
    `headroom` divides the gain in each language by what its control left to gain; `logit` takes differences of log-odds. A
    model near the ceiling cannot gain many points, so an interaction should hold on more than one scale."""
    shared = set.intersection(*(set(cells) for pair in (first, second) for side in pair for cells in side))
    dropped = set().union(*(set(cells) for pair in (first, second) for side in pair for cells in side)) - shared
    tallies = PairedTallies(headline, scale)
    arms = [
        PairedRuns(tallies, *([{code: cells[code] for code in shared} for cells in side] for side in pair))
        for pair in (first, second)
    ]
    measured = measure(tallies, arms, resamples, seed)
    notes = [f"left out, not in all: {', '.join(sorted(dropped))}"] if dropped else []
    notes += [note for arm in arms for note in arm.notes]
    estimate = float(measured.points(0).mean() - measured.points(1).mean())
    spread = measured.spread([0, 1], [1.0, -1.0])
    bounds = (-2, 2) if scale == "points" else (-math.inf, math.inf)
    return _interval(estimate, min(len(arm.runs) for arm in arms), spread, resamples, notes, bounds)


def _interval(
    estimate: float,
    seeds: int,
    spread: VarianceComponents,
    resamples: int,
    notes: Sequence[str],
    bounds: tuple[float, float],
    *,
    over_seeds: bool = True,
    tested: bool = True,
) -> Interval:
    half = spread.critical_value((1 - LEVEL) / 2) * spread.standard_error
    low, high = max(estimate - half, bounds[0]), min(estimate + half, bounds[1])
    if seeds == 1 or not over_seeds:
        runs = "one seed" if seeds == 1 else f"these {seeds} runs"
        notes = [*notes, f"{runs}: only examples are drawn anew, seed variation is not covered"]
    elif seeds < ENOUGH_SEEDS:
        notes = [*notes, f"exploratory: {seeds} seeds, fewer than {ENOUGH_SEEDS}"]
    p = two_sided_p(estimate, spread) if tested else None
    return Interval(estimate, low, high, LEVEL, resamples, p, seeds, "; ".join(notes), spread)
