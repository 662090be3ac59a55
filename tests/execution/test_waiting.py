"""A run that waits for another one says for whom, once."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from tests.conftest import tiny_study

from xstilts.execution.execute import _settle, inspect
from xstilts.plan.compile import compile_study
from xstilts.stages.attempt import Outcome
from xstilts.store.lease import Lease
from xstilts.store.store import Store


def test_the_holder_of_a_stage_is_named_once(tmp_path: Path) -> None:
    plan, store = compile_study(tiny_study()), Store(tmp_path)
    state = inspect(plan, store, thorough=False)
    for stage in plan.stages[:2]:
        folder = store.folder(stage.kind, stage.slug, stage.key)
        folder.mkdir(parents=True)
        with Lease(folder):
            _settle(state, stage, Outcome("held"), {})
        assert state.status[stage.key] == "elsewhere"
    assert state.messages == [f"waits for another run that works on the same: {socket.gethostname()}, process {os.getpid()}"]
    _settle(state, plan.stages[2], Outcome("held"), {})
    assert len(state.messages) == 1, "whoever held it has let go"
