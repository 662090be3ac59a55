"""What a person sees of a run: its live progress, and the status. Terminal only (rich)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from xstilts.store.lease import holder
from xstilts.store.store import Store
from xstilts.study.compile import Plan
from xstilts.study.execute import State, inspect

PLAIN_SECONDS = 10.0


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


def running_table(running: Iterable[tuple[str, str, Mapping[str, Any], float]]) -> Table:
    """A line per running stage: (kind, slug, what it last reported, seconds since it began). Columns in which nothing stands
    are left out; `of peak` is the utilisation of what the machine's matrix products reach."""
    lines = []
    for kind, slug, live, seconds in running:
        training = "loss" in live
        lines.append(
            (
                Text(f"  {kind}", style="cyan"),
                slug,
                f"{live.get('language', '')} {live['step']:,}/{live['steps']:,}".strip() if live.get("steps") else "",
                f"{live['loss']:.3f}" if training else "",
                f"{live['tokens_per_second']:,.0f}" if "tokens_per_second" in live else "",
                f"{100 * live['utilisation']:.1f} %" if live.get("utilisation") is not None else "",
                f"{clock(live['seconds_left'])} left" if "seconds_left" in live else clock(seconds),
            )
        )
    names = ("", "", "step", "loss", "tokens/s", "of peak", "time")
    shown = [i for i in range(len(names)) if any(line[i] for line in lines)]
    titled = len(shown) > 3
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=titled, header_style="dim")
    for i in shown:
        if i == 1:
            table.add_column(names[i], overflow="fold")
        elif i == 0:
            table.add_column(names[i], no_wrap=True)
        else:
            table.add_column(names[i], no_wrap=True, justify="right", style="dim")
    for line in lines:
        table.add_row(*(line[i] for i in shown))
    return table


def stage_states(plan: Plan, store: Store) -> list[dict[str, Any]]:
    """One record per stage: done, running (somebody holds its lease), failed, blocked, or open."""
    state = inspect(plan, store, thorough=False)
    found: dict[str, str] = {}
    records = []
    for stage in plan.stages:
        folder = store.folder(stage.kind, stage.slug, stage.key)
        runs = store.runs(folder)
        status = "done" if state.status[stage.key] == "done" else "open"
        error = ""
        if status == "open":
            if holder(folder) is not None:
                status = "running"
            elif any(found[i.key] in ("failed", "blocked") for i in stage.inputs.values()):
                status = "blocked"
            elif runs and runs[-1].get("outcome") == "failed":
                status, error = "failed", runs[-1]["error"]
        found[stage.key] = status
        records.append(
            {
                "kind": stage.kind,
                "slug": stage.slug,
                "key": stage.key,
                "status": status,
                "attempts": len(runs),
                "seconds": runs[-1].get("seconds") if runs else None,
                "error": error,
                "progress": runs[-1].get("progress") if runs and status == "running" else None,
                "started": runs[-1].get("started") if runs else None,
                "folder": str(folder),
            }
        )
    return records


def print_status(console: Console, plan: Plan, records: list[dict[str, Any]]) -> None:
    """Counts, then the stages that are running or failed."""
    counts = Counter(record["status"] for record in records)
    words = ", ".join(f"{counts[name]} {name}" for name in ("done", "running", "open", "failed", "blocked") if counts[name])
    console.print(f"[bold]{plan.study.name}[/bold]: {len(records)} stages: {words}")
    now = time.time()
    running = [record for record in records if record["status"] == "running"]
    if running:
        lines = ((r["kind"], r["slug"], r["progress"] or {}, now - (r["started"] or now)) for r in running)
        console.print(running_table(lines))
    for record in records:
        if record["status"] == "failed":
            console.print(f"  [red]failed[/red]  {record['kind']} {record['slug']}: {record['error']}", soft_wrap=True)
