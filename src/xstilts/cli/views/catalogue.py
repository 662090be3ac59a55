"""The catalogue in the terminal: a line for each task with where its data was found, or all there is to know about one.

Only names of files are looked at here; whether the files are whole is for `xstilts tasks --check` (data_view.py).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from xstilts.data.language import LANGUAGES
from xstilts.errors import InputError
from xstilts.tasks.files.download import select_files
from xstilts.tasks.files.locate import find_languages
from xstilts.tasks.task import Source, Task
from xstilts.tasks.user.user_tasks import SplitPreview

LONGEST_SAMPLE = 500  # characters


def found(task: Task, root: Path) -> dict[str, list[str]]:
    """Split -> the languages whose files are in the data folder (the embedded world is always there). An archive that is
    damaged, or a composite task that is not all there, has none."""
    languages: dict[str, list[str]] = {}
    for split in task.splits:
        try:
            languages[split] = list(find_languages(task, split, root))
        except InputError:
            languages[split] = []
    return languages


def task_record(task: Task, root: Path) -> dict[str, Any]:
    """A task as JSON."""
    return {
        "name": task.name,
        "version": task.version,
        "description": task.description,
        "format": task.format.name,
        "metric": task.metric.name if task.metric else None,
        "languages": list(task.languages),
        "trains_on": task.trains_on or task.name,
        "license": task.license,
        "cite": task.cite,
        "url": task.url,
        "notes": task.notes,
        "parts": list(task.parts),
        "data": {"folder": str(root), "found": found(task, root)},
        "hub": {split: f"{s.hub.id} {s.hub.config} @{s.hub.revision}" for split, s in task.splits.items() if s.hub},
        "counts": {split: dict(s.counts) for split, s in task.splits.items() if s.counts},
        "archives": {split: list(s.archives) for split, s in task.splits.items() if s.archives},
        "downloads": {split: [entry.url for entry in s.downloads] for split, s in task.splits.items() if s.downloads},
    }


def _summary(task: Task, root: Path) -> str:
    if task.synthetic:
        return "embedded"
    parts = []
    for split, languages in found(task, root).items():
        offered = len(task.splits[split].languages)
        if languages:
            parts.append(split if offered == 1 else f"{split} {len(languages)}/{offered}")
    return ", ".join(parts) or "-"


def print_tasks(console: Console, tasks: list[Task], root: Path) -> None:
    """One line a task."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for name in ("task", "format", "metric"):
        table.add_column(name, no_wrap=True)
    table.add_column("lang.", justify="right", no_wrap=True)
    table.add_column("licence", no_wrap=True, overflow="ellipsis", max_width=max(13, console.width - 80))
    table.add_column("data found")
    with console.status("looking for data (official archives are unpacked, once)"):
        for task in tasks:
            metric = task.metric.name if task.metric else "-"
            row = (task.name, task.format.name, metric, str(len(task.languages)), task.license, _summary(task, root))
            table.add_row(*row, style="" if row[-1] != "-" else "dim")
    console.print(table)
    console.print(f"\n[dim]data folder: {root} (set $XSTILTS_DATA to change it)[/dim]", soft_wrap=True)
    console.print("[dim]more: xstilts tasks NAME; whether all is whole: xstilts tasks --check[/dim]")


def print_task(console: Console, task: Task, root: Path) -> None:
    """All there is to know about one task."""
    console.print(f"[bold]{task.name}[/bold]  {task.description}")
    rows = [
        ("format", task.format.name),
        ("metric", spelled_metric(task)),
        ("trains on", spelled_training(task)),
        ("parts", ", ".join(task.parts)),
        ("languages", ", ".join(f"{c} {LANGUAGES[c].name}" for c in task.languages)),
        ("licence", task.license),
        ("cite", task.cite),
        ("url", task.url),
        ("notes", task.notes),
    ]
    here = found(task, root)
    for split, source in task.splits.items():
        codes = " ".join(here[split])
        said = f"{len(here[split])} of {len(source.languages)} languages here: {codes}" if codes else "not here"
        rows += [(split, said if len(source.languages) > 1 or not codes else "here")]
        rows += [(f"  {name}", value) for name, value in source_rows(task, split, source).items()]
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        if value:
            table.add_row(name, Text(value))
    console.print(table)


def print_samples(console: Console, samples: Iterable[SplitPreview]) -> None:
    """How many examples each file of a task has, the first of them, or what is wrong."""
    for sample in samples:
        counted = "".join(f", {count:,} {word}" for word, count in sample.counts.items())
        console.print(f"\n[bold]{sample.split} {sample.language}[/bold]  {sample.count:,} examples{counted}")
        for example in sample.first:
            said = json.dumps(dataclasses.asdict(example), ensure_ascii=False)
            said = said if len(said) <= LONGEST_SAMPLE else f"{said[: LONGEST_SAMPLE - 1]}…"
            console.print(f"  {said}", markup=False, soft_wrap=True)
        if sample.trouble:
            console.print(f"  {sample.trouble}", style="red", markup=False, soft_wrap=True)


def source_rows(task: Task, split: str, source: Source) -> dict[str, str]:
    """What is declared about a split, in words; nothing about a composite task, whose parts say it."""
    files = select_files([(task, None)], (split,)) if not task.parts else []
    known = sum(file.sha256 is not None for file in files)
    checksums = "with sha256" if known == len(files) else f"sha256 of {known} known" if known else "no sha256 known"
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return {
        "examples": spelled_counts(source),
        "files": " | ".join(source.paths),
        "archives": " | ".join(source.archives),
        "download": f"{files[0].url}{more} ({checksums})" if files else "",
        "page": source.url,
        "Hub": f"{source.hub.id} {source.hub.config} {source.hub.split} @{source.hub.revision}" if source.hub else "",
    }


def spelled_training(task: Task) -> str:
    """The task that gives the training data, in English unless that has none."""
    if not task.trains_on:
        return "itself, in all languages of a study" if task.format.name == "mlm" else "nothing"
    own = task.splits.get("train") if task.trains_on == task.name else None
    if own is None or "en" in own.languages:
        return f"{task.trains_on} (English)"
    return f"{task.trains_on} ({' '.join(own.languages)}; a mixture's `languages` chooses)"


def spelled_metric(task: Task) -> str:
    """A metric's name, with its values if they have other names."""
    values = task.metric.values if task.metric else ()
    return task.metric.name + (f" ({', '.join(values)})" if values != (task.metric.name,) else "") if task.metric else ""


def spelled_counts(source: Source) -> str:
    """`5,010 in each of 15 languages`, or a count by language; empty where none is known."""
    counts = source.counts
    if not counts:
        return ""
    unknown = [code for code in source.languages if code not in counts]
    rest = f"; not known: {' '.join(unknown)}" if unknown else ""
    if len(counts) == 1 == len(source.languages):
        return f"{next(iter(counts.values())):,}"
    if len(counts) > 1 and len(set(counts.values())) == 1:
        return f"{next(iter(counts.values())):,} in each of {len(counts)} languages{rest}"
    return ", ".join(f"{code} {count:,}" for code, count in counts.items()) + rest
