"""The files of pictures. Examples name their pictures; the files stay where people put them and are never copied.

A task says in `Task.pictures` under which names its pictures lie below the data folder. Nothing is downloaded: photographs have
terms of their own, which people must accept themselves. What is in a file is not read here.
"""

import glob
from collections.abc import Iterable
from pathlib import Path

from xstilts.errors import InputError
from xstilts.tasks.files.locate import list_places
from xstilts.tasks.task import Task

_NAMED = 3  # of the missing pictures, how many an error names


def find_pictures(task: Task, names: Iterable[str], root: Path) -> dict[str, Path]:
    """Name -> file of each picture, below the data folder `root`. Raises InputError if some have no file, or if the task has no
    files of pictures."""
    if task.pictures is None or not task.pictures.paths:
        raise InputError(f"task {task.name}: it has no files of pictures{' (they are drawn)' if task.pictures else ''}")
    places = list_places(task, root)
    found: dict[str, Path] = {}
    missing: list[str] = []
    for name in dict.fromkeys(names):
        path = _find_picture(task.pictures.paths, name, places)
        if path is None:
            missing.append(name)
        else:
            found[name] = path
    if missing:
        all_of = len(missing) + len(found)
        some = ", ".join(map(repr, missing[:_NAMED])) + (", ..." if len(missing) > _NAMED else "")
        raise InputError(
            f"task {task.name}: no file for {len(missing):,} of {all_of:,} pictures ({some}); looked below"
            f" {' and '.join(map(str, places))} for {', '.join(task.pictures.paths)}. {task.pictures.advice}"
        )
    return found


def _find_picture(patterns: tuple[str, ...], name: str, places: tuple[Path, ...]) -> Path | None:
    for place in places:
        for pattern in patterns:
            # the name is looked for as it is, whatever characters it has
            files = sorted(path for path in place.glob(pattern.format(picture=glob.escape(name))) if path.is_file())
            if files:
                return files[0]
    return None
