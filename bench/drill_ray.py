"""The drill on a Ray cluster of two nodes on this machine: `python bench/drill.py --on ray`.

Ray's workers are forks of a process that has torch already. Beside workers and runs, the processes that speak with Ray for a run
(`ray_driver`) are killed, and the daemons: the raylet of the second node, for which a new node comes, and the raylet of the first
one or the GCS, after which the cluster is gone. The runs then have to say so and end, and the next ones go on on a new cluster.
Orphans are workers that were suspended while the raylet of their node was killed, and those whose raylet is suspended for so long
that Ray takes the node for dead, which go on. The clocks and disks of workers differ as in `drill_slurm.py`.
"""

from __future__ import annotations

import argparse
import os
import re
import runpy
import select
import shutil
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

from tests import zygote

from drill import Drill, Run, _list_children
from drill_slurm import SlurmDrill, _read_environment
from xstilts.execution import execute as executing
from xstilts.execution import ray_driver
from xstilts.execution.cluster import Cluster
from xstilts.execution.execute import State, execute
from xstilts.execution.executors import ray as executor
from xstilts.execution.executors.ray import start_ray
from xstilts.store.lease import find_holder
from xstilts.store.store import Store, read_json

NODE = {"num_cpus": 2, "object_store_memory": 100 * 2**20, "memory": 2 * 2**30}
HEAD = {"include_dashboard": False, "include_log_monitor": False, "no_monitor": True}
START_SECONDS = 120.0
WORK_SECONDS = 3.0
CUT_OFF_SECONDS = 15.0  # after which Ray has long taken a node that does not answer for dead
END_SECONDS = 100.0  # that runs may take to end after their cluster is gone: a call of Ray may hang for 60
# What Ray's command for a worker begins with, in place of its own program of this name.
SETUP_WORKER = """\
import sys
sys.path.insert(0, {root!r})
from tests.zygote import ask
sys.exit(ask({socket!r}, sys.argv[1:]))
"""


@dataclass
class RayDrill(Drill):
    paces: tuple[float, ...] = (0.3, 0.8, 1.5)
    _store: Store | None = None
    _wanted: int = 0
    _gone: float = 0.0  # when the cluster was broken; 0 if it was not
    _later: list[float] = field(default_factory=list)
    _excused: set[int] = field(default_factory=set)

    def __enter__(self) -> Self:
        self.tmp, self.socket, self.told = self.folder / "r", self.folder / "zygote", self.folder / "told"
        (self.tmp / "ray").mkdir(parents=True)
        self.told.touch()
        os.environ |= {"RAY_TMPDIR": str(self.tmp), "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
        os.environ |= {f"RAY_health_check_{name}_ms": "1000" for name in ("initial_delay", "period", "timeout")}
        os.environ |= {"RAY_num_workers_soft_limit": "12", "RAY_idle_worker_killing_time_threshold_ms": "20000"}
        os.environ |= {"XSTILTS_DEVICE": "cpu", "HOME": str(self.folder)}
        executing.POLL_SECONDS, executor.START_SECONDS = 0.05, 30.0  # Ray itself tries for minutes to join a cluster that is gone
        ray_driver.TURN_SECONDS, ray_driver.PROGRESS_SECONDS = 0.05, 0.3
        ray_driver.NODES_SECONDS, ray_driver.GONE_SECONDS = 1.0, 3.0
        self.setup = self.folder / "setup_worker.py"
        root = str(Path(zygote.__file__).resolve().parents[1])
        self.setup.write_text(SETUP_WORKER.format(root=root, socket=str(self.socket)), encoding="utf-8")
        self.server = SlurmDrill._fork(lambda: zygote.serve(self.socket, self._begin, _run_worker))
        import ray  # noqa: F401  for the runs; workers import it, since it then reads what its raylet has told them

        self.cluster = Cluster.model_validate({"jobs": 20, "stages": {"default": {"memory": "1M", "cpus": 1}}})
        self._start_cluster()
        return self

    def __exit__(self, *_: object) -> None:
        self._end_all()
        self._end_cluster()
        os.kill(self.server, signal.SIGKILL)
        os.waitpid(self.server, 0)

    def _begin(self) -> None:
        SlurmDrill._begin()
        (self.folder / f"raylet-of-{os.getpid()}").write_text(os.environ["RAY_RAYLET_PID"], encoding="ascii")

    def _start_cluster(self) -> None:
        (commands, self._commands), (self._answers, answers) = os.pipe(), os.pipe()
        self.keeper = SlurmDrill._fork(partial(_keep_cluster, commands, answers, str(self.setup)))
        os.close(commands)
        os.close(answers)
        ready, _, _ = select.select([self._answers], [], [], START_SECONDS)
        address = os.read(self._answers, 1000).decode() if ready else ""
        assert address, "the Ray cluster did not start"
        os.environ["RAY_ADDRESS"] = address
        self.did["clusters"] += 1

    def _end_cluster(self) -> None:
        for pid in self._find(""):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        os.waitpid(self.keeper, 0)
        os.close(self._commands)
        os.close(self._answers)
        shutil.rmtree(self.tmp / "ray", ignore_errors=True)
        (self.tmp / "ray").mkdir()

    def _find(self, pattern: str) -> list[int]:
        """The processes of the cluster, whose session is that of its keeper, and whose command has the pattern in it."""
        found = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
        return [pid for pid in found if _read_session(pid) == self.keeper and re.search(pattern, _read_environment(pid))]

    def _find_raylets(self, head: bool) -> list[int]:
        return [pid for pid in self._find(r"^[^\0]*/raylet\0") if ("\0--head\0" in _read_environment(pid)) == head]

    def _list_workers(self) -> list[int]:
        """Those at work, somewhere in it; all if none is for a while."""
        assert self._store is not None
        until = time.monotonic() + WORK_SECONDS
        while True:
            forks = _list_children(self.server)
            holders = [find_holder(folder) for folder in self._store.find_all(self.plan.stages).values()]
            at_work = [holder.pid for holder in holders if holder and holder.pid in forks]
            if at_work or time.monotonic() > until:
                time.sleep(self.rng.uniform(0, 0.3))
                return at_work or forks
            time.sleep(0.02)

    def _execute(self, store: Store) -> State:
        state = execute(self.plan, store, start=partial(start_ray, self.cluster))
        with self.told.open("a", encoding="utf-8") as told:
            told.writelines(f"{message}\n" for message in state.messages if message.startswith("damaged"))
        return state

    def _round(self, store: Store, kills: int, until: float) -> None:
        self._store = store
        super()._round(store, kills, until)

    def _compare(self, store: Store, calm: dict[str, str]) -> None:
        super()._compare(store, calm)
        for message in self.told.read_text(encoding="utf-8").splitlines():
            self._note("failed", f"a run falsely said: {message}")
        self.told.write_text("", encoding="utf-8")

    def _hear(self, run: Run) -> None:
        said = read_json(run.said) if run.said.exists() else {}
        words = said.get("crash", "").strip().rpartition("\n")[2]
        if run.pid in self._excused and words.startswith("xstilts.errors.InputError: --executor ray: "):
            sentence = re.split("[,;] | at ", words.partition("--executor ray: ")[2])[0]
            self.did[f"runs that said: {sentence}"] += 1
            run.said.unlink()
        super()._hear(run)

    def _strike(self) -> None:
        runs = [run for run in self._alive if not run.suspended]
        blows = ("worker", "run", "driver", "suspend worker", "suspend run", "raylet", "orphan", "cut off", "head", "gcs")
        match self.rng.choices(blows, (32, 5, 4, 4, 2, 2, 2, 1, 0.5, 0.5))[0]:
            case "worker" if workers := self._list_workers():
                self._kill(self.rng.choice(workers), "killed workers")
            case "run" if runs:
                self._kill(self.rng.choice(runs).pid, "killed runs")
            case "driver" if drivers := [(run, pid) for run in runs for pid in _list_children(run.pid)]:
                run, pid = self.rng.choice(drivers)
                self._excused.add(run.pid)
                self._kill(pid, "killed drivers")
            case "suspend worker" if workers := self._list_workers():
                self._suspend(self.rng.choice(workers), "suspended workers")
            case "suspend run" if runs:
                run = self.rng.choice(runs)
                self._suspend(run.pid, "suspended runs")
                run.suspended = True
            case "raylet" if raylets := self._find_raylets(head=False):
                self._kill_second(raylets[0])
            case "orphan" if raylets := self._find_raylets(head=False):
                if own := [pid for pid in self._list_workers() if self._read_raylet(pid) == raylets[0]]:
                    for pid in own:
                        self._suspend(pid, "suspended orphans")
                        self._orphans.add(pid)
                    self._kill_second(raylets[0])
            case "cut off" if raylets := self._find_raylets(head=False):
                with suppress(ProcessLookupError):
                    os.kill(raylets[0], signal.SIGSTOP)
                    self.did["suspended raylets of second nodes"] += 1
                    self._asleep.append((time.monotonic() + CUT_OFF_SECONDS, raylets[0]))
                    self._later.append(time.monotonic() + CUT_OFF_SECONDS + 2.0)
            case "head" if not self._gone:
                self._break(self._find_raylets(head=True), "killed raylets of first nodes")
            case "gcs" if not self._gone:
                self._break(self._find(r"^[^\0]*/gcs_server\0"), "killed GCS")

    def _read_raylet(self, worker: int) -> int:
        with suppress(OSError, ValueError):
            return int((self.folder / f"raylet-of-{worker}").read_text(encoding="ascii"))
        return 0

    def _kill_second(self, raylet: int) -> None:
        self._kill(raylet, "killed raylets of second nodes")
        self._later.append(time.monotonic() + self.rng.choice((0.5, 3.0, 10.0)))

    def _break(self, daemons: list[int], what: str) -> None:
        for pid in daemons:
            self._kill(pid, what)
            self._excused |= {run.pid for run in self._alive}
            self._gone, self._wanted, self.runs = time.monotonic(), self.runs, 0

    def _wake(self, everybody: bool = False) -> None:
        super()._wake(everybody)
        for at in list(self._later):
            if not self._gone and time.monotonic() > at:
                self._later.remove(at)
                if not self._find_raylets(head=False):
                    os.write(self._commands, b"+")
        if self._gone and self._alive and time.monotonic() - self._gone > END_SECONDS:
            self._note("stuck", f"{len(self._alive)} runs went on {END_SECONDS:.0f} seconds after their cluster was gone")
            for run in self._alive:
                self._kill(run.pid, "runs that were ended")
        if self._gone and (everybody or not self._alive):
            self._end_cluster()
            self._start_cluster()
            self._later.clear()
            self._gone, self.runs = 0.0, self._wanted

    def _end_all(self) -> None:
        super()._end_all()
        workers = _list_children(self.server)
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _read_session(pid: int) -> int:
    with suppress(ProcessLookupError):
        return os.getsid(pid)
    return 0


def _keep_cluster(commands: int, answers: int, setup: str) -> None:
    """Start a cluster, say its address, and add a node at each command."""
    os.setsid()
    from ray.cluster_utils import Cluster as Nodes

    node: dict[str, Any] = {**NODE, "setup_worker_path": setup}
    nodes = Nodes(initialize_head=True, head_node_args={**node, **HEAD}, shutdown_at_exit=False)
    nodes.add_node(**node)
    os.write(answers, nodes.address.encode())
    while True:
        ready, _, _ = select.select([commands], [], [], 0.1)
        if ready:
            os.read(commands, 1)
            with suppress(Exception):  # the cluster may be gone by now
                nodes.add_node(**node)
        for one in nodes.list_all_nodes():
            for processes in one.all_processes.values():
                for info in processes:
                    info.process.poll()  # a raylet that nobody waited for would seem to be alive


def _run_worker(words: list[str]) -> None:
    """What Ray's own setup_worker.py does: the environment, then the worker."""
    from ray._private.runtime_env.context import RuntimeEnvContext

    parser = argparse.ArgumentParser()
    parser.add_argument("--serialized-runtime-env-context", default="{}")
    parser.add_argument("--language")
    own, sys.argv = parser.parse_known_args(words)
    os.environ.update(RuntimeEnvContext.deserialize(own.serialized_runtime_env_context).env_vars)
    runpy.run_path(sys.argv[0], run_name="__main__")
