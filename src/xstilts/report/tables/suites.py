"""Averages over a benchmark, as the benchmark defines them (English included): by task, by group and over all tasks.

Chains are compared over the task-language pairs that every chain and seed of an encoder has, so that all numbers of a
row are means of the same things. How much of the benchmark that is stands in every row; nothing is averaged silently.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from xstilts.analysis import formatting as fmt
from xstilts.analysis.results import LEAK, Cell
from xstilts.report.findings import Analysis
from xstilts.report.provenance.numbers import Number, average_id
from xstilts.report.tables.content import ORACLE, Line, Table, grouped, limit_words
from xstilts.tasks.suites import SUITES, Scores, Suite, SuiteAverage, SuiteAverages, average_suite


@dataclass(frozen=True)
class AverageOf:
    """One average of the tables: of a task, a group or all tasks, for one chain; `text` is its number as it is written."""

    suite: str
    encoder: str
    chain: str
    of: str
    text: Number
    covers: str
    keys: tuple[str, ...]


def suites_of(analysis: Analysis) -> tuple[Suite, ...]:
    """The suites of which the study has at least two tasks as targets."""
    targets = {info.name for info in analysis.results.targets}
    return tuple(suite for suite in SUITES.values() if suite.groups and len(targets & set(suite.tasks)) > 1)


def suite_tables(analysis: Analysis) -> tuple[Table, ...]:
    """One table for each suite of the study."""
    found = (_table(analysis, suite) for suite in suites_of(analysis))
    return tuple(table for table in found if table is not None)


def averages_of(analysis: Analysis) -> tuple[AverageOf, ...]:
    """Every average that the tables show."""
    several = len(analysis.results.encoders) > 1
    found = []
    for suite in suites_of(analysis):
        table = _table(analysis, suite)
        for title, lines in table.groups if table else ():
            encoder = title if several else next(iter(analysis.results.encoders), "")
            for line in lines:
                of = line[0].removeprefix("· ")
                members = suite.groups.get(of, (of,) if of in suite.tasks else tuple(suite.tasks))
                for chain, text in zip(table.columns[1:-1] if table else (), line[1:-1], strict=True):
                    if isinstance(text, Number):
                        keys = [
                            cell.key
                            for cell in analysis.results.cells
                            if (cell.encoder, cell.chain, cell.control) == (encoder, chain, "")
                            and cell.target in members
                            and cell.languages
                        ]
                        found.append(AverageOf(suite.name, encoder, chain, of, text, line[-1], tuple(keys)))
    return tuple(found)


def _table(analysis: Analysis, suite: Suite) -> Table | None:
    without = _left_out(analysis, suite)
    groups, chains = [], [name for name in analysis.chains if name not in without]
    for encoder in analysis.results.encoders:
        runs: dict[tuple[str, int], list[Cell]] = {}
        for cell in analysis.results.cells:
            if (
                cell.encoder == encoder
                and not cell.control
                and cell.target in suite.tasks
                and cell.languages
                and cell.chain not in without
            ):
                runs.setdefault((cell.chain, cell.seed), []).append(cell)
        if not runs:
            continue
        pairs = set.intersection(*({(c.target, code) for c in cells for code in c.languages} for cells in runs.values()))
        means: dict[str, list[SuiteAverages]] = {}
        for (chain, _), cells in runs.items():
            means.setdefault(chain, []).append(average_suite(suite, _scores(cells, pairs)))
        chains = [name for name in chains if name in means] or list(means)
        leaks = {(cell.chain, cell.target) for cells in runs.values() for cell in cells if cell.leak}
        groups.append(
            (encoder if len(analysis.results.encoders) > 1 else "", tuple(_lines(suite, encoder, chains, means, leaks)))
        )
    if not groups:
        return None
    marked = any(ORACLE in text for _, lines in groups for line in lines for text in line)
    caption = f"{suite.name.upper()} averages, 0 to 100, means over seeds, English included as the benchmark has it"
    columns = ("average of", *chains, "covers")
    leak = f". {ORACLE} {LEAK}" if marked else ""
    leak += ". Compute-matched controls are left out: they exist only for targets that are trained" if without else ""
    return grouped(f"{caption}{leak}{limit_words(analysis)}.", columns, groups, range(1, len(chains) + 1))


def _left_out(analysis: Analysis, suite: Suite) -> frozenset[str]:
    """Compute-matched controls, where some of the suite's targets have none and all chains would lose them."""
    whole = all(info.trained for info in analysis.results.targets if info.name in suite.tasks)
    return frozenset() if whole else frozenset(name for name, info in analysis.chains.items() if info.control == "compute")


def _scores(cells: list[Cell], pairs: set[tuple[str, str]]) -> Scores:
    return {
        cell.target: {code: row.values for code, row in cell.languages.items() if (cell.target, code) in pairs}
        for cell in cells
        if any(target == cell.target for target, _ in pairs)
    }


def _lines(
    suite: Suite, encoder: str, chains: list[str], means: Mapping[str, list[SuiteAverages]], leaks: set[tuple[str, str]]
) -> list[Line]:
    some = next(iter(means.values()))[0]

    def line(name: str, of: SuiteAverage, pick: list[list[SuiteAverage]], members: Iterable[str]) -> Line:
        marks = [ORACLE if any((chain, task) in leaks for task in members) else "" for chain in chains]
        values = [[average.value for average in own if average.value is not None] for own in pick]
        id_of = [average_id(suite.name, encoder, chain, name.removeprefix("· ")) for chain in chains]
        shown = (
            Number(fmt.score(float(np.mean(own))) + mark, id) if own else fmt.NOTHING
            for own, mark, id in zip(values, marks, id_of, strict=True)
        )
        return (name, *shown, _covers(of))

    lines = [line("all tasks", some.overall, [[a.overall for a in means[chain]] for chain in chains], suite.tasks)]
    for group, members in suite.groups.items():
        lines.append(line(group, some.groups[group], [[a.groups[group] for a in means[chain]] for chain in chains], members))
        for task in members:
            lines.append(line(f"· {task}", some.tasks[task], [[a.tasks[task] for a in means[chain]] for chain in chains], [task]))
    return lines


def _covers(average: SuiteAverage) -> str:
    (tasks, of_tasks), (languages, of_languages) = average.tasks, average.languages
    if not average.partial:
        return "complete"
    of = f"{tasks} of {of_tasks} tasks, " if of_tasks > 1 else ""
    return f"{of}{languages} of {of_languages} languages" if tasks else "not in this study"
