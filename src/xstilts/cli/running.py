"""Run a plan with live progress and an orderly end on Ctrl-C or SIGTERM, and write the report of a plan."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from xstilts.cli.app import print_error
from xstilts.cli.views.plan import print_gaps
from xstilts.cli.views.progress import LiveView
from xstilts.execution.execute import State, execute
from xstilts.plan.compile import Plan
from xstilts.store.store import Store

if TYPE_CHECKING:
    from xstilts.report.findings import Findings


def run_plan(console: Console, plan: Plan, store: Store, workers: int | None) -> State:
    """Run what the store lacks of a plan. An interruption ends the program with exit code 130; what was done is kept."""
    print_gaps(console, plan)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with LiveView(console) as view:
            return execute(plan, store, workers, view.show)
    except KeyboardInterrupt:
        print("Interrupted. Finished work is kept. Run the same command again to continue.", file=sys.stderr)
        raise SystemExit(130) from None


def print_failures(state: State) -> None:
    """Print one sentence for each stage that failed."""
    for stage in state.plan.stages:
        if stage.key in state.errors:
            print_error(f"{stage.kind} {stage.slug}: {state.errors[stage.key].error}")


def choose_exit_code(state: State) -> int:
    """0 without failures, 2 if a failure is due to the user's input, otherwise 1."""
    return max((2 if error.input_error else 1 for error in state.errors.values()), default=0)


def write_study_report(plan: Plan, store: Store, state: State | None, folder: Path) -> tuple[Findings, Path]:
    """Write the report of what the store has. Gives the analysis and the HTML file. An interruption ends the program with exit
    code 130; files that were not written yet are those of the report before."""
    from xstilts.report.findings import read_findings
    from xstilts.report.write import write_report

    try:
        findings = read_findings(plan, store, state)
        return findings, write_report(findings, folder)
    except KeyboardInterrupt:
        print(
            f"Interrupted while the report was written. No result is lost; {folder} is incomplete, or has files of an "
            "earlier report. `xstilts report` with the same study, --set, --store and -o writes it.",
            file=sys.stderr,
        )
        raise SystemExit(130) from None
