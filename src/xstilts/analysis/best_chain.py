"""The best chain of each target, chosen honestly: on some languages and seeds, reported on the others.

The largest of many noisy gains is too large a number (the "+5.4" of Phang et al. 2020, abstract, is such a maximum). Here
languages and seeds are each cut in two halves. For each quarter the chain is chosen on the opposite quarter, which has neither
its languages nor its seeds, so that a lucky sentence or a lucky seed cannot choose itself. The four quarters together give
one gain. With one seed or one language only the other is cut; with one of both, no chain can be chosen honestly.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from xstilts.analysis.gains import Gain, is_counted
from xstilts.analysis.results import Cell, Results
from xstilts.analysis.scores import collect_tallies, find_metric
from xstilts.metrics.metric import Metric
from xstilts.metrics.rank_probability import draw_joint_scores, rank_probabilities
from xstilts.metrics.significance import Interval, gain_interval

T = TypeVar("T", int, str)
RESAMPLES = 2000
WORLD_RESAMPLES = 500  # for the covariance of the candidates' scores


@dataclass(frozen=True)
class BestChain:
    """`plain` is the gain of the chain that is best on the very scores reported. `probability` is the chance that it is the best
    of the candidates if seeds and examples are drawn anew for all of them at once (`metrics.rank_probability`). `nested` is the
    gain of chains chosen on the other halves (None if there is nothing to split); `chosen` counts in how many quarters (or
    halves) each chain was chosen."""

    encoder: str
    target: str
    candidates: tuple[str, ...]
    best: str
    probability: float
    plain: Interval
    nested: Interval | None
    chosen: Mapping[str, int]
    split: str
    keys: tuple[str, ...]


def halves(items: Sequence[T]) -> dict[T, int]:
    """Every second item, in sorted order, is in the other half. A single item has no half: -1."""
    if len(items) < 2:
        return dict.fromkeys(items, -1)
    return {item: rank % 2 for rank, item in enumerate(sorted(items))}


def find_best_chains(results: Results, gains: Sequence[Gain]) -> tuple[BestChain, ...]:
    """For each encoder and target with two or more chains that the answer counts."""
    found = []
    for encoder, target in dict.fromkeys((gain.encoder, gain.target) for gain in gains):
        own = [g for g in gains if (g.encoder, g.target) == (encoder, target) and is_counted(g) and g.interval is not None]
        metric = find_metric(results, target)
        if len(own) < 2 or metric is None:
            continue
        pairs = {gain.chain: gain.comparison for gain in own}
        seeds = sorted(set.intersection(*(set(pair.seeds) for pair in pairs.values())))
        codes = sorted(set.intersection(*(set(pair.transfer_languages) for pair in pairs.values())))
        if not seeds or not codes:
            continue
        treatment = {chain: dict(zip(pair.seeds, pair.treatment, strict=True)) for chain, pair in pairs.items()}
        control = {seed: cells[0] for pair in pairs.values() for seed, cells in zip(pair.seeds, pair.control, strict=True)}
        best = max(own, key=lambda gain: gain.interval.estimate if gain.interval else 0.0)
        assert best.interval is not None
        runs = [collect_tallies([cells[seed] for seed in seeds], codes) for cells in treatment.values()]
        chances = rank_probabilities(draw_joint_scores(runs, metric.headline, resamples=WORLD_RESAMPLES), 1)
        probability = chances[list(pairs).index(best.chain)]
        nested = _choose_nested(metric, treatment, control, seeds, codes)
        keys = tuple(dict.fromkeys(cell.key for side in (*treatment.values(), control) for cell in side.values()))
        found.append(BestChain(encoder, target, tuple(pairs), best.chain, probability, best.interval, *nested, keys))
    return tuple(found)


def _choose_nested(
    metric: Metric,
    treatment: Mapping[str, Mapping[int, Cell]],
    control: Mapping[int, Cell],
    seeds: Sequence[int],
    codes: Sequence[str],
) -> tuple[Interval | None, Mapping[str, int], str]:
    """The gain of the chains chosen on the opposite quarters, how often each was chosen, and what was split."""
    by = [name for name, items in (("languages", codes), ("seeds", seeds)) if len(items) > 1]
    if not by:
        return None, {}, ""
    language_half, seed_half = halves(codes), halves(seeds)

    def opposite(half: int, other: int) -> bool:
        return half == -1 or half != other

    choice: dict[tuple[int, int], str] = {}
    for place in dict.fromkeys((seed_half[seed], language_half[code]) for seed in seeds for code in codes):
        on = [(s, c) for s in seeds for c in codes if opposite(place[0], seed_half[s]) and opposite(place[1], language_half[c])]
        means = {chain: float(np.mean([cells[s].languages[c].headline for s, c in on])) for chain, cells in treatment.items()}
        choice[place] = max(means, key=lambda chain: means[chain])
    picked = [
        {code: treatment[choice[seed_half[seed], language_half[code]]][seed].languages[code] for code in codes} for seed in seeds
    ]
    tallies = [{code: (score.ids_N, score.counts_NC) for code, score in row.items()} for row in picked]
    controls = collect_tallies([control[seed] for seed in seeds], codes)
    interval = gain_interval(tallies, controls, metric.headline, resamples=RESAMPLES)
    return interval, Counter(choice.values()), " and ".join(by)
