"""What a person sees of running trainings, live and by `xstilts status`."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console
from tests.conftest import mind_ctrl_c, tiny_record, tiny_study
from tests.execution.fake_store import TICK, begin, finish
from typer.testing import CliRunner

from xstilts.cli import app
from xstilts.cli.views import status as status_view
from xstilts.cli.views.progress import (
    LiveView,
    RunningStage,
    describe_progress,
    describe_stopping,
    draw_running,
    tabulate_running,
)
from xstilts.cli.views.status import draw_status, follow_status, print_status
from xstilts.execution.execute import State, Statuses, inspect
from xstilts.execution.status import StatusReader, StudyStatus
from xstilts.plan.compile import Plan, compile_study
from xstilts.stages import attempt
from xstilts.stages.job import Job, Outcome
from xstilts.stages.stage import KINDS, upstream
from xstilts.store.lease import Lease
from xstilts.store.store import Store, read_json, write_json


def console(width: int = 80, terminal: bool = True) -> Console:
    return Console(width=width, height=30, record=True, file=io.StringIO(), force_terminal=terminal)


def printed(status: StudyStatus, width: int = 100, terminal: bool = True) -> str:
    screen = console(width, terminal)
    print_status(screen, status)
    return screen.export_text()


@pytest.fixture
def planned(tmp_path: Path) -> tuple[Plan, Store, State]:
    plan, store = compile_study(tiny_study()), Store(tmp_path)
    store.prepare()
    return plan, store, inspect(plan, store)


def test_a_running_training_shows_speed_utilisation_loss_and_time_left(planned: tuple[Plan, Store, State]) -> None:
    plan, _, state = planned
    training = next(stage for stage in plan.stages if stage.kind == "train")
    fetching = next(stage for stage in plan.stages if stage.kind == "fetch")
    state.live = {
        training.key: {"started": time.monotonic() - 60, "at": time.time(), **TICK},
        fetching.key: {"started": time.monotonic()},
    }
    screen = console()
    with LiveView(screen) as view:
        view.show(state)
    text = screen.export_text()
    line = next(line for line in text.splitlines() if training.slug in line)
    for shown in ("1,400/2,000", "1.234", "12,346", "34.1 %", "1:35 left"):
        assert shown in line
    assert any(fetching.slug in line for line in text.splitlines())
    assert max(len(line) for line in text.splitlines()) <= 80


def test_what_is_not_known_is_not_shown() -> None:
    screen = console()
    screen.print(
        tabulate_running(
            [
                RunningStage("train", "a", {**TICK, "utilisation": None}, 3.0),
                RunningStage("predict", "b", {"doing": "de (1 of 2)", "step": 0, "steps": 20, "unit": "examples"}, 4.0),
                RunningStage("fetch", "c", {"doing": "reading examples", "done": 12000}, 4.0),
            ]
        )
    )
    text = screen.export_text()
    assert "of peak" not in text
    assert "%" not in text
    assert "12,346" in text
    assert "0/20" in text
    assert "de (1 of 2)" in text
    assert "reading examples 12,000" in text


def body(step: Job[Any, Any]) -> None:
    """Reports 30 of 100 steps, and stops there as a worker does that is killed."""
    for number in (10, 20, 30):
        time.sleep(0.02)
        step.progress({"step": number, "steps": 100, "loss": 2.0})
    raise SystemExit


def test_status_reads_what_a_training_last_reported(planned: tuple[Plan, Store, State], monkeypatch: pytest.MonkeyPatch) -> None:
    plan, store, _ = planned
    stage = next(stage for stage in plan.stages if stage.kind == "fetch")
    monkeypatch.setitem(KINDS, "fetch", replace(KINDS["fetch"], body=f"{__name__}:body"))
    monkeypatch.setattr(attempt, "RECORD_SECONDS", 0.0)
    said: list[dict[str, Any]] = []
    with pytest.raises(SystemExit):
        attempt.attempt(store, stage.record(), said.append, threading.Event())
    assert "seconds_left" not in said[0]
    assert 70 * 0.002 <= said[2]["seconds_left"] < 5
    folder = store.folder(stage.kind, stage.slug, stage.key)
    with Lease(folder):
        run = store.runs(folder)[-1]
        write_json(folder / "run-000.json", {**run, "outcome": "running", "progress": {**said[2]}})
        assert "30/100" in printed(StatusReader(plan, store).read())
    assert read_json(folder / "run-000.json")["progress"]["loss"] == 2.0


def test_what_was_reported_long_ago_is_no_rate_any_more() -> None:
    known = ("1,400/2,000", "1.234", "12,346", "34.1 %", "1:35 left", "")
    assert describe_progress({**TICK, "at": time.time() - 5}, 700.0) == known
    *words, now = describe_progress({**TICK, "at": time.time() - 500}, 700.0)
    assert words == ["1,400/2,000", "1.234", "", "", "11:40"]
    assert now == time.strftime("silent since %H:%M", time.localtime(time.time() - 500))


def test_what_is_done_inside_a_step_and_long_silence_are_said() -> None:
    inside = {**TICK, "doing": "evaluating mnli en", "done": 2000, "of": 9815}
    assert describe_progress({**inside, "at": time.time()}, 700.0).now == "evaluating mnli en 2,000/9,815"
    assert describe_progress({"doing": "tokenizing mnli en", "done": 12000}, 3.0)[::5] == ("", "tokenizing mnli en 12,000")
    long_ago = time.time() - 90000
    assert describe_progress({}, 90000.0).now == time.strftime("silent since %Y-%m-%d %H:%M", time.localtime(long_ago))
    assert describe_progress({}, 30.0).now == ""


def test_a_failure_shows_at_once_in_one_line_with_what_it_costs(planned: tuple[Plan, Store, State]) -> None:
    plan, _, state = planned
    training = next(stage for stage in plan.stages if stage.kind == "train")
    for terminal in (True, False):
        screen = console(300, terminal)
        with LiveView(screen) as view:
            view.show(state)
            state.errors[training.key] = Outcome("failed", f"[/red] no file; {'looked here and there, ' * 20}\nGet it.\nOr not.")
            state.status[training.key] = "failed"
            view.show(state)
            view.show(state)
        lines = [line for line in screen.export_text().splitlines() if line.startswith("failed")]
        lost = sum(training.key in {s.key for s in upstream([stage])} for stage in plan.stages) - 1
        assert lost > 1
        said = f"failed  train {training.slug}: [/red] no file; {'looked here and there, ' * 4}looked … Get it.; {lost} stages "
        said += "that need it are left out"
        assert [line.rstrip() for line in lines] == [said]
        state.errors.clear()


def test_a_stop_says_what_it_waits_for_and_what_is_lost(planned: tuple[Plan, Store, State]) -> None:
    plan, _, state = planned
    one, two, *_ = (stage for stage in plan.stages if stage.kind == "train")
    predicting = next(stage for stage in plan.stages if stage.kind == "predict")
    for stage in (one, two, predicting):
        state.status[stage.key] = "running"
        state.live[stage.key] = {"started": time.monotonic()}
    state.live[one.key] |= {"step": 40, "steps": 100, "saved": 30}
    state.live[two.key] |= {"step": 7, "steps": 100, "saved": 6}
    state.live[predicting.key] |= {"step": 1, "steps": 100, "saved": 0, "unit": "examples"}
    assert describe_stopping(state) == (
        "stopping: waiting for 2 trainings to write their checkpoint and 1 other stage to end; press Ctrl-C again to stop at "
        "once (loses up to 11 steps and 1 example)"
    )
    state.status[two.key] = state.status[predicting.key] = "done"
    state.live[one.key]["saved"] = 40
    assert describe_stopping(state).endswith("checkpoint; press Ctrl-C again to stop at once (loses only what is unfinished)")


def test_the_status_names_what_failed_and_what_was_left(planned: tuple[Plan, Store, State]) -> None:
    plan, store, _ = planned
    fetches = [stage for stage in plan.stages if stage.kind == "fetch"]
    begin(store, fetches[0], outcome="failed", error="[/red] file.tsv:3: [bold]not UTF-8")
    begin(store, fetches[1], progress={"step": 30, "steps": 100})
    begin(store, fetches[2])
    text = printed(StatusReader(plan, store).read(), 60, terminal=False)  # where nothing folds or is cut
    assert f"tiny: {len(plan.stages)} stages: " in text
    assert "No run is active." in text
    assert f"failed  fetch {fetches[0].slug}: [/red] file.tsv:3: [bold]not UTF-8" in text
    assert f"stopped  fetch {fetches[1].slug}: unfinished at 30/100; the next run continues it" in text
    assert f"stopped  fetch {fetches[2].slug}: unfinished; the next run continues it" in text


def test_a_store_that_is_not_there_yet_is_said(planned: tuple[Plan, Store, State], tmp_path: Path) -> None:
    text = printed(StatusReader(planned[0], Store(tmp_path / "none")).read(), 300)
    assert f"The store {tmp_path / 'none'} does not exist yet." in text


def test_a_low_window_counts_what_it_has_no_room_for(planned: tuple[Plan, Store, State]) -> None:
    plan, store, _ = planned
    stages = [stage for stage in plan.stages if stage.kind in ("fetch", "score")]
    for stage in stages:
        begin(store, stage, outcome="failed", error="no " * 60)
    status = StatusReader(plan, store).read()
    failed = status.counts["failed"]
    assert failed > 4
    screen = console(80)
    screen.print(draw_status(status, height=24))
    lines = screen.export_text().splitlines()
    assert len(lines) <= 24
    assert any(line.startswith(f"  and {failed - 4} more") for line in lines)
    assert printed(status).count("failed  ") == failed


def test_what_waits_in_a_queue_is_counted_and_what_runs_is_shown_as_far_as_there_is_room() -> None:
    running = [RunningStage("train", f"stage-{i}", {"step": 1, "steps": 2}, 5.0) for i in range(9)]
    queued = [RunningStage("score", f"waits-{i}", {"queued": "Priority" if i else "Resources"}, 5.0) for i in range(40)]
    screen = console(80)
    screen.print(*draw_running([*running, *queued], 30), sep="\n")
    text = screen.export_text()
    assert text.count("stage-") == 5 and "and 4 more running" in text and "waits-" not in text
    assert "40 stages wait in the queue (Priority 39, Resources 1)" in text
    screen.print(*draw_running(running, None))
    assert screen.export_text().count("stage-") == 9


@pytest.mark.parametrize("terminal", [True, False])
def test_watching_ends_when_all_is_done(
    planned: tuple[Plan, Store, State], monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    plan, store, _ = planned
    *others, last = plan.stages
    for stage in others:
        finish(store, stage)
    folder = begin(store, last, progress={"step": 1, "steps": 3})
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            finish(store, last)

    monkeypatch.setattr(status_view.time, "sleep", wait)
    screen = console(120, terminal)
    with Lease(folder):
        follow_status(screen, StatusReader(plan, store))
    text = screen.export_text()
    assert len(waits) == 2
    assert "1 running" in text
    assert text.rstrip().endswith(f"{len(plan.stages)} stages: {len(plan.stages)} done. All stages are done.")


def test_ctrl_c_ends_watching_quietly(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "xstilts.cli", "status", "demo", "--store", str(tmp_path / "none"), "--watch"]
    watching = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=mind_ctrl_c)
    assert watching.stdout is not None
    assert "No run is active." in watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    said, complained = watching.communicate(timeout=60)
    assert (watching.returncode, complained) == (0, "")
    assert "No run" not in said


def test_in_a_notebook_a_line_is_written_over_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from xstilts.cli.views import progress

    monkeypatch.setattr(progress, "IN_PLACE_SECONDS", 0.0)
    plan = compile_study(tiny_study())
    state = inspect(plan, Store(tmp_path))
    file = io.StringIO()
    with LiveView(Console(file=file, force_terminal=True, no_color=True), in_place=True) as view:  # as a kernel calls itself
        view.show(state)
        state.status = Statuses((key, "done") for key in state.status)
        view.show(state)
        state.messages.append("damaged: a file")
        view.show(state)
    lines = file.getvalue().split("\n")
    assert lines[0].count("\r") == 2, "the second over the first"
    assert len(lines[0].split("\r")[2]) >= len(lines[0].split("\r")[1].rstrip())
    assert lines[1] == "damaged: a file"
    assert lines[2] == f"\rtiny: {len(plan.stages)}/{len(plan.stages)} stages, 0 from the store"
    assert lines[3:] == [""]


def test_ctrl_c_while_the_report_is_written_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the verb `run` writes it, after its stages."""
    from xstilts.report import write

    def press(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(write, "write_report", press)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(tiny_record()))
    done = CliRunner().invoke(app, ["report", "tiny.yaml"])
    assert done.exit_code == 130
    assert not done.stdout
    assert done.stderr == (
        "Interrupted while the report was written. No result is lost; reports/tiny is incomplete, or has files of an "
        "earlier report. `xstilts report` with the same study, --set, --store and -o writes it.\n"
    )
