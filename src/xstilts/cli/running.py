"""Run a plan with live progress and an orderly end on Ctrl-C or SIGTERM, and write the report of a plan."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from xstilts.cli.views.plan import print_gaps
from xstilts.cli.views.progress import LiveView
from xstilts.execution.execute import State, execute
from xstilts.plan.compile import Plan
from xstilts.store.store import Store

if TYPE_CHECKING:
    from xstilts.report.findings import Findings


def run_plan(console: Console, plan: Plan, store: Store, workers: int | None) -> State:
    """Run what the store lacks of a plan. An interruption ends the program with exit code 130; what was done is kept."""
    store.prepare()
    print_gaps(console, plan)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with LiveView(console) as view:
            return execute(plan, store, workers, view.show)
    except KeyboardInterrupt:
        print("\nInterrupted. Finished work is kept. Run the same command again to continue.", file=sys.stderr)
        raise SystemExit(130) from None


def list_failures(plan: Plan, state: State) -> list[str]:
    """One sentence for each stage that failed."""
    stages = {stage.key: stage for stage in plan.stages}
    return [f"{stages[key].kind} {stages[key].slug}: {error.error}" for key, error in state.errors.items()]


def choose_exit_code(state: State) -> int:
    """0 without failures, 2 if a failure is due to the user's input, otherwise 1."""
    if not state.errors:
        return 0
    return 2 if any(error.input_error for error in state.errors.values()) else 1


def write_study_report(plan: Plan, store: Store, state: State | None, folder: Path) -> tuple[Findings, Path]:
    """Write the report of what the store has. Gives the analysis and the HTML file."""
    from xstilts.analysis.gather import gather
    from xstilts.report.findings import compute_findings
    from xstilts.report.write import write_report

    findings = compute_findings(gather(plan, store, state))
    return findings, write_report(findings, folder)
