"""One attempt at a stage: what a body is given, and the frame around it (lease, run record, publishing).

A body writes into `job.out` only, may keep an interrupted state in `job.checkpoint`, and reports its progress. It never
sees the study.
"""

from __future__ import annotations

import contextlib
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
from xstilts.store.lease import Lease, LeaseHeld
from xstilts.store.store import DamagedArtefact, Store, explain_storage_error, write_json

RECORD_SECONDS = 3.0


class Interrupted(Exception):
    """The attempt was asked to stop and has left its state in `checkpoint/`."""


class _DamagedInput(Exception):
    """An artefact that the stage rests on is not what it was, or is gone."""

    def __init__(self, key: str, text: str):
        super().__init__(text)
        self.key = key


class Diverged(Exception):
    """A training loss that is not a finite number."""


class Lost(Exception):
    """A process that the attempt needs is gone; the state is in `checkpoint/`, and another attempt goes on from there."""


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


class Progress:
    """Passes on what a body reports, with the seconds that its steps have left (by the rate of this attempt), and now and
    then writes it into the run's record, where `xstilts status` finds it."""

    def __init__(self, say: Callable[[dict[str, Any]], None], path: Path, run: Mapping[str, Any]):
        self._say, self._path, self._run = say, path, run
        self._first: tuple[float, int] | None = None
        self._written = time.monotonic()

    def __call__(self, facts: dict[str, Any]) -> None:
        now = time.monotonic()
        if facts.get("steps"):
            began, step = self._first = self._first or (now, facts["step"])
            if facts["step"] > step:
                facts = {**facts, "seconds_left": (facts["steps"] - facts["step"]) * (now - began) / (facts["step"] - step)}
        self._say(facts)
        if now - self._written > RECORD_SECONDS:
            self._written = now
            with contextlib.suppress(OSError):
                write_json(self._path, {**self._run, "progress": {**facts, "at": time.time()}})


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


def forget_peak_memory() -> None:
    """Let the peak begin anew (Linux), so that a warm worker's stages do not inherit each other's."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        pass


def peak_memory_mib() -> float:
    """The process's peak resident memory, MiB: since `forget_peak_memory` on Linux, else since it began."""
    try:
        line = next(x for x in Path("/proc/self/status").read_text(encoding="ascii").splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1024 if sys.platform != "darwin" else 1024**2)


def attempt(
    store: Store, record: Mapping[str, Any], progress: Callable[[dict[str, Any]], None], stop: threading.Event
) -> dict[str, Any]:
    """Run one stage out of its `stage.json` record. Gives {"outcome": ...}, one of done, held, failed, interrupted, lost and
    damaged-input.

    Everything that goes wrong inside a body becomes an outcome; only the end of the process itself does not.
    """
    folder = store.folder(record["kind"], record["slug"], record["key"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with Lease(folder) as lease:
            if store.is_done(folder):
                return {"outcome": "done", "by": "another run"}
            return _attempt_leased(store, folder, lease, record, progress, stop)
    except LeaseHeld:
        return {"outcome": "held"}
    except OSError as error:
        return {
            "outcome": "failed",
            "error": str(explain_storage_error(error, store.root) or error),
            "input_error": True,
            "storage": True,
        }


def _inputs(store: Store, record: Mapping[str, Any]) -> dict[str, Path]:
    """The `out/` folders of the stage's inputs, by name."""
    found = {}
    for name, key in record["inputs"].items():
        path = store.find(record["input_kinds"][name], key)
        if path is None:
            raise _DamagedInput(key, f"the input {name} ({key[:12]}) is not in the store")
        try:
            store.verify(path, thorough=False)
        except DamagedArtefact as error:
            raise _DamagedInput(key, str(error)) from None
        found[name] = path / "out"
    return found


def register(declared: Mapping[str, str]) -> None:
    """The user's own tasks that the study names: path -> what was declared when the plan was made."""
    if declared:
        from xstilts.tasks.user.user_tasks import register

        for path, identity in declared.items():
            register(Path(path), identity)


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
    forget_peak_memory()
    run = {"host": platform.node(), "started": started, "versions": _versions(), "outcome": "running"}
    write_json(run_path, run)
    job = Job(record["config"], {}, out, folder / "checkpoint", record["context"], Progress(progress, run_path, run), stop)
    result: dict[str, Any]
    try:
        for stale in folder.glob(".attempt-*"):
            Store.discard(stale)
        register(record["context"].get("tasks", {}))
        job.inputs = _inputs(store, record)
        out.mkdir()
        job.checkpoint.mkdir(exist_ok=True)
        module, _, function = KINDS[record["kind"]].body.partition(":")
        getattr(importlib.import_module(module), function)(job)
        seconds = time.time() - started
        if not lease.still_ours():
            raise LeaseHeld(str(folder))
        store.publish(folder, out, {"key": record["key"], "run": run_path.name, "facts": job.facts})
        result = {"outcome": "done", "seconds": seconds, "facts": job.facts}
    except Interrupted:
        result = {"outcome": "interrupted"}
    except LeaseHeld:
        result = {"outcome": "held"}
    except Lost as error:
        result = {"outcome": "lost", "error": str(error)}
    except _DamagedInput as error:
        result = {"outcome": "damaged-input", "input": error.key, "error": str(error)}
    except InputError as error:
        result = {"outcome": "failed", "error": str(error), "input_error": True}
    except Diverged as error:
        result = {"outcome": "failed", "error": str(error), "input_error": False}
    except Exception as error:  # a bug in a body must not take the worker and its other stages along
        trouble = explain_storage_error(_as_os_error(error), store.root)
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
