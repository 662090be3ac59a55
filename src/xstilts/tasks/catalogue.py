"""All tasks by name. A new task is a record in one of the files beside this one and its name in that file's TASKS."""

from __future__ import annotations

from xstilts.errors import InputError, nearest
from xstilts.tasks import bitext, choice, nli, qa, tagging
from xstilts.tasks.task import Task

try:
    from xstilts.tasks.world import TASKS as WORLD
except ImportError:
    WORLD = {}

CATALOGUE: dict[str, Task] = {
    task.name: task for task in (*nli.TASKS, *qa.TASKS, *choice.TASKS, *tagging.TASKS, *bitext.TASKS)
} | dict(WORLD)


def find_task(name: str) -> Task:
    if name not in CATALOGUE:
        raise InputError(f"no task {name!r}{nearest(name, CATALOGUE)}")
    return CATALOGUE[name]
