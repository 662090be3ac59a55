"""Averages over a benchmark, as the benchmark defines them (English included): by task, by group and over all tasks.

Chains are compared over the task-language pairs that every chain and seed of an encoder has, so that all numbers of a
row are means of the same things. Each row says how much of the benchmark it covers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.results import LEAK, Cell
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import Number, suite_average_id
from xstilts.report.tables.table import ORACLE, Table, describe_limits, make_grouped_table
from xstilts.tasks.suites import SUITES, Suite, SuiteAverage, average_suite

ALL_TASKS = "all tasks"


@dataclass(frozen=True)
class BenchmarkAverage:
    """One average of a benchmark for one encoder and chain. `of` is a task, a group or "all tasks"; `value` (0-1, mean over
    seeds) is None without scores; `leak`: a score behind it is an oracle; `keys` are the score artefacts behind it."""

    suite: str
    encoder: str
    chain: str
    of: str
    value: float | None
    leak: bool
    covers: str
    keys: tuple[str, ...]


def find_suites(findings: Findings) -> tuple[Suite, ...]:
    """The suites that share at least two tasks with the targets."""
    targets = {info.name for info in findings.results.targets}
    return tuple(suite for suite in SUITES.values() if suite.groups and len(targets & set(suite.tasks)) > 1)


def compute_suite_averages(findings: Findings) -> tuple[BenchmarkAverage, ...]:
    """Every average of every suite of the study: by suite, encoder, then task or group, then chain."""
    return tuple(
        row
        for suite in find_suites(findings)
        for encoder in findings.results.encoders
        for row in _average_encoder(findings, suite, encoder)
    )


def _average_encoder(findings: Findings, suite: Suite, encoder: str) -> Iterable[BenchmarkAverage]:
    without = _left_out(findings, suite)
    runs: dict[tuple[str, int], list[Cell]] = {}
    for cell in findings.results.cells:
        own = cell.encoder == encoder and not cell.control and cell.chain not in without
        if own and cell.target in suite.tasks and cell.languages:
            runs.setdefault((cell.chain, cell.seed), []).append(cell)
    if not runs:
        return
    pairs = set.intersection(*({(c.target, code) for c in cells for code in c.languages} for cells in runs.values()))
    by_chain: dict[str, list[dict[str, SuiteAverage]]] = {}
    for (chain, _), cells in runs.items():
        averages = average_suite(suite, _shared_scores(cells, pairs))
        by_chain.setdefault(chain, []).append({ALL_TASKS: averages.overall, **averages.groups, **averages.tasks})
    for of, members in _rows(suite):
        for chain in [name for name in findings.chains if name in by_chain] or list(by_chain):
            found = [averages[of] for averages in by_chain[chain]]
            values = [one.value for one in found if one.value is not None]
            behind = [cell for (name, _), cells in runs.items() if name == chain for cell in cells if cell.target in members]
            yield BenchmarkAverage(
                suite=suite.name,
                encoder=encoder,
                chain=chain,
                of=of,
                value=float(np.mean(values)) if values else None,
                leak=any(cell.leak for cell in behind),
                covers=_describe_cover(found[0]),
                keys=tuple(cell.key for cell in behind),
            )


def _rows(suite: Suite) -> Iterable[tuple[str, tuple[str, ...]]]:
    """What is averaged, and over which tasks: all tasks, then each group and its tasks."""
    yield ALL_TASKS, tuple(suite.tasks)
    for group, members in suite.groups.items():
        yield group, members
        yield from ((task, (task,)) for task in members)


def _left_out(findings: Findings, suite: Suite) -> frozenset[str]:
    """Compute-matched controls, if some of the suite's targets have none: else no chain could be averaged over these."""
    whole = all(info.trained for info in findings.results.targets if info.name in suite.tasks)
    return frozenset() if whole else frozenset(name for name, info in findings.chains.items() if info.control == "compute")


def _shared_scores(cells: list[Cell], pairs: set[tuple[str, str]]) -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    return {
        cell.target: {code: row.values for code, row in cell.languages.items() if (cell.target, code) in pairs}
        for cell in cells
        if any(target == cell.target for target, _ in pairs)
    }


def _describe_cover(average: SuiteAverage) -> str:
    (tasks, of_tasks), (languages, of_languages) = average.tasks, average.languages
    if not average.partial:
        return "complete"
    of = f"{tasks} of {of_tasks} tasks, " if of_tasks > 1 else ""
    return f"{of}{languages} of {of_languages} languages" if tasks else "not in this study"


def suite_tables(findings: Findings) -> tuple[Table, ...]:
    """One table for each suite of the study that has scores."""
    averages = compute_suite_averages(findings)
    found = ((suite, [row for row in averages if row.suite == suite.name]) for suite in find_suites(findings))
    return tuple(_table(findings, suite, rows) for suite, rows in found if rows)


def _table(findings: Findings, suite: Suite, rows: list[BenchmarkAverage]) -> Table:
    chains = tuple(dict.fromkeys(row.chain for row in rows))
    groups = []
    for encoder in dict.fromkeys(row.encoder for row in rows):
        lines = []
        for of, _ in _rows(suite):
            own = {row.chain: row for row in rows if (row.encoder, row.of) == (encoder, of)}
            name = f"· {of}" if of in suite.tasks else of
            lines.append((name, *(_write(own.get(chain)) for chain in chains), next(iter(own.values())).covers))
        groups.append((encoder if findings.several_encoders else "", tuple(lines)))
    caption = f"{suite.name.upper()} averages, 0 to 100, means over seeds; English is included, as the benchmark defines it"
    caption += f". {ORACLE} {LEAK}" if any(row.leak for row in rows) else ""
    if _left_out(findings, suite):
        caption += ". Compute-matched controls are left out: they exist only for targets that are trained"
    columns = ("average of", *chains, "covers")
    return make_grouped_table(f"{caption}{describe_limits(findings)}.", columns, groups, range(1, len(chains) + 1))


def _write(row: BenchmarkAverage | None) -> str:
    if row is None or row.value is None:
        return fmt.NOTHING
    return Number(
        fmt.score(row.value) + (ORACLE if row.leak else ""), suite_average_id(row.suite, row.encoder, row.chain, row.of)
    )
