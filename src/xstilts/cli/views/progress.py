"""The progress of running stages in the terminal: the live view of this process's own run, and the table of running stages.

The status of a study (`views/status.py`) shows running stages with the same table.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from textwrap import shorten
from types import TracebackType
from typing import Any, NamedTuple

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from xstilts.analysis import formatting as fmt
from xstilts.execution.execute import State, count_dependents
from xstilts.execution.status import read_number
from xstilts.execution.time_left import TimeLeft
from xstilts.plan.compile import Plan
from xstilts.stages.stage import Stage

# Where the output is not a terminal, a line is printed at most this often.
PLAIN_SECONDS = 10.0
IN_PLACE_SECONDS = 1.0
# Of a reason that has more than one line.
REASON_LENGTH = 120
# How fast the time left follows a new estimate.
SMOOTHING_SECONDS = 30.0
# A stage that reported nothing for longer than this is called silent, and its last rates are not shown any more.
SILENT_SECONDS = 60.0


class RunningStage(NamedTuple):
    """A running stage, what it last reported, the seconds since it began, and a training's losses (see `StageStatus`)."""

    kind: str
    slug: str
    report: Mapping[str, Any]
    seconds: float
    losses: tuple[tuple[int, float], ...] = ()


class ProgressWords(NamedTuple):
    """What a running stage reported, in words; empty where it reported nothing. `of_peak`: its share of the rate that the
    machine's matrix products reach. `now`: what it does inside a step or beside its steps, or since when it is silent."""

    step: str
    loss: str
    tokens_per_second: str
    of_peak: str
    time: str
    now: str


def format_seconds(seconds: float) -> str:
    """`2:05` (minutes, seconds), or `1:02:05`."""
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def describe_time_left(left: TimeLeft) -> str:
    """`about 12 minutes (10 to 15)`: two digits of the largest unit, as the estimate is no better."""
    if left.seconds < 60:
        return "less than a minute"
    unit, name = (3600, "h") if left.most >= 5400 else (60, "minutes")
    values = [max(1, round(x / unit)) if unit == 60 else round(x / unit, 1) for x in (left.seconds, left.least, left.most)]
    return f"about {values[0]:g} {name} ({values[1]:g} to {values[2]:g})"


def describe_progress(report: Mapping[str, Any], seconds: float) -> ProgressWords:
    """The words for what a stage reported (at the time `at`, if it reported anything) and for the seconds since it began. Rates
    and the time left are left out when the report is old."""
    heard = read_number(report.get("at")) or time.time() - max(seconds, 0.0)
    fresh = time.time() - heard < SILENT_SECONDS
    step, steps, loss, speed, of_peak, left = (
        read_number(report.get(name)) for name in ("step", "steps", "loss", "tokens_per_second", "utilisation", "seconds_left")
    )
    doing = _count(str(report.get("doing") or ""), read_number(report.get("done")), read_number(report.get("of")))
    silent = "" if fresh else f"silent since {_clock_time(heard)}"
    return ProgressWords(
        _count("", step, steps) if steps else "",
        f"{loss:.3f}" if loss is not None else "",
        f"{speed:,.0f}" if speed is not None and fresh else "",
        f"{100 * of_peak:.1f} %" if of_peak is not None and fresh else "",
        f"{format_seconds(left)} left" if left is not None and fresh else format_seconds(max(seconds, 0.0)),
        ", ".join(filter(None, (doing, silent))),
    )


def _count(what: str, done: float | None, of: float | None) -> str:
    """`what 1,200/4,500`, as far as these are known."""
    number = "" if done is None else f"{done:,}/{of:,}" if of else f"{done:,}"
    return f"{what} {number}".strip()


def _clock_time(at: float) -> str:
    """`14:03`; with the day if it is not today."""
    then, today = time.localtime(at), time.localtime()
    return time.strftime("%H:%M" if then[:3] == today[:3] else "%Y-%m-%d %H:%M", then)


def tabulate_running(stages: Iterable[RunningStage]) -> Table:
    """A line for each running stage, and one for what it does now where there is more to say. Empty columns are left out."""
    lines: list[tuple[str | Text, ...]] = []
    for stage in stages:
        *words, now = describe_progress(stage.report, stage.seconds)
        name = Text.assemble(stage.slug, (f"\n{now}" if now else "", "dim"))
        lines.append((Text(f"  {stage.kind}", style="cyan"), name, *words))
    names = ("", "", "step", "loss", "tokens/s", "of peak", "time")
    shown = [i for i in range(len(names)) if any(line[i] for line in lines)]
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=len(shown) > 3, header_style="dim")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", min_width=14)
    for i in shown[2:]:
        table.add_column(names[i], no_wrap=True, justify="right", style="dim")
    for line in lines:
        table.add_row(*(line[i] for i in shown))
    return table


def draw_running(stages: Sequence[RunningStage], height: int | None) -> list[Table | Text]:
    """The table of the stages that run, and a line that counts those that wait in the queue of a cluster. `height`: the number of
    lines of the screen; those that do not fit are counted."""
    queued = Counter(str(stage.report["queued"]) for stage in stages if "queued" in stage.report)
    running = [stage for stage in stages if "queued" not in stage.report]
    room = len(running) if height is None else max(height // 4 - 2, 1)  # of two lines
    lines: list[Table | Text] = []
    if running:
        lines.append(tabulate_running(running[:room]))
    if len(running) > room:
        lines.append(Text(f"  and {len(running) - room} more running", style="dim"))
    if queued:
        reasons = ", ".join(f"{reason} {count}" if len(queued) > 1 else reason for reason, count in queued.most_common())
        waiting = fmt.count(queued.total(), "stage waits", "stages wait")
        lines.append(Text(f"  {waiting} in the queue ({reasons})", style="dim"))
    return lines


def describe_failure(state: State, stage: Stage) -> Text:
    """A failed stage in one line: what, why, what to do, what it costs. Of a reason of several lines the first is cut and all but
    the second are left out; the end of the run and the status have all of it."""
    reason, *more = state.errors[stage.key].error.splitlines()
    error = f"{shorten(reason, REASON_LENGTH, placeholder=' …')} {more[0].strip()}" if more else reason
    return Text.assemble(("failed  ", "red"), f"{stage.kind} {stage.slug}: {error}{describe_dependents(state.plan, stage.key)}")


def describe_dependents(plan: Plan, key: str) -> str:
    """`; 3 stages that need it are left out`; empty if none does."""
    lost = count_dependents(plan, key)
    return f"; {fmt.count(lost, 'stage that needs it is', 'stages that need it are')} left out" if lost else ""


def describe_stopping(state: State) -> str:
    """What a run that was asked to stop waits for, and what is lost if it does not wait."""
    running = [state.stages[key] for key in state.status.of("running")]
    trainings = sum(stage.kind == "train" for stage in running)
    others = len(running) - trainings
    waits = []
    if trainings:
        waits.append(fmt.count(trainings, "training to write its checkpoint", "trainings to write their checkpoint"))
    if others:
        waits.append(
            fmt.count(others, "other stage to end", "other stages to end")
            if trainings
            else f"{fmt.count(others, 'stage')} to end"
        )
    lost = Counter[str]()
    for stage in running:
        report = state.live.get(stage.key, {})
        step, saved = read_number(report.get("step")), read_number(report.get("saved"))
        if step is not None and saved is not None and step > saved:
            lost[report.get("unit") or "steps"] += round(step - saved)
    costs = " and ".join(fmt.count(count, unit.removesuffix("s")) for unit, count in lost.items())
    return (
        f"stopping: waiting for {' and '.join(waits) or 'nothing'}; press Ctrl-C again to stop at once"
        f" ({f'loses up to {costs}' if costs else 'loses only what is unfinished'})"
    )


class LiveView:
    """A bar over all stages, the running stages and the time left, below the failures. Not in a terminal: a line from time to
    time. `in_place`: that line is written over the one before, as a notebook shows it."""

    def __init__(self, console: Console, in_place: bool = False):
        self.console = console
        self.in_place = in_place
        self.open_line = 0  # characters of the line that the next one is written over
        shows = console.is_terminal and not in_place  # a notebook's kernel calls itself a terminal, for the colours
        self.live = Live(console=console, refresh_per_second=5, transient=False) if shows else None
        self.messages_shown = 0
        self.failures_shown = 0
        self.said_stopping = False
        self.ends: float | None = None
        self.looked = 0.0
        self.last_line_at: float | None = None

    def __enter__(self) -> LiveView:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self.live:
            self.live.stop()
        self._end_line()

    def show(self, state: State) -> None:
        """The executor calls this whenever something may have changed."""
        for message in state.messages[self.messages_shown :]:
            self._print(Text(message, style="yellow"))
        self.messages_shown = len(state.messages)
        for key in list(state.errors)[self.failures_shown :]:
            self._print(describe_failure(state, state.stages[key]))
        self.failures_shown = len(state.errors)
        if state.stopping and not self.live and not self.said_stopping:
            self.said_stopping = True
            self._print(Text(describe_stopping(state)))
        if self.live:
            self.live.update(self._draw(state))
        elif (
            self.last_line_at is None
            or time.monotonic() - self.last_line_at > (IN_PLACE_SECONDS if self.in_place else PLAIN_SECONDS)
            or (self.in_place and not state.count("pending", "running", "elsewhere"))
        ):
            self.last_line_at = time.monotonic()
            line = f"{state.plan.study.name}: {self._count_stages(state)}"
            if self.in_place:
                self.console.file.write(f"\r{line.ljust(self.open_line)}")
                self.console.file.flush()
                self.open_line = len(line)
            else:
                self.console.print(line, soft_wrap=True)

    def _print(self, text: Text) -> None:
        self._end_line()
        self.console.print(text, soft_wrap=not self.live)

    def _end_line(self) -> None:
        if self.open_line:
            self.console.file.write("\n")
            self.open_line = 0

    def _draw(self, state: State) -> Group:
        stages, now = state.stages, time.monotonic()
        running = [RunningStage(stages[key].kind, stages[key].slug, x, now - x["started"]) for key, x in state.live.items()]
        bar = Table.grid(padding=(0, 1))
        done = ProgressBar(total=len(stages), completed=state.count("done"), width=20)
        bar.add_row(Text(state.plan.study.name, style="bold"), done, Text(self._count_stages(state)))
        return Group(
            bar,
            *draw_running(running, self.console.height),
            *([Text(describe_stopping(state), style="yellow")] if state.stopping and state.count("running") else []),
        )

    def _count_stages(self, state: State) -> str:
        parts = [f"{state.count('done')}/{len(state.plan.stages)} stages", f"{len(state.cached)} from the store"]
        if state.errors:
            parts.append(f"{state.count('failed')} failed")
        if state.count("pending", "running") and not state.stopping:
            left = self._smooth(state.time_left())
            parts.append(f"{describe_time_left(left)} left" if left else "the time left is not known yet")
        return ", ".join(parts)

    def _smooth(self, left: TimeLeft | None) -> TimeLeft | None:
        """The estimate moves towards the newest one within about half a minute, so that no single stage makes it jump."""
        if left is None:
            return None
        now = time.monotonic()
        weight = 1.0 if self.ends is None else 1 - math.exp(-(now - self.looked) / SMOOTHING_SECONDS)
        before = now + left.seconds if self.ends is None else self.ends
        self.ends, self.looked = before + weight * (now + left.seconds - before), now
        seconds = max(self.ends - now, 0.0)
        factor = left.most / left.seconds if left.seconds else 1.0
        return TimeLeft(seconds, seconds / factor, seconds * factor)
