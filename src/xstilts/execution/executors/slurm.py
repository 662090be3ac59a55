"""The Slurm executor: job arrays of `xstilts stage KEY --store STORE`.

    $STORE/jobs/<run>/lease             the run that watches these jobs (`store/lease.py`)
                      study.json        the name of its study
    $STORE/jobs/<run>/<number>/job.sh   what sbatch was given: array <number> of the run
                               keys     the stages of each task of the array, a line each
                               <task>.log      what a task printed
                               <key>.json      how its attempt at a stage ended

The name of an array says where its folder is: `xstilts-<run>-<number>-<kind>`. So a run finds the jobs of another one, which may
have ended, in the list of the queue, and waits for them instead of submitting their stages again.

The store decides what is done. Slurm only tells that a task is not there any more, and is asked once an interval for all of
them. A task counts as ended when two listings in a row say so. Slurm is told never to start a job again by itself: the loop of
`execute` does, at once, and the lease keeps two attempts apart.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from xstilts.errors import InputError
from xstilts.execution.cluster import Cluster, Request
from xstilts.execution.executors import slurm_queue
from xstilts.execution.executors.base import Demand, Event
from xstilts.execution.executors.slurm_jobs import JOBS, PREFIX, count_lead, write_options, write_script
from xstilts.execution.executors.slurm_queue import Listed, Listing, QueueError, Squeue
from xstilts.stages.job import OUTCOMES, Outcome
from xstilts.store.lease import HIDDEN_SECONDS, Holder, Lease, find_holder, look
from xstilts.store.store import Store, read_done, read_json, read_run, write_json

LOOK_SECONDS = 1.0  # between two looks for what tasks have left in the store
PROGRESS_SECONDS = 3.0
LISTINGS = 2  # that must agree that a task has ended
# A task that is listed as running, and in which nobody has worked on a stage for so long, is dead.
BEGIN_SECONDS = 900.0


@dataclass
class _Task:
    """A stage that a job of the queue is to run. `runs`: how many attempts there were before; `since`: when that was (monotonic);
    `ended`: how many listings in a row said that its task has ended."""

    record: Mapping[str, Any]
    folder: Path
    array: str
    index: int
    runs: int
    since: float
    listed: Listed | None = None
    ended: int = 0
    silent: str = ""
    reported: float | None = None


class SlurmExecutor:
    """`with SlurmExecutor(cluster, demand) as executor:`."""

    def __init__(self, cluster: Cluster, demand: Demand):
        slurm_queue.check_commands()
        self.cluster, self.demand, self.store = cluster, demand, Store(demand.store)
        self.jobs = min(cluster.jobs, demand.workers or cluster.jobs)
        cards = cluster.request("train", demand).gpus
        if 0 < cards < demand.processes:
            raise InputError(
                f"cluster file: stages.train.gpus: a recipe of the study has {demand.processes} processes, each with its own "
                f"card; found {cards:g}"
            )
        self.name = uuid.uuid4().hex[:8]
        self.folder = self.store.root / JOBS / self.name
        self.folder.mkdir(parents=True)
        write_json(self.folder / "study.json", demand.study)
        self._lease = Lease(self.folder)
        self._arrays = 0
        self._waiting: list[Mapping[str, Any]] = []
        self._tasks: dict[str, _Task] = {}
        self._squeue = Squeue()
        self._listing: Listing | None = None
        self._foreign: dict[str, tuple[str, int]] = {}
        self._signs: dict[tuple[str, int], float] = {}  # of the tasks that are listed as running: when somebody was at work
        self._submitted: dict[str, str] = {}
        self._stopping = False
        self._asked = self._looked = self._told = -float("inf")
        self._said: list[str] = []
        self._silent = self._refused = ""  # what was said of squeue and of sbatch, while it holds

    @property
    def size(self) -> int:
        """The stages that run now, as far as the queue says."""
        return max(1, sum(task.listed is not None and not task.listed.waits for task in self._tasks.values()))

    def __enter__(self) -> Self:
        self._lease.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self._stopping:
            self._cancel()
        self._squeue.close()
        self._lease.__exit__(kind, value, trace)

    def idle(self) -> int:
        """Nothing is submitted before the queue was seen: jobs of an earlier run may be in it."""
        if self._listing is None:
            return 0
        used = {(task.array, task.index) for task in self._tasks.values()}
        return max(0, self.jobs - len(used) - len(self._waiting))

    def submit(self, record: Mapping[str, Any]) -> None:
        place = self._foreign.get(record["key"])
        if place and self._listing is not None and (listed := self._listing.get(place)) and not listed.ended:
            self._watch(record, *place)
            task = self._tasks[record["key"]]
            if task.runs and find_holder(task.folder):  # it is at work already
                task.runs -= 1
        else:
            self._waiting.append(record)

    def poll(self, seconds: float) -> list[tuple[str, Event]]:
        found: list[tuple[str, Event]] = []
        if self._waiting and self._listing is not None and not self._stopping:
            self._submit_waiting()
        time.sleep(seconds)
        self._follow_queue()
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            folders = {task.array: self._folder_of(task.array) for task in self._tasks.values()}
            names = {array: _list_names(folder) for array, folder in folders.items()}
            for key, task in list(self._tasks.items()):
                found += self._look(key, task, f"{key}.json" in names[task.array])
        if now - self._told >= max(PROGRESS_SECONDS, len(self._tasks) / 50):
            self._told = now
            found += [(key, self._progress(task)) for key, task in self._tasks.items()]
        if self._stopping:
            own = self._own_jobs()
            left = [key for key, task in self._tasks.items() if task.array not in own]  # to the run that watches them
            found += [(key, Outcome("interrupted")) for key in (*(record["key"] for record in self._waiting), *left)]
            self._waiting.clear()
            for key in left:
                del self._tasks[key]
        found += [("", sentence) for sentence in self._said]
        self._said.clear()
        return found

    def stop(self) -> None:
        """Cancel what waits in the queue, and ask what runs to checkpoint. Jobs that another run watches are left to it."""
        self._stopping = True
        for job in self._own_jobs().values():
            self._try_cancel(job, pending_only=True)
            self._try_cancel(job, signal="TERM")

    # Submitting

    def _submit_waiting(self) -> None:
        """An array for each kind of stage; each of its tasks has as many stages as the cluster file says."""
        by_kind: dict[str, list[Mapping[str, Any]]] = {}
        for record in self._waiting:
            by_kind.setdefault(record["kind"], []).append(record)
        for kind, records in by_kind.items():
            request = self.cluster.request(kind, self.demand)
            tasks = [records[i : i + request.together] for i in range(0, len(records), request.together)]
            try:
                array = self._submit_array(kind, request, tasks)
            except QueueError as error:
                # It may be in the queue all the same, so the queue is looked at before the next attempt.
                if str(error) != self._refused:
                    self._say(f"a job was not submitted ({error}); it is tried again")
                self._refused = str(error)
                self._squeue.close()
                self._asked, self._listing = time.monotonic(), None
                return
            self._refused = ""
            for index, task in enumerate(tasks):
                for record in task:
                    self._waiting.remove(record)
                    self._watch(record, array, index)

    def _submit_array(self, kind: str, request: Request, tasks: list[list[Mapping[str, Any]]]) -> str:
        self._arrays += 1
        folder = self.folder / str(self._arrays)
        folder.mkdir()
        array = f"{PREFIX}-{self.name}-{self._arrays}-{kind}"
        lines = (" ".join(record["key"] for record in task) for task in tasks)
        (folder / "keys").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        script = folder / "job.sh"
        script.write_text(write_script(self.cluster, request, self.store.root, folder), encoding="utf-8")
        own = [f"--signal=B:TERM@{count_lead(request)}", "--no-requeue", f"--job-name={array}", f"--output={folder}/%a.log"]
        options = write_options(request, kind, [*own, f"--array=0-{len(tasks) - 1}"])
        self._submitted[array] = slurm_queue.submit(script, options)
        return array

    def _watch(self, record: Mapping[str, Any], array: str, index: int) -> None:
        folder = self.store.folder(record["kind"], record["slug"], record["key"])
        runs = len(Store.list_runs(folder))
        self._tasks[record["key"]] = _Task(record, folder, array, index, runs, time.monotonic())

    # Following

    def _follow_queue(self) -> None:
        now = time.monotonic()
        try:
            if self._squeue.asked:
                listing = self._squeue.answer()
                if listing is None:
                    return
                self._take_listing(listing)
            elif now - self._asked >= self.cluster.interval:
                self._asked = now
                self._squeue.ask()
        except QueueError as error:
            if not self._silent:
                self._say(f"{error}; nothing is concluded from that, and it is asked again")
            self._silent = str(error)

    def _take_listing(self, listing: Listing) -> None:
        if self._silent:
            self._say("squeue answers again")
            self._silent = ""
        first = self._listing is None
        self._listing = listing
        for array, _ in listing:
            if array not in self._submitted and (folder := self._folder_of(array)) is not None:
                for index, keys in enumerate(_read_keys(folder)):
                    self._foreign |= dict.fromkeys(keys, (array, index))
        if first and self._waiting:  # what sbatch did not confirm may be there
            again, self._waiting = self._waiting, []
            for record in again:
                self.submit(record)
        for task in self._tasks.values():
            listed = listing.get((task.array, task.index))
            if self._asked >= task.since:
                gone = listed is None or listed.ended or self._is_dead(task, listed)
                task.ended = task.ended + 1 if gone else 0
            if listed is not None:
                held = "held" in listed.reason.lower()
                if held and (task.listed is None or task.listed.reason != listed.reason):
                    self._say(
                        f"job {listed.job} ({task.record['slug']}) is held ({listed.reason}): scontrol release {listed.job}"
                    )
                task.listed = listed

    def _is_dead(self, task: _Task, listed: Listed) -> bool:
        """Whether nothing works on a stage any more though its task is listed as running, as Slurm does for long after its
        slurmstepd was killed: who worked on it is silent or is done, or for long nobody began. Other stages of the task may be
        at work."""
        holder, silent = look(task.folder)
        place, now = (task.array, task.index), time.monotonic()
        if listed.waits or holder is not None:
            self._signs[place] = now
            return False
        if not self._last_run(task):  # a stale lease is that of an earlier attempt
            silent = "" if now - self._signs.setdefault(place, now) < BEGIN_SECONDS else "nobody began the stage"
        task.silent = silent
        return bool(silent) or read_done(task.folder) is not None

    def _folder_of(self, array: str) -> Path | None:
        """The folder of an array of this store; None if its name is another one's."""
        parts = array.split("-")
        if len(parts) != 4 or parts[0] != PREFIX or not parts[1].isalnum() or not parts[2].isdigit():
            return None
        folder = self.store.root / JOBS / parts[1] / parts[2]
        return folder if folder.is_dir() else None

    def _look(self, key: str, task: _Task, has_said: bool) -> list[tuple[str, Event]]:
        """How a stage ended, with what it last reported; nothing while it has not. `has_said`: whether it left word of it."""
        folder = self._folder_of(task.array)
        said = read_json(folder / f"{key}.json") if folder is not None and has_said else None
        outcome = self._read_outcome(task, said) if isinstance(said, dict) else None
        if outcome is None and task.ended >= LISTINGS:
            outcome = self._conclude(task, folder)
        if outcome is None and task.listed is not None and task.listed.waits and read_done(task.folder) is not None:
            outcome = Outcome("done")  # another run was faster; the job will see that when it begins
        if outcome is None:
            return []
        progress = self._progress(task)
        del self._tasks[key]
        return [(key, progress), (key, outcome)]

    def _read_outcome(self, task: _Task, said: dict[str, Any]) -> Outcome | None:
        """What a task left word of; None if that is no such word, or if the store does not show yet what it says."""
        try:
            outcome = Outcome(**said)
        except TypeError:
            return None
        if outcome.outcome not in OUTCOMES:
            return None
        if outcome.outcome == "done" and read_done(task.folder) is None:
            now = time.monotonic()
            task.reported = task.reported or now
            if now - task.reported < HIDDEN_SECONDS:
                return None
            return Outcome("lost", f"its job reported it as done, and {task.folder} does not show it")
        if outcome.outcome == "interrupted" and not self._stopping and self._last_run(task):
            return Outcome("lost", f"{_name(task)} was asked to end: its time was over, or others needed the machine")
        if outcome.storage:  # of the machine that it ran on, if the store can be written from here
            self.store.prepare()
            return Outcome("lost", outcome.error)
        return outcome

    def _conclude(self, task: _Task, folder: Path | None) -> Outcome:
        """What became of a stage whose task is not in the queue any more, and left no word."""
        if read_done(task.folder) is not None:
            return Outcome("done")
        if holder := find_holder(task.folder):
            return Outcome("held", f"{holder} works on it, though its job has ended")
        run = self._last_run(task)
        if run.get("outcome") == "failed":
            return Outcome("failed", str(run.get("error", "")), input_error=bool(run.get("input_error")))
        state = task.listed.state if task.listed and task.listed.ended else "gone from the queue"
        if task.listed and not task.listed.ended and task.silent:
            state = f"listed as {task.listed.state}, but {task.silent}"
            self._try_cancel(task.listed.job)
        if self._stopping or (not run and folder is not None and _has_begun(folder, task.index)):
            return Outcome("interrupted")  # others of its task had begun, and it had not
        why = {
            "OUT_OF_MEMORY": f"out of memory; raise `memory` of `{task.record['kind']}` in the cluster file",
            "CANCELLED": "it was cancelled; Ctrl-C on the run cancels all of its jobs",
            "TIMEOUT": f"its time was over; raise `time` of `{task.record['kind']}` in the cluster file",
        }.get(state, state)
        printed = _last_line(folder / f"{task.index}.log") if folder is not None else ""
        return Outcome("lost", f"{_name(task)}: {why}{f'; it printed last: {printed}' if printed else ''}")

    def _last_run(self, task: _Task) -> dict[str, Any]:
        """The record of the last attempt since the stage was handed out; empty if there was none."""
        runs = Store.list_runs(task.folder)
        return read_run(runs[-1]) if len(runs) > task.runs else {}

    def _progress(self, task: _Task) -> Mapping[str, Any]:
        if task.listed is None:
            return {"queued": "submitted"}
        if task.listed.waits:
            return {"queued": task.listed.reason}
        progress = self._last_run(task).get("progress")
        return progress if isinstance(progress, dict) else {"doing": f"job {task.listed.job}, {task.listed.state.lower()}"}

    # Ending

    def _own_jobs(self) -> dict[str, str]:
        """The jobs that this run may end, by the names of their arrays: its own, and those of runs that have ended."""
        jobs = dict(self._submitted)
        for task in self._tasks.values():
            if task.array not in jobs and task.listed is not None:
                folder = self._folder_of(task.array)
                if folder is None or folder.parent == self.folder or find_holder(folder.parent) is None:
                    jobs[task.array] = task.listed.job.partition("_")[0]
        used = {task.array for task in self._tasks.values()}
        return {array: job for array, job in jobs.items() if array in used}

    def _cancel(self) -> None:
        for job in self._own_jobs().values():
            self._try_cancel(job)

    def _try_cancel(self, job: str, pending_only: bool = False, signal: str = "") -> None:
        try:
            slurm_queue.cancel(job, pending_only, signal)
        except QueueError as error:
            self._say(f"job {job} could not be cancelled ({error}); `scancel {job}` does it")

    def _say(self, sentence: str) -> None:
        self._said.append(sentence)


def find_watching(store: Store, study: str) -> list[Holder]:
    """The runs of a study that watch jobs of a cluster now."""
    found = (find_holder(path.parent) for path in store.root.glob(f"{JOBS}/*/study.json") if read_json(path) == study)
    return [holder for holder in found if holder is not None]


def _list_names(folder: Path | None) -> set[str]:
    """The names in a folder; none if it is gone, or cannot be read just now."""
    try:
        return set(os.listdir(folder)) if folder is not None else set()
    except OSError:
        return set()


def _read_keys(folder: Path) -> list[list[str]]:
    try:
        return [line.split() for line in (folder / "keys").read_text(encoding="ascii").splitlines()]
    except (OSError, UnicodeDecodeError):
        return []


def _has_begun(folder: Path, index: int) -> bool:
    """Whether a task has worked through some of its stages."""
    return any((folder / f"{key}.json").exists() for keys in _read_keys(folder)[index : index + 1] for key in keys)


def _name(task: _Task) -> str:
    return f"job {task.listed.job}" if task.listed else f"job {task.array}"


def _last_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 2000))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return next((line.strip()[:200] for line in reversed(lines) if line.strip()), "")
