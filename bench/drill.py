"""A drill: `kill -9` at random moments, over concurrent runs of one small study in one store, again and again.

    PYTHONPATH=. python bench/drill.py --kills 1000 --out drill.json

In a round, several runs share a new store until the study is done. Meanwhile workers and runs are killed, suspended past the end
of their leases and woken, and orphaned while they are suspended. The clocks of the runs are up to two hours apart. At its end a
round is compared with a run that nobody disturbed. Counted are:

    lost       a stage that was done and later was not, or a run that never ended
    failed     a stage or a run that failed, though nothing but the drill happened to it
    torn       a `done.json` whose files are not those that it lists
    unequal    a score, a prediction, a vector or a weight that is not to the bit that of the undisturbed run
    twice      a `done.json` that was replaced by another one
    stuck      a run or a stage that had not ended long after the last blow

All have to be 0. Only processes that the drill has started are touched. Runs and workers are forks of it, which have torch
already; leases end after seconds instead of minutes, and a worker may die more often than five times at one step.

`--mounts A B` are several mounts of one folder, which is given with `--shared`: each run sees the store through one of them, as
machines that share a disk do. `--stale` must then be longer than such a mount may show old dates.

`--on slurm` does the same on a real Slurm of two nodes (`drill_slurm.py`), `--on ray` on a Ray cluster of two nodes
(`drill_ray.py`). Their daemons are killed too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.forking import Fork

from xstilts.execution import execute as executing
from xstilts.execution.execute import State, execute
from xstilts.execution.executors import local
from xstilts.plan.compile import Plan, compile_study
from xstilts.store import lease as leases
from xstilts.store.store import DamagedArtefact, Store, read_json
from xstilts.study import make_study
from xstilts.train import loop

STALE_SECONDS, BEAT_SECONDS = 2.0, 0.2
HOUR = 3600.0
ROUND_KILLS = 40  # then a round is left alone, so that it ends
PATIENCE_SECONDS = 120.0  # until a run that is left alone has to end
# What is compared; the other files have times in them.
COMPARED = ("examples.jsonl", "scores.json", "tallies.npz")
STUDY: dict[str, Any] = {
    "name": "drill",
    "question": "Does anything get lost?",
    "encoders": ["world/tiny"],
    "pretrain": [{"mix": ["world/text"], "recipe": {"steps": 20, "lr": 1e-3}}],
    "chains": {"none": [], "squad": ["world/squad"]},
    "targets": ["world/pos", "world/retrieval"],
    "languages": ["en", "l1", "l2"],
    "seeds": [0],
    "world": {"text": 60, "squad": 60, "pos": 40, "dev": 12, "test": 16},
    "architectures": {"tiny": {"hidden": 16, "layers": 2, "heads": 2, "feed_forward": 32}},
    "recipes": {"default": {"lr": 1e-3, "batch": 8, "steps": 20, "max_length": 64, "stride": 16, "evaluations": 5, "average": 2}},
}


@dataclass
class Run:
    """One of the concurrent runs: its process, and the file in which it says how it ended."""

    pid: int
    said: Path
    suspended: bool = False

    def has_ended(self) -> bool:
        """Whether it ended; it is then waited for."""
        return os.waitpid(self.pid, os.WNOHANG)[0] != 0


@dataclass
class Drill:
    """`runs` concurrent runs of `plan`; what happened and what was found is counted."""

    plan: Plan
    folder: Path
    rng: random.Random
    runs: int = 3
    shared: Path | None = None
    mounts: tuple[Path, ...] = ()
    patience: float = PATIENCE_SECONDS
    paces: tuple[float, ...] = (0.05, 0.15, 0.5)  # mean seconds between two blows, one for each round
    did: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=lambda: Counter(lost=0, failed=0, torn=0, unequal=0, twice=0, stuck=0))
    notes: list[str] = field(default_factory=list)
    _alive: list[Run] = field(default_factory=list)
    _asleep: list[tuple[float, int]] = field(default_factory=list)
    _orphans: set[int] = field(default_factory=set)
    _marks: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end_all()

    @property
    def kills(self) -> int:
        return sum(count for what, count in self.did.items() if what.startswith("killed"))

    def go(self, kills: int, seconds: float) -> None:
        """Rounds until so many kills, or for so long."""
        calm, until = self._result(Store(self.folder / "calm")), time.monotonic() + seconds
        while self.kills < kills and time.monotonic() < until:
            store = Store((self.shared or self.folder) / f"round-{self.did['rounds']}")
            try:
                self._round(store, min(kills, self.kills + ROUND_KILLS), until)
            finally:
                self._end_all()
            self.did["rounds"] += 1
            self._compare(store, calm)
            shutil.rmtree(store.root, ignore_errors=True)

    def _round(self, store: Store, kills: int, until: float) -> None:
        store.prepare()
        done: set[str] = set()
        self._marks.clear()
        left_alone = 0.0
        pace = self.rng.choice(self.paces)
        while True:
            self._wake()
            for run in [run for run in self._alive if run.has_ended()]:
                self._alive.remove(run)
                self._hear(run)
            done = self._check_done(store, done)
            if len(done) == len(self.plan.stages) and not self._alive:
                return
            while len(self._alive) < self.runs and len(done) < len(self.plan.stages):
                self._alive.append(self._start(store))
            if self.kills < kills and time.monotonic() < until and len(done) < len(self.plan.stages):
                self._strike()
                left_alone = time.monotonic()
            elif time.monotonic() - left_alone > self.patience:
                self._note("stuck", f"{len(self.plan.stages) - len(done)} stages were still open when nobody disturbed any more")
                return
            time.sleep(self.rng.expovariate(1 / pace))

    def _start(self, store: Store) -> Run:
        shift = self.rng.choice((0.0, HOUR, -HOUR))
        if self.mounts:
            store = Store(self.rng.choice(self.mounts) / store.root.name)
        self.did["runs"] += 1
        said = self.folder / f"said-{self.did['runs']}.json"
        pid = os.fork()
        if pid == 0:
            now = time.time
            time.time = lambda: now() + shift
            try:
                state = self._execute(store)
                found = {"errors": {key: error.error for key, error in state.errors.items()}, "open": state.count("pending")}
                said.write_text(json.dumps(found), encoding="utf-8")
            except BaseException:
                said.write_text(json.dumps({"crash": traceback.format_exc()}), encoding="utf-8")
            finally:
                os._exit(0)
        return Run(pid, said)

    def _execute(self, store: Store) -> State:
        return execute(self.plan, store, workers=1)

    def _hear(self, run: Run) -> None:
        """What a run said at its end; nothing if it was killed."""
        if run.said.exists():
            said = read_json(run.said)
            for error in (*said.get("errors", {}).values(), *([said["crash"]] if "crash" in said else [])):
                self._note("failed", error)
            run.said.unlink()

    def _strike(self) -> None:
        awake = [run for run in self._alive if not run.suspended]
        if not awake:
            return
        run = self.rng.choice(awake)
        workers = _list_children(run.pid)
        match self.rng.choices(("worker", "run", "suspend worker", "suspend run", "orphan"), (8, 4, 1, 1, 1))[0]:
            case "worker" if workers:
                self._kill(workers[0], "killed workers")
            case "run":
                self._kill(run.pid, "killed runs")
            case "suspend worker" if workers:
                self._suspend(workers[0], "suspended workers")
            case "suspend run":
                self._suspend(run.pid, "suspended runs")
                run.suspended = True
            case "orphan" if workers:
                self._suspend(workers[0], "suspended orphans")
                self._orphans.add(workers[0])
                self._kill(run.pid, "killed runs with suspended workers")

    def _kill(self, pid: int, what: str) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.did[what] += 1

    def _suspend(self, pid: int, what: str) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            self.did[what] += 1
            self._asleep.append((time.monotonic() + leases.STALE_SECONDS * self.rng.uniform(0.5, 3.0), pid))

    def _wake(self, everybody: bool = False) -> None:
        for at, pid in list(self._asleep):
            if everybody or time.monotonic() > at:
                self._asleep.remove((at, pid))
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
                for run in self._alive:
                    run.suspended = run.suspended and run.pid != pid

    def _end_all(self) -> None:
        self._wake(everybody=True)
        for run in self._alive:
            workers = _list_children(run.pid)
            for pid in (run.pid, *workers):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            os.waitpid(run.pid, 0)
        self._alive.clear()
        deadline = time.monotonic() + 30
        while self._orphans and time.monotonic() < deadline:
            self._orphans = {pid for pid in self._orphans if Path(f"/proc/{pid}").exists()}
            time.sleep(0.05)
        for pid in self._orphans:
            self._note("stuck", f"the orphaned worker {pid} never ended")
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._orphans.clear()

    def _check_done(self, store: Store, before: set[str]) -> set[str]:
        """The keys of the stages that are done. Counts those that no longer are."""
        folders = _locate(store, self.plan)
        done = {key for key, folder in folders.items() if store.is_done(folder)}
        for key in before - done:
            self._note("lost", f"{folders.get(key, key)} was done and is not any more")
        for key in done:
            mark = (folders[key] / "done.json").stat().st_ino
            if self._marks.setdefault(key, mark) != mark:
                self._note("twice", f"{folders[key]} was published again")
                self._marks[key] = mark
        if new := done - before:
            key = self.rng.choice(sorted(new))
            self._verify(store, folders[key])
        return done

    def _verify(self, store: Store, folder: Path) -> None:
        try:
            store.verify(folder)
        except DamagedArtefact as error:
            self._note("torn", str(error))

    def _compare(self, store: Store, calm: dict[str, str]) -> None:
        folders = _locate(store, self.plan)
        for folder in folders.values():
            if store.is_done(folder):
                self._verify(store, folder)
            else:
                self._note("lost", f"{folder} was not done in the end")
            for run in store.runs(folder):
                self.did[f"attempts {run.get('outcome')}"] += 1
                if run.get("outcome") == "failed":
                    self._note("failed", f"{folder.name}: {run.get('error')}")
        own = self._list_hashes(store)
        for name in sorted({*own, *calm}):
            if own.get(name) != calm.get(name):
                self._note("unequal", name)

    def _result(self, store: Store) -> dict[str, str]:
        """The hashes of a run that nobody disturbs."""
        state = execute(self.plan, store, workers=2)
        assert not state.errors, state.errors
        return self._list_hashes(store)

    def _list_hashes(self, store: Store) -> dict[str, str]:
        found = {}
        for key, folder in _locate(store, self.plan).items():
            for name, facts in (read_json(folder / "done.json") or {"files": {}})["files"].items():
                if name.endswith((".safetensors", ".npy", ".jsonl", *COMPARED)):
                    found[f"{folder.parent.name} {key} {name}"] = facts["sha256"]
        return found

    def _note(self, what: str, text: str) -> None:
        self.found[what] += 1
        self.notes.append(f"{what}: {text}")

    def record(self) -> dict[str, Any]:
        """What happened and what was found, as JSON."""
        return {"kills": self.kills, "found": dict(self.found), "did": dict(sorted(self.did.items())), "notes": self.notes[:50]}


def _locate(store: Store, plan: Plan) -> dict[str, Path]:
    """The folders of the stages that were begun, by key."""
    return {key: Path(folder) for key, folder in store.locate(plan.stages).items()}


def _list_children(pid: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except OSError:
        return []


def prepare(patch: Callable[[Any, str, Any], None], stale: float = STALE_SECONDS) -> None:
    """Make leases short, checkpoints frequent and workers forks. `patch` sets a name of a module."""
    patch(leases, "STALE_SECONDS", stale)
    patch(leases, "BEAT_SECONDS", BEAT_SECONDS)
    patch(leases, "HIDDEN_SECONDS", stale)
    patch(loop, "CHECKPOINT_SECONDS", 0.05)
    patch(executing, "LOST_LIMIT", 1_000_000)
    patch(local, "subprocess", Fork)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=3, help="how many share the store")
    parser.add_argument("--stale", type=float, default=STALE_SECONDS, help="seconds after which a lease counts as stale")
    parser.add_argument("--shared", type=Path, help="the folder in which the store is")
    parser.add_argument("--mounts", type=Path, nargs="*", default=[], help="several mounts of that folder")
    parser.add_argument("--on", choices=("local", "slurm", "ray"), default="local")
    parser.add_argument("--out", type=Path, default=Path("bench/out/drill.json"))
    words = parser.parse_args()
    words.out.parent.mkdir(parents=True, exist_ok=True)
    prepare(setattr, words.stale)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="xstilts-drill-") as folder, ExitStack() as stack:
        kind = Drill
        if words.on == "slurm":
            from drill_slurm import SlurmDrill as kind
        elif words.on == "ray":
            from drill_ray import RayDrill as kind
        drill = kind(compile_study(make_study(STUDY)), Path(folder), random.Random(words.seed), words.runs)
        drill.shared, drill.mounts = words.shared, tuple(words.mounts)
        stack.enter_context(drill)
        try:
            drill.go(words.kills, words.seconds)
        finally:
            record = {
                "seconds": round(time.monotonic() - began),
                "on": words.on,
                "seed": words.seed,
                "load": os.getloadavg()[0],
                **drill.record(),
            }
            words.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
            print(json.dumps(record, indent=1))
    sys.exit(any(drill.found.values()))


if __name__ == "__main__":
    main()
