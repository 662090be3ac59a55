"""Everything that a report shows, computed once from `Results`: scores, gains, answer, costs, claims.

The certificate of calibration takes seconds, and examples are read from the store: `read_findings` has both, for reports."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from xstilts.analysis.best_chain import BestChain, find_best_chains
from xstilts.analysis.best_setting import BestSetting, find_best_settings
from xstilts.analysis.breakdown import Decomposition, decompose
from xstilts.analysis.broken_examples import BrokenExample, choose_broken
from xstilts.analysis.budget_curves import BudgetCurve, compute_budget_curves
from xstilts.analysis.calibration import Calibration, calibrate
from xstilts.analysis.costs import KindCost, PhaseCost, describe_anomalies, sum_by_kind, sum_by_phase
from xstilts.analysis.effective_robustness import (
    Residual,
    RobustnessLine,
    compute_residuals,
    describe_effective,
    fit_lines,
)
from xstilts.analysis.encoder_interaction import EncoderInteraction, compare_encoders, describe_interactions
from xstilts.analysis.example_choice import TargetExamples, choose_examples
from xstilts.analysis.gains import Gain, compute_chain_gains, compute_transfer_gains
from xstilts.analysis.gather import gather
from xstilts.analysis.language_matrix import LanguageMatrix, find_matrices
from xstilts.analysis.mean_gains import MeanGain, compute_mean_gains
from xstilts.analysis.other_tests import OtherTests, run_other_tests
from xstilts.analysis.picture_examples import PictureExample, choose_pictures
from xstilts.analysis.registration import Registration, check_registration
from xstilts.analysis.results import ChainInfo, Results, StageCost, TargetInfo
from xstilts.analysis.robustness import AttackedScore, RobustnessGain, compute_robustness_gains, describe_attacked
from xstilts.analysis.scores import Summary, summarise
from xstilts.claims.ledger import ClaimResult, judge_claims
from xstilts.claims.published import PublishedComparison, compare_published
from xstilts.execution.execute import State
from xstilts.plan.compile import Plan
from xstilts.report.answer.answer import Answer, answer_over_none
from xstilts.report.answer.comparisons import answer_comparisons
from xstilts.store.store import Store

SLOWEST = 5


@dataclass(frozen=True)
class Findings:
    """`averages` are the means over targets of the study's own comparisons. `missing` are the cells of the grid without scores,
    as (encoder, chain, target, seed). `waiting` are the stages that did not run or that a failed stage blocks. `attacked`,
    `robustness`, `curves`, `matrices`, `lines`, `residuals` and `broken` are of a study with conditions."""

    results: Results
    summaries: tuple[Summary, ...]
    gains: tuple[Gain, ...]
    averages: tuple[MeanGain, ...]
    answer: Answer
    kinds: tuple[KindCost, ...]
    phases: tuple[PhaseCost, ...]
    anomalies: tuple[str, ...]
    slowest: tuple[StageCost, ...]
    failed: tuple[StageCost, ...]
    waiting: tuple[StageCost, ...]
    missing: tuple[tuple[str, str, str, int], ...]
    decomposition: Decomposition
    best: tuple[BestChain, ...]
    settings: tuple[BestSetting, ...]
    contrasts: tuple[EncoderInteraction, ...]
    tests: tuple[OtherTests, ...]
    claims: tuple[ClaimResult, ...]
    registration: Registration | None
    published: tuple[PublishedComparison, ...]
    calibration: Calibration | None = None
    examples: tuple[TargetExamples, ...] = ()
    attacked: tuple[AttackedScore, ...] = ()
    robustness: tuple[RobustnessGain, ...] = ()
    curves: tuple[BudgetCurve, ...] = ()
    matrices: tuple[LanguageMatrix, ...] = ()
    lines: tuple[RobustnessLine, ...] = ()
    residuals: tuple[Residual, ...] = ()
    broken: tuple[BrokenExample, ...] = ()
    pictures: tuple[PictureExample, ...] = ()

    @property
    def chains(self) -> Mapping[str, ChainInfo]:
        return {info.name: info for info in self.results.chains}

    @property
    def targets(self) -> Mapping[str, TargetInfo]:
        return {info.name: info for info in self.results.targets}

    @property
    def seconds(self) -> float:
        return sum(kind.seconds for kind in self.kinds)

    def gains_over(self, base: Literal["none", "placebo", "compute", "chain"]) -> tuple[Gain, ...]:
        """The comparisons with no chain, with a control, or with other chains (the study's own comparisons)."""
        return tuple(gain for gain in self.gains if gain.over == base)

    @property
    def several_encoders(self) -> bool:
        return len(self.results.encoders) > 1

    def find_setting(self, gain: Gain) -> BestSetting | None:
        """The same gain with both sides at their best setting of retrieval."""
        place = (gain.encoder, gain.chain, gain.target)
        return next((one for one in self.settings if (one.encoder, one.chain, one.target) == place), None)

    def label(self, name: str, encoder: str) -> str:
        """A name, with its encoder if the study has several."""
        return f"{name}, {encoder}" if self.several_encoders else name

    def language(self, code: str) -> str:
        """A language's name, or its code where the name is not known."""
        return self.results.language_names.get(code, code)


def list_grid(results: Results) -> tuple[tuple[str, str, str, int], ...]:
    """The cells of the study as (encoder, chain, target, seed). Targets without training have no compute-matched control."""
    return tuple(
        (encoder, chain.name, target.name, seed)
        for encoder in results.encoders
        for chain in results.chains
        for target in results.targets
        for seed in results.seeds
        if target.trained or chain.control != "compute"
    )


def find_missing_cells(results: Results) -> tuple[tuple[str, str, str, int], ...]:
    """The cells of the study in which no language has a score."""
    have = {(c.encoder, c.chain, c.target, c.seed) for c in results.cells if c.languages and not c.control}
    return tuple(place for place in list_grid(results) if place not in have)


def compute_findings(results: Results, resamples: int = 0) -> Findings:
    """Deterministic. `resamples`: draws of the bootstrap; 0 chooses them by the number of comparisons."""
    summaries = summarise(results)
    gains = (*compute_transfer_gains(results, summaries, resamples), *compute_chain_gains(results, summaries, resamples))
    means = compute_mean_gains(results, gains)
    missing = find_missing_cells(results)
    settings = find_best_settings(results, gains)
    over_none = answer_over_none(results, summaries, gains, settings, missing, len(list_grid(results)))
    between = compare_encoders(results, gains)
    if said := describe_interactions(between):
        over_none = replace(over_none, support=(said, *over_none.support))
    lines = fit_lines(results)
    residuals = compute_residuals(results, lines)
    if said := describe_effective(results, lines, residuals):
        over_none = replace(over_none, support=(*over_none.support, said))
    timed = [cost for cost in results.costs if cost.seconds is not None and cost.status == "done"]
    return Findings(
        results=results,
        summaries=summaries,
        gains=gains,
        averages=means,
        answer=answer_comparisons(results, gains, means, over_none) if results.compare else over_none,
        kinds=sum_by_kind(results.costs),
        phases=sum_by_phase(results.costs),
        anomalies=describe_anomalies(results.costs),
        slowest=tuple(sorted(timed, key=lambda cost: (-(cost.seconds or 0.0), cost.key))[:SLOWEST]),
        failed=tuple(cost for cost in results.costs if cost.status == "failed"),
        waiting=tuple(cost for cost in results.costs if cost.status in ("blocked", "missing")),
        missing=missing,
        decomposition=decompose(results, gains),
        best=find_best_chains(results, gains),
        settings=settings,
        contrasts=between,
        tests=run_other_tests(results, gains),
        claims=tuple(judge_claims(results)) if summaries else (),
        registration=check_registration(results),
        published=compare_published(results, gains, resamples),
        attacked=describe_attacked(results),
        robustness=compute_robustness_gains(results, gains, resamples),
        curves=compute_budget_curves(results, resamples),
        matrices=find_matrices(results),
        lines=lines,
        residuals=residuals,
    )


def read_findings(plan: Plan, store: Store, state: State | None = None) -> Findings:
    """All that a report shows of what a store has of a plan. `state`: of the run that has just ended. It takes seconds."""
    findings = compute_findings(gather(plan, store, state))
    return replace(
        findings,
        calibration=calibrate(findings.gains, store),
        examples=choose_examples(plan, store),
        broken=choose_broken(plan, store),
        pictures=choose_pictures(plan, store),
    )
