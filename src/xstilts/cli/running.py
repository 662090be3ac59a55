"""Run a plan with live progress and an orderly end on Ctrl-C or SIGTERM, and write the report of a plan."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from xstilts.cli.app import load_plan, open_console, print_error
from xstilts.cli.options import DEFAULT_STORE
from xstilts.cli.views.plan import print_gaps
from xstilts.cli.views.progress import LiveView
from xstilts.execution.execute import State, execute
from xstilts.execution.executors.base import StartExecutor
from xstilts.execution.executors.local import start_local
from xstilts.plan.compile import Plan
from xstilts.store.store import KEY_DIGITS, Store

if TYPE_CHECKING:
    from xstilts.report.findings import Findings


def detach_run(
    study: str,
    changes: list[str],
    store_folder: Path,
    workers: int | None,
    out: Path | None,
    cluster_file: Path | None,
    notify: str,
) -> None:
    """Submit `xstilts run` as a job, and say how to follow and to end it. What is wrong with the study or the cluster file is an
    error now."""
    from xstilts.execution.cluster import find_cluster
    from xstilts.execution.executors.slurm_jobs import submit_run

    load_plan(study, changes)
    store = Store(store_folder)
    store.prepare()
    words = ["run", study, "--store", str(store.root), "--executor", "slurm"]
    words += [word for change in changes for word in ("--set", change)]
    words += ["--workers", str(workers)] if workers else []
    words += ["--out", str(out)] if out else []
    words += ["--cluster", str(cluster_file)] if cluster_file else []
    words += ["--notify", notify] if notify else []
    job, log = submit_run(find_cluster(cluster_file), store, words)
    follow = f"xstilts status {study} --store {store.root} --watch"
    open_console().print(
        f"submitted as job {job}, which prints into {log}\nfollow it: {follow}\nend it:    scancel {job}", soft_wrap=True
    )


def run_plan(console: Console, plan: Plan, store: Store, workers: int | None, start: StartExecutor = start_local) -> State:
    """Run what the store lacks of a plan. An interruption ends the program with exit code 130; what was done is kept."""
    print_gaps(console, plan)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with LiveView(console) as view:
            return execute(plan, store, workers, view.show, start)
    except KeyboardInterrupt:
        print("Interrupted. Finished work is kept. Run the same command again to continue.", file=sys.stderr)
        raise SystemExit(130) from None


def print_failures(state: State, study: str = "") -> None:
    """Print one sentence for each stage that failed, which ends with how to see more. `study`: as it was named to the run."""
    usual = Path(os.environ.get("XSTILTS_STORE", DEFAULT_STORE)).expanduser().absolute()
    store = [] if state.store.root == usual else ["--store", str(state.store.root)]
    for stage in state.plan.stages:
        if stage.key in state.errors:
            more = shlex.join(["xstilts", "logs", study, stage.key[:KEY_DIGITS], *store])
            hint = f"; see more: {more}" if study else ""
            print_error(f"{stage.kind} {stage.slug}: {state.errors[stage.key].error}{hint}")


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
