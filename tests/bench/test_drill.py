"""`bench/drill.py`, for a moment: a few blows in one round, and what it counts can be above 0."""

from __future__ import annotations

import importlib
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.conftest import tiny_study
from tests.execution.fake_store import begin, finish

from xstilts.plan.compile import compile_study
from xstilts.store.store import Store

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.fixture
def drill(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCH))
    found = importlib.import_module("drill")
    found.prepare(monkeypatch.setattr)
    return found


@pytest.mark.skipif(torch.cuda.is_available(), reason="forks cannot use a card")
def test_nothing_is_lost_failed_torn_or_unequal(drill: Any, tmp_path: Path) -> None:
    study = tiny_study(chains={"none": []}, targets=["world/pos"], random_init=False)
    one = drill.Drill(compile_study(study), tmp_path, random.Random(5), 2)
    one.go(kills=6, seconds=60)
    assert not any(one.found.values()) and len(one.found) == 6, one.notes
    assert one.kills >= 6


def test_what_it_counts_is_found(drill: Any, tmp_path: Path) -> None:
    plan, store = compile_study(tiny_study()), Store(tmp_path / "store")
    first, second, third = plan.stages[:3]
    one = drill.Drill(plan, tmp_path, random.Random(0))
    done = one._check_done(store, set())
    folders = [finish(store, stage) for stage in (first, second)]
    begin(store, third, outcome="failed", error="why")
    done = one._check_done(store, done)
    mark = folders[1] / "done.json"
    mark.with_name("again").write_bytes(mark.read_bytes())
    mark.with_name("again").replace(mark)
    (folders[0] / "done.json").unlink()
    one._check_done(store, done)
    (folders[1] / "out" / "result.json").write_text("{ }")
    one._compare(store, {f"{second.kind} {second.key} examples.jsonl": "0"})
    assert one.found == {"lost": 3, "failed": 1, "torn": 1, "unequal": 1, "twice": 1, "stuck": 0}, one.notes
