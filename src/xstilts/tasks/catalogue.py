"""All tasks by name. A new task is a record in one of the files beside this one and its name in that file's TASKS."""

from __future__ import annotations

from xstilts.errors import InputError, nearest
from xstilts.tasks import bitext, choice, nli, paraphrase, qa, ranking, tagging, translate_train, world
from xstilts.tasks.task import Task

_FILES = (nli, paraphrase, qa, choice, tagging, bitext, ranking, translate_train, world)
CATALOGUE: dict[str, Task] = {task.name: task for file in _FILES for task in file.TASKS}


def find_task(name: str) -> Task:
    if name not in CATALOGUE:
        raise InputError(f"no task {name!r}{nearest(name, CATALOGUE)}")
    return CATALOGUE[name]
