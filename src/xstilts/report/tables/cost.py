"""What a study cost, failed and lacks, as tables and sentences for every rendering."""

from __future__ import annotations

from xstilts.analysis import formatting as fmt
from xstilts.analysis.costs import PARTS
from xstilts.report.findings import Findings
from xstilts.report.tables.content import Line, Table, plain


def cost_table(findings: Findings) -> Table:
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
    return plain("Cost of the stages, each counted once.", columns, rows, range(1, 7))


def phases_table(findings: Findings) -> Table:
    """The engine's figures: a column for each training phase."""
    phases = findings.phases
    rows = [
        ("stages done", *(f"{phase.done} of {phase.stages}" for phase in phases)),
        ("made before", *(str(phase.made_before) for phase in phases)),
        ("attempts", *(str(phase.runs) for phase in phases)),
        *((f"time: {part}", *(phase.seconds[part].written(fmt.seconds) for phase in phases)) for part in PARTS),
        ("real tokens", *(phase.tokens.written(fmt.rate) for phase in phases)),
        ("real tokens a second", *(phase.speed.written(fmt.rate) for phase in phases)),
        ("utilisation", *(phase.utilisation.written(fmt.share) for phase in phases)),
        ("peak memory", *(phase.peak_mib.written(fmt.memory) for phase in phases)),
    ]
    caption = (
        "Training by phase, each stage counted once. Tokens are real ones, padding left out. Utilisation is the work on them "
        "(the products in the encoder's blocks, forward and backward) as a share of what the machine's matrix products reach "
        "at the same precision, measured when a training begins."
    )
    written = " ".join(text for row in rows for text in row[1:])
    caption += f" {fmt.NOTHING}: the runs did not record it." if fmt.NOTHING in written else ""
    caption += " (n of m): so many of the stages recorded it." if "(" in written else ""
    return plain(caption, ("", *(phase.phase for phase in phases)), rows, range(1, len(phases) + 1))


def slowest_table(findings: Findings) -> Table:
    rows = [
        (cost.slug, cost.kind, fmt.seconds(cost.seconds), fmt.memory(cost.peak_mib), str(cost.used_by))
        for cost in findings.slowest
    ]
    return plain("The slowest stages.", ("stage", "kind", "time", "peak memory", "cells"), rows, (2, 3, 4))


def failed_table(findings: Findings) -> Table:
    rows = [(cost.slug, cost.kind, cost.error or fmt.NOTHING, cost.key[:12]) for cost in findings.failed]
    return plain("Stages that failed.", ("stage", "kind", "error", "key"), rows)


def saved_sentence(findings: Findings) -> str:
    """What sharing spared, in computations and time."""
    kinds = [kind for kind in findings.kinds if kind.saved]
    total = fmt.seconds(findings.seconds)
    if not kinds:
        return f"The stages took {total} in all; none is shared between cells."
    spared = fmt.listed(fmt.count(kind.saved, f"{kind.kind} run") for kind in kinds)
    time = fmt.seconds(sum(kind.saved_seconds for kind in kinds))
    return f"The stages took {total} in all. Cells share what they have in common, which spared {spared}, or {time}."


def missing_lines(findings: Findings) -> Line:
    """Which cells have no score, by chain and target, and how many stages wait."""
    pairs: dict[tuple[str, str], list[int]] = {}
    for _, chain, target, seed in findings.missing:
        pairs.setdefault((chain, target), []).append(seed)
    names = [
        f"{chain} → {target} (seed {fmt.listed(str(seed) for seed in dict.fromkeys(seeds))})"
        for (chain, target), seeds in pairs.items()
    ]
    lines = [f"Cells without a score: {fmt.listed(names, 12)}."] if names else []
    statuses = [cost.status for cost in findings.waiting]
    counts = {"blocked by a failed one": statuses.count("blocked"), "not run": statuses.count("missing")}
    waiting = [f"{fmt.count(number, 'stage')} {words}" for words, number in counts.items() if number]
    return (*lines, *([f"{fmt.listed(waiting)}."] if waiting else []))
