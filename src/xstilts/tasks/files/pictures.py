"""The files of pictures. Examples name their pictures; the files stay where people put them and are never copied.

A task says in `Task.pictures` under which names its pictures lie below the data folder. Nothing is downloaded: photographs have
terms of their own, which people must accept themselves. What is in a file is not read here. A Hub data set may have the pictures
inside its rows. If the Hub's cache has it, because examples were read from it, each picture that is asked for becomes a file
below `$XDG_CACHE_HOME/xstilts/pictures`, which can be deleted at any time.
"""

import glob
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from xstilts.errors import InputError
from xstilts.reading import fill_pattern
from xstilts.tasks.files.archive import cache_folder
from xstilts.tasks.files.hub import fetch_hub_files, read_rows
from xstilts.tasks.files.locate import hash_contents, list_places
from xstilts.tasks.task import Task

_NAMED = 3  # of the missing pictures, how many an error names


def find_pictures(task: Task, names: Iterable[str], root: Path) -> dict[str, Path]:
    """Name -> file of each picture, below the data folder `root` or out of the Hub's cache. Raises InputError if some have no
    file, or if the task has no files of pictures."""
    if task.pictures is None or not task.pictures.paths:
        raise InputError(f"task {task.name}: it has no files of pictures{' (they are drawn)' if task.pictures else ''}")
    places, asked = list_places(task, root), dict.fromkeys(names)
    found = {name: path for name in asked if (path := _find_picture(task.pictures.paths, name, places))}
    missing = [name for name in asked if name not in found]
    if missing and task.pictures.hub:
        found |= _unpack_hub_pictures(task, task.pictures.hub, set(missing))
        missing = [name for name in missing if name not in found]
    if missing:
        some = ", ".join(map(repr, missing[:_NAMED])) + (", ..." if len(missing) > _NAMED else "")
        raise InputError(
            f"task {task.name}: no file for {len(missing):,} of {len(asked):,} pictures ({some}); looked below"
            f" {' and '.join(map(str, places))} for {', '.join(task.pictures.paths)}. {task.pictures.advice}"
        )
    return found


def hash_pictures(task: Task, names: Iterable[str], root: Path) -> str:
    """sha256 over the files of these pictures below the data folder, in the order of their names. Empty if none of them has one
    there: they are drawn, or inside the rows of a Hub data set."""
    if task.pictures is None:
        return ""
    places = list_places(task, root)
    found = (_find_picture(task.pictures.paths, name, places) for name in sorted(set(names)))
    paths = [path for path in found if path]
    return hash_contents(paths) if paths else ""


def _find_picture(patterns: tuple[str, ...], name: str, places: tuple[Path, ...]) -> Path | None:
    for place in places:
        for pattern in patterns:
            # the name is looked for as it is, whatever characters it has
            files = sorted(path for path in place.glob(fill_pattern(pattern, picture=glob.escape(name))) if path.is_file())
            if files:
                return files[0]
    return None


def _unpack_hub_pictures(
    task: Task, get_picture: Callable[[Mapping[str, Any]], tuple[str, bytes]], names: set[str]
) -> dict[str, Path]:
    """Those of the pictures that the Hub's cache has. (All languages have the same, and not all need be cached.)"""
    found: dict[str, Path] = {}
    for split, language in ((s, code) for s, source in task.splits.items() if source.hub for code in source.languages):
        if names <= set(found):
            break
        try:
            files, commit = fetch_hub_files(task, split, language, cached=True)
        except InputError:
            continue  # not in the cache
        folder = cache_folder() / "pictures" / f"{task.name}-{commit}"
        for name, content in map(get_picture, read_rows(files)):
            if name in names and name not in found:
                found[name] = _write_once(folder / quote(name, safe=""), content)
    return found


def _write_once(path: Path, content: bytes) -> Path:
    try:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{uuid.uuid4().hex}")
            temporary.write_bytes(content)
            temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); set XDG_CACHE_HOME to a folder that can") from None
    return path
