"""How true is the time left? A finished study is run again in imagination, with the seconds that its stages took.

    python bench/time_left.py STUDY STORE [--workers N] [--set FIELD=VALUE ...]

Nothing is computed: each stage takes its recorded seconds, on N workers, in the order of a real run, and trainings say how far
they are, as they do in a run (here at an even pace). At every event the estimate (execution/time_left.py) is compared with what
was really left. Printed: the worst factor after the first tenth of the time, the share of the moments at which the stated range
held, and the estimate at 10, 25, 50, and 75 %.
"""

from __future__ import annotations

import argparse
import heapq
import sys
from pathlib import Path

from xstilts.execution import execute
from xstilts.execution.execute import ORDER, State, inspect
from xstilts.plan.compile import compile_study
from xstilts.store.store import Store
from xstilts.study import find_study, load_study


def recorded_seconds(store: Store, state: State) -> dict[str, float]:
    """What each stage took, by key: the sum over its attempts."""
    found = {}
    for stage in state.plan.stages:
        runs = store.runs(store.folder(stage.kind, stage.slug, stage.key))
        if state.status[stage.key] != "done" or not runs:
            raise SystemExit(f"{stage.kind} {stage.slug} is not done; give a finished study")
        found[stage.key] = sum(float(run.get("seconds") or 0.0) for run in runs)
    return found


def replay(state: State, seconds: dict[str, float], workers: int) -> list[tuple[float, float, float, float]]:
    """(time, estimate, least, most) at each event; the last time is the end."""
    state.status = dict.fromkeys(state.status, "pending")
    state.workers, state.seconds, state.live, now = workers, {}, {}, 0.0
    execute.time.monotonic = lambda: now  # type: ignore[attr-defined]
    urgency, running, said = execute.find_urgency(state.plan, state.expected()), list[tuple[float, str]](), []
    stages = {stage.key: stage for stage in state.plan.stages}
    while True:
        ready = [
            s
            for s in stages.values()
            if state.status[s.key] == "pending" and all(state.status[i.key] == "done" for i in s.parents)
        ]
        ready.sort(key=lambda s: (ORDER.get(s.kind, 1), -urgency[s.key]))
        for stage in ready[: workers - len(running)]:
            state.status[stage.key] = "running"
            state.live[stage.key] = {"started": now}
            heapq.heappush(running, (now + seconds[stage.key], stage.key))
        for key, live in state.live.items():
            if stages[key].kind == "train":
                live |= {"step": (now - live["started"]) / seconds[key], "steps": 1}
        if left := state.time_left():
            said.append((now, left.seconds, left.least, left.most))
        if not running:
            return [*said, (now, 0.0, 0.0, 0.0)]
        now, key = heapq.heappop(running)
        state.status[key], state.seconds[key] = "done", seconds[key]
        del state.live[key]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study")
    parser.add_argument("store", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    given = parser.parse_args()
    plan = compile_study(load_study(given.study, given.set), base=find_study(given.study).parent, draft=True)
    store = Store(given.store)
    state = inspect(plan, store, thorough=False)
    said = replay(state, recorded_seconds(store, state), given.workers)
    end = said[-1][0]
    late = [(at, left, least, most) for at, left, least, most in said if 0.1 * end <= at < 0.98 * end]
    worst = max(max(left / (end - at), (end - at) / max(left, 1e-9)) for at, left, _, _ in late)
    held = sum(least <= end - at <= most for at, _, least, most in late) / len(late)
    print(f"{given.study}: {len(plan.stages)} stages, {end / 60:.1f} minutes on {given.workers} workers")
    print(f"  worst factor after the first tenth {worst:.2f}; the range held at {held:.0%} of {len(late)} moments")
    for share in (0.1, 0.25, 0.5, 0.75):
        at, left, least, most = min(late, key=lambda x: abs(x[0] - share * end))
        print(
            f"  at {at / end:.0%}: said {left / 60:.1f} ({least / 60:.1f} to {most / 60:.1f}), was {(end - at) / 60:.1f} minutes"
        )


if __name__ == "__main__":
    sys.exit(main())
