"""Finding the files of a task below a data folder, and reading them into checked examples.

The data folder has the official files under their official names, packed with gzip or not, or the official archives. This
module checks the examples as a whole (there is at least one, ids are unique); the readers check each datum. Nothing is
repaired. Two selections by hash are here: `is_held_out` (a dev split from training data) and `subsample`. Both use the id only,
so parallel test sets keep the same examples in every language, and more examples do not move the others.
"""

import hashlib
import heapq
import re
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypeVar

from xstilts.errors import InputError, nearest
from xstilts.formats.format import Example
from xstilts.reading import open_uncompressed
from xstilts.tasks.files.archive import cache_folder, unpack
from xstilts.tasks.registry import find_task
from xstilts.tasks.task import SPLITS, ReadRequest, Source, Task

E = TypeVar("E", bound=Example)

_CHUNK = 1 << 20
# An archive may hold archives (PAN-X: one for each language, inside one of all), which hold none.
_DEPTH = 2
# A file that changed so recently may change again without new times.
_SETTLED_SECONDS = 2.0


class LocatedFiles(NamedTuple):
    """The files of one split and language, and the official archives that they came out of, outermost first."""

    files: tuple[Path, ...]
    archives: tuple[Path, ...] = ()


def resolve_split(task: Task, split: str) -> str:
    """The declared split from which the examples of `split` come: train, for a held-out dev split."""
    if split not in SPLITS:
        raise InputError(f"no split {split!r}{nearest(split, SPLITS)}")
    if split in task.splits:
        return split
    if split == "dev" and task.heldout:
        return "train"
    hint = f"; it is trained on {task.trains_on}" if task.trains_on not in ("", task.name) else ""
    raise InputError(f"task {task.name} has no {split} split of its own (it has: {', '.join(task.splits)}){hint}")


def select_scored_split(task: Task, split: str) -> str:
    """The split on which a target is scored when a study asks for `split`. A target that has only English dev data, or none
    (XQuAD, TyDi QA, Tatoeba), is scored on its test data, as in jiant's dev scores."""
    if split == "dev" and "dev" in task.splits and any(language != "en" for language in task.splits["dev"].languages):
        return "dev"
    return "test"


def find_source(task: Task, split: str, language: str) -> Source:
    """The source of a split. Raises InputError if it does not have the language."""
    source = task.splits[resolve_split(task, split)]
    if language not in source.languages:
        raise InputError(f"task {task.name} has no {split} data in {language!r} (it has: {' '.join(source.languages)})")
    return source


def find_parts(task: Task) -> tuple[Task, ...]:
    """The tasks of which a composite task is made; none for any other task."""
    return tuple(find_task(name) for name in task.parts)


def locate(task: Task, split: str, language: str, root: Path) -> tuple[Path, ...]:
    """The files of the first pattern that matches, in the folder or else inside the official archives there. Empty if
    nothing matches or the split lacks the language. For a composite task: the files of all parts, and an error if only some
    are there."""
    return locate_with_archives(task, split, language, root).files


def locate_with_archives(task: Task, split: str, language: str, root: Path) -> LocatedFiles:
    """`locate`, with the archives."""
    from_split = resolve_split(task, split)
    source = task.splits[from_split]
    if language not in source.languages:
        return LocatedFiles(())
    if task.parts:
        return _locate_parts(task, split, language, root)
    if task.translates:
        return _locate_with_original(task, split, language, root)
    return _locate_first(task, from_split, source, language, root)


def _locate_first(task: Task, from_split: str, source: Source, language: str, root: Path) -> LocatedFiles:
    for place in list_places(task, root):
        for folder, archives in _walk_folders(task, source, language, place):
            for pattern in source.paths:
                filled = task.fill(pattern, language)
                files = _match_files(folder, filled)
                shared = filled == pattern and len(source.languages) > 1
                if files and (not shared or _holds_language(ReadRequest(task, from_split, language, files))):
                    return LocatedFiles((*files, *_locate_beside(task, source, language, root)), archives)
    return LocatedFiles(())


def _locate_beside(task: Task, source: Source, language: str, root: Path) -> Iterator[Path]:
    """The files that belong to those just found, one for each pattern."""
    for pattern in source.beside:
        filled = task.fill(pattern, language)
        places = list_places(task, root)
        files = next(filter(None, (_match_files(place, filled) for place in places)), ())
        if len(files) != 1:
            said = f"{len(files)} files for {filled}, expected one" if files else f"no file for {filled}[.gz]"
            hint = f"; `xstilts data download {task.name}` gets it" if source.downloads and not files else ""
            raise InputError(f"task {task.name}, {language}: {said}; looked below {' and '.join(map(str, places))}{hint}")
        yield files[0]


def _locate_with_original(task: Task, split: str, language: str, root: Path) -> LocatedFiles:
    """For train: the English files that are translated, then the table of translations. For dev: the English files."""
    original = find_task(task.translates)
    if split == "dev":
        return locate_with_archives(original, split, language, root)
    table = _locate_first(task, split, task.splits[split], language, root)
    if not table.files:
        return LocatedFiles(())
    found = locate_with_archives(original, split, "en", root)
    if not found.files:
        raise InputError(f"task {task.name} translates {original.name}: {explain_missing(original, split, 'en', root)}")
    return LocatedFiles((*found.files, *table.files), found.archives)


def list_places(task: Task, root: Path) -> tuple[Path, ...]:
    """Where to look for files: beside the declaration of a user's task, then in the data folder."""
    return (task.folder, root) if task.folder else (root,)


def _locate_parts(task: Task, split: str, language: str, root: Path) -> LocatedFiles:
    found = {part.name: locate_with_archives(part, split, language, root) for part in find_parts(task)}
    missing = [name for name, part in found.items() if not part.files]
    if len(missing) == len(found):
        return LocatedFiles(())
    if missing:
        raise InputError(f"task {task.name}, {split}: its part {missing[0]} is missing below {root}; its other parts are there")
    return LocatedFiles(
        tuple(path for part in found.values() for path in part.files),
        tuple(path for part in found.values() for path in part.archives),
    )


def _walk_folders(
    task: Task, source: Source, language: str, folder: Path, archives: tuple[Path, ...] = ()
) -> Iterator[tuple[Path, tuple[Path, ...]]]:
    """The folders to search, each with the archives that it came out of: a folder, then the contents of the archives in it. An
    archive is unpacked only when its turn comes."""
    yield folder, archives
    if len(archives) < _DEPTH:
        for name in source.archives:
            filled = task.fill(name, language)
            for archive in (*_glob_files(folder, filled), *_glob_files(folder, f"*/{filled}")):
                yield from _walk_folders(task, source, language, unpack(archive, folder), (*archives, archive))


def _glob_files(root: Path, pattern: str) -> list[Path]:
    try:
        return sorted(path for path in root.glob(pattern) if path.is_file())
    except (ValueError, NotImplementedError, OSError, re.error) as error:
        raise InputError(f"{pattern!r:.100}: not a pattern of file names ({error})") from None


def _match_files(root: Path, pattern: str) -> tuple[Path, ...]:
    """Plain and packed files, sorted by name, as XTREME orders treebanks. A plain file replaces its packed double."""
    found = {path.with_suffix("") if path.suffix == ".gz" else path: path for path in _glob_files(root, f"{pattern}.gz")}
    for path in reversed(_glob_files(root, pattern)):  # of `a` and `a.gz`, which both match `a*`, the plain one is last
        found[path.with_suffix("") if path.suffix == ".gz" else path] = path
    return tuple(sorted(found.values(), key=lambda path: (path.name, path)))


def _holds_language(request: ReadRequest) -> bool:
    """Whether a file of many languages has this one. A damaged file counts as yes: reading it says what is wrong."""
    try:
        return next(iter(request.task.read(request)), None) is not None
    except InputError:
        return True


def find_languages(task: Task, split: str, root: Path) -> tuple[str, ...]:
    """The languages of a split that have files, in the order of the task."""
    source = task.splits[resolve_split(task, split)]
    generated = not source.paths and not task.parts
    return tuple(code for code in source.languages if generated or locate(task, split, code, root))


def hash_contents(paths: Iterable[Path]) -> str:
    """sha256 over the uncompressed contents, in order. For one official file it is the published checksum.

    It is cached for files of the same path, size and times, since plans hash gigabytes again and again. A file that changed in
    the last seconds is always hashed."""
    files = [(path.absolute(), path.stat()) for path in paths]
    state = [(str(path), s.st_size, s.st_mtime_ns, s.st_ctime_ns) for path, s in files]
    memo = cache_folder() / "sha256" / hashlib.sha256(repr(state).encode()).hexdigest()
    settled = all(time.time() - max(s.st_mtime, s.st_ctime) > _SETTLED_SECONDS for _, s in files)
    if settled and memo.is_file() and re.fullmatch(r"[0-9a-f]{64}", known := memo.read_text(encoding="ascii", errors="replace")):
        return known
    digest = hashlib.sha256()
    for path, _ in files:
        with open_uncompressed(path) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    if settled:
        cache_text(memo, digest.hexdigest())
    return digest.hexdigest()


def cache_text(memo: Path, text: str) -> None:
    """Keep a text in a file of the cache, if it can be written."""
    try:
        memo.parent.mkdir(parents=True, exist_ok=True)
        temporary = memo.with_name(f".{uuid.uuid4().hex}")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(memo)
    except OSError:
        pass  # it is only a cache


def read_examples(task: Task, split: str, language: str, root: Path, counts: Counter[str] | None = None) -> Iterator[Example]:
    """The checked examples of a split in a language, in the order of the files (for a composite task: of its parts). The
    reader's `ReadRequest.counts` are added to `counts` as they are read."""
    source = find_source(task, split, language)
    counts = Counter() if counts is None else counts
    if task.parts:
        found = (example for part in find_parts(task) for example in read_examples(part, split, language, root, counts))
        return check_examples(task, split, found, task.name)
    files = locate(task, split, language, root)
    if source.paths and not files:
        raise InputError(explain_missing(task, split, language, root))
    request = ReadRequest(task, resolve_split(task, split), language, files, counts)
    return check_examples(task, split, task.read(request), ", ".join(map(str, files)) or task.name)


def explain_missing(task: Task, split: str, language: str, root: Path) -> str:
    """The message for missing data: where they were searched, and where to get them."""
    source = find_source(task, split, language)
    looked = ", ".join(f"{task.fill(pattern, language)}[.gz]" for pattern in source.paths)
    inside = f", also inside {', '.join(task.fill(name, language) for name in source.archives)}" if source.archives else ""
    where = f"looked below {' and '.join(map(str, list_places(task, root)))} for {looked}{inside}"
    return f"task {task.name}: no file for {split} in {language}; {where}" + (f". Get it from {source.url}" if source.url else "")


def read_undivided(task: Task, split: str, language: str, files: tuple[Path, ...]) -> Iterator[Example]:
    """The checked examples of a declared split, before a held-out dev split is taken out of them."""
    request = ReadRequest(task, split, language, files)
    return check_examples(replace(task, heldout=0), split, task.read(request), ", ".join(map(str, files)))


def check_examples(task: Task, split: str, found: Iterable[E], where: str) -> Iterator[E]:
    """The examples of `split` among those of its source. Ids must be unique, and there must be at least one example."""
    divided = task.heldout > 0 and "dev" not in task.splits and split in ("train", "dev")
    seen: set[str] = set()
    kept = 0
    for example in found:
        if example.id in seen:
            raise InputError(f"{where}: the id {example.id!r} occurs twice")
        seen.add(example.id)
        if not divided or is_held_out(example.id, task.heldout) == (split == "dev"):
            kept += 1
            yield example
    if not kept:
        raise InputError(f"{where}: no examples for {split} of task {task.name} (out of {len(seen)})")


def _hash_id(id: str, salt: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{salt}{id}".encode()).digest()[:8], "big")


def is_held_out(id: str, every: int) -> bool:
    """Whether this training example belongs to the dev split that takes one in `every`."""
    return _hash_id(id, "heldout:") % every == 0


def subsample(found: Iterable[E], limit: int | None, salt: str = "") -> Iterable[E]:
    """The `limit` examples with the lowest hashes of their salted ids, in their order. All of them if the limit is None.

    A larger limit only adds examples, and parallel sets keep the same ids in every language. At most `limit` examples are in
    memory, except for a pool, which is read whole. In a pool the limit holds for queries and for candidates: those that answer
    a kept query stay, and others fill up to the limit."""
    if limit is None:
        return found
    if limit < 1:
        raise InputError(f"limit is {limit}, expected at least 1")
    stream = iter(found)
    first = next(stream, None)
    if first is None:
        return []
    everything = chain([first], stream)
    if not first.in_pool:
        return [example for _, example in _select_lowest(enumerate(everything), limit, salt)]
    pool = list(enumerate(everything))
    queries = _select_lowest((entry for entry in pool if _gold_of(entry[1]) is not None), limit, salt)
    gold = {id for _, query in queries for id in _gold_of(query) or ()}
    answers = [entry for entry in pool if _gold_of(entry[1]) is None and entry[1].id in gold]
    others = (entry for entry in pool if _gold_of(entry[1]) is None and entry[1].id not in gold)
    filling = _select_lowest(others, limit - len(answers), salt)
    return [example for _, example in sorted((*queries, *answers, *filling), key=lambda entry: entry[0])]


def _gold_of(example: Example) -> tuple[str, ...] | None:
    """The gold candidates of a query; None for a candidate."""
    return (example.answer or ()) if example.scored else None


def _select_lowest(entries: Iterable[tuple[int, E]], limit: int, salt: str) -> list[tuple[int, E]]:
    """The `limit` entries (place, example) with the lowest hashes of their salted ids, by place."""
    lowest: list[tuple[int, int, E]] = []  # a heap, the highest rank first
    for place, example in entries if limit > 0 else ():
        entry = (-_hash_id(example.id, salt), -place, example)
        if len(lowest) < limit:
            heapq.heappush(lowest, entry)
        else:
            heapq.heappushpop(lowest, entry)
    return sorted(((-place, example) for _, place, example in lowest), key=lambda entry: entry[0])
