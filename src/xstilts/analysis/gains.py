"""Gains: score(chain) - score(baseline) on the same encoder, target and seed, with intervals, marks and verdicts.

The baseline is no chain (a transfer gain), a control of the chain, or other chains that the study itself compares with. A
gain is a mean over the target's languages other than English and over seeds; its interval is the crossed bootstrap of
`metrics.significance`. Holm's correction (Holm 1979) runs over a whole family of comparisons: chains against none, placebos
against none, chains against their placebo, the same two with compute-matched controls, and the study's own comparisons. Pairs
that are not primary are corrected among themselves, and so are pairs whose chain or target `reuses_target_data`.

A verdict has three values: a gain or a loss; equivalent, that is, surely smaller than the target's margin (two one-sided tests,
with a Holm's correction of their own); or unclear. Whatever surely is within the margin is called equivalent, even if it surely
is not 0. `sees` is the gain that the pair would have been seen to have, after the correction, with a chance of 80 %.

Gates come first. A pair that does not pass them gets no such verdict and is in no family: the chain did not learn its
intermediate task (`treatments.py`); the score without the chain, or its English score, is near chance; both sides are one
artefact; weights were chosen on target-language dev data (an `oracle`). Surprising: with fewer than three seeds nothing is
called anything (docs/trust.md).
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Literal

import numpy as np

from xstilts.analysis.comparison import Comparison, map_groups, measure_gains, pair_cells
from xstilts.analysis.results import Cell, ChainInfo, Results, TargetInfo
from xstilts.analysis.scores import ENGLISH, NO_CHAIN, Summary, find_metric, group_cells
from xstilts.analysis.treatments import has_taken
from xstilts.metrics.effects import equivalence
from xstilts.metrics.multiplicity import holm
from xstilts.metrics.power import describe_spread, detectable
from xstilts.metrics.significance import FEWEST_SEEDS, LEVEL, Gains, Interval
from xstilts.metrics.variance_components import SMALLEST_P
from xstilts.study import Control

CHAIN_RESAMPLES = 2000  # of the study's own comparisons: enough for the variance, since p follows from t and not from counts
GainVerdict = Literal[
    "gain", "loss", "equivalent", "unclear", "few seeds", "near chance", "not taken", "same", "English only", "oracle"
]  # fmt: skip
NOT_TESTED: tuple[GainVerdict, ...] = ("near chance", "not taken", "same", "English only", "oracle")
Place = tuple[str, TargetInfo, ChainInfo, tuple[ChainInfo, ...]]  # encoder, target, chain, and its baseline


@dataclass(frozen=True)
class LanguageGain:
    """One language of a comparison: mean scores of both sides over seeds (0-1) and the gain with its interval."""

    language: str
    treatment: float
    control: float
    interval: Interval


@dataclass(frozen=True)
class SeedGain:
    """One seed's gain: mean over the languages other than English, and English beside it (0-1)."""

    seed: int
    transfer: float | None
    english: float | None


@dataclass(frozen=True)
class Gain:
    """One comparison, measured. `control` says what the chain itself is ("", placebo, compute). `baseline` are the chains whose
    mean it is compared with (nearly always one), and `over` what they are. `interval` is None if only English has scores.

    `verdict`: see the module; same means that both sides are one artefact. `near_chance` names the side that is near chance.
    `family`: how many comparisons the correction covers. `margin` (0-1): a difference too small to matter. `p_equal`: Holm's p
    of a true value within the margin."""

    encoder: str
    chain: str
    target: str
    baseline: tuple[str, ...]
    control: Control | Literal[""]
    over: Literal["none", "placebo", "compute", "chain"]
    reuses_target_data: bool
    near_chance: Literal["", "both", "chain", "control"]
    interval: Interval | None
    english: Interval | None
    languages: tuple[LanguageGain, ...]
    seeds: tuple[SeedGain, ...]
    comparison: Comparison = field(repr=False, compare=False)
    verdict: GainVerdict = "unclear"
    p_holm: float | None = None
    p_equal: float | None = None
    family: int = 0
    margin: float = 0.01
    primary: bool = True

    @property
    def against(self) -> str:
        return "+".join(self.baseline)

    @property
    def leak(self) -> bool:
        return self.comparison.leak

    @property
    def sees(self) -> float | None:
        """The gain (0-1) that would be seen with a chance of 80 % after the correction (inf if none would be); None if it was not
        tested, or if its spread over seeds is not known."""
        if self.interval is None or self.interval.spread is None or not self.family or len(self.seeds) < FEWEST_SEEDS:
            return None
        return detectable(describe_spread(self.interval.spread, len(self.seeds)), self.family)

    @property
    def excludes_zero(self) -> bool:
        return self.interval is not None and (self.interval.low > 0 or self.interval.high < 0)


def is_counted(gain: Gain) -> bool:
    """Whether it is a gain over no chain that the answer counts."""
    return gain.over == "none" and not gain.control and not gain.reuses_target_data and not gain.leak


def is_evidence(gain: Gain) -> bool:
    """Whether it is counted and passed the gates."""
    return is_counted(gain) and gain.verdict not in NOT_TESTED


def reuses_target_data(chain: ChainInfo, target: TargetInfo) -> bool:
    """Whether the chain trains on the target itself or on the data that the target is fine-tuned on, or on a part of it."""
    return bool(list_shared_data(chain, target))


def list_shared_data(chain: ChainInfo, target: TargetInfo) -> list[str]:
    """The tasks of a chain that are the target's own training data, or have the same texts in another form."""
    return [task for task in chain.tasks if task in {target.name, target.trains_on} | target.training_data]


def compare_chains(
    cells: Mapping[tuple[str, str, str, str], Mapping[int, Cell]],
    encoder: str,
    target: TargetInfo,
    chain: str,
    baseline: Sequence[str] = (NO_CHAIN,),
) -> Comparison:
    """A chain against the mean of others; `cells` as `group_cells` gives them. A target without training has one control for all
    seeds if the encoder itself is the control."""
    treatment = cells.get((encoder, chain, "", target.name), {})
    controls = [cells.get((encoder, name, "", target.name), {}) for name in baseline]
    if not target.trained:
        controls = [dict.fromkeys(treatment, next(iter(side.values()))) if len(side) == 1 else side for side in controls]
    return pair_cells(target, treatment, *controls)


def _measure_family(
    results: Results,
    summaries: Sequence[Summary],
    places: Iterable[Place],
    resamples: int,
    together: Callable[[Comparison, Sequence[str]], Hashable],
    own: bool = False,
) -> list[Gain]:
    """The gains of one family, judged. Those for which `together` gives the same are measured from the same draws of examples.
    `own`: they are the study's own comparisons."""
    cells = group_cells(results)
    found: list[tuple[Place, Comparison]] = []
    for encoder, target, chain, baseline in places:
        comparison = compare_chains(cells, encoder, target, chain.name, [info.name for info in baseline])
        if comparison.languages and find_metric(results, target.name):
            found.append(((encoder, target, chain, baseline), comparison))
    requests = [(one, codes) for _, one in found for codes in (one.transfer_languages, one.english) if codes]

    def measure(group: Sequence[tuple[Comparison, Sequence[str]]]) -> list[Gains]:
        metric = find_metric(results, group[0][0].target.name)
        assert metric is not None  # comparisons without one were left out
        return measure_gains(group, metric.headline, resamples)

    measured: dict[Comparison, list[Gains]] = {one: [] for _, one in found}
    for (one, _), gains in zip(requests, map_groups(requests, lambda request: together(*request), measure), strict=True):
        measured[one].append(gains)
    near = {(row.encoder, row.chain, row.target): row for row in summaries if not row.control}
    return judge([_make_gain(results, place, one, own, near, measured[one]) for place, one in found])


def _make_gain(
    results: Results,
    place: Place,
    comparison: Comparison,
    own: bool,
    rows: Mapping[tuple[str, str, str], Summary],
    measured: Sequence[Gains],
) -> Gain:
    encoder, target, chain, baseline = place
    languages = {code: interval for gains in measured for code, interval in gains.languages.items()}
    sides = [rows.get((encoder, info.name, target.name)) for info in (chain, *baseline)]
    chain_near, *baseline_near = (row is not None and row.near_chance for row in sides)
    both = chain_near and all(baseline_near)
    # A target that is not trained has nothing to learn, so a chain may well lift it from chance.
    unlearned = target.trained and any(row is not None and (row.near_chance or row.english_near_chance) for row in sides[1:])
    verdict: GainVerdict = "unclear"
    if comparison.same_artefacts or comparison.leak:
        verdict = "same" if comparison.same_artefacts else "oracle"
    elif any(has_taken(results, encoder, info.name) is False for info in (chain, *baseline)):
        verdict = "not taken"
    elif both or unlearned:
        verdict = "near chance"
    elif not comparison.transfer_languages:
        verdict = "English only"
    seeds = range(len(comparison.seeds))

    def gain(seed: int, codes: Sequence[str]) -> float | None:
        return comparison.gain(seed, codes) if codes else None

    return Gain(
        encoder=encoder,
        chain=chain.name,
        target=target.name,
        baseline=tuple(info.name for info in baseline),
        control="" if own else chain.control,
        over="chain" if own else baseline[0].control or "none",
        reuses_target_data=any(reuses_target_data(info, target) for info in (chain, *baseline)),
        near_chance="both" if both else "chain" if chain_near else "control" if any(baseline_near) else "",
        interval=measured[0].overall if comparison.transfer_languages else None,
        english=languages.get(ENGLISH),
        languages=tuple(
            LanguageGain(
                code,
                float(np.mean([cell.languages[code].headline for cell in comparison.treatment])),
                float(np.mean([comparison.control_score(seed, code) for seed in seeds])),
                languages[code],
            )
            for code in comparison.languages
        ),
        seeds=tuple(
            SeedGain(comparison.seeds[seed], gain(seed, comparison.transfer_languages), gain(seed, comparison.english))
            for seed in seeds
        ),
        comparison=comparison,
        verdict=verdict,
        margin=target.margin,
        primary=results.is_primary(chain.of or chain.name, target.name),
    )


def judge(gains: Sequence[Gain]) -> list[Gain]:
    """Holm over each family, then a verdict for each member. What did not pass the gates keeps its verdict."""
    families: dict[tuple[bool, bool], list[int]] = {}
    for place, gain in enumerate(gains):
        if gain.verdict not in NOT_TESTED:
            families.setdefault((gain.primary, gain.reuses_target_data), []).append(place)
    judged = list(gains)
    for places in families.values():
        intervals = [interval for place in places if (interval := gains[place].interval)]
        margins = [gains[place].margin for place in places]
        for place, p_holm, p_equal in zip(places, *correct(intervals, margins), strict=True):
            gain = gains[place]
            assert gain.interval is not None  # it has languages other than English
            verdict = decide(len(gain.seeds), gain.interval, p_holm, p_equal)
            judged[place] = replace(gain, verdict=verdict, p_holm=p_holm, p_equal=p_equal, family=len(places))
    return judged


def correct(intervals: Sequence[Interval], margins: Sequence[float]) -> tuple[list[float], list[float]]:
    """Holm's p values over one family: of a true value other than 0, and of one within the margin."""
    different = holm([interval.p for interval in intervals if interval.p is not None])
    equal = [max(equivalence(interval, margin), SMALLEST_P) for interval, margin in zip(intervals, margins, strict=True)]
    return different, holm(equal)


def decide(seeds: int, interval: Interval, p_holm: float, p_equal: float) -> GainVerdict:
    """The verdict on one member of a family that passed the gates."""
    if seeds < FEWEST_SEEDS:
        return "few seeds"
    if p_equal <= 1 - LEVEL:
        return "equivalent"
    if p_holm <= 1 - LEVEL and (interval.low > 0 or interval.high < 0):
        return "gain" if interval.low > 0 else "loss"
    return "unclear"


def find_controls(chain: ChainInfo, results: Results, control: Control) -> list[ChainInfo]:
    """The chain's controls of one sort. A placebo that names no chain is that of every chain with the same tasks."""
    found = [other for other in results.chains if other.control == control]
    return [other for other in found if (other.of == chain.name if other.of else other.tasks == chain.tasks)]


def compute_transfer_gains(results: Results, summaries: Sequence[Summary], resamples: int = 0) -> tuple[Gain, ...]:
    """Every chain against none, then every control against none and every chain against its controls.

    `resamples`: draws of the bootstrap; 0 chooses them by the number of comparisons."""
    real = [chain for chain in results.chains if chain.name != NO_CHAIN and not chain.control]
    grid = list(product(results.encoders, results.targets))
    most = resamples or min(20_000, max(2_000, 100 * len(real) * len(grid)))
    none = ChainInfo(NO_CHAIN, (), ())

    def family(pairs: Sequence[tuple[ChainInfo, ChainInfo]]) -> list[Gain]:
        places: list[Place] = [(*place, chain, (other,)) for place in grid for chain, other in pairs]
        return _measure_family(results, summaries, places, most, by_control)

    def by_control(one: Comparison, codes: Sequence[str]) -> Hashable:
        return tuple(id(cell) for cells in one.control for cell in cells), codes

    def controls(sort: Control) -> list[Gain]:
        alone = [(other, none) for other in results.chains if other.control == sort]
        return [*family(alone), *family([(chain, other) for chain in real for other in find_controls(chain, results, sort)])]

    return (*family([(chain, none) for chain in real]), *controls("placebo"), *controls("compute"))


def compute_chain_gains(results: Results, summaries: Sequence[Summary], resamples: int = 0) -> tuple[Gain, ...]:
    """The study's own comparisons of chains, on every encoder and target that has scores of all their chains."""
    infos = {info.name: info for info in results.chains}
    places: list[Place] = [
        (encoder, target, infos[chain], tuple(infos[name] for name in baseline))
        for encoder, target, (chain, baseline) in product(results.encoders, results.targets, results.compare)
    ]

    def by_target(one: Comparison, codes: Sequence[str]) -> Hashable:
        return one.treatment[0].encoder, one.target.name, len(one.control[0])

    return tuple(_measure_family(results, summaries, places, resamples or CHAIN_RESAMPLES, by_target, own=True))
