"""From a number of the report back to the stages that made it: its score artefacts and everything that they rest on."""

from __future__ import annotations

from dataclasses import dataclass

from xstilts.analysis import formatting as fmt
from xstilts.analysis.results import StageCost
from xstilts.errors import InputError, nearest
from xstilts.report.findings import Findings
from xstilts.report.provenance.origins import Origin, origins

KEY_LENGTH = 12


@dataclass(frozen=True)
class Trace:
    """A number, and its stages in an order in which inputs come first. `unknown` are artefacts that are no stages of the plan."""

    origin: Origin
    stages: tuple[StageCost, ...]
    unknown: tuple[str, ...]


def explain(findings: Findings, number: str) -> Trace:
    """The chain of stages behind a number. InputError for an id that this report does not have."""
    known = origins(findings)
    if number not in known:
        hint = nearest(number, known) if len(known) < 20 else _hint(number, list(known))
        raise InputError(
            f"{number} is no number of the report of {findings.results.study}{hint}; ids stand in scores.csv and gains.csv"
        )
    origin = known[number]
    stages = {cost.key: cost for cost in findings.results.costs}
    wanted: set[str] = set()
    left = [key for key in origin.keys if key in stages]
    while left:
        key = left.pop()
        if key not in wanted:
            wanted.add(key)
            left += [source for source in stages[key].inputs if source in stages]
    unknown = tuple(key for key in origin.keys if key not in stages)
    return Trace(origin, tuple(cost for key, cost in stages.items() if key in wanted), unknown)


def _hint(number: str, known: list[str]) -> str:
    import difflib

    close = difflib.get_close_matches(number, known, n=1, cutoff=0.6)
    return f" (did you mean {close[0]}?)" if close else ""


def trace_lines(trace: Trace) -> tuple[str, ...]:
    """What a terminal prints: the number, how it was made, and a line for each stage."""
    lines = [f"{trace.origin.id}: {trace.origin.text}", trace.origin.how, ""]
    width = max((len(cost.kind) for cost in trace.stages), default=0)
    for cost in trace.stages:
        time = fmt.seconds(cost.seconds) if cost.status == "done" else cost.status
        mark = "*" if cost.key in trace.origin.keys else " "
        lines.append(f"{mark} {cost.kind:<{width}}  {cost.key[:KEY_LENGTH]}  {cost.slug}  {time}")
    if trace.stages:
        lines.append(f"\n* the score artefacts of this number; {fmt.count(len(trace.stages), 'stage')} in all.")
    if trace.unknown:
        lines.append(f"Not in the plan: {fmt.listed((key[:KEY_LENGTH] for key in trace.unknown), 6)}.")
    return tuple(lines)
