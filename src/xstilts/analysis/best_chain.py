"""The best chain of each target, chosen honestly: on some languages and seeds, reported on the others.

The largest of many noisy gains is too large a number (the "+5.4" of Phang et al. 2020, abstract, is such a maximum). Here
languages and seeds are each cut in two halves. For each quarter the chain is chosen on the opposite quarter, with which it
shares neither languages nor seeds, so that a lucky sentence or a lucky seed cannot choose itself; the quarters together give
one gain. With one seed or one language only the other is cut; with one of both nothing can be chosen honestly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.analysis.breakdown import counted
from xstilts.analysis.gains import LEVEL, Gain, paired
from xstilts.analysis.results import Cell, Results
from xstilts.analysis.scores import ENGLISH, NO_CHAIN, arm, group_cells, metric_of
from xstilts.metrics.rank_probability import draw_joint_scores, rank_probabilities
from xstilts.metrics.significance import Interval, gain_interval

RESAMPLES = 2000
WORLD_RESAMPLES = 500  # for the covariance of the candidates' scores


@dataclass(frozen=True)
class Best:
    """`plain` is the gain of the chain that is best on the very scores reported, `probability` the chance that it is the best of
    the candidates when seeds and examples are drawn anew for all of them at once (`metrics.ranks`); `nested` that of chains
    chosen on others (None where there is nothing to split); `chosen` counts the quarters (or halves) in which each chain was."""

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


def halves(items: Sequence[str]) -> dict[str, int]:
    """Every second item, in sorted order, is in the other half."""
    return {item: rank % 2 for rank, item in enumerate(sorted(items))}


def best_chains(results: Results, gains: Sequence[Gain]) -> tuple[Best, ...]:
    """For each encoder and target with two or more chains that the answer counts."""
    groups = group_cells(results)
    infos = {info.name: info for info in results.targets}
    found = []
    for encoder, target in dict.fromkeys((gain.encoder, gain.target) for gain in gains):
        own = [g for g in gains if (g.encoder, g.target) == (encoder, target) and counted(g) and g.interval is not None]
        if len(own) < 2:
            continue
        control = groups[encoder, NO_CHAIN, "", target]
        pairs = {gain.chain: paired(groups[encoder, gain.chain, "", target], control, infos[target]) for gain in own}
        seeds = sorted(set.intersection(*({seed for seed, _, _ in rows} for rows in pairs.values())))
        codes = sorted(set.intersection(*({row.language for row in gain.languages} for gain in own)) - {ENGLISH})
        if not seeds or not codes:
            continue
        ones = {chain: {seed: one for seed, one, _ in rows} for chain, rows in pairs.items()}
        twos = {seed: two for rows in pairs.values() for seed, _, two in rows}
        best = max(own, key=lambda gain: gain.interval.estimate if gain.interval else 0.0)
        assert best.interval is not None
        nested, chosen, split = _nested(results, target, ones, twos, seeds, codes)
        keys = tuple(dict.fromkeys(cell.key for rows in (*ones.values(), twos) for cell in rows.values()))
        found.append(
            Best(
                encoder=encoder,
                target=target,
                candidates=tuple(ones),
                best=best.chain,
                probability=_probability(results, target, best.chain, ones, seeds, codes),
                plain=best.interval,
                nested=nested,
                chosen=chosen,
                split=split,
                keys=keys,
            )
        )
    return tuple(found)


def _probability(
    results: Results, target: str, best: str, ones: Mapping[str, Mapping[int, Cell]], seeds: Sequence[int], codes: Sequence[str]
) -> float:
    """The chance that no other candidate is ahead of `best`."""
    metric = metric_of(results, target)
    assert metric is not None  # there is a gain
    runs = [arm([cells[seed] for seed in seeds], codes) for cells in ones.values()]
    return rank_probabilities(draw_joint_scores(runs, metric.headline, resamples=WORLD_RESAMPLES), 1)[list(ones).index(best)]


def _nested(
    results: Results,
    target: str,
    ones: Mapping[str, Mapping[int, Cell]],
    twos: Mapping[int, Cell],
    seeds: Sequence[int],
    codes: Sequence[str],
) -> tuple[Interval | None, Mapping[str, int], str]:
    metric = metric_of(results, target)
    by = [name for name, items in (("languages", codes), ("seeds", seeds)) if len(items) > 1]
    if not by or metric is None:
        return None, {}, ""
    language_half = halves(codes) if len(codes) > 1 else dict.fromkeys(codes, -1)
    seed_half = {int(seed): half for seed, half in halves([f"{seed:09d}" for seed in seeds]).items()}
    if len(seeds) < 2:
        seed_half = dict.fromkeys(seeds, -1)

    def opposite(half: int, other: int) -> bool:
        return half == -1 or half != other

    choice: dict[tuple[int, int], str] = {}
    for seed in seeds:
        for code in codes:
            place = (seed_half[seed], language_half[code])
            if place in choice:
                continue
            on = [
                (s, c) for s in seeds for c in codes if opposite(place[0], seed_half[s]) and opposite(place[1], language_half[c])
            ]
            means = {chain: float(np.mean([cells[s].languages[c].headline for s, c in on])) for chain, cells in ones.items()}
            choice[place] = max(means, key=lambda chain: means[chain])
    treatment = []
    control = []
    for seed in seeds:
        picked = {code: ones[choice[seed_half[seed], language_half[code]]][seed].languages[code] for code in codes}
        treatment.append({code: (row.ids_N, row.counts_NC) for code, row in picked.items()})
        control.append({code: (twos[seed].languages[code].ids_N, twos[seed].languages[code].counts_NC) for code in codes})
    interval = gain_interval(treatment, control, metric.headline, resamples=RESAMPLES, level=LEVEL, seed=0)
    return interval, Counter(choice.values()), " and ".join(by)
