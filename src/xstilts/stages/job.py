"""One attempt at a stage: what a body is given, and the frame around it (lease, run record, publishing).

A body writes into `job.out` only, may keep an interrupted state in `job.checkpoint`, and reports its progress. It never
sees the study.
"""

from __future__ import annotations

import importlib
import platform
import re
import resource
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from xstilts.errors import InputError
from xstilts.stages.stage import KINDS
from xstilts.store.lease import Held, Lease
from xstilts.store.store import Damaged, Store, storage_trouble, write_json


class Interrupted(Exception):
    """The attempt was asked to stop and has left its state in `checkpoint/`."""


class Diverged(Exception):
    """A training loss that is not a finite number."""


@dataclass
class Job:
    """`inputs` maps the stage's input names to the `out/` folders of finished stages. `facts` go into the run's record."""

    config: Mapping[str, Any]
    inputs: Mapping[str, Path]
    out: Path
    checkpoint: Path
    context: Mapping[str, Any]
    progress: Callable[[dict[str, Any]], None] = lambda _: None
    stop: threading.Event = field(default_factory=threading.Event)
    facts: dict[str, Any] = field(default_factory=dict)

    def check_stop(self) -> None:
        """Raise Interrupted if the attempt was asked to stop."""
        if self.stop.is_set():
            raise Interrupted


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("xstilts", "torch", "transformers", "tokenizers", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            pass
    return found


def _as_os_error(error: Exception) -> OSError:
    """Libraries that write files in native code wrap the system's error into their own; its number is in the text."""
    if isinstance(error, OSError):
        return error
    number = re.search(r"(?:os error|Errno) (\d+)", str(error))
    return OSError(int(number[1]) if number else 0, str(error))


def peak_memory_mib() -> float:
    """The process's peak resident memory so far, MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 if sys.platform != "darwin" else 1024**2)


def attempt(
    store: Store, record: Mapping[str, Any], progress: Callable[[dict[str, Any]], None], stop: threading.Event
) -> dict[str, Any]:
    """Run one stage out of its `stage.json` record. Gives {"outcome": ...}: done | held | failed | interrupted | damaged-input.

    Everything that goes wrong inside a body becomes an outcome; only the end of the process itself does not.
    """
    folder = store.folder(record["kind"], record["slug"], record["key"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with Lease(folder) as lease:
            if store.is_done(folder):
                return {"outcome": "done", "by": "another run"}
            return _attempt_leased(store, folder, lease, record, progress, stop)
    except Held:
        return {"outcome": "held"}
    except OSError as error:
        return {
            "outcome": "failed",
            "error": str(storage_trouble(error, store.root) or error),
            "input_error": True,
            "storage": True,
        }


def _attempt_leased(
    store: Store,
    folder: Path,
    lease: Lease,
    record: Mapping[str, Any],
    progress: Callable[[dict[str, Any]], None],
    stop: threading.Event,
) -> dict[str, Any]:
    write_json(folder / "stage.json", record)
    run_path = store.new_run(folder)
    out = folder / f".attempt-{uuid.uuid4().hex}"
    started = time.time()
    run = {"host": platform.node(), "started": started, "versions": _versions(), "outcome": "running"}
    write_json(run_path, run)
    job = Job(record["config"], {}, out, folder / "checkpoint", record["context"], progress, stop)
    result: dict[str, Any]
    try:
        for stale in folder.glob(".attempt-*"):
            Store.discard(stale)
        inputs = {}
        for name, key in record["inputs"].items():
            path = store.find(record["input_kinds"][name], key)
            try:
                if path is None:
                    raise Damaged(f"the input {name} ({key[:12]}) is not in the store")
                store.verify(path, thorough=False)
            except Damaged as error:
                return {"outcome": "damaged-input", "input": key, "error": str(error)}
            inputs[name] = path / "out"
        job.inputs = inputs
        out.mkdir()
        job.checkpoint.mkdir(exist_ok=True)
        module, _, function = KINDS[record["kind"]].body.partition(":")
        getattr(importlib.import_module(module), function)(job)
        seconds = time.time() - started
        if not lease.still_ours():
            return {"outcome": "held"}
        store.publish(folder, out, {"key": record["key"], "run": run_path.name, "facts": job.facts})
        result = {"outcome": "done", "seconds": seconds, "facts": job.facts}
    except Interrupted:
        result = {"outcome": "interrupted"}
    except InputError as error:
        result = {"outcome": "failed", "error": str(error), "input_error": True}
    except Diverged as error:
        result = {"outcome": "failed", "error": str(error), "input_error": False}
    except Exception as error:  # a bug in a body must not take the worker and its other stages along
        trouble = storage_trouble(_as_os_error(error), store.root)
        text = str(trouble) if trouble else f"{type(error).__name__}: {error}"
        result = {"outcome": "failed", "error": text, "input_error": trouble is not None, "storage": trouble is not None}
        run["traceback"] = traceback.format_exc()
    finally:
        Store.discard(out)
    run |= {"seconds": time.time() - started, "peak_mib": peak_memory_mib(), "facts": job.facts, **result}
    try:
        write_json(run_path, run)
    except OSError:
        pass
    return result
