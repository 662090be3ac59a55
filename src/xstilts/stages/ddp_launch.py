"""The processes of a data-parallel training. The first one starts the others, which run `ddp_worker.py`.

A group lives and dies as one: the others end when their input closes (the first is gone) or the group breaks, and the
first, when it ends or fails, kills what is left.
"""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xstilts.stages.contracts import TrainConfig, TrainInputs, write_config
from xstilts.stages.device import device
from xstilts.stages.job import Job
from xstilts.train.ddp import Group


@contextmanager
def start_processes(job: Job[TrainConfig, TrainInputs[Path]], processes: int) -> Iterator[Group]:
    """The group, while the other processes run. The token caches of `job` must be written."""
    if processes == 1:
        yield Group()
        return
    rendezvous = job.scratch / f".rendezvous-{uuid.uuid4().hex}"
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


def _start(job: Job[TrainConfig, TrainInputs[Path]], rank: int, size: int, rendezvous: Path) -> subprocess.Popen[bytes]:
    work = {
        "config": write_config(job.config),
        "inputs": {name: str(path) for name, path in job.inputs.named().items()},
        "checkpoint": str(job.checkpoint),
        "scratch": str(job.scratch),
        "rank": rank,
        "size": size,
        "rendezvous": str(rendezvous),
        "tasks": dict(job.context.tasks),
        "words": job.context.words,
    }
    process = subprocess.Popen([sys.executable, "-m", "xstilts.stages.ddp_worker"], stdin=subprocess.PIPE, stdout=2)
    assert process.stdin is not None
    process.stdin.write(json.dumps(work).encode() + b"\n")
    process.stdin.flush()
    return process
