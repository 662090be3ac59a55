"""The best chain of each target, chosen honestly: on other seeds, languages and examples than its gain is reported on.

The largest of many noisy gains is too large a number (the "+5.4" of Phang et al. 2020, abstract, is such a maximum). The gain
of a chain that is chosen by `nested_choice` is not: what is reported has no part in its own choice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xstilts.analysis.gains import Gain, is_evidence
from xstilts.analysis.nested_choice import choose_nested
from xstilts.analysis.results import Results
from xstilts.analysis.scores import collect_tallies, find_metric
from xstilts.metrics.rank_probability import draw_joint_scores, rank_probabilities
from xstilts.metrics.significance import Interval, gain_interval

RESAMPLES = 2000
WORLD_RESAMPLES = 500  # for the covariance of the candidates' scores


@dataclass(frozen=True)
class BestChain:
    """`plain` is the gain of the chain that is best on the very scores reported. `probability` is the chance that it is the best
    of the candidates if seeds and examples are drawn anew for all of them at once (`metrics.rank_probability`). It is that of
    the winner, so it is above 95 % for one of two equal chains more often than the 5 % that hold for a chain named beforehand.
    `nested` is the gain of chains chosen on other data (None if there is nothing to split); `chosen` counts in how many parts
    each chain was chosen."""

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


def find_best_chains(results: Results, gains: Sequence[Gain]) -> tuple[BestChain, ...]:
    """For each encoder and target with two or more chains that the answer counts."""
    found = []
    for encoder, target in dict.fromkeys((gain.encoder, gain.target) for gain in gains):
        own = [g for g in gains if (g.encoder, g.target) == (encoder, target) and is_evidence(g) and g.interval is not None]
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
        choice = choose_nested(treatment, seeds, codes, metric)
        nested = None
        if choice is not None:
            tallies = [{code: (one.ids_N, one.counts_NC) for code, one in choice.scores[seed].items()} for seed in seeds]
            controls = collect_tallies([control[seed] for seed in seeds], codes)
            nested = gain_interval(tallies, controls, metric.headline, resamples=RESAMPLES)
        chosen, split = (choice.chosen, choice.split) if choice else ({}, "")
        keys = tuple(dict.fromkeys(cell.key for side in (*treatment.values(), control) for cell in side.values()))
        shown = (best.chain, probability, best.interval, nested, chosen, split)
        found.append(BestChain(encoder, target, tuple(pairs), *shown, keys))
    return tuple(found)
