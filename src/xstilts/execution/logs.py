"""What happened in the attempts at stages, as the store tells it: their records, and what they printed.

An attempt that the system killed could not write how it ended: its record says "running", and nobody holds the stage. It counts
as "cut off". Why, a cluster may have said in the log of the job.
"""

from __future__ import annotations

import difflib
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.errors import InputError
from xstilts.execution.one_stage import find_record
from xstilts.execution.status import read_number, read_progress
from xstilts.store.lease import find_holder
from xstilts.store.store import KEY_DIGITS, Named, Store, read_run

CUT_OFF = "cut off"
MOST_LINES = 200
MOST_BYTES = 1 << 20
MOST_NAMED = 8


@dataclass(frozen=True)
class NamedStage:
    kind: str
    slug: str
    key: str


@dataclass(frozen=True)
class Attempt:
    """An attempt at a stage. `outcome`: as in `Outcome`, or "running", or "cut off"; `mended`: whether the stage is done by now;
    `run`: its record at `path`."""

    stage: Named
    number: int
    path: Path
    outcome: str
    mended: bool
    run: dict[str, Any]

    @property
    def started(self) -> float | None:
        return read_number(self.run.get("started"))

    @property
    def error(self) -> str:
        return str(self.run.get("error") or "")

    def record(self) -> dict[str, Any]:
        """As JSON."""
        own: dict[str, Any] = {
            name: self.run[name] for name in ("host", "versions", "error", "traceback", "said") if name in self.run
        }
        numbers = {name: read_number(self.run.get(name)) for name in ("started", "seconds", "peak_mib")}
        named = {"kind": self.stage.kind, "slug": self.stage.slug, "key": self.stage.key, "attempt": self.number}
        facts = {"outcome": self.outcome, "stage_is_done": self.mended, "path": str(self.path)}
        return {**named, **facts, **numbers, **own, "progress": read_progress(self.run)}


@dataclass(frozen=True)
class Printed:
    """The last lines of a file into which something was printed; `cut`: whether it has more."""

    path: Path
    lines: tuple[str, ...]
    cut: bool


def read_attempts(store: Store, stages: Iterable[Named]) -> list[Attempt]:
    """All attempts at these stages, each stage's in their order."""
    named = list(stages)
    folders = store.folders(named)
    return [attempt for stage in named for attempt in _read_attempts(stage, folders[stage.key])]


def _read_attempts(stage: Named, folder: Path) -> list[Attempt]:
    paths = Store.list_runs(folder)
    done, found = Store.is_done(folder), []
    for place, path in enumerate(paths):
        run = read_run(path)
        outcome = str(run.get("outcome") or "running")
        if outcome == "running" and (place < len(paths) - 1 or done or find_holder(folder) is None):
            outcome = CUT_OFF
        found.append(Attempt(stage, int(path.stem[4:]), path, outcome, done, run))
    return found


def list_troubles(attempts: Iterable[Attempt]) -> list[Attempt]:
    """Those that ended in another way than done, the latest last."""
    return sorted((one for one in attempts if one.outcome not in ("done", "running")), key=lambda one: one.started or 0.0)


def find_stage(stages: Iterable[Named], store: Store, name: str) -> Named:
    """The stage with this name (`SLUG`, or `KIND SLUG`), or key, or beginning of a key, or with this in its name. A key may also
    be that of a stage that only the store has. Raises InputError if there is none, or several."""
    known, like_a_key = list(stages), re.fullmatch(r"[0-9a-f]{6,64}", name)
    matches = (
        [stage for stage in known if name in (stage.slug, _name(stage), f"{stage.kind}/{stage.slug}")],
        [stage for stage in known if like_a_key and stage.key.startswith(name)],
        [stage for stage in known if name in _name(stage)],
    )
    found = next(filter(None, matches), [])
    if len(found) == 1:
        return found[0]
    if found:
        listed = "".join(f"\n  {_describe(stage)}" for stage in found[:MOST_NAMED])
        more = f"\n  and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
        raise InputError(f"stage '{name}': {len(found)} stages have it in their names; give more of it, or a key:{listed}{more}")
    if like_a_key:
        record = find_record(store, name)
        return NamedStage(record["kind"], record["slug"], record["key"])
    names = {spelled: stage for stage in known for spelled in (stage.slug, _name(stage))}
    near = list(dict.fromkeys(_describe(names[one]) for one in difflib.get_close_matches(name, names, n=3, cutoff=0.5)))
    hint = f"; did you mean {' or '.join(near)}?" if near else "; `xstilts plan STUDY --json` lists them"
    raise InputError(f"stage '{name}': the study has no such stage{hint}")


def _name(stage: Named) -> str:
    return f"{stage.kind} {stage.slug}"


def _describe(stage: Named) -> str:
    return f"{_name(stage)} ({stage.key[:KEY_DIGITS]})"


def read_printed(attempt: Attempt) -> Printed | None:
    """What an attempt printed; None if it printed nothing."""
    return read_end(attempt.path.with_suffix(".log"))


def read_job_logs(store: Store, stage: Named) -> list[Printed]:
    """What the jobs of a cluster printed that were to run a stage, beside what their attempts printed: why they were ended. A job
    may have run other stages too."""
    found = []
    for keys in sorted(store.root.glob("jobs/*/*/keys"), key=os.path.getmtime):
        for index, line in enumerate(keys.read_text(encoding="ascii", errors="replace").splitlines()):
            if stage.key in line.split():
                found.append(read_end(keys.parent / f"{index}.log"))
    return [one for one in found if one is not None]


def read_end(path: Path) -> Printed | None:
    """The last lines of a file, at most MOST_LINES; None if it is empty or not there."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - MOST_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return None
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.rstrip("\n").split("\n")]  # a bar is drawn over itself
    if not text.strip():
        return None
    return Printed(path, tuple(lines[-MOST_LINES:]), size > MOST_BYTES or len(lines) > MOST_LINES)


def format_time(at: float | None) -> str:
    """`2026-11-27 14:03:05`, in this machine's time zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) if at is not None else "at an unknown time"
