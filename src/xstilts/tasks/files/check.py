"""What of a task is in the data folder. Every file is read to its end, counted, and compared with the published numbers.

Nothing stops the check: an error in a file is noted, and the next language is read. A split in a language is complete when it
has as many examples as the official data. If that number is not known, it is complete unless a checksum shows another file. A
file is official by its own sha256 or by that of its official archive.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from xstilts.errors import InputError
from xstilts.formats.format import Example
from xstilts.store.store import sha256_file
from xstilts.tasks.files.locate import (
    LocatedFiles,
    check_examples,
    find_parts,
    hash_contents,
    locate_with_archives,
    read_undivided,
)
from xstilts.tasks.files.read import read_lines
from xstilts.tasks.task import ReadRequest, Source, Task

Completeness = Literal["complete", "partial", "missing", "damaged"]
Checksum = Literal["official", "not official", "unknown"]


@dataclass(frozen=True)
class FileRecord:
    """A file of a task. `path` is relative to the data folder, if it lies there. `records` are the examples read from it in all
    languages (in a pool: the queries; in files that are read together, such as the two sides of a bitext: the lines). `sha256`
    is of the uncompressed content."""

    path: str
    records: int
    sha256: str


@dataclass(frozen=True)
class SplitCheck:
    """One split of a task in one language. `examples` is None if there are no files or they cannot be read."""

    task: str
    split: str
    language: str
    files: tuple[str, ...] = ()
    examples: int | None = None
    expected: int | None = None
    checksum: Checksum = "unknown"
    problem: str = ""

    @property
    def status(self) -> Completeness:
        if self.problem:
            return "damaged"
        if not self.files:
            return "missing"
        if self.expected is None:
            return "partial" if self.checksum == "not official" else "complete"
        return "complete" if self.examples == self.expected else "partial"


@dataclass(frozen=True)
class TaskCheck:
    """All splits of a task in all languages (for a composite task: of its parts)."""

    task: str
    rows: tuple[SplitCheck, ...]
    files: tuple[FileRecord, ...]

    @property
    def status(self) -> Completeness:
        found = {row.status for row in self.rows}
        if "damaged" in found:
            return "damaged"
        return found.pop() if len(found) == 1 else "partial"


def check_task(
    task: Task, root: Path, on_split: Callable[[str], None] = lambda _: None, known: dict[str, TaskCheck] | None = None
) -> TaskCheck:
    """Read all that the data folder has of a task. `known` has the checks so far, so that no part is read twice. `on_split` is
    called with the name of what is read next."""
    known = {} if known is None else known
    if task.name not in known:
        if task.parts:
            parts = [check_task(part, root, on_split, known) for part in find_parts(task)]
            rows = tuple(row for part in parts for row in part.rows if row.split in task.splits)
            named = {path for row in rows for path in row.files}
            files = tuple(file for part in parts for file in part.files if file.path in named)
            known[task.name] = TaskCheck(task.name, rows, files)
        else:
            known[task.name] = _check_files(task, root, on_split)
    return known[task.name]


def _check_files(task: Task, root: Path, on_split: Callable[[str], None]) -> TaskCheck:
    rows: list[SplitCheck] = []
    records: Counter[Path] = Counter()
    for split, source in task.splits.items():
        for language in source.languages:
            row = SplitCheck(task.name, split, language, expected=source.counts.get(language))
            found = LocatedFiles(())
            try:
                found = locate_with_archives(task, split, language, root)
                row = replace(row, files=tuple(_show_path(path, root) for path in found.files))
                if found.files:
                    on_split(f"{task.name} {split} {language}")
                    row = replace(row, examples=_count_examples(task, split, language, found.files, records))
                    row = replace(row, checksum=_compare_checksum(task, source, language, found))
            except InputError as error:
                row = replace(row, problem=str(error))
                records.update(dict.fromkeys(found.files, 0))
            rows.append(row)
    files = [FileRecord(_show_path(path, root), count, _hash_if_readable(path)) for path, count in records.items()]
    return TaskCheck(task.name, tuple(rows), tuple(files))


def _show_path(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _hash_if_readable(path: Path) -> str:
    try:
        return hash_contents([path])
    except InputError:
        return ""  # damaged; its row says so


def _count_examples(task: Task, split: str, language: str, files: tuple[Path, ...], records: Counter[Path]) -> int:
    """The number of examples; adds the number for each file to `records`. A reader that needs all files at once gets all of
    them."""
    counts: Counter[Path] = Counter(dict.fromkeys(files, 0))

    def one_by_one() -> Iterator[Example]:
        for path in files:
            for example in task.read(ReadRequest(task, split, language, (path,))):
                counts[path] += example.scored
                yield example

    try:
        total = sum(1 for _ in check_examples(replace(task, heldout=0), split, one_by_one(), ", ".join(map(str, files))))
    except InputError:
        total = sum(1 for _ in read_undivided(task, split, language, files))
        counts = Counter({path: sum(1 for _ in read_lines(path)) for path in files})
    records.update(counts)
    return total


def _compare_checksum(task: Task, source: Source, language: str, found: LocatedFiles) -> Checksum:
    """Compare with the declared checksum of the content, else with those of the files as they are served."""
    if declared := source.sha256.get(language):
        return "official" if hash_contents(found.files) == declared else "not official"
    served = {Path(task.fill(x.path, language)).name: x.sha256.get(language) or x.sha256.get("") for x in source.downloads}
    judged = {_compare_as_served(path, served) for path in found.archives[:1] or found.files}
    return judged.pop() if len(judged) == 1 else "not official" if "not official" in judged else "unknown"


def _compare_as_served(path: Path, served: Mapping[str, str | None]) -> Checksum:
    packed = path.name not in served and path.suffix == ".gz"
    expected = served.get(path.name.removesuffix(".gz") if packed else path.name)
    if expected is None:
        return "unknown"
    sha256 = hash_contents([path]) if packed else _hash_file(path, path.stat().st_mtime_ns)
    return "official" if sha256 == expected else "not official"


@lru_cache(maxsize=64)
def _hash_file(path: Path, changed_ns: int) -> str:
    """sha256 of a file as it is. It is cached, since one archive has many languages."""
    return sha256_file(path)


def make_record(found: TaskCheck) -> dict[str, Any]:
    """A check as JSON."""
    return {
        "task": found.task,
        "status": found.status,
        "rows": [{**vars(row), "status": row.status} for row in found.rows],
        "files": [vars(file) for file in found.files],
    }
