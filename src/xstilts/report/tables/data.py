"""The data of a study: targets and training tasks as tables, and what licences forbid."""

from collections.abc import Iterable

from xstilts.analysis import formatting as fmt
from xstilts.analysis.results import TargetInfo
from xstilts.report.findings import Findings
from xstilts.report.tables.table import Line, Table, make_table
from xstilts.tasks.registry import CATALOGUE


def targets_table(findings: Findings) -> Table | None:
    rows = [
        (
            info.name,
            info.format,
            info.headline_name,
            info.trains_on or info.name if info.trained else "no training",
            describe_coverage(info),
            info.license or "not stated",
            info.cite,
            info.url,
        )
        for info in findings.results.targets
    ]
    columns = ("target", "format", "score", "trained on", "languages", "licence", "cite", "source")
    return make_table("Targets: data, languages and licences.", columns, rows)


def describe_coverage(info: TargetInfo) -> str:
    """n of m languages, and which are missing."""
    text = info.coverage.replace("/", " of ") or f"all {len(info.languages)}"
    return f"{text}; missing {' '.join(info.missing)}" if info.missing else text


def _training_tasks(findings: Findings) -> tuple[str, ...]:
    """The catalogue's tasks that chains and fine-tuning train on and that are not targets."""
    names = dict.fromkeys(task for chain in findings.results.chains for task in chain.tasks)
    names |= dict.fromkeys(info.trains_on for info in findings.results.targets if info.trained)
    return tuple(name for name in names if name in CATALOGUE and name not in findings.targets)


def training_table(findings: Findings) -> Table | None:
    rows = [
        (name, task.format.name, ", ".join(_uses(findings, name)), task.license or "not stated", task.cite, task.url)
        for name in _training_tasks(findings)
        for task in [CATALOGUE[name]]
    ]
    columns = ("data", "format", "used by", "licence", "cite", "source")
    return make_table("Training data that are not targets.", columns, rows)


def _uses(findings: Findings, name: str) -> Iterable[str]:
    yield from (chain.name for chain in findings.results.chains if name in chain.tasks and not chain.of)
    yield from (f"{info.name} (fine-tuning)" for info in findings.results.targets if info.trained and info.trains_on == name)


def describe_licences(findings: Findings) -> Line:
    """What to know before sharing data or results."""
    licences = {info.name: info.license for info in findings.results.targets}
    licences |= {name: CATALOGUE[name].license for name in _training_tasks(findings)}
    strict = [name for name, words in licences.items() if "-NC" in words or "non-commercial" in words.lower()]
    silent = [name for name, words in licences.items() if (not words and "/" not in name) or words.startswith("not stated")]
    lines = [f"The licence forbids commercial use of all or part of the data of {fmt.listed(strict)}."] if strict else []
    return (*lines, *([f"The authors state no licence for the data of {fmt.listed(silent)}."] if silent else []))
