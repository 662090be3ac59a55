"""`xstilts stage`: one stage in a process of its own, killed and resumed; and executors other than the local one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pytest
import torch
from tests.conftest import tiny_study
from tests.forking import Fork
from typer.testing import CliRunner

from xstilts.cli import app
from xstilts.errors import InputError
from xstilts.execution import one_stage
from xstilts.execution.code_identity import check_code, read_code_identity
from xstilts.execution.execute import execute
from xstilts.execution.executors.base import Demand, Event
from xstilts.execution.one_stage import find_record, run_stages, write_outcome
from xstilts.plan.compile import Plan, compile_study
from xstilts.stages.job import Outcome
from xstilts.stages.stage import Stage
from xstilts.store.store import Store, read_json, write_json
from xstilts.train import loop

pytestmark = [pytest.mark.tiny, pytest.mark.usefixtures("forked_workers")]


def command(store: Store, *keys: str) -> list[str]:
    return [sys.executable, "-m", "xstilts.cli", "stage", *keys, "--store", str(store.root)]


def start(store: Store, *keys: str) -> Fork:
    return Fork(command(store, *keys), subprocess.PIPE, subprocess.PIPE)


def run(store: Store, *keys: str) -> tuple[int, str]:
    """The exit code and what is said, of a real process."""
    done = subprocess.run(command(store, *keys), text=True, capture_output=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


class Processes:
    """An executor that starts `xstilts stage` for each stage, as one for a cluster's queue would."""

    size = 2

    def __init__(self, demand: Demand):
        self.store, self.running = Store(demand.store), dict[str, tuple[Mapping[str, Any], Fork]]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert not self.running

    def idle(self) -> int:
        return self.size - len(self.running)

    def submit(self, record: Mapping[str, Any]) -> None:
        assert find_record(self.store, record["key"]) == record, "written before it is handed out"
        self.running[record["key"]] = record, start(self.store, record["key"])

    def poll(self, seconds: float) -> list[tuple[str, Event]]:
        time.sleep(0.05)
        ended = [key for key, (_, process) in self.running.items() if process.poll() is not None]
        found: list[tuple[str, Event]] = []
        for key in ended:
            record, process = self.running.pop(key)
            folder = self.store.folder(record["kind"], record["slug"], key)
            done = process.wait() == 0 and self.store.is_done(folder)
            found.append((key, Outcome("done") if done else Outcome("failed", process.stdout.read().decode())))
        return found

    def stop(self) -> None:
        for _, process in self.running.values():
            process.kill()


@pytest.fixture(scope="module")
def ran(forked_workers: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Store]:
    """A study whose every stage was run by `xstilts stage`, with a training long enough to be met at work."""
    text = [{"mix": ["world/text"], "recipe": {"steps": 200, "lr": 1e-3}}]
    fields = {"targets": ["world/retrieval"], "chains": {"none": []}, "languages": ["l1"], "random_init": False}
    plan = compile_study(tiny_study(**fields, pretrain=text))
    store = Store(tmp_path_factory.mktemp("ran"))
    state = execute(plan, store, start=Processes)
    assert not state.errors, state.errors
    return plan, store


def training(plan: Plan) -> Stage:
    return next(stage for stage in plan.stages if stage.kind == "train")


def test_another_executor_gives_the_same_bits(ran: tuple[Plan, Store], tmp_path: Path) -> None:
    plan, store = ran
    execute(plan, Store(tmp_path), workers=1)
    for stage in plan.stages:
        one, other = (read_json(s.folder(stage.kind, stage.slug, stage.key) / "done.json") for s in (store, Store(tmp_path)))
        if stage.kind != "train":  # whose record has seconds in it
            assert one["files"] == other["files"], stage.slug
        else:
            assert one["files"]["encoder/model.safetensors"] == other["files"]["encoder/model.safetensors"]


def test_what_is_done_is_not_done_again_and_what_is_unknown_is_named(ran: tuple[Plan, Store], tmp_path: Path) -> None:
    plan, store = ran
    stage = training(plan)
    assert run(store, stage.key) == (0, "done\n")
    assert len(store.runs(store.folder(stage.kind, stage.slug, stage.key))) == 1
    code, said = run(store, "ffff" * 16, stage.key[:12])
    assert code == 2 and "ffffffffffff: stage ffff" in said and "no such key" in said and "Traceback" not in said
    assert f"{stage.key[:12]}: done\n" in said, "the next one is run all the same"
    with pytest.raises(InputError, match="no such key"):
        find_record(store, "")
    for key in ("ab" * 32, "ac" * 32):
        (tmp_path / "train" / f"x-{key[:12]}").mkdir(parents=True)
        write_json(tmp_path / "train" / f"x-{key[:12]}" / "stage.json", stage.record() | {"key": key})
    with pytest.raises(InputError, match=r"stage a: 2 stages of store .* begin so: .* give more of the key"):
        find_record(Store(tmp_path), "a")
    assert find_record(Store(tmp_path), "ac")["key"] == "ac" * 32


def test_inputs_that_are_missing_and_another_version_are_named(ran: tuple[Plan, Store], tmp_path: Path) -> None:
    stage, store = training(ran[0]), Store(tmp_path)
    folder = store.folder(stage.kind, stage.slug, stage.key)
    folder.mkdir(parents=True)
    write_json(folder / "stage.json", stage.record())
    code, said = run(store, stage.key[:12])
    assert code == 2 and "inputs that are not done: init (encoder " in said and "run these stages first" in said
    write_json(folder / "stage.json", stage.record() | {"version": 1})
    code, said = run(store, stage.key[:12])
    assert code == 2 and "planned by another version of xstilts" in said


def test_several_stages_side_by_side_and_their_words(tmp_path: Path) -> None:
    plan, store, stop = compile_study(tiny_study()), Store(tmp_path), threading.Event()
    fetches = [stage for stage in plan.stages if stage.kind == "fetch"][:3]
    for stage in fetches:
        folder = store.folder(stage.kind, stage.slug, stage.key)
        folder.mkdir(parents=True)
        write_json(folder / "stage.json", stage.record())
    keys = [stage.key for stage in fetches]
    found = dict(run_stages(store, [*keys, "ffff"], stop, at_once=2))
    assert [found[key].outcome for key in keys] == ["done"] * 3 and "no such key" in found["ffff"].error
    for key, outcome in found.items():
        write_outcome(tmp_path, key, outcome)
        assert Outcome(**read_json(tmp_path / f"{key}.json")) == outcome
    stop.set()
    for at_once in (1, 2):
        assert [one.outcome for _, one in run_stages(store, keys[:2], stop, at_once)] == ["interrupted"] * 2


def test_what_a_shared_disk_does_not_show_yet_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, store = compile_study(tiny_study()), Store(tmp_path)
    stage = next(stage for stage in plan.stages if stage.kind == "fetch")
    folder = store.folder(stage.kind, stage.slug, stage.key)
    folder.mkdir(parents=True)
    monkeypatch.setattr(one_stage, "LOOK_SECONDS", 0.05)
    timer = threading.Timer(0.3, lambda: write_json(folder / "stage.json", stage.record()))
    timer.start()
    ((_, outcome),) = run_stages(store, [stage.key], threading.Event(), patience=30.0)
    assert outcome.outcome == "done"
    ((_, outcome),) = run_stages(store, ["ffff"], threading.Event(), patience=0.2)
    assert outcome.input_error and "no such key" in outcome.error


def test_other_code_is_refused(tmp_path: Path) -> None:
    own = read_code_identity()
    check_code(own)
    assert re.fullmatch(r"[\w.]+\+[0-9a-f]{12}", own)
    with pytest.raises(InputError, match=rf"this machine has xstilts {re.escape(own)}, the run .* has 0\.0; install the same"):
        check_code("0.0")
    found = CliRunner().invoke(app, ["stage", "ab", "cd", "--store", str(tmp_path), "--outcomes", str(tmp_path), "--code", "0.0"])
    assert found.exit_code == 2
    for key in ("ab", "cd"):
        assert "the run that submitted the stage has 0.0" in Outcome(**read_json(tmp_path / f"{key}.json")).error


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_stage_that_is_stopped_or_killed_goes_on(
    number: int, ran: tuple[Plan, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, calm = ran
    stage, wild = training(plan), Store(tmp_path / "wild")
    wild.root.mkdir()
    for source in (*stage.parents, stage):
        folder = calm.folder(source.kind, source.slug, source.key)
        (wild.root / source.kind).mkdir(exist_ok=True)
        (wild.root / source.kind / folder.name).symlink_to(folder) if source is not stage else None
    folder = wild.folder(stage.kind, stage.slug, stage.key)
    folder.mkdir(parents=True)
    write_json(folder / "stage.json", stage.record())
    with monkeypatch.context() as patch:
        patch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
        process = start(wild, stage.key)
    deadline = time.monotonic() + 90
    while not (folder / "checkpoint" / "state.pt").is_file() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, number)
    assert process.wait() == (130 if number == signal.SIGINT else -signal.SIGKILL)
    assert (folder / "checkpoint" / "state.pt").is_file() and not wild.is_done(folder)
    step = torch.load(folder / "checkpoint" / "state.pt", weights_only=True)["state"]["step"]
    assert 0 < step < 200, "it was met at work"
    process = start(wild, stage.key)
    assert process.wait() == 0 and process.stdout.read().startswith(b"done in ")
    weights = [s.folder(stage.kind, stage.slug, stage.key) / "out" / "encoder" / "model.safetensors" for s in (calm, wild)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
