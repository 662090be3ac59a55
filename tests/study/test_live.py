"""What a person sees of running trainings, live and by `xstilts status`."""

from __future__ import annotations

import io
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.conftest import tiny_study

from xstilts.stages import job
from xstilts.stages.stage import KINDS, Kind
from xstilts.store.lease import Lease
from xstilts.store.store import Store, read_json, write_json
from xstilts.study.compile import Plan, compile_study
from xstilts.study.execute import State, inspect
from xstilts.study.live import LiveView, print_status, running_table, stage_states

TICK = {"step": 1400, "steps": 2000, "loss": 1.2345, "tokens_per_second": 12345.6, "utilisation": 0.341, "seconds_left": 95.0}


def console(width: int = 80) -> Console:
    return Console(width=width, record=True, file=io.StringIO(), force_terminal=True)


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
        running_table(
            [("train", "a", {**TICK, "utilisation": None}, 3.0), ("predict", "b", {"language": "de", "step": 0, "steps": 2}, 4.0)]
        )
    )
    text = screen.export_text()
    assert "of peak" not in text
    assert "%" not in text
    assert "12,346" in text
    assert "de 0/2" in text


def body(step: job.Job) -> None:
    """Reports 30 of 100 steps, and stops there as a worker does that is killed."""
    for number in (10, 20, 30):
        time.sleep(0.02)
        step.progress({"step": number, "steps": 100, "loss": 2.0})
    raise SystemExit


def test_status_reads_what_a_training_last_reported(planned: tuple[Plan, Store, State], monkeypatch: pytest.MonkeyPatch) -> None:
    plan, store, _ = planned
    stage = next(stage for stage in plan.stages if stage.kind == "fetch")
    monkeypatch.setitem(KINDS, "fetch", Kind(KINDS["fetch"].version, f"{__name__}:body"))
    monkeypatch.setattr(job, "RECORD_SECONDS", 0.0)
    said: list[dict[str, Any]] = []
    with pytest.raises(SystemExit):
        job.attempt(store, stage.record(), said.append, threading.Event())
    assert "seconds_left" not in said[0]
    assert 70 * 0.002 <= said[2]["seconds_left"] < 5
    folder = store.folder(stage.kind, stage.slug, stage.key)
    with Lease(folder):
        run = store.runs(folder)[-1]
        write_json(folder / "run-000.json", {**run, "outcome": "running", "progress": {**said[2]}})
        records = stage_states(plan, store)
        screen = console(100)
        print_status(screen, plan, records)
    assert next(r for r in records if r["key"] == stage.key)["progress"]["step"] == 30
    assert "30/100" in screen.export_text()
    assert read_json(folder / "run-000.json")["progress"]["loss"] == 2.0
