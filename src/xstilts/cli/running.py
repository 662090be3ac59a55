"""Run a plan in front of a person: live progress, and an orderly end on Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import sys

from rich.console import Console

from xstilts.cli.views.live import LiveView
from xstilts.cli.views.plan import print_gaps
from xstilts.execution.execute import State, execute
from xstilts.plan.compile import Plan
from xstilts.store.store import Store


def run_plan(console: Console, plan: Plan, store: Store, workers: int | None) -> State:
    """Run what the plan lacks. Ends the program with exit code 130 if it is interrupted; what was done is kept."""
    store.prepare()
    print_gaps(console, plan)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with LiveView(console) as view:
            return execute(plan, store, workers, view.show)
    except KeyboardInterrupt:
        print("\nInterrupted. What was done is kept; run the same command again to go on.", file=sys.stderr)
        raise SystemExit(130) from None


def failures(plan: Plan, state: State) -> list[str]:
    """What went wrong, a sentence for each stage that failed."""
    stages = {stage.key: stage for stage in plan.stages}
    return [f"{stages[key].kind} {stages[key].slug}: {error.error}" for key, error in state.errors.items()]


def exit_code(state: State) -> int:
    """0, 1 for a failure, 2 for one that the user can mend."""
    if not state.errors:
        return 0
    return 2 if any(error.input_error for error in state.errors.values()) else 1
