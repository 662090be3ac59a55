"""Text to pre-train on, given as folders. It is registered like any task of a user, so that workers find it again.

A study may name such a folder among its `tasks` and gets the same tasks. The names of the files are explained in `folder.py`.
"""

from pathlib import Path

from xstilts.errors import InputError
from xstilts.tasks.task import Task
from xstilts.tasks.user.user_tasks import register


def declare_corpus(folder: Path, parallel: Path | None = None) -> tuple[Task, ...]:
    """Register the text of a folder of `<code>.txt` and, if given, the translations in another folder: one task, or two."""
    tasks = [_declare_one(folder, "text")]
    if parallel is not None:
        tasks.append(_declare_one(parallel, "parallel"))
    return tuple(tasks)


def _declare_one(folder: Path, kind: str) -> Task:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected one with " + ("<code>.txt" if kind == "text" else "translations"))
    for task in register(folder):
        if task.name.startswith(f"{kind}/"):
            return task
    layout = "<code>.txt" if kind == "text" else "<anything>.<code>.txt and an English file, or <code>.tsv"
    raise InputError(f"{folder}: found no {kind} files; expected {layout}")
