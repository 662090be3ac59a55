"""How long a plan takes on so many workers: the same as if a run's own order were followed step by step."""

from __future__ import annotations

import heapq
import random
from itertools import pairwise
from pathlib import Path

import pytest
from tests.conftest import tiny_study
from tests.execution.fake_store import finish

from xstilts.execution.execute import Ready, State, Statuses, inspect
from xstilts.execution.schedule import Schedule, schedule_open
from xstilts.plan.compile import Plan, compile_study
from xstilts.plan.cost.estimate import RATE
from xstilts.store.store import Store


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_study(tiny_study(seeds=[0, 1, 2]))


class Told(State):
    """A run that was told what its stages take."""

    told: dict[str, float]

    def expected(self, rate: float = RATE) -> dict[str, float]:
        return self.told


def follow(plan: Plan, seconds: dict[str, float], workers: int) -> float:
    """Seconds of all stages in the order of a run, in virtual time."""
    state = Told(plan, Store("none"), Statuses((stage.key, "pending") for stage in plan.stages), set())
    state.told = seconds
    ready, running, now = Ready(state), list[tuple[float, str]](), 0.0
    while True:
        for stage in ready.take(workers - len(running)):
            state.status[stage.key] = "running"
            heapq.heappush(running, (now + seconds[stage.key], stage.key))
        if not running:
            return now
        now, key = heapq.heappop(running)
        state.status[key] = "done"


def draw(plan: Plan, seed: int) -> dict[str, float]:
    rng = random.Random(seed)
    return {stage.key: rng.lognormvariate(2 if stage.kind == "train" else 0, 1) for stage in plan.stages}


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 1000])
def test_stages_are_handed_out_as_in_a_run(plan: Plan, workers: int) -> None:
    for seed in range(5):
        seconds = draw(plan, seed)
        assert Schedule(plan, seconds, True).simulate(workers) == pytest.approx(follow(plan, seconds, workers))


def test_one_worker_takes_all_the_time_and_no_number_less_than_the_longest_path(plan: Plan) -> None:
    for seed in range(5):
        schedule = Schedule(plan, draw(plan, seed), True)
        assert schedule.simulate(1) == pytest.approx(schedule.total)
        assert schedule.simulate(len(plan.stages)) == pytest.approx(schedule.least)
        path = schedule.path
        assert all(before.key in {one.key for one in after.parents} for before, after in pairwise(path))
        assert not path[0].parents
        assert path[-1].kind == "score"
        enough = schedule.most_workers
        assert schedule.simulate(enough) <= 1.01 * schedule.least < schedule.simulate(max(1, int(0.8 * enough)))


def test_only_what_is_open_counts(plan: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert not schedule_open(inspect(plan, store), RATE).measured
    for stage in plan.stages[:-3]:
        finish(store, stage, seconds=40.0)
    schedule = schedule_open(inspect(plan, store), RATE)
    assert schedule.measured
    assert set(schedule.seconds) == {stage.key for stage in plan.stages[-3:]}
    assert schedule.record([1])["wall_seconds"] == {"1": pytest.approx(schedule.total)}
    for stage in plan.stages[-3:]:
        finish(store, stage)
    done = schedule_open(inspect(plan, store), RATE)
    assert (done.total, done.least, done.path, done.simulate(1), done.most_workers) == (0, 0, [], 0, 1)
