"""Data at hand, in the terminal: what `tasks --check` found, and downloads with their progress."""

from __future__ import annotations

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
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from xstilts.errors import InputError
from xstilts.tasks.files.check import SplitCheck, TaskCheck, check_task
from xstilts.tasks.files.download import OfficialFile, TaskLanguages, UnreachableServer, download, find_manual_pages, select_files
from xstilts.tasks.task import Task

STYLES = {"complete": "green", "partial": "yellow", "missing": "dim", "damaged": "bold red"}


def check_tasks(console: Console, tasks: list[Task], root: Path) -> list[TaskCheck]:
    """Check all tasks that have data to check, saying what is read."""
    known: dict[str, TaskCheck] = {}
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), console=console, transient=True) as progress:
        bar = progress.add_task("reading", total=len(tasks))
        for task in tasks:
            check_task(task, root, lambda text: progress.update(bar, description=text), known)
            progress.advance(bar)
    return [known[task.name] for task in tasks]


def print_check(console: Console, tasks: list[Task], found: list[TaskCheck], root: Path) -> None:
    """A block a task: its status, what is there of each split, what is wrong, and where the rest can be had."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("task", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("data", overflow="fold")
    for task, result in zip(tasks, found, strict=True):
        table.add_row(task.name, Text(result.status, style=STYLES[result.status]), Text("\n").join(_lines(task, result, root)))
    console.print(table)
    counts = {status: sum(result.status == status for result in found) for status in STYLES}
    console.print("\n" + ", ".join(f"{count} {status}" for status, count in counts.items() if count))
    console.print(f"[dim]data folder: {root} (set $XSTILTS_DATA to change it)[/dim]", soft_wrap=True)


def _lines(task: Task, result: TaskCheck, root: Path) -> Iterator[Text]:
    if result.status == "missing":
        yield Text(where_to_get(task), style="dim")
        return
    for name, rows in groupby(result.rows, key=lambda row: row.task if task.parts else row.split):
        found = list(rows)
        if task.parts:
            yield Text(f"{name}: {TaskCheck(name, tuple(found), ()).status}")
        else:
            yield Text(f"{name}: {_said(found)}")
            for problem in dict.fromkeys(row.problem for row in found if row.problem):
                codes = " ".join(row.language for row in found if row.problem == problem)
                yield Text(f"{codes}: {problem.replace(f'{root}/', '')}", style="red")
    if result.status != "complete" and not task.declared:
        yield Text(where_to_get(task), style="dim")


def _said(rows: list[SplitCheck]) -> str:
    """What there is of one split: how many languages of how many, which, how many examples of how many."""
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


def where_to_get(task: Task) -> str:
    """Where the data of a task can be had."""
    pages = ", ".join(find_manual_pages([(task, None)]).values())
    if select_files([(task, None)]):
        return f"get it: xstilts download {task.name}" + (f"; the rest: {pages}" if pages else "")
    hub = sorted({source.hub.id for source in task.splits.values() if source.hub})
    return f"get it: {pages} (licence: {task.license})" + (f"; a study can take it from the Hub: {', '.join(hub)}" if hub else "")


def download_all(console: Console, choices: list[TaskLanguages], splits: Iterable[str], root: Path) -> list[str]:
    """Have every official file of these tasks, one after the other; gives what went wrong. One that fails stops no other."""
    asked = tuple(splits)
    files, pages = select_files(choices, asked), find_manual_pages(choices, asked)
    if not files and not pages:
        names = ", ".join(task.name for task, _ in choices)
        raise InputError(f"nothing to download: {names} has no such split or language, or its examples are made, not read")
    errors: list[str] = []
    unreachable: set[str] = set()
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        for number, file in enumerate(files, start=1):
            host = urlsplit(file.url).netloc
            if host in unreachable:
                errors.append(f"{file.url}: not tried, since {host} could not be reached")
                continue
            bar = progress.add_task(f"{number}/{len(files)} {Path(file.path).name}", total=None)
            try:
                new = download(file, root, partial(_advance, progress, bar))
                console.print(f"{file.path}: {_outcome(file, new)}", soft_wrap=True)
            except InputError as error:
                errors.append(str(error))
                if isinstance(error, UnreachableServer):
                    unreachable.add(host)
            finally:
                progress.remove_task(bar)
    for name, page in pages.items():
        console.print(f"{name}: no file to download is known; see {page}", soft_wrap=True)
    return errors


def _outcome(file: OfficialFile, new: bool) -> str:
    checked = "sha256 as published" if file.sha256 else "no sha256 is known to check it by"
    return f"{'downloaded' if new else 'already there'} ({checked})"


def _advance(progress: Progress, bar: TaskID, here: int, total: int | None) -> None:
    progress.update(bar, completed=here, total=total)
