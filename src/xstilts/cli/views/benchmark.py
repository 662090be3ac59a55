"""Scores and problems of a submission for people, in 80 columns: `score` and `validate` print what is here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from xstilts.submission.score import Score
from xstilts.submission.validate import Validation
from xstilts.tasks.suites import SuiteAverage

# Problems of one file, names in one list: so many are printed, the others are counted.
SHOWN = 10
_ENTRY = 11  # "de 100.0" and a gap
_STATES = {"ok": "green", "partial": "yellow", "invalid": "red"}


def print_score(console: Console, score: Score) -> None:
    """A row a task with its mean and its languages, then groups and overall, each with what it lacks."""
    if score.limit is not None:
        console.print(Text(f"Limited to {score.limit} test examples a language: not comparable with published scores.", "yellow"))
    table = Table("task", "mean", "of", "languages", box=None, pad_edge=False, header_style="dim")
    a_line = max(1, (console.width - 26) // _ENTRY)
    for name, task in score.averages.tasks.items():
        if task.value is not None:
            cells = [f"{code} {_headline(score, name, values):5.1f}" for code, values in score.scores[name].items()]
            lines = [
                "".join(f"{cell:<{_ENTRY}}" for cell in cells[n : n + a_line]).rstrip() for n in range(0, len(cells), a_line)
            ]
            table.add_row(Text(name, "bold"), f"{task.value:.1f}", "{}/{}".format(*task.languages), "\n".join(lines))
            if len(task.values) > 1:
                means = ", ".join(f"{value} {mean:.1f}" for value, mean in task.values.items())
                table.add_row("", "", "", Text(f"means: {means}", "dim"))
    console.print(table)
    console.print()
    groups = {**score.averages.groups, f"{score.suite.name}, all tasks": score.averages.overall}
    for name, group in groups.items():
        console.print(_average_line(name, group))
    _print_missing(console, score.averages.overall.missing, "not there or not scored")
    _print_reasons(console, score.unscored, "not scored, for want of gold")
    _print_problems(console, ((problem.where, problem.text) for problem in score.problems))


def _headline(score: Score, task: str, values: Mapping[str, float]) -> float:
    from xstilts.tasks.registry import find_task

    metric = find_task(task).metric
    assert metric is not None
    return sum(values[metric.values[index]] for index in metric.main) / len(metric.main)


def _average_line(name: str, group: SuiteAverage) -> Text:
    counts = "{} of {} tasks, {} of {} languages".format(*group.tasks, *group.languages)
    if group.value is None:
        return Text(f"{name:<22}    -   nothing scored", "dim")
    line = Text(f"{name:<22}{group.value:5.1f}   ")
    return line.append(f"PARTIAL: {counts}", "yellow") if group.partial else line.append(counts, "dim")


def print_validation(console: Console, validation: Validation) -> None:
    """Every problem (of one file the first ones), what is missing or unchecked, and the state of the whole."""
    _print_problems(console, ((problem.where, problem.text) for problem in validation.problems))
    _print_missing(console, validation.missing, "missing")
    _print_reasons(console, validation.unchecked, "checked for form only, for want of gold")
    tasks, files = "{} of {} tasks".format(*validation.tasks), "{} of {} files".format(*validation.files)
    line = Text(validation.state.upper(), f"bold {_STATES[validation.state]}")
    line.append(f": {tasks}, {files} of {validation.suite.name}; ", "default")
    line.append(f"{len(validation.problems)} problems, {len(validation.checked)} files compared with gold", "default")
    if validation.limit is not None:
        line.append(f"; limited to {validation.limit} test examples a language: not for the leaderboard", "yellow")
    if validation.state == "partial":
        line.append("; what is there is valid, but this is not the whole benchmark", "yellow")
    console.print(line)


def _print_problems(console: Console, problems: Iterable[tuple[str, str]]) -> None:
    by_file: dict[str, list[str]] = {}
    for where, text in problems:
        by_file.setdefault(where.split(":")[0], []).append(f"{where}: {text}")
    for name, found in by_file.items():
        for text in found[:SHOWN]:
            console.print(Text(text), soft_wrap=True)
        if found[SHOWN:]:
            console.print(Text(f"{name}: and {len(found) - SHOWN} more", "dim"), soft_wrap=True)


def _print_missing(console: Console, names: tuple[str, ...], what: str) -> None:
    if names:
        console.print(Text(f"{what}: {', '.join(_short(names))}", "yellow"))


def _short(names: tuple[str, ...]) -> Iterator[str]:
    """Names `task/...` of one task together, the first ones of many; a task alone is all of it."""
    by_task: dict[str, list[str]] = {}
    for name in names:
        task, _, rest = name.partition("/")
        by_task.setdefault(task, []).append(rest.removeprefix("test-").split(".")[0])
    for task, codes in by_task.items():
        more = f" and {len(codes) - SHOWN} more" if codes[SHOWN:] else ""
        yield f"{task} ({' '.join(codes[:SHOWN])}{more})" if any(codes) else task


def _print_reasons(console: Console, reasons: Mapping[str, str], what: str) -> None:
    names = list(reasons)
    for name in names[:SHOWN]:
        console.print(Text(f"{name}: {what}: {reasons[name]}", "yellow"), soft_wrap=True)
    if names[SHOWN:]:
        console.print(Text(f"and {len(names) - SHOWN} more files {what}", "yellow"))
