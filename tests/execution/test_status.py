"""The status of a study, read from the store: every state, and that a reader that remembers reads the same as a new one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import tiny_study
from tests.execution.fake_store import TICK, begin, finish

from xstilts.cli.views.status import list_problems
from xstilts.errors import InputError
from xstilts.execution.execute import inspect
from xstilts.execution.status import StageStatus, StatusReader, StudyStatus
from xstilts.plan.compile import Plan, compile_study
from xstilts.stages.stage import Stage
from xstilts.store.lease import Lease
from xstilts.store.store import Store, read_json, write_json


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_study(tiny_study())


def of_kind(plan: Plan, kind: str, number: int = 0) -> Stage:
    return [stage for stage in plan.stages if stage.kind == kind][number]


def of_stage(status: StudyStatus, stage: Stage) -> StageStatus:
    return next(found for found in status.stages if found.key == stage.key)


def test_without_a_store_all_is_pending(plan: Plan, tmp_path: Path) -> None:
    status = StatusReader(plan, Store(tmp_path / "none")).read()
    assert status.counts == {"pending": len(plan.stages)}
    assert not status.ended
    assert status.time_left is None
    assert not (tmp_path / "none").exists()


def test_a_store_that_is_a_file_is_named(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file: \w+ cannot be read \(Not a directory\); choose another folder"):
        StatusReader(plan, Store(tmp_path / "file")).read()


def test_every_state(plan: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path)
    fetches = [stage for stage in plan.stages if stage.kind == "fetch"]
    encoder = of_kind(plan, "encoder")
    finish(store, fetches[0])
    begin(store, fetches[1], outcome="failed", error="line 3 is no line")
    begin(store, fetches[2])
    begin(store, fetches[3], outcome="failed", error="the first time")
    begin(store, fetches[3], progress=TICK)
    (finish(store, fetches[4]) / "out/result.json").write_text("{}  ")
    begin(store, encoder, outcome="interrupted")
    with Lease(store.folder(fetches[3].kind, fetches[3].slug, fetches[3].key)):
        status = StatusReader(plan, store).read()
    assert [of_stage(status, stage).state for stage in fetches[:5]] == ["done", "failed", "pending", "running", "pending"]
    assert [of_stage(status, stage).pending_because for stage in fetches[:5]] == ["", "", "stopped", "", "damaged"]
    assert of_stage(status, fetches[0]).seconds == 3.0
    assert of_stage(status, fetches[1]).error == "line 3 is no line"
    assert of_stage(status, fetches[3]).attempts == 2
    assert (of_stage(status, fetches[3]).progress or {})["step"] == 1400
    assert "4 bytes, expected 2" in of_stage(status, fetches[4]).error
    assert of_stage(status, encoder).pending_because == "stopped"
    for stage in plan.stages:
        if fetches[1] in stage.parents:
            assert of_stage(status, stage).state == "blocked"
    assert status.counts["blocked"]
    assert not status.ended


def test_it_has_ended_when_all_is_done_or_failed_and_nobody_works(plan: Plan, tmp_path: Path) -> None:
    store, reader = Store(tmp_path), StatusReader(plan, Store(tmp_path))
    *others, last = plan.stages
    for stage in others:
        finish(store, stage)
    assert not reader.read().ended
    folder = begin(store, last, outcome="failed", error="no")
    assert reader.read().ended
    with Lease(folder):
        assert not reader.read().ended
    finish(store, last)
    assert reader.read().ended
    assert reader.read().counts == {"done": len(plan.stages)}


def test_a_killed_holder_runs_no_more(plan: Plan, tmp_path: Path) -> None:
    store, stage = Store(tmp_path), of_kind(plan, "train")
    folder = begin(store, stage, progress=TICK)
    program = "import sys, time\nfrom pathlib import Path\nfrom xstilts.store.lease import Lease\n"
    program += "with Lease(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"
    holder = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True)
    reader = StatusReader(plan, store)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert of_stage(reader.read(), stage).state == "running"
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    found = of_stage(reader.read(), stage)
    assert (found.state, found.pending_because) == ("pending", "stopped")
    assert found.progress is not None
    assert found.progress["step"] == 1400
    assert reader.read().time_left is None


def test_a_repaired_artefact_is_done_again(plan: Plan, tmp_path: Path) -> None:
    store, stage, reader = Store(tmp_path), of_kind(plan, "fetch"), StatusReader(plan, Store(tmp_path))
    folder = finish(store, stage)
    (folder / "out/result.json").unlink()
    assert of_stage(reader.read(), stage).pending_because == "damaged"
    store.undo(folder)
    finish(store, stage)
    assert of_stage(reader.read(), stage).state == "done"


def test_the_seconds_of_a_stage_that_was_seen_while_it_published_are_found(plan: Plan, tmp_path: Path) -> None:
    store, stage, reader = Store(tmp_path), of_kind(plan, "fetch"), StatusReader(plan, Store(tmp_path))
    folder = begin(store, stage)
    with Lease(folder):
        (folder / "made").mkdir()
        store.publish(folder, folder / "made", {"key": stage.key, "run": "run-000.json", "facts": {}})
        assert of_stage(reader.read(), stage).seconds is None
        write_json(folder / "run-000.json", {"outcome": "done", "seconds": 4.0})
    assert of_stage(reader.read(), stage).seconds == 4.0


def test_time_left_is_the_executors_estimate(plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xstilts.execution.execute.ESTIMATE_HOLDS", 0)  # an estimate is formed anew at each question
    store, reader = Store(tmp_path), StatusReader(plan, Store(tmp_path))
    trainings = [stage for stage in plan.stages if stage.kind == "train"]
    folder = begin(store, trainings[1])
    with Lease(folder):
        assert reader.read().time_left is None  # no training was timed yet
        finish(store, trainings[0], seconds=40.0)
        state = inspect(plan, store)
        state.status[trainings[1].key] = "running"
        assert reader.read().time_left.seconds == pytest.approx(state.time_left().seconds)
        second = begin(store, trainings[2], progress={"step": 50, "steps": 100, "seconds_left": 7.0})
        with Lease(second):
            state.status[trainings[2].key] = "running"
            state.live[trainings[2].key] = {"started": time.monotonic() - 7.0, "step": 50, "steps": 100}
            state.workers = 2
            assert reader.read().time_left.seconds == pytest.approx(state.time_left().seconds, rel=0.05)
            began_at_a_checkpoint = {"started": time.monotonic() - 1.0, "seconds_left": 7.0}
            state.live[trainings[2].key] |= began_at_a_checkpoint
            assert reader.read().time_left.seconds == pytest.approx(state.time_left().seconds, rel=0.05)
    assert reader.read().time_left is None


def test_what_another_version_wrote_does_no_harm(plan: Plan, tmp_path: Path) -> None:
    store, stage = Store(tmp_path), of_kind(plan, "train")
    odd = {"step": "many", "steps": None, "loss": float("nan"), "utilisation": float("inf"), "language": 3}
    folder = begin(store, stage, progress=odd, started="yesterday", seconds=float("nan"))
    begin(store, of_kind(plan, "fetch"), outcome="failed")
    begin(store, of_kind(plan, "fetch", 1), progress=["?"])
    with Lease(folder):
        status = StatusReader(plan, store).read()
    assert json.loads(json.dumps(status.record(), allow_nan=False))["counts"]["running"] == 1
    assert of_stage(status, of_kind(plan, "fetch")).error == "no reason was recorded"


def test_the_curve_of_a_training_joins_its_attempts(plan: Plan, tmp_path: Path) -> None:
    """The second attempt went on from step 2; another version wrote no number once. A long attempt makes all points wide."""
    store, stage = Store(tmp_path), of_kind(plan, "train")
    begin(store, stage, outcome="lost", losses=[[1, 5.0], [2, 4.0], [3, 3.5], [4, 3.4]])
    with Lease(begin(store, stage, losses=[[3, 3.6], [4, None], [4, 3.2], [5, 3.0]])):
        status = of_stage(StatusReader(plan, store).read(), stage)
    assert status.losses == ((1, 5.0), (2, 4.0), (3, 3.6), (4, 3.2), (5, 3.0))
    with Lease(begin(store, stage, losses=[[8, 2.0], [12, 1.0], [16, 0.5]])):
        losses = of_stage(StatusReader(plan, store).read(), stage).losses
    assert losses == ((4, pytest.approx(3.95)), (8, 2.5), (12, 1.0), (16, 0.5))
    finish(store, stage)
    assert of_stage(StatusReader(plan, store).read(), stage).losses == ()


def test_a_glance_reads_no_run_of_what_is_done_while_nothing_runs(plan: Plan, tmp_path: Path) -> None:
    store, (first, second, *_) = Store(tmp_path), plan.stages
    (finish(store, first) / "out/result.json").write_text("{}  ")
    (finish(store, second) / "run-000.json").write_text("no record")
    status = StatusReader(plan, store).glance()
    assert of_stage(status, first).pending_because == "damaged"
    assert of_stage(status, second).state == "done"
    assert of_stage(status, second).attempts == 0
    with Lease(begin(store, plan.stages[-1])):
        assert of_stage(StatusReader(plan, store).glance(), second).attempts == 1, "the time left needs what stages took"


def test_calls_in_quick_succession_share_one_reading(plan: Plan, tmp_path: Path) -> None:
    store, reader = Store(tmp_path), StatusReader(plan, Store(tmp_path), least_seconds=3600)
    first = reader.read()
    finish(store, plan.stages[0])
    assert reader.read() is first


EVENTS = ("begin", "report", "hold", "let go", "fail", "finish", "undo", "remove")


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 3)), max_size=20))
def test_a_reader_that_remembers_reads_the_same_as_a_new_one(plan: Plan, events: list[tuple[str, int]]) -> None:
    held: dict[int, ExitStack] = {}
    with tempfile.TemporaryDirectory() as root, ExitStack() as leases:
        store = Store(root)
        reader = StatusReader(plan, store)
        for event, number in events:
            stage = plan.stages[number * 7]
            folder = store.folder(stage.kind, stage.slug, stage.key)
            if event in ("begin", "fail", "finish"):
                store.undo(folder)  # what is done is not begun anew
            if event == "begin":
                begin(store, stage)
            elif event == "fail":
                begin(store, stage, outcome="failed", error=f"no {number}")
            elif event == "finish":
                finish(store, stage)
            elif event == "hold" and folder.is_dir() and number not in held and not store.is_done(folder):  # nor worked on
                held[number] = leases.enter_context(ExitStack())
                held[number].enter_context(Lease(folder))
            elif event == "report" and number in held and not store.is_done(folder):
                path = sorted(folder.glob("run-*.json"))[-1]
                write_json(path, {**read_json(path), "progress": TICK, "seconds": number + 0.5})
            elif event == "let go" and number in held:
                held.pop(number).close()
            elif event == "undo":
                store.undo(folder)
            elif event == "remove" and number not in held and folder.is_dir():
                shutil.rmtree(folder)
            assert (full := reader.read()).stages == StatusReader(plan, store).read().stages
            brief = StatusReader(plan, store).glance()
            assert brief.counts == full.counts
            assert list_problems(brief) == list_problems(full)
