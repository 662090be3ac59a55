"""The verb that attacks the model of a finished cell."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from xstilts.cli.app import MODELS, app, load_plan, open_console, print_json
from xstilts.cli.options import DEFAULT_STORE, JsonOption, SetOption, StoreOption, StudyArgument


@app.command(rich_help_panel=MODELS)
def attack(
    study: StudyArgument,
    cell: Annotated[str, typer.Argument(metavar="CELL", help="CHAIN/TARGET/SEED, or ENCODER/CHAIN/TARGET/SEED.")],
    attacks: Annotated[
        str, typer.Option("--with", metavar="NAMES", help="Attacks by name, or files of your own, separated by commas.")
    ],
    languages: Annotated[str, typer.Option(metavar="CODES", help="Such as de,sw (default: all of the cell).")] = "",
    search: Annotated[str, typer.Option(metavar="SEARCH", help="random, greedy or beam.")] = "random",
    count: Annotated[
        int, typer.Option(min=1, help="Random variants of an example, spellings of a word (greedy), or width (beam).")
    ] = 8,
    budget: Annotated[float | None, typer.Option(help="How much may be edited (default: the attack's own).")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="So many examples of each language.")] = None,
    queries: Annotated[int | None, typer.Option(min=1, help="The most variants of an example that are tried.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of what is drawn.")] = 0,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write each example and its worst variant: .csv or .jsonl.")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    changes: SetOption = [],
) -> None:
    """Attack the model of a finished cell on its test data.

    Which small changes of a text make its answer wrong? For each attack and language it prints how many answers are right before
    and after, how many of the right ones break, and how often the model was asked; then some of the broken examples. What an
    attack does not fit is said with the reason. The search asks the model, so its variants are the worst for this model alone: to
    compare chains, give a study `conditions`, which are the same for all of them. docs/attacks.md lists the attacks.

    Examples:

        xstilts attack swahili.yaml snli/pawsx/0 --with keyboard,rename --languages de,fr
        xstilts attack swahili.yaml snli/pawsx/0 --with characters --search greedy --limit 100 -o broken.csv
    """
    from rich.console import Console
    from rich.progress import Progress

    from xstilts.cli.views.attack import print_attacks, write_rows
    from xstilts.errors import InputError
    from xstilts.execution.attack import attack_cell, make_method, summarise_attacks
    from xstilts.execution.environment import worker_environment
    from xstilts.plan.cell import find_cell
    from xstilts.store.store import Store

    if out is not None and out.suffix not in (".csv", ".jsonl"):
        raise InputError(f"{out}: expected a file that ends in .csv or .jsonl")
    planned = find_cell(load_plan(study, changes, draft=True).cells, cell)
    method = make_method(search, count)
    os.environ.update(worker_environment(threads=os.cpu_count() or 1))
    from xstilts.stages.victim import CellVictim

    names, codes = (tuple(part.strip() for part in text.split(",") if part.strip()) for text in (attacks, languages))
    notes: list[str] = []
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("loading the model", total=None)

        def show(name: str, code: str) -> None:
            progress.update(bar, description=f"{name} in {code}")

        rows = list(
            attack_cell(
                planned,
                Store(store),
                CellVictim,
                names,
                codes,
                method,
                budget=budget,
                seed=seed,
                limit=limit,
                most_queries=queries,
                on_start=show,
                note=notes.append,
            )
        )
    summaries = summarise_attacks(rows)
    if out is not None:
        write_rows(out, rows)
    if as_json:
        print_json([asdict(one) for one in summaries])
    else:
        print_attacks(open_console(), summaries, rows)
    for text in notes:
        console.print(f"note: {text}", soft_wrap=True, markup=False, highlight=False)
    if out is not None and not as_json:
        open_console().print(f"{len(rows)} examples written to {out}", soft_wrap=True)
