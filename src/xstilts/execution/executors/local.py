"""The local executor: N warm worker processes on this machine. It moves messages; what to run is decided in `execute`."""

from __future__ import annotations

import json
import os
import re
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from xstilts.execution.environment import worker_environment
from xstilts.execution.executors.base import Demand, Event
from xstilts.stages.job import Outcome

LAST_SECONDS = 5.0  # that a process may take to end after it closed its pipe


class Worker:
    """One process, its pipe of events, and the stage it works on (None: idle)."""

    def __init__(self, store: Path, log: Path, cards: tuple[str, ...] = (), module: str = "xstilts.execution.worker"):
        self.log = log.open("ab")
        self.cards = cards
        environment = {**worker_environment(), "PYTHONUNBUFFERED": "1"}
        if cards:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(cards)
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, str(store)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=environment,
        )
        assert self.process.stdout is not None and self.process.stdin is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        self.stdout = self.process.stdout
        self.stdin = self.process.stdin
        self.key: str | None = None
        self._buffer = b""

    def send(self, message: Mapping[str, Any]) -> None:
        try:
            self.stdin.write(json.dumps(message).encode() + b"\n")
            self.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass  # it died: its end of file says so

    def events(self) -> list[dict[str, Any]] | None:
        """What it has said since the last call; None when it is gone."""
        chunk = self.stdout.read()
        if chunk == b"":
            return None
        *lines, self._buffer = (self._buffer + (chunk or b"")).split(b"\n")
        return [json.loads(line) for line in lines]

    def bury(self) -> int:
        """Give the exit status of a process that is gone, or will be in a moment: killed before that, it would always say -9."""
        deadline = time.monotonic() + LAST_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.kill()

    def kill(self) -> int:
        """End it now; gives its exit status."""
        self.process.kill()
        status = self.process.wait()
        with suppress(BrokenPipeError):  # what it was still to be told
            self.stdin.close()
        self.stdout.close()
        self.log.close()
        return status


def graphics_cards() -> tuple[str, ...]:
    """The cards that this process may use, as `CUDA_VISIBLE_DEVICES` names them; none if stages are told to run elsewhere."""
    if not os.environ.get("XSTILTS_DEVICE", "cuda").startswith("cuda"):
        return ()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return tuple(name.strip() for name in visible.split(",") if name.strip() not in ("", "-1"))
    nodes = (re.fullmatch(r"nvidia(\d+)", path.name) for path in Path("/dev").glob("nvidia*"))
    return tuple(sorted((node[1] for node in nodes if node), key=int))


def default_workers(processes: int = 1) -> int:
    """One for each graphics card, or for as many cards as a training of the plan has processes; without a card, one per core
    that this process may use."""
    if cards := len(graphics_cards()):
        return max(1, cards // processes)
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1))


def start_local(demand: Demand) -> LocalExecutor:
    """As many workers as are asked for, or as the machine has room for; no more than there are stages to run."""
    workers = min(demand.workers or default_workers(demand.processes), demand.stages)
    return LocalExecutor(demand.store, workers, demand.processes)


class LocalExecutor:
    """`with LocalExecutor(store, n) as executor:`; workers that die are replaced. Cards are shared out among the workers, so
    many to each; with more workers than that, several use the same ones."""

    def __init__(self, store: Path, workers: int, cards_each: int = 1):
        self.store = store
        self.log = store / "workers.log"
        cards = graphics_cards()
        shares = [cards[i : i + cards_each] for i in range(0, len(cards), cards_each)] or [()]
        self.workers = [Worker(store, self.log, shares[i % len(shares)]) for i in range(workers)]

    @property
    def size(self) -> int:
        return len(self.workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.kill()

    def idle(self) -> int:
        return sum(worker.key is None for worker in self.workers)

    def submit(self, record: Mapping[str, Any]) -> None:
        worker = next(worker for worker in self.workers if worker.key is None)
        worker.key = record["key"]
        worker.send({"do": "run", "stage": record})

    def poll(self, seconds: float) -> list[tuple[str, Event]]:
        with selectors.DefaultSelector() as selector:
            for worker in self.workers:
                selector.register(worker.stdout, selectors.EVENT_READ, worker)
            ready = [key.data for key, _ in selector.select(seconds)]
        found: list[tuple[str, Event]] = []
        for worker in ready:
            key, events = worker.key, worker.events()
            if events is None:
                status = worker.bury()
                self.workers[self.workers.index(worker)] = Worker(self.store, self.log, worker.cards)
                if key is not None:
                    found.append((key, Outcome("lost", status=status)))
                elif status not in (-9, -15):
                    time.sleep(0.2)  # an idle worker that cannot even start: do not spin
                continue
            for event in events:
                assert key is not None  # a worker says nothing of itself
                if "outcome" in event:
                    worker.key = None
                found.append((key, Outcome(**event["outcome"]) if "outcome" in event else event["report"]))
        return found

    def stop(self) -> None:
        for worker in self.workers:
            if worker.key is not None:
                worker.send({"do": "stop"})
