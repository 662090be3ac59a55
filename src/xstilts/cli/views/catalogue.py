"""The catalogue in the terminal: a line for each task, or everything about one task.

Only the names of data files are looked at. `xstilts data check` reads the files (`views/data.py`).
"""

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


def list_found_languages(task: Task, root: Path) -> dict[str, list[str]]:
    """Split -> the languages whose files are in the data folder. The embedded world has all of its languages; a damaged archive
    or an incomplete composite task has none."""
    languages: dict[str, list[str]] = {}
    for split in task.splits:
        try:
            languages[split] = list(find_languages(task, split, root))
        except InputError:
            languages[split] = []
    return languages


def task_record(task: Task, root: Path) -> dict[str, Any]:
    """The record of a task as JSON."""
    return {
        **{name: getattr(task, name) for name in ("name", "version", "description", "license", "cite", "url", "notes")},
        "format": task.format.name,
        "metric": task.metric.name if task.metric else None,
        "languages": list(task.languages),
        "trains_on": task.trains_on or task.name,
        "parts": list(task.parts),
        "data": {"folder": str(root), "found": list_found_languages(task, root)},
        "hub": {split: f"{s.hub.id} {s.hub.config} @{s.hub.revision}" for split, s in task.splits.items() if s.hub},
        "counts": {split: dict(s.counts) for split, s in task.splits.items() if s.counts},
        "archives": {split: list(s.archives) for split, s in task.splits.items() if s.archives},
        "downloads": {split: [entry.url for entry in s.downloads] for split, s in task.splits.items() if s.downloads},
    }


def _summarise_data(task: Task, root: Path) -> str:
    if task.synthetic:
        return "embedded"
    parts = []
    for split, languages in list_found_languages(task, root).items():
        offered = len(task.splits[split].languages)
        if languages:
            parts.append(split if offered == 1 else f"{split} {len(languages)}/{offered}")
    return ", ".join(parts) or "-"


def print_tasks(console: Console, tasks: list[Task], root: Path) -> None:
    """Print a line for each task."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    for name in ("task", "format", "metric"):
        table.add_column(name, no_wrap=True)
    table.add_column("lang.", justify="right", no_wrap=True)
    table.add_column("licence", no_wrap=True, overflow="ellipsis", max_width=max(13, console.width - 80))
    table.add_column("data found")
    with console.status("looking for data (official archives are unpacked once)"):
        for task in tasks:
            metric = task.metric.name if task.metric else "-"
            row = (task.name, task.format.name, metric, str(len(task.languages)), task.license, _summarise_data(task, root))
            table.add_row(*row, style="" if row[-1] != "-" else "dim")
    console.print(table)
    console.print(f"\ndata folder: {root} (set $XSTILTS_DATA to change it)", style="dim", soft_wrap=True)
    console.print("one task in full: xstilts data list TASK; check the files: xstilts data check", style="dim")


def print_task(console: Console, task: Task, root: Path) -> None:
    """Print everything about one task."""
    console.print(Text.assemble((task.name, "bold"), f"  {task.description}"))
    rows = [
        ("format", task.format.name),
        ("metric", format_metric(task)),
        ("trains on", format_training(task)),
        ("parts", ", ".join(task.parts)),
        ("languages", ", ".join(f"{c} {LANGUAGES[c].name}" for c in task.languages)),
        ("licence", task.license),
        ("cite", task.cite),
        ("url", task.url),
        ("notes", task.notes),
    ]
    here = list_found_languages(task, root)
    for split, source in task.splits.items():
        codes = " ".join(here[split])
        where = f"found in {len(here[split])} of {len(source.languages)} languages: {codes}" if codes else "not found"
        rows += [(split, where if len(source.languages) > 1 or not codes else "found")]
        rows += [(f"  {name}", value) for name, value in source_rows(task, split, source).items()]
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        if value:
            table.add_row(name, Text(value))
    console.print(table)


def print_samples(console: Console, samples: Iterable[SplitPreview]) -> bool:
    """Print, for each split and language, the number of examples and the first of them, or what is wrong. Gives whether all
    could be read."""
    readable = True
    for sample in samples:
        counted = "".join(f", {count:,} {word}" for word, count in sample.counts.items())
        title = (f"{sample.split} {sample.language}", "bold")
        console.print(Text.assemble("\n", title, f"  {sample.count:,} examples{counted}"))
        for example in sample.first:
            text = json.dumps(dataclasses.asdict(example), ensure_ascii=False)
            text = text if len(text) <= LONGEST_SAMPLE else f"{text[: LONGEST_SAMPLE - 1]}…"
            console.print(f"  {text}", soft_wrap=True)
        if sample.trouble:
            readable = False
            console.print(f"  {sample.trouble}", style="red", soft_wrap=True)
    return readable


def source_rows(task: Task, split: str, source: Source) -> dict[str, str]:
    """What a task declares about a split, in words. A composite task declares nothing: its parts do."""
    files = select_files([(task, None)], (split,)) if not task.parts else []
    known = sum(file.sha256 is not None for file in files)
    checksums = "with sha256" if known == len(files) else f"sha256 of {known} known" if known else "no sha256 known"
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return {
        "examples": format_counts(source),
        "files": " | ".join(source.paths),
        "archives": " | ".join(source.archives),
        "download": f"{files[0].url}{more} ({checksums})" if files else "",
        "page": source.url,
        "Hub": f"{source.hub.id} {source.hub.config} {source.hub.split} @{source.hub.revision}" if source.hub else "",
    }


def format_training(task: Task) -> str:
    """The task whose training data are used: those in English, if it has any."""
    if not task.trains_on:
        return "itself, in all languages of a study" if task.format.self_supervised else "nothing"
    own = task.splits.get("train") if task.trains_on == task.name else None
    if own is None or "en" in own.languages:
        return f"{task.trains_on} (English)"
    return f"{task.trains_on} ({' '.join(own.languages)}; a mixture's `languages` chooses)"


def format_metric(task: Task) -> str:
    """The name of a metric, with the names of its values if they differ."""
    values = task.metric.values if task.metric else ()
    return task.metric.name + (f" ({', '.join(values)})" if values != (task.metric.name,) else "") if task.metric else ""


def format_counts(source: Source) -> str:
    """`5,010 in each of 15 languages`, or a count for each language; empty if none is known."""
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
