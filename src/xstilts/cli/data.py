"""Verbs about tasks and their data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xstilts.cli.app import JsonOption, app, complain, print_json, terminal
from xstilts.errors import InputError

if TYPE_CHECKING:
    pass


@app.command()
def tasks(
    names: Annotated[
        list[str], typer.Argument(metavar="[NAME]...", help="Tasks, a suite (xtreme), or a file that declares one; all tasks.")
    ] = [],
    check: Annotated[bool, typer.Option("--check", help="Read all files: count, compare, find damage.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the tasks: format, metric, languages, licence, and where their data was found. With a NAME, tell all about it; of
    a task in a file of your own, with its first examples.

    With --check every file of the data folder is read to its end, its examples are counted and its sha256 compared with
    what is published: a task is complete, partial (with which languages), missing (with where it can be had) or damaged.
    Exit code 1 if something is damaged.
    """
    from xstilts.cli.views.catalogue import print_samples, print_task, print_tasks, task_record
    from xstilts.cli.views.data import check_tasks, print_check, where_to_get
    from xstilts.plan.compile import data_root
    from xstilts.tasks.files.check import make_record
    from xstilts.tasks.files.download import select_tasks
    from xstilts.tasks.registry import CATALOGUE
    from xstilts.tasks.user.user_tasks import preview, resolve_tasks

    console, root = terminal(), data_root()
    picked = [task for task, _ in select_tasks(resolve_tasks(names))] or list(CATALOGUE.values())
    if check:
        picked = [task for task in picked if not task.synthetic]
        found = check_tasks(terminal(), picked, root)
        if as_json:
            told = [{**make_record(result), "get": where_to_get(task)} for task, result in zip(picked, found, strict=True)]
            print_json({"folder": str(root), "tasks": told})
        else:
            print_check(console, picked, found, root)
        raise SystemExit(int(any(result.status == "damaged" for result in found)))
    if as_json:
        print_json([task_record(task, root) for task in picked])
    elif names:
        for task in picked:
            print_task(console, task, root)
            if task.declared:
                print_samples(console, preview(task, root))
    else:
        print_tasks(console, picked, root)


@app.command()
def download(
    names: Annotated[list[str], typer.Argument(metavar="TASK...", help="Tasks, or a suite: xtreme, xtreme-r, stilts-9.")],
    splits: Annotated[list[str], typer.Option("--split", metavar="SPLIT", help="train, dev or test; again for more.")] = [],
    languages: Annotated[list[str], typer.Option("--lang", metavar="CODE", help="A language; again for more.")] = [],
    folder: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="Where to put the files (default: $XSTILTS_DATA, else ./data).")
    ] = None,
) -> None:
    """Download the official files of tasks, as far as there are public ones, and check them.

    What was cut off goes on where it was, what is there already is left alone. A suite brings its test data, its languages
    and the English training data that it needs.

    Example:  xstilts download xquad --lang de --lang zh --to ~/data
    """
    from xstilts.cli.views.data import download_all
    from xstilts.data.language import LANGUAGES
    from xstilts.errors import nearest
    from xstilts.plan.compile import data_root
    from xstilts.tasks.files.download import select_tasks
    from xstilts.tasks.task import SPLITS

    for given, known, what in ((splits, SPLITS, "split"), (languages, LANGUAGES, "language")):
        for word in given:
            if word not in known:
                raise InputError(f"no {what} {word!r}{nearest(word, known)}")
    root = folder.expanduser().absolute() if folder else data_root()
    try:
        errors = download_all(terminal(), select_tasks(names, languages), splits or SPLITS, root)
    except KeyboardInterrupt:
        print("\nInterrupted. Run the same command again to go on where it was.", file=sys.stderr)
        raise SystemExit(130) from None
    for error in errors:
        complain(error)
    if errors:
        raise SystemExit(2)
