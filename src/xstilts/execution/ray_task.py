"""What Ray runs on a node: one stage, out of its `stage.json`. Neither Ray nor torch is imported here.

A node that cannot do what the others do says so: the run then ends with its sentence, instead of one stage after another there.
"""

import os
import platform
import signal
import threading
import time
from collections.abc import Mapping
from typing import Any

from xstilts.errors import InputError
from xstilts.execution.code_identity import check_code
from xstilts.execution.one_stage import check_version, list_unseen
from xstilts.stages.attempt import attempt
from xstilts.store.lease import HIDDEN_SECONDS
from xstilts.store.store import Store, read_stage


def run_on_node(record: Mapping[str, Any], root: str, code: str, gpus: float) -> dict[str, Any]:
    """Run a stage of the store `root`; gives its Outcome as a record, or {"refused": a sentence}. The interrupt by which Ray
    cancels a task asks it to checkpoint and stop."""
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    if not gpus:  # else it would see all cards, also those that Ray has given to others
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    store = Store(root)
    try:
        check_code(code)
        check_version(record)
        _await_sight(store, record)
    except InputError as error:
        return {"refused": f"node {platform.node()}: {error}"}
    return attempt(store, record, lambda _: None, stop).record()


def _await_sight(store: Store, record: Mapping[str, Any]) -> None:
    """Wait for what other nodes have written: the stage's record and its inputs. An input that is not there then is damaged."""
    folder = store.folder(record["kind"], record["slug"], record["key"])
    deadline = time.monotonic() + HIDDEN_SECONDS
    while (unseen := read_stage(folder) is None) or list_unseen(store, record):
        if time.monotonic() > deadline:
            break
        time.sleep(0.5)
    if unseen:
        raise InputError(f"store {store.root} is not there; give a folder that all nodes share with --store")
