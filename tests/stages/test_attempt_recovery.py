"""What becomes of a stage whose attempt was killed at any moment, suspended, or met records that are none."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import tiny_study

from xstilts.plan.compile import compile_study
from xstilts.stages.attempt import attempt
from xstilts.stages.job import Job, Outcome
from xstilts.stages.stage import KINDS, Stage
from xstilts.store import lease as leases
from xstilts.store.lease import find_holder
from xstilts.store.parts import keep_part, take_part
from xstilts.store.store import Store, read_stage

STAGE = next(stage for stage in compile_study(tiny_study()).stages if stage.kind == "fetch")


def body(job: Job[Any, Any]) -> None:
    """Two parts, one in a folder of its own."""
    for part in ("en", "de"):
        if take_part(job.checkpoint, part, job.out, 1) is None:
            (job.out / part).write_text(part)
            keep_part(job.checkpoint, part, [job.out / part], 1)
    (job.scratch / "x").write_text("x")
    (job.out / "deep").mkdir()
    (job.out / "deep" / "y").write_bytes(b"y" * 5000)
    job.check_stop()


def slow_body(job: Job[Any, Any]) -> None:
    """It is at work in its own folders, whatever becomes of the lease."""
    for number in range(1000):
        (job.out / f"{number}").write_text("x")
        (job.scratch / "x").write_text("x")
        time.sleep(0.01)
        if not (job.checkpoint / "working").exists():
            (job.checkpoint / "working").touch()
        job.check_stop()


@pytest.fixture(autouse=True)
def bodies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "fetch", replace(KINDS["fetch"], body=f"{__name__}:body"))


def run(store: Store, stage: Stage = STAGE) -> Outcome:
    return attempt(store, stage.record(), lambda _: None, threading.Event())


def folder_of(store: Store) -> Path:
    return store.folder(STAGE.kind, STAGE.slug, STAGE.key)


def in_a_fork(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return pid


def assert_whole(store: Store) -> None:
    folder = folder_of(store)
    assert set(store.verify(folder)["files"]) == {"en", "de", "deep/y"}
    assert read_stage(folder) == STAGE.record()
    assert find_holder(folder) is None
    assert [path.name for path in folder.glob(".attempt-*")] == []
    assert {path.name for path in folder.iterdir() if not path.name.startswith((".", "run-"))} == {
        "stage.json",
        "done.json",
        "published",
        "out",
    }


def kill_at(number: int, store: Store) -> Callable[[], None]:
    """An attempt that ends by `kill -9` at the so-manieth operation on files of its store."""

    def work() -> None:
        left = [number]

        def count(event: str, words: tuple[Any, ...]) -> None:
            if event in EVENTS and str(store.root) in str(words[0]):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        run(store)

    return work


EVENTS = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.utime", "os.listdir", "os.scandir"}


def test_a_kill_at_any_operation_loses_nothing(tmp_path: Path) -> None:
    number, killed = 1, True
    while killed:
        store = Store(tmp_path / str(number))
        store.prepare()
        _, status = os.waitpid(in_a_fork(kill_at(number, store)), 0)
        killed = os.WIFSIGNALED(status)
        if store.is_done(folder_of(store)):  # what is left now is for `xstilts store gc`
            store.verify(folder_of(store))
        else:
            assert run(store).outcome == "done", number
            assert_whole(store)
        number += 3
    assert number > 60, "there are that many operations"


def test_a_suspended_holder_that_comes_back_has_lost_and_spoils_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.05)
    store = Store(tmp_path / "store")
    store.prepare()
    folder, said = folder_of(store), tmp_path / "said.json"

    def work() -> None:
        KINDS["fetch"] = replace(KINDS["fetch"], body=f"{__name__}:slow_body")
        said.write_text(json.dumps(run(store).record()))

    pid = in_a_fork(work)
    while not (folder / "checkpoint" / "working").exists():
        time.sleep(0.005)
    os.kill(pid, signal.SIGSTOP)
    (own,) = folder.glob(".attempt-*")
    long_ago = time.time() - leases.STALE_SECONDS - 1
    os.utime(folder / "lease", (long_ago, long_ago))
    assert run(store).outcome == "done"
    assert own.is_dir(), "who may still be at work keeps its folder"
    os.kill(pid, signal.SIGCONT)
    os.waitpid(pid, 0)
    lost = Outcome(**json.loads(said.read_text()))
    assert (lost.outcome, lost.taken) == ("lost", True), lost
    assert_whole(store)
    assert [record["outcome"] for record in store.runs(folder)] == ["lost", "done"]
    assert "taken over: the last sign of" in store.runs(folder)[1]["said"][0]


RECORDS = (
    "[]",
    "{}",
    "",
    "null",
    "5",
    '"x"',
    "[" * 100_000,
    "9" * 5000,
    '{"key":',
    '{"files": {"a": 1}}',
    '{"files": {"a": {}}}',
)


@pytest.mark.parametrize("content", RECORDS)
def test_records_that_are_none_are_set_aside_and_made_again(tmp_path: Path, content: str) -> None:
    store = Store(tmp_path)
    folder = folder_of(store)
    folder.mkdir(parents=True)
    for name in ("stage.json", "done.json", "run-000.json", "lease"):
        (folder / name).write_text(content)
    assert run(store).outcome == "done"
    assert_whole(store)
    said = store.runs(folder)[-1]["said"]
    assert any("done.json was not what it should be; it is set aside as .malformed-done.json-" in line for line in said)


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop"])
def test_what_is_no_file_is_set_aside_too(tmp_path: Path, kind: str) -> None:
    store = Store(tmp_path)
    folder = folder_of(store)
    folder.mkdir(parents=True)
    for name in ("stage.json", "done.json", "lease"):
        path = folder / name
        {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "loop": lambda: path.symlink_to(name)}[kind]()  # noqa: B023
    (folder / "out").write_text("a file")
    (folder / "checkpoint").symlink_to("checkpoint")
    assert run(store).outcome == "done"
    assert_whole(store)


def test_outputs_are_on_the_disk_before_the_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    fsync = os.fsync

    def note(number: int) -> None:
        order.append(os.path.relpath(os.readlink(f"/proc/self/fd/{number}"), folder_of(store)))
        fsync(number)

    store = Store(tmp_path)
    monkeypatch.setattr(os, "fsync", note)
    assert run(store).outcome == "done"
    mark = next(place for place, name in enumerate(order) if "done.json" in name)
    before = {name.partition("/")[2] for name in order[:mark] if name.startswith(".attempt-")}
    assert {"out", "out/en", "out/de", "out/deep", "out/deep/y"} <= before
    assert order[mark - 1] == ".", "the new name of the outputs"
    assert order[mark + 1] == ".", "the name of the mark"
