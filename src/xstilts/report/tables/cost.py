"""Costs, failures and missing cells of a study, as tables and sentences."""

from xstilts.analysis import formatting as fmt
from xstilts.analysis.costs import PARTS
from xstilts.report.findings import Findings
from xstilts.report.tables.table import Line, Table, make_table


def cost_table(findings: Findings) -> Table | None:
    rows = [
        (
            kind.kind,
            f"{kind.done:,} of {kind.stages:,}",
            f"{kind.made_before:,}",
            fmt.seconds(kind.seconds),
            f"{kind.saved:,}",
            fmt.seconds(kind.saved_seconds),
            fmt.memory(kind.peak_mib),
        )
        for kind in findings.kinds
    ]
    columns = ("kind", "stages done", "made before", "time", "runs saved", "time saved", "peak memory")
    return make_table("Cost by kind of stage. Each stage is counted once.", columns, rows, range(1, 7))


def phases_table(findings: Findings) -> Table | None:
    """What the training engine recorded: a column for each training phase."""
    phases = findings.phases
    measures = [
        *((f"time: {part}", fmt.seconds, [phase.seconds[part] for phase in phases]) for part in PARTS),
        ("real tokens", fmt.rate, [phase.tokens for phase in phases]),
        ("real tokens a second", fmt.rate, [phase.speed for phase in phases]),
        ("utilisation", fmt.share, [phase.utilisation for phase in phases]),
        ("peak memory", fmt.memory, [phase.peak_mib for phase in phases]),
    ]
    rows = [
        ("stages done", *(f"{phase.done} of {phase.stages}" for phase in phases)),
        ("made before", *(str(phase.made_before) for phase in phases)),
        ("attempts", *(str(phase.runs) for phase in phases)),
        *((name, *(figure.describe(write) for figure in own)) for name, write, own in measures),
    ]
    figures = [figure for _, _, own in measures for figure in own]
    caption = (
        "Training by phase. Each stage is counted once. Padding is not counted as tokens. Utilisation is the speed of the matrix "
        "products in the encoder's blocks (forward and backward, real tokens only) as a share of the machine's speed in matrix "
        "products at the same precision, which is measured when a training begins."
    )
    caption += f" {fmt.NOTHING}: not recorded." if any(figure.value is None for figure in figures) else ""
    caption += " (n of m): n of m stages recorded the value." if any(0 < one.known < one.of for one in figures) else ""
    return make_table(caption, ("", *(phase.phase for phase in phases)), rows, range(1, len(phases) + 1))


def slowest_table(findings: Findings) -> Table | None:
    rows = [
        (cost.slug, cost.kind, fmt.seconds(cost.seconds), fmt.memory(cost.peak_mib), str(cost.used_by))
        for cost in findings.slowest
    ]
    return make_table("The slowest stages.", ("stage", "kind", "time", "peak memory", "cells"), rows, (2, 3, 4))


def failed_table(findings: Findings) -> Table | None:
    rows = [(cost.slug, cost.kind, cost.error or fmt.NOTHING, cost.key[:12]) for cost in findings.failed]
    return make_table("Stages that failed.", ("stage", "kind", "error", "key"), rows)


def describe_savings(findings: Findings) -> str:
    """What sharing saved, in runs and time."""
    kinds = [kind for kind in findings.kinds if kind.saved]
    total = fmt.seconds(findings.seconds)
    if not kinds:
        return f"The stages took {total} in total. No stage is shared between cells."
    saved = fmt.listed(fmt.count(kind.saved, f"{kind.kind} run") for kind in kinds)
    time = fmt.seconds(sum(kind.saved_seconds for kind in kinds))
    return f"The stages took {total} in total. Cells share stages, which saved {saved} ({time})."


def describe_missing(findings: Findings) -> Line:
    """The cells without a score, by chain and target, and the number of stages that wait."""
    pairs: dict[tuple[str, str], list[int]] = {}
    for _, chain, target, seed in findings.missing:
        pairs.setdefault((chain, target), []).append(seed)
    names = [
        f"{chain} → {target} (seed {fmt.listed(str(seed) for seed in dict.fromkeys(seeds))})"
        for (chain, target), seeds in pairs.items()
    ]
    lines = [f"Cells without a score: {fmt.listed(names, 12)}."] if names else []
    statuses = [cost.status for cost in findings.waiting]
    counts = {"blocked by a failed stage": statuses.count("blocked"), "not run": statuses.count("missing")}
    waiting = [f"{fmt.count(number, 'stage')} {words}" for words, number in counts.items() if number]
    return (*lines, *([f"{fmt.listed(waiting)}."] if waiting else []))
