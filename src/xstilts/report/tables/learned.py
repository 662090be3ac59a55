"""Whether the intermediate tasks were learned: their scores on dev data beside those of the best trivial rule."""

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.treatments import group_by_task, is_learned
from xstilts.report.findings import Findings
from xstilts.report.tables.table import Line, Table, make_table

MOST_TASKS = 2  # of a chain that are named one by one


def describe_learned(findings: Findings, encoder: str, chain: str) -> Line:
    """What a chain learned, a task in each item; for many tasks only how many. () where the store does not know."""
    tasks = group_by_task(findings.results, encoder, chain)
    if len(tasks) > MOST_TASKS:
        return (f"{sum(map(is_learned, tasks.values()))} of {len(tasks)} tasks learned",)
    lines = []
    for task, own in tasks.items():
        score, baseline = (fmt.score(float(np.mean([getattr(one, name) for one in own]))) for name in ("score", "baseline"))
        name = f"{task} " if len(tasks) > 1 else ""
        lines.append(f"{name}dev{fmt.JOIN}{score}, trivial{fmt.JOIN}{baseline}{'' if is_learned(own) else ': not learned'}")
    return tuple(lines)


def learned_table(findings: Findings) -> Table | None:
    """A row for each chain and task."""
    rows = []
    results = findings.results
    for encoder in results.encoders:
        for chain in findings.chains:
            for task, own in group_by_task(results, encoder, chain).items():
                score, baseline = (float(np.mean([getattr(one, name) for one in own])) for name in ("score", "baseline"))
                numbers = (fmt.score(score), fmt.score(baseline), fmt.points(score - baseline), f"{own[0].examples:,}")
                by_seed = ", ".join(fmt.score(one.score) for one in own)
                rows.append((findings.label(chain, encoder), task, *numbers, by_seed, "yes" if is_learned(own) else "no"))
    caption = (
        "The intermediate tasks on their own dev data at the end of the phase, 0 to 100, mean over seeds. Learned: above the "
        "best trivial rule by two points and by more than the sampling error."
    )
    columns = ("chain", "task", "dev score", "trivial rule", "difference", "examples", "by seed", "learned")
    return make_table(caption, columns, rows, range(2, 7))
