"""Where the gains are: by task group, language family, script and amount of pre-training text, with and without retrieval.

A part is the mean over its targets of the mean over its languages, so that a target with many languages weighs no more than
others. Pairs that the answer does not count, and those that did not pass the gates, are left out here too. Intervals follow
`metrics.variance_components`: seeds are paired across targets, and the test data of different targets are independent.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xstilts.analysis.comparison import Comparison, map_groups, measure_gains
from xstilts.analysis.gains import Gain, is_evidence
from xstilts.analysis.results import Cell, Results, TargetInfo
from xstilts.analysis.scores import ENGLISH, find_metric
from xstilts.data.cc100 import SIZES, find_size_group
from xstilts.data.language import LANGUAGES
from xstilts.formats.registry import FORMATS
from xstilts.metrics.metric import Values
from xstilts.metrics.significance import LEVEL, Interval
from xstilts.metrics.variance_components import VarianceComponents

RESAMPLES = 200
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
Member = tuple[Comparison, tuple[str, ...]]  # a comparison, and its languages that belong to a part


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
    """English less the mean of the other languages, mean over targets that have both, with and without the chain; `seeds` is the
    change by the chain for each seed."""

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
    return FORMATS[info.format].group


def family(code: str) -> str:
    """The family of a language; for Indo-European its branch, since most languages belong to it."""
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


def decompose(results: Results, gains: Sequence[Gain]) -> Decomposition:
    """All parts and transfer gaps of a study, encoder by encoder."""
    parts: list[Part] = []
    gaps: list[Gap] = []
    for encoder in results.encoders:
        chains: dict[str, list[Comparison]] = {chain.name: [] for chain in results.chains}  # the study's order
        for gain in gains:
            if gain.encoder == encoder and is_evidence(gain):
                chains[gain.chain].append(gain.comparison)
        chains = {chain: own for chain, own in chains.items() if own}
        parts += _parts(results, encoder, chains)
        gaps += [gap for chain, own in chains.items() if (gap := _gap(encoder, chain, own)) is not None]
    return Decomposition(tuple(parts), tuple(gaps))


def _parts(results: Results, encoder: str, chains: Mapping[str, Sequence[Comparison]]) -> list[Part]:
    infos = list(dict.fromkeys(one.target for own in chains.values() for one in own))
    codes = sorted({code for own in chains.values() for one in own for code in one.languages})
    members: dict[tuple[str, str, str], list[Member]] = {}
    for axis, group, belongs in _axes(infos, codes) if infos else []:
        for chain, own in chains.items():
            chosen = [(one, tuple(code for code in one.languages if belongs(one.target, code))) for one in own]
            members[axis, group, chain] = [request for request in chosen if request[1]]
    requests = list(dict.fromkeys(request for own in members.values() for request in own))

    def measure(group: Sequence[Member]) -> list[Interval]:
        metric = find_metric(results, group[0][0].target.name)
        assert metric is not None  # there is a gain
        return [gains.overall for gains in measure_gains(group, metric.headline, RESAMPLES)]

    # chains with the same seeds share the draws of examples
    intervals = map_groups(requests, lambda request: (request[0].target.name, request[0].seeds, request[1]), measure)
    measured = dict(zip(requests, intervals, strict=True))
    parts = [_part(place, encoder, own, [measured[one] for one in own]) for place, own in members.items()]
    return [part for part in parts if part is not None]


def _part(place: tuple[str, str, str], encoder: str, members: Sequence[Member], intervals: Sequence[Interval]) -> Part | None:
    axis, group, chain = place
    seeds = _shared_seeds([one for one, _ in members])
    if not seeds:
        return None
    by_seed = np.array([[one.gain(one.seeds.index(seed), codes) for one, codes in members] for seed in seeds]).mean(axis=1)
    return Part(
        axis=axis,
        group=group,
        encoder=encoder,
        chain=chain,
        targets=tuple(one.target.name for one, _ in members),
        languages=tuple(sorted({code for _, codes in members for code in codes})),
        interval=intervals[0] if len(members) == 1 else pool_intervals(by_seed, intervals),
        seeds=tuple(float(value) for value in by_seed),
        keys=tuple(dict.fromkeys(key for one, _ in members for key in one.keys)),
    )


def _shared_seeds(members: Sequence[Comparison]) -> list[int]:
    return sorted(set.intersection(*(set(one.seeds) for one in members))) if members else []


def pool_intervals(by_seed: Values, intervals: Sequence[Interval]) -> Interval:
    """The interval of a mean over targets, from the spread of its own values over seeds and from the examples of each target. It
    has no p value."""
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


def _gap(encoder: str, chain: str, own: Sequence[Comparison]) -> Gap | None:
    both = [one for one in own if one.english and one.transfer_languages]
    seeds = _shared_seeds(both)
    if not seeds:
        return None

    def gap(one: Comparison, cells: Sequence[Cell]) -> float:
        scores = [{code: cell.languages[code].headline for code in one.languages} for cell in cells]
        return float(np.mean([row[ENGLISH] - np.mean([row[c] for c in one.transfer_languages]) for row in scores]))

    def change(one: Comparison, seed: int) -> float:
        place = one.seeds.index(seed)
        return one.gain(place, one.english) - one.gain(place, one.transfer_languages)

    return Gap(
        encoder=encoder,
        chain=chain,
        targets=tuple(one.target.name for one in both),
        without=float(np.mean([gap(one, [cells[0] for cells in one.control]) for one in both])),
        with_chain=float(np.mean([gap(one, one.treatment) for one in both])),
        seeds=tuple(float(np.mean([change(one, seed) for one in both])) for seed in seeds),
        keys=tuple(dict.fromkeys(key for one in both for key in one.keys)),
    )
