"""What is in a store, what of it nothing needs, and its removal.

A folder counts as a stage only if its own `stage.json` says so, and what the program does not know is never touched. Two rules
keep this safe beside runs: nothing that a run holds is removed, and while a run works on something that nobody asked to keep,
nothing is listed at all, since nobody can know what else that run needs.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from xstilts.errors import InputError
from xstilts.store.lease import STALE_SECONDS, Holder, Lease, LeaseHeld, find_holder, read_clock
from xstilts.store.store import KEY_DIGITS, Store, read_json

# What a store has beside stages: frozen designs, what was simulated about designs, jobs of clusters, and what workers printed.
RECORDS = ("frozen", "calibration", "jobs", "workers.log")
JOBS_DAYS = 30
_TRASH = re.compile(r"\.trash-[0-9a-f]{32}")
_PROBE = re.compile(r"\.probe-[0-9a-f]{32}")
_TEMPORARY = re.compile(r"\.(lease|stale|clock)-[0-9a-f]{32}|\.(stage|done|run-\d+)\.json\.[0-9a-f]{32}")
_MALFORMED = re.compile(r"\.malformed-.+-[0-9a-f]{32}")
_OWN = re.compile(r"stage\.json|done\.json|published|run-\d+\.(json|log)|lease|checkpoint|out|\.attempt-.+")
Sizes = Mapping[tuple[int, int], int]


@dataclass(frozen=True)
class StoredStage:
    """The folder of a stage, as its `stage.json` names it. `holder`: the process that works on it now, or None.
    `unknown`: what lies in it and is not of a stage."""

    folder: Path
    kind: str
    slug: str
    key: str
    done: bool
    holder: Holder | None
    unknown: tuple[Path, ...]

    @property
    def state(self) -> str:
        return "running" if self.holder else "done" if self.done else "unfinished"

    @cached_property
    def sizes(self) -> Sizes:
        return read_sizes(self.folder)


@dataclass(frozen=True)
class Contents:
    """What is in a store. `unknown` is nothing that this program has put there, as far as it can tell."""

    stages: tuple[StoredStage, ...]
    records: tuple[Path, ...]
    trash: tuple[Path, ...]
    unknown: tuple[Path, ...]

    @property
    def bytes(self) -> int:
        """What all of it takes on the disk."""
        others = (*self.records, *self.trash, *self.unknown)
        return total_bytes([*(stage.sizes for stage in self.stages), *map(read_sizes, others)])


@dataclass(frozen=True)
class Removal:
    """Something that nothing needs. `stage`: the folder of its stage, if it lies in one or is one."""

    path: Path
    why: str
    stage: Path | None = None

    @cached_property
    def sizes(self) -> Sizes:
        return read_sizes(self.path)


def read_sizes(path: Path) -> Sizes:
    """Bytes of a file, or of all files below a folder, by what the file system knows them by: a file with two names in a store
    (languages that one stage took over from another) takes its space once."""
    found = {}
    folders = []
    with contextlib.suppress(OSError):  # a run has just removed it
        if path.is_dir():
            folders.append(str(path))
        else:
            facts = path.lstat()
            found[facts.st_dev, facts.st_ino] = facts.st_size
    while folders:
        with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if not entry.is_dir():
                        facts = entry.stat(follow_symlinks=False)
                        found[facts.st_dev, facts.st_ino] = facts.st_size
                    elif not entry.is_symlink():
                        folders.append(entry.path)
    return found


def total_bytes(all_sizes: Iterable[Sizes]) -> int:
    """Bytes that all these take together."""
    together: dict[tuple[int, int], int] = {}
    for sizes in all_sizes:
        together.update(sizes)
    return sum(together.values())


def list_contents(store: Store) -> Contents:
    """Raises InputError if there is no such folder."""
    if not store.root.is_dir():
        raise InputError(f"store {store.root}: no such folder; name the one of your runs with --store or $XSTILTS_STORE")
    stages: list[StoredStage] = []
    records: list[Path] = []
    trash: list[Path] = []
    unknown: list[Path] = []
    for place in sorted(store.root.iterdir()):
        if place.name in RECORDS:
            records.append(place)
            continue
        if _PROBE.fullmatch(place.name):
            trash.append(place)
            continue
        inside = sorted(os.listdir(place)) if place.is_dir() else []
        found = {name: stage for name in inside if (stage := _read_stage(place / name))}
        thrown = [name for name in inside if _TRASH.fullmatch(name)]
        others = [place / name for name in inside if name not in found and not _TRASH.fullmatch(name)]
        stages += found.values()
        trash += (place / name for name in thrown)
        unknown += others if found or thrown or (place.is_dir() and not inside) else [place]
    return Contents(tuple(stages), tuple(records), tuple(trash), tuple(unknown))


def _read_stage(folder: Path) -> StoredStage | None:
    if not isinstance(record := read_json(f"{folder}/stage.json"), dict) or folder.is_symlink():
        return None
    key, kind = str(record.get("key")), record.get("kind")
    if kind != folder.parent.name or not folder.name.endswith(f"-{key[:KEY_DIGITS]}"):
        return None
    names = os.listdir(folder)
    unknown = (name for name in names if not any(p.fullmatch(name) for p in (_OWN, _TRASH, _TEMPORARY, _MALFORMED)))
    done = "done.json" in names and Store.is_done(folder)
    holder = find_holder(folder) if "lease" in names else None
    slug = str(record.get("slug"))
    return StoredStage(folder, str(kind), slug, key, done, holder, tuple(folder / name for name in sorted(unknown)))


def find_removals(store: Store, contents: Contents, needed: Collection[str]) -> list[Removal]:
    """What nothing needs if only the stages with the `needed` keys are to stay, with what attempts have left in these. Raises
    InputError if a run works on a stage that is not needed."""
    now = read_clock(store.root)
    found = [Removal(path, "was being deleted") for path in contents.trash]
    found += [Removal(path, f"jobs of a run that ended more than {JOBS_DAYS} days ago") for path in _list_old_jobs(store, now)]
    for stage in contents.stages:
        if stage.key not in needed:
            if stage.holder is not None:
                raise InputError(
                    f"store {store.root}: {stage.holder} works on {stage.kind} {stage.slug}, "
                    "which no study on the list needs; name the study of that run too, or wait for its end"
                )
            if not stage.unknown:
                found.append(Removal(stage.folder, "no study on the list needs it", stage.folder))
        elif stage.holder is None:
            found += (Removal(path, why, stage.folder) for path, why in _list_leftovers(stage, now))
    return found


def _list_old_jobs(store: Store, now: float) -> list[Path]:
    """The folders of runs on a cluster that ended long ago: a run that lives touches its lease."""
    old = now - JOBS_DAYS * 86400
    return [
        folder
        for folder in sorted(store.root.glob("jobs/*"))
        if max(path.lstat().st_mtime for path in (folder, *folder.rglob("*"))) < old
    ]


def _list_leftovers(stage: StoredStage, now: float) -> Iterable[tuple[Path, str]]:
    """What attempts that ended without a word have left in a stage that nobody works on. A temporary file may be a moment old:
    a run writes `stage.json` before anybody holds the stage. `now` is by the clock that dates the files."""
    for path in sorted(stage.folder.iterdir()):
        if path.name.startswith(".attempt-"):
            yield path, "of an attempt that was killed"
        elif _TRASH.fullmatch(path.name):
            yield path, "was being deleted"
        elif _MALFORMED.fullmatch(path.name):
            yield path, "was not what it should be, and was set aside"
        elif path.name == "checkpoint" and stage.done:
            yield path, "its stage is done"
        elif _TEMPORARY.fullmatch(path.name) and now - path.lstat().st_mtime > STALE_SECONDS:
            yield path, "a file that was being written"


def sweep(store: Store) -> None:
    """Remove what ended runs have left in a store, except attempts: only `gc` knows that nobody comes back to them. The names in
    a folder say whether there is anything; only then its records are read."""
    now = read_clock(store.root)
    for place in store.root.iterdir():
        with contextlib.suppress(OSError):  # a run has just removed it, or may not write here
            if _PROBE.fullmatch(place.name) and now - place.lstat().st_mtime > STALE_SECONDS:
                place.unlink()
        for folder in place.iterdir() if place.is_dir() and place.name not in RECORDS else ():
            with contextlib.suppress(OSError):
                _sweep_one(folder, now)


def _sweep_one(folder: Path, now: float) -> None:
    if _TRASH.fullmatch(folder.name):
        shutil.rmtree(folder, ignore_errors=True)
        return
    names = set(os.listdir(folder)) if folder.is_dir() else set()
    if (
        not any(_TRASH.fullmatch(name) or _TEMPORARY.fullmatch(name) for name in names)
        and not {"done.json", "checkpoint"} <= names
    ):
        return
    stage = _read_stage(folder)
    for path, why in _list_leftovers(stage, now) if stage is not None and stage.holder is None else ():
        if not path.name.startswith(".attempt-"):
            remove(Removal(path, why, folder))


def remove(removal: Removal) -> bool:
    """Remove something, unless a run has taken its stage since it was found: then False."""
    if removal.stage is None:
        Store.discard(removal.path)
        return True
    try:
        with Lease(removal.stage):  # who was silent and comes back finds that it lost the stage
            Store.discard(removal.path)
    except LeaseHeld:
        return False
    return True
