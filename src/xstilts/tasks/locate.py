"""Finding the files of a task below a data folder, and reading them into checked examples.

The data folder holds the official files under their official names, packed with gzip or not. What is read here is
checked as a whole (something was found, ids are unique); the readers check each datum. Nothing is repaired.
Two choices by hash live here: `held_out` (a dev split out of training data) and `subsample`. Both look at the id only,
so parallel test sets keep the same examples in every language, and adding examples moves no other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from xstilts.data.example import Example
from xstilts.errors import InputError, nearest
from xstilts.tasks.read import opened
from xstilts.tasks.task import SPLITS, Request, Source, Task

E = TypeVar("E", bound=Example)

_CHUNK = 1 << 20


def source_split(task: Task, split: str) -> str:
    """The declared split that the examples of `split` come out of: train, for a held-out dev."""
    if split not in SPLITS:
        raise InputError(f"no split {split!r}{nearest(split, SPLITS)}")
    if split in task.splits:
        return split
    if split == "dev" and task.heldout:
        return "train"
    hint = f"; it is trained on {task.trains_on}" if task.trains_on not in ("", task.name) else ""
    raise InputError(f"task {task.name} has no {split} split of its own (it has: {', '.join(task.splits)}){hint}")


def source_of(task: Task, split: str, language: str) -> Source:
    """Where that split is declared to be; an error when it has no such language."""
    source = task.splits[source_split(task, split)]
    if language not in source.languages:
        raise InputError(f"task {task.name} has no {split} data in {language!r} (it has: {' '.join(source.languages)})")
    return source


def locate(task: Task, split: str, language: str, root: Path) -> tuple[Path, ...]:
    """The files of the first pattern that finds any; empty when nothing is found, or nothing in this language."""
    from_split = source_split(task, split)
    source = task.splits[from_split]
    if language not in source.languages:
        return ()
    for pattern in source.paths:
        filled = task.fill(pattern, language)
        files = _matches(root, filled)
        shared = filled == pattern and len(source.languages) > 1
        if files and (not shared or _holds(Request(task, from_split, language, files))):
            return files
    return ()


def _matches(root: Path, pattern: str) -> tuple[Path, ...]:
    """Plain and packed files; a plain one wins over its packed double. Sorted by name, as XTREME orders treebanks."""
    packed = {path.with_suffix(""): path for path in root.glob(f"{pattern}.gz")}
    plain = {path: path for path in root.glob(pattern)}
    files = [path for path in (packed | plain).values() if path.is_file()]
    return tuple(sorted(files, key=lambda path: (path.name, path)))


def _holds(request: Request) -> bool:
    """Whether a file of many languages holds this one. A damaged file does: reading it says what is wrong."""
    try:
        return next(iter(request.task.read(request)), None) is not None
    except InputError:
        return True


def available_languages(task: Task, split: str, root: Path) -> tuple[str, ...]:
    """The languages of a split whose files are there, in the order of the task."""
    source = task.splits[source_split(task, split)]
    return tuple(code for code in source.languages if not source.paths or locate(task, split, code, root))


def fingerprint(paths: Iterable[Path]) -> str:
    """sha256 over the uncompressed contents, in order: for one official file, its published checksum."""
    digest = hashlib.sha256()
    for path in paths:
        with opened(path) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def examples(task: Task, split: str, language: str, root: Path) -> Iterator[Example]:
    """The checked examples of a split in a language, in the order of the files."""
    source = source_of(task, split, language)
    files = locate(task, split, language, root)
    if source.paths and not files:
        looked = ", ".join(f"{task.fill(pattern, language)}[.gz]" for pattern in source.paths)
        raise InputError(
            f"task {task.name}: no file for {split} in {language}; looked below {root} for {looked}. Get it from {source.url}"
        )
    request = Request(task, source_split(task, split), language, files)
    return checked(task, split, task.read(request), ", ".join(map(str, files)) or task.name)


def checked(task: Task, split: str, found: Iterable[E], where: str) -> Iterator[E]:
    """The examples that belong to `split` out of those of its source; ids are unique and there is at least one."""
    divided = task.heldout > 0 and "dev" not in task.splits and split in ("train", "dev")
    seen: set[str] = set()
    kept = 0
    for example in found:
        if example.id in seen:
            raise InputError(f"{where}: the id {example.id!r} occurs twice")
        seen.add(example.id)
        if not divided or held_out(example.id, task.heldout) == (split == "dev"):
            kept += 1
            yield example
    if not kept:
        raise InputError(f"{where}: no examples for {split} of task {task.name} (out of {len(seen)})")


def _rank(id: str, salt: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{salt}{id}".encode()).digest()[:8], "big")


def held_out(id: str, every: int) -> bool:
    """Whether this training example belongs to the dev split that takes one in `every`."""
    return _rank(id, "heldout:") % every == 0


def subsample(found: Iterable[E], limit: int | None, salt: str = "") -> list[E]:
    """The `limit` examples whose salted ids hash lowest, in their order; all of them without a limit.

    A larger limit only adds examples, and parallel sets keep the same ids in every language.
    """
    everything = list(found)
    if limit is None or limit >= len(everything):
        return everything
    if limit < 1:
        raise InputError(f"limit is {limit}, expected at least 1")
    chosen = set(sorted(range(len(everything)), key=lambda i: (_rank(everything[i].id, salt), i))[:limit])
    return [example for i, example in enumerate(everything) if i in chosen]
