"""Leases: one holder at a time, whoever died, was suspended, runs in another container or has another clock."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from xstilts.store import lease as leases
from xstilts.store.lease import Holder, Lease, LeaseHeld, LeaseLost, find_holder, look, read_clock
from xstilts.store.store import make_link

HERE = Holder.of_this_process()
NOBODY = 2**22 + 1  # more than any process has


def write_lease(folder: Path, holder: Holder, age: float = 0.0) -> Path:
    path = folder / "lease"
    path.write_text(json.dumps(asdict(holder)))
    at = time.time() - age
    os.utime(path, (at, at))
    return path


def test_a_lease_is_exclusive_and_given_back(tmp_path: Path) -> None:
    with Lease(tmp_path) as first:
        first.check()
        assert find_holder(tmp_path) == first.holder
        with pytest.raises(LeaseHeld, match=rf"\(process {os.getpid()}\) works on it"), Lease(tmp_path):
            pass
    assert find_holder(tmp_path) is None
    with Lease(tmp_path) as second:
        assert second.took == ""
    assert not any(tmp_path.iterdir())


def test_the_lease_of_a_dead_process_is_taken_with_what_it_left(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=_hold_and_die, args=(tmp_path,))
    process.start()
    process.join()
    (left,) = tmp_path.glob(".attempt-*")
    assert find_holder(tmp_path) is None
    with Lease(tmp_path) as mine:
        assert mine.took.endswith("has ended")
        mine.make_folder()
        assert not left.exists()


def _hold_and_die(folder: Path) -> None:
    Lease(folder).__enter__().make_folder()
    os._exit(9)


def test_a_process_number_means_nothing_elsewhere(tmp_path: Path) -> None:
    """Another host, another start of this one, another PID namespace: only the age counts there."""
    assert replace(HERE, pid=NOBODY).has_ended()
    assert replace(HERE, started=HERE.started + 1).has_ended(), "another process has its number by now"
    for elsewhere in ({"host": "elsewhere"}, {"boot": "earlier"}, {"namespace": "pid:[1]"}):
        there = replace(HERE, pid=NOBODY, **elsewhere)  # type: ignore[arg-type]
        write_lease(tmp_path, there)
        assert find_holder(tmp_path) == there
        write_lease(tmp_path, there, leases.STALE_SECONDS + 9)
        holder, why = look(tmp_path)
        assert holder is None and f"{there.host} (process {NOBODY}) is dated" in why and "s ago" in why


def test_the_age_is_told_by_the_clock_of_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's clock is an hour ahead, or behind: a live lease stays one."""
    there, real = replace(HERE, host="elsewhere"), time.time
    write_lease(tmp_path, there)
    for shift in (3600.0, -3600.0):
        monkeypatch.setattr(leases.time, "time", lambda shift=shift: real() + shift)
        assert find_holder(tmp_path) == there
        assert abs(read_clock(tmp_path) - real()) < 60
    assert [path.name for path in tmp_path.iterdir()] == ["lease"]


def test_a_lease_of_the_future_is_said_and_does_not_last(tmp_path: Path) -> None:
    there = replace(HERE, host="elsewhere")
    write_lease(tmp_path, there, -leases.STALE_SECONDS / 2)
    assert find_holder(tmp_path) == there, "a moment of it may be due to a clock that was set"
    write_lease(tmp_path, there, -3600.0)
    assert "is dated 3,600 s in the future" in look(tmp_path)[1].replace("3,599", "3,600")
    with Lease(tmp_path) as mine:
        assert "in the future" in mine.took


@pytest.mark.parametrize("content", ["", "{}", "[]", "5", "[" * 100_000, "9" * 5000, '{"owner": 1, "host": [], "pid": "x"}'])
def test_a_damaged_lease_is_set_aside_and_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "lease").write_text(content)
    assert look(tmp_path) == (None, f"{tmp_path / 'lease'} does not say whose it is")
    with Lease(tmp_path) as mine:
        mine.check()


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop"])
def test_what_is_no_file_is_no_lease(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "lease"
    {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "loop": lambda: path.symlink_to("lease")}[kind]()
    with Lease(tmp_path) as mine:
        mine.check()
    assert not any(tmp_path.iterdir())


def test_who_was_silent_for_too_long_has_lost_and_touches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.02)
    told = threading.Event()
    halted = threading.Event()
    beat = Lease._beat
    monkeypatch.setattr(Lease, "_beat", lambda self: (halted.wait(), beat(self)))
    with Lease(tmp_path, on_lost=told.set) as first:
        own = first.make_folder()
        at = time.time() - leases.STALE_SECONDS - 1
        os.utime(tmp_path / "lease", (at, at))
        monkeypatch.setattr(Lease, "_beat", lambda self: None)
        with Lease(tmp_path) as second:
            second.make_folder()
            assert own.is_dir(), "it may still work there"
            dated = (tmp_path / "lease").stat().st_mtime_ns
            halted.set()
            assert told.wait(5)
            with pytest.raises(LeaseLost, match=rf"taken over by .* \(process {os.getpid()}\)"):
                first.check()
            assert (tmp_path / "lease").stat().st_mtime_ns == dated, "it does not keep the other's lease alive"
            second.check()
    assert not any(tmp_path.iterdir())


def test_a_heartbeat_survives_a_file_server_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.01)
    beats: list[int] = []
    again = threading.Event()
    utime = os.utime

    def flaky(path: Path, *rest: Any) -> None:
        beats.append(1)
        if len(beats) < 3:
            raise OSError(errno.ESTALE, "Stale file handle")
        utime(path, *rest)
        again.set()

    monkeypatch.setattr(leases.os, "utime", flaky)
    with Lease(tmp_path):
        assert again.wait(5)


def test_a_lease_taken_meanwhile_is_given_back_to_its_owner(tmp_path: Path) -> None:
    """Between judging a lease stale and removing it, somebody else may have taken the stage, or its owner may have come back."""
    stale = leases._look_at(write_lease(tmp_path, replace(HERE, host="elsewhere"), 999))
    os.utime(tmp_path / "lease")
    Lease(tmp_path)._remove(stale)
    assert find_holder(tmp_path) == replace(HERE, host="elsewhere")


def test_what_another_host_left_goes_after_an_hour(tmp_path: Path) -> None:
    left = tmp_path / ".attempt-x"
    left.mkdir()
    mark = left / "holder.json"
    mark.write_text(json.dumps(asdict(replace(HERE, host="elsewhere"))))
    with Lease(tmp_path) as mine:
        mine.make_folder()
        assert left.exists()
        at = time.time() - leases.ABANDONED_SECONDS - 9
        os.utime(mark, (at, at))
        mine._own = None
        Lease(tmp_path).make_folder()
        assert not left.exists()


def test_a_disk_without_hard_links_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(leases.os, "link", refuse)
    with pytest.raises(OSError, match="no hard links"), Lease(tmp_path):
        pass
    assert not any(tmp_path.iterdir())


def test_only_one_may_publish_though_the_other_does_not_see_it_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a shared disk: the second holder sees the lease given back, and the `done.json` only a moment later."""
    monkeypatch.setattr(leases, "HIDDEN_SECONDS", 30.0)
    monkeypatch.setattr(leases, "LOOK_SECONDS", 0.01)
    with Lease(tmp_path) as first:
        first.make_folder()
        assert first.claim()
    seen: list[None] = []
    monkeypatch.setattr(leases, "read_done", lambda _: seen.append(None) or ({} if len(seen) > 3 else None))
    with Lease(tmp_path) as second:
        second.make_folder()
        assert not second.claim() and len(seen) > 3


def test_who_was_killed_while_it_published_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "HIDDEN_SECONDS", 0.2)
    monkeypatch.setattr(leases, "LOOK_SECONDS", 0.01)
    with Lease(tmp_path) as first:
        first.make_folder()
        first.claim()
    began = time.monotonic()
    with Lease(tmp_path) as second:
        second.make_folder()
        assert second.claim()
        assert Holder.read(tmp_path / "published") == second.holder
    os.utime(tmp_path / "published", (0, 0))
    monkeypatch.setattr(leases, "HIDDEN_SECONDS", 1000.0)
    with Lease(tmp_path) as third:
        third.make_folder()
        assert third.claim(), "long ago: what came of it would be seen by now"
    assert time.monotonic() - began < 60


def test_a_name_that_is_taken_is_no_disk_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """sshfs says EPERM for it."""
    real = os.link

    def link(source: Any, target: Any) -> None:
        if os.path.lexists(target):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        real(source, target)

    monkeypatch.setattr(os, "link", link)
    one, other = tmp_path / "one", tmp_path / "other"
    one.touch()
    make_link(one, other)
    with pytest.raises(FileExistsError):
        make_link(one, other)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other"]
