"""Tables for notebooks: one row for each thing that may be averaged, and nothing else in it.

Controls and values other than the headline stand apart, so that a mean by chain is the mean of that chain. A control is named by
its arm (`squad~placebo`, `random-init`), never by the chain that it resembles. All values are 0-1.
"""

from collections.abc import Sequence
from typing import Any

from xstilts.analysis.budget_curves import BudgetCurve
from xstilts.analysis.gains import Gain
from xstilts.analysis.results import Results
from xstilts.analysis.robustness import OTHERS

Row = dict[str, Any]
SCORE_COLUMNS = ("study", "encoder", "chain", "control", "target", "language", "seed", "score", "n", "leak")
GAIN_COLUMNS = (
    "study", "encoder", "chain", "over", "target", "language", "gain", "low", "high", "p", "p_holm", "verdict", "seeds",
    "reuses_target_data", "leak",
)  # fmt: skip
CURVE_COLUMNS = (
    "study", "encoder", "chain", "target", "attack", "varied", "language", "condition", "strength", "unit", "score", "area",
    "gain", "low", "high", "robustness", "robustness_low", "robustness_high", "seeds",
)  # fmt: skip


def tidy_scores(results: Results, controls: bool = False, every_metric: bool = False) -> list[Row]:
    """One row for each cell and language that has a score. `every_metric`: each value of the metrics has a column beside it."""
    sorts = {info.name: info.control for info in results.chains}
    rows = []
    for cell in results.cells:
        control = cell.control or sorts.get(cell.chain, "")
        if control and not controls:
            continue
        for code, score in cell.languages.items():
            row: Row = {"study": results.study, "encoder": cell.encoder, "chain": cell.control or cell.chain, "control": control}
            row |= {"target": cell.target, "language": code, "seed": cell.seed, "score": float(score.headline)}
            row |= {"n": score.count_examples(), "leak": cell.leak}
            rows.append(row | (dict(score.values) if every_metric else {}))
    return rows


def tidy_gains(results: Results, gains: Sequence[Gain], languages: bool = False) -> list[Row]:
    """One row for each gain: the mean over the languages other than English, or each language, whose p is not corrected and which
    has no verdict."""
    rows = []
    for gain in gains:
        row: Row = {"study": results.study, "encoder": gain.encoder, "chain": gain.chain, "over": gain.against}
        row |= {"target": gain.target, "seeds": len(gain.seeds), "leak": gain.leak, "reuses_target_data": gain.reuses_target_data}
        found = {"mean": gain.interval} if gain.interval else {}
        if languages:
            found = {one.language: one.interval for one in gain.languages}
        for language, interval in found.items():
            values: Row = {"language": language, "gain": interval.estimate, "low": interval.low, "high": interval.high}
            values["p"] = interval.p
            rows.append(row | values | ({} if languages else {"p_holm": gain.p_holm, "verdict": gain.verdict}))
    return rows


def tidy_curves(results: Results, curves: Sequence[BudgetCurve]) -> list[Row]:
    """One row for each point of each curve, the clean score first. The area under the curve, and its differences to no chain,
    stand in each of its rows."""
    rows = []
    for one in curves:
        ladder = one.ladder
        row: Row = {"study": results.study, "encoder": one.encoder, "chain": one.chain, "target": one.target}
        row |= {"attack": ladder.title, "varied": ladder.varied, "unit": ladder.unit, "area": one.area, "seeds": len(one.seeds)}
        row["language"] = "mean" if one.language == OTHERS else one.language
        if one.gain:
            row |= {"gain": one.gain.estimate, "low": one.gain.low, "high": one.gain.high}
        if one.robustness:
            row |= {"robustness": one.robustness.estimate}
            row |= {"robustness_low": one.robustness.low, "robustness_high": one.robustness.high}
        for condition, strength, score in zip(("clean", *ladder.conditions), (0.0, *ladder.strengths), one.scores, strict=True):
            rows.append({**row, "condition": condition, "strength": strength, "score": score})
    return rows
