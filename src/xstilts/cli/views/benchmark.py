"""The scores and the problems of a submission in the terminal, in 80 columns."""

from collections.abc import Iterable, Iterator, Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from xstilts.submission.score import Score
from xstilts.submission.validate import Validation
from xstilts.tasks.suites import SuiteAverage

# At most so many problems of a file, or names of a list, are printed. The others are counted.
SHOWN = 10
_ENTRY = 11  # the width of "de 100.0" and a gap
_STATES = {"ok": "green", "partial": "yellow", "invalid": "red"}


def print_score(console: Console, score: Score) -> None:
    """Print a row for each task, then the averages of the groups and of all tasks, each with what it lacks."""
    if score.limit is not None:
        console.print(Text(f"Limited to {score.limit} examples per language: not comparable with published scores.", "yellow"))
    table = Table("task", "mean", "of", "languages", box=None, pad_edge=False, header_style="dim")
    per_line = max(1, (console.width - 26) // _ENTRY)
    for name, task in score.averages.tasks.items():
        if task.value is not None:
            cells = [f"{code} {_headline(score, name, values):5.1f}" for code, values in score.scores[name].items()]
            lines = [
                "".join(f"{cell:<{_ENTRY}}" for cell in cells[n : n + per_line]).rstrip() for n in range(0, len(cells), per_line)
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
    _print_missing(console, score.averages.overall.missing, "missing or not scored")
    _print_reasons(console, score.unscored, "not scored, because the gold labels are missing")
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
    """Print the problems (the first ones of each file), what is missing or unchecked, and the overall result."""
    _print_problems(console, ((problem.where, problem.text) for problem in validation.problems))
    _print_missing(console, validation.missing, "missing")
    _print_reasons(console, validation.unchecked, "only its form was checked, because the gold labels are missing")
    tasks, files = "{} of {} tasks".format(*validation.tasks), "{} of {} files".format(*validation.files)
    line = Text(validation.state.upper(), f"bold {_STATES[validation.state]}")
    line.append(f": {tasks}, {files} of {validation.suite.name}; ", "default")
    line.append(f"{len(validation.problems)} problems, {len(validation.checked)} files compared with gold", "default")
    if validation.limit is not None:
        line.append(f"; limited to {validation.limit} test examples per language: not for the leaderboard", "yellow")
    if validation.state == "partial":
        line.append("; its files are valid, but it is not the whole benchmark", "yellow")
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
    """Names such as `task/de`, grouped by task; a task alone stands for all of its files."""
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
