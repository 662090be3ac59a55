"""A store in the terminal and as JSON: its kinds and stages, the space that they take, what is deleted, damaged, copied."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from xstilts.analysis import formatting as fmt
from xstilts.cli.views.console import open_progress
from xstilts.cli.views.plan import format_bytes
from xstilts.stages.stage import KINDS
from xstilts.store.cleaning import Contents, Removal, StoredStage, read_sizes, total_bytes
from xstilts.store.copying import FinishedStage, Transfer, copy, copy_designs
from xstilts.store.store import KEY_DIGITS, DamagedArtefact, Store

STATES = ("done", "running", "unfinished")
Needed = Mapping[str, Mapping[str, str]]  # study -> key -> slug


def kind_records(contents: Contents) -> list[dict[str, Any]]:
    """For each kind: its number of stages, how many in each state, and their bytes."""
    found = []
    for kind in sort_kinds(contents.stages):
        stages = [stage for stage in contents.stages if stage.kind == kind]
        counts = {state: sum(stage.state == state for stage in stages) for state in STATES}
        found.append({"kind": kind, "stages": len(stages), **counts, "bytes": total_bytes(stage.sizes for stage in stages)})
    return found


def stage_records(stages: Iterable[StoredStage]) -> list[dict[str, Any]]:
    return [
        {"kind": one.kind, "slug": one.slug, "key": one.key, "state": one.state, "bytes": total_bytes([one.sizes])}
        for one in stages
    ]


def sort_kinds(stages: Iterable[StoredStage]) -> list[str]:
    """The kinds of stages in the order of a run; kinds of other versions last."""
    found, order = {stage.kind for stage in stages}, list(KINDS)
    return sorted(found, key=lambda kind: (order.index(kind) if kind in order else len(order), kind))


def print_kinds(console: Console, store: Store, contents: Contents) -> None:
    table = _table("stages of kind", "number", *STATES, "size")
    for row in kind_records(contents):
        table.add_row(
            row["kind"], *(f"{row[name]:,}" if row[name] else "" for name in ("stages", *STATES)), format_bytes(row["bytes"])
        )
    for path in contents.records:
        count = sum(1 for file in path.rglob("*") if file.is_file()) if path.is_dir() else 1
        table.add_row(path.name, f"{count:,}", "", "", "", format_bytes(total_bytes([read_sizes(path)])))
    console.print(table)
    console.print(f"\n{store.root}: {format_bytes(contents.bytes)}", soft_wrap=True)
    _print_unknown(console, contents)


def print_stages(console: Console, stages: list[StoredStage]) -> None:
    table = _table("stage", "key", "state", "size")
    for one in stages:
        table.add_row(Text(one.slug), one.key[:KEY_DIGITS], one.state, format_bytes(total_bytes([one.sizes])))
    console.print(table)


def measure_use(contents: Contents, needed: Needed) -> dict[str, dict[str, int]]:
    """Kind -> bytes of all its stages, of those that each study needs, and, if a study is given, of those that none needs. The
    last kind is all kinds."""
    used = {key for keys in needed.values() for key in keys}
    found: dict[str, dict[str, int]] = {}
    for kind in (*sort_kinds(contents.stages), ""):
        stages = [stage for stage in contents.stages if kind in (stage.kind, "")]
        row = {"in the store": total_bytes(stage.sizes for stage in stages)}
        for name, keys in needed.items():
            row[name] = total_bytes(stage.sizes for stage in stages if stage.key in keys)
        if needed:
            row["none of these"] = total_bytes(stage.sizes for stage in stages if stage.key not in used)
        found[kind or "all"] = row
    return found


def print_use(console: Console, use: Mapping[str, Mapping[str, int]]) -> None:
    table = _table("stages of kind", *use["all"])
    for kind, row in use.items():
        table.add_row(kind, *(format_bytes(size) if size else "" for size in row.values()), style="bold" if kind == "all" else "")
    console.print(table)


def print_removals(console: Console, contents: Contents, removals: list[Removal], needed: Needed) -> None:
    """Print what each study has in the store, what goes and why, with sizes, and what is left alone."""
    done = {stage.key for stage in contents.stages if stage.done}
    for name, keys in needed.items():
        console.print(f"{name}: {len(done & set(keys)):,} of its {len(keys):,} stages are here", soft_wrap=True)
    going = {removal.path for removal in removals}
    stages = [stage for stage in contents.stages if stage.folder in going]
    lacking = {slug for keys in needed.values() for key, slug in keys.items() if key not in done}
    if alike := sum(stage.slug in lacking for stage in stages):
        console.print(
            f"{fmt.count(alike, 'stage')} of those below have names of stages that these studies lack: made with another "
            "--set, other data or another version. Do not delete them if you still need them.",
            style="yellow",
            soft_wrap=True,
        )
    if removals:
        table = _table("to delete", "number", "size", "why")
        for kind in sort_kinds(stages):
            some = [stage for stage in stages if stage.kind == kind]
            size = format_bytes(total_bytes(stage.sizes for stage in some))
            table.add_row(f"{kind} stages", f"{len(some):,}", size, "no study on the list needs them")
        rest = [removal for removal in removals if removal.path != removal.stage]
        for why in dict.fromkeys(removal.why for removal in rest):
            some_rest = [removal for removal in rest if removal.why == why]
            names = sorted({_shorten(removal.path) for removal in some_rest})
            size = format_bytes(total_bytes(removal.sizes for removal in some_rest))
            table.add_row(Text(", ".join(names)), f"{len(some_rest):,}", size, why)
        console.print("")
        console.print(table)
        console.print(f"\nall of this: {format_bytes(total_bytes(one.sizes for one in removals))}")
    else:
        console.print("There is nothing to delete.")
    _print_unknown(console, contents)


def _shorten(path: Path) -> str:
    """.attempt-0f3a... -> .attempt-*"""
    name, dash, _ = path.name.partition("-")
    return f"{name}-*" if dash else f"{name.rpartition('.')[0]}.*" if name.startswith(".") else name


def print_rest(console: Console, before: Contents, after: Contents, taken: list[Removal]) -> None:
    """Print how much was deleted, by what is there now, and what was left because a run has taken it meanwhile."""
    sizes = total_bytes([*(one.sizes for one in after.stages), *map(read_sizes, after.trash)])
    gone = len(before.stages) - len(after.stages)
    console.print(f"Deleted {fmt.count(gone, 'stage')} and all leftovers. The other stages take {format_bytes(sizes)}.")
    for one in taken:
        console.print(f"kept, since a run has just taken it: {one.path}", soft_wrap=True)


def check_stages(console: Console, stages: list[StoredStage]) -> dict[Path, str]:
    """Folder -> what is wrong, of stages whose files are not those that their done marks list. Shows which one is hashed."""
    damaged = {}
    with open_progress(console) as progress:
        bar = progress.add_task("hashing", total=sum(total_bytes([stage.sizes]) for stage in stages))
        for stage in stages:
            progress.update(bar, description=f"hashing {stage.kind} {stage.slug}")
            try:
                Store.verify(stage.folder)
            except DamagedArtefact as error:
                damaged[stage.folder] = str(error)
            progress.advance(bar, total_bytes([stage.sizes]))
    return damaged


def copy_stages(console: Console, transfer: Transfer, source: Store, target: Store, studies: Collection[str] | None) -> None:
    """Copy what waits, and the designs of these studies (None: all). Shows which stage is copied."""
    with open_progress(console, BarColumn(), DownloadColumn(), TimeRemainingColumn()) as progress:
        bar = progress.add_task("copying", total=sum(stage.size for stage in transfer.waiting))

        def watch(stage: FinishedStage, count: int) -> None:
            progress.update(bar, description=f"copying {stage.kind} {stage.slug}", advance=count)

        copy(transfer, target, watch)
    copy_designs(source, target, transfer, studies)


def print_transfer(console: Console, transfer: Transfer) -> None:
    designs = f" and {fmt.count(transfer.designs, 'frozen design')}" if transfer.designs else ""
    parts = [f"Copied {fmt.count(transfer.copied, 'stage')} ({format_bytes(transfer.bytes)}){designs}"]
    parts += [f"{transfer.there:,} {'was' if transfer.there == 1 else 'were'} there already"] if transfer.there else []
    parts += [f"{transfer.undone:,} {'is' if transfer.undone == 1 else 'are'} not done yet"] if transfer.undone else []
    console.print(f"{'; '.join(parts)}.", soft_wrap=True)
    for name, why in transfer.left.items():
        console.print(f"left as it is there: {name} ({why})", style="yellow", soft_wrap=True)


def _print_unknown(console: Console, contents: Contents) -> None:
    paths = [*contents.unknown, *(path for stage in contents.stages for path in stage.unknown)]
    if paths:
        named = fmt.listed((str(path) for path in paths), most=5)
        console.print(f"not of a store, never touched: {named}", style="yellow", soft_wrap=True)


def _table(*names: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in names:
        right = name not in ("stages of kind", "stage", "key", "state", "to delete", "why")
        table.add_column(Text(name), justify="right" if right else "left", overflow="fold")
    return table
