"""The catalogue as people see it: each task, and where its data was found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from xstilts.data.language import LANGUAGES
from xstilts.tasks.locate import available_languages
from xstilts.tasks.task import Task


def found(task: Task, root: Path) -> dict[str, list[str]]:
    """Split -> the languages whose files are in the data folder (the embedded world is always there)."""
    return {split: list(available_languages(task, split, root)) for split in task.splits}


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
        "data": {"folder": str(root), "found": found(task, root)},
        "hub": {split: f"{s.hub.id} {s.hub.config} @{s.hub.revision}" for split, s in task.splits.items() if s.hub},
    }


def _summary(task: Task, root: Path) -> str:
    if task.embedded:
        return "embedded"
    parts = []
    for split, languages in found(task, root).items():
        offered = len(task.splits[split].languages)
        if languages:
            parts.append(split if offered == 1 else f"{split} {len(languages)}/{offered}")
    return ", ".join(parts) or "none"


def print_tasks(console: Console, tasks: list[Task], root: Path) -> None:
    """One line a task."""
    table = Table(box=None, padding=(0, 1), header_style="bold")
    for name in ("task", "format", "metric", "languages", "licence", "data found"):
        table.add_column(name, no_wrap=name in ("task", "format"), justify="right" if name == "languages" else "left")
    for task in tasks:
        metric = task.metric.name if task.metric else "-"
        table.add_row(task.name, task.format.name, metric, str(len(task.languages)), task.license, _summary(task, root))
    console.print(table)
    console.print(
        f"\n[dim]data folder: {root} (set $XSTILTS_DATA to change it); `xstilts tasks NAME` tells more[/dim]", soft_wrap=True
    )


def print_task(console: Console, task: Task, root: Path) -> None:
    """All there is to know about one task."""
    console.print(f"[bold]{task.name}[/bold]  {task.description}")
    rows = {
        "format": task.format.name,
        "metric": f"{task.metric.name} ({', '.join(task.metric.values)})" if task.metric else "-",
        "trains on": f"{task.trains_on or task.name} (English)",
        "languages": ", ".join(f"{c} {LANGUAGES[c].name}" for c in task.languages),
        "licence": task.license,
        "cite": task.cite or "-",
        "url": task.url or "-",
        "notes": task.notes or "-",
    }
    for split, source in task.splits.items():
        languages = available_languages(task, split, root)
        rows[f"{split} data"] = f"{len(languages)} of {len(source.languages)} languages here: {' '.join(languages) or '-'}"
        if source.paths:
            rows[f"{split} files"] = " | ".join(source.paths)
        if source.hub:
            rows[f"{split} on the Hub"] = f"{source.hub.id} {source.hub.config} {source.hub.split} @{source.hub.revision}"
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, value in rows.items():
        table.add_row(name, value)
    console.print(table)
