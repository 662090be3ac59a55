"""Data files in the terminal: the results of `xstilts data check`, and the progress of downloads."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from xstilts.cli.views.console import open_progress
from xstilts.errors import InputError
from xstilts.tasks.files.check import SplitCheck, TaskCheck, check_task
from xstilts.tasks.files.download import TaskLanguages, UnreachableServer, download, find_manual_pages, select_files
from xstilts.tasks.task import Task

STYLES = {"complete": "green", "partial": "yellow", "missing": "dim", "damaged": "bold red"}


def check_tasks(console: Console, tasks: list[Task], root: Path) -> list[TaskCheck]:
    """Check the data of all these tasks, and show which file is being read."""
    known: dict[str, TaskCheck] = {}
    with open_progress(console, SpinnerColumn(), BarColumn()) as progress:
        bar = progress.add_task("reading", total=len(tasks))
        for task in tasks:
            check_task(task, root, lambda text: progress.update(bar, description=text), known)
            progress.advance(bar)
    return [known[task.name] for task in tasks]


def print_check(console: Console, tasks: list[Task], found: list[TaskCheck], root: Path) -> None:
    """Print, for each task, its status, what each split has, what is wrong, and where to get the rest."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("task", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("data", overflow="fold")
    for task, result in zip(tasks, found, strict=True):
        table.add_row(task.name, Text(result.status, style=STYLES[result.status]), Text("\n").join(_lines(task, result, root)))
    console.print(table)
    counts = {status: sum(result.status == status for result in found) for status in STYLES}
    console.print("\n" + ", ".join(f"{count} {status}" for status, count in counts.items() if count))
    console.print(f"data folder: {root} (set $XSTILTS_DATA to change it)", style="dim", soft_wrap=True)


def _lines(task: Task, result: TaskCheck, root: Path) -> Iterator[Text]:
    if result.status == "missing":
        yield Text(say_where_to_get(task), style="dim")
        return
    for name, rows in groupby(result.rows, key=lambda row: row.task if task.parts else row.split):
        found = list(rows)
        if task.parts:
            yield Text(f"{name}: {TaskCheck(name, tuple(found), ()).status}")
        else:
            yield Text(f"{name}: {_describe_split(found)}")
            for problem in dict.fromkeys(row.problem for row in found if row.problem):
                codes = " ".join(row.language for row in found if row.problem == problem)
                yield Text(f"{codes}: {problem.replace(f'{root}/', '')}", style="red")
    if result.status != "complete" and not task.declared:
        yield Text(say_where_to_get(task), style="dim")


def _describe_split(rows: list[SplitCheck]) -> str:
    """The languages and examples that one split has, of how many."""
    here = [row for row in rows if row.files and not row.problem]
    if not here:
        return "damaged" if any(row.problem for row in rows) else "-"
    parts = []
    if len(rows) > 1:
        which = f": {' '.join(row.language for row in here)}" if len(here) < len(rows) else ""
        parts.append(f"{len(here)} of {len(rows)} languages{which}")
    other = [row for row in here if row.expected not in (None, row.examples)]
    if len(rows) == 1 and other:
        parts.append(f"{other[0].examples:,} of {other[0].expected:,} examples")
    else:
        parts.append(f"{sum(row.examples or 0 for row in here):,} examples")
        parts += [f"{row.language} {row.examples:,} of {row.expected:,}" for row in other]
    unofficial = [row.language for row in here if row.checksum == "not official"]
    if unofficial:
        parts.append("not the official file" + (f": {' '.join(unofficial)}" if len(rows) > 1 else ""))
    elif all(row.checksum == "official" for row in here):
        parts.append("official")
    return ", ".join(parts)


def say_where_to_get(task: Task) -> str:
    """One line that says where to get the data of a task."""
    pages = ", ".join(find_manual_pages([(task, None)]).values())
    if select_files([(task, None)]):
        return f"get it: xstilts data download {task.name}" + (f"; the rest: {pages}" if pages else "")
    hub = sorted({source.hub.id for source in task.splits.values() if source.hub})
    return f"get it: {pages} (licence: {task.license})" + (f"; or from the Hub: {', '.join(hub)}" if hub else "")


def _advance(progress: Progress, bar: TaskID, here: int, total: int | None) -> None:
    progress.update(bar, completed=here, total=total)


def download_all(console: Console, choices: list[TaskLanguages], splits: Iterable[str], root: Path) -> list[str]:
    """Download the official files of these tasks, one after the other. Gives the errors: a file that fails stops no other."""
    asked = tuple(splits)
    files, pages = select_files(choices, asked), find_manual_pages(choices, asked)
    if not files and not pages:
        names = ", ".join(task.name for task, _ in choices)
        raise InputError(f"nothing to download: {names} has no such split or language, or needs no files")
    errors: list[str] = []
    unreachable: set[str] = set()
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with open_progress(console, *columns) as progress:
        for number, file in enumerate(files, start=1):
            host = urlsplit(file.url).netloc
            if host in unreachable:
                errors.append(f"{file.url}: not tried, because {host} could not be reached")
                continue
            bar = progress.add_task(f"{number}/{len(files)} {Path(file.path).name}", total=None)
            try:
                new = download(file, root, partial(_advance, progress, bar))
                checked = "sha256 as published" if file.sha256 else "no sha256 is known to check it with"
                console.print(f"{file.path}: {'downloaded' if new else 'already there'} ({checked})", soft_wrap=True)
            except InputError as error:
                errors.append(str(error))
                if isinstance(error, UnreachableServer):
                    unreachable.add(host)
            finally:
                progress.remove_task(bar)
    for name, page in pages.items():
        console.print(f"{name}: no file to download is known; see {page}", soft_wrap=True)
    return errors
