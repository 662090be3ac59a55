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
from pathlib import Path
from typing import Any

STOP_SECONDS = 30.0


class Worker:
    """One process, its pipe of events, and the stage it works on (None: idle)."""

    def __init__(self, store: Path, log: Path, cards: tuple[str, ...] = ()):
        self.log = log.open("ab")
        self.cards = cards
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        if cards:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(cards)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "xstilts.execution.worker", str(store)],
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


def graphics_cards() -> tuple[str, ...]:
    """The cards that this process may use, as `CUDA_VISIBLE_DEVICES` names them; none if stages are told to run elsewhere."""
    if not os.environ.get("XSTILTS_DEVICE", "cuda").startswith("cuda"):
        return ()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return tuple(name.strip() for name in visible.split(",") if name.strip() not in ("", "-1"))
    nodes = (re.fullmatch(r"nvidia(\d+)", path.name) for path in Path("/dev").glob("nvidia*"))
    return tuple(sorted((node[1] for node in nodes if node), key=int))


class LocalExecutor:
    """`with LocalExecutor(store, n) as executor:`; workers that die are replaced. Cards are shared out among the workers, so
    many to each; with more workers than that, several use the same ones."""

    def __init__(self, store: Path, workers: int, cards_each: int = 1):
        self.store = store
        self.log = store / "workers.log"
        cards = graphics_cards()
        hands = [cards[i : i + cards_each] for i in range(0, len(cards), cards_each)] or [()]
        self.workers = [Worker(store, self.log, hands[i % len(hands)]) for i in range(workers)]

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
                self.workers[self.workers.index(worker)] = Worker(self.store, self.log, worker.cards)
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
