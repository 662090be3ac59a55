"""How strong is the evidence? Points for seeds, controls, coverage, leakage, selection and reproducibility, with reasons.

Every point is computed from the artefacts; none is set by hand. The points say how much evidence stands behind an answer, not
whether it is true. The criteria are the practice that the report recommends: six seeds, placebo and compute-matched controls,
no selection on target languages.
"""

from __future__ import annotations

from dataclasses import dataclass

from xstilts.analysis import formatting as fmt
from xstilts.analysis.breakdown import counted
from xstilts.report.answer.wording import ENOUGH_SEEDS, locate
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
    if not findings.summaries:
        return ()
    return (
        *_seeds(findings),
        *_controls(findings),
        *_coverage(findings),
        *_leakage(findings),
        *_selection(findings),
        *_reproducibility(findings),
    )


def _seeds(findings: Findings) -> list[Criterion]:
    fewest = min((len(gain.seeds) for gain in findings.gains if counted(gain)), default=len(findings.results.seeds))
    points = 3 if fewest >= ENOUGH_SEEDS else 2 if fewest >= SOME_SEEDS else int(fewest > 1)
    need = f"a claim over seeds needs {ENOUGH_SEEDS}" if fewest < ENOUGH_SEEDS else "enough for a claim over seeds"
    return [Criterion("seeds", "how many seeds each comparison has", points, 3, f"at least {fmt.count(fewest, 'seed')}; {need}")]


def _controls(findings: Findings) -> list[Criterion]:
    found = []
    real = {locate(g) for g in findings.gains if counted(g)}
    trained = {place for place in real if (info := findings.targets.get(place[2])) and info.trained}
    for name, gains, all_pairs in (
        ("placebo", findings.against_placebo(), real),
        ("compute-matched", findings.against_compute(), trained),
    ):
        have = {locate(g) for g in gains} & all_pairs
        points = 2 if have and have == all_pairs else int(bool(have))
        reason = f"{len(have)} of {fmt.count(len(all_pairs), 'pair')} compared with one" if have else "none was run"
        found.append(Criterion(f"{name} control", f"whether each chain is compared with a {name} control", points, 2, reason))
    if any(not info.trained for info in findings.results.targets):
        there = any(row.control for row in findings.summaries)
        reason = "random weights were scored on retrieval" if there else "no random-init control for retrieval"
        found.append(Criterion("random weights", "whether retrieval is compared with random weights", int(there), 1, reason))
    return found


def _coverage(findings: Findings) -> list[Criterion]:
    results = findings.results
    cells = len(list_grid(results))
    scored = cells - len(findings.missing)
    lacking = [info for info in results.targets if info.missing]
    asked = sum(len(set(info.languages) | set(info.missing)) for info in results.targets)
    have = asked - sum(len(info.missing) for info in results.targets)
    limits = list_limits(findings)
    return [
        Criterion("cells", "whether every cell of the grid has a score", int(scored == cells), 1, f"{scored} of {cells} scored"),
        Criterion(
            "languages",
            "whether every language that was asked for has data",
            int(not lacking),
            1,
            f"{have} of {asked} languages of the targets"
            + (f"; incomplete: {fmt.listed((i.name for i in lacking), 4)}" if lacking else ""),
        ),
        Criterion(
            "whole data", "whether all examples were used", int(not limits), 1, f"limited to {limits}" if limits else "no limits"
        ),
    ]


def _leakage(findings: Findings) -> list[Criterion]:
    real = [gain for gain in findings.against_none() if not gain.control]
    leaks = [gain for gain in real if gain.leak]
    own = [gain for gain in real if gain.reuses_target_data]
    fair = {locate(gain) for gain in findings.against_compute()}
    unfair = [gain for gain in own if locate(gain) not in fair]
    return [
        Criterion(
            "no leak",
            "whether weights were chosen without target-language dev data",
            int(not leaks),
            1,
            f"{fmt.count(len(leaks), 'pair')} chosen on such data (not counted)" if leaks else "no weights chosen on such data",
        ),
        Criterion(
            "no reuse",
            "whether chains that train on the target's own data have a fair control",
            int(not unfair),
            1,
            f"{fmt.count(len(unfair), 'pair')} without one (not counted)"
            if unfair
            else f"{fmt.count(len(own), 'such pair')}, all with one"
            if own
            else "no such chain",
        ),
    ]


def _selection(findings: Findings) -> list[Criterion]:
    policies = {str(recipe.get("policy", "")) for recipe in findings.results.recipes.values()}
    free = policies <= {"avg_last_k", "last", ""}
    points = 2 if free else 0 if "target_dev" in policies else 1
    words = {"en_dev": "the best on English dev data", "target_dev": "the best on target-language dev data"}
    reason = "no checkpoint was selected" if free else fmt.listed(words[p] for p in sorted(policies & set(words)))
    found = [Criterion("checkpoints", "whether checkpoints are taken without selection", points, 2, reason)]
    if findings.best:
        split = sum(best.nested is not None for best in findings.best)
        reason = f"possible for {split} of {fmt.count(len(findings.best), 'target')}"
        asks = "whether the best chain can be chosen on other languages or seeds than it is reported on"
        found.append(Criterion("best chain", asks, int(split == len(findings.best)), 1, reason))
    return found


def _reproducibility(findings: Findings) -> list[Criterion]:
    results = findings.results
    done = [cost for cost in results.costs if cost.status == "done"]
    known = {cost.key for cost in done}
    cells = [cell for cell in results.cells if cell.languages]
    traced = [cell for cell in cells if cell.key in known]
    recorded = [cost for cost in done if cost.seconds is not None]
    trained = [cost for cost in done if cost.kind == "train"]
    engine = [cost for cost in trained if cost.facts]
    return [
        Criterion(
            "traced scores",
            "whether every score comes from a stage of the plan",
            int(bool(cells) and len(traced) == len(cells)),
            1,
            f"{len(traced)} of {fmt.count(len(cells), 'scored cell')}",
        ),
        Criterion(
            "run records",
            "whether every stage left a record of its run",
            int(bool(done) and len(recorded) == len(done)),
            1,
            f"{len(recorded)} of {fmt.count(len(done), 'stage')}",
        ),
        Criterion(
            "training records",
            "whether every training recorded its steps and tokens",
            int(len(engine) == len(trained)),
            1,
            f"{len(engine)} of {fmt.count(len(trained), 'training')}",
        ),
    ]


def quality_table(findings: Findings) -> Table | None:
    found = assess_quality(findings)
    if not found:
        return None
    rows = [(one.name, f"{one.points} of {one.of}", one.reason, one.asks) for one in found]
    caption = "The points are computed from the artefacts. They say how strong the evidence is, not whether the answer is true."
    return make_table(caption, ("criterion", "points", "found", "asks"), rows, (1,))


def quality_sentence(findings: Findings) -> str:
    found = assess_quality(findings)
    points, of = sum(one.points for one in found), sum(one.of for one in found)
    return f"{points} of {fmt.count(of, 'point')}." if found else ""
