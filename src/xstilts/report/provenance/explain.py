"""From a number of the report back to the stages behind it: its score artefacts and all their inputs."""

import difflib
from dataclasses import dataclass

from xstilts.analysis import formatting as fmt
from xstilts.analysis.results import StageCost
from xstilts.errors import InputError, nearest
from xstilts.report.findings import Findings
from xstilts.report.provenance.origins import Origin, find_origins

KEY_LENGTH = 12


@dataclass(frozen=True)
class Trace:
    """A number and its stages, inputs first. `unknown` are the keys of artefacts that no stage of the plan makes."""

    origin: Origin
    stages: tuple[StageCost, ...]
    unknown: tuple[str, ...]


def explain(findings: Findings, number: str) -> Trace:
    """The stages behind a number. InputError for an id that this report does not have."""
    known = find_origins(findings)
    if number not in known:
        close = difflib.get_close_matches(number, known, n=1)
        hint = nearest(number, known) if len(known) < 20 else f" (did you mean {close[0]}?)" if close else ""
        study = findings.results.study
        raise InputError(f"the report of {study} has no number {number}{hint}; ids are in scores.csv and gains.csv")
    origin = known[number]
    stages = {cost.key: cost for cost in findings.results.costs}
    reached: set[str] = set()
    left = list(origin.keys)
    while left:
        key = left.pop()
        if key in stages and key not in reached:
            reached.add(key)
            left += stages[key].inputs
    unknown = tuple(key for key in origin.keys if key not in stages)
    return Trace(origin, tuple(cost for key, cost in stages.items() if key in reached), unknown)


def write_trace(trace: Trace) -> tuple[str, ...]:
    """The lines for a terminal: the number, how it was made, and each stage."""
    lines = [f"{trace.origin.id}: {trace.origin.text}", trace.origin.how, ""]
    width = max((len(cost.kind) for cost in trace.stages), default=0)
    for cost in trace.stages:
        time = fmt.seconds(cost.seconds) if cost.status == "done" else cost.status
        mark = "*" if cost.key in trace.origin.keys else " "
        lines.append(f"{mark} {cost.kind:<{width}}  {cost.key[:KEY_LENGTH]}  {cost.slug}  {time}")
    if trace.stages:
        lines.append(f"\n* score artefacts of this number; {fmt.count(len(trace.stages), 'stage')} in total.")
    if trace.unknown:
        lines.append(f"Not in the plan: {fmt.listed((key[:KEY_LENGTH] for key in trace.unknown), 6)}.")
    return tuple(lines)
