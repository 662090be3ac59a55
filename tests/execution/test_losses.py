"""What a run says of workers that end, of stages that others hold, and how much it looks at in a turn."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

import pytest
from tests.conftest import tiny_study
from tests.execution.fake_store import finish
from typer.testing import CliRunner

from xstilts.cli import app
from xstilts.execution import execute as executing
from xstilts.execution import one_stage
from xstilts.execution.execute import State, Statuses, execute, inspect, reasons
from xstilts.execution.executors.base import Event
from xstilts.execution.executors.local import LocalExecutor
from xstilts.plan.compile import Plan, compile_study
from xstilts.stages import attempt as attempts
from xstilts.stages.job import Outcome
from xstilts.store import lease as leases
from xstilts.store.lease import Holder
from xstilts.store.store import Store, write_json


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_study(tiny_study())


class Answers:
    """An executor that gives each stage the outcome that `answer` has for it, at once."""

    size = 1

    def __init__(self, answer: Callable[[Mapping[str, Any]], Outcome]):
        self._answer = answer
        self._ended: list[tuple[str, Event]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def idle(self) -> int:
        return 1 - len(self._ended)

    def submit(self, record: Mapping[str, Any]) -> None:
        self._ended.append((record["key"], self._answer(record)))

    def poll(self, seconds: float) -> list[tuple[str, Event]]:
        ended, self._ended = self._ended, []
        return ended

    def stop(self) -> None: ...


def run_with(plan: Plan, store: Store, answer: Callable[[Mapping[str, Any]], Outcome]) -> State:
    return execute(plan, store, 1, start=lambda *_: Answers(answer))


@pytest.mark.usefixtures("forked_workers")
@pytest.mark.parametrize("status", [7, -9, -11])
def test_how_a_worker_ended_is_told_by_its_own_exit_status(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """Lack of memory is named only where the system killed it: a worker that ends by itself was not."""

    def end(*_: object) -> None:
        os._exit(status) if status > 0 else os.kill(os.getpid(), -status)

    monkeypatch.setattr(attempts, "attempt", end)
    monkeypatch.setattr(executing, "LOST_LIMIT", 2)
    one = replace(plan, stages=plan.stages[:1])
    (error,) = execute(one, Store(tmp_path), 1).errors.values()
    assert ("memory" in error.error) == (status == -9), error.error
    assert (f"it ended by itself, with exit status {status}" if status > 0 else f"killed by signal {-status}") in error.error


def test_a_stage_that_was_lost_to_another_run_is_waited_for_and_never_failed(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, lost = Store(tmp_path), plan.stages[0]
    times = [0]

    def answer(record: Mapping[str, Any]) -> Outcome:
        if record["key"] != lost.key:
            return Outcome("done")
        times[0] += 1
        if times[0] == 3 * executing.LOST_LIMIT:
            finish(store, lost)
        return Outcome("lost", "its lease was taken over by elsewhere (process 1)", taken=True)

    ticks = iter(range(10**9))
    monkeypatch.setattr(executing.time, "monotonic", lambda: 2.0 * next(ticks))
    state = run_with(plan, store, answer)
    assert not state.errors
    assert state.count("done") == len(plan.stages)
    assert (
        f"lost {lost.slug} to another run (its lease was taken over by elsewhere (process 1)); it is waited for" in state.messages
    )


def test_it_is_said_whom_a_run_waits_for_and_why_no_longer(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, held = Store(tmp_path), plan.stages[0]
    there = replace(Holder.of_this_process(), host="elsewhere", pid=17)
    folder = store.folder(held.kind, held.slug, held.key)
    folder.mkdir(parents=True)
    write_json(folder / "lease", asdict(there))
    asked = [0]

    def answer(record: Mapping[str, Any]) -> Outcome:
        if record["key"] != held.key:
            return Outcome("done")
        asked[0] += 1
        if asked[0] == 1:
            os.utime(folder / "lease", (1.0, 1.0))
            return Outcome("held", f"{there} works on it")
        return Outcome("done")

    ticks = iter(range(10**9))
    monkeypatch.setattr(executing.time, "monotonic", lambda: 2.0 * next(ticks))
    state = run_with(plan, store, answer)
    assert not state.errors and asked[0] == 2
    waits, goes_on = state.messages
    assert waits == "waits for another run: elsewhere (process 17) works on it"
    assert goes_on.startswith(f"{held.slug} goes on here: the last sign of elsewhere (process 17) is dated ")
    assert leases.find_holder(folder) is None


def test_what_a_turn_looks_at_does_not_grow_with_what_is_done(tmp_path: Path) -> None:
    """Stages of which nothing changed are not looked at: the number of looks at a status is that of the graph's edges."""

    class Counted(Statuses):
        looks = 0

        def __getitem__(self, key: str) -> Any:
            Counted.looks += 1
            return super().__getitem__(key)

    costs = {}
    for seeds in (2, 8):
        big = compile_study(tiny_study(seeds=list(range(seeds))))
        state = inspect(big, Store(tmp_path / str(seeds)))
        state.status = Counted(state.status.items())
        ready = executing.Ready(state)
        Counted.looks = 0
        while taken := list(ready.take(1)):
            state.status[taken[0].key] = "done"
        assert state.count("done") == len(big.stages)
        costs[seeds] = Counted.looks / len(big.stages)
    assert costs[8] < 1.5 * costs[2]


def test_a_command_lists_each_kind_once(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    for stage in plan.stages[: len(plan.stages) // 2]:
        finish(store, stage)
    listed: list[str] = []
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: listed.append(Path(path).name) or listdir(path))
    state = inspect(plan, store, thorough=False)
    assert state.count("done") == len(plan.stages) // 2
    assert sorted(listed) == sorted({stage.kind for stage in plan.stages})
    reasons(plan, state)
    assert len(listed) <= 2 * len({stage.kind for stage in plan.stages})


def test_records_of_the_store_that_are_none_are_named(plan: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path)
    folders = [finish(store, stage) for stage in plan.stages[:4]]
    contents = ("[]", '{"files": {}, "run": "../../x"}', '{"files": {"../x": {"size": 1, "sha256": ""}}}', "[" * 10_000)
    for folder, content in zip(folders, contents, strict=True):
        (folder / "done.json").write_text(content)
        (folder / "stage.json").write_text(content)
        (folder / "run-000.json").write_text(content)
    state = inspect(plan, store, thorough=False)
    assert state.count("done") == 0
    assert len(state.messages) == 4
    for folder, message in zip(folders, state.messages, strict=True):
        assert message == f"damaged: {folder / 'done.json'}: not the record of a finished stage; it is made again"
    assert not any(reasons(plan, state)[stage.key] for stage in plan.stages[:4])
    assert not run_with(plan, store, lambda _: Outcome("done")).errors


def test_a_mark_that_another_run_has_just_set_is_not_taken_back(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by the drill: between looking at a store and beginning, another run finishes a stage."""
    store, stage = Store(tmp_path), plan.stages[0]

    def look_and_wait(*words: Any) -> State:
        state = inspect(*words)
        finish(store, stage)
        return state

    monkeypatch.setattr(executing, "inspect", look_and_wait)
    assert not run_with(plan, store, lambda _: Outcome("done")).errors
    store.verify(store.folder(stage.kind, stage.slug, stage.key))


@pytest.mark.usefixtures("forked_workers")
def test_a_worker_that_dies_while_it_is_told_something_is_only_lost(tmp_path: Path) -> None:
    """Found by the drill: what was still to be written to it must not end the run."""
    store = Store(tmp_path)
    store.prepare()
    with LocalExecutor(store.root, 1) as executor:
        worker = executor.workers[0]
        os.kill(worker.process.pid, signal.SIGKILL)
        while executor.workers[0] is worker:
            if worker.key is None:
                executor.submit({"key": "k", "filler": "x" * 200_000})
            found = executor.poll(0.05)
        assert found == [("k", Outcome("lost", status=-9))]


@pytest.mark.parametrize(
    ("outcome", "code", "said"),
    [
        (Outcome("done", seconds=1.0), 0, ""),
        (Outcome("held", "elsewhere (process 1) works on it"), 75, "elsewhere (process 1) works on it; wait for it"),
        (Outcome("lost", "its lease was taken over by x", taken=True), 75, "taken over by x; run the same command again"),
        (Outcome("failed", "line 3", input_error=True), 2, "line 3"),
        (Outcome("failed", "a bug"), 1, "a bug"),
    ],
)
def test_an_executor_is_told_apart_what_failed_and_what_may_be_tried_again(
    outcome: Outcome, code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(one_stage, "run_stages", lambda *_: iter([("abc", outcome)]))
    done = CliRunner().invoke(app, ["stage", "abc", "--store", str(tmp_path)])
    assert (done.exit_code, said in done.output) == (code, True), done.output


def test_what_a_shared_disk_does_not_show_yet_is_not_taken_back(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An output that is missing beside a fresh `done.json` may be there for the machine that wrote it; one whose hash differs
    is damaged."""
    store, stage = Store(tmp_path), plan.stages[0]
    monkeypatch.setattr(leases, "HIDDEN_SECONDS", 1000.0)
    monkeypatch.setattr(executing, "LOOK_SECONDS", 0.0)
    folder = finish(store, stage)
    output = folder / "out" / "result.json"
    output.rename(folder / "hidden")
    executing._take_back(store, folder)
    assert store.is_done(folder)
    output.write_text("[]")
    executing._take_back(store, folder)
    assert not store.is_done(folder)
    folder = finish(store, stage)
    output.unlink()
    os.utime(folder / "done.json", (0, 0))
    executing._take_back(store, folder)
    assert not store.is_done(folder), "after so long it would be seen"
