"""Effective robustness: whether a chain keeps more under attack than its clean score explains (Taori et al. 2020).

Models with higher clean scores mostly have higher attacked scores too. So for each target and condition a line is drawn through
the direct checkpoints (no chain) of all encoders, seeds and languages: log-odds of the attacked score by those of the clean one.
The residual of a checkpoint is how far it lies above the line; a chain's is its mean over seeds and the languages other than
English. Less the residual of no chain with the same encoder and seed, it says how much of the change under attack the clean
change does not explain.

Intervals are over seeds, which are paired by number, and take the line as known. The points of one checkpoint in several
languages are not independent, so no test of the slope is given.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.results import LanguageScore, Results
from xstilts.analysis.robustness import Pair, find_pairs, was_edited
from xstilts.analysis.scores import ENGLISH, NO_CHAIN
from xstilts.metrics.significance import FEWEST_SEEDS, LEVEL, Interval, two_sided_p
from xstilts.metrics.variance_components import VarianceComponents

FEWEST_POINTS = 6
LEAST_SPAN = 0.2  # log-odds between the least and the greatest clean score: 5 points in the middle
UNTOLD = "Whether an attacked score is more than the clean score explains cannot be told"
MANY = 1e9  # degrees of freedom of a variance that is none


@dataclass(frozen=True)
class RobustnessLine:
    """The line of one target and condition in log-odds, through `points` scores; `missing` says why there is none."""

    target: str
    condition: str
    points: int
    slope: float = math.nan
    intercept: float = math.nan
    missing: str = ""

    def expect(self, odds: float) -> float:
        """The log-odds of the attacked score that a clean score lets expect."""
        return self.intercept + self.slope * odds


@dataclass(frozen=True)
class Residual:
    """One chain against the line: `mean` of its residuals, `by_seed`, in log-odds. `expected` and `attacked` are mean scores
    (0-1): the line's and the chain's. `over_none`: the mean of the differences to no chain. Intervals need three seeds."""

    encoder: str
    chain: str
    line: RobustnessLine
    expected: float
    attacked: float
    mean: float
    by_seed: tuple[tuple[int, float], ...]
    interval: Interval | None
    over_none: float | None = None
    over_interval: Interval | None = None

    @property
    def verdict(self) -> str:
        """Of the difference to no chain, uncorrected."""
        if self.over_none is None:
            return ""
        if self.over_interval is None:
            return "few seeds"
        low, high = self.over_interval.low, self.over_interval.high
        return "more than explained" if low > 0 else "less than explained" if high < 0 else "not clear"


def fit_lines(results: Results) -> tuple[RobustnessLine, ...]:
    """A line, or the reason why there is none, for each condition and target that has scores with no chain."""
    lines = []
    other = {one.name for one in results.conditions if one.goal == "ablation" or one.stands_alone}  # no robustness
    for condition in (name for name in results.attacked if name not in other):
        pairs = find_pairs(results, condition)
        for info in results.targets:
            direct = [
                pair
                for (_, chain, target), by_seed in pairs.items()
                if (chain, target) == (NO_CHAIN, info.name)
                for pair in by_seed.values()
            ]
            points = [point for pair in direct for code, point in _read(pair).items()]
            if points:
                lines.append(_fit(info.name, condition, points))
    return tuple(lines)


def compute_residuals(results: Results, lines: Sequence[RobustnessLine]) -> tuple[Residual, ...]:
    """Every chain, no chain and controls included, in the order of the study."""
    found = []
    for line in lines:
        if line.missing:
            continue
        pairs = find_pairs(results, line.condition)
        for encoder in results.encoders:
            none = _residuals(line, pairs.get((encoder, NO_CHAIN, line.target), {}))
            for chain in results.chains:
                own = pairs.get((encoder, chain.name, line.target), {})
                if by_seed := _residuals(line, own):
                    found.append(_summarise(encoder, chain.name, line, own, by_seed, none))
    return tuple(found)


def _read(pair: Pair) -> dict[str, tuple[float, float]]:
    """Language -> log-odds of the clean and of the attacked score, where anything was edited."""
    clean, attacked = pair
    return {
        code: (_odds(clean.languages[code]), _odds(score))
        for code, score in attacked.languages.items()
        if was_edited(score) and code in clean.languages
    }


def _odds(score: LanguageScore) -> float:
    """Log-odds with half an example on either side, so that none is infinite."""
    n = len(score.ids_N)
    return math.log((n * score.headline + 0.5) / (n * (1 - score.headline) + 0.5))


def _fit(target: str, condition: str, points: Sequence[tuple[float, float]]) -> RobustnessLine:
    clean, attacked = np.array(points).T
    if len(points) < FEWEST_POINTS:
        missing = f"{fmt.count(len(points), 'score')} with no chain, {FEWEST_POINTS} are needed"
        return RobustnessLine(target, condition, len(points), missing=missing)
    if clean.max() - clean.min() < LEAST_SPAN:
        return RobustnessLine(target, condition, len(points), missing="the clean scores with no chain are nearly the same")
    slope, intercept = np.polyfit(clean, attacked, 1)
    return RobustnessLine(target, condition, len(points), float(slope), float(intercept))


def _read_others(pair: Pair) -> dict[str, tuple[float, float]]:
    """`_read` of the languages other than English (English, if it is alone)."""
    points = _read(pair)
    return {code: point for code, point in points.items() if code != ENGLISH} or points


def _residuals(line: RobustnessLine, own: Mapping[int, Pair]) -> dict[int, float]:
    """Seed -> the mean over languages."""
    points = {seed: _read_others(pair).values() for seed, pair in sorted(own.items())}
    return {seed: float(np.mean([y - line.expect(x) for x, y in found])) for seed, found in points.items() if found}


def _summarise(
    encoder: str,
    chain: str,
    line: RobustnessLine,
    own: Mapping[int, Pair],
    by_seed: Mapping[int, float],
    none: Mapping[int, float],
) -> Residual:
    points = [(x, own[seed][1].languages[code].headline) for seed in by_seed for code, (x, _) in _read_others(own[seed]).items()]
    expected = float(np.mean([1 / (1 + math.exp(-line.expect(x))) for x, _ in points]))
    attacked = float(np.mean([value for _, value in points]))
    values = list(by_seed.values())
    mean = float(np.mean(values))
    differences = [value - none[seed] for seed, value in by_seed.items() if seed in none] if chain != NO_CHAIN else []
    over = float(np.mean(differences)) if differences else None
    place = (encoder, chain, line, expected, attacked, mean, tuple(by_seed.items()))
    return Residual(*place, _interval(values), over, _interval(differences))


def _interval(values: Sequence[float]) -> Interval | None:
    """The interval of a mean over seeds, in log-odds; None for fewer than three."""
    seeds = len(values)
    if seeds < FEWEST_SEEDS:
        return None
    spread = VarianceComponents(float(np.var(values, ddof=1)) / seeds, seeds - 1, 0.0, MANY)
    mean = float(np.mean(values))
    half = spread.critical_value((1 - LEVEL) / 2) * spread.standard_error
    return Interval(mean, mean - half, mean + half, LEVEL, 0, two_sided_p(mean, spread), seeds, "over seeds", spread)


def describe_effective(results: Results, lines: Sequence[RobustnessLine], residuals: Sequence[Residual]) -> str:
    """What the answer says: whether what chains keep under attack is more than their clean scores explain; "" without attacks."""
    controls = {info.name for info in results.chains if info.control}
    compared = [one for one in residuals if one.over_none is not None and one.chain not in controls]
    if not compared:
        reasons = dict.fromkeys(line.missing for line in lines if line.missing)
        if not reasons:
            return ""
        return f"{UNTOLD}: {fmt.listed(reasons, 2)}."
    told = [one for one in compared if one.verdict != "few seeds"]
    if not told:
        return f"{UNTOLD} with fewer than {FEWEST_SEEDS} seeds."
    said = []
    for verdict, words in (("more than explained", "more"), ("less than explained", "less")):
        own = [f"{one.chain} → {one.line.target} ({one.line.condition})" for one in told if one.verdict == verdict]
        if own:
            said.append(f"{words} for {len(own)} ({fmt.listed(own, 3)})")
    found = " and ".join(said) or "neither more nor less, clearly, for any"
    return (
        f"Against what clean scores explain, an attacked score changes {found} of {fmt.count(len(told), 'comparison')} with no "
        "chain (effective robustness, uncorrected)."
    )
