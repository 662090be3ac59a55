"""A study's own comparisons: a chain over another chain, or over the mean of several, seed by seed and example by example.

They are a family of their own, with their own Holm's correction, and their means over targets are another. Surprising: the mean
of several chains is compared as one, so that a mixture has to beat what its members reach on average and no lucky member is
picked. Tallies of the members stand side by side in one sheet and each draw of examples is scored member by member: the mean of
scores, not the score of a mean, and what the members share is not counted as noise of their own.

Legend: C counts of a metric, M members of a mean, N ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from xstilts.analysis.breakdown import ALL, NOT_RETRIEVAL, pooled, task_group
from xstilts.analysis.gains import LEVEL, Gain, LanguageGain, SeedGain, judge, paired, reuses_target_data
from xstilts.analysis.results import Cell, ChainInfo, Results, TargetInfo
from xstilts.analysis.scores import ENGLISH, Summary, group_cells, metric_of, shared_languages
from xstilts.metrics.bootstrap import Headline
from xstilts.metrics.metric import Counts
from xstilts.metrics.multiplicity import holm
from xstilts.metrics.paired import PairedEstimates, PairedRuns, PairedTallies, measure
from xstilts.metrics.significance import Interval, interval_of, two_sided_p

RESAMPLES = 2000  # enough for the examples' variance; p follows from t, not from counting draws
Column = tuple[NDArray[np.str_], NDArray[np.float64]]


@dataclass(frozen=True)
class Average:
    """The mean over `targets` of one comparison, `group` is all targets or those without retrieval. Pairs that the answer does
    not count (the target's own data, oracles) are left out. `verdict` as that of a gain; `seeds` are the means of each seed."""

    encoder: str
    chain: str
    others: tuple[str, ...]
    group: str
    gains: tuple[Gain, ...]
    interval: Interval
    seeds: tuple[float, ...]
    verdict: str = "unclear"
    p_holm: float | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(gain.target for gain in self.gains)


@dataclass(frozen=True)
class _Pair:
    """Cells of a chain and of the chains it is compared with on one target, by seed; `languages` are those that all have."""

    encoder: str
    chain: ChainInfo
    others: tuple[ChainInfo, ...]
    target: TargetInfo
    seeds: tuple[int, ...]
    ones: tuple[Cell, ...]
    twos: tuple[tuple[Cell, ...], ...]
    languages: tuple[str, ...]

    def codes(self, english: bool) -> list[str]:
        return [code for code in self.languages if (code == ENGLISH) == english]

    def difference(self, place: int, codes: Sequence[str]) -> float | None:
        """The chain less the mean of the others with one seed, mean over `codes`; None for no language."""
        if not codes:
            return None
        return float(np.mean([self.ones[place].languages[c].headline - _mean(self.twos[place], c) for c in codes]))


def _mean(cells: Sequence[Cell], code: str) -> float:
    return float(np.mean([cell.languages[code].headline for cell in cells]))


def compared_gains(results: Results, summaries: Sequence[Summary], resamples: int = 0) -> tuple[Gain, ...]:
    """The study's own comparisons on every encoder and target that has scores of all their chains."""
    groups = group_cells(results)
    infos = {info.name: info for info in results.chains}
    near = {(row.encoder, row.chain, row.target): row.near_chance for row in summaries if not row.control}
    family: list[Gain] = []
    for encoder in results.encoders:
        for target in results.targets:
            found = [
                _pair(groups, encoder, target, infos[chain], tuple(infos[name] for name in others))
                for chain, others in results.compare
            ]
            pairs = [pair for pair in found if pair is not None]
            if pairs and metric_of(results, target.name) is not None:
                family += _gains(results, pairs, near, resamples or RESAMPLES)
    return tuple(judge(family))


def _pair(
    groups: Mapping[tuple[str, str, str, str], Mapping[int, Cell]],
    encoder: str,
    target: TargetInfo,
    chain: ChainInfo,
    others: tuple[ChainInfo, ...],
) -> _Pair | None:
    treatment = groups.get((encoder, chain.name, "", target.name), {})
    sides = []
    for other in others:
        rows = paired(treatment, groups.get((encoder, other.name, "", target.name), {}), target)
        sides.append({seed: cell for seed, _, cell in rows})
    seeds = tuple(seed for seed in sorted(treatment) if all(seed in side for side in sides))
    if not seeds:
        return None
    ones = tuple(treatment[seed] for seed in seeds)
    twos = tuple(tuple(side[seed] for side in sides) for seed in seeds)
    codes = shared_languages([*ones, *(cell for row in twos for cell in row)])
    codes = tuple(code for code in codes if all(len(_shared((one, *row), code)) for one, row in zip(ones, twos, strict=True)))
    return _Pair(encoder, chain, others, target, seeds, ones, twos, codes) if codes else None


def _shared(cells: Sequence[Cell], code: str) -> NDArray[np.str_]:
    """The ids that all of them have, in the order of the first where they agree."""
    ids = [cell.languages[code].ids_N for cell in cells]
    return ids[0] if all(np.array_equal(ids[0], other) for other in ids[1:]) else reduce(np.intersect1d, ids)


def _side_by_side(cells: Sequence[Cell], code: str) -> Column:
    """The ids that all cells have, and the counts (N, M * C) of one cell after the other."""
    shared = _shared(cells, code)
    parts = []
    for row in (cell.languages[code] for cell in cells):
        order = np.argsort(row.ids_N)
        same = np.array_equal(row.ids_N, shared)
        parts.append(row.counts_NC if same else row.counts_NC[order[np.searchsorted(row.ids_N[order], shared)]])
    return shared, np.concatenate(parts, axis=1)


def mean_headline(headline: Headline, members: int) -> Headline:
    """The mean of the headlines of `members` score sheets whose counts stand side by side."""
    if members == 1:
        return headline

    def mean(sums: Counts) -> Counts:
        width = sums.shape[-1] // members
        scores = [headline(sums[..., m * width : (m + 1) * width]) for m in range(members)]
        average: Counts = np.mean(scores, axis=0)
        return average

    return mean


def _gains(results: Results, pairs: Sequence[_Pair], near: Mapping[tuple[str, str, str], bool], resamples: int) -> list[Gain]:
    """The gains on one target; those over means of as many chains share the draws of examples."""
    metric = metric_of(results, pairs[0].target.name)
    assert metric is not None
    made: dict[int, Gain] = {}
    for members in dict.fromkeys(len(pair.others) for pair in pairs):
        table = PairedTallies(mean_headline(metric.headline, members), "points")
        arms: list[PairedRuns] = []
        places: dict[tuple[int, bool], int] = {}
        for index, pair in enumerate(pairs):
            for english in (False, True):
                codes = pair.codes(english)
                if len(pair.others) == members and codes:
                    places[index, english] = len(arms)
                    ones = [{c: _side_by_side([one] * members, c) for c in codes} for one in pair.ones]
                    twos = [{c: _side_by_side(row, c) for c in codes} for row in pair.twos]
                    arms.append(PairedRuns(table, ones, twos))
        measured = measure(table, arms, resamples, 0)
        for index, pair in enumerate(pairs):
            if len(pair.others) == members:
                own = {english: places.get((index, english)) for english in (False, True)}
                made[index] = _gain(pair, near, measured, arms, own, resamples)
    return [made[index] for index in range(len(pairs))]


def _gain(
    pair: _Pair,
    near: Mapping[tuple[str, str, str], bool],
    measured: PairedEstimates,
    arms: Sequence[PairedRuns],
    places: Mapping[bool, int | None],
    resamples: int,
) -> Gain:
    languages: dict[str, Interval] = {}
    overall: Interval | None = None
    for english, place in places.items():
        if place is None:
            continue
        if not english:
            spread = measured.spread([place], [1.0])
            overall = interval_of(measured.points(place), spread, resamples, arms[place].notes, level=LEVEL)
        for code in pair.codes(english):
            languages[code] = interval_of(*measured.language(place, code), resamples, level=LEVEL)
    names = (pair.chain.name, *(other.name for other in pair.others))
    chain_near, *others_near = (near.get((pair.encoder, name, pair.target.name), False) for name in names)
    which = "both" if chain_near and all(others_near) else "chain" if chain_near else "control" if any(others_near) else ""
    leak = any(cell.leak for cell in (*pair.ones, *(cell for row in pair.twos for cell in row)))
    same = all(cell.key == one.key for one, row in zip(pair.ones, pair.twos, strict=True) for cell in row)
    return Gain(
        encoder=pair.encoder,
        chain=pair.chain.name,
        target=pair.target.name,
        others=names[1:],
        control="",
        over="chain",
        reuses_target_data=any(reuses_target_data(chain, pair.target) for chain in (pair.chain, *pair.others)),
        near_chance=which,
        interval=overall,
        english=languages.get(ENGLISH),
        languages=tuple(
            LanguageGain(
                code,
                _mean(pair.ones, code),
                float(np.mean([_mean(row, code) for row in pair.twos])),
                languages[code],
            )
            for code in pair.languages
        ),
        seeds=tuple(
            SeedGain(seed, pair.difference(place, pair.codes(False)), pair.difference(place, pair.codes(True)))
            for place, seed in enumerate(pair.seeds)
        ),
        verdict="same" if same else "oracle" if leak else "unclear",
        leak=leak,
    )


def averages(results: Results, gains: Sequence[Gain]) -> tuple[Average, ...]:
    """The means over targets of the study's own comparisons, where there are two targets or more, with a Holm of their own."""
    infos = {info.name: info for info in results.targets}
    counted = [
        gain
        for gain in gains
        if gain.over == "chain"
        and not (gain.reuses_target_data or gain.leak)
        and gain.interval is not None
        and gain.verdict != "same"
    ]
    groups: dict[tuple[str, str, tuple[str, ...]], list[Gain]] = {}
    for gain in counted:
        groups.setdefault((gain.encoder, gain.chain, gain.others), []).append(gain)
    found = []
    for (encoder, chain, others), own in groups.items():
        rest = [gain for gain in own if task_group(infos[gain.target]) != "retrieval"]
        for group, members in ((ALL, own), (NOT_RETRIEVAL, rest)):
            seeds = sorted(set.intersection(*({one.seed for one in gain.seeds} for gain in members))) if members else []
            if len(members) < 2 or not seeds or (group == NOT_RETRIEVAL and len(rest) == len(own)):
                continue
            values = np.array([[one.others for one in gain.seeds if one.seed in seeds] for gain in members], dtype=np.float64)
            by_seed = values.mean(axis=0)
            interval = pooled(by_seed, [gain.interval for gain in members if gain.interval is not None])
            assert interval.spread is not None
            interval = replace(interval, p=two_sided_p(interval.estimate, interval.spread, interval.resamples))
            found.append(Average(encoder, chain, others, group, tuple(members), interval, tuple(map(float, by_seed))))
    adjusted = holm([one.interval.p for one in found if one.interval.p is not None])
    return tuple(replace(one, verdict=_verdict(one, p), p_holm=p) for one, p in zip(found, adjusted, strict=True))


def _verdict(one: Average, p_holm: float) -> str:
    if all(gain.near_chance == "both" for gain in one.gains):
        return "near chance"
    if len(one.seeds) == 1:
        return "one seed"
    if p_holm <= 1 - LEVEL and (one.interval.low > 0 or one.interval.high < 0):
        return "gain" if one.interval.low > 0 else "loss"
    return "unclear"
