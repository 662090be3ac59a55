"""The status of a study in the terminal, once or again and again, whichever process runs the study."""

import time
from typing import Any, NamedTuple

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from xstilts.cli.views.progress import (
    PLAIN_SECONDS,
    RunningStage,
    describe_dependents,
    describe_progress,
    describe_time_left,
    draw_running,
)
from xstilts.execution.status import STATES, StatusReader, StudyStatus

REFRESH_SECONDS = 1.0


class StageProblem(NamedTuple):
    """A stage that failed, is damaged or was stopped, and a sentence about it."""

    what: str
    stage: str
    sentence: str


def count_states(status: StudyStatus) -> str:
    """`133 stages: 57 done, 2 running, 74 pending`."""
    counts = ", ".join(f"{status.counts[state]} {state}" for state in STATES if status.counts[state])
    return f"{len(status.stages)} stages: {counts}"


def describe_outlook(status: StudyStatus) -> str:
    """What is to be expected, in one or two sentences."""
    if status.ended and not status.counts["failed"]:
        return "All stages are done."
    if status.ended:
        return "No run is active. Only failed and blocked stages are left; run the study again to retry them."
    if not status.counts["running"] and status.watching:
        return f"No stage runs now. {status.watching[0]} waits for jobs in the queue."
    if not status.counts["running"]:
        return "No run is active." + ("" if status.store.root.is_dir() else f" The store {status.store.root} does not exist yet.")
    if status.time_left is None:
        return "The time left is not known yet."
    words = describe_time_left(status.time_left)
    return f"{words[0].upper()}{words[1:]} left."


def list_problems(status: StudyStatus) -> list[StageProblem]:
    """The stages that failed, then those that are damaged, then those that were stopped."""
    found: list[StageProblem] = []
    for stage in status.stages:
        match what := stage.pending_because or stage.state:
            case "failed":
                sentence = stage.error + describe_dependents(status.plan, stage.key)
            case "damaged":
                sentence = f"{stage.error}; the next run makes it again"
            case "stopped":
                step = describe_progress(stage.progress or {}, 0.0).step
                sentence = f"unfinished{f' at {step}' if step else ''}; the next run continues it"
            case _:
                continue
        found.append(StageProblem(what, f"{stage.kind} {stage.slug}", sentence))
    return sorted(found, key=lambda problem: ("failed", "damaged", "stopped").index(problem.what))


def list_running(status: StudyStatus) -> list[RunningStage]:
    """The running stages, the longest-running first."""
    running = [stage for stage in status.stages if stage.state == "running"]
    found = [RunningStage(s.kind, s.slug, s.progress or {}, status.at - (s.started or status.at), s.losses) for s in running]
    return sorted(found, key=lambda stage: -stage.seconds)


def draw_status(status: StudyStatus, bar: bool = True, height: int | None = None) -> Group:
    """The status as it is printed. `height`: the number of lines; what does not fit is counted."""
    name, done, total = status.plan.study.name, status.counts["done"], max(len(status.stages), 1)
    lines: list[Any] = []
    if bar:
        top = Table.grid(padding=(0, 1))
        top.add_row(Text(name, style="bold"), ProgressBar(total, done, width=20), Text(f"{100 * done // total} %"))
        lines.append(top)
    lines.append(Text.assemble(("" if bar else f"{name}: ", "bold"), f"{count_states(status)}. {describe_outlook(status)}"))
    running, problems = list_running(status), list_problems(status)
    drawn = draw_running(running, height)
    lines += drawn
    shown = drawn[0].row_count if running and isinstance(drawn[0], Table) else 0
    room = len(problems) if height is None else max((height - 4 - 2 * shown) // 5, 1)
    for what, stage, sentence in problems[:room]:
        line = Text.assemble((f"{what}  ", "red" if what == "failed" else "yellow"), f"{stage}: {sentence}")
        lines.append(Padding(line, (0, 0, 0, 2)) if bar else Text("  ") + line)
    if len(problems) > room:
        lines.append(Text(f"  and {len(problems) - room} more; without --watch all are listed", style="dim"))
    return Group(*lines)


def print_status(console: Console, status: StudyStatus) -> None:
    """Print the counts and the outlook, then the running stages, then the problems."""
    console.print(draw_status(status, bar=console.is_terminal), soft_wrap=not console.is_terminal)


def follow_status(console: Console, reader: StatusReader) -> None:
    """Show the status again and again until nothing is left to wait for. Where the output is not a terminal: a line from time
    to time. Ctrl-C raises KeyboardInterrupt and leaves the last status on the screen."""
    status, printed, printed_at = reader.read(), "", -PLAIN_SECONDS
    live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
    try:
        if live:
            live.start()
        while not status.ended:
            counts = count_states(status)
            if live:
                live.update(draw_status(status, height=console.height), refresh=True)
            elif counts != printed and time.monotonic() - printed_at > PLAIN_SECONDS:
                printed, printed_at = counts, time.monotonic()
                line = f"{status.plan.study.name}: {counts}. {describe_outlook(status)}"
                console.print(line, soft_wrap=True)
            time.sleep(REFRESH_SECONDS)
            status = reader.read()
    finally:
        if live:
            live.transient = status.ended
            live.stop()
    print_status(console, status)
