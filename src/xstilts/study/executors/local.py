"""The local executor: N warm worker processes on this machine. It moves messages; what to run is decided in `execute`."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STOP_SECONDS = 30.0


class Worker:
    """One process, its pipe of events, and the stage it works on (None: idle)."""

    def __init__(self, store: Path, log: Path):
        self.log = log.open("ab")
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "xstilts.study.worker", str(store)],
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

    def kill(self) -> int:
        """End it now; gives its exit status."""
        self.process.kill()
        status = self.process.wait()
        self.stdin.close()
        self.stdout.close()
        self.log.close()
        return status


class LocalExecutor:
    """`with LocalExecutor(store, n) as executor:`; workers that die are replaced."""

    def __init__(self, store: Path, workers: int):
        self.store = store
        self.log = store / "workers.log"
        self.workers = [Worker(store, self.log) for _ in range(workers)]

    def __enter__(self) -> LocalExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.kill()

    def idle(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.key is None]

    def submit(self, worker: Worker, record: Mapping[str, Any]) -> None:
        worker.key = record["key"]
        worker.send({"do": "run", "stage": record})

    def poll(self, seconds: float) -> list[tuple[str, dict[str, Any]]]:
        """(stage key, event) of all workers, waiting at most so long. A worker that died gives {"event": "outcome",
        "outcome": "lost"} and is replaced."""
        with selectors.DefaultSelector() as selector:
            for worker in self.workers:
                selector.register(worker.stdout, selectors.EVENT_READ, worker)
            ready = [key.data for key, _ in selector.select(seconds)]
        found: list[tuple[str, dict[str, Any]]] = []
        for worker in ready:
            key, events = worker.key, worker.events()
            if events is None:
                status = worker.kill()
                self.workers[self.workers.index(worker)] = Worker(self.store, self.log)
                if key is not None:
                    found.append((key, {"event": "outcome", "outcome": "lost", "status": status}))
                elif status not in (-9, -15):
                    time.sleep(0.2)  # an idle worker that cannot even start: do not spin
                continue
            for event in events:
                if event["event"] == "outcome":
                    worker.key = None
                if event["event"] != "ready" and key is not None:
                    found.append((key, event))
        return found

    def stop(self) -> None:
        """Ask busy workers to checkpoint and stop, and wait for them a while."""
        for worker in self.workers:
            if worker.key is not None:
                worker.send({"do": "stop"})
        deadline = time.monotonic() + STOP_SECONDS
        while any(worker.key is not None for worker in self.workers) and time.monotonic() < deadline:
            self.poll(0.2)
