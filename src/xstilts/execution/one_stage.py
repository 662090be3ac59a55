"""Run one stage in this process, out of the `stage.json` that a run has written into the store. An executor that runs stages
elsewhere (a cluster's queue) starts this for each of them."""

import threading
from collections.abc import Mapping
from typing import Any

from xstilts.errors import InputError
from xstilts.stages.attempt import attempt
from xstilts.stages.job import Outcome
from xstilts.stages.stage import KINDS
from xstilts.store.store import KEY_DIGITS, Store


def run_stage(store: Store, key: str, stop: threading.Event) -> Outcome:
    """`key` may be the beginning of a key. When `stop` is set, the stage checkpoints and its outcome is "interrupted". Raises
    InputError if the stage cannot begin."""
    record = find_record(store, key)
    check_version(record)
    lacking = [name for name, found in record["inputs"].items() if not _is_done(store, record["input_kinds"][name], found)]
    if lacking:
        named = ", ".join(f"{name} ({record['input_kinds'][name]} {record['inputs'][name][:12]})" for name in lacking)
        raise InputError(f"stage {record['slug']}: inputs that are not done: {named}; run these stages first")
    return attempt(store, record, lambda _: None, stop)


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
