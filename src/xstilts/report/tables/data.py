"""Whose data were used: the tasks that are trained on, and what licences forbid or leave open."""

from __future__ import annotations

from collections.abc import Iterable

from xstilts.analysis import formatting as fmt
from xstilts.report.findings import Findings
from xstilts.report.tables.content import Line, Table, plain
from xstilts.tasks.registry import CATALOGUE


def training_tasks(findings: Findings) -> tuple[str, ...]:
    """The tasks of the catalogue that chains and fine-tuning train on, without those that are targets themselves."""
    chains = (task for chain in findings.results.chains for task in chain.tasks)
    tuned = (info.trains_on for info in findings.results.targets if info.trained)
    names = dict.fromkeys([*chains, *tuned])
    return tuple(name for name in names if name in CATALOGUE and name not in findings.targets)


def training_table(findings: Findings) -> Table | None:
    rows = [
        (name, task.format.name, ", ".join(_uses(findings, name)), task.license or "not stated", task.cite, task.url)
        for name in training_tasks(findings)
        for task in [CATALOGUE[name]]
    ]
    columns = ("data", "format", "used by", "licence", "cite", "source")
    return plain("Training data that are no target.", columns, rows) if rows else None


def _uses(findings: Findings, name: str) -> Iterable[str]:
    yield from (chain.name for chain in findings.results.chains if name in chain.tasks and not chain.of)
    yield from (f"{info.name} (fine-tuning)" for info in findings.results.targets if info.trained and info.trains_on == name)


def licence_lines(findings: Findings) -> Line:
    """What to know before data or results go further."""
    licences = {info.name: info.license for info in findings.results.targets}
    licences |= {name: CATALOGUE[name].license for name in training_tasks(findings)}
    strict = [name for name, words in licences.items() if "-NC" in words or "non-commercial" in words.lower()]
    silent = [name for name, words in licences.items() if (not words and "/" not in name) or words.startswith("not stated")]
    lines = [f"Not for commercial use, wholly or in part: the data of {fmt.listed(strict)}."] if strict else []
    return (*lines, *([f"The authors state no licence for the data of {fmt.listed(silent)}."] if silent else []))
