"""Watch: where a study stands, read from the store alone and cheaply enough to be asked every second.

Whoever runs the study (this process, another one, several, nobody) leaves leases, run records and marks of done; nothing
else is read, and nothing is written. From the second look on a stage that is done costs one `stat`, and one that nobody has
begun costs nothing but its kind's listing. So what a mark vouches for is checked once for each mark, not at every look.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from xstilts.errors import InputError
from xstilts.execution.execute import State, Status
from xstilts.plan.compile import Plan
from xstilts.stages.stage import Stage
from xstilts.store.lease import find_holder
from xstilts.store.store import KEY_DIGITS, DamagedArtefact, Store, read_json

STATUSES = ("done", "running", "open", "stopped", "damaged", "failed", "blocked")
_EXECUTED: dict[str, Status] = {"done": "done", "running": "running", "failed": "failed", "blocked": "blocked"}
CROWD_SECONDS = 60.0
_Mark = tuple[int, int]


@dataclass(frozen=True)
class StudyStatus:
    """What one look at the store found: a record for each stage, in the plan's order. Its `status` is one of

    done; running (somebody holds its lease); open (nobody has begun it); stopped (its last attempt was killed or interrupted);
    damaged (it was done, but its files are not what they were); failed; blocked (what it rests on failed).

    `seconds_left` is an estimate, None when nobody works or no training was timed yet. `at` is seconds since the epoch."""

    plan: Plan
    store: Store
    at: float
    records: list[dict[str, Any]]
    seconds_left: float | None

    @cached_property
    def counts(self) -> Counter[str]:
        return Counter(record["status"] for record in self.records)

    def having(self, status: str) -> list[dict[str, Any]]:
        """The records of one status."""
        return [record for record in self.records if record["status"] == status]

    @property
    def ended(self) -> bool:
        """Whether all is done, failed or blocked, and nobody works."""
        return all(status in ("done", "failed", "blocked") for status in self.counts)

    def record(self) -> dict[str, Any]:
        """For other programs."""
        return {
            "study": self.plan.study.name,
            "counts": {status: self.counts[status] for status in STATUSES if self.counts[status]},
            "ended": self.ended,
            "seconds_left": self.seconds_left,
            "stages": self.records,
        }


def number(value: Any) -> float | None:
    """A finite number as it is, anything else as None: a record may be another version's, and JSON has no NaN."""
    return value if type(value) in (int, float) and math.isfinite(value) else None


class Watch:
    """`look()` says where the plan stands now. It may be called from several threads; looks within `least_seconds` of each
    other share one reading."""

    def __init__(self, plan: Plan, store: Store, least_seconds: float = 0.0):
        self.plan, self.store, self.least_seconds = plan, store, least_seconds
        self._folders: dict[str, Path] = {}
        self._done: dict[str, tuple[_Mark, dict[str, Any]]] = {}
        self._damage: dict[str, tuple[_Mark, str]] = {}
        self._crowds: list[tuple[float, int]] = []
        self._last: tuple[float, StudyStatus] | None = None
        self._lock = threading.Lock()

    def look(self) -> StudyStatus:
        """Raises InputError if the store cannot be read."""
        with self._lock:
            if self._last is None or time.monotonic() - self._last[0] >= self.least_seconds:
                self._last = (time.monotonic(), self._read())
            return self._last[1]

    def _read(self) -> StudyStatus:
        self._find_folders()
        records: list[dict[str, Any]] = []
        status: dict[str, str] = {}
        for stage in self.plan.stages:
            record = self._record(stage)
            lost = any(status[source.key] in ("failed", "blocked") for source in stage.inputs.values())
            if lost and record["status"] not in ("done", "running"):
                record |= {"status": "blocked", "error": "", "progress": None}
            status[stage.key] = record["status"]
            records.append(record)
        return StudyStatus(self.plan, self.store, time.time(), records, self._seconds_left(records))

    def _find_folders(self) -> None:
        """The folders of stages that had none, by one listing of each kind's."""
        lacking: dict[str, dict[str, Stage]] = {}
        for planned in self.plan.stages:
            if planned.key not in self._folders:
                lacking.setdefault(planned.kind, {})[f"-{planned.key[:KEY_DIGITS]}"] = planned
        for kind, stages in lacking.items():
            try:
                names = os.listdir(self.store.root / kind)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise InputError(
                    f"store {self.store.root}: {kind} cannot be read ({error.strerror}); choose another folder with --store"
                ) from None
            for name in names:
                if (stage := stages.get(name[-KEY_DIGITS - 1 :])) is not None:
                    folder = self.store.root / kind / name
                    written = read_json(folder / "stage.json")
                    if written is None or written.get("key") == stage.key:
                        self._folders.setdefault(stage.key, folder)

    def _record(self, stage: Stage) -> dict[str, Any]:
        folder = self._folders.get(stage.key)
        if folder is None:
            return _record(stage, None, "open", [])
        known = self._done.pop(stage.key, None)
        if known and known[0] == _mark(folder):
            self._done[stage.key] = known
            return known[1]
        if not folder.is_dir():
            del self._folders[stage.key]
            return _record(stage, None, "open", [])
        held = find_holder(folder) is not None
        mark = _mark(folder)  # after the lease: whoever let it go has set the mark before
        damage = self._damaged(stage, folder, mark)
        runs = self.store.runs(folder)
        outcome = runs[-1].get("outcome") if runs else None
        if outcome == "running" and not held:  # it may have begun just now
            held = find_holder(folder) is not None
        if mark and not damage:
            record = _record(stage, folder, "done", runs)
            if not held:  # else its run's record is still to be written
                self._done[stage.key] = (mark, record)
            return record
        if held:
            return _record(stage, folder, "running", runs)
        if damage:
            return _record(stage, folder, "damaged", runs, damage)
        if outcome == "failed":
            return _record(stage, folder, "failed", runs, str(runs[-1].get("error") or "no reason was recorded"))
        return _record(stage, folder, "stopped" if outcome in ("running", "interrupted", "lost") else "open", runs)

    def _damaged(self, stage: Stage, folder: Path, mark: _Mark | None) -> str:
        """What is wrong with the files that a mark vouches for; empty if nothing is."""
        known = self._damage.pop(stage.key, None)
        if mark is None:
            return ""
        if known is None or known[0] != mark:
            try:
                self.store.verify(folder, thorough=False)
                known = (mark, "")
            except DamagedArtefact as error:
                known = (mark, str(error))
        self._damage[stage.key] = known
        return known[1]

    def _seconds_left(self, records: list[dict[str, Any]]) -> float | None:
        """By the executor's own estimate, for as many workers as were seen at once within the last minute."""
        now = time.monotonic()
        running = [record for record in records if record["status"] == "running"]
        self._crowds = [(at, crowd) for at, crowd in self._crowds if now - at < CROWD_SECONDS] + [(now, len(running))]
        if not running:
            return None
        status = {record["key"]: _EXECUTED.get(record["status"], "pending") for record in records}
        state = State(self.plan, self.store, status, set(), workers=max(crowd for _, crowd in self._crowds))
        state.seconds = {r["key"]: r["seconds"] for r in records if r["status"] == "done" and r["seconds"] is not None}
        for record in running:
            state.live[record["key"]] = {"started": now - _elapsed(record)} | _steps(record)
        return state.seconds_left() if state.measured else None


def _mark(folder: Path) -> _Mark | None:
    """What tells one mark of done from the next; None where there is none."""
    try:
        found = (folder / "done.json").stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def _record(stage: Stage, folder: Path | None, status: str, runs: list[dict[str, Any]], error: str = "") -> dict[str, Any]:
    last = runs[-1] if runs else {}
    progress = last.get("progress") if status in ("running", "stopped") else None
    return {
        "kind": stage.kind,
        "slug": stage.slug,
        "key": stage.key,
        "status": status,
        "attempts": len(runs),
        "seconds": number(last.get("seconds")),
        "error": error,
        "progress": _finite(progress) if isinstance(progress, dict) else None,
        "started": number(last.get("started")),
        "folder": str(folder) if folder else None,
    }


def _finite(progress: dict[str, Any]) -> dict[str, Any]:
    """Without the numbers that JSON does not have."""
    return {name: value for name, value in progress.items() if not isinstance(value, float) or math.isfinite(value)}


def _steps(record: dict[str, Any]) -> dict[str, float]:
    """How far a stage is, where it says so."""
    progress = record["progress"] or {}
    step, steps = number(progress.get("step")), number(progress.get("steps"))
    return {"step": step, "steps": steps} if step is not None and steps and step <= steps else {}


def _elapsed(record: dict[str, Any]) -> float:
    """Seconds that a running stage took so far; by the rate that it says, since an attempt may begin at a checkpoint."""
    left, found = number((record["progress"] or {}).get("seconds_left")), _steps(record)
    if left is not None and found and 0 < found["step"] < found["steps"]:
        return left * found["step"] / (found["steps"] - found["step"])
    return max(0.0, time.time() - (record["started"] or time.time()))
