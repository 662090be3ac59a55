"""How long does the paper's grid take on a cluster, and does the order matter? A study is run in imagination, in virtual time.

    python bench/schedule.py [STUDY] [--workers 8 32 128 512] [--worlds 10] [--set FIELD=VALUE ...]

Nothing is computed. A stage takes what its FLOPs say (plan/cost/estimate.py), times a factor of its label (log-normal, sigma 0.4:
that is how far a guess in advance is off) and one of its own (sigma 0.1). One stage in twenty is a straggler and takes four times
that. Of all attempts 2 % are lost half-way; the next one goes on at the checkpoint and repeats 5 % of the stage. Each world
draws these anew. Stages are handed out by `execute.Ready`, in three orders:

    first come     as they can begin
    by kind        the longest path first, if all stages of a kind took the same
    as in a run    the longest path first, by what the FLOPs say before the factors

Printed for each number of workers: the least that any order could take, max(all seconds / workers, the longest path), and how
many times that each order takes: mean over the worlds, and the worst.
"""

from __future__ import annotations

import argparse
import heapq
import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

from xstilts.execution.execute import Ready, State, Statuses, find_urgency
from xstilts.plan.compile import Plan, compile_study
from xstilts.plan.cost.estimate import guess_seconds
from xstilts.stages.stage import KINDS
from xstilts.store.store import Store
from xstilts.study import find_study, load_study

LABEL_SIGMA, STAGE_SIGMA = 0.4, 0.1
STRAGGLERS, SLOWER = 0.05, 4.0
LOST, REPEATED = 0.02, 0.05


class FirstCome(Ready):
    """Stages in the order in which they could begin."""

    def __init__(self, state: State):
        self._came: dict[str, int] = {}
        super().__init__(state)

    def _rank(self, key: str) -> tuple[int, float, int, str]:
        return 0, 0.0, self._came.setdefault(key, len(self._came)), key


class ByKind(Ready):
    """The longest path first, without FLOPs."""

    def __init__(self, state: State):
        super().__init__(state)
        usual = {stage.key: KINDS[stage.kind].usual_seconds for stage in state.plan.stages}
        self._urgency = find_urgency(state.plan, usual)


ORDERS: dict[str, type[Ready]] = {"first come": FirstCome, "by kind": ByKind, "as in a run": Ready}


def draw_world(plan: Plan, seed: int) -> dict[str, float]:
    """What each stage takes in one world, in seconds, by key."""
    rng, guessed = random.Random(seed), guess_seconds(plan)
    of_label = {label: rng.lognormvariate(0, LABEL_SIGMA) for label in dict.fromkeys(stage.label for stage in plan.stages)}
    return {
        stage.key: guessed[stage.key]
        * of_label[stage.label]
        * rng.lognormvariate(0, STAGE_SIGMA)
        * (SLOWER if rng.random() < STRAGGLERS else 1.0)
        for stage in plan.stages
    }


def replay(plan: Plan, order: type[Ready], seconds: Mapping[str, float], workers: int, seed: int) -> float:
    """Seconds until all is done."""
    state = State(plan, Store("nowhere"), Statuses((stage.key, "pending") for stage in plan.stages), set())
    left, now, attempts = dict(seconds), 0.0, Counter[str]()
    ready, running = order(state), list[tuple[float, str, bool]]()
    while True:
        for stage in ready.take(workers - len(running)):
            state.status[stage.key] = "running"
            attempts[stage.key] += 1  # the same attempts are lost in every order
            lost = random.Random(f"{seed} {stage.key} {attempts[stage.key]}").random() < LOST
            heapq.heappush(running, (now + left[stage.key] * (0.5 if lost else 1.0), stage.key, lost))
        if not running:
            assert state.count("done") == len(state.plan.stages)
            return now
        now, key, lost = heapq.heappop(running)
        if lost:
            left[key] = 0.5 * left[key] + REPEATED * seconds[key]
            state.status[key] = "pending"
        else:
            state.status[key] = "done"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", default="phang2020")
    parser.add_argument("--workers", type=int, nargs="+", default=[8, 32, 128, 512])
    parser.add_argument("--worlds", type=int, default=10)
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    given = parser.parse_args()
    study = load_study(given.study, given.set)
    plan = compile_study(study, Path("nowhere"), base=find_study(given.study).parent, draft=True)  # whatever data are here
    worlds = [draw_world(plan, seed) for seed in range(given.worlds)]
    print(f"{given.study}: {len(plan.stages)} stages, {fmean(sum(world.values()) for world in worlds) / 3600:,.1f} hours\n")
    print("| workers | least hours | " + " | ".join(ORDERS) + " |\n|---:|---:|" + "---:|" * len(ORDERS))
    for workers in given.workers:
        least = [max(sum(world.values()) / workers, *find_urgency(plan, world).values()) for world in worlds]
        cells = []
        for order in ORDERS.values():
            taken = [replay(plan, order, world, workers, seed) for seed, world in enumerate(worlds)]
            times = [one / bound for one, bound in zip(taken, least, strict=True)]
            cells.append(f"{fmean(times):.2f} (worst {max(times):.2f})")
        print(f"| {workers} | {fmean(least) / 3600:.2f} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
