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
from rich.console import Console
from tests.conftest import mind_ctrl_c, tiny_study
from tests.execution.fake_store import TICK, begin, finish

from xstilts.cli.views import status as status_view
from xstilts.cli.views.progress import LiveView, RunningStage, describe_progress, tabulate_running
from xstilts.cli.views.status import draw_status, follow_status, print_status
from xstilts.execution.execute import State, inspect
from xstilts.execution.status import StatusReader, StudyStatus
from xstilts.plan.compile import Plan, compile_study
from xstilts.stages import attempt
from xstilts.stages.job import Job
from xstilts.stages.stage import KINDS
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
        training.key: {"started": time.monotonic() - 60, "event": "progress", **TICK},
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
                RunningStage("predict", "b", {"language": "de", "step": 0, "steps": 2}, 4.0),
            ]
        )
    )
    text = screen.export_text()
    assert "of peak" not in text
    assert "%" not in text
    assert "12,346" in text
    assert "de 0/2" in text


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
    assert describe_progress({**TICK, "at": time.time() - 5}, 700.0) == ("1,400/2,000", "1.234", "12,346", "34.1 %", "1:35 left")
    assert describe_progress({**TICK, "at": time.time() - 500}, 700.0) == ("1,400/2,000", "1.234", "", "", "11:40")


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
    assert failed > 6
    screen = console(80)
    screen.print(draw_status(status, height=24))
    lines = screen.export_text().splitlines()
    assert len(lines) <= 24
    assert any(line.startswith(f"  and {failed - 6} more") for line in lines)
    assert printed(status).count("failed  ") == failed


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
