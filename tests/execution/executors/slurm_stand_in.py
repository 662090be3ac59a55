"""A stand-in for Slurm: `sbatch`, `squeue` and `scancel` for tests, with the ways in which the real ones fail.

The folder $SLURM_STAND_IN has a file for each task of each job (its state, its process), and `modes`: a file with the failures
that are switched on, a word each:

    squeue-empty      it prints nothing and succeeds        squeue-garbage    it prints something else
    squeue-slow       it never answers                      squeue-fails      it cannot reach the controller
    squeue-forgets    it lists no job                       sbatch-refuses    the partition is unknown
    sbatch-times-out  it cannot reach the controller, and the job is submitted all the same
    sbatch-fails      it cannot reach the controller, and nothing is submitted
    jobs-wait         tasks stay pending                    jobs-are-held     tasks stay pending, held by an administrator
    jobs-get-lost     tasks never run and are forgotten     jobs-run-twice    each task runs twice at the same time
    jobs-become-zombies  a task is listed as running though its program has ended
    jobs-never-begin     the program of a task does nothing

A task that waits looks at `modes` again and again, and begins when nothing holds it back.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

HEADER = "JOBID|NAME|STATE|REASON"


def folder() -> Path:
    return Path(os.environ["SLURM_STAND_IN"])


def modes() -> set[str]:
    return set((folder() / "modes").read_text().split())


def count_call(command: str) -> None:
    with (folder() / f"calls-{command}").open("a") as file:
        file.write("x")


def put(job: int, task: int, state: str, pid: int = 0, name: str | None = None) -> None:
    path = folder() / f"{job}_{task}"
    name = path.read_text().split("|")[0] if name is None else name
    part = folder() / f".{job}_{task}.{os.getpid()}"
    part.write_text(f"{name}|{state}|{pid}")
    part.rename(path)


def read(job: int, task: int) -> list[str]:
    return (folder() / f"{job}_{task}").read_text().split("|")


def sbatch(words: list[str]) -> int:
    options = dict(word.removeprefix("--").partition("=")[::2] for word in words if word.startswith("--"))
    if "sbatch-refuses" in modes():
        print("sbatch: error: Batch job submission failed: Invalid partition name specified")
        return 1
    if "sbatch-fails" in modes():
        print("sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)")
        return 1
    job = 1 + sum(path.name.startswith("job-") for path in folder().iterdir())
    (folder() / f"job-{job}").write_text(" ".join(words))
    last = int(options.get("array", "0-0").partition("-")[2])
    for task in range(last + 1):
        put(job, task, "PENDING", name=options["job-name"])
    if os.fork() == 0:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        run(job, last + 1, words[-1], options["output"])
        os._exit(0)
    if "sbatch-times-out" in modes():
        print("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation")
        return 1
    print(job)
    return 0


def run(job: int, tasks: int, script: str, output: str) -> None:
    """All tasks at once."""
    running: dict[int, list[subprocess.Popen[bytes]]] = {}
    waiting = list(range(tasks))
    while waiting or running:
        for task in list(waiting):
            on = modes()
            if "jobs-get-lost" in on:
                (folder() / f"{job}_{task}").unlink()
                waiting.remove(task)
            elif read(job, task)[1] == "CANCELLED":
                waiting.remove(task)
            elif not on & {"jobs-wait", "jobs-are-held"}:
                waiting.remove(task)
                if not Path(script).exists() or not Path(output).parent.exists():
                    put(job, task, "FAILED")
                    continue
                environment = os.environ | {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_JOB_ID": str(job)}
                with open(output.replace("%a", str(task)), "ab") as log:
                    count = 2 if "jobs-run-twice" in on else 1
                    words = ["true"] if "jobs-never-begin" in on else ["bash", script]
                    started = [subprocess.Popen(words, env=environment, stdout=log, stderr=log) for _ in range(count)]
                running[task] = started
                put(job, task, "RUNNING", started[0].pid)
        for task, processes in list(running.items()):
            if all(process.poll() is not None for process in processes) and "jobs-become-zombies" not in modes():
                del running[task]
                state = read(job, task)[1]
                if state == "RUNNING":
                    put(job, task, "COMPLETED" if processes[0].returncode == 0 else "FAILED")
        time.sleep(0.01)


def squeue() -> int:
    on = modes()
    if "squeue-slow" in on:
        time.sleep(600)
    if "squeue-fails" in on:
        print("slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
        return 1
    if "squeue-empty" in on:
        return 0
    print("<html>502 Bad Gateway</html>" if "squeue-garbage" in on else HEADER)
    for path in sorted(folder().iterdir()):
        if re.fullmatch(r"\d+_\d+", path.name) and "squeue-forgets" not in on:
            name, state, _ = path.read_text().split("|")
            reason = (
                "JobHeldAdmin" if "jobs-are-held" in on and state == "PENDING" else "Priority" if state == "PENDING" else "None"
            )
            print(f"{path.name}|{name}|{state}|{reason}")
    return 0


def scancel(words: list[str]) -> int:
    options, job = words[:-1], words[-1]
    for path in sorted(folder().glob(f"{job}_*")):
        if not path.exists():  # it was lost just now
            continue
        _, number = path.name.split("_")
        name, state, pid = path.read_text().split("|")
        if state == "PENDING" and "--state=RUNNING" not in options:
            put(int(job), int(number), "CANCELLED", name=name)
        elif state == "RUNNING" and "--state=PENDING" not in options:
            soft = "--signal=TERM" in options
            if not soft:
                put(int(job), int(number), "CANCELLED", int(pid), name=name)
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGTERM if soft else signal.SIGKILL)
    return 0


def install(bin_folder: Path, state: Path) -> None:
    """Put the three commands into a folder."""
    bin_folder.mkdir(parents=True, exist_ok=True)
    state.mkdir(parents=True, exist_ok=True)
    (state / "modes").write_text("")
    for command in ("sbatch", "squeue", "scancel"):
        path = bin_folder / command
        path.write_text(f'#!/bin/bash\nSLURM_STAND_IN={state} exec {sys.executable} -SE {__file__} {command} "$@"\n')
        path.chmod(0o755)


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    count_call(command)
    sys.exit({"sbatch": lambda: sbatch(rest), "squeue": squeue, "scancel": lambda: scancel(rest)}[command]())
