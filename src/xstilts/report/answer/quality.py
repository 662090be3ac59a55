"""How strong is the evidence? Points for seeds, controls, coverage, leakage, selection and reproducibility, with reasons.

Every point is computed from the artefacts; none is set by hand. The points say how much evidence stands behind an answer, not
whether it is true. The criteria are the practice that the report recommends: six seeds, placebo and compute-matched controls,
no selection on target languages.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import is_counted
from xstilts.report.answer.wording import ENOUGH_SEEDS, count_fewest_seeds, locate
from xstilts.report.findings import Findings, list_grid
from xstilts.report.tables.table import Table, list_limits, make_table

SOME_SEEDS = 3


@dataclass(frozen=True)
class Criterion:
    """`points` of at most `of`, and the reason."""

    name: str
    asks: str
    points: int
    of: int
    reason: str


def assess_quality(findings: Findings) -> tuple[Criterion, ...]:
    """All criteria that apply to the study; none without a score."""
    parts = (_judge_seeds, _judge_controls, _judge_coverage, _judge_leakage, _judge_selection, _judge_records)
    return tuple(criterion for part in parts for criterion in part(findings)) if findings.summaries else ()


def _check(name: str, asks: str, holds: bool, reason: str) -> Criterion:
    """A criterion of one point."""
    return Criterion(name, asks, int(holds), 1, reason)


def _judge_seeds(findings: Findings) -> Iterable[Criterion]:
    fewest = count_fewest_seeds(findings.gains, findings.results)
    points = 3 if fewest >= ENOUGH_SEEDS else 2 if fewest >= SOME_SEEDS else int(fewest > 1)
    need = f"a claim over seeds needs {ENOUGH_SEEDS}" if fewest < ENOUGH_SEEDS else "enough for a claim over seeds"
    yield Criterion("seeds", "how many seeds each comparison has", points, 3, f"at least {fmt.count(fewest, 'seed')}; {need}")


def _judge_controls(findings: Findings) -> Iterable[Criterion]:
    real = {locate(g) for g in findings.gains if is_counted(g)}
    trained = {place for place in real if (info := findings.targets.get(place[2])) and info.trained}
    for name, gains, all_pairs in (
        ("placebo", findings.gains_over("placebo"), real),
        ("compute-matched", findings.gains_over("compute"), trained),
    ):
        have = {locate(g) for g in gains} & all_pairs
        points = 2 if have and have == all_pairs else int(bool(have))
        reason = f"{len(have)} of {fmt.count(len(all_pairs), 'pair')} compared with one" if have else "none was run"
        yield Criterion(f"{name} control", f"whether each chain is compared with a {name} control", points, 2, reason)
    if any(not info.trained for info in findings.results.targets):
        there = any(row.control for row in findings.summaries)
        reason = "random weights were scored on retrieval" if there else "no random-init control for retrieval"
        yield _check("random weights", "whether retrieval is compared with random weights", there, reason)


def _judge_coverage(findings: Findings) -> Iterable[Criterion]:
    cells = len(list_grid(findings.results))
    scored = cells - len(findings.missing)
    yield _check("cells", "whether every cell of the grid has a score", scored == cells, f"{scored} of {cells} scored")
    targets = findings.results.targets
    lacking = [info for info in targets if info.missing]
    asked = sum(len(set(info.languages) | set(info.missing)) for info in targets)
    reason = f"{asked - sum(len(info.missing) for info in targets)} of {asked} languages of the targets"
    reason += f"; incomplete: {fmt.listed((info.name for info in lacking), 4)}" if lacking else ""
    yield _check("languages", "whether every language that was asked for has data", not lacking, reason)
    limits = list_limits(findings)
    yield _check("whole data", "whether all examples were used", not limits, f"limited to {limits}" if limits else "no limits")


def _judge_leakage(findings: Findings) -> Iterable[Criterion]:
    real = [gain for gain in findings.gains_over("none") if not gain.control]
    leaks = sum(gain.leak for gain in real)
    reason = f"{fmt.count(leaks, 'pair')} chosen on such data (not counted)" if leaks else "no weights chosen on such data"
    yield _check("no leak", "whether weights were chosen without target-language dev data", not leaks, reason)
    own = [gain for gain in real if gain.reuses_target_data]
    fair = {locate(gain) for gain in findings.gains_over("compute")}
    unfair = sum(locate(gain) not in fair for gain in own)
    reason = f"{fmt.count(len(own), 'such pair')}, all with one" if own else "no such chain"
    reason = f"{fmt.count(unfair, 'pair')} without one (not counted)" if unfair else reason
    yield _check("no reuse", "whether chains that train on the target's own data have a fair control", not unfair, reason)


def _judge_selection(findings: Findings) -> Iterable[Criterion]:
    policies = {str(recipe.get("policy", "")) for recipe in findings.results.recipes.values()}
    free = policies <= {"avg_last_k", "last", ""}
    points = 2 if free else 0 if "target_dev" in policies else 1
    words = {"en_dev": "the best on English dev data", "target_dev": "the best on target-language dev data"}
    reason = "no checkpoint was selected" if free else fmt.listed(words[p] for p in sorted(policies & set(words)))
    yield Criterion("checkpoints", "whether checkpoints are taken without selection", points, 2, reason)
    if total := len(findings.best):
        split = sum(best.nested is not None for best in findings.best)
        asks = "whether the best chain can be chosen on other languages or seeds than it is reported on"
        yield _check("best chain", asks, split == total, f"possible for {split} of {fmt.count(total, 'target')}")


def _judge_records(findings: Findings) -> Iterable[Criterion]:
    done = [cost for cost in findings.results.costs if cost.status == "done"]
    keys = {cost.key for cost in done}
    cells = [cell for cell in findings.results.cells if cell.languages]
    trained = [cost for cost in done if cost.kind == "train"]
    traced = sum(cell.key in keys for cell in cells)
    asks, reason = "whether every score comes from a stage of the plan", f"{traced} of {fmt.count(len(cells), 'scored cell')}"
    yield _check("traced scores", asks, 0 < traced == len(cells), reason)
    timed = sum(cost.seconds is not None for cost in done)
    asks, reason = "whether every stage left a record of its run", f"{timed} of {fmt.count(len(done), 'stage')}"
    yield _check("run records", asks, 0 < timed == len(done), reason)
    recorded = sum(bool(cost.facts) for cost in trained)
    asks = "whether every training recorded its steps and tokens"
    yield _check("training records", asks, recorded == len(trained), f"{recorded} of {fmt.count(len(trained), 'training')}")


def quality_table(findings: Findings) -> Table | None:
    rows = [(one.name, f"{one.points} of {one.of}", one.reason, one.asks) for one in assess_quality(findings)]
    caption = "The points are computed from the artefacts. They say how strong the evidence is, not whether the answer is true."
    return make_table(caption, ("criterion", "points", "found", "asks"), rows, (1,))


def write_points(findings: Findings) -> str:
    found = assess_quality(findings)
    points, of = sum(one.points for one in found), sum(one.of for one in found)
    return f"{points} of {fmt.count(of, 'point')}."
