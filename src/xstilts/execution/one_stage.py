"""Run stages by their keys, out of the `stage.json` that a run has written into the store for each. An executor that runs stages
elsewhere (a cluster's queue) starts this there."""

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from xstilts.errors import InputError
from xstilts.execution.executors.base import Demand
from xstilts.execution.executors.local import start_local
from xstilts.stages.attempt import attempt
from xstilts.stages.job import Outcome
from xstilts.stages.stage import KINDS
from xstilts.store.store import KEY_DIGITS, Store, write_json

LOOK_SECONDS = 1.0
POLL_SECONDS = 0.25


def run_stages(
    store: Store, keys: Sequence[str], stop: threading.Event, at_once: int = 1, patience: float = 0.0
) -> Iterator[tuple[str, Outcome]]:
    """Run stages, and give (key, outcome) of each as it ends: one after another in this process, or `at_once` side by side in
    processes of their own. `keys` may be the beginnings of keys. When `stop` is set, stages checkpoint and their outcome is
    "interrupted". `patience`: so many seconds it waits for what a shared disk does not show yet. A stage that cannot begin has
    failed."""
    records: dict[str, dict[str, Any]] = {}
    for key in keys:
        try:
            records[key] = _wait_until_ready(store, key, stop, patience)
        except InputError as error:
            yield key, Outcome("failed", str(error), input_error=True)
    if at_once > 1 and len(records) > 1:
        yield from _run_side_by_side(store, records, stop, at_once)
        return
    for key, record in records.items():
        yield key, Outcome("interrupted") if stop.is_set() else attempt(store, record, lambda _: None, stop)


def _run_side_by_side(
    store: Store, records: dict[str, dict[str, Any]], stop: threading.Event, at_once: int
) -> Iterator[tuple[str, Outcome]]:
    waiting, running = list(records), {record["key"]: key for key, record in records.items()}
    with start_local(Demand(store.root, at_once, len(records))) as executor:
        told = False
        while running:
            if stop.is_set() and not told:
                told = True
                executor.stop()
                for key in waiting:
                    del running[records[key]["key"]]
                    yield key, Outcome("interrupted")
                waiting = []
            for key in waiting[: executor.idle()]:
                waiting.remove(key)
                executor.submit(records[key])
            for key, event in executor.poll(POLL_SECONDS):
                if isinstance(event, Outcome):
                    yield running.pop(key), event


def _wait_until_ready(store: Store, key: str, stop: threading.Event, patience: float) -> dict[str, Any]:
    until = time.monotonic() + patience
    while True:
        last = time.monotonic() >= until or stop.is_set()
        try:
            record = find_ready(store, key)
            if last or not list_unseen(store, record):
                return record
        except InputError:
            if last:
                raise
        stop.wait(LOOK_SECONDS)


def find_ready(store: Store, key: str) -> dict[str, Any]:
    """The record of a stage that can begin. Raises InputError if there is none, or if it cannot begin."""
    record = find_record(store, key)
    check_version(record)
    lacking = [name for name, found in record["inputs"].items() if not _is_done(store, record["input_kinds"][name], found)]
    if lacking:
        named = ", ".join(f"{name} ({record['input_kinds'][name]} {record['inputs'][name][:12]})" for name in lacking)
        raise InputError(f"stage {record['slug']}: inputs that are not done: {named}; run these stages first")
    return record


def list_unseen(store: Store, record: Mapping[str, Any]) -> list[str]:
    """The names of the inputs of a stage that this machine does not see whole: they are damaged, or a shared disk shows late what
    another machine has written."""
    return [name for name, key in record["inputs"].items() if not _is_whole(store, record["input_kinds"][name], key)]


def _is_whole(store: Store, kind: str, key: str) -> bool:
    folder = store.find(kind, key)
    return folder is not None and store.is_whole(folder)


def check_version(record: Mapping[str, Any]) -> None:
    """Raise InputError if the stage was planned for another version of its kind."""
    if record["version"] != KINDS[record["kind"]].version:
        raise InputError(f"stage {record['slug']}: planned by another version of xstilts; run its study again to plan it anew")


def find_record(store: Store, key: str) -> dict[str, Any]:
    """The `stage.json` of the stage whose key begins with `key`. Raises InputError if there is none, or several."""
    digits = key[:KEY_DIGITS]
    stored = (store.records(kind, lambda name: name[-KEY_DIGITS:].startswith(digits)) for kind in KINDS) if key else ()
    found = [record for records in stored for _, record in records if record["key"].startswith(key)]
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(f"{record['kind']} {record['slug']} ({record['key'][:12]})" for record in found[:4])
        raise InputError(f"stage {key}: {len(found)} stages of store {store.root} begin so: {several}; give more of the key")
    raise InputError(f"stage {key or '(nothing)'}: no such key in store {store.root}; `xstilts plan STUDY --json` lists keys")


def _is_done(store: Store, kind: str, key: str) -> bool:
    folder = store.find(kind, key)
    return folder is not None and store.is_done(folder)


def write_outcome(folder: Path, key: str, outcome: Outcome) -> None:
    """Leave word of how an attempt ended, for the run that waits for it."""
    record = outcome.record()
    try:
        write_json(folder / f"{key}.json", record)
    except OSError as error:  # the run looks into the store all the same
        print(f"{folder / key}.json: not written ({error.strerror}): {json.dumps(record)}", file=sys.stderr)
