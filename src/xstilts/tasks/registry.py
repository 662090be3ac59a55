"""All tasks by name: those of the catalogue, which importing `xstilts.tasks` registers, and those that a user declares."""

from __future__ import annotations

from xstilts.errors import InputError, nearest
from xstilts.tasks.task import Task

CATALOGUE: dict[str, Task] = {}


def find_task(name: str) -> Task:
    if name not in CATALOGUE:
        raise InputError(f"no task {name!r}{nearest(name, CATALOGUE)}")
    return CATALOGUE[name]
