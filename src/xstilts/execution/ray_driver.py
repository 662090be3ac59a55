"""The process that speaks with Ray for a run, as `worker.py` does for the local executor: stages come in as JSON lines, events
go out.

It is a process of its own since Ray ends the process that uses it when the cluster is gone, and writes to its terminal. Which
stage is done, and which is tried again, says the store: Ray's own retries are off. The progress of stages is read from there too.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xstilts.errors import InputError
from xstilts.execution import ray_task
from xstilts.execution.code_identity import read_code_identity
from xstilts.execution.environment import worker_variables
from xstilts.stages.job import Outcome
from xstilts.store.lease import look
from xstilts.store.store import Store, read_run

TURN_SECONDS = 0.2
PROGRESS_SECONDS = 2.0
NODES_SECONDS = 5.0
# A stage that no node of the cluster could ever run is told after so long.
INFEASIBLE_SECONDS = 10.0
# How long the head node may be silent; after 60 seconds Ray ends this process.
GONE_SECONDS = 20.0
LAST_SECONDS = 5.0  # that Ray may take to let go
# Results are a few hundred bytes; Ray would keep a third of the memory for them.
OBJECT_STORE_BYTES = 100 * 2**20
WAITS = {"queued": "no room in the Ray cluster yet"}
# Its name in cluster.yaml and in Ray, and what one of cluster.yaml is in Ray.
RESOURCES = {"cpus": ("CPU", 1), "gpus": ("GPU", 1), "memory": ("memory", 2**20)}

Amounts = Mapping[str, float]


@dataclass
class Running:
    """A stage that Ray has. `before`: how many attempts at it there were; `attempt`: the record of its own, once it began."""

    record: Mapping[str, Any]
    folder: Path
    before: int
    submitted: float
    attempt: str = ""
    told: Any = None

    @property
    def key(self) -> str:
        return str(self.record["key"])


class Driver:
    """`requests`: what a stage of each kind asks for, in the units of cluster.yaml. `say` takes events: {"size": how many stages
    the cluster holds at once}, {"key", "report"} and {"key", "outcome"}. Raises InputError if it cannot go on."""

    def __init__(self, store: Store, requests: Mapping[str, Amounts], say: Callable[[dict[str, Any]], None]):
        _connect()
        import ray

        self._ray, self._store, self._requests, self._say = ray, store, requests, say
        self._head = ray.get_runtime_context().gcs_address
        self._logs = ray._private.worker.global_worker.node.get_logs_dir_path()
        self._code = read_code_identity()
        self._task = ray.remote(ray_task.run_on_node)
        self._running: dict[Any, Running] = {}
        self._nodes = self._list_nodes()
        self._held: set[str] = set()  # the kinds for which there was a node
        self._answered = time.monotonic()
        self._check_gpus()
        self._tell_room()

    def has_stages(self) -> bool:
        return bool(self._running)

    def turn(self, seconds: float) -> None:
        """Tell what has ended, waiting at most so long for it."""
        if self.has_stages():
            ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=seconds)
            for reference in ready:
                self._end(self._running.pop(reference), reference)

    def begin(self, record: Mapping[str, Any]) -> None:
        request = self._requests[record["kind"]]
        amounts = {name: request[name] * unit for name, (_, unit) in RESOURCES.items()}
        task = self._task.options(
            num_cpus=amounts["cpus"],
            num_gpus=amounts["gpus"],
            memory=amounts["memory"],
            max_retries=0,
            retry_exceptions=False,
            name=f"{record['kind']} {record['slug']}",
        )
        folder = self._store.folder(record["kind"], record["slug"], record["key"])
        running = Running(record, folder, len(_attempts(folder)), time.monotonic())
        self._running[task.remote(record, str(self._store.root), self._code, request["gpus"])] = running
        self._report(running, WAITS)

    def stop(self) -> None:
        """Ask each stage to checkpoint. One that did not begin ends at once."""
        for reference in self._running:
            self._ray.cancel(reference, force=False)

    def look(self) -> None:
        """Tell the progress of the stages, and end those that give no sign of life though Ray has them."""
        for reference, running in list(self._running.items()):
            self._look_at(running)
            if running.attempt:
                holder, silent = look(running.folder)
                if holder is None and silent:
                    self._ray.cancel(reference, force=True)
                    del self._running[reference]
                    self._lose(running, silent)

    def look_at_cluster(self) -> None:
        """See which nodes there are, and tell the stages that none of them can run."""
        if _answers(self._head):
            self._answered = time.monotonic()
            self._nodes = self._list_nodes()
            self._tell_room()
        elif time.monotonic() - self._answered > GONE_SECONDS:
            raise InputError(f"the head node of the Ray cluster at {self._head} does not answer any more")
        for reference, running in list(self._running.items()):
            kind = running.record["kind"]
            waits = not running.attempt and time.monotonic() - running.submitted > INFEASIBLE_SECONDS
            if waits and kind not in self._held:
                self._ray.cancel(reference, force=False)
                del self._running[reference]
                self._tell(running, Outcome("failed", self._too_much(kind), input_error=True))

    def _list_nodes(self) -> list[Amounts]:
        return [node["Resources"] for node in self._ray.nodes() if node["Alive"]]

    def _tell_room(self) -> None:
        held = {kind: sum(_count(node, request) for node in self._nodes) for kind, request in self._requests.items()}
        self._held |= {kind for kind, count in held.items() if count}
        self._say({"size": max(held.values())})

    def _check_gpus(self) -> None:
        cards = sum(node.get("GPU", 0) for node in self._nodes)
        asked = any(request["gpus"] for request in self._requests.values())
        if cards and not asked and os.environ.get("XSTILTS_DEVICE", "cuda").startswith("cuda"):
            ask = "`stages: {default: {gpus: 1}}` in the file of --cluster"
            raise InputError(
                f"the Ray cluster has {cards:g} GPUs, and no stage asks for one; write {ask}, or set XSTILTS_DEVICE=cpu"
            )

    def _too_much(self, kind: str) -> str:
        """In which resource the cluster falls short."""
        request = self._requests[kind]
        for name, (ray_name, unit) in RESOURCES.items():
            most = max((node.get(ray_name, 0) / unit for node in self._nodes), default=0)
            if request[name] > most:
                size = "M" if name == "memory" else ""
                asks = f"asks for {name} {request[name]:g}{size}, and the largest node of the Ray cluster has {most:.6g}{size}"
                return f"{asks}; ask for less in cluster.yaml, under stages, {kind}, {name}, or add such a node"
        return f"no node of the Ray cluster has all that it asks for at once; ask for less in cluster.yaml, under stages, {kind}"

    def _look_at(self, running: Running) -> None:
        if not running.attempt:
            running.attempt = next(iter(_attempts(running.folder)[running.before :]), "")
        if not running.attempt:
            self._report(running, WAITS)
            return
        progress = read_run(running.folder / running.attempt).get("progress", {})
        if progress != running.told:
            running.told = progress
            self._report(running, progress)

    def _end(self, running: Running, reference: Any) -> None:
        self._look_at(running)
        errors = self._ray.exceptions
        try:
            found = self._ray.get(reference)
            if "refused" in found:
                raise InputError(found["refused"])
            self._tell(running, Outcome(**found))
        except errors.TaskCancelledError:
            self._tell(running, Outcome("interrupted"))
        except errors.OutOfMemoryError:
            self._lose(running, "its node had no memory left; memory in cluster.yaml says how much a stage needs")
        except errors.RayTaskError as error:  # an error outside the stage, whose own ones are outcomes
            said = str(error).strip().splitlines()[-1]
            if "failed to import" in str(error):
                raise InputError(f"a node of the Ray cluster has no xstilts, or another one: {said}") from None
            self._lose(running, said)
        except errors.RayError as error:
            if not _answers(self._ray._private.worker.global_worker.node.raylet_socket_name):
                raise InputError(f"Ray has ended on this machine, {socket.gethostname()}") from None
            self._lose(running, str(error).strip().partition("\n")[0].partition(". ")[0])

    def _lose(self, running: Running, why: str) -> None:
        self._tell(running, Outcome("lost", f"{why}; what it printed is on its node in {self._logs}"))

    def _report(self, running: Running, report: Mapping[str, Any]) -> None:
        self._say({"key": running.key, "report": dict(report)})

    def _tell(self, running: Running, outcome: Outcome) -> None:
        self._say({"key": running.key, "outcome": outcome.record()})


def _connect() -> None:
    """Join the cluster at $RAY_ADDRESS, or start one on this machine."""
    address = os.environ.get("RAY_ADDRESS") or "local"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    if address == "local" and "RAY_AUTH_MODE" not in os.environ:  # else Ray would leave a token in the user's home
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    import ray  # which reads these once

    if address.startswith("ray://"):
        expected = "expected HOST:PORT, as `ray start --head` prints it, on a machine that is a node of the cluster"
        raise InputError(f"RAY_ADDRESS={address}: {expected}")
    if ":" in address and not _answers(address):
        raise InputError(f"RAY_ADDRESS={address}: nothing answers there; start a cluster with `ray start --head`")
    embedded = {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES} if address == "local" else {}
    environment = {"env_vars": worker_variables()}
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", runtime_env=environment, **embedded)
    except Exception as error:
        said = " ".join(str(error).split())
        hint = "" if "RAY_AUTH_MODE" in os.environ else "; if the cluster asks for a token, set RAY_AUTH_MODE=token"
        raise InputError(f"RAY_ADDRESS={address}: {said}{hint}") from None


def _answers(address: str) -> bool:
    """Whether something listens at HOST:PORT, or at a socket's path."""
    try:
        if address.startswith("/"):
            with socket.socket(socket.AF_UNIX) as local:
                local.settimeout(LAST_SECONDS)
                local.connect(address)
        else:
            host, _, port = address.rpartition(":")
            socket.create_connection((host.strip("[]"), int(port)), LAST_SECONDS).close()
    except (OSError, ValueError):
        return False
    return True


def _count(node: Amounts, request: Amounts) -> int:
    """How many stages with a request a node holds at once."""
    asked = [(node.get(name, 0.0), request[own] * unit) for own, (name, unit) in RESOURCES.items() if request[own]]
    return min(int(there / each + 1e-6) for there, each in asked)  # 0.3 of a card are three times 0.1


def _attempts(folder: Path) -> list[str]:
    """The names of the records of the attempts at a stage, oldest first."""
    return [path.name for path in Store.list_runs(folder)]


def serve(driver: Driver, messages: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    """Do what the messages say, until one is None."""
    looked = seen = time.monotonic()
    while True:
        with contextlib.suppress(queue.Empty):
            while True:
                message = messages.get(timeout=0 if driver.has_stages() else TURN_SECONDS)
                if message is None:
                    return
                if message["do"] == "stop":
                    driver.stop()
                else:
                    driver.begin(message["stage"])
        driver.turn(TURN_SECONDS)
        now = time.monotonic()
        if now - looked > PROGRESS_SECONDS:
            looked = now
            driver.look()
        if now - seen > NODES_SECONDS:
            seen = now
            driver.look_at_cluster()


def main() -> None:
    """`python -m xstilts.execution.ray_driver STORE`. Its first line says what the kinds of stages ask for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the executor, which says "stop"
    events = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    requests = json.loads(sys.stdin.readline() or "{}")

    def say(event: dict[str, Any]) -> None:
        events.write(json.dumps(event) + "\n")

    def listen() -> None:
        for line in sys.stdin:
            messages.put(json.loads(line))
        messages.put(None)  # the executor is gone, or is done
        time.sleep(LAST_SECONDS)
        os._exit(3)

    threading.Thread(target=listen, daemon=True).start()
    try:
        serve(Driver(Store(sys.argv[1]), requests, say), messages)
    except InputError as error:
        say({"error": str(error)})
        os._exit(2)  # what Ray started here ends with this process
    import ray

    ray.shutdown()


if __name__ == "__main__":
    main()
