"""What a person sees of a run in a terminal: its own progress, the status, and the status of a run that others do.

A run draws from what its workers tell it, the status from what `watch` finds in the store; both show a running stage alike.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, NamedTuple

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from xstilts.execution.execute import State
from xstilts.execution.status import STATUSES, StudyStatus, Watch, number

PLAIN_SECONDS = 10.0
LOOK_SECONDS = 1.0
SILENT_SECONDS = 60.0


def clock(seconds: float) -> str:
    """`2:05` (minutes, seconds), or `1:02:05`."""
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


class LiveView:
    """A bar over all stages, a line per running stage, what is left. On something that is not a terminal: a line now and then."""

    def __init__(self, console: Console):
        self.console = console
        self.live = Live(console=console, refresh_per_second=5, transient=False) if console.is_terminal else None
        self.said = 0
        self.last = 0.0
        self.began = False

    def __enter__(self) -> LiveView:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self.live:
            self.live.stop()

    def show(self, state: State) -> None:
        """Called by the executor whenever something may have changed."""
        for message in state.messages[self.said :]:
            self.console.print(f"[yellow]{message}[/yellow]", soft_wrap=True)
        self.said = len(state.messages)
        if self.live:
            self.live.update(self._picture(state))
        elif not self.began or time.monotonic() - self.last > PLAIN_SECONDS:
            self.last = time.monotonic()
            self.console.print(self._line(state), soft_wrap=True)
        self.began = True

    def _line(self, state: State) -> str:
        total, done = len(state.plan.stages), state.count("done")
        parts = [f"{done}/{total} stages", f"{len(state.cached)} from the store"]
        if state.errors:
            parts.append(f"{state.count('failed')} failed")
        if state.count("pending", "running"):
            parts.append(f"about {clock(state.seconds_left())} left" if state.measured else "time left not known yet")
        return f"{state.plan.study.name}: {', '.join(parts)}"

    def _picture(self, state: State) -> Group:
        names = {stage.key: stage for stage in state.plan.stages}
        now = time.monotonic()
        running = [(names[key].kind, names[key].slug, live, now - live["started"]) for key, live in state.live.items()]
        total, done = len(state.plan.stages), state.count("done")
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            Text(state.plan.study.name, style="bold"),
            ProgressBar(total=total, completed=done, width=20),
            Text(self._line(state).partition(": ")[2]),
        )
        return Group(bar, running_table(running))


class Facts(NamedTuple):
    """What a running stage says of itself, in words; empty where it says nothing."""

    step: str
    loss: str
    tokens_per_second: str
    of_peak: str
    time: str


def facts(live: Mapping[str, Any], seconds: float) -> Facts:
    """Out of what a stage last reported (with `at`, when), and the seconds since it began. A rate that was reported long ago
    is no longer one, so that it and the time left are then dropped."""
    at = number(live.get("at"))
    fresh = at is None or time.time() - at < SILENT_SECONDS
    step, steps, loss, speed, of_peak, left = (
        number(live.get(name)) for name in ("step", "steps", "loss", "tokens_per_second", "utilisation", "seconds_left")
    )
    return Facts(
        f"{live.get('language') or ''} {step:,}/{steps:,}".strip() if step is not None and steps else "",
        f"{loss:.3f}" if loss is not None else "",
        f"{speed:,.0f}" if speed is not None and fresh else "",
        f"{100 * of_peak:.1f} %" if of_peak is not None and fresh else "",
        f"{clock(left)} left" if left is not None and fresh else clock(max(seconds, 0.0)),
    )


def running_table(running: Iterable[tuple[str, str, Mapping[str, Any], float]]) -> Table:
    """A line per running stage: (kind, slug, what it last reported, seconds since it began). Columns in which nothing stands
    are left out; `of peak` is the utilisation of what the machine's matrix products reach."""
    lines = [(Text(f"  {kind}", style="cyan"), Text(slug), *facts(live, seconds)) for kind, slug, live, seconds in running]
    names = ("", "", "step", "loss", "tokens/s", "of peak", "time")
    shown = [i for i in range(len(names)) if any(line[i] for line in lines)]
    titled = len(shown) > 3
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=titled, header_style="dim")
    for i in shown:
        if i == 1:
            table.add_column(names[i], overflow="fold", min_width=14)
        elif i == 0:
            table.add_column(names[i], no_wrap=True)
        else:
            table.add_column(names[i], no_wrap=True, justify="right", style="dim")
    for line in lines:
        table.add_row(*(line[i] for i in shown))
    return table


def counted(look: StudyStatus) -> str:
    """`133 stages: 57 done, 2 running, 74 open`."""
    found = ", ".join(f"{look.counts[status]} {status}" for status in STATUSES if look.counts[status])
    return f"{len(look.records)} stages: {found}"


def outlook(look: StudyStatus) -> str:
    """What is to be expected, in a sentence."""
    if look.ended and not look.counts["failed"]:
        return "All is done."
    if look.ended:
        return "Nothing runs, and nothing is left but what failed; run the study again to try it anew."
    if not look.counts["running"]:
        nowhere = "" if look.store.root.is_dir() else f", and there is no store {look.store.root} yet"
        return f"Nobody works on it now{nowhere}."
    if look.seconds_left is None:
        return "Time left not known yet."
    if look.seconds_left < 60:
        return "Less than a minute left."
    return f"About {clock(look.seconds_left)} {'hours' if look.seconds_left >= 3600 else 'minutes'} left."


def trouble(look: StudyStatus) -> list[tuple[str, str, str]]:
    """(status, stage, sentence) of what failed, was damaged or was left, the worst first."""
    found = []
    for status in ("failed", "damaged", "stopped"):
        for record in look.having(status):
            step = facts(record["progress"] or {}, 0.0).step
            said = {
                "failed": record["error"],
                "damaged": f"{record['error']}; the next run makes it again",
                "stopped": f"left {f'at {step}' if step else 'unfinished'}; the next run goes on with it",
            }
            found.append((status, f"{record['kind']} {record['slug']}", said[status]))
    return found


def running(look: StudyStatus) -> list[tuple[str, str, dict[str, Any], float]]:
    """What `running_table` shows of a look, the longest-running first."""
    records = sorted(look.having("running"), key=lambda record: record["started"] or look.at)
    return [(r["kind"], r["slug"], r["progress"] or {}, look.at - (r["started"] or look.at)) for r in records]


def picture(look: StudyStatus, bar: bool = True, height: int | None = None) -> Group:
    """The status. `height`: the lines that there are; what does not fit is counted."""
    name, done, total = look.plan.study.name, look.counts["done"], max(len(look.records), 1)
    lines: list[Any] = []
    if bar:
        top = Table.grid(padding=(0, 1))
        top.add_row(Text(name, style="bold"), ProgressBar(total, done, width=20), Text(f"{100 * done // total} %"))
        lines.append(top)
    lines.append(Text.assemble(("" if bar else f"{name}: ", "bold"), f"{counted(look)}. {outlook(look)}"))
    at_work, bad = running(look), trouble(look)
    room = len(at_work) if height is None else max(height // 2 - 4, 1)
    if at_work:
        lines.append(running_table(at_work[:room]))
    if len(at_work) > room:
        lines.append(Text(f"  and {len(at_work) - room} more running", style="dim"))
    room = len(bad) if height is None else max((height - len(at_work)) // 4, 1)
    for status, stage, sentence in bad[:room]:
        line = Text.assemble((f"{status}  ", "red" if status == "failed" else "yellow"), f"{stage}: {sentence}")
        lines.append(Padding(line, (0, 0, 0, 2)) if bar else Text("  ") + line)
    if len(bad) > room:
        lines.append(Text(f"  and {len(bad) - room} more; without --watch all are named", style="dim"))
    return Group(*lines)


def print_status(console: Console, look: StudyStatus) -> None:
    """Counts and outlook, then the stages that run, and those that failed or were left."""
    console.print(picture(look, bar=console.is_terminal), soft_wrap=not console.is_terminal)


def follow(console: Console, watch: Watch) -> None:
    """Show the status again and again until nothing is left to wait for. On something that is not a terminal: a line now and
    then. Whoever presses Ctrl-C gets KeyboardInterrupt, with the last picture left standing."""
    look, said, last = watch.look(), "", -PLAIN_SECONDS
    live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
    try:
        if live:
            live.start()
        while not look.ended:
            if live:
                live.update(picture(look, height=console.height), refresh=True)
            elif counted(look) != said and time.monotonic() - last > PLAIN_SECONDS:
                said, last = counted(look), time.monotonic()
                console.print(f"{look.plan.study.name}: {said}. {outlook(look)}", soft_wrap=True, markup=False)
            time.sleep(LOOK_SECONDS)
            look = watch.look()
    finally:
        if live:
            live.transient = look.ended
            live.stop()
    print_status(console, look)
