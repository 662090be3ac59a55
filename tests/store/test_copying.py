"""Copies between stores: whole or not there, whoever is killed, works there too, or sends what is damaged."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from xstilts.errors import InputError
from xstilts.store import copying
from xstilts.store.copying import Transfer, compare, copy, copy_designs
from xstilts.store.fingerprint import compute_key
from xstilts.store.lease import Lease, find_holder
from xstilts.store.store import Store, read_done, write_json


def make(store: Store, slug: str, *parents: SimpleNamespace, **files: str) -> SimpleNamespace:
    """A finished stage with two attempts, of which the second made it."""
    print_ = {"kind": "train", "version": 1, "config": {"slug": slug}, "inputs": {one.slug: one.key for one in parents}}
    stage = SimpleNamespace(kind="train", slug=slug, key=compute_key(print_))
    stage.folder = store.folder("train", slug, stage.key)
    (stage.folder / "made" / "deep").mkdir(parents=True)
    record = {**print_, "key": stage.key, "slug": slug, "input_kinds": {one.slug: "train" for one in parents}, "context": {}}
    write_json(stage.folder / "stage.json", record)
    for name, text in (files or {"weights": slug * 1000}).items():
        (stage.folder / "made" / "deep" / name).write_text(text)
    for outcome in ("failed", "done"):
        write_json(store.new_run(stage.folder), {"outcome": outcome, "seconds": 1.5, "host": slug})
    done = {"key": stage.key, "run": "run-001.json", "facts": {"steps": 3}}
    store.publish(stage.folder, stage.folder / "made", done)
    return stage


@pytest.fixture
def stores(tmp_path: Path) -> tuple[Store, Store]:
    for name in ("a", "b"):
        Store(tmp_path / name).prepare()
    return Store(tmp_path / "a"), Store(tmp_path / "b")


def move(source: Store, target: Store, *stages: SimpleNamespace) -> Transfer:
    transfer = compare(source, target, stages)
    copy(transfer, target, lambda *_: None)
    return transfer


def in_target(target: Store, stage: SimpleNamespace) -> Path:
    return target.folder(stage.kind, stage.slug, stage.key)


def test_what_arrives_is_what_was_sent_parents_first(stores: tuple[Store, Store]) -> None:
    source, target = stores
    parent = make(source, "z-parent")
    child = make(source, "a-child", parent)
    told: list[tuple[str, int]] = []
    transfer = compare(source, target, [child, parent])
    assert [stage.slug for stage in transfer.waiting] == ["z-parent", "a-child"]
    size = sum(stage.size for stage in transfer.waiting)
    copy(transfer, target, lambda stage, count: told.append((stage.slug, count)))
    assert (transfer.copied, transfer.bytes, transfer.there, transfer.undone) == (2, size, 0, 0)
    assert sum(count for _, count in told) == size
    for stage in (parent, child):
        folder = in_target(target, stage)
        assert target.verify(folder) == read_done(stage.folder)
        assert (folder / "stage.json").read_bytes() == (stage.folder / "stage.json").read_bytes()
        assert target.runs(folder) == source.runs(stage.folder)
        assert {path.name for path in folder.iterdir()} == {
            "stage.json",
            "run-000.json",
            "run-001.json",
            "out",
            "done.json",
            "published",
        }


def test_what_is_there_is_not_read(stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = stores
    stage = make(source, "x")
    move(source, target, stage)
    monkeypatch.setattr(copying.Store, "publish", None)
    monkeypatch.setattr("xstilts.store.store.sha256_file", None)
    again = move(source, target, stage)
    assert (again.copied, again.there) == (0, 1)


def test_what_is_not_done_is_counted_and_stays(stores: tuple[Store, Store]) -> None:
    source, target = stores
    stage, absent = make(source, "x"), SimpleNamespace(kind="train", slug="never", key="0" * 64)
    Store.undo(stage.folder)
    transfer = move(source, target, stage, absent)
    assert (transfer.copied, transfer.undone) == (0, 2)
    assert not any(target.root.iterdir())


def test_attempts_of_both_stores_are_kept_once(stores: tuple[Store, Store]) -> None:
    """The other store has an attempt of its own, and one that an earlier copy had brought before it was killed."""
    source, target = stores
    stage = make(source, "x")
    folder = in_target(target, stage)
    folder.mkdir(parents=True)
    write_json(folder / "run-000.json", {"outcome": "failed", "host": "there"})
    write_json(folder / "run-001.json", source.runs(stage.folder)[0])
    move(source, target, stage)
    assert [run["host"] for run in target.runs(folder)] == ["there", "x", "x"]
    assert target.verify(folder)["run"] == "run-002.json"


@pytest.mark.parametrize("harm", ["bytes", "size", "missing", "unreadable", "done", "stage", "key"])
def test_what_is_damaged_is_named_and_not_copied(stores: tuple[Store, Store], harm: str) -> None:
    source, target = stores
    stage, other = make(source, "x"), make(source, "y")
    victim = stage.folder / "out" / "deep" / "weights"
    was = victim.stat()
    match harm:
        case "bytes":
            victim.write_text("X" * was.st_size)
            os.utime(victim, ns=(was.st_atime_ns, was.st_mtime_ns))
        case "size":
            victim.write_text("more")
        case "missing":
            victim.unlink()
        case "unreadable":
            victim.unlink()
            victim.mkdir()
        case "done":
            (stage.folder / "done.json").write_text("{")
        case "stage":
            (stage.folder / "stage.json").write_text("{")
        case "key":
            record = json.loads((stage.folder / "stage.json").read_text())
            write_json(stage.folder / "stage.json", {**record, "config": {"slug": "changed"}})
    transfer = move(source, target, stage, other)
    assert transfer.copied == 1, "the rest is"
    assert not target.is_done(in_target(target, stage))
    assert list(transfer.damaged) == [stage.folder]
    assert transfer.damaged[stage.folder].endswith(f"; delete the folder {stage.folder} and run its study again")
    assert find_holder(in_target(target, stage)) is None


def test_what_is_damaged_there_is_replaced(stores: tuple[Store, Store]) -> None:
    source, target = stores
    stage = make(source, "x")
    move(source, target, stage)
    (in_target(target, stage) / "out" / "deep" / "weights").write_text("cut")
    assert move(source, target, stage).copied == 1
    target.verify(in_target(target, stage))


def test_a_disk_that_changes_what_is_written_is_no_fault_of_the_source(
    stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = stores
    stage = make(source, "x")
    copied = copying._copy_file

    def spoil(path: Path, to: Path, tell: Any) -> None:
        copied(path, to, tell)
        to.write_text("spoiled")

    monkeypatch.setattr(copying, "_copy_file", spoil)
    with pytest.raises(InputError, match=rf"store {target.root}: .* though it is whole in .*; check that disk"):
        move(source, target, stage)
    assert not target.is_done(in_target(target, stage))


def test_a_stage_that_a_run_holds_there_is_left_to_it(stores: tuple[Store, Store]) -> None:
    source, target = stores
    stage = make(source, "x")
    folder = in_target(target, stage)
    folder.mkdir(parents=True)
    (folder / "checkpoint").mkdir()
    with Lease(folder):
        transfer = move(source, target, stage)
        assert transfer.left == {"train x": transfer.left["train x"]} and "works on it" in transfer.left["train x"]
        assert transfer.copied == 0 and (folder / "checkpoint").is_dir() and not (folder / "out").exists()
    assert move(source, target, stage).copied == 1


def test_who_takes_the_stage_meanwhile_keeps_it(stores: tuple[Store, Store]) -> None:
    source, target = stores
    stage = make(source, "x")
    transfer = compare(source, target, [stage])

    def steal(*_: object) -> None:
        (in_target(target, stage) / "lease").write_text(json.dumps({"owner": "o", "host": "elsewhere", "pid": 1}))

    copy(transfer, target, steal)
    assert "taken over by elsewhere" in transfer.left["train x"]
    assert not target.is_done(in_target(target, stage))


def test_two_names_of_one_folder_are_refused(stores: tuple[Store, Store]) -> None:
    source, _ = stores
    (source.root.parent / "link").symlink_to(source.root)
    for other in (source.root, source.root / "below", source.root.parent, source.root.parent / "link"):
        with pytest.raises(InputError, match="name two folders"):
            compare(source, Store(other), [])


EVENTS = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.utime", "os.listdir", "os.scandir"}


def test_a_kill_at_any_operation_leaves_nothing_torn(stores: tuple[Store, Store], tmp_path: Path) -> None:
    source = stores[0]
    parent = make(source, "parent", one="1" * 50, two="2")
    stages = (parent, make(source, "child", parent))
    number, killed = 1, True
    while killed:
        target = Store(tmp_path / "targets" / str(number))
        target.prepare()
        pid = os.fork()
        if pid == 0:
            left = [number]

            def count(event: str, words: tuple[Any, ...]) -> None:
                if event in EVENTS and str(target.root) in str(words[0]):  # noqa: B023
                    left[0] -= 1  # noqa: B023
                    if left[0] == 0:  # noqa: B023
                        os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(count)
            try:
                move(source, target, *stages)
            finally:
                os._exit(0)
        killed = os.WIFSIGNALED(os.waitpid(pid, 0)[1])
        done = [stage for stage in stages if target.is_done(in_target(target, stage))]
        for stage in done:
            target.verify(in_target(target, stage))
        assert done in ([], [parent], list(stages)), "parents first"
        again = move(source, target, *stages)
        assert (again.there, again.copied) == (len(done), 2 - len(done)), number
        for stage in stages:
            folder = in_target(target, stage)
            assert target.verify(folder)["files"] == read_done(stage.folder)["files"]  # type: ignore[index]
            assert [run for run in target.runs(folder) if run] == source.runs(stage.folder)
            assert find_holder(folder) is None
        shutil.rmtree(target.root)
        number += 3
    assert number > 60, "there are that many operations"


def freeze(store: Store, study: str, at: str = "2026-01-01") -> Path:
    design = {"study": study}
    path = store.root / "frozen" / f"{study}-{compute_key(design)[:12]}.json"
    path.parent.mkdir(exist_ok=True)
    write_json(path, {"frozen": at, "sha256": compute_key(design), "code": {}, "design": design})
    return path


def test_frozen_designs_come_along_and_none_is_replaced(stores: tuple[Store, Store]) -> None:
    source, target = stores
    for study in ("one", "two", "three"):
        freeze(source, study)
    freeze(target, "two", "2026-02-02")
    transfer = Transfer()
    copy_designs(source, target, transfer, {"one", "two"})
    assert transfer.designs == 1
    assert {path.name.partition("-")[0] for path in (target.root / "frozen").iterdir()} == {"one", "two"}
    assert list(transfer.left.values()) == ["it was frozen there too, on another date"]
    assert "2026-02-02" in next((target.root / "frozen").glob("two-*")).read_text()
    changed = freeze(source, "three")
    changed.write_text(changed.read_text().replace('"study": "three"', '"study": "four"'))
    again = Transfer()
    copy_designs(source, target, again)
    assert (again.designs, list(again.damaged)) == (0, [changed])
