"""What is asked of Slurm: sbatch, squeue and scancel, and what their answers mean.

Nothing here is believed more than it says. An answer that is late, empty, cut or garbage is no answer, and a job that sbatch
refused because it could not reach the controller may be in the queue all the same. The accounting database is not asked: many
clusters have none.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from xstilts.errors import InputError

CALL_SECONDS = 60.0  # an answer that takes longer is none
_FOR_ALL = ("SLURM_CONF", "SLURM_CLUSTERS", "SLURM_JWT")
_FORMAT = "%i|%j|%T|%r"
_HEADER = "JOBID|NAME|STATE|REASON"
_TASK = re.compile(r"(\d+)_(\d+)")
WAITING = ("PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD")
ENDED = (
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT",
)  # fmt: skip
# What sbatch says of a controller that is away or of a limit that others fill: the same request may be granted later.
_LATER = re.compile(
    r"timed out|unable to contact|connection|temporar|communication|try again|socket|job submit limit|"
    r"QOSMaxSubmit|AssocMaxSubmit|MaxSubmit|queue is full|not responding|zero bytes|job limit|Interrupted system call",
    re.IGNORECASE,
)


class QueueError(Exception):
    """Slurm gave no answer, or none that can be believed. What was asked for may have happened or not."""


class Listed(NamedTuple):
    """A task of a job array as squeue lists it. `state` is Slurm's word, `reason` why it waits."""

    job: str
    state: str
    reason: str

    @property
    def waits(self) -> bool:
        return self.state in WAITING

    @property
    def ended(self) -> bool:
        return self.state in ENDED


# By the name of the array and the number of its task.
Listing = Mapping[tuple[str, int], Listed]


def parse_listing(text: str) -> Listing:
    """The tasks that an answer of squeue lists. Without its header, or with a line that is none of its lines, it is no answer:
    raises QueueError."""
    header, *lines = text.splitlines() or [""]
    if header.strip() != _HEADER:
        raise QueueError(f"squeue gave no list (its first line is {header[:60]!r})")
    found: dict[tuple[str, int], Listed] = {}
    for line in lines:
        parts = line.split("|")
        if len(parts) != 4 or not re.fullmatch(r"\d+(_(\d+|\[.*\]))?", parts[0]) or not re.fullmatch(r"[A-Z_]+", parts[2]):
            raise QueueError(f"squeue gave a line that cannot be read: {line[:60]!r}")
        if task := _TASK.fullmatch(parts[0]):
            place, listed = (parts[1], int(task[2])), Listed(*parts[:1], *parts[2:])
            before = found.get(place)
            if before is None or before.ended:  # of two under one name, the one that may still run
                found[place] = listed
    return found


class Squeue:
    """One call of squeue for all jobs of this user, which runs beside the loop: `ask()` begins it, `answer()` gives the listing
    when it has come, None until then."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._out: IO[bytes] | None = None
        self._begun = 0.0

    @property
    def asked(self) -> bool:
        return self._process is not None

    def ask(self) -> None:
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 (it is closed with the call)
        line = ["squeue", "--array", "--states=all", f"--user={os.getuid()}", "-o", _FORMAT]
        try:
            self._process = subprocess.Popen(
                line, stdout=self._out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
            )
        except OSError as error:
            self._close()
            raise QueueError(f"squeue cannot be run ({error.strerror})") from None
        self._begun = time.monotonic()

    def answer(self) -> Listing | None:
        """Raises QueueError if there will be none."""
        assert self._process is not None and self._out is not None
        status = self._process.poll()
        if status is None:
            if time.monotonic() - self._begun < CALL_SECONDS:
                return None
            self.close()
            raise QueueError(f"squeue gave no answer within {CALL_SECONDS:.0f} s")
        self._out.seek(0)
        text = self._out.read().decode("utf-8", "replace")
        self._close()
        if status != 0:
            raise QueueError(f"squeue ended with status {status}: {_last_line(text)}")
        return parse_listing(text)

    def close(self) -> None:
        """Give a call that is not answered up."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._close()

    def _close(self) -> None:
        if self._out is not None:
            self._out.close()
        self._process = self._out = None


def submit(script: Path, options: Sequence[str]) -> str:
    """Submit a script; gives the number of the job. Raises QueueError if Slurm may take it later, or may have taken it;
    InputError if it refuses it."""
    status, said = _call(["sbatch", "--parsable", *options, str(script)])
    number = re.match(r"(\d+)(;\S*)?$", said.strip().splitlines()[-1] if said.strip() else "")
    if status == 0 and number:
        return number[1]
    if status == 0 or _LATER.search(said):
        raise QueueError(f"sbatch: {_last_line(said)}")
    asked = " ".join(options)
    raise InputError(f"sbatch refused a job: {_last_line(said)}; it was asked for {asked}; correct the cluster file")


def cancel(job: str, pending_only: bool = False, signal: str = "") -> None:
    """End a job; or only its tasks that wait; or send a signal to the programs of those that run. One that has ended meanwhile is
    left. Raises QueueError."""
    options = ["--state=PENDING"] if pending_only else ["--state=RUNNING", "--batch", f"--signal={signal}"] if signal else []
    status, said = _call(["scancel", *options, job])
    if status != 0 and not re.search("invalid job id|already complet", said, re.IGNORECASE):
        raise QueueError(_last_line(said))


def check_commands() -> None:
    """Raise InputError where there is no Slurm."""
    for command in ("sbatch", "squeue", "scancel"):
        if not any(os.access(Path(folder) / command, os.X_OK) for folder in os.get_exec_path()):
            raise InputError(f"--executor slurm: there is no command {command} here; run it on a login node of the cluster")


def _call(line: Sequence[str]) -> tuple[int, str]:
    # A run may itself be a job, and what Slurm told it is not meant for the jobs that it submits.
    outside = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_") or name in _FOR_ALL}
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    try:  # a session of its own, so that a Ctrl-C does not cut off a submission
        done = subprocess.run(line, env=outside, timeout=CALL_SECONDS, check=False, start_new_session=True, **pipes)
    except subprocess.TimeoutExpired:
        raise QueueError(f"{line[0]} gave no answer within {CALL_SECONDS:.0f} s") from None
    except OSError as error:
        raise QueueError(f"{line[0]} cannot be run ({error.strerror})") from None
    return done.returncode, done.stdout.decode("utf-8", "replace")


def _last_line(said: str) -> str:
    lines = [re.sub(r"^\w+: error: ", "", line.strip()) for line in said.splitlines() if line.strip()]
    return (lines[-1] if lines else "it said nothing")[:300]
