"""The executor on Ray: an existing cluster, whose address is $RAY_ADDRESS, or one on this machine that lives as long as the run.

Ray decides where a stage runs, by what `cluster.yaml` says that its kind needs, and nothing else: `execute` decides what runs,
and the store what is done. This side starts a process that speaks with Ray (`execution/ray_driver.py`).
"""

from __future__ import annotations

import importlib.util
import selectors
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self

from xstilts.errors import InputError
from xstilts.execution.cluster import Cluster
from xstilts.execution.executors.base import Demand, Event
from xstilts.execution.executors.local import Worker
from xstilts.stages.job import Outcome
from xstilts.stages.stage import KINDS

START_SECONDS = 120.0
SILENT_SECONDS = 90.0
END_SECONDS = 10.0
# So many stages wait in Ray's queue, so that a node that has room need not wait for this program.
WAITING = 4


def start_ray(cluster: Cluster, demand: Demand) -> RayExecutor:
    """Join or start a cluster. Raises InputError if that fails."""
    if importlib.util.find_spec("ray") is None:
        raise InputError("--executor ray: Ray is not installed; run: pip install 'xstilts[ray]'")
    return RayExecutor(cluster, demand)


class RayExecutor:
    """`with RayExecutor(cluster, demand) as executor:`. It runs as many stages at once as were asked for, else as the cluster has
    room for now. `poll` raises InputError once the cluster is gone."""

    def __init__(self, cluster: Cluster, demand: Demand):
        self._most = min(cluster.jobs, demand.stages)
        self._workers = demand.workers
        self._room = 1
        self._running: set[str] = set()
        self._log = demand.store / "workers.log"
        self._driver = Worker(demand.store, self._log, module="xstilts.execution.ray_driver")
        self._heard = time.monotonic()
        requests = {kind: cluster.request(kind, demand) for kind in KINDS}
        self._driver.send({kind: {"cpus": r.cpus, "gpus": r.gpus, "memory": r.memory_mib} for kind, r in requests.items()})
        try:
            self._await_start()
        except BaseException:
            self.__exit__()
            raise

    def _await_start(self) -> None:
        began = self._heard
        while self._heard == began:
            self._listen(1.0)
            if time.monotonic() - began > START_SECONDS:
                raise InputError(_end(f"Ray did not start within {START_SECONDS:.0f} seconds; what it printed is in {self._log}"))

    @property
    def size(self) -> int:
        return max(1, min(self._workers or self._room, self._most))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(BrokenPipeError):
            self._driver.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._driver.process.wait(END_SECONDS)
        self._driver.kill()

    def idle(self) -> int:
        waiting = 0 if self._workers else WAITING
        return max(0, min(self.size + waiting, self._most) - len(self._running))

    def submit(self, record: Mapping[str, Any]) -> None:
        self._running.add(record["key"])
        self._driver.send({"do": "run", "stage": record})

    def poll(self, seconds: float) -> list[tuple[str, Event]]:
        found: list[tuple[str, Event]] = []
        for event in self._listen(seconds):
            if "outcome" in event:
                self._running.discard(event["key"])
            found.append((event["key"], Outcome(**event["outcome"]) if "outcome" in event else event["report"]))
        return found

    def stop(self) -> None:
        self._driver.send({"do": "stop"})

    def _listen(self, seconds: float) -> list[dict[str, Any]]:
        """What was said of stages."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._driver.stdout, selectors.EVENT_READ)
            ready = selector.select(seconds)
        events = self._driver.events() if ready else []
        if events is None:
            raise InputError(_end(f"the connection to Ray is lost, and what it said is in {self._log}"))
        if events:
            self._heard = time.monotonic()
        elif time.monotonic() - self._heard > SILENT_SECONDS:
            raise InputError(_end(f"Ray has not answered for {SILENT_SECONDS:.0f} seconds"))
        for event in events:
            self._room = event.get("size", self._room)
            if "error" in event:
                raise InputError(_end(event["error"]))
        return [event for event in events if "key" in event]


def _end(error: str) -> str:
    return f"--executor ray: {error}. Finished stages are kept; run the same command again to go on"
