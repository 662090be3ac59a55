"""From a failed stage to what happened: which attempts ended badly, and all that is known of one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.conftest import tiny_study
from tests.execution.fake_store import TICK, begin, finish

from xstilts.errors import InputError
from xstilts.execution import logs
from xstilts.execution.logs import find_stage, list_troubles, read_attempts, read_end, read_job_logs, read_printed
from xstilts.plan.compile import compile_study
from xstilts.store.lease import Lease
from xstilts.store.store import Store

STAGES = compile_study(tiny_study()).stages
TRAIN, OTHER = [stage for stage in STAGES if stage.kind == "train"][:2]


def test_what_was_killed_is_cut_off_and_what_runs_is_not(tmp_path: Path) -> None:
    store = Store(tmp_path)
    begin(store, TRAIN, outcome="failed", error="a\nb", started=20.0)
    begin(store, TRAIN, started=30.0)
    folder = begin(store, TRAIN, started=40.0)
    begin(store, OTHER, started=10.0)
    (folder / "run-003.json").touch()  # killed before it could write anything
    with Lease(folder):
        found = read_attempts(store, STAGES)
        assert [one.outcome for one in found if one.stage is TRAIN] == ["failed", "cut off", "cut off", "running"]
    (folder / "run-003.json").unlink()
    with Lease(folder):
        found = read_attempts(store, STAGES)
        assert [(one.number, one.outcome) for one in found if one.stage is TRAIN] == [
            (0, "failed"),
            (1, "cut off"),
            (2, "running"),
        ]
        assert [(one.stage.key, one.number) for one in list_troubles(found)] == [(OTHER.key, 0), (TRAIN.key, 0), (TRAIN.key, 1)]
    finish(store, TRAIN)
    found = read_attempts(store, [TRAIN])
    assert [one.outcome for one in found] == ["failed", "cut off", "cut off", "done"]
    assert all(one.mended for one in found)


def test_records_that_are_none_do_no_harm(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run = {"started": float("nan"), "host": 5, "versions": [], "said": "x", "error": 7, "progress": {"loss": float("inf")}}
    folder = begin(store, TRAIN, **run)
    (folder / "run-001.json").write_text("[]")
    records = [one.record() for one in read_attempts(store, [TRAIN])]
    assert [(record["attempt"], record["started"], record["outcome"]) for record in records] == [
        (0, None, "cut off"),
        (1, None, "cut off"),
    ]
    assert records[0]["progress"] == {}


def test_a_stage_is_found_by_name_part_or_key(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name in (TRAIN.slug, f"train {TRAIN.slug}", f"train/{TRAIN.slug}", TRAIN.key, TRAIN.key[:7]):
        assert find_stage([TRAIN, OTHER, STAGES[0]], store, name) is TRAIN, name
    part = next(TRAIN.slug[i:] for i in range(len(TRAIN.slug)) if TRAIN.slug[i:] not in OTHER.slug)
    assert find_stage([TRAIN, OTHER], store, part) is TRAIN
    with pytest.raises(InputError) as several:
        find_stage([TRAIN, OTHER], store, "train")
    assert f"\n  train {OTHER.slug} ({OTHER.key[:12]})" in str(several.value)
    with pytest.raises(InputError, match=rf"no such stage; did you mean train {TRAIN.slug.replace('+', '.')} "):
        find_stage([TRAIN], store, f"{TRAIN.slug}x")
    with pytest.raises(InputError, match="`xstilts plan STUDY --json` lists them"):
        find_stage([TRAIN], store, "???")


def test_a_key_of_another_setting_is_found_in_the_store(tmp_path: Path) -> None:
    store = Store(tmp_path)
    begin(store, TRAIN)
    found = find_stage([OTHER], store, TRAIN.key[:12])
    assert (found.kind, found.slug, found.key) == (TRAIN.kind, TRAIN.slug, TRAIN.key)
    with pytest.raises(InputError, match="no such key in store"):
        find_stage([OTHER], store, "0123456789ab")


def test_what_was_printed_is_its_last_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    folder = begin(store, TRAIN, progress=TICK)
    (one,) = read_attempts(store, [TRAIN])
    assert read_printed(one) is None
    (folder / "run-000.log").write_bytes(b"first\nbar 1\rbar 2\r\n\xff\n")
    found = read_printed(one)
    assert found is not None and (found.lines, found.cut) == (("first", "bar 2", "\N{REPLACEMENT CHARACTER}"), False)
    monkeypatch.setattr(logs, "MOST_LINES", 2)
    found = read_printed(one)
    assert found is not None and (found.lines[0], len(found.lines), found.cut) == ("bar 2", 2, True)
    monkeypatch.setattr(logs, "MOST_BYTES", 4)
    found = read_end(folder / "run-000.log")
    assert found is not None and found.cut


def test_the_logs_of_jobs_are_found_by_key(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for age, (run, number, line) in enumerate((("b", "1", 0), ("a", "0", 1))):
        folder = tmp_path / "jobs" / run / number
        folder.mkdir(parents=True)
        lines = [OTHER.key, f"{'0' * 64} {TRAIN.key}"] if line else [TRAIN.key]
        (folder / "keys").write_text("\n".join(lines) + "\n")
        (folder / f"{line}.log").write_text(f"slurmstepd: {run}\n")
        (folder / f"{1 - line}.log").write_text("of another one\n")
        os.utime(folder / "keys", (1000 + age, 1000 + age))
    assert [printed.lines for printed in read_job_logs(store, TRAIN)] == [("slurmstepd: b",), ("slurmstepd: a",)]
    assert read_job_logs(store, STAGES[0]) == []
