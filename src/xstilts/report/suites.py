"""Averages over a benchmark, as the benchmark defines them (English included): by task, by group and over all tasks.

Chains are compared over the task-language pairs that every chain and seed of an encoder has, so that all numbers of a
row are means of the same things. How much of the benchmark that is stands in every row; nothing is averaged silently.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from xstilts.report import prose
from xstilts.report.analysis import Analysis
from xstilts.report.content import Line, Table, grouped, limit_words
from xstilts.report.results import Cell
from xstilts.tasks.suites import SUITES, Average, Averages, Scores, Suite, average


def suite_tables(analysis: Analysis) -> tuple[Table, ...]:
    """One table for each suite of which the study has at least two tasks as targets."""
    targets = {info.name for info in analysis.results.targets}
    found = (_table(analysis, suite) for suite in SUITES.values() if suite.groups and len(targets & set(suite.tasks)) > 1)
    return tuple(table for table in found if table is not None)


def _table(analysis: Analysis, suite: Suite) -> Table | None:
    groups, chains = [], list(analysis.chains)
    for encoder in analysis.results.encoders:
        runs: dict[tuple[str, int], list[Cell]] = {}
        for cell in analysis.results.cells:
            if cell.encoder == encoder and not cell.control and cell.target in suite.tasks and cell.languages:
                runs.setdefault((cell.chain, cell.seed), []).append(cell)
        if not runs:
            continue
        pairs = set.intersection(*({(c.target, code) for c in cells for code in c.languages} for cells in runs.values()))
        means: dict[str, list[Averages]] = {}
        for (chain, _), cells in runs.items():
            means.setdefault(chain, []).append(average(suite, _scores(cells, pairs)))
        chains = [name for name in chains if name in means] or list(means)
        groups.append((encoder if len(analysis.results.encoders) > 1 else "", tuple(_lines(suite, chains, means))))
    if not groups:
        return None
    caption = f"{suite.name.upper()} averages, 0 to 100, means over seeds, English included as the benchmark has it"
    columns = ("average of", *chains, "covers")
    return grouped(f"{caption}{limit_words(analysis)}.", columns, groups, range(1, len(chains) + 1))


def _scores(cells: list[Cell], pairs: set[tuple[str, str]]) -> Scores:
    return {
        cell.target: {code: row.values for code, row in cell.languages.items() if (cell.target, code) in pairs}
        for cell in cells
        if any(target == cell.target for target, _ in pairs)
    }


def _lines(suite: Suite, chains: list[str], means: Mapping[str, list[Averages]]) -> list[Line]:
    some = next(iter(means.values()))[0]

    def line(name: str, of: Average, pick: list[list[Average]]) -> Line:
        values = [[average.value for average in own if average.value is not None] for own in pick]
        shown = (prose.score(float(np.mean(own)) if own else None) for own in values)
        return (name, *shown, _covers(of))

    lines = [line("all tasks", some.overall, [[a.overall for a in means[chain]] for chain in chains])]
    for group, members in suite.groups.items():
        lines.append(line(group, some.groups[group], [[a.groups[group] for a in means[chain]] for chain in chains]))
        for task in members:
            lines.append(line(f"· {task}", some.tasks[task], [[a.tasks[task] for a in means[chain]] for chain in chains]))
    return lines


def _covers(average: Average) -> str:
    (tasks, of_tasks), (languages, of_languages) = average.tasks, average.languages
    if not average.partial:
        return "complete"
    of = f"{tasks} of {of_tasks} tasks, " if of_tasks > 1 else ""
    return f"{of}{languages} of {of_languages} languages" if tasks else "not in this study"
