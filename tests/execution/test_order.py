"""The order in which stages are handed out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from tests.conftest import tiny_study

from xstilts.execution.execute import Ready, State, Statuses, execute
from xstilts.execution.executors.base import Event
from xstilts.plan.compile import compile_study
from xstilts.stages.job import Outcome
from xstilts.store.store import Store
from xstilts.study import load_study


class OneAtATime:
    """An executor that runs nothing: a stage is done as soon as it is asked for."""

    size = 1

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.running: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def idle(self) -> int:
        return 1 - len(self.running)

    def submit(self, record: Mapping[str, Any]) -> None:
        self.kinds.append(record["kind"])
        self.running.append(record["key"])

    def poll(self, seconds: float) -> list[tuple[str, Event]]:
        return [(self.running.pop(), Outcome("done", seconds=1.0))]

    def stop(self) -> None: ...


def test_data_first_and_a_model_is_scored_before_the_next_is_trained(tmp_path: Path) -> None:
    plan, executor = compile_study(tiny_study(seeds=[0, 1])), OneAtATime()
    execute(plan, Store(tmp_path), start=lambda *_: executor)
    kinds = executor.kinds
    assert len(kinds) == len(plan.stages)
    last_fetch = max(i for i, kind in enumerate(kinds) if kind == "fetch")
    assert set(kinds[: last_fetch + 1]) <= {"fetch", "world", "pretrain"}, "all data before anything that takes long"
    trainings = [i for i, kind in enumerate(kinds) if kind == "train"]
    scores = [i for i, kind in enumerate(kinds) if kind == "score"]
    assert min(scores) < trainings[len(trainings) // 2], "a run that is stopped half-way has scores"
    assert kinds[trainings[-1] + 1 :].count("predict") <= 2, "nothing waits for the end"


def test_before_anything_was_timed_the_longest_path_is_that_of_most_flops(tmp_path: Path) -> None:
    """Without them all trainings would be alike, and the first chain would begin."""
    chains = "chains={none: [], csqa: [commonsenseqa], anli: [anli_plus]}"
    plan = compile_study(load_study("phang2020", [chains, "primary=[]"]), tmp_path, draft=True)
    state = State(plan, Store(tmp_path), Statuses((stage.key, "pending") for stage in plan.stages), set())
    for stage in plan.stages:
        if stage.kind in ("fetch", "encoder"):
            state.status[stage.key] = "done"
    first = [stage.title for stage in Ready(state).take(1000) if stage.kind == "train"]
    assert set(first[:6]) == {"anli_plus"}, "of each seed"
    assert first.index("commonsenseqa") < first.index("squad_v1"), "all that rests on it counts"
    state.seconds = {s.key: 9000.0 if s.title == "commonsenseqa" else 10.0 for s in plan.stages if s.kind == "train"}
    first = [stage.title for stage in Ready(state).take(1000) if stage.kind == "train"]
    assert set(first[:6]) == {"commonsenseqa"}, "what was measured counts more"
