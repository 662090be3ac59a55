"""A run that waits for another one says for whom, once."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import tiny_study

from xstilts.execution.execute import _settle, inspect
from xstilts.plan.compile import compile_study
from xstilts.stages.attempt import Outcome
from xstilts.store.store import Store


def test_the_holder_of_a_stage_is_named_once(tmp_path: Path) -> None:
    plan, store = compile_study(tiny_study()), Store(tmp_path)
    state = inspect(plan, store, thorough=False)
    for stage in plan.stages[:2]:
        _settle(state, stage, Outcome("held", "elsewhere (process 17) works on it"), {})
        assert state.status[stage.key] == "elsewhere"
    assert state.messages == ["waits for another run: elsewhere (process 17) works on it"]
