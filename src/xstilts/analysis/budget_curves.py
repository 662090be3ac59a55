"""Budget curves: the score against the strength of an attack, and the area under it.

Conditions of one attack that differ in their budget alone form a curve, and so do those that differ in the number of variants
alone. It begins at the clean score, with a strength of 0. The area is that below straight lines between its points (the trapezium
rule), divided by the largest strength: a mean score. A higher clean score lifts the whole curve, so the difference in area stands
beside that of the drop (attacked less clean), which is the gain in robustness averaged over strengths.

Both are weighted sums of scores. The tallies of all conditions stand side by side in one table, so that each draw of examples
gives a whole curve; seeds are paired by number and examples by id, as for gains.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np

from xstilts.analysis.comparison import Comparison, measure_gains, pair_cells
from xstilts.analysis.gains import CHAIN_RESAMPLES
from xstilts.analysis.results import Cell, ConditionInfo, LanguageScore, Results, TargetInfo
from xstilts.analysis.robustness import OTHERS, Pair, find_pairs, was_edited
from xstilts.analysis.scores import ENGLISH, NO_CHAIN, find_metric, find_shared_languages
from xstilts.metrics.bootstrap import Headline
from xstilts.metrics.metric import Counts, Metric
from xstilts.metrics.significance import Interval

Varied = Literal["budget", "count"]


@dataclass(frozen=True)
class Ladder:
    """Conditions that differ in one thing alone, from weak to strong. `fixed`: what they share, in words; `unit`: what a strength
    counts."""

    attack: str
    varied: Varied
    fixed: str
    unit: str
    conditions: tuple[str, ...]
    strengths: tuple[float, ...]

    @property
    def title(self) -> str:
        return ", ".join(filter(None, [self.attack, self.fixed]))

    @property
    def weights(self) -> tuple[float, ...]:
        """What the clean score and each condition's count in the area; they add up to 1."""
        widths = [b - a for a, b in pairwise((0.0, *self.strengths))]
        return tuple((a + b) / 2 / self.strengths[-1] for a, b in pairwise((0.0, *widths, 0.0)))


@dataclass(frozen=True)
class BudgetCurve:
    """One chain on one target and language: mean scores over `seeds` (0-1), the clean one first, and the area below them.
    `language` is a code, or "others" for the mean over those other than English. `gain`: the area less that of no chain;
    `robustness`: the same without the difference in clean score. `keys`: the score artefacts."""

    encoder: str
    chain: str
    target: str
    ladder: Ladder
    language: str
    seeds: tuple[int, ...]
    scores: tuple[float, ...]
    area: float
    keys: tuple[str, ...]
    gain: Interval | None = None
    robustness: Interval | None = None


def find_ladders(conditions: Sequence[ConditionInfo]) -> list[Ladder]:
    """Those of two conditions or more, in the order of the study."""
    found: dict[tuple[str, int, Varied, float], dict[float, ConditionInfo]] = {}
    for one in (one for one in conditions if not one.stands_alone):
        found.setdefault((one.attack, one.seed, "budget", one.count), {}).setdefault(one.budget, one)
        found.setdefault((one.attack, one.seed, "count", one.budget), {}).setdefault(one.count, one)
    ladders = []
    for (attack, seed, varied, rest), steps in found.items():
        if len(steps) > 1:
            own = [steps[strength] for strength in sorted(steps)]
            shared = [f"count {rest:g}" if rest > 1 else ""] if varied == "budget" else [f"budget {rest:g}"]
            fixed = ", ".join(filter(None, [*shared, f"seed {seed}" if seed else ""]))
            unit = own[0].unit if varied == "budget" else "variants of each example"
            ladders.append(Ladder(attack, varied, fixed, unit, tuple(one.name for one in own), tuple(map(float, sorted(steps)))))
    return ladders


def compute_budget_curves(results: Results, resamples: int = 0) -> tuple[BudgetCurve, ...]:
    """A curve for each ladder, encoder, target and chain: for the mean of the languages other than English, then for each
    language in which anything was edited. None in a study without a ladder."""
    curves: list[BudgetCurve] = []
    for ladder in find_ladders(results.conditions):
        pairs = [find_pairs(results, condition) for condition in ladder.conditions]
        for encoder in results.encoders:
            for info in results.targets:
                metric = find_metric(results, info.name)
                chains = {
                    chain.name: joined
                    for chain in results.chains
                    if (joined := _join_seeds([found.get((encoder, chain.name, info.name), {}) for found in pairs]))
                }
                if metric is not None:
                    curves += _draw(encoder, info, ladder, metric, chains, resamples)
    return tuple(curves)


def _join_seeds(conditions: Sequence[Mapping[int, Pair]]) -> dict[int, Cell]:
    """Seed -> the cell with the tallies of clean and of all conditions side by side, in the languages in which any condition
    edited anything; only seeds that all conditions have."""
    found = {}
    for seed in sorted(set.intersection(*(set(own) for own in conditions))):
        cells = [conditions[0][seed][0], *(own[seed][1] for own in conditions)]
        languages = {}
        for code in set.intersection(*(set(cell.languages) for cell in cells)):
            scores = [cell.languages[code] for cell in cells]
            if any(map(was_edited, scores)):
                counts_NC = np.concatenate([score.counts_NC for score in scores], axis=1)
                languages[code] = LanguageScore({}, 0.0, scores[0].ids_N, counts_NC)
        if languages:
            found[seed] = replace(cells[0], languages=languages, key=" ".join(cell.key for cell in cells))
    return found


def _weigh(metric: Metric, weights: Sequence[float]) -> Headline:
    """The weighted sum of the scores whose tallies stand side by side."""

    def weigh(sums: Counts) -> Counts:
        parts = np.split(sums, len(weights), axis=-1)
        total: Counts = sum(weight * metric.headline(part) for weight, part in zip(weights, parts, strict=True))  # type: ignore[assignment]
        return total

    return weigh


def _draw(
    encoder: str, info: TargetInfo, ladder: Ladder, metric: Metric, chains: Mapping[str, Mapping[int, Cell]], resamples: int
) -> list[BudgetCurve]:
    none = chains.get(NO_CHAIN, {})
    compared = {name: one for name, own in chains.items() if name != NO_CHAIN and (one := pair_cells(info, own, none)).languages}
    clean, *rest = ladder.weights
    gains = _measure(compared, _weigh(metric, ladder.weights), resamples)
    drops = _measure(compared, _weigh(metric, (clean - 1, *rest)), resamples)
    curves = []
    for name, own in chains.items():
        codes = find_shared_languages(own.values())
        scores = {code: _score(metric, len(ladder.weights), own, [code]) for code in codes}
        if others := [code for code in codes if code != ENGLISH]:
            scores = {OTHERS: _score(metric, len(ladder.weights), own, others), **scores}
        keys = tuple(dict.fromkeys(key for cell in own.values() for key in cell.key.split()))
        for language, points in scores.items():
            area = float(np.dot(ladder.weights, points))
            found = (gains.get((name, language)), drops.get((name, language)))
            curves.append(BudgetCurve(encoder, name, info.name, ladder, language, tuple(own), points, area, keys, *found))
    return curves


def _score(metric: Metric, conditions: int, own: Mapping[int, Cell], codes: Sequence[str]) -> tuple[float, ...]:
    """The mean score over seeds and languages, clean and under each condition."""
    parts = [np.split(cell.languages[code].counts_NC.sum(0), conditions) for cell in own.values() for code in codes]
    return tuple(float(x) for x in np.mean([[metric.headline(part) for part in sums] for sums in parts], axis=0))


def _measure(compared: Mapping[str, Comparison], headline: Headline, resamples: int) -> dict[tuple[str, str], Interval]:
    """(chain, language) -> the difference to no chain."""
    asked = [(name, codes) for name, one in compared.items() for codes in (one.transfer_languages, one.english) if codes]
    if not asked:
        return {}
    measured = measure_gains([(compared[name], codes) for name, codes in asked], headline, resamples or CHAIN_RESAMPLES)
    found: dict[tuple[str, str], Interval] = {}
    for (name, codes), gains in zip(asked, measured, strict=True):
        found |= {(name, code): interval for code, interval in gains.languages.items()}
        found |= {(name, OTHERS): gains.overall} if ENGLISH not in codes else {}
    return found
