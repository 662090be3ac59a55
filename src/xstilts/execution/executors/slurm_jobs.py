"""What sbatch is given: the script and the options of an array of stages, and of a run that is itself a job."""

from __future__ import annotations

import shlex
import sys
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from xstilts.errors import InputError
from xstilts.execution.cluster import DEFAULT, Cluster, Request
from xstilts.execution.code_identity import read_code_identity
from xstilts.execution.executors import slurm_queue
from xstilts.execution.executors.base import Demand
from xstilts.execution.executors.slurm_queue import QueueError
from xstilts.store.store import Store

JOBS = "jobs"  # the folder of a store
PREFIX = "xstilts"  # of the names of jobs
SIGNAL_SECONDS = 120  # before a job's time is over, its stages are asked to write their checkpoints
DRIVER_MINUTES = 24 * 60  # of a job that is itself a run, where the cluster file does not say it


def submit_run(cluster: Cluster, store: Store, words: Sequence[str]) -> tuple[str, Path]:
    """Submit a job that is itself the run of a study: `xstilts WORDS`. When its time is nearly over it submits itself again, and
    the new one goes on with the jobs of the old one. Gives the number of the job and the file that it prints into."""
    slurm_queue.check_commands()
    folder = store.root / JOBS / f"run-{uuid.uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    script, log = folder / "job.sh", folder / "log"
    request = Cluster(stages={DEFAULT: cluster.driver}).request(DEFAULT, Demand(store.root))
    if cluster.driver.time is None:
        request = replace(request, minutes=DRIVER_MINUTES)
    own = [f"--signal=B:USR1@{count_lead(request)}", "--requeue", "--open-mode=append", f"--job-name={PREFIX}-run"]
    options = write_options(request, "driver", [*own, f"--output={log}"])
    command = f"{_command(cluster)} {shlex.join(words)}"
    again = shlex.join(["sbatch", *options, str(script)])
    lines = [
        "#!/bin/bash",
        *cluster.prologue.splitlines(),
        "# Its jobs outlive a run that is killed by HUP, and the next one finds them. TERM is its Ctrl-C, which ends them.",
        f"again() {{ kill -HUP $run; {again}; }}",
        "trap again USR1",
        "trap 'kill -TERM $run' TERM",
        f"{command} &",
        "run=$!",
        "while kill -0 $run 2>/dev/null; do wait $run; code=$?; done",
        "exit $code",
    ]
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    try:
        return slurm_queue.submit(script, options), log
    except QueueError as error:
        raise InputError(f"{error}; see with squeue whether the job {PREFIX}-run is in the queue, else try again") from None


def write_options(request: Request, kind: str, own: Sequence[str]) -> list[str]:
    """The options of sbatch for a request: our `own` ones, then those of the cluster file, which come last and so prevail. Raises
    InputError for a part of a card, which Slurm does not share out."""
    if request.gpus != int(request.gpus):
        raise InputError(
            f"cluster file: stages.{kind}.gpus: Slurm gives whole cards, found {request.gpus:g}; give 1, and let several stages "
            "share it with together and at_once"
        )
    options = [f"--time={request.minutes}", f"--mem={request.memory_mib}M", f"--cpus-per-task={request.cpus}", "--ntasks=1"]
    options += [f"--partition={request.partition}"] if request.partition else []
    options += [f"--account={request.account}"] if request.account else []
    options += [f"--gres=gpu:{request.gpus:.0f}"] if request.gpus else []
    return [*options, *own, *request.options]


def count_lead(request: Request) -> int:
    """So many seconds before its time is over, a job is told."""
    return min(SIGNAL_SECONDS, 60 * request.minutes // 4)


def write_script(cluster: Cluster, request: Request, store: Path, folder: Path) -> str:
    """The script of an array. Its program takes the place of the shell, so that Slurm's signals reach it."""
    lines = [
        "#!/bin/bash",
        *cluster.prologue.splitlines(),
        f'keys=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" {shlex.quote(str(folder / "keys"))})',
        f"exec {_command(cluster)} stage $keys --store {shlex.quote(str(store))} --at-once {request.at_once} "
        f"--outcomes {shlex.quote(str(folder))} --code {read_code_identity()}",
    ]
    return "\n".join(lines) + "\n"


def _command(cluster: Cluster) -> str:
    return cluster.command or f"{shlex.quote(sys.executable)} -m xstilts.cli"
