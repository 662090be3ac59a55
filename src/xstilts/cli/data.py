"""Verbs about tasks and their data: `xstilts data list|check|download`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xstilts.cli.app import data_app, open_console, print_error, print_json
from xstilts.cli.options import JsonOption
from xstilts.errors import InputError

if TYPE_CHECKING:
    from xstilts.tasks.task import Task

TasksArgument = Annotated[
    list[str], typer.Argument(metavar="TASK", help="Tasks, a suite (xtreme), or a file that declares tasks (default: all).")
]


@data_app.command("list")
def list_tasks(names: TasksArgument = [], as_json: JsonOption = False) -> None:
    """List the tasks, or describe those that are named.

    The list has a line for each task: format, metric, languages, licence, and which of its data were found. For a named task
    it shows everything that is known about it. The data of a task from a file of your own are read to their end: it shows
    how many examples there are and the first of them, and the exit code is 2 if some cannot be read.

    Examples:

        xstilts data list
        xstilts data list xquad
    """
    from xstilts.cli.views.catalogue import print_samples, print_task, print_tasks, task_record
    from xstilts.plan.compile import data_root
    from xstilts.tasks.user.user_tasks import preview

    console, root, tasks = open_console(), data_root(), _select_tasks(names)
    unread = False
    if as_json:
        print_json([task_record(task, root) for task in tasks])
    elif names:
        for task in tasks:
            print_task(console, task, root)
            if task.declared:
                unread |= not print_samples(console, preview(task, root))
    else:
        print_tasks(console, tasks, root)
    if unread:
        raise SystemExit(2)


def _select_tasks(names: list[str]) -> list[Task]:
    """The named tasks, or all."""
    from xstilts.tasks.files.download import select_tasks
    from xstilts.tasks.registry import CATALOGUE
    from xstilts.tasks.user.user_tasks import resolve_tasks

    return [task for task, _ in select_tasks(resolve_tasks(names))] or list(CATALOGUE.values())


@data_app.command()
def check(names: TasksArgument = [], as_json: JsonOption = False) -> None:
    """Check the data files: count the examples and compare the checksums.

    Every file is read to its end. A task is complete, partial (the languages are listed), missing (with the place to get it
    from) or damaged: a file cannot be read. The exit code is 1 if a task is damaged.

    Example:

        XSTILTS_DATA=~/data xstilts data check xtreme
    """
    from xstilts.cli.views.data import check_tasks, print_check, say_where_to_get
    from xstilts.plan.compile import data_root
    from xstilts.tasks.files.check import make_record

    console, root = open_console(), data_root()
    tasks = [task for task in _select_tasks(names) if not task.synthetic]
    found = check_tasks(console, tasks, root)
    if as_json:
        records = [{**make_record(result), "get": say_where_to_get(task)} for task, result in zip(tasks, found, strict=True)]
        print_json({"folder": str(root), "tasks": records})
    else:
        print_check(console, tasks, found, root)
    raise SystemExit(int(any(result.status == "damaged" for result in found)))


@data_app.command()
def download(
    names: Annotated[list[str], typer.Argument(metavar="TASK", help="Tasks, or a suite: xtreme, xtreme-r, stilts-9.")],
    splits: Annotated[list[str], typer.Option("--split", metavar="SPLIT", help="train, dev or test; repeat it for more.")] = [],
    languages: Annotated[list[str], typer.Option("--lang", metavar="CODE", help="A language; repeat it for more.")] = [],
    folder: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="Where to put the files (default: $XSTILTS_DATA, else ./data).")
    ] = None,
) -> None:
    """Download the official files of tasks and check them.

    An interrupted download continues where it stopped, and files that are already there are left alone. A suite includes its
    test data in its languages and the English training data that it needs. Some tasks have no public file: for these it prints
    the page to get them from.

    Example:

        xstilts data download xquad --lang de --lang zh --to ~/data
    """
    from xstilts.cli.views.data import download_all
    from xstilts.data.language import LANGUAGES, explain_code, to_code
    from xstilts.errors import nearest
    from xstilts.plan.compile import data_root
    from xstilts.tasks.files.download import select_tasks
    from xstilts.tasks.task import SPLITS

    for split in splits:
        if split not in SPLITS:
            raise InputError(f"unknown split '{split}'{nearest(split, SPLITS)}")
    codes = [to_code(word) for word in languages]
    for code in codes:
        if code not in LANGUAGES:
            raise InputError(f"unknown language '{code}'{explain_code(code)}")
    root = folder.expanduser().absolute() if folder else data_root()
    try:
        errors = download_all(open_console(), select_tasks(names, codes), splits or SPLITS, root)
    except KeyboardInterrupt:
        print("\nInterrupted. Run the same command again to continue.", file=sys.stderr)
        raise SystemExit(130) from None
    for error in errors:
        print_error(error)
    if errors:
        raise SystemExit(2)
