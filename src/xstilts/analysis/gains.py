"""Transfer gains: score(chain) - score(same encoder, target and seed, no chain), with intervals, marks and verdicts.

A gain is a mean over the target's languages other than English and over seeds; its interval is the crossed bootstrap of
`metrics.significance`. Holm's correction (Holm 1979) runs over a whole family of comparisons: chains against none, placebos
against none, chains against their placebo, and the same two with compute-matched controls; a study's own comparisons of
chains are another (`comparison.py`). A pair `reuses_target_data` when a side holds the target's own training task, and says
nothing where both arms are near chance. A pair whose weights were chosen on target-language dev data is an `oracle`: shown,
in no family, and never evidence. Surprising: with one seed nothing is called a gain or a loss, whatever the interval, since
the interval is then one of these very runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from xstilts.analysis.results import Cell, ChainInfo, Results, TargetInfo
from xstilts.analysis.scores import ENGLISH, NO_CHAIN, Summary, arm, group_cells, metric_of, shared_languages
from xstilts.metrics.multiplicity import holm
from xstilts.metrics.significance import Interval, gain_intervals
from xstilts.study import Control

LEVEL = 0.95
DECIDED = ("same", "oracle")  # whatever the numbers say


@dataclass(frozen=True)
class LanguageGain:
    """One language of a comparison: mean scores of both arms over seeds (0-1) and the gain with its interval."""

    language: str
    treatment: float
    control: float
    interval: Interval


@dataclass(frozen=True)
class SeedGain:
    """One seed's gain: mean over the languages other than English, and English beside it (0-1)."""

    seed: int
    others: float | None
    english: float | None


@dataclass(frozen=True)
class Gain:
    """One comparison. `control` says what the chain itself is ("", placebo, compute) and `over` what the `others` are, whose
    mean it is compared with (nearly always one); `interval` is None where only English has scores.

    `verdict`: gain | loss | unclear | one seed | near chance (both arms) | same (both arms are one artefact) | English only |
    oracle.
    `near_chance`: "" | both | chain | control, the arm that is near chance.
    """

    encoder: str
    chain: str
    target: str
    others: tuple[str, ...]
    control: Control | Literal[""]
    over: Literal["none", "placebo", "compute", "chain"]
    reuses_target_data: bool
    near_chance: str
    interval: Interval | None
    english: Interval | None
    languages: tuple[LanguageGain, ...]
    seeds: tuple[SeedGain, ...]
    verdict: str = "unclear"
    p_holm: float | None = None
    leak: bool = False

    @property
    def against(self) -> str:
        return "+".join(self.others)

    @property
    def excludes_zero(self) -> bool:
        return self.interval is not None and (self.interval.low > 0 or self.interval.high < 0)


def reuses_target_data(chain: ChainInfo, target: TargetInfo) -> bool:
    """Whether the chain trains on the target itself or on the data that the target is fine-tuned on, or on a part of it."""
    return bool(({target.name, target.trains_on} | target.training_data) & set(chain.tasks))


def _difference(treatment: Cell, control: Cell, languages: Sequence[str]) -> float | None:
    if not languages:
        return None
    return float(np.mean([treatment.languages[c].headline - control.languages[c].headline for c in languages]))


def paired(treatment: Mapping[int, Cell], control: Mapping[int, Cell], target: TargetInfo) -> list[tuple[int, Cell, Cell]]:
    """Cells paired by seed. A target without training has one control for all seeds when the encoder is the control."""
    lone = next(iter(control.values()), None) if not target.trained and len(control) == 1 else None
    pairs = [(seed, cell, control.get(seed, lone)) for seed, cell in sorted(treatment.items())]
    return [(seed, cell, other) for seed, cell, other in pairs if other is not None]


@dataclass(frozen=True)
class _Comparison:
    """A chain against another (None: no chain) on one target: cells paired by seed, and the languages that all have."""

    encoder: str
    chain: ChainInfo
    target: TargetInfo
    other: ChainInfo | None
    seeds: tuple[int, ...]
    ones: tuple[Cell, ...]
    twos: tuple[Cell, ...]
    languages: tuple[str, ...]

    @property
    def against(self) -> str:
        return self.other.name if self.other else NO_CHAIN

    @property
    def others(self) -> tuple[str, ...]:
        return tuple(code for code in self.languages if code != ENGLISH)

    @property
    def english(self) -> tuple[str, ...]:
        return tuple(code for code in self.languages if code == ENGLISH)


def _comparison(
    results: Results,
    groups: Mapping[tuple[str, str, str, str], Mapping[int, Cell]],
    place: tuple[str, ChainInfo, TargetInfo],
    other: ChainInfo | None,
) -> _Comparison | None:
    encoder, chain, target = place
    treatment = groups.get((encoder, chain.name, "", target.name), {})
    control = groups.get((encoder, other.name if other else NO_CHAIN, "", target.name), {})
    pairs = paired(treatment, control, target)
    if not pairs or metric_of(results, target.name) is None:
        return None
    seeds, ones, twos = zip(*pairs, strict=True)
    languages = tuple(
        code
        for code in shared_languages([*ones, *twos])
        if all(np.isin(a.languages[code].ids_N, b.languages[code].ids_N).any() for a, b in zip(ones, twos, strict=True))
    )
    return _Comparison(encoder, chain, target, other, seeds, ones, twos, languages) if languages else None


def _measure(
    results: Results, comparisons: Sequence[_Comparison], resamples: int
) -> list[tuple[Interval | None, dict[str, Interval]]]:
    """For each comparison the interval over the languages other than English, and that of each language. Those over the same
    cells are measured together, from the same draws."""
    overall: dict[int, Interval] = {}
    languages: dict[int, dict[str, Interval]] = {index: {} for index in range(len(comparisons))}
    together: dict[tuple[tuple[int, ...], tuple[str, ...]], list[int]] = {}
    for index, one in enumerate(comparisons):
        for codes in (one.others, one.english):
            if codes:
                together.setdefault((tuple(id(cell) for cell in one.twos), codes), []).append(index)
    for (_, codes), members in together.items():
        first = comparisons[members[0]]
        metric = metric_of(results, first.target.name)
        assert metric is not None
        found = gain_intervals(
            {str(index): arm(comparisons[index].ones, codes) for index in members},
            arm(first.twos, codes),
            metric.headline,
            resamples=resamples,
            level=LEVEL,
            seed=0,
        )
        for index in members:
            gains = found[str(index)]
            languages[index] |= dict(gains.languages)
            if codes != (ENGLISH,):
                overall[index] = gains.overall
    return [(overall.get(index), languages[index]) for index in range(len(comparisons))]


def _gain(
    one: _Comparison,
    near: Mapping[tuple[str, str, str], bool],
    interval: Interval | None,
    intervals: Mapping[str, Interval],
) -> Gain:
    rows = []
    for code in one.languages:
        means = [float(np.mean([cell.languages[code].headline for cell in side])) for side in (one.ones, one.twos)]
        if code in intervals:
            rows.append(LanguageGain(code, means[0], means[1], intervals[code]))
    chain_near, control_near = (near.get((one.encoder, name, one.target.name), False) for name in (one.chain.name, one.against))
    which = {(True, True): "both", (True, False): "chain", (False, True): "control", (False, False): ""}
    leak = any(cell.leak for cell in (*one.ones, *one.twos))
    triples = list(zip(one.seeds, one.ones, one.twos, strict=True))
    same = all(treated.key == untreated.key for _, treated, untreated in triples)
    return Gain(
        encoder=one.encoder,
        chain=one.chain.name,
        target=one.target.name,
        others=(one.against,),
        control=one.chain.control,
        over=(one.other.control or "none") if one.other else "none",
        reuses_target_data=reuses_target_data(one.chain, one.target),
        near_chance=which[chain_near, control_near],
        interval=interval,
        english=intervals.get(ENGLISH),
        languages=tuple(rows),
        seeds=tuple(
            SeedGain(seed, _difference(treated, untreated, one.others), _difference(treated, untreated, one.english))
            for seed, treated, untreated in triples
        ),
        verdict="same" if same else "oracle" if leak else "unclear",
        leak=leak,
    )


def judge(family: Sequence[Gain]) -> list[Gain]:
    """Holm over the family, then a verdict for each member."""
    raw = {
        index: gain.interval.p
        for index, gain in enumerate(family)
        if gain.interval is not None and gain.interval.p is not None and gain.verdict not in DECIDED
    }
    adjusted = dict(zip(raw, holm(list(raw.values())), strict=True))
    judged = []
    for index, gain in enumerate(family):
        p_holm = adjusted.get(index)
        verdict = gain.verdict
        if verdict not in DECIDED:
            if gain.interval is None or p_holm is None:
                verdict = "English only"
            elif gain.near_chance == "both":
                verdict = "near chance"
            elif len(gain.seeds) == 1:
                verdict = "one seed"
            elif p_holm <= 1 - LEVEL and gain.excludes_zero:
                verdict = "gain" if gain.interval.low > 0 else "loss"
        judged.append(replace(gain, verdict=verdict, p_holm=p_holm))
    return judged


def controls_of(chain: ChainInfo, results: Results, control: Control) -> list[ChainInfo]:
    """The chain's controls of one sort. A placebo that names no chain is that of every chain with the same tasks."""
    found = [other for other in results.chains if other.control == control]
    return [other for other in found if (other.of == chain.name if other.of else other.tasks == chain.tasks)]


def transfer_gains(results: Results, summaries: Sequence[Summary], resamples: int = 0) -> tuple[Gain, ...]:
    """Every chain against none, then every control against none and every chain against its controls.

    `resamples` 0 chooses enough for Holm over m comparisons: 2 / resamples, the smallest p, well below .05 / m.
    """
    groups = group_cells(results)
    near = {(row.encoder, row.chain, row.target): row.near_chance for row in summaries if not row.control}
    real = [chain for chain in results.chains if chain.name != NO_CHAIN and not chain.control]
    grid = [(encoder, target) for encoder in results.encoders for target in results.targets]
    most = resamples or min(20_000, max(2_000, 100 * len(real) * len(grid)))

    def family(chains: Sequence[tuple[ChainInfo, ChainInfo | None]]) -> list[Gain]:
        found = [
            _comparison(results, groups, (encoder, chain, target), other) for encoder, target in grid for chain, other in chains
        ]
        comparisons = [one for one in found if one is not None]
        measured = _measure(results, comparisons, most)
        return judge([_gain(one, near, *intervals) for one, intervals in zip(comparisons, measured, strict=True)])

    def controls(sort: Control) -> list[Gain]:
        alone: list[tuple[ChainInfo, ChainInfo | None]] = [(other, None) for other in results.chains if other.control == sort]
        return [*family(alone), *family([(chain, other) for chain in real for other in controls_of(chain, results, sort)])]

    return (*family([(chain, None) for chain in real]), *controls("placebo"), *controls("compute"))
