"""What stands behind the answer: a checklist whose gates come first.

Each check is computed from the artefacts; none is set by hand, and none has a weight: a strength does not make up for a gate
that does not hold. First comes what must hold before a pair counts at all, then how precise the answer is, then which controls
were run, then breadth and records.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from xstilts.analysis import formatting as fmt
from xstilts.analysis.gains import NOT_TESTED, Gain, is_counted
from xstilts.analysis.treatments import has_taken
from xstilts.metrics.significance import ENOUGH_SEEDS, FEWEST_SEEDS
from xstilts.report.answer.wording import count_fewest_seeds, locate
from xstilts.report.findings import Findings, list_grid
from xstilts.report.tables.table import Table, list_limits, make_table

Holds = Literal["yes", "in part", "no", "not known"]
GATES = "before a pair counts"


@dataclass(frozen=True)
class Check:
    """One question, whether it `holds`, and the reason."""

    group: str
    asks: str
    holds: Holds
    reason: str


def assess_quality(findings: Findings) -> tuple[Check, ...]:
    """All checks that apply to the study, gates first; none without a score."""
    parts = (_check_gates, _check_precision, _check_controls, _check_breadth, _check_records)
    return tuple(check for part in parts for check in part(findings)) if findings.summaries else ()


def _grade(have: int, of: int) -> Holds:
    return "yes" if have == of and of else "in part" if have else "no"


def _list_counted(findings: Findings) -> list[Gain]:
    return [gain for gain in findings.gains if is_counted(gain)]


def _check_gates(findings: Findings) -> Iterable[Check]:
    counted, results = _list_counted(findings), findings.results
    chains = dict.fromkeys((gain.encoder, gain.chain) for gain in counted)
    taken = {place: has_taken(results, *place) for place in chains}
    told = [found for found in taken.values() if found is not None]
    if told:
        reason = f"{sum(told)} of {fmt.count(len(told), 'chain')} scored above the trivial rule on dev data"
        yield Check(GATES, "Was the intermediate task learned?", _grade(sum(told), len(told)), reason)
    elif chains:
        yield Check(GATES, "Was the intermediate task learned?", "not known", "no training left scores on dev data")
    near = sum(gain.verdict == "near chance" for gain in counted)
    reason = f"{len(counted) - near} of {fmt.count(len(counted), 'pair')} above the best trivial rule without the chain"
    yield Check(GATES, "Are the scores that are compared above chance?", _grade(len(counted) - near, len(counted)), reason)
    tested = [gain for gain in counted if gain.family]
    lacking = [gain for gain in findings.gains_over("none") if not gain.control and not is_counted(gain)]
    reason = f"{len(tested)} of {fmt.count(len(counted) + len(lacking), 'pair')}"
    why = {"with target data": [gain.reuses_target_data for gain in lacking], "by oracles": [gain.leak for gain in lacking]}
    reason += "".join(f"; not counted: {sum(has)} {words}" for words, has in why.items() if any(has))
    yield Check(GATES, "Which pairs count?", _grade(len(tested), len(counted) + len(lacking)), reason)
    policies = {str(recipe.get("policy", "")) for recipe in results.recipes.values()}
    words = {"en_dev": "the best on English dev data", "target_dev": "the best on target-language dev data"}
    selected = fmt.listed(words[policy] for policy in sorted(policies & set(words)))
    holds: Holds = "no" if "target_dev" in policies else "in part" if selected else "yes"
    yield Check(GATES, "Were weights taken without selection?", holds, selected or "no checkpoint was selected")


def _check_precision(findings: Findings) -> Iterable[Check]:
    counted = _list_counted(findings)
    fewest = count_fewest_seeds(findings.gains, findings.results)
    holds: Holds = "yes" if fewest >= ENOUGH_SEEDS else "in part" if fewest >= FEWEST_SEEDS else "no"
    reason = f"at least {fmt.count(fewest, 'seed')}; fewer than {ENOUGH_SEEDS} are exploratory, "
    reason += f"fewer than {FEWEST_SEEDS} decide nothing"
    yield Check("precision", "Are there enough seeds?", holds, reason)
    sees = {locate(gain): gain.sees for gain in counted if gain.sees is not None}
    margins = {locate(gain): gain.margin for gain in counted}
    fine = sum(seen <= margins[place] for place, seen in sees.items())
    if sees:
        least, most = (
            f"{100 * value:.1f}" if math.isfinite(value) else "no" for value in (min(sees.values()), max(sees.values()))
        )
        reason = f"gains of {least} to {most} points are seen in 80 % of studies, after the correction; "
        reason += f"{fine} of {fmt.count(len(sees), 'pair')} at their margin"
        yield Check("precision", "Could a gain as small as the margin be seen?", _grade(fine, len(sees)), reason)
    else:
        yield Check("precision", "Could a gain as small as the margin be seen?", "no", "nothing was tested")


def _check_controls(findings: Findings) -> Iterable[Check]:
    counted = _list_counted(findings)
    every = {locate(gain) for gain in counted}
    trained = {place for place in every if (info := findings.targets.get(place[2])) and info.trained}
    for name, gains, pairs in (
        ("placebo", findings.gains_over("placebo"), every),
        ("compute-matched control", findings.gains_over("compute"), trained),
    ):
        have = {locate(gain) for gain in gains if gain.verdict not in NOT_TESTED} & pairs
        reason = f"{len(have)} of {fmt.count(len(pairs), 'pair')} compared with one" if have else "none was run"
        yield Check("controls", f"Is each chain compared with a {name}?", _grade(len(have), len(pairs)), reason)
    if any(not info.trained for info in findings.results.targets):
        there = any(row.control for row in findings.summaries)
        reason = "random weights were scored on retrieval" if there else "no random-init control for retrieval"
        yield Check("controls", "Is retrieval compared with random weights?", "yes" if there else "no", reason)
    own = [gain for gain in findings.gains_over("none") if not gain.control and gain.reuses_target_data]
    if own:
        fair = {locate(gain) for gain in findings.gains_over("compute")}
        have = {locate(gain) for gain in own} & fair
        reason = f"{len(have)} of {fmt.count(len(own), 'pair')} with one"
        asks = "Do chains that reuse a target's data have a compute-matched control?"
        yield Check("controls", asks, _grade(len(have), len(own)), reason)


def _check_breadth(findings: Findings) -> Iterable[Check]:
    cells = len(list_grid(findings.results))
    scored = cells - len(findings.missing)
    yield Check("breadth", "Does every cell have a score?", _grade(scored, cells), f"{scored} of {cells}")
    targets = findings.results.targets
    lacking = [info for info in targets if info.missing]
    asked = sum(len(set(info.languages) | set(info.missing)) for info in targets)
    have = asked - sum(len(info.missing) for info in targets)
    reason = f"{have} of {asked} languages of the targets"
    reason += f"; incomplete: {fmt.listed((info.name for info in lacking), 4)}" if lacking else ""
    yield Check("breadth", "Does every language that was asked for have data?", _grade(have, asked), reason)
    limits = list_limits(findings)
    reason = f"limited to {limits}" if limits else "no limits"
    yield Check("breadth", "Were all examples used?", "no" if limits else "yes", reason)
    if total := len(findings.best):
        split = sum(best.nested is not None for best in findings.best)
        asks = "Can the best chain be chosen on other data than it is reported on?"
        yield Check("breadth", asks, _grade(split, total), f"for {split} of {fmt.count(total, 'target')}")


def _check_records(findings: Findings) -> Iterable[Check]:
    done = [cost for cost in findings.results.costs if cost.status == "done"]
    keys = {cost.key for cost in done}
    cells = [cell for cell in findings.results.cells if cell.languages]
    traced = sum(cell.key in keys for cell in cells)
    reason = f"{traced} of {fmt.count(len(cells), 'scored cell')}"
    yield Check("records", "Does every score come from a stage of the plan?", _grade(traced, len(cells)), reason)
    kept = sum(cost.seconds is not None and (cost.kind != "train" or bool(cost.facts)) for cost in done)
    reason = f"{kept} of {fmt.count(len(done), 'stage')}"
    yield Check("records", "Did every stage leave a record of its run?", _grade(kept, len(done)), reason)


def quality_table(findings: Findings) -> Table | None:
    rows = [(one.group, one.asks, one.holds, one.reason) for one in assess_quality(findings)]
    caption = "Computed from the artefacts. The first questions are gates: where one does not hold, a pair is no evidence."
    return make_table(caption, ("group", "question", "holds", "found"), rows)


def describe_quality(findings: Findings) -> str:
    """How many gates hold, and how many other checks."""
    found = assess_quality(findings)
    gates = [one for one in found if one.group == GATES]
    rest = [one for one in found if one.group != GATES]
    held, other = (sum(one.holds == "yes" for one in some) for some in (gates, rest))
    text = f"{held} of {fmt.count(len(gates), 'gate')} hold in full, and {other} of {fmt.count(len(rest), 'other check')}."
    failed = [one.asks for one in gates if one.holds == "no"]
    return f"{text} Not passed: {' '.join(failed)}" if failed else text
