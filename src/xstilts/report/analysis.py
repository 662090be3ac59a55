"""Everything that the renderings of a report share, computed once from `Results`: scores, gains, answer, cost, gaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xstilts.report.answer import Answer, answer
from xstilts.report.gains import Gain, transfer_gains
from xstilts.report.results import ChainInfo, Results, StageCost, TargetInfo
from xstilts.report.scores import NO_CHAIN, Summary, summarise

SLOWEST = 5


@dataclass(frozen=True)
class KindCost:
    """Stages of one kind. `seconds` is what they took once; `saved` counts the computations that sharing between cells
    avoided (used_by - 1 per stage) and `saved_seconds` what those would have taken."""

    kind: str
    stages: int
    done: int
    made_before: int
    seconds: float
    saved: int
    saved_seconds: float
    peak_mib: float | None
    tokens: int


@dataclass(frozen=True)
class Analysis:
    """`missing` are the cells of the grid without scores, as (encoder, chain, target, seed); `waiting` are the
    stages that are blocked by a failed one or have not been run."""

    results: Results
    summaries: tuple[Summary, ...]
    gains: tuple[Gain, ...]
    answer: Answer
    kinds: tuple[KindCost, ...]
    slowest: tuple[StageCost, ...]
    failed: tuple[StageCost, ...]
    waiting: tuple[StageCost, ...]
    missing: tuple[tuple[str, str, str, int], ...]

    @property
    def chains(self) -> Mapping[str, ChainInfo]:
        return {info.name: info for info in self.results.chains}

    @property
    def targets(self) -> Mapping[str, TargetInfo]:
        return {info.name: info for info in self.results.targets}

    @property
    def seconds(self) -> float:
        return sum(kind.seconds for kind in self.kinds)

    def against_none(self) -> tuple[Gain, ...]:
        return tuple(gain for gain in self.gains if gain.against == NO_CHAIN)

    def against_placebo(self) -> tuple[Gain, ...]:
        return tuple(gain for gain in self.gains if gain.against != NO_CHAIN)

    def language(self, code: str) -> str:
        """A language's name, or its code where the name is not known."""
        return self.results.language_names.get(code, code)


def kind_costs(costs: tuple[StageCost, ...]) -> tuple[KindCost, ...]:
    """One row for each kind, in the plan's order."""
    rows = []
    for kind in dict.fromkeys(cost.kind for cost in costs):
        own = [cost for cost in costs if cost.kind == kind]
        done = [cost for cost in own if cost.status == "done"]
        peaks = [cost.peak_mib for cost in done if cost.peak_mib is not None]
        spared = [(max(0, cost.used_by - 1), cost.seconds or 0.0) for cost in done]
        rows.append(
            KindCost(
                kind=kind,
                stages=len(own),
                done=len(done),
                made_before=sum(cost.made_before for cost in done),
                seconds=sum(cost.seconds or 0.0 for cost in done),
                saved=sum(times for times, _ in spared),
                saved_seconds=sum(times * seconds for times, seconds in spared),
                peak_mib=max(peaks, default=None),
                tokens=sum(cost.tokens or 0 for cost in done),
            )
        )
    return tuple(rows)


def missing_cells(results: Results) -> tuple[tuple[str, str, str, int], ...]:
    """Grid points of the study without a single scored language."""
    have = {(c.encoder, c.chain, c.target, c.seed) for c in results.cells if c.languages and not c.control}
    return tuple(
        (encoder, chain.name, target.name, seed)
        for encoder in results.encoders
        for chain in results.chains
        for target in results.targets
        for seed in results.seeds
        if (encoder, chain.name, target.name, seed) not in have
    )


def analyse(results: Results, resamples: int = 0) -> Analysis:
    """Pure and repeatable. `resamples` of the bootstrap: 0 lets the number of comparisons choose."""
    summaries = summarise(results)
    gains = transfer_gains(results, summaries, resamples)
    missing = missing_cells(results)
    timed = [cost for cost in results.costs if cost.seconds is not None and cost.status == "done"]
    return Analysis(
        results=results,
        summaries=summaries,
        gains=gains,
        answer=answer(results, summaries, gains, missing),
        kinds=kind_costs(results.costs),
        slowest=tuple(sorted(timed, key=lambda cost: (-(cost.seconds or 0.0), cost.key))[:SLOWEST]),
        failed=tuple(cost for cost in results.costs if cost.status == "failed"),
        waiting=tuple(cost for cost in results.costs if cost.status in ("blocked", "missing")),
        missing=missing,
    )
