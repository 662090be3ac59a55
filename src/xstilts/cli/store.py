"""Verbs about the store itself: `xstilts store ls|du|gc|verify|sync`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xstilts.cli.app import load_plan, load_plan_of_store, open_console, print_error, print_json, store_app
from xstilts.cli.options import DEFAULT_STORE, JsonOption, SetOption, StoreOption, StudiesArgument
from xstilts.errors import InputError

if TYPE_CHECKING:
    from xstilts.stages.stage import Stage
    from xstilts.store.store import Store


@store_app.command("ls")
def list_store(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="fetch, encoder, train, predict, ...: list its stages.")] = "",
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """List what a store has: the kinds of stages with their number and size, or the stages of one kind.

    A stage is done, running (some run holds it) or unfinished: it failed, was stopped, or its turn has not come. What does not
    look like a part of a store is named too.

    Examples:

        xstilts store ls
        xstilts store ls train --store ~/xstilts-store
    """
    from xstilts.cli.views.store import kind_records, print_kinds, print_stages, stage_records
    from xstilts.errors import nearest
    from xstilts.store.cleaning import list_contents
    from xstilts.store.store import Store

    kept = Store(store)
    contents = list_contents(kept)
    kinds = {stage.kind for stage in contents.stages}
    if kind and kind not in kinds:
        raise InputError(f"store {kept.root}: it has no stages of kind '{kind}'{nearest(kind, kinds)}")
    chosen = [stage for stage in contents.stages if stage.kind == kind]
    if as_json:
        print_json(stage_records(chosen) if kind else kind_records(contents))
    elif kind:
        print_stages(open_console(), chosen)
    else:
        print_kinds(open_console(), kept, contents)


@store_app.command("du")
def measure_store(
    studies: StudiesArgument = [],
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
    as_json: JsonOption = False,
) -> None:
    """Show the disk space that a store takes, by kind, and how much of it each of these studies needs.

    Studies share stages, so their columns may add up to more than there is. The last column is what none of them needs, and what
    `xstilts store gc` with the same studies would remove. --set changes all of them.

    Example:

        xstilts store du real-small swahili.yaml
    """
    from xstilts.cli.views.store import measure_use, print_use
    from xstilts.store.cleaning import list_contents
    from xstilts.store.store import Store

    kept = Store(store)
    contents = list_contents(kept)
    use = measure_use(contents, {name: _find_needed(name, changes, kept) for name in studies})
    if as_json:
        print_json(use)
    else:
        print_use(open_console(), use)


@store_app.command("gc")
def clean_store(
    studies: StudiesArgument,
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
    yes: Annotated[bool, typer.Option("--yes", help="Delete what is listed.")] = False,
) -> None:
    """Delete what none of these studies needs, and what killed attempts have left.

    Without --yes it shows what would go, with sizes, and deletes nothing. Name every study whose results you want to keep. Give
    --set and $XSTILTS_DATA as in the runs: they decide which stages a study has, and --set changes all of the studies. (For one
    study with two settings, write two files.)

    A study that is named needs nothing again: a later run finds its stages, and its report can be written. What a run holds is
    never touched, and while a run works on a study that is not named, nothing is deleted at all. Frozen designs stay. What
    does not look like a part of a store stays, and is named.

    Examples:

        xstilts store gc real-small swahili.yaml
        xstilts store gc real-small swahili.yaml --yes
    """
    from xstilts.cli.views.store import print_removals, print_rest
    from xstilts.store.cleaning import find_removals, list_contents, remove
    from xstilts.store.store import Store, explain_storage_error

    console, kept = open_console(), Store(store)
    contents = list_contents(kept)
    needed = {name: _find_needed(name, changes, kept) for name in studies}
    for name, stages in needed.items():
        if not any(stage.done and stage.kind == "score" and stage.key in stages for stage in contents.stages):
            raise InputError(
                f"{name}: store {kept.root} has no score of it; give --set and $XSTILTS_DATA as in its runs, "
                "or leave the study out if it was never run"
            )
    all_needed = {key for keys in needed.values() for key in keys}
    removals = find_removals(kept, contents, all_needed)
    print_removals(console, contents, removals, needed)
    if not yes:
        if removals:
            console.print("Nothing is deleted. Add --yes to delete this.")
        return
    taken = []
    try:
        with console.status("deleting"):
            taken = [removal for removal in removals if not remove(removal)]
    except OSError as error:
        raise explain_storage_error(error, kept.root) or error from None
    rest = list_contents(kept)
    print_rest(console, contents, rest, taken)
    undone = [one for one in find_removals(kept, rest, all_needed) if one.path.exists()]
    for one in undone:
        print_error(f"{one.path} could not be deleted; who may write to the store can")
    if undone:
        raise SystemExit(2)


@store_app.command("verify")
def verify_store(store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False) -> None:
    """Hash all finished artefacts, and name those whose files are not what they were. The exit code is 2 if there are any.

    A run hashes only what a new stage builds on, and looks at the size and time of the rest; so a file that the disk has damaged
    can stay unseen. Delete the folder that is named, and run the study again: it makes that stage anew.

    Example:

        xstilts store verify --store ~/xstilts-store
    """
    from xstilts.cli.views.plan import format_bytes
    from xstilts.cli.views.store import check_stages
    from xstilts.store.cleaning import list_contents, total_bytes
    from xstilts.store.store import Store

    stages = list_contents(Store(store)).stages
    done = [stage for stage in stages if stage.done]
    damaged = check_stages(open_console(), done)
    if as_json:
        print_json({"checked": len(done), "damaged": {str(folder): error for folder, error in damaged.items()}})
    else:
        size, open_ = format_bytes(total_bytes(stage.sizes for stage in done)), len(stages) - len(done)
        rest = f"; {open_} unfinished, not checked" if open_ else ""
        open_console().print(f"{len(done)} artefacts, {size}: {len(damaged) or 'none'} damaged{rest}")
    for folder, error in damaged.items():
        print_error(f"{error}; delete the folder {folder} and run its study again")
    if damaged:
        raise SystemExit(2)


@store_app.command("sync")
def copy_store(
    target: Annotated[Path, typer.Option("--to", metavar="STORE", help="The store to copy to; made if it is not there.")],
    studies: StudiesArgument = [],
    store: Annotated[
        Path, typer.Option("--from", metavar="STORE", envvar="XSTILTS_STORE", help="The store to copy from.")
    ] = DEFAULT_STORE,
    changes: SetOption = [],
    as_json: JsonOption = False,
) -> None:
    """Copy finished stages from one store to another: those that these studies need, or all.

    Each stage is hashed where it arrives, and counts as done there only when all of it is there. What is there already is not
    copied again, and a copy that was interrupted goes on when you give the same command. Frozen designs come along. Runs may work
    in both stores meanwhile. What is damaged is named and not copied; the exit code is then 2.

    A store on another machine needs a mount, or two steps: copy to a new local folder, send that folder with rsync, and copy
    from there to the store on the other machine. Do not rsync into a store that runs use: it knows nothing of what they hold.

    Examples:

        xstilts store sync --from /mnt/cluster/store --to ~/xstilts-store
        xstilts store sync real-small --to parcel && rsync -a parcel cluster:
    """
    from xstilts.cli.views.store import copy_stages, print_transfer
    from xstilts.store.cleaning import list_contents
    from xstilts.store.copying import compare
    from xstilts.store.store import Store, explain_storage_error
    from xstilts.study import load_study

    source, other = Store(store), Store(target)
    contents = list_contents(source)
    needed = [stage for name in studies for stage in _find_stages(name, changes, source)]
    transfer = compare(source, other, {stage.key: stage for stage in (needed if studies else contents.stages)}.values())
    if studies and not transfer.waiting and not transfer.there and not transfer.damaged:
        raise InputError(
            f"{', '.join(studies)}: store {source.root} has nothing of it; give --set and $XSTILTS_DATA as in its runs, "
            "or name no study to copy all that is there"
        )
    transfer.damaged |= {path: f"{path}: no stage.json that names it" for path in contents.unknown if source.is_done(path)}
    try:
        other.prepare()
        names = {load_study(name, changes).name for name in studies} if studies else None
        copy_stages(open_console(), transfer, source, other, names)
    except OSError as error:
        raise explain_storage_error(error, other.root) or error from None
    except KeyboardInterrupt:
        print_error("interrupted; what has arrived is kept, and the same command goes on")
        raise SystemExit(130) from None
    if as_json:
        print_json(transfer.record())
    else:
        print_transfer(open_console(), transfer)
    for sentence in transfer.damaged.values():
        print_error(f"not copied: {sentence}")
    if transfer.damaged:
        raise SystemExit(2)


def _find_needed(name: str, changes: list[str], store: Store) -> dict[str, str]:
    """Key -> slug of what a study needs."""
    return {stage.key: stage.slug for stage in _find_stages(name, changes, store)}


def _find_stages(name: str, changes: list[str], store: Store) -> list[Stage]:
    """What a study needs: all that its plan asks for, and what its last run made instead, without languages that could not be
    read. Raises InputError if its plan is not certain."""
    whole = load_plan(name, changes, draft=True)
    if whole.unresolved:
        raise InputError(f"{name}: what it needs is not certain: {whole.unresolved[0]}")
    return [stage for plan in (whole, load_plan_of_store(name, changes, store)) for stage in plan.stages]
