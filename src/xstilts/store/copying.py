"""Copy finished stages, and frozen designs, from one store to another.

A stage is published in the other store as an attempt there would publish it: under its lease, out of a folder of its own, hashed
where it arrived. So runs may work in both stores meanwhile, and a copy that is killed leaves what a killed attempt leaves. What
is there already is not copied, so the next copy goes on with the stage that the one before was at.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from xstilts.errors import InputError
from xstilts.store.fingerprint import compute_key
from xstilts.store.lease import Lease, LeaseHeld, LeaseLost
from xstilts.store.store import (
    DamagedArtefact,
    Named,
    Store,
    read_done,
    read_json,
    read_run,
    read_stage,
    write_json,
)

BLOCK_BYTES = 1 << 22


@dataclass(frozen=True)
class FinishedStage:
    """A stage that is done in the store that is copied from: its folder, its `stage.json` and its `done.json`."""

    folder: Path
    record: Mapping[str, Any]
    done: Mapping[str, Any]

    @property
    def kind(self) -> str:
        return str(self.record["kind"])

    @property
    def slug(self) -> str:
        return str(self.record["slug"])

    @property
    def key(self) -> str:
        return str(self.record["key"])

    @property
    def size(self) -> int:
        return sum(file["size"] for file in self.done["files"].values())


@dataclass
class Transfer:
    """What is to be copied, parents before children, and what became of it. `there`: stages that the other store has already;
    `undone`: those that neither store has done; `copied`, with `bytes`; `designs`: frozen ones that were copied; `left`: names of
    what stays as it is in the other store -> why; `damaged`: what was not copied -> what is wrong with it."""

    waiting: list[FinishedStage] = field(default_factory=list)
    there: int = 0
    undone: int = 0
    copied: int = 0
    bytes: int = 0
    designs: int = 0
    left: dict[str, str] = field(default_factory=dict)
    damaged: dict[Path, str] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """What became of it, as JSON."""
        counts = {"copied": self.copied, "bytes": self.bytes, "designs": self.designs, "there": self.there, "undone": self.undone}
        return {**counts, "left": self.left, "damaged": {str(path): why for path, why in self.damaged.items()}}


def compare(source: Store, target: Store, wanted: Iterable[Named]) -> Transfer:
    """What of these stages is to be copied. Raises InputError if a store cannot be read, or one lies in the other."""
    here, there = source.root.resolve(), target.root.resolve()
    if here.is_relative_to(there) or there.is_relative_to(here):
        raise InputError(f"store {target.root}: it is the store {source.root}, or one lies in the other; name two folders")
    stages, found = list(wanted), Transfer()
    in_source, in_target = source.folders(stages), target.folders(stages)
    for stage in stages:
        folder = in_source[stage.key]
        if Store.is_whole(in_target[stage.key]):
            found.there += 1
        elif Store.is_done(folder):
            try:
                found.waiting.append(_read_finished(folder, stage.key))
            except DamagedArtefact as error:
                found.damaged[folder] = _advise(error, folder)
        else:
            found.undone += 1
    found.waiting = _sort_by_inputs(found.waiting)
    return found


def _advise(error: DamagedArtefact, folder: Path) -> str:
    return f"{error}; delete the folder {folder} and run its study again"


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """What cannot be read counts as damaged, so that an OSError is always one of writing."""
    try:
        yield
    except OSError as error:
        raise DamagedArtefact(f"{path}: it cannot be read ({error.strerror})") from None


def _read_finished(folder: Path, key: str) -> FinishedStage:
    with _reading(folder):
        record, done = read_stage(folder), read_done(folder)
    if done is None:
        raise DamagedArtefact(f"{folder / 'done.json'}: not the record of a finished stage")
    if record is None or not _is_hash(key, {name: record[name] for name in ("kind", "version", "config", "inputs")}):
        raise DamagedArtefact(f"{folder / 'stage.json'}: not the record of the stage with this key")
    return FinishedStage(folder, record, done)


def _is_hash(key: Any, value: Any) -> bool:
    try:
        return bool(compute_key(value) == key)
    except TypeError:
        return False


def _sort_by_inputs(stages: list[FinishedStage]) -> list[FinishedStage]:
    """Parents first. A key is a hash over those of its inputs, so there is no circle."""
    by_key = {stage.key: stage for stage in stages}
    order = TopologicalSorter({key: sorted(stage.record["inputs"].values()) for key, stage in by_key.items()}).static_order()
    return [by_key[key] for key in order if key in by_key]


def copy(transfer: Transfer, target: Store, watch: Callable[[FinishedStage, int], None]) -> None:
    """Copy what waits, and note what became of it. `watch` is told the stage, and the bytes since it was told before. Raises
    OSError if the other store cannot be written, and InputError if it does not keep what is written."""
    for stage in transfer.waiting:
        try:
            if copy_stage(stage, target, lambda count: watch(stage, count)):  # noqa: B023
                transfer.copied += 1
                transfer.bytes += stage.size
            else:
                transfer.there += 1
        except (LeaseHeld, LeaseLost) as error:
            transfer.left[f"{stage.kind} {stage.slug}"] = str(error)
        except DamagedArtefact as error:
            transfer.damaged[stage.folder] = _advise(error, stage.folder)
    transfer.waiting = []


def copy_stage(stage: FinishedStage, target: Store, tell: Callable[[int], None] = lambda _: None) -> bool:
    """Copy a stage, unless it is there by now: then False. What is there and damaged is replaced. Raises LeaseHeld or LeaseLost
    if a run in the other store works on it, and DamagedArtefact if it is not what its `done.json` says."""
    folder = target.folder(stage.kind, stage.slug, stage.key)
    folder.mkdir(parents=True, exist_ok=True)
    with Lease(folder) as lease:
        Store.clear_way(folder)
        if read_stage(folder) is None:
            write_json(folder / "stage.json", stage.record)
        if Store.is_done(folder):
            if Store.is_whole(folder):
                return False
            Store.undo(folder)
        made = lease.make_folder() / "out"
        made.mkdir()
        for name in stage.done["files"]:
            _copy_file(stage.folder / "out" / name, made / name, tell)
        names = _copy_runs(stage.folder, folder)
        done = {**stage.done, "run": names.get(stage.done["run"], "")}
        if not lease.claim():
            return False
        try:
            Store.publish(folder, made, {name: done[name] for name in done if name != "files"}, lease.check, done["files"])
        except DamagedArtefact as error:
            Store.verify(stage.folder)  # raises if the reason lies there
            reason = f"{error}, though it is whole in {stage.folder}"
            raise InputError(f"store {target.root}: {reason}; check that disk, then copy again") from None
    return True


def _copy_file(source: Path, target: Path, tell: Callable[[int], None]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with _reading(source):
        reading = source.open("rb")
    with reading, target.open("wb") as writing:
        while True:
            with _reading(source):
                block = reading.read(BLOCK_BYTES)
            if not block:
                return
            writing.write(block)
            tell(len(block))


def _copy_runs(source: Path, target: Path) -> dict[str, str]:
    """Add the records of a stage's attempts to those that are there, but not twice; gives the new name of each."""
    with _reading(source):
        runs = [(path.name, run) for path in Store.list_runs(source) if (run := read_run(path))]
    there = [(path.name, read_run(path)) for path in Store.list_runs(target)]
    names = {}
    for name, run in runs:
        names[name] = next((known for known, other in there if other == run), "")
        if not names[name]:
            made = Store.new_run(target)
            write_json(made, run)
            names[name] = made.name
    return names


def copy_designs(source: Store, target: Store, transfer: Transfer, studies: Collection[str] | None = None) -> None:
    """Copy the designs that were frozen, of these studies, or all. One that is there stays: it is written once."""
    for path in sorted((source.root / "frozen").glob("*.json")):
        with _reading(path):
            record = read_json(path)
        there = target.root / "frozen" / path.name
        design = record.get("design") if isinstance(record, dict) else None
        if not isinstance(design, dict) or not _is_hash(record.get("sha256"), design):
            transfer.damaged[path] = f"{path}: it was changed after it was frozen; restore the file"
        elif studies is not None and design.get("study") not in studies:
            continue
        elif there.exists():
            if read_json(there) != record:
                transfer.left[f"frozen design {path.stem}"] = "it was frozen there too, on another date"
        else:
            there.parent.mkdir(exist_ok=True)
            write_json(there, record)
            there.chmod(0o444)
            transfer.designs += 1
