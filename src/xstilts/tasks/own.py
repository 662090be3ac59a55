"""A user's own task, in a file outside the package: a few lines of YAML, or Python that defines TASKS as the files here do.

`register` puts its tasks into the catalogue of this process; a worker does the same before it runs a stage of such a study.
What enters the keys is `Task.declared`: of YAML the hash of what decides the examples, so that a comment, another licence
or another folder moves no key; of Python the hash of the file, since nobody can tell what in it matters.
"""

from __future__ import annotations

import hashlib
import re
import sys
import traceback
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import get_args

from xstilts.data.example import Example
from xstilts.data.format import Choice, Classify, Embed, Format, Span, Tag
from xstilts.data.language import LANGUAGES, Language
from xstilts.data.written import make, read_fields
from xstilts.errors import InputError, nearest
from xstilts.store.spell import key_of
from xstilts.tasks.catalogue import CATALOGUE
from xstilts.tasks.declaration import NAME, Declaration
from xstilts.tasks.locate import examples, source_split
from xstilts.tasks.suites import SUITES
from xstilts.tasks.tables import read
from xstilts.tasks.task import SPLITS, Source, Task

# The version of every task in YAML: to be bumped when a reader in `tables.py` gives other examples for the same declaration.
READERS = 1

SUFFIXES = (".yaml", ".yml", ".py")
# Words that mean something else where a study names tasks.
RESERVED = {"all", "default", "multi", *SUITES, *(kind.name for kind in get_args(Format))}

_registered: dict[Path, tuple[str, tuple[Task, ...]]] = {}


def register(path: Path, declared: str = "") -> tuple[Task, ...]:
    """Put the tasks of a file into the catalogue, in place of those that the same file had before, and give them.

    Raises InputError for a file that declares no task, a name that the catalogue already has, or, given what was `declared`
    when the plan was made, for one that says something else by now."""
    path = path.expanduser().absolute()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: a file that declares a task was expected ({error.strerror})") from None
    sha256 = hashlib.sha256(content).hexdigest()
    before, earlier = _registered.get(path, ("", ()))
    tasks = earlier if before == sha256 else _tasks(path, content, sha256)
    if declared not in ("", tasks[0].declared):
        raise InputError(f"{path} changed since the plan was made; run again to plan with it")
    for task in tasks:
        _check_name(task.name, path, {task.name for task in earlier})
    for task in earlier:
        CATALOGUE.pop(task.name, None)
    CATALOGUE.update({task.name: task for task in tasks})
    _registered[path] = sha256, tasks
    return tasks


def named(words: Iterable[str]) -> list[str]:
    """Names of tasks; a file among them stands for the tasks that it declares, which are registered."""
    return [
        name
        for word in words
        for name in ([task.name for task in register(Path(word))] if Path(word).suffix in SUFFIXES else [word])
    ]


def _check_name(name: str, path: Path, own: Collection[str]) -> None:
    if name in RESERVED:
        raise InputError(f"{path}: the name '{name}' means something else in a study; give the task another")
    if name in CATALOGUE and name not in own:
        folder = CATALOGUE[name].folder
        whose = f"a task declared in {folder}" if folder else "a task of the catalogue"
        raise InputError(f"{path}: the name '{name}' is that of {whose}; give yours another")


def _tasks(path: Path, content: bytes, sha256: str) -> tuple[Task, ...]:
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: a file that declares a task ends in {', '.join(SUFFIXES)}")
    if path.suffix != ".py":
        return (_from_yaml(path),)
    tasks = _from_python(path, content, f"xstilts_own_{sha256}")
    return tuple(replace(task, declared=sha256, folder=path.parent) for task in tasks)


def _from_yaml(path: Path) -> Task:
    own = make(Declaration, read_fields(path, "task"), str(path))
    for code, name in own.new_languages.items():
        LANGUAGES.setdefault(code, Language(code, "", "", "", name))
    return Task(
        name=own.name,
        version=READERS,
        format=_format(own),
        metric=own.measure(),
        languages=tuple(dict.fromkeys(code for codes in own.languages.values() for code in codes)),
        splits={split: Source((pattern,), own.languages[split], own.url) for split, pattern in own.files.items()},
        read=partial(read, own),
        license=own.license,
        cite=own.cite,
        url=own.url,
        description=own.description,
        trains_on=own.trains_on or (own.name if "train" in own.files else ""),
        heldout=own.heldout,
        codes=own.codes,
        contains=own.contains,
        declared=key_of(own.identity()),
        folder=path.parent,
    )


def _format(own: Declaration) -> Format:
    match own.format:
        case "classify":
            return Classify(own.names, len(own.texts))
        case "choice":
            return Choice(len(own.labels))
        case "tag":
            return Tag(own.names)
        case "span":
            return Span(own.no_answer)
        case "embed":
            return Embed()


def _from_python(path: Path, content: bytes, name: str) -> tuple[Task, ...]:
    """TASKS of a Python file. It is run from the bytes that the hash is of, and leaves no compiled file beside it."""
    module = sys.modules[name] = ModuleType(name)
    module.__file__ = str(path)
    try:
        exec(compile(content, str(path), "exec", dont_inherit=True), module.__dict__)
    except Exception as error:  # whatever the user's code raises
        raise InputError(f"{path}:{_line(error, path)}: {type(error).__name__}: {error}") from error
    tasks = getattr(module, "TASKS", None)
    if not isinstance(tasks, tuple | list) or not tasks or not all(isinstance(task, Task) for task in tasks):
        raise InputError(f"{path}: expected TASKS = (MY_TASK, ...), a tuple of `Task`s, found {tasks!r:.60}")
    for task in tasks:
        _check_record(task, f"{path}: task {task.name!r}")
    return tuple(tasks)


def _line(error: Exception, path: Path) -> int:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or 1
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return (lines[-1] if lines else 0) or 1


def _check_record(task: Task, where: str) -> None:
    if not re.match(NAME, task.name):
        raise InputError(f"{where}: a name is letters, digits, '_', '.' and '-'")
    if task.embedded:
        raise InputError(f"{where}: no split has `paths` (below {Path(where).parent}) or a `hub` to be read from")
    for split, source in task.splits.items():
        if split not in SPLITS:
            raise InputError(f"{where}: no split {split!r}{nearest(split, SPLITS)}")
        for code in source.languages:
            if code not in LANGUAGES:
                raise InputError(f"{where}: unknown language {code!r}; add a row: LANGUAGES[{code!r}] = Language(...)")
            if code not in task.languages:
                raise InputError(f"{where}: {split} has {code!r}, `languages` has not")


@dataclass(frozen=True)
class Sample:
    """What a task's files hold in one split and language: how many examples, the first ones, or what is wrong with them."""

    split: str
    language: str
    count: int
    first: tuple[Example, ...]
    trouble: str


def preview(task: Task, root: Path, first: int = 2) -> Iterator[Sample]:
    """All files of a task read to their end, a sample for each split and language; `root` is the data folder."""
    for split in SPLITS:
        if split in task.splits or (split == "dev" and task.heldout):
            for language in task.splits[source_split(task, split)].languages:
                yield _sample(task, split, language, root, first)


def _sample(task: Task, split: str, language: str, root: Path, first: int) -> Sample:
    shown: list[Example] = []
    count = 0
    trouble = ""
    try:
        for count, example in enumerate(examples(task, split, language, root), start=1):
            if count <= first:
                shown.append(example)
    except InputError as error:
        trouble = str(error)
    return Sample(split, language, count, tuple(shown), trouble)
