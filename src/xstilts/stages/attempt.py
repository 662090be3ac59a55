"""One attempt at a stage: the frame around its body (lease, run record, inputs, publishing).

Everything that goes wrong inside a body becomes an `Outcome`; only the end of the process itself does not. What the body prints
goes into a file beside the run's record, whichever executor runs it (`execution/logs.py` reads it).
"""

import contextlib
import importlib
import os
import platform
import re
import resource
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from xstilts.errors import InputError
from xstilts.stages.contracts import read_config
from xstilts.stages.job import Diverged, Interrupted, Job, Lost, Outcome
from xstilts.stages.reuse import reuse_languages
from xstilts.stages.stage import KINDS, Context
from xstilts.store.lease import Lease, LeaseHeld, LeaseLost
from xstilts.store.store import DamagedArtefact, Store, explain_storage_error, read_done, read_json, write_json

RECORD_SECONDS = 3.0
MOST_POINTS = 200


class _DamagedInput(Exception):
    """An artefact that the stage rests on is not what it was, or is gone."""

    def __init__(self, key: str, text: str):
        super().__init__(text)
        self.key = key


class LossCurve:
    """The losses of an attempt in at most MOST_POINTS points, each the mean of as many steps: (last of these steps, mean)."""

    def __init__(self) -> None:
        self.points: list[tuple[int, float]] = []
        self._width, self._some = 1, list[float]()
        self._step = -1

    def add(self, step: int, loss: float) -> None:
        """A step that was already added is left out: a report inside the next step repeats its loss."""
        if step <= self._step:
            return
        self._step = step
        self._some.append(loss)
        if len(self._some) == self._width:
            self.points.append((step, sum(self._some) / self._width))
            self._some.clear()
        if len(self.points) == MOST_POINTS:
            pairs = zip(self.points[::2], self.points[1::2], strict=True)
            self.points, self._width = [(last, (a + b) / 2) for (_, a), (last, b) in pairs], 2 * self._width


class Reporter:
    """Passes on what a body reports, with the seconds that its steps have left (by the rate of this attempt), and now and
    then writes it with the losses into the run's record, where `xstilts status` finds it."""

    def __init__(self, say: Callable[[dict[str, Any]], None], path: Path, run: Mapping[str, Any]):
        self._say, self._path, self._run = say, path, run
        self._first: tuple[float, int] | None = None
        self._written = time.monotonic()
        self._curve = LossCurve()
        self.told: dict[str, Any] = {}

    def __call__(self, facts: dict[str, Any]) -> None:
        now = time.monotonic()
        if "loss" in facts:
            self._curve.add(facts["step"], facts["loss"])
        if facts.get("steps"):
            began, step = self._first = self._first or (now, facts["step"])
            if facts["step"] > step:
                facts = {**facts, "seconds_left": (facts["steps"] - facts["step"]) * (now - began) / (facts["step"] - step)}
        self._say(facts)
        losses = {"losses": self._curve.points} if self._curve.points else {}
        self.told = {"progress": {**facts, "at": time.time()}, **losses}
        if now - self._written > RECORD_SECONDS:
            self._written = now
            with contextlib.suppress(OSError):
                write_json(self._path, {**self._run, **self.told})


def attempt(
    store: Store, record: Mapping[str, Any], progress: Callable[[dict[str, Any]], None], stop: threading.Event
) -> Outcome:
    """Run one stage out of its `stage.json` record."""
    folder = store.folder(record["kind"], record["slug"], record["key"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with Lease(folder, on_lost=stop.set) as lease:
            if read_done(folder) is not None:
                return Outcome("done")
            return _attempt_leased(store, folder, lease, record, progress, stop)
    except LeaseHeld as error:
        return Outcome("held", str(error))
    except InputError as error:
        return Outcome("failed", str(error), input_error=True)
    except OSError as error:
        return Outcome("failed", str(explain_storage_error(error, store.root) or error), input_error=True, storage=True)


def _attempt_leased(
    store: Store,
    folder: Path,
    lease: Lease,
    record: Mapping[str, Any],
    progress: Callable[[dict[str, Any]], None],
    stop: threading.Event,
) -> Outcome:
    said = [f"taken over: {lease.took}"] if lease.took else []
    said += store.clear_way(folder)
    if read_json(folder / "stage.json") != record:
        write_json(folder / "stage.json", record)
    run_path = store.new_run(folder)
    started = time.time()
    forget_peak_memory()
    run = {"host": platform.node(), "started": started, "versions": _versions(), "outcome": "running"}
    run |= {"said": said} if said else {}
    write_json(run_path, run)
    facts: dict[str, Any] = {}
    reporter = Reporter(progress, run_path, run)
    try:
        kind, context = KINDS[record["kind"]], Context(**record["context"])
        register(context.tasks)
        config, inputs = read_config(kind.config, record["config"]), kind.inputs.read(_inputs(store, record))
        out = lease.make_folder() / "out"
        out.mkdir()
        (folder / "checkpoint").mkdir(exist_ok=True)
        if reused := reuse_languages(store, folder, record):
            facts["reused"] = reused
        module, _, function = kind.body.partition(":")
        with keep_output(run_path.with_suffix(".log")):
            body: Callable[[Job[Any, Any]], None] = getattr(importlib.import_module(module), function)
            body(Job(config, inputs, out, folder / "checkpoint", context, reporter, stop, facts))
        seconds = time.time() - started
        if lease.claim():
            store.publish(folder, out, {"key": record["key"], "run": run_path.name, "facts": facts}, lease.check)
        outcome = Outcome("done", seconds=seconds, facts=facts)
    except Exception as error:  # a bug in a body must not take the worker and its other stages along
        outcome = _outcome_of(_cause(error, lease), store, run_path)
        if outcome.outcome == "failed" and not isinstance(error, InputError | Diverged):
            run["traceback"] = traceback.format_exc()
    if outcome.outcome != "done":
        run |= reporter.told
    run |= {"seconds": time.time() - started, "peak_mib": peak_memory_mib(), "facts": facts, **outcome.record()}
    with contextlib.suppress(OSError):
        write_json(run_path, run)
    return outcome


@contextlib.contextmanager
def keep_output(path: Path) -> Iterator[None]:
    """What this process and those that it starts print meanwhile goes into a file; none is left if they print nothing. Who looks
    at a terminal sees it there instead."""
    if os.isatty(2):
        yield
        return
    with path.open("ab") as log:
        _flush()
        own = [os.dup(number) for number in (1, 2)]
        for number in (1, 2):
            os.dup2(log.fileno(), number)
    try:
        yield
    finally:
        _flush()
        for number, kept in enumerate(own, 1):
            os.dup2(kept, number)
            os.close(kept)
        with contextlib.suppress(OSError):
            if path.stat().st_size == 0:
                path.unlink()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):  # there is none, or it is closed
            stream.flush()


def _cause(error: Exception, lease: Lease) -> Exception:
    """The error, or that the lease was lost: whatever went wrong after that is due to it."""
    try:
        lease.check()
    except LeaseLost as lost:
        return lost
    except OSError:
        pass
    return error


def _outcome_of(error: Exception, store: Store, run: Path) -> Outcome:
    match error:
        case Interrupted():
            return Outcome("interrupted")
        case LeaseLost():
            return Outcome("lost", str(error), taken=True)
        case Lost():
            return Outcome("lost", str(error))
        case _DamagedInput():
            return Outcome("damaged-input", str(error), input=error.key)
        case InputError():
            return Outcome("failed", str(error), input_error=True)
        case Diverged():
            return Outcome("failed", str(error))
    if trouble := explain_storage_error(_as_os_error(error), store.root):
        return Outcome("failed", str(trouble), input_error=True, storage=True)
    return Outcome("failed", f"{type(error).__name__}: {error}; where it happened is in {run}, under traceback")


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


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("xstilts", "torch", "transformers", "tokenizers", "numpy"):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _as_os_error(error: Exception) -> OSError:
    """Libraries that write files in native code wrap the system's error into their own; its number is in the text."""
    if isinstance(error, OSError):
        return error
    number = re.search(r"(?:os error|Errno) (\d+)", str(error))
    return OSError(int(number[1]) if number else 0, str(error))


def forget_peak_memory() -> None:
    """Let the peak begin anew (Linux), so that a warm worker's stages do not inherit each other's."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory_mib() -> float:
    """The process's peak resident memory, MiB: since `forget_peak_memory` on Linux, else since it began."""
    try:
        line = next(x for x in Path("/proc/self/status").read_text(encoding="ascii").splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1024 if sys.platform != "darwin" else 1024**2)
