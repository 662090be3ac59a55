"""The status of a study, read from the store alone and cheaply enough to be read every second.

Runs of the study, in this process or any other, leave leases, run records and done marks in the store. Only these are read,
and nothing is written (but an empty file beside a lease, for a moment: its date is the time that the lease's is compared with).
After the first reading, a done stage costs one `stat`, and a stage that was never begun costs nothing
but the listing of its kind's folder: the files that a done mark lists are checked once for each mark, not at each reading. How
long stages took is in their run records, which are read only for who asks, or for the time left.
"""

import math
import os
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, get_args

from xstilts.execution.execute import StageState, State, Statuses
from xstilts.execution.executors.slurm import find_watching
from xstilts.execution.time_left import TimeLeft
from xstilts.plan.compile import Plan
from xstilts.stages.attempt import MOST_POINTS
from xstilts.stages.stage import Stage
from xstilts.store.lease import Holder, find_holder
from xstilts.store.store import DamagedArtefact, Store, read_run, sort_runs

STATES: tuple[StageState, ...] = get_args(StageState)
# The time left is shared among as many workers as were seen at once within this time.
WORKERS_SEEN_SECONDS = 60.0
_Mark = tuple[int, int]


@dataclass(frozen=True)
class StageStatus:
    """The state of one stage. A stage is running when some process holds its lease.

    `pending_because`: "stopped" if its last attempt was killed or interrupted, "damaged" if it was done and its files have
    changed since. `attempts` counts all; `seconds`, `started` (seconds since the epoch) and `progress` (what it last reported)
    are those of the last one. `losses`: of a running training, (step, mean loss since the point before) of all attempts that
    led to it. `error` is empty unless the stage failed or is damaged."""

    kind: str
    slug: str
    key: str
    state: StageState
    pending_because: Literal["", "stopped", "damaged"] = ""
    attempts: int = 0
    seconds: float | None = None
    error: str = ""
    progress: dict[str, Any] | None = None
    started: float | None = None
    folder: str | None = None
    losses: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class StudyStatus:
    """The state of each stage at the time `at` (since the epoch). `time_left`: None if nothing runs or none was timed.
    `watching`: the runs that wait for jobs of a cluster."""

    plan: Plan
    store: Store
    at: float
    stages: list[StageStatus]
    time_left: TimeLeft | None
    watching: tuple[Holder, ...] = ()

    @cached_property
    def counts(self) -> Counter[StageState]:
        return Counter(stage.state for stage in self.stages)

    @property
    def ended(self) -> bool:
        """Whether nothing runs and nothing is left that a run could do: all stages are done, failed or blocked."""
        return all(state in ("done", "failed", "blocked") for state in self.counts)

    def record(self) -> dict[str, Any]:
        """The status as JSON."""
        return {
            "study": self.plan.study.name,
            "counts": {state: self.counts[state] for state in STATES if self.counts[state]},
            "ended": self.ended,
            "seconds_left": self.time_left.seconds if self.time_left else None,
            "stages": [asdict(stage) for stage in self.stages],
        }


def read_number(value: Any) -> float | None:
    """A finite number as it is, anything else as None: another version may have written it, and JSON has no NaN."""
    return value if type(value) in (int, float) and math.isfinite(value) else None


class StatusReader:
    """Reads the status of a plan, from any thread. Calls of `read` within `least_seconds` of each other share one reading."""

    def __init__(self, plan: Plan, store: Store, least_seconds: float = 0.0):
        self.plan, self.store, self.least_seconds = plan, store, least_seconds
        self._folders: dict[str, str] = {}
        self._done: dict[str, tuple[_Mark, StageStatus]] = {}
        self._damage: dict[tuple[str, _Mark], str] = {}
        self._workers_seen: list[tuple[float, int]] = []
        self._last: tuple[float, StudyStatus] | None = None
        self._lock = threading.Lock()

    def read(self) -> StudyStatus:
        """Raises InputError if the store cannot be read."""
        with self._lock:
            if self._last is None or time.monotonic() - self._last[0] >= self.least_seconds:
                self._last = (time.monotonic(), self._read())
            return self._last[1]

    def glance(self) -> StudyStatus:
        """What `read` gives, but while nothing runs it does not know how often and how long stages ran that are done: a third of
        its time. For who reads once."""
        with self._lock:
            return self._read(brief=True)

    def _read(self, brief: bool = False) -> StudyStatus:
        self._find_folders()
        found: dict[str, StageStatus] = {}
        for stage in self.plan.stages:
            status = self._read_stage(stage, brief)
            if status.state not in ("done", "running"):
                if any(found[source.key].state in ("failed", "blocked") for source in stage.parents):
                    status = replace(status, state="blocked", pending_because="", error="", progress=None)
            elif brief and status.state == "running":
                return self._read()
            found[stage.key] = status
        stages = list(found.values())
        watching = tuple(find_watching(self.store, self.plan.study.name))
        return StudyStatus(self.plan, self.store, time.time(), stages, self._estimate_time_left(stages), watching)

    def _find_folders(self) -> None:
        """Finds the folders of stages that had none, with one listing for each kind."""
        self._folders |= self.store.locate(stage for stage in self.plan.stages if stage.key not in self._folders)

    def _read_stage(self, stage: Stage, brief: bool) -> StageStatus:
        folder = self._folders.get(stage.key)
        if folder is None:
            return StageStatus(stage.kind, stage.slug, stage.key, "pending")
        if brief and Store.is_whole(folder):
            return StageStatus(stage.kind, stage.slug, stage.key, "done", folder=folder)
        known = self._done.pop(stage.key, None)
        if known and known[0] == _read_mark(folder):
            self._done[stage.key] = known
            return known[1]
        try:
            names = os.listdir(folder)
        except (FileNotFoundError, NotADirectoryError):
            del self._folders[stage.key]
            return StageStatus(stage.kind, stage.slug, stage.key, "pending")
        held = "lease" in names and find_holder(Path(folder)) is not None
        mark = _read_mark(folder)  # after the lease: a run sets the mark before it releases the lease
        damage = self._find_damage(stage, folder, mark)
        runs = sort_runs(names)
        last = read_run(f"{folder}/{runs[-1]}") if runs else {}
        outcome = last.get("outcome")
        if outcome == "running" and not held:  # it may have begun just now
            held = find_holder(Path(folder)) is not None
        status = StageStatus(
            stage.kind,
            stage.slug,
            stage.key,
            "done" if mark and not damage else "pending",
            attempts=len(runs),
            seconds=read_number(last.get("seconds")),
            started=read_number(last.get("started")),
            folder=folder,
        )
        if status.state == "done":
            if not held and mark:  # otherwise its run record is still to be written
                self._done[stage.key] = (mark, status)
            return status
        if held:
            return replace(
                status, state="running", progress=read_progress(last), losses=_read_losses(self.store.runs(Path(folder)))
            )
        if damage:
            return replace(status, pending_because="damaged", error=damage)
        if outcome == "failed":
            return replace(status, state="failed", error=str(last.get("error") or "no reason was recorded"))
        if outcome in ("running", "interrupted", "lost"):
            return replace(status, pending_because="stopped", progress=read_progress(last))
        return status

    def _find_damage(self, stage: Stage, folder: str, mark: _Mark | None) -> str:
        """What is wrong with the files that a done mark lists; empty if nothing is, or if there is no mark."""
        if mark is None:
            return ""
        if (stage.key, mark) not in self._damage:
            try:
                self.store.verify(folder, thorough=False)
                self._damage[stage.key, mark] = ""
            except DamagedArtefact as error:
                self._damage[stage.key, mark] = str(error)
        return self._damage[stage.key, mark]

    def _estimate_time_left(self, stages: list[StageStatus]) -> TimeLeft | None:
        """The estimate of a run, for as many workers as were seen at once within the last minute."""
        now = time.monotonic()
        running = [stage for stage in stages if stage.state == "running"]
        seen = [(at, workers) for at, workers in self._workers_seen if now - at < WORKERS_SEEN_SECONDS]
        self._workers_seen = [*seen, (now, len(running))]
        if not running:
            return None
        workers = max(workers for _, workers in self._workers_seen)
        state = State(self.plan, self.store, Statuses((stage.key, stage.state) for stage in stages), set(), workers=workers)
        state.seconds = {s.key: s.seconds for s in stages if s.state == "done" and s.seconds is not None}
        for stage in running:
            state.live[stage.key] = {"started": now - _estimate_elapsed(stage)} | _read_steps(stage)
        return state.time_left()


def _read_mark(folder: str) -> _Mark | None:
    """What distinguishes one done mark from the next; None where there is none."""
    try:
        found = os.stat(f"{folder}/done.json")
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def read_progress(run: dict[str, Any]) -> dict[str, Any] | None:
    """What an attempt last reported, without the numbers that JSON does not have."""
    progress = run.get("progress")
    if not isinstance(progress, dict):
        return None
    return {name: value for name, value in progress.items() if not isinstance(value, float) or math.isfinite(value)}


def _read_losses(runs: list[dict[str, Any]]) -> tuple[tuple[int, float], ...]:
    """The curve of a training. An attempt goes on from a checkpoint, which may lie before the last point of the one before; all
    attempts get points as far apart as those of the longest one."""
    found: list[tuple[int, float]] = []
    width = 1
    for run in runs:
        points = run.get("losses")
        numbers = [point for point in points if isinstance(point, list) and len(point) == 2] if isinstance(points, list) else []
        own = [(int(step), loss) for step, loss in numbers if read_number(step) is not None and read_number(loss) is not None]
        if own:
            found = [point for point in found if point[0] < own[0][0]] + own
            width = max(width, (own[-1][0] - own[0][0]) // max(len(own) - 1, 1))
    together = [list(some) for _, some in groupby(found, lambda point: (point[0] - 1) // width)]
    return tuple((some[-1][0], fmean(loss for _, loss in some)) for some in together[-MOST_POINTS:])


def _read_steps(stage: StageStatus) -> dict[str, float]:
    """The step that a stage is at and their number; empty if it did not report them."""
    progress = stage.progress or {}
    step, steps = read_number(progress.get("step")), read_number(progress.get("steps"))
    return {"step": step, "steps": steps} if step is not None and steps and step <= steps else {}


def _estimate_elapsed(stage: StageStatus) -> float:
    """Seconds that a running stage took, by its rate if it reported one: its attempt may have begun at a checkpoint."""
    left, steps = read_number((stage.progress or {}).get("seconds_left")), _read_steps(stage)
    if left is not None and steps and 0 < steps["step"] < steps["steps"]:
        return left * steps["step"] / (steps["steps"] - steps["step"])
    return max(0.0, time.time() - (stage.started or time.time()))
