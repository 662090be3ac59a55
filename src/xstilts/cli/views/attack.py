"""What attacks did to a model, in the terminal and as a file."""

import csv
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from xstilts.analysis.broken_examples import reveal
from xstilts.data.csv_cells import guard_cell
from xstilts.errors import InputError
from xstilts.execution.attack import Attacked, Summary, write_attacked
from xstilts.execution.attack_checks import Carried, Rung, explain_rungs

SHOWN = 5
KEPT = " kept: of the broken ones, those that mean the same to the judge."


def print_attacks(console: Console, summaries: Sequence[Summary], rows: Sequence[Attacked]) -> None:
    """A line for each attack and language, then broken examples, in turn of different attacks and languages. Items that stand
    alone have a table of their own."""
    if alone := [one for one in summaries if one.alone]:
        _print_items(console, alone)
    if not (summaries := [one for one in summaries if not one.alone]):
        return _print_examples(console, rows)
    judged = any(one.kept is not None for one in summaries)
    table = _make_table(
        "examples", "right before", "after", "broken", "not edited", "queries", "90 %", *(["kept"] if judged else [])
    )
    for one in summaries:
        shares = (f"{100 * share:.1f}" for share in (one.clean, one.attacked))
        table.add_row(
            one.attack,
            one.language,
            str(one.examples),
            *shares,
            _percent(one.success),
            str(one.untouched),
            f"{one.queries:g}",
            f"{one.queries_p90:g}",
            *_show_kept(one, judged),
        )
    console.print(table)
    console.print(
        "\nright before, after: percent of all examples; after: with its worst variant. broken: of those right before. "
        "not edited: how many of these have no variant. queries: of the others, the median and the 90th percentile."
        f"{KEPT if judged else ''}",
        style="dim",
    )
    _print_examples(console, rows)


def _print_items(console: Console, summaries: Sequence[Summary]) -> None:
    table = _make_table("items", "right")
    for one in summaries:
        table.add_row(one.attack, one.language, str(one.examples), _percent(one.clean))
    console.print(table)
    console.print("\n[dim]right: of items that stand alone, each a text of its own with a known answer.[/dim]")


def print_transfer(console: Console, summaries: Sequence[Carried], rows: Sequence[Attacked]) -> None:
    """The same for variants that were found on another model."""
    judged = any(one.kept is not None for one in summaries)
    columns = ["kept"] if judged else []
    table = _make_table("examples", "both right", "not edited", "surrogate broken", "victim broken", *columns)
    for one in summaries:
        counts = (str(one.examples), str(one.right), str(one.untouched))
        table.add_row(one.attack, one.language, *counts, _percent(one.surrogate), _percent(one.victim), *_show_kept(one, judged))
    console.print(table)
    console.print(
        "\nbroken: of the examples that both models get right; the variants were found on the surrogate, and the victim was "
        "asked once about each. not edited: how many of these have no variant that lowers the surrogate's "
        f"score.{KEPT if judged else ''}",
        style="dim",
    )
    _print_examples(console, rows)


def print_checks(console: Console, rungs: Sequence[Rung]) -> None:
    """How much each search breaks, and a sentence for each inequality that does not hold."""
    table = _make_table("search", "variants tried", "right", "broken")
    for one in rungs:
        broken = _percent(one.broken / one.right if one.right else math.nan)
        table.add_row(one.attack, one.language, one.search, f"{one.tried:.3g}", str(one.right), broken)
    console.print(table)
    sentences = explain_rungs(rungs)
    for text in sentences or [
        "Asking breaks no less than transfer, transfer no less than random, more variants no less than fewer."
    ]:
        console.print(text, soft_wrap=True)


def _make_table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("attack", no_wrap=True)
    table.add_column("language")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _show_kept(one: Summary | Carried, judged: bool) -> list[str]:
    return ["-" if one.kept is None else _percent(one.kept)] if judged else []


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"


def _print_examples(console: Console, rows: Sequence[Attacked]) -> None:
    for row in _choose(rows):
        written = write_attacked(row)
        title = f" {row.example.id}: right was {written['gold']}"
        console.print(Text.assemble("\n", (f"{row.attack} {row.language}", "bold"), title), soft_wrap=True)
        texts = [("item" if row.alone else "before", written["text"]), ("after", written["attacked_text"])]
        for name, text in texts[: 1 if row.alone else 2]:
            shown = reveal(text, changed=name == "after")
            console.print(Text.assemble((f"  {name:7}", "dim"), shown), soft_wrap=True)


def check_file(path: Path) -> None:
    """Raises InputError if no file can be written there: asked before the attack, not after it."""
    if path.is_dir() or not os.access(path.absolute().parent, os.W_OK | os.X_OK):
        raise InputError(f"{path}: cannot be written; expected the path of a file in a folder that is there")


def write_rows(path: Path, rows: Sequence[Attacked]) -> None:
    """A line for each example. Raises InputError if the file cannot be written."""
    written = [write_attacked(row) for row in rows]
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            if path.suffix == ".csv":
                columns = dict.fromkeys(name for row in written for name in row)  # a judge is asked about some rows only
                table = csv.DictWriter(file, list(columns))
                table.writeheader()
                table.writerows({name: guard_cell(value) for name, value in row.items()} for row in written)
            else:
                file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in written)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None


def _choose(rows: Sequence[Attacked]) -> list[Attacked]:
    """The first broken example of each attack and language that is a text, or the first item that is wrong, as many as are
    shown."""
    first: dict[tuple[str, str], Attacked] = {}
    for row in rows:
        if (row.found.broken and row.found.variant) or (row.alone and row.found.clean < row.found.threshold):
            first.setdefault((row.attack, row.language), row)
    return list(first.values())[:SHOWN]
