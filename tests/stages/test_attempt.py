"""What an attempt at a stage leaves in its run's record: where it was, its losses, and where it failed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import tiny_study

from xstilts.plan.compile import compile_study
from xstilts.stages import attempt as attempts
from xstilts.stages.job import ExampleCounter, Interrupted, Job
from xstilts.stages.stage import KINDS
from xstilts.store.store import Store


def test_a_curve_of_any_length_has_few_points_and_keeps_its_mean() -> None:
    curve = attempts.LossCurve()
    for step in range(1, 1601):
        for _ in range(2):  # a report from inside the next step repeats the loss
            curve.add(step, float(step))
        assert len(curve.points) < attempts.MOST_POINTS
    steps, losses = zip(*curve.points, strict=True)
    assert (steps[0], steps[-1]) == (16, 1600)
    assert losses[0] == 8.5, "the mean of steps 1 to 16"
    assert sum(losses) / len(losses) == 800.5


def test_a_bug_names_the_record_that_has_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, stage = Store(tmp_path), compile_study(tiny_study()).stages[0]
    monkeypatch.setitem(KINDS, stage.kind, replace(KINDS[stage.kind], body=f"{__name__}:stumble"))
    found = attempts.attempt(store, stage.record(), lambda _: None, threading.Event())
    (record,) = store.folder(stage.kind, stage.slug, stage.key).glob("run-*.json")
    assert found.error == f"ZeroDivisionError: division by zero; where it happened is in {record}, under traceback"
    run = json.loads(record.read_text())
    assert "stumble" in run["traceback"]
    assert run["progress"]["step"] == 3, "where it was"
    assert run["losses"] == [[3, 2.0]]


def stumble(job: Any) -> None:
    job.progress({"step": 3, "steps": 10, "loss": 2.0})
    1 / 0  # noqa: B018


def test_parts_are_counted_in_examples_and_finished_ones_are_kept(tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []
    job: Job[Any, Any] = Job(None, None, tmp_path, tmp_path, progress=told.append)
    counter = ExampleCounter(job, {"en": 100, "de": 50})
    counter.begin("en")
    counter.tell(60)
    counter.begin("de")
    counter.tell(20)
    assert [(report["step"], report["saved"], report["doing"]) for report in told] == [
        (0, 0, "en (1 of 2)"),
        (60, 0, "en (1 of 2)"),
        (100, 100, "de (2 of 2)"),
        (120, 100, "de (2 of 2)"),
    ]
    assert {(report["steps"], report["unit"]) for report in told} == {(150, "examples")}
    job.stop.set()
    with pytest.raises(Interrupted):
        counter.tell(21)


def test_what_a_body_prints_is_kept_beside_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By Python, by native code, by a process that it starts, and up to a kill."""
    store, stage = Store(tmp_path), compile_study(tiny_study()).stages[0]
    monkeypatch.setitem(KINDS, stage.kind, replace(KINDS[stage.kind], body=f"{__name__}:chatter"))
    before = [os.fstat(number).st_ino for number in (1, 2)]
    attempts.attempt(store, stage.record(), lambda _: None, threading.Event())
    assert [os.fstat(number).st_ino for number in (1, 2)] == before
    folder = store.folder(stage.kind, stage.slug, stage.key)
    assert (folder / "run-000.log").read_text() == "out\nerr\nchild\n"
    pid = os.fork()
    if pid == 0:
        monkeypatch.setitem(KINDS, stage.kind, replace(KINDS[stage.kind], body=f"{__name__}:chatter_and_die"))
        attempts.attempt(store, stage.record(), lambda _: None, threading.Event())
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    assert (folder / "run-001.log").read_text() == "last words\n"


def test_who_prints_nothing_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, stage = Store(tmp_path), compile_study(tiny_study()).stages[0]
    monkeypatch.setitem(KINDS, stage.kind, replace(KINDS[stage.kind], body=f"{__name__}:stumble"))
    attempts.attempt(store, stage.record(), lambda _: None, threading.Event())
    assert not list(tmp_path.rglob("*.log"))


def chatter(job: Any) -> None:
    os.write(1, b"out\n")
    os.write(2, b"err\n")
    subprocess.run([sys.executable, "-c", "print('child')"], check=True)
    stumble(job)


def chatter_and_die(job: Any) -> None:
    os.write(2, b"last words\n")
    os.kill(os.getpid(), signal.SIGKILL)
