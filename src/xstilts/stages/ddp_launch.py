"""The processes of a data-parallel training: this one is the first, and starts the others.

    python -m xstilts.stages.ddp_launch      reads what it has to do as JSON from its standard input, and ends with it

So a group lives and dies as one: the others end when their input closes (the first is gone) or the group breaks, and the
first, when it ends or fails, kills what is left.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xstilts.stages.attempt import Job
from xstilts.stages.device import device
from xstilts.train.ddp import Group, LostProcess


@contextmanager
def others(job: Job, processes: int) -> Iterator[Group]:
    """The group, while the others run. `job` is a train stage whose token caches are written."""
    if processes == 1:
        yield Group()
        return
    rendezvous = job.checkpoint / f".rendezvous-{uuid.uuid4().hex}"
    started = [_start(job, rank, processes, rendezvous) for rank in range(1, processes)]
    try:
        group = Group(0, processes, rendezvous, device())
        try:
            yield group
        finally:
            group.close()
    finally:
        for process in started:
            process.kill()
            process.wait()
            assert process.stdin is not None
            process.stdin.close()
        rendezvous.unlink(missing_ok=True)


def _start(job: Job, rank: int, size: int, rendezvous: Path) -> subprocess.Popen[bytes]:
    work = {
        "config": job.config,
        "inputs": {name: str(path) for name, path in job.inputs.items()},
        "checkpoint": str(job.checkpoint),
        "rank": rank,
        "size": size,
        "rendezvous": str(rendezvous),
        "tasks": job.context.get("tasks", {}),
    }
    process = subprocess.Popen([sys.executable, "-m", "xstilts.stages.ddp_launch"], stdin=subprocess.PIPE, stdout=2)
    assert process.stdin is not None
    process.stdin.write(json.dumps(work).encode() + b"\n")
    process.stdin.flush()
    return process


def main() -> None:
    """One of the others."""
    work: dict[str, Any] = json.loads(sys.stdin.readline())

    def listen() -> None:
        sys.stdin.read()
        os._exit(3)

    threading.Thread(target=listen, daemon=True).start()
    from xstilts.stages.attempt import register
    from xstilts.stages.train import train_as

    register(work["tasks"])
    group = Group(work["rank"], work["size"], Path(work["rendezvous"]), device(work["rank"]))
    inputs = {name: Path(path) for name, path in work["inputs"].items()}
    try:
        train_as(work["config"], inputs, Path(work["checkpoint"]), group)
    except LostProcess:
        os._exit(4)  # the first says so to people
    group.close()


if __name__ == "__main__":
    main()
