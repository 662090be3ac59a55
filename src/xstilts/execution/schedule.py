"""How long the open stages of a plan take on so many workers, and which of them decide it.

Stages are handed out here as a run does it (`execute.Ready`), with the seconds that each is expected to take. That workers wait
for a machine, are slower than those that were timed, or hinder each other, is not a part of it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Any

from xstilts.execution.execute import ORDER, State, find_urgency
from xstilts.plan.compile import Plan
from xstilts.stages.stage import Stage

# More workers help if they save a larger share of the time than this. Their number is found this exactly too.
GAIN = 0.01
EXACT = 0.05


@dataclass(frozen=True)
class Schedule:
    """`seconds`: those that each open stage will take on a worker, by key. `measured`: they are known from what stages of earlier
    runs took, otherwise from FLOPs."""

    plan: Plan
    seconds: Mapping[str, float]
    measured: bool

    @property
    def total(self) -> float:
        """Seconds of all stages, one after the other."""
        return sum(self.seconds.values())

    @cached_property
    def path(self) -> list[Stage]:
        """The longest path: the stages, each of which waits for the one before, that take longest together."""
        path: list[Stage] = []
        begun = [stage for stage in self._stages if not any(parent.key in self.seconds for parent in stage.parents)]
        while begun:
            path.append(max(begun, key=lambda stage: self._urgency[stage.key]))
            begun = [child for child in self.plan.children[path[-1].key] if child.key in self.seconds]
        return path

    @property
    def least(self) -> float:
        """Seconds of the longest path: no number of workers is faster."""
        return sum(self.seconds[stage.key] for stage in self.path)

    def simulate(self, workers: int) -> float:
        """Seconds until so many workers have done everything."""
        waits, running, now = list(self._waits), list[tuple[float, int]](), 0.0
        ready = [number for number, count in enumerate(waits) if not count]
        while ready or running:
            while ready and len(running) < workers:
                number = heapq.heappop(ready)
                heapq.heappush(running, (now + self._taken[number], number))
            now, number = heapq.heappop(running)
            for child in self._children[number]:
                waits[child] -= 1
                if not waits[child]:
                    heapq.heappush(ready, child)
        return now

    @cached_property
    def most_workers(self) -> int:
        """About how many workers are as fast as any number of them."""
        enough = self.least * (1 + GAIN)
        low = high = max(1, ceil(self.total / enough)) if enough else 1
        while high < len(self._stages) and self.simulate(high) > enough:
            low, high = high, 2 * high
        while high - low > max(1, EXACT * low):
            middle = (low + high) // 2
            low, high = (middle, high) if self.simulate(middle) > enough else (low, middle)
        return high

    def record(self, workers: Iterable[int]) -> dict[str, Any]:
        """As JSON, with the time on each number of workers."""
        path = [{"kind": s.kind, "slug": s.slug, "key": s.key, "seconds": self.seconds[s.key]} for s in self.path]
        return {
            "measured": self.measured,
            "total_seconds": self.total,
            "longest_path": {"seconds": self.least, "stages": path},
            "wall_seconds": {str(count): self.simulate(count) for count in workers},
            "most_workers": self.most_workers,
        }

    # A stage is its number in the order in which a run prefers them.

    @cached_property
    def _urgency(self) -> dict[str, float]:
        return find_urgency(self.plan, {stage.key: self.seconds.get(stage.key, 0.0) for stage in self.plan.stages})

    @cached_property
    def _stages(self) -> list[Stage]:
        stages = [stage for stage in self.plan.stages if stage.key in self.seconds]
        return sorted(stages, key=lambda stage: (ORDER.get(stage.kind, 1), -self._urgency[stage.key]))

    @cached_property
    def _taken(self) -> list[float]:
        return [self.seconds[stage.key] for stage in self._stages]

    @cached_property
    def _waits(self) -> list[int]:
        return [sum(parent.key in self.seconds for parent in stage.parents) for stage in self._stages]

    @cached_property
    def _children(self) -> list[list[int]]:
        numbers = {stage.key: number for number, stage in enumerate(self._stages)}
        children = self.plan.children
        return [[numbers[child.key] for child in children[stage.key] if child.key in numbers] for stage in self._stages]


def schedule_open(state: State, rate: float) -> Schedule:
    """What is still to be done. `rate`: FLOP/s of a card, for stages that nothing is known of."""
    expected = state.expected(rate)
    trained = any(stage.kind == "train" and stage.key in state.seconds for stage in state.plan.stages)
    return Schedule(state.plan, {key: expected[key] for key in expected if state.status[key] != "done"}, trained)
