"""Where the gains are: by task group, language family, script and amount of pre-training text, with and without retrieval.

A part is the mean over its targets of the mean over its languages, so that a target with many languages weighs no more.
Pairs that the answer does not count (the target's own data, oracles) are left out here too. Intervals follow
`metrics.spread`: seeds are paired across targets, the test data of different targets are taken as independent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.analysis.gains import LEVEL, Gain, paired
from xstilts.analysis.results import Cell, Results, TargetInfo
from xstilts.analysis.scores import ENGLISH, NO_CHAIN, arm, group_cells, metric_of
from xstilts.data.cc100 import SIZES, find_size_group
from xstilts.data.language import LANGUAGES
from xstilts.metrics.metric import Values
from xstilts.metrics.significance import Interval, gain_intervals
from xstilts.metrics.variance_components import VarianceComponents

RESAMPLES = 200
TASK_GROUPS = {
    "classify": "classification", "choice": "classification", "tag": "structured prediction", "span": "question answering",
    "embed": "retrieval", "mine": "retrieval", "rank": "retrieval",
}  # fmt: skip
OVERALL, BY_TASK, BY_FAMILY, BY_SCRIPT, BY_SIZE = (
    "overall", "task group", "language family", "script", "pre-training text",
)  # fmt: skip
ALL, NOT_RETRIEVAL, ENGLISH_TOO, ENGLISH_ONLY = (
    "all targets", "without retrieval", "all targets, English included", "English alone",
)  # fmt: skip
ALONE = "others, one language each"
SCRIPT_NAMES = {
    "Arab": "Arabic", "Beng": "Bengali", "Cyrl": "Cyrillic", "Deva": "Devanagari", "Geor": "Georgian", "Grek": "Greek",
    "Gujr": "Gujarati", "Guru": "Gurmukhi", "Hans": "Han", "Hebr": "Hebrew", "Jpan": "Japanese", "Kore": "Korean",
    "Latn": "Latin", "Mlym": "Malayalam", "Mymr": "Burmese", "Taml": "Tamil", "Telu": "Telugu",
}  # fmt: skip
Belongs = Callable[[TargetInfo, str], bool]


@dataclass(frozen=True)
class Part:
    """The mean gain of a chain over no chain on one group of an axis. `seeds` are the gains of each seed; `keys` the score
    artefacts of both sides."""

    axis: str
    group: str
    encoder: str
    chain: str
    targets: tuple[str, ...]
    languages: tuple[str, ...]
    interval: Interval
    seeds: tuple[float, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Gap:
    """English less the mean of the other languages, mean over targets that have both, with and without the chain; `seeds` is
    what the chain changes for each seed."""

    encoder: str
    chain: str
    targets: tuple[str, ...]
    without: float
    with_chain: float
    seeds: tuple[float, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Decomposition:
    parts: tuple[Part, ...]
    gaps: tuple[Gap, ...]

    def axes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(part.axis for part in self.parts))


def task_group(info: TargetInfo) -> str:
    return TASK_GROUPS.get(info.format, info.format)


def family(code: str) -> str:
    """The family of a language; of Indo-European the branch, since most languages are of it."""
    if code not in LANGUAGES:
        return "not known"
    top, _, branch = LANGUAGES[code].family.partition(":")
    return branch if top == "Indo-European" and branch else top


def script(code: str) -> str:
    found = LANGUAGES[code].script if code in LANGUAGES else "not known"
    return SCRIPT_NAMES.get(found, found)


def _axes(infos: Sequence[TargetInfo], codes: Sequence[str]) -> list[tuple[str, str, Belongs]]:
    """Every (axis, group, membership); an axis on which nothing differs is left out."""
    found: list[tuple[str, str, Belongs]] = [(OVERALL, ALL, lambda info, code: code != ENGLISH)]
    groups = dict.fromkeys(task_group(info) for info in infos)
    if "retrieval" in groups and len(groups) > 1:
        found.append((OVERALL, NOT_RETRIEVAL, lambda info, code: code != ENGLISH and task_group(info) != "retrieval"))
    if ENGLISH in codes:
        found.append((OVERALL, ENGLISH_TOO, lambda info, code: True))
        found.append((OVERALL, ENGLISH_ONLY, lambda info, code: code == ENGLISH))
    if len(groups) > 1:
        found += [(BY_TASK, group, _of_task(group)) for group in groups]
    others = [code for code in sorted(codes) if code != ENGLISH]
    for axis, of in ((BY_FAMILY, family), (BY_SCRIPT, script)):
        members: dict[str, list[str]] = {}
        for code in others:
            members.setdefault(of(code), []).append(code)
        large = sorted(name for name, own in members.items() if len(own) > 1)
        alone = frozenset(own[0] for own in members.values() if len(own) == 1)
        if len(large) + bool(alone) > 1:
            found += [(axis, name, _of_language(frozenset(members[name]))) for name in large]
            found += [(axis, ALONE, _of_language(alone))] if alone else []
    sizes = {name: frozenset(code for code in others if find_size_group(code) == name) for name in SIZES}
    if sum(map(bool, sizes.values())) > 1:
        found += [(BY_SIZE, name, _of_language(own)) for name, own in sizes.items() if own]
    return found


def _of_task(group: str) -> Belongs:
    return lambda info, code: code != ENGLISH and task_group(info) == group


def _of_language(members: frozenset[str]) -> Belongs:
    return lambda info, code: code in members


@dataclass(frozen=True)
class _Pair:
    """Cells of one chain and of none on one target, paired by seed."""

    info: TargetInfo
    seeds: tuple[int, ...]
    ones: tuple[Cell, ...]
    twos: tuple[Cell, ...]
    codes: tuple[str, ...]

    def gain(self, seed: int, codes: Sequence[str]) -> float:
        one, two = self.ones[self.seeds.index(seed)], self.twos[self.seeds.index(seed)]
        return float(np.mean([one.languages[code].headline - two.languages[code].headline for code in codes]))


def counted(gain: Gain) -> bool:
    """Whether the answer counts a comparison over none at all."""
    return gain.over == "none" and not gain.control and not gain.reuses_target_data and not gain.leak


def decompose(results: Results, gains: Sequence[Gain]) -> Decomposition:
    """All parts and transfer gaps of a study, encoder by encoder."""
    groups = group_cells(results)
    infos = {info.name: info for info in results.targets}
    parts: list[Part] = []
    gaps: list[Gap] = []
    for encoder in results.encoders:
        pairs: dict[str, dict[str, _Pair]] = {}
        for gain in gains:
            if gain.encoder == encoder and counted(gain) and gain.target in infos:
                info = infos[gain.target]
                found = paired(groups[encoder, gain.chain, "", info.name], groups[encoder, NO_CHAIN, "", info.name], info)
                seeds, ones, twos = zip(*found, strict=True)
                pairs.setdefault(gain.chain, {})[info.name] = _Pair(
                    info, seeds, ones, twos, tuple(row.language for row in gain.languages)
                )
        pairs = {chain.name: pairs[chain.name] for chain in results.chains if chain.name in pairs}  # the study's order
        parts += _parts(results, encoder, pairs)
        gaps += [gap for chain, own in pairs.items() if (gap := _gap(encoder, chain, own)) is not None]
    return Decomposition(tuple(parts), tuple(gaps))


def _parts(results: Results, encoder: str, pairs: Mapping[str, Mapping[str, _Pair]]) -> list[Part]:
    infos = list({name: pair.info for own in pairs.values() for name, pair in own.items()}.values())
    codes = sorted({code for own in pairs.values() for pair in own.values() for code in pair.codes})
    measured: dict[tuple[str, tuple[str, ...]], dict[str, Interval]] = {}
    parts = []
    for axis, group, belongs in _axes(infos, codes) if infos else []:
        for chain, own in pairs.items():
            members = []
            for name, pair in own.items():
                chosen = tuple(code for code in pair.codes if belongs(pair.info, code))
                if not chosen:
                    continue
                if (name, chosen) not in measured:
                    measured[name, chosen] = _measure(results, name, chosen, pairs)
                members.append((pair, chosen, measured[name, chosen][chain]))
            part = _part(axis, group, encoder, chain, members)
            parts += [part] if part else []
    return parts


def _measure(
    results: Results, target: str, codes: tuple[str, ...], pairs: Mapping[str, Mapping[str, _Pair]]
) -> dict[str, Interval]:
    """The gain of each chain on one target over some languages; chains with the same seeds share their draws."""
    metric = metric_of(results, target)
    assert metric is not None
    together: dict[tuple[int, ...], list[str]] = {}
    for chain, own in pairs.items():
        if target in own and set(codes) <= set(own[target].codes):
            together.setdefault(own[target].seeds, []).append(chain)
    found: dict[str, Interval] = {}
    for chains in together.values():
        control = arm(pairs[chains[0]][target].twos, codes)
        treatments = {chain: arm(pairs[chain][target].ones, codes) for chain in chains}
        intervals = gain_intervals(treatments, control, metric.headline, resamples=RESAMPLES, level=LEVEL, seed=0)
        found |= {chain: intervals[chain].overall for chain in chains}
    return found


def _part(
    axis: str, group: str, encoder: str, chain: str, members: Sequence[tuple[_Pair, tuple[str, ...], Interval]]
) -> Part | None:
    if not members:
        return None
    seeds = sorted(set.intersection(*(set(pair.seeds) for pair, _, _ in members)))
    if not seeds:
        return None
    by_seed = np.array([[pair.gain(seed, codes) for pair, codes, _ in members] for seed in seeds]).mean(axis=1)
    interval = members[0][2] if len(members) == 1 else pooled(by_seed, [found for _, _, found in members])
    return Part(
        axis=axis,
        group=group,
        encoder=encoder,
        chain=chain,
        targets=tuple(pair.info.name for pair, _, _ in members),
        languages=tuple(sorted({code for _, codes, _ in members for code in codes})),
        interval=interval,
        seeds=tuple(float(value) for value in by_seed),
        keys=_keys([pair for pair, _, _ in members]),
    )


def pooled(by_seed: Values, intervals: Sequence[Interval]) -> Interval:
    """The interval of a mean over targets: the spread of its own values by seed, and the examples of each target. Not tested:
    no p value."""
    seeds = len(by_seed)
    spreads = [interval.spread for interval in intervals if interval.spread]
    examples = sum(spread.example_variance for spread in spreads) / len(intervals) ** 2
    between = float(np.var(by_seed, ddof=1)) / seeds if seeds > 1 else 0.0
    degrees = min((spread.example_df for spread in spreads), default=1.0)
    spread = VarianceComponents(between, float(max(seeds - 1, 0)), examples, degrees)
    estimate = float(by_seed.mean())
    half = spread.critical_value((1 - LEVEL) / 2) * spread.standard_error
    low, high = np.clip([estimate - half, estimate + half], -1, 1)
    return Interval(estimate, float(low), float(high), LEVEL, RESAMPLES, None, seeds, "", spread)


def _keys(pairs: Sequence[_Pair]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(cell.key for pair in pairs for cell in (*pair.ones, *pair.twos)))


def _gap(encoder: str, chain: str, own: Mapping[str, _Pair]) -> Gap | None:
    both = [pair for pair in own.values() if ENGLISH in pair.codes and len(pair.codes) > 1]
    if not both:
        return None
    seeds = sorted(set.intersection(*(set(pair.seeds) for pair in both)))
    if not seeds:
        return None

    def gap(pair: _Pair, cells: Sequence[Cell]) -> float:
        scores = [{code: cell.languages[code].headline for code in pair.codes} for cell in cells]
        return float(np.mean([row[ENGLISH] - np.mean([row[c] for c in pair.codes if c != ENGLISH]) for row in scores]))

    changes = [
        float(np.mean([pair.gain(seed, [ENGLISH]) - pair.gain(seed, [c for c in pair.codes if c != ENGLISH]) for pair in both]))
        for seed in seeds
    ]
    return Gap(
        encoder=encoder,
        chain=chain,
        targets=tuple(pair.info.name for pair in both),
        without=float(np.mean([gap(pair, pair.twos) for pair in both])),
        with_chain=float(np.mean([gap(pair, pair.ones) for pair in both])),
        seeds=tuple(changes),
        keys=_keys(both),
    )
