"""The Slurm executor beside a stand-in for Slurm that fails in the ways of the real one. `test_real_slurm.py` has a real one."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import tiny_study
from tests.execution.executors import slurm_stand_in
from tests.execution.fake_store import finish

from xstilts import notebook
from xstilts.cli.views.status import describe_outlook
from xstilts.errors import InputError
from xstilts.execution import execute as executing
from xstilts.execution.cluster import Cluster
from xstilts.execution.execute import State, execute
from xstilts.execution.executors import slurm, slurm_jobs, slurm_queue
from xstilts.execution.executors.base import Demand
from xstilts.execution.executors.choose import choose_executor
from xstilts.execution.executors.slurm import SlurmExecutor
from xstilts.execution.executors.slurm_jobs import submit_run
from xstilts.execution.executors.slurm_queue import QueueError, parse_listing
from xstilts.execution.status import StatusReader
from xstilts.plan.compile import Plan, compile_study
from xstilts.store import lease as leases
from xstilts.store.store import Store

ROOT = Path(__file__).parents[3]
INTERVAL = 0.1
LIMIT_SECONDS = 60.0


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Two stages that read no other one."""
    whole = compile_study(tiny_study(targets=["world/pos"], chains={"none": []}, random_init=False))
    fetches = [stage for stage in whole.stages if stage.kind == "fetch"][:2]
    return replace(whole, stages=tuple(fetches))


@dataclass
class Queue:
    """The stand-in, and what it was asked."""

    folder: Path
    stage_modes: Path
    cluster: Cluster

    def fails(self, *words: str) -> None:
        _write(self.folder / "modes", " ".join(words))

    def stages(self, *words: str) -> None:
        _write(self.stage_modes, " ".join(words))

    def calls(self, command: str) -> int:
        path = self.folder / f"calls-{command}"
        return path.stat().st_size if path.exists() else 0

    @property
    def jobs(self) -> int:
        return len(list(self.folder.glob("job-*")))

    def states(self) -> list[str]:
        return [path.read_text().split("|")[1] for path in sorted(self.folder.iterdir()) if re.fullmatch(r"\d+_\d+", path.name)]

    def run(self, plan: Plan, store: Store, watch: Callable[[State], None] = lambda _: None) -> State:
        """A run that gives up after a while."""
        until = time.monotonic() + LIMIT_SECONDS

        def look(state: State) -> None:
            assert time.monotonic() < until, (state, state.messages, self.states())
            watch(state)

        return execute(plan, store, watch=look, start=partial(SlurmExecutor, self.cluster))


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(text)
    part.rename(path)


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    state, bin_folder, modes = tmp_path / "slurm", tmp_path / "bin", tmp_path / "stages"
    slurm_stand_in.install(bin_folder, state)
    modes.write_text("")
    monkeypatch.setenv("PATH", str(bin_folder), prepend=":")
    monkeypatch.setenv("STAGE_STAND_IN", str(modes))
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'src'}")
    for module, name, value in (
        (executing, "POLL_SECONDS", 0.02),
        (slurm, "LOOK_SECONDS", 0.05),
        (slurm, "PROGRESS_SECONDS", 0.05),
        (slurm_queue, "CALL_SECONDS", 5.0),
    ):
        monkeypatch.setattr(module, name, value)
    command = f"{sys.executable} -m tests.execution.executors.stage_stand_in"
    cluster = Cluster(interval=INTERVAL, command=command, stages={"default": {"together": 1}})
    found = Queue(state, modes, cluster)
    yield found
    found.fails("jobs-get-lost")  # what still waits ends
    for path in state.glob("job-*"):
        with suppress(QueueError):  # it ends just now
            slurm_queue.cancel(path.name.partition("-")[2])


def after(seconds: float, do: Callable[[], None]) -> Callable[[State], None]:
    """Something to do once, so many seconds after jobs were seen."""
    at: list[float] = []

    def watch(state: State) -> None:
        if state.count("running") and not at:
            at.append(time.monotonic() + seconds)
        if at and time.monotonic() > at[0]:
            at[0] = float("inf")
            do()

    return watch


def test_jobs_are_commands_in_arrays(queue: Queue, plan: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path / "st ore")
    state = queue.run(plan, store)
    assert state.count("done") == len(plan.stages) and not state.messages
    (asked,) = queue.folder.glob("job-*")
    assert (
        "--array=0-1 " in asked.read_text() and "--no-requeue" in asked.read_text() and "--signal=B:TERM@120" in asked.read_text()
    )
    (script,) = store.root.glob("jobs/*/1/job.sh")
    assert script.read_text().startswith("#!/bin/bash\n") and "stage $keys --store '" in script.read_text()
    assert queue.calls("squeue") >= 1 and queue.calls("sbatch") == 1
    assert queue.run(plan, store).cached == {stage.key for stage in plan.stages}, "nothing is asked for what is done"
    assert queue.calls("sbatch") == 1


def test_stages_that_take_a_moment_share_a_job(queue: Queue, plan: Plan, tmp_path: Path) -> None:
    queue.cluster = queue.cluster.model_copy(update={"stages": {}})
    assert queue.run(plan, Store(tmp_path / "store")).count("done") == 2
    assert len(queue.states()) == 1


@pytest.mark.parametrize("failure", ["squeue-empty", "squeue-garbage", "squeue-fails", "squeue-slow"])
def test_from_an_answer_that_is_none_nothing_is_concluded(
    queue: Queue, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    if failure == "squeue-slow":
        monkeypatch.setattr(slurm_queue, "CALL_SECONDS", 2.0)
    queue.fails("jobs-wait")
    seen: list[str] = []

    def watch(state: State) -> None:
        if state.count("running") == 2 and not seen:
            seen.append("began")
            queue.fails("jobs-wait", failure)
        elif seen == ["began"] and state.messages:
            seen.append("said")
            at.append(time.monotonic() + 6 * INTERVAL)
        elif seen == ["began", "said"] and time.monotonic() > at[0]:
            seen.append("over")
            queue.fails()

    at: list[float] = []
    state = queue.run(plan, Store(tmp_path / "store"), watch)
    assert state.count("done") == 2 and seen == ["began", "said", "over"]
    assert queue.jobs == 1, "nothing was submitted again"
    assert "nothing is concluded from that" in state.messages[0] and len(state.messages) <= 2


def test_nothing_is_submitted_before_the_queue_was_seen(queue: Queue, plan: Plan, tmp_path: Path) -> None:
    queue.fails("squeue-fails")

    def watch(state: State) -> None:
        if state.messages:
            assert queue.jobs == 0 or "squeue answers again" in state.messages
            queue.fails()

    assert queue.run(plan, Store(tmp_path / "store"), watch).count("done") == 2


def test_a_job_that_gets_lost_is_submitted_again(queue: Queue, plan: Plan, tmp_path: Path) -> None:
    queue.fails("jobs-get-lost")
    state = queue.run(plan, Store(tmp_path / "store"), after(4 * INTERVAL, queue.fails))
    assert state.count("done") == 2 and queue.jobs > 1
    assert any("gone from the queue" in message for message in state.messages)


def test_a_process_that_outlives_its_job_is_waited_for(queue: Queue, plan: Plan, tmp_path: Path) -> None:
    """A node that is cut off: its job is gone, and its process goes on and publishes."""
    queue.stages("hangs")
    said: list[str] = []

    def watch(state: State) -> None:
        if any(report.get("step") for report in state.live.values()) and not said:
            queue.fails("squeue-forgets")
        if state.count("elsewhere") == 2:
            said.append("elsewhere")
            queue.stages()

    state = queue.run(plan, Store(tmp_path / "store"), watch)
    assert said and state.count("done") == 2 and queue.jobs == 1
    assert any("works on it, though its job has ended" in message for message in state.messages)


def test_a_task_that_dies_is_begun_again_and_not_for_ever(
    queue: Queue, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executing, "LOST_LIMIT", 2)
    queue.stages("dies")
    store = Store(tmp_path / "store")
    state = queue.run(plan, store)
    assert state.count("failed") == 2
    assert {len(store.runs(store.folder(stage.kind, stage.slug, stage.key))) for stage in plan.stages} == {2}
    error = next(iter(state.errors.values())).error
    assert re.search(r"its worker ended 2 times .*\(job \d_\d: FAILED; it printed last: .*", error), error


def test_a_limit_that_others_fill_is_said_once_and_waited_for(queue: Queue, plan: Plan, tmp_path: Path) -> None:
    queue.fails("sbatch-fails")

    def watch(state: State) -> None:
        if queue.calls("sbatch") > 3:
            queue.fails()

    state = queue.run(plan, Store(tmp_path / "store"), watch)
    assert state.count("done") == 2 and len(state.messages) == 1 and queue.jobs == 1


@pytest.mark.parametrize("failure", ["sbatch-times-out", "sbatch-fails"])
def test_a_submission_without_an_answer_is_looked_for_in_the_queue(
    queue: Queue, plan: Plan, tmp_path: Path, failure: str
) -> None:
    queue.fails(failure)

    def watch(state: State) -> None:
        if state.messages:
            queue.fails()

    state = queue.run(plan, Store(tmp_path / "store"), watch)
    assert state.count("done") == 2 and "it is tried again" in state.messages[0]
    assert queue.jobs == 1, "one job, whether the first attempt had got through or not"


def test_a_refusal_is_an_error_and_names_what_was_asked_for(queue: Queue, plan: Plan, tmp_path: Path) -> None:
    queue.fails("sbatch-refuses")
    with pytest.raises(InputError, match=r"sbatch refused a job: .*Invalid partition name.*--time=60.* correct the cluster file"):
        queue.run(plan, Store(tmp_path / "store"))


def test_a_job_that_is_held_is_said(queue: Queue, plan: Plan, tmp_path: Path) -> None:
    queue.fails("jobs-are-held")

    def watch(state: State) -> None:
        if state.messages:
            queue.fails()

    state = queue.run(plan, Store(tmp_path / "store"), watch)
    assert state.count("done") == 2 and re.search(
        r"job 1_\d \(.*\) is held \(JobHeldAdmin\): scontrol release", state.messages[0]
    )


def test_a_job_that_begins_a_day_later_finds_its_stage_made(queue: Queue, plan: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    queue.fails("jobs-wait")
    state = queue.run(plan, store, after(0.3, lambda: [finish(store, stage) for stage in plan.stages]))
    assert state.count("done") == 2 and queue.states() == ["PENDING", "PENDING"]
    queue.fails()
    wait_for(lambda: queue.states() == ["COMPLETED", "COMPLETED"])
    for stage in plan.stages:
        assert len(store.runs(state.folders[stage.key])) == 1


def test_a_job_that_runs_twice_makes_its_stage_once(queue: Queue, plan: Plan, tmp_path: Path) -> None:
    queue.fails("jobs-run-twice")
    store = Store(tmp_path / "store")
    assert queue.run(plan, store).count("done") == 2
    for stage in plan.stages:
        assert len(store.runs(store.folder(stage.kind, stage.slug, stage.key))) == 1


def test_a_job_that_was_cancelled_is_begun_again_and_not_for_ever(
    queue: Queue, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slurm itself does it too, after a launch that failed."""
    monkeypatch.setattr(executing, "LOST_LIMIT", 2)
    queue.fails("jobs-wait")
    cancelled: set[str] = set()

    def cancel(_: State) -> None:
        for job in {path.name.partition("_")[0] for path in queue.folder.glob("*_0")} - cancelled:
            cancelled.add(job)
            slurm_queue.cancel(job)

    state = queue.run(plan, Store(tmp_path / "store"), cancel)
    assert state.count("failed") == 2 and queue.jobs >= 2
    assert "it was cancelled; Ctrl-C on the run cancels all of its jobs" in next(iter(state.errors.values())).error


@pytest.mark.parametrize("began", [True, False])
def test_a_job_that_is_listed_as_running_and_is_dead_is_begun_again(
    queue: Queue, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, began: bool
) -> None:
    """Slurm lists it for as long as its time limit when a slurmstepd was killed."""
    if began:
        queue.stages("dies")
        reason = r"listed as RUNNING, but .* has ended"
    else:
        monkeypatch.setattr(slurm, "BEGIN_SECONDS", 0.5)
        queue.fails("jobs-never-begin")
        reason = "listed as RUNNING, but nobody began the stage"
    queue.fails("jobs-become-zombies", *(() if began else ("jobs-never-begin",)))

    def watch(state: State) -> None:
        if state.messages:
            queue.fails()
            queue.stages()

    state = queue.run(plan, Store(tmp_path / "store"), watch)
    assert state.count("done") == 2 and re.search(reason, state.messages[0]), state.messages


def test_when_its_time_is_over_a_stage_goes_on_in_another_job(queue: Queue, plan: Plan, tmp_path: Path) -> None:
    queue.stages("hangs")
    said: list[str] = []

    def watch(state: State) -> None:
        if any(report.get("step") for report in state.live.values()) and not said:
            said.append("asked")
            slurm_queue.cancel("1", signal="TERM")
        if said and state.messages:
            queue.stages()

    state = queue.run(plan, Store(tmp_path / "store"), watch)
    assert state.count("done") == 2 and any("its time was over, or others needed the machine" in one for one in state.messages)


def test_a_machine_whose_disk_is_full_does_not_end_the_run(queue: Queue, plan: Plan, tmp_path: Path) -> None:
    queue.stages("full")

    def watch(state: State) -> None:
        if state.messages:
            queue.stages()

    state = queue.run(plan, Store(tmp_path / "store"), watch)
    assert state.count("done") == 2 and any("the disk is full" in message for message in state.messages)


def test_a_word_that_is_none_stops_nothing(queue: Queue, plan: Plan, tmp_path: Path) -> None:
    queue.stages("mumbles")
    assert queue.run(plan, Store(tmp_path / "store")).count("done") == 2


def test_other_code_on_a_machine_is_refused(queue: Queue, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm_jobs, "read_code_identity", lambda: "0.0+other")
    state = queue.run(plan, Store(tmp_path / "store"))
    error = next(iter(state.errors.values()))
    assert error.input_error and "the run that submitted the stage has 0.0+other; install the same" in error.error


def fork(queue: Queue, plan: Plan, store: Store) -> int:
    """A run in a process of its own."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            code = 0 if queue.run(plan, store).count("done") == len(plan.stages) else 1
        except KeyboardInterrupt:
            code = 130
        finally:
            os._exit(code)
    return pid


def wait_for(condition: Callable[[], Any]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def exit_code(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_new_run_adopts_the_jobs_of_one_that_was_killed(queue: Queue, plan: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    queue.fails("jobs-wait")
    first = fork(queue, plan, store)
    wait_for(lambda: queue.states() == ["PENDING", "PENDING"])
    os.kill(first, signal.SIGKILL)
    assert exit_code(first) == -signal.SIGKILL
    state = queue.run(plan, store, after(0.3, queue.fails))
    assert state.count("done") == 2 and queue.jobs == 1 and not state.messages


def test_two_runs_of_one_study_share_its_jobs(queue: Queue, plan: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    queue.stages("hangs")
    runs = [fork(queue, plan, store)]
    wait_for(lambda: "RUNNING" in queue.states())
    runs.append(fork(queue, plan, store))
    time.sleep(5 * INTERVAL)
    queue.stages()
    assert [exit_code(pid) for pid in runs] == [0, 0]
    assert queue.jobs == 1


def test_ctrl_c_cancels_what_waits_and_lets_what_runs_checkpoint(queue: Queue, plan: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    queue.stages("hangs")
    pid = fork(queue, plan, store)
    wait_for(lambda: queue.states() == ["RUNNING", "RUNNING"] and len(list(store.root.glob("fetch/*/lease"))) == 2)
    os.kill(pid, signal.SIGINT)
    assert exit_code(pid) == 130
    said = [json.loads(path.read_text())["outcome"] for path in store.root.glob("jobs/*/*/*.json")]
    assert said == ["interrupted", "interrupted"]
    queue.fails("jobs-wait")
    pid = fork(queue, plan, store)
    wait_for(lambda: queue.states().count("PENDING") == 2)
    os.kill(pid, signal.SIGINT)
    assert exit_code(pid) == 130
    assert queue.states().count("CANCELLED") == 2


def test_the_jobs_of_a_run_that_lives_are_left_to_it(queue: Queue, plan: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    queue.fails("jobs-wait")
    first = fork(queue, plan, store)
    wait_for(lambda: queue.states() == ["PENDING", "PENDING"])
    second = fork(queue, plan, store)
    wait_for(lambda: len(list(store.root.glob("jobs/*"))) == 2)
    time.sleep(5 * INTERVAL)
    os.kill(second, signal.SIGINT)
    assert exit_code(second) == 130 and queue.states() == ["PENDING", "PENDING"]
    queue.fails()
    assert exit_code(first) == 0


def test_a_store_that_was_moved(queue: Queue, plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, moved = Store(tmp_path / "store"), Store(tmp_path / "moved")
    queue.fails("jobs-wait")
    first = fork(queue, plan, store)
    wait_for(lambda: queue.states() == ["PENDING", "PENDING"])
    os.kill(first, signal.SIGKILL)
    exit_code(first)
    store.root.rename(moved.root)
    monkeypatch.setattr(leases, "STALE_SECONDS", 5.0)
    state = queue.run(plan, moved, after(0.3, queue.fails))
    assert state.count("done") == 2 and not store.root.exists()


def test_without_slurm_it_says_so(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="there is no command sbatch here; run it on a login node"):
        notebook.run(plan.study, tmp_path / "store", executor="slurm")
    with pytest.raises(InputError, match="the executor must be slurm or ray"):
        notebook.run(plan.study, tmp_path / "store", cluster="cluster.yaml")


def test_kinds_that_the_cluster_file_names_are_run_here(queue: Queue, plan: Plan, tmp_path: Path) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text(f"interval: {INTERVAL}\ncommand: {queue.cluster.command}\nlocal: [fetch]\n")
    start = choose_executor("slurm", path)
    assert execute(plan, Store(tmp_path / "store"), start=start).count("done") == 2 and queue.jobs == 0


def test_a_part_of_a_card_is_refused(queue: Queue, plan: Plan, tmp_path: Path) -> None:
    queue.cluster = Cluster(interval=INTERVAL, stages={"fetch": {"gpus": 0.5}})
    with pytest.raises(InputError, match=r"stages\.fetch\.gpus: Slurm gives whole cards, found 0\.5"):
        queue.run(plan, Store(tmp_path / "store"))


def test_a_run_that_is_a_job_submits_itself_again_and_ends_as_it_is_told(queue: Queue, tmp_path: Path) -> None:
    """USR1 comes before its time is over; TERM comes from scancel, and is its Ctrl-C."""
    program, store = tmp_path / "program", Store(tmp_path / "st ore")
    program.write_text("#!/bin/bash\necho begins \"$@\"\ntrap 'echo ends; exit 130' TERM\nwhile :; do sleep 0.02; done\n")
    program.chmod(0o755)
    store.prepare()
    job, log = submit_run(Cluster(command=str(program), driver={"time": "2h"}), store, ["run", "a study"])
    assert job == "1" and {"--time=120", "--requeue", "--signal=B:USR1@120"} <= set((queue.folder / "job-1").read_text().split())

    def process(job: int) -> int:
        return int((queue.folder / f"{job}_0").read_text().split("|")[2])

    wait_for(lambda: log.exists() and "begins run a study" in log.read_text())
    os.kill(process(1), signal.SIGUSR1)
    wait_for(lambda: queue.jobs == 2 and log.read_text().count("begins") == 2)
    wait_for(lambda: queue.states()[0] == "FAILED")
    os.kill(process(2), signal.SIGTERM)
    wait_for(lambda: log.read_text().endswith("ends\n"))
    wait_for(lambda: queue.states()[1] == "FAILED")
    assert queue.jobs == 2


def test_the_runs_that_wait_for_jobs_are_seen_in_the_status(queue: Queue, plan: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    queue.fails("jobs-wait")
    pid = fork(queue, plan, store)
    wait_for(lambda: queue.states() == ["PENDING", "PENDING"])
    status = StatusReader(plan, store).read()
    assert [holder.pid for holder in status.watching] == [pid]
    assert describe_outlook(status) == f"No stage runs now. {status.watching[0]} waits for jobs in the queue."
    os.kill(pid, signal.SIGKILL)
    exit_code(pid)
    assert describe_outlook(StatusReader(plan, store).read()) == "No run is active."


def test_a_training_of_several_processes_needs_as_many_cards(queue: Queue, tmp_path: Path) -> None:
    queue.cluster = Cluster.model_validate({"stages": {"train": {"gpus": 2}}})
    SlurmExecutor(queue.cluster, Demand(tmp_path, processes=2))
    with pytest.raises(InputError, match=r"stages\.train\.gpus: a recipe of the study has 4 processes.*found 2"):
        SlurmExecutor(queue.cluster, Demand(tmp_path, processes=4))


@pytest.mark.parametrize("text", ["", "\n", "JOBID|NAME\n", "nonsense", f"{slurm_stand_in.HEADER}\n1_0|x|RUNNING\n"])
def test_what_is_no_listing(text: str) -> None:
    with pytest.raises(QueueError):
        parse_listing(text)


def test_a_listing() -> None:
    rows = [
        "7_1|a|COMPLETED|None",
        "9_1|a|RUNNING|None",
        "8_1|a|CANCELLED|None",
        "12|other|PENDING|Priority",
        "5_[0-9]|b|PENDING|x",
    ]
    listing = parse_listing("\n".join((slurm_stand_in.HEADER, *rows)))
    assert {place: one.job for place, one in listing.items()} == {("a", 1): "9_1"}
    assert parse_listing(slurm_stand_in.HEADER) == {}
