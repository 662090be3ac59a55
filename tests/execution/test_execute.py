"""Running, resuming and surviving. Real worker processes, killed for real."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
import yaml
from tests.conftest import mind_ctrl_c, tiny_record, tiny_study
from tests.forking import Fork
from typer.testing import CliRunner

from xstilts.cli.app import app
from xstilts.execution.execute import State, execute, inspect, reasons
from xstilts.execution.executors.local import LocalExecutor
from xstilts.plan.compile import Plan, compile_study
from xstilts.stages.stage import KINDS
from xstilts.store.store import Store, read_json, sha256_file
from xstilts.study import make_study
from xstilts.train import loop

pytestmark = [pytest.mark.tiny, pytest.mark.usefixtures("forked_workers")]


def outputs(plan: Plan, store: Store) -> dict[str, Any]:
    """Everything that the scores say, to the bit, by slug; and the sha256 of every trained weight."""
    found: dict[str, Any] = {}
    for stage in plan.stages:
        folder = store.folder(stage.kind, stage.slug, stage.key)
        if stage.kind == "score":
            with np.load(folder / "out" / "tallies.npz") as tallies:
                found[stage.slug] = (read_json(folder / "out" / "scores.json"), {n: tallies[n].tolist() for n in tallies.files})
        if stage.kind == "train":
            files = read_json(folder / "done.json")["files"]
            found[stage.slug] = {name: f["sha256"] for name, f in files.items() if name.endswith(".safetensors")}
    return found


@pytest.fixture(scope="module")
def undisturbed(forked_workers: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Store, State]:
    store = Store(tmp_path_factory.mktemp("undisturbed"))
    plan = compile_study(tiny_study())
    return plan, store, execute(plan, store, workers=1)


def test_a_study_runs_to_its_end_and_is_cached_after(undisturbed: tuple[Plan, Store, State]) -> None:
    plan, store, state = undisturbed
    assert not state.errors
    assert state.count("done") == len(plan.stages)
    (store.root / "train" / f".trash-{'0' * 32}").mkdir()
    again = execute(plan, store)
    assert again.cached == {s.key for s in plan.stages}
    assert not list(store.root.glob("*/.trash-*")), "what a run that ended has left is removed by the next"
    for stage in plan.stages:
        folder = store.folder(stage.kind, stage.slug, stage.key)
        assert len(store.runs(folder)) == 1
        assert not (folder / "checkpoint").exists()
        assert not list(folder.glob(".*"))


def golden(plan: Plan, store: Store) -> dict[str, Any]:
    """What each kind of stage computes, small enough to be written down: hashes of texts, losses, scores."""
    found: dict[str, Any] = {}
    for stage in plan.stages:
        out = store.folder(stage.kind, stage.slug, stage.key) / "out"
        name = f"{stage.kind} v{KINDS[stage.kind].version} {stage.slug}"
        match stage.kind:
            case "fetch":
                found[name] = sha256_file(out / "examples.jsonl")
            case "train":
                found[name] = [loss for _, loss in read_json(out / "train.json")["losses"]]
            case "score":
                found[name] = {x: s["headline"] for x, s in read_json(out / "scores.json")["languages"].items()}
    return found


def test_results_change_only_with_a_version(undisturbed: tuple[Plan, Store, State]) -> None:
    """If this fails and no result was meant to change, the change is a bug. If it was: bump the kind's version in
    stages/stage.py, then write the new values with XSTILTS_GOLDEN=write and say in the commit what changed.

    Bits are equal on one machine (the next test). Other processors and releases of torch round otherwise. Between AVX-512 and
    no vector instructions at all, first losses differ by 5e-8, later ones by 5e-7 and scores not at all; the bounds leave
    room for more, and for one of 16 test examples that is answered otherwise."""
    plan, store, _ = undisturbed
    path = Path(__file__).parents[1] / "golden" / "tiny.json"
    found = golden(plan, store)
    if os.environ.get("XSTILTS_GOLDEN") == "write":
        path.write_text(json.dumps(found, indent=1) + "\n")
    expected = json.loads(path.read_text())
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if name.startswith("fetch"):
            assert found[name] == value, name
        elif name.startswith("train"):
            assert found[name][0] == pytest.approx(value[0], rel=1e-5), name
            assert found[name] == pytest.approx(value, rel=1e-4), name
        else:
            assert found[name] == pytest.approx(value, abs=1 / 16 + 1e-6), name


def test_two_workers_give_the_bits_of_one(undisturbed: tuple[Plan, Store, State], tmp_path: Path) -> None:
    plan, store, _ = undisturbed
    other = Store(tmp_path)
    execute(plan, other, workers=2)
    assert outputs(plan, other) == outputs(plan, store)


def command(study: Path, store: Path) -> list[str]:
    program = [sys.executable, "-m", "xstilts.cli", "run"]
    return [*program, str(study), "--store", str(store), "--workers", "1", "-o", str(store / "report")]


class RandomKills(threading.Thread):
    """Ends workers by `kill -9`, each after at most a fifth of a second of processor time."""

    def __init__(self, kills: int):
        super().__init__(daemon=True)
        self.left, self.over = kills, threading.Event()

    def run(self) -> None:
        rng = random.Random(7)
        life: dict[int, float] = {}
        while self.left > 0 and not self.over.wait(0.005):
            for worker in list(Fork.alive):
                limit = life.setdefault(worker.pid, rng.uniform(0.02, 0.2))
                with contextlib.suppress(psutil.Error):
                    if sum(psutil.Process(worker.pid).cpu_times()[:2]) > limit:
                        worker.kill()
                        self.left -= 1
                        life[worker.pid] = float("inf")


def test_random_kills_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """12 `kill -9` of workers at random moments, in a study whose trainings checkpoint after every step; the final scores and
    weights are those of a run that nobody disturbed."""
    plan = compile_study(
        tiny_study(
            pretrain=[{"mix": ["world/text"], "recipe": {"steps": 60, "lr": 1e-3}}],
            recipes={"default": {**tiny_record()["recipes"]["default"], "steps": 40}},
            targets=["world/tydiqa", "world/retrieval"],
        )
    )
    calm, wild = Store(tmp_path / "calm"), Store(tmp_path / "wild")
    assert not execute(plan, calm, workers=2).errors
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr("xstilts.execution.execute.LOST_LIMIT", 100)
    kills = RandomKills(12)
    kills.start()
    state = execute(plan, wild, workers=2)
    kills.over.set()
    kills.join()
    assert not state.errors
    assert kills.left == 0
    assert outputs(plan, wild) == outputs(plan, calm)
    attempts = sum(len(wild.runs(wild.folder(s.kind, s.slug, s.key))) for s in plan.stages)
    assert attempts >= len(plan.stages) + 6, "the kills hit stages at work"


def test_a_run_that_is_killed_as_a_whole_goes_on_to_the_same_end(undisturbed: tuple[Plan, Store, State], tmp_path: Path) -> None:
    plan, calm, _ = undisturbed
    study, store = tmp_path / "study.yaml", Store(tmp_path / "store")
    study.write_text(yaml.safe_dump(tiny_record()))
    process = subprocess.Popen(
        command(study, store.root),
        env={**os.environ, "XSTILTS_CHECKPOINT_SECONDS": "0"},
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not list(store.root.glob("train/*/checkpoint/state.pt")):
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 0 < inspect(plan, store).count("pending") < len(plan.stages)
    assert not execute(plan, store, workers=1).errors
    assert outputs(plan, store) == outputs(plan, calm)


def test_two_runs_at_once_share_the_work(undisturbed: tuple[Plan, Store, State], tmp_path: Path) -> None:
    plan, store, _ = undisturbed
    shared = tmp_path / "store"
    study = tmp_path / "study.yaml"
    study.write_text(yaml.safe_dump(tiny_record()))
    with (tmp_path / "errors").open("wb") as errors:
        both = [
            Fork([*command(study, shared)[:-1], str(tmp_path / f"report{i}")], subprocess.PIPE, subprocess.PIPE, errors)
            for i in range(2)
        ]
        assert [process.wait() for process in both] == [0, 0], (tmp_path / "errors").read_text()
    other = Store(shared)
    assert outputs(plan, other) == outputs(plan, store)
    done = [sum(r["outcome"] == "done" for r in other.runs(other.folder(s.kind, s.slug, s.key))) for s in plan.stages]
    assert set(done) == {1}, "no stage was run twice"


def test_ctrl_c_keeps_what_is_done_and_exits_with_130(tmp_path: Path) -> None:
    record = tiny_record(pretrain=[{"mix": ["world/text"], "recipe": {"steps": 3000, "lr": 1e-3}}])
    study = tmp_path / "study.yaml"
    study.write_text(yaml.safe_dump(record))
    store = Store(tmp_path / "store")
    process = subprocess.Popen(
        command(study, store.root),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=mind_ctrl_c,
    )
    plan = compile_study(make_study(record))
    pretraining = next(s for s in plan.stages if s.slug == "tiny+text-s0")
    folder = store.folder("train", pretraining.slug, pretraining.key)
    deadline = time.monotonic() + 90
    while not (read_json(folder / "run-000.json") or {}).get("progress") and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    said = answer_to_ctrl_c(process)
    assert "waiting for 1 training to write its checkpoint; press Ctrl-C again to stop at once" in said
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Run the same command again" in errors
    assert b"Traceback" not in errors
    assert (folder / "checkpoint" / "state.pt").exists()
    (run,) = store.runs(folder)
    assert run["outcome"] == "interrupted"
    assert 0 < run["progress"]["step"] < 3000
    assert 1 < len(run["losses"]) <= 200
    resumed = torch.load(folder / "checkpoint" / "state.pt", weights_only=True)["state"]["step"]
    assert run["losses"][0][0] < 32, "the first point is the mean of so many steps"
    assert run["losses"][-1][0] <= resumed


def answer_to_ctrl_c(process: subprocess.Popen[bytes] | Fork) -> str:
    """The line that says so, which comes within a second (two on a busy machine)."""
    asked = time.monotonic()
    assert process.stdout is not None
    said = next(line for line in iter(process.stdout.readline, b"") if line.startswith(b"stopping: "))
    assert time.monotonic() - asked < 2.0
    return said.decode()


def test_a_second_ctrl_c_stops_at_once_and_loses_nothing_that_is_done(
    undisturbed: tuple[Plan, Store, State], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that does not answer any more (it is halted) would be waited for."""
    plan, calm, _ = undisturbed
    study, store = tmp_path / "study.yaml", Store(tmp_path / "store")
    study.write_text(yaml.safe_dump(tiny_record()))
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    with (tmp_path / "errors").open("wb") as errors:
        line = command(study, store.root)
        process = Fork(line, subprocess.PIPE, subprocess.PIPE, errors, start_new_session=True)
    while process.poll() is None and not list(store.root.glob("train/*/checkpoint/state.pt")):
        time.sleep(0.002)
    (worker,) = psutil.Process(process.pid).children()
    worker.suspend()
    os.killpg(process.pid, signal.SIGINT)
    answer_to_ctrl_c(process)
    assert process.poll() is None, "it waits"
    done = inspect(plan, store).cached
    asked = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait() == 130
    assert time.monotonic() - asked < 5.0
    assert "Traceback" not in (tmp_path / "errors").read_text()
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    assert 0 < len(done) < len(plan.stages)
    state = execute(plan, store, workers=1)
    assert done <= state.cached
    assert not state.errors
    assert outputs(plan, store) == outputs(plan, calm)


def test_a_killed_worker_loses_one_language(tmp_path: Path) -> None:
    world = {**tiny_record()["world"], "test": 400}
    plan = compile_study(
        tiny_study(chains={"none": []}, targets=["world/retrieval"], languages="all", world=world, random_init=False)
    )
    store = Store(tmp_path)
    execute(plan, store, workers=1)
    (stage,) = [s for s in plan.stages if s.kind == "embed"]
    folder = store.folder(stage.kind, stage.slug, stage.key)
    undisturbed = {p.name: p.read_bytes() for p in (folder / "out").iterdir()}
    store.undo(folder)
    with LocalExecutor(store.root, 1) as executor:
        executor.submit(stage.record())
        first = folder / "checkpoint" / "l1.text.ids.json"
        deadline = time.monotonic() + 60
        while not first.with_name("l1.text.part.json").exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        executor.workers[0].process.kill()
    assert not store.is_done(folder)
    assert not (folder / "checkpoint" / "l5.text.npy").exists()
    finished = first.stat().st_ino
    assert not execute(plan, store, workers=1).errors
    assert (folder / "out" / first.name).stat().st_ino == finished, "the finished language was not made again"
    assert {p.name: p.read_bytes() for p in (folder / "out").iterdir()} == undisturbed


def test_damage_is_made_again_and_said(undisturbed: tuple[Plan, Store, State], tmp_path: Path) -> None:
    plan, store, _ = undisturbed
    import shutil

    copy = Store(tmp_path / "copy")
    shutil.copytree(store.root, copy.root)
    victim = next(s for s in plan.stages if s.slug == "tiny+text+squad-s0")
    weights = copy.folder("train", victim.slug, victim.key) / "out" / "encoder" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    state = execute(plan, copy, workers=1)
    assert any("model.safetensors" in m and "made again" in m for m in state.messages)
    assert outputs(plan, copy) == outputs(plan, store)


def test_a_divergence_blocks_its_descendants_only(tmp_path: Path) -> None:
    chains = {"none": [], "bad": [{"mix": ["world/squad"], "recipe": {"lr": 1e30, "warmup": 0.0, "clip": 1e30}}]}
    plan = compile_study(tiny_study(chains=chains, targets=["world/tydiqa"]))
    state = execute(plan, Store(tmp_path), workers=1)
    (error,) = state.errors.values()
    assert "step" in error.error
    assert "loss became" in error.error
    statuses = {s.slug: state.status[s.key] for s in plan.stages}
    assert statuses["tiny+text+squad-s0"] == "failed"
    assert statuses["tiny+text+squad+tydiqa-s0"] == "blocked"
    assert statuses["tiny+text+tydiqa-s0@tydiqa"] == "done"


def test_the_plan_names_the_field_that_changed(undisturbed: tuple[Plan, Store, State]) -> None:
    _, store, _ = undisturbed
    changed = compile_study(tiny_study(recipes={"default": {**tiny_record()["recipes"]["default"], "lr": 2e-3}}))
    why = reasons(changed, inspect(changed, store))
    assert {cause for causes in why.values() for cause in causes} == {"recipe.lr 0.001 -> 0.002"}


def test_a_full_disk_stops_the_run_and_keeps_what_is_done(tmp_path: Path) -> None:
    """A limit on file sizes stands in for the disk: the error is of the same family and can be had without root."""
    study = tmp_path / "study.yaml"
    study.write_text(yaml.safe_dump(tiny_record()))
    size = 24 << 10
    with (tmp_path / "errors").open("wb") as errors:
        process = Fork(
            command(study, tmp_path / "store"),
            subprocess.PIPE,
            subprocess.PIPE,
            errors,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
        )
        assert process.wait() == 2
    said = (tmp_path / "errors").read_text()
    assert "then run again; finished stages are kept" in said
    assert "Traceback" not in said
    assert not execute(compile_study(tiny_study()), Store(tmp_path / "store"), workers=1).errors


def test_json_of_plan_and_status(undisturbed: tuple[Plan, Store, State], tmp_path: Path) -> None:
    _, store, _ = undisturbed
    study = tmp_path / "study.yaml"
    study.write_text(yaml.safe_dump(tiny_record()))
    for verb in ("plan", "status", "report"):
        done = CliRunner().invoke(app, [verb, str(study), "--store", str(store.root), "--json"], catch_exceptions=False)
        record = json.loads(done.stdout)
        assert record["study"] == "tiny"
        if verb == "plan":
            assert {s["state"] for s in record["stages"]} == {"done"}
        if verb == "status":
            assert {s["state"] for s in record["stages"]} == {"done"}
        if verb == "report":
            assert len(record["scores"]) > 10


def test_a_stage_that_another_process_holds_is_waited_for(undisturbed: tuple[Plan, Store, State], tmp_path: Path) -> None:
    from xstilts.store.lease import Lease

    plan, _, _ = undisturbed
    store = Store(tmp_path)
    store.prepare()
    text = next(s for s in plan.stages if s.slug == "world.text-train-en")
    folder = store.folder("fetch", text.slug, text.key)
    folder.mkdir(parents=True)
    lease = Lease(folder).__enter__()
    timer = threading.Timer(12.0, lambda: lease.__exit__(None, None, None))
    timer.start()
    state = execute(plan, store, workers=1)
    assert state.count("done") == len(plan.stages)
    assert not state.errors
