"""The drill on a real Slurm of two nodes on this machine: `python bench/drill.py --on slurm`.

Runs submit job arrays; jobs run `xstilts stage` in forks of a process that has torch already. Beside workers and runs, the
daemons are killed: slurmctld, the slurmd of a node, and the slurmstepd of a job, after which its worker goes on as an orphan. The
clocks of workers differ too, and some of them see what others have written only after a while, as on a network file system.
"""

from __future__ import annotations

import builtins
import io
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

import torch
from tests import zygote
from tests.real_slurm import NODES, RealSlurm, why_not

from drill import HOUR, Drill, Run, _list_children
from xstilts.execution import execute as executing
from xstilts.execution.cluster import Cluster
from xstilts.execution.execute import State, execute
from xstilts.execution.executors import slurm as executor
from xstilts.execution.executors.slurm import SlurmExecutor
from xstilts.store import lease as leases
from xstilts.store.store import Store

INTERVAL = 0.5
LAG_SECONDS = 1.0


class Lag:
    """The caches of a network file system: a file that another process has just made is seen only `seconds` after this one looked
    for it first. As there, a process that makes something in a folder sees all that is in it by then."""

    def __init__(self, seconds: float):
        self._seconds, self._first = seconds, dict[str, dict[str, float]]()
        self._stat, self._listdir = os.stat, os.listdir

    def install(self) -> None:
        os.stat = self._wrap(os.stat, reads=True)  # type: ignore[assignment]
        os.open = self._wrap(os.open, lambda flags, *_, **__: not flags & os.O_CREAT)  # type: ignore[assignment]
        builtins.open = io.open = self._wrap(io.open, lambda mode="r", *_, **__: mode.startswith("r"))  # type: ignore[assignment]
        os.listdir = self._list  # type: ignore[assignment]
        for name in ("mkdir", "link", "rename", "replace"):
            setattr(os, name, self._wrap(getattr(os, name), reads=False))

    def _wrap(self, call: Callable[..., Any], reads: bool | Callable[..., bool]) -> Callable[..., Any]:
        def wrapped(path: Any, *rest: Any, **options: Any) -> Any:
            if not isinstance(path, int):
                if reads if isinstance(reads, bool) else reads(*rest, **options):
                    if self._hides(path):
                        raise FileNotFoundError(2, "not seen yet", str(path))
                else:
                    result = call(path, *rest, **options)
                    made = [path, *(one for one in rest if isinstance(one, str | os.PathLike))]
                    for one in made:
                        self._first[os.path.dirname(os.fspath(one))] = {}
                    return result
            return call(path, *rest, **options)

        return wrapped

    def _hides(self, path: Any) -> bool:
        folder, name = os.path.split(os.fspath(path))
        if not re.fullmatch(r"(stage|done|run-\d+|[0-9a-f]{64}|.+\.part)\.json|lease|keys", str(name)):
            return False
        first = self._first.get(str(folder))
        now = time.monotonic()
        if first is not None and str(name) in first:
            return now - first[str(name)] < self._seconds
        try:
            found = self._stat(path)
        except (OSError, ValueError):
            return False
        fresh = abs(time.time_ns() - found.st_ctime_ns) < self._seconds * 1e9  # in this process, both are of one clock
        seen = self._first.setdefault(str(folder), {})
        seen[str(name)] = now if fresh and first is None else -self._seconds
        return now - seen[str(name)] < self._seconds

    def _list(self, path: Any = ".") -> list[str]:
        return [name for name in self._listdir(path) if not self._hides(os.path.join(path, name))]


@dataclass
class SlurmDrill(Drill):
    paces: tuple[float, ...] = (0.2, 0.5, 1.0)  # a job takes a second to begin
    patience: float = 240.0  # a controller that was killed finds its nodes within a minute
    _resumed: float = 0.0
    _later: list[tuple[float, str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        if reason := why_not():
            sys.exit(f"no Slurm: {reason}")
        executing.POLL_SECONDS, executor.LOOK_SECONDS, executor.PROGRESS_SECONDS = 0.05, 0.1, 0.5
        executor.HIDDEN_SECONDS, leases.HIDDEN_SECONDS, executor.BEGIN_SECONDS = 10.0, 10.0, 20.0
        self.socket = self.folder / "zygote"
        self.server = self._fork(lambda: zygote.serve(self.socket, self._begin))
        self.slurm = RealSlurm(self.folder / "slurm", cpus=2)
        self.slurm.__enter__()
        client = shlex.join([sys.executable, "-SE", zygote.__file__, str(self.socket)])
        resources = {"default": {"memory": "1M", "time": "2m"}, "score": {"together": 5}, "fetch": {"together": 3}}
        self.cluster = Cluster.model_validate({"interval": INTERVAL, "jobs": 20, "command": client, "stages": resources})
        return self

    def __exit__(self, *_: object) -> None:
        self._end_all()
        self.slurm.__exit__()
        os.kill(self.server, signal.SIGKILL)
        os.waitpid(self.server, 0)

    @staticmethod
    def _fork(do: Callable[[], None]) -> int:
        pid = os.fork()
        if pid == 0:
            try:
                do()
            finally:
                os._exit(1)
        return pid

    @staticmethod
    def _begin() -> None:
        """In each worker: its clock, and its disk."""
        torch.set_num_threads(1)
        rng = random.Random(os.getpid())
        shift, now = rng.choice((0.0, HOUR, -HOUR)), time.time
        if rng.random() < 0.3:
            Lag(LAG_SECONDS).install()
        else:
            time.time = lambda: now() + shift

    def _execute(self, store: Store) -> State:
        return execute(self.plan, store, start=partial(SlurmExecutor, self.cluster))

    def _strike(self) -> None:
        workers, runs = _list_children(self.server), [run for run in self._alive if not run.suspended]
        blows = ("worker", "run", "suspend worker", "suspend run", "slurmstepd", "slurmd", "slurmctld")
        match self.rng.choices(blows, (40, 6, 4, 2, 4, 1, 0.3))[0]:
            case "worker" if workers:
                self._kill(self.rng.choice(workers), "killed workers")
            case "run" if runs:
                self._kill(self.rng.choice(runs).pid, "killed runs")
            case "suspend worker" if workers:
                self._suspend(self.rng.choice(workers), "suspended workers")
            case "suspend run" if runs:
                run: Run = self.rng.choice(runs)
                self._suspend(run.pid, "suspended runs")
                run.suspended = True
            case "slurmstepd" if steps := self._steps():
                self._kill(self.rng.choice(steps), "killed slurmstepd")
            case "slurmd":
                self._kill_daemon(self.rng.choice(NODES), "killed slurmd")
            case "slurmctld":
                self._kill_daemon("slurmctld", "killed slurmctld")

    def _steps(self) -> list[int]:
        found = subprocess.run(["pgrep", "-x", "slurmstepd"], stdout=subprocess.PIPE, text=True, check=False).stdout.split()
        return [int(pid) for pid in found if str(self.folder) in _read_environment(int(pid))]

    def _kill_daemon(self, daemon: str, what: str) -> None:
        if any(daemon == one for _, one in self._later):
            return
        if self.slurm.kill(daemon):
            self.did[what] += 1
            self._later.append((time.monotonic() + self.rng.choice((0.5, 3.0, 15.0)), daemon))

    def _wake(self, everybody: bool = False) -> None:
        super()._wake(everybody)
        for at, daemon in list(self._later):
            if everybody or time.monotonic() > at:
                self._later.remove((at, daemon))
                self.slurm.start(daemon)
        if time.monotonic() - self._resumed > 5:  # what an administrator does with a node that Slurm has set aside
            self._resumed = time.monotonic()
            self.slurm.resume()

    def _end_all(self) -> None:
        super()._end_all()
        self.slurm.clear()
        until = time.monotonic() + 30
        while (workers := _list_children(self.server)) and time.monotonic() < until:
            for pid in workers:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)


def _read_environment(pid: int) -> str:
    """The command line and environment of a process; empty if it has ended."""
    try:
        words = (Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
        return b" ".join(words).decode("utf-8", "replace")
    except OSError:
        return ""
