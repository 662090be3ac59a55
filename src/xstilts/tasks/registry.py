"""All tasks by name: the catalogue, which `import xstilts.tasks` registers, and the tasks that a user declares."""

from xstilts.errors import InputError, nearest
from xstilts.tasks.task import Task

CATALOGUE: dict[str, Task] = {}


def find_task(name: str) -> Task:
    """The task of that name. Raises InputError with the nearest name if there is none."""
    if name not in CATALOGUE:
        raise InputError(f"no task {name!r}{nearest(name, CATALOGUE)}")
    return CATALOGUE[name]
