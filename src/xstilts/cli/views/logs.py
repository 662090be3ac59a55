"""Attempts at stages in the terminal: a line for each that did not end well, or all that is known of those at one stage."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from xstilts.analysis import formatting as fmt
from xstilts.cli.views.progress import describe_progress
from xstilts.execution.logs import Attempt, Printed, format_time, read_printed
from xstilts.execution.status import read_number
from xstilts.store.store import KEY_DIGITS, Named

STYLES = {"done": "green", "running": "cyan", "failed": "red"}


def print_troubles(console: Console, troubles: Sequence[Attempt]) -> None:
    """A line for each: when, how it ended, which stage, where, the first line of its error."""
    for one in troubles:
        name = f"{one.stage.kind} {one.stage.slug} ({one.stage.key[:KEY_DIGITS]})"
        error = f": {one.error.splitlines()[0]}" if one.error.strip() else ""
        mended = " [the stage is done by now]" if one.mended else ""
        line = f"{name}, attempt {one.number} on {one.run.get('host') or 'an unknown host'}{error}{mended}"
        console.print(Text.assemble(f"{format_time(one.started)}  ", _color(one), f"  {line}"), soft_wrap=True)


def print_attempts(console: Console, stage: Named, folder: Path, attempts: Sequence[Attempt], jobs: Sequence[Printed]) -> None:
    """All that is known of the attempts at a stage, oldest first, and the logs of the jobs that were to run it."""
    console.print(Text(f"{stage.kind} {stage.slug} ({stage.key[:KEY_DIGITS]})", style="bold"), soft_wrap=True)
    console.print(str(folder), style="dim", soft_wrap=True)
    if not attempts:
        console.print("No attempt was made at it.")
    for one in attempts:
        _print_attempt(console, one)
    for printed in jobs:
        console.print()
        _print_lines(console, printed, "the log of a job that was to run it")


def _print_attempt(console: Console, one: Attempt) -> None:
    seconds, peak = (read_number(one.run.get(name)) for name in ("seconds", "peak_mib"))
    facts = [format_time(one.started), str(one.run.get("host") or "")]
    facts += [fmt.seconds(seconds) if seconds is not None else "", fmt.memory(peak) if peak is not None else ""]
    console.print()
    head = Text.assemble((f"attempt {one.number}: ", "bold"), _color(one), f" · {' · '.join(filter(None, facts))}")
    console.print(head, soft_wrap=True)
    versions = one.run.get("versions")
    if isinstance(versions, dict):
        _print_part(console, ", ".join(f"{name} {version}" for name, version in versions.items()), style="dim")
    said = one.run.get("said")
    for sentence in said if isinstance(said, list) else []:
        _print_part(console, str(sentence), style="yellow")
    if one.error:
        _print_part(console, one.error, style="red")
    progress = one.run.get("progress")
    if isinstance(progress, dict) and one.outcome != "done":
        words = describe_progress(progress, 0.0)
        parts = (f"step {words.step}" if words.step else "", f"loss {words.loss}" if words.loss else "", words.now)
        _print_part(console, f"last report: {', '.join(filter(None, parts)) or 'nothing in particular'}")
    if trace := one.run.get("traceback"):
        _print_part(console, str(trace).rstrip())
    if printed := read_printed(one):
        _print_lines(console, printed, "printed")


def _color(one: Attempt) -> tuple[str, str]:
    return one.outcome, STYLES.get(one.outcome, "yellow")


def _print_part(console: Console, text: str, style: str = "") -> None:
    console.print(Text("\n".join(f"  {line}" for line in text.split("\n")), style=style), soft_wrap=True)


def _print_lines(console: Console, printed: Printed, what: str) -> None:
    cut = f", its last {len(printed.lines)} lines" if printed.cut else ""
    _print_part(console, f"{what} ({printed.path}{cut}):", style="dim")
    _print_part(console, "\n".join(f"| {line}" for line in printed.lines))
