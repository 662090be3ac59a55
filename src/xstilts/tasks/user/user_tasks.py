"""A user's own task, in a file outside the package: a few lines of YAML, or Python that defines TASKS as the catalogue's files
do. A folder of plain text is also one task, or two, without any declaration (`folder.py`).

`register` puts its tasks into the catalogue of this process. A worker does the same before it runs a stage of such a study.
`Task.declared` enters the keys. For YAML it is the hash of what decides the examples, so that a comment, another licence or
another folder moves no key. For Python it is the hash of the file, since nobody can tell what in it matters, unless its tasks
state `declared` themselves.
"""

import hashlib
import os
import re
import sys
import traceback
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType

from xstilts.data.language import LANGUAGES, Language, suggest_code
from xstilts.data.yaml_records import make_record, read_fields
from xstilts.errors import InputError, nearest
from xstilts.formats.bitext_retrieval import BitextRetrieval
from xstilts.formats.choice import Choice
from xstilts.formats.classify import Classify
from xstilts.formats.format import Example, Format
from xstilts.formats.mlm import Mlm
from xstilts.formats.registry import FORMATS
from xstilts.formats.span import Span
from xstilts.formats.tag import Tag
from xstilts.reading import check_glob, expand_home, fill_pattern, read_bytes
from xstilts.store.fingerprint import compute_key
from xstilts.tasks.files.locate import read_examples, resolve_split
from xstilts.tasks.registry import CATALOGUE
from xstilts.tasks.suites import SUITES
from xstilts.tasks.task import SPLITS, Source, Task
from xstilts.tasks.translated import read_translated
from xstilts.tasks.user.declaration import NAME, Declaration, Translation, use_our_codes
from xstilts.tasks.user.folder import declare_folder
from xstilts.tasks.user.tables import read_user_task

# The version of every task in YAML. Raise it when a reader in `tables.py` gives other examples for the same declaration. Tags
# have their own: since 2, -DOCSTART- is no word, and a no-break space is part of a word.
READERS_VERSION = 1
TAGS_VERSION = 2

SUFFIXES = (".yaml", ".yml", ".py")
# Words that mean something else in a study's lists of tasks.
RESERVED = {"all", "default", "multi", *SUITES, *FORMATS}

_registered: dict[Path, tuple[str, tuple[Task, ...]]] = {}


def register(path: Path, declared: str = "") -> tuple[Task, ...]:
    """Put the tasks of a file, or of a folder of text, into the catalogue, in place of those that it had before, and give
    them.

    Raises InputError for a file that declares no task, and for a name that the catalogue already has. `declared` is the
    identity when the plan was made; a file that has another identity now is an InputError too."""
    path = expand_home(path).absolute()
    if os.path.isdir(path):
        content = b"\0".join(sorted(map(os.fsencode, os.listdir(path))))
    else:
        content = read_bytes(path, "a file that declares a task, or a folder of text")
    sha256 = hashlib.sha256(content).hexdigest()
    before, earlier = _registered.get(path, ("", ()))
    tasks = earlier if before == sha256 else _make_tasks(path, content, sha256)
    if declared not in ("", tasks[0].declared):
        raise InputError(f"{path} changed after the plan was made; run again to plan with the new file")
    for task in tasks:
        _check_name(task.name, path, {task.name for task in earlier})
    for task in earlier:
        CATALOGUE.pop(task.name, None)
    CATALOGUE.update({task.name: task for task in tasks})
    _registered[path] = sha256, tasks
    return tasks


def resolve_tasks(words: Iterable[str]) -> list[str]:
    """Names of tasks. A file or a folder among them is registered and stands for the tasks that it declares."""
    names: list[str] = []
    for word in words:
        own = Path(word).suffix in SUFFIXES or (word not in CATALOGUE and os.path.isdir(word))
        names += [task.name for task in register(Path(word))] if own else [word]
    return names


def _check_name(name: str, path: Path, own: Collection[str]) -> None:
    if name in RESERVED:
        raise InputError(f"{path}: the name '{name}' has another meaning in a study; choose another name")
    if name in CATALOGUE and name not in own:
        folder = CATALOGUE[name].folder
        owner = f"a task declared in {folder}" if folder else "a task of the catalogue"
        remedy = "rename the folder" if path.is_dir() else "choose another name"
        raise InputError(f"{path}: the name '{name}' belongs to {owner}; {remedy}")


def _make_tasks(path: Path, content: bytes, sha256: str) -> tuple[Task, ...]:
    if path.is_dir():
        return tuple(replace(_make_task(spec, path), name=name) for name, spec in declare_folder(path))
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: a file that declares a task ends in {', '.join(SUFFIXES)}")
    if path.suffix != ".py":
        fields = read_fields(path, "task")
        if "translated_from" in fields:
            return (_make_translation(use_our_codes(make_record(Translation, fields, str(path))), path),)
        return (_make_task(use_our_codes(make_record(Declaration, fields, str(path))), path.parent),)
    tasks = _run_python(path, content, f"xstilts_own_{sha256}")
    return tuple(replace(task, declared=task.declared or sha256, folder=path.parent) for task in tasks)


def _make_task(spec: Declaration, folder: Path) -> Task:
    """The task of a declaration. Its files are searched below `folder` first."""
    _add_languages(spec.new_languages)
    return Task(
        name=spec.name,
        version=TAGS_VERSION if spec.format == "tag" else READERS_VERSION,
        format=_make_format(spec),
        metric=spec.choose_metric(),
        languages=tuple(dict.fromkeys(code for codes in spec.languages.values() for code in codes)),
        splits={
            split: Source((pattern,), spec.languages[split], spec.url, beside=(spec.english,) if spec.english else ())
            for split, pattern in spec.files.items()
        },
        read=partial(read_user_task, spec),
        license=spec.license,
        cite=spec.cite,
        url=spec.url,
        description=spec.description,
        trains_on=spec.trains_on or (spec.name if "train" in spec.files and spec.format != "mlm" else ""),
        heldout=spec.heldout,
        codes=spec.codes,
        contains=spec.contains,
        declared=compute_key(spec.identity()),
        folder=folder,
    )


def _add_languages(new: Mapping[str, str]) -> None:
    for code, name in new.items():
        LANGUAGES.setdefault(code, Language(code, "", "", "", name))


def _make_translation(spec: Translation, path: Path) -> Task:
    """Another task with its English training data in translation, and its own English dev data."""
    base = CATALOGUE.get(spec.translated_from)
    if base is None:
        raise InputError(f"{path}: translated_from: no task {spec.translated_from!r}{nearest(spec.translated_from, CATALOGUE)}")
    if trouble := _explain_untranslatable(base):
        raise InputError(f"{path}: translated_from: {trouble}")
    _add_languages(spec.new_languages)
    splits = {"train": Source((spec.translations,), spec.languages, spec.url)}
    if "dev" in base.splits or base.heldout:
        dev = base.splits[resolve_split(base, "dev")]
        if "en" in dev.languages:
            splits["dev"] = Source(dev.paths, ("en",), dev.url)
    identity = {"translated_from": base.name, "version": base.version, "declared": base.declared}
    return Task(
        name=spec.name,
        version=READERS_VERSION,
        format=base.format,
        metric=base.metric,
        languages=tuple(dict.fromkeys(code for source in splits.values() for code in source.languages)),
        splits=splits,
        read=partial(read_translated, base),
        license=spec.license,
        cite=spec.cite,
        url=spec.url,
        description=spec.description or f"The training data of {base.name}, translated.",
        trains_on=spec.name,
        codes=spec.codes,
        contains=(base.name,),
        declared=compute_key(identity),
        folder=path.parent,
        translates=base.name,
    )


def _explain_untranslatable(base: Task) -> str:
    """Why a task has no translation; empty if it can have one."""
    if base.format.untranslatable:
        return f"{base.name} ({base.format.title}) cannot be translated: {base.format.untranslatable}"
    if base.parts:
        return f"{base.name} is made of {', '.join(base.parts)}; translate each of these in its own declaration"
    if base.synthetic:
        return f"{base.name} has no files; the embedded world has its own translated tasks"
    if base.translates:
        return f"{base.name} is itself a translation; write {base.translates}"
    if "train" not in base.splits or "en" not in base.splits["train"].languages:
        return f"{base.name} has no English training data"
    return ""


def _make_format(spec: Declaration) -> Format:
    match spec.format:
        case "classify":
            return Classify(spec.names, len(spec.texts))
        case "choice":
            return Choice(len(spec.labels))
        case "tag":
            return Tag(spec.names)
        case "span":
            return Span(spec.no_answer)
        case "embed":
            return BitextRetrieval()
        case "mlm":
            return Mlm()


def _run_python(path: Path, content: bytes, name: str) -> tuple[Task, ...]:
    """TASKS of a Python file. It runs from the bytes that were hashed, and leaves no compiled file beside it."""
    module = sys.modules[name] = ModuleType(name)
    module.__file__ = str(path)
    try:
        exec(compile(content, str(path), "exec", dont_inherit=True), module.__dict__)
    except Exception as error:  # whatever the user's code raises
        raise InputError(f"{path}:{_find_line(error, path)}: {type(error).__name__}: {error}") from error
    tasks = getattr(module, "TASKS", None)
    if not isinstance(tasks, tuple | list) or not tasks or not all(isinstance(task, Task) for task in tasks):
        raise InputError(f"{path}: expected TASKS = (MY_TASK, ...), a tuple of `Task`s, found {tasks!r:.60}")
    for task in tasks:
        _check_record(task, f"{path}: task {task.name!r}")
    return tuple(tasks)


def _find_line(error: Exception, path: Path) -> int:
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or 1
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return (lines[-1] if lines else 0) or 1


def _check_record(task: Task, where: str) -> None:
    if not re.fullmatch(NAME, task.name):
        raise InputError(f"{where}: expected a name of letters, digits, '_', '.' and '-'")
    if task.synthetic:
        raise InputError(f"{where}: no split has `paths` (below {Path(where).parent}) or a `hub`; expected one of the two")
    for split, source in task.splits.items():
        if split not in SPLITS:
            raise InputError(f"{where}: no split {split!r}{nearest(split, SPLITS)}")
        for pattern in (*source.paths, *source.beside, *source.archives):
            try:
                check_glob(fill_pattern(pattern, lang="x", code="x", name="x"))
            except ValueError as error:
                raise InputError(f"{where}: {split}: {pattern!r:.100}: {error}") from None
        for code in source.languages:
            if code not in LANGUAGES:
                row = f"a row: LANGUAGES[{code!r}] = Language(...)"
                raise InputError(f"{where}: unknown language {code!r}{suggest_code(code)}; add {row}")
            if code not in task.languages:
                raise InputError(f"{where}: {split} has {code!r}, but `languages` does not")


@dataclass(frozen=True)
class SplitPreview:
    """The content of a task's files in one split and language: how many examples, the first ones, the reader's counts
    (`ReadRequest.counts`), or the error in them."""

    split: str
    language: str
    count: int
    first: tuple[Example, ...]
    counts: Mapping[str, int]
    trouble: str


def preview(task: Task, root: Path, first: int = 2) -> Iterator[SplitPreview]:
    """Read all files of a task to their end, and give a preview of each split and language. `root` is the data folder."""
    for split in SPLITS:
        if split in task.splits or (split == "dev" and task.heldout):
            for language in task.splits[resolve_split(task, split)].languages:
                yield _read_sample(task, split, language, root, first)


def _read_sample(task: Task, split: str, language: str, root: Path, first: int) -> SplitPreview:
    shown: list[Example] = []
    counts = Counter[str]()
    count = 0
    trouble = ""
    try:
        for count, example in enumerate(read_examples(task, split, language, root, counts), start=1):
            if count <= first:
                shown.append(example)
    except InputError as error:
        trouble = str(error)
    return SplitPreview(split, language, count, tuple(shown), counts, trouble)
