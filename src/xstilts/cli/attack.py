"""The verb that attacks the model of a finished cell."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xstilts.cli.app import MODELS, app, load_plan, open_console, print_json
from xstilts.cli.options import DEFAULT_STORE, JsonOption, SetOption, StoreOption, StudyArgument

if TYPE_CHECKING:
    from xstilts.plan.cell import PlannedCell


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
    surrogate: Annotated[
        str, typer.Option("--from", metavar="CELL", help="Find the variants on this cell's model, then try each once.")
    ] = "",
    judge: Annotated[
        str, typer.Option(metavar="CELL", help="An NLI cell, or STUDY:CELL, that says which broken texts mean the same.")
    ] = "",
    check: Annotated[
        bool, typer.Option("--check", help="Compare random variants, transfer (with --from) and a search that asks.")
    ] = False,
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
    Three ask a model what to change. hotflip exchanges words by the gradient, substitute takes words that the pretrained encoder
    would put there; nothing keeps the label, so both are upper bounds of fragility unless a --judge counts what means the same.
    pgd moves word embeddings (a diagnostic, no text). checklist asks its own small questions and prints the share right.

    With --from the variants are found on another cell's model, and both success rates are on the examples that both models get
    right. --check tells whether a search can be trusted: one that asks the model should break no less than variants of another
    model, these no less than random ones, and more random ones no less than fewer.

    Examples:

        xstilts attack swahili.yaml snli/pawsx/0 --with keyboard,rename --languages de,fr
        xstilts attack swahili.yaml snli/pawsx/0 --with characters --search greedy --limit 100 -o broken.csv
        xstilts attack swahili.yaml snli/pawsx/0 --with characters --search greedy --from none/pawsx/5
    """
    from xstilts.cli.views.attack import check_file, print_attacks, print_checks, print_transfer, write_rows
    from xstilts.cli.views.console import open_progress
    from xstilts.errors import InputError
    from xstilts.execution.attack import Attacked, attack_cell, check_judge, make_method, summarise_attacks
    from xstilts.execution.attack_checks import check_cell, summarise_transfer, transfer_cell
    from xstilts.execution.environment import worker_environment
    from xstilts.plan.cell import find_cell
    from xstilts.store.store import Store

    if out is not None and out.suffix not in (".csv", ".jsonl"):
        raise InputError(f"{out}: expected a file that ends in .csv or .jsonl")
    if check and (judge or out is not None):
        raise InputError("--check counts broken examples and has no rows to judge or to write; leave out --judge and -o")
    cells = load_plan(study, changes, draft=True).cells
    planned, other = find_cell(cells, cell), find_cell(cells, surrogate) if surrogate else None
    asked = _find_judge(judge, cells, changes) if judge else None
    if asked:
        check_judge(planned, asked)
    method = make_method("greedy" if check and search == "random" else search, count)
    os.environ.update(worker_environment(threads=os.cpu_count() or 1))
    from xstilts.stages.judge import CellJudge
    from xstilts.stages.victim import load_victim

    if out is not None:
        check_file(out)
    names, codes = (tuple(part.strip() for part in text.split(",") if part.strip()) for text in (attacks, languages))
    notes: list[str] = []
    console = open_console(stderr=True)
    with open_progress(console) as progress:
        bar = progress.add_task("loading the model", total=None)

        def show(name: str, code: str) -> None:
            progress.update(bar, description=f"{name} in {code}")

        options: dict[str, Any] = {"budget": budget, "seed": seed, "limit": limit, "most_queries": queries}
        options |= {"on_start": show, "note": notes.append}
        options |= {"judge": CellJudge(Store(store), asked.answered)} if asked else {}
        given: tuple[Any, ...] = (Store(store), load_victim, names, codes, method)
        rows: list[Attacked] = []
        summaries: Any
        if check:
            summaries = check_cell(planned, other, *given, count=count, **options)
        elif other:
            summaries = summarise_transfer(rows := list(transfer_cell(planned, other, *given, **options)))
        else:
            summaries = summarise_attacks(rows := list(attack_cell(planned, *given, **options)))
    if out is not None:
        write_rows(out, rows)
    if as_json:
        print_json([asdict(one) for one in summaries])
    elif check:
        print_checks(open_console(), summaries)
    else:
        (print_transfer if other else print_attacks)(open_console(), summaries, rows)
    for text in notes:
        console.print(f"note: {text}", soft_wrap=True)
    if out is not None and not as_json:
        open_console().print(f"{len(rows)} examples written to {out}", soft_wrap=True)


def _find_judge(name: str, cells: Sequence["PlannedCell"], changes: list[str]) -> "PlannedCell":
    """CELL of the same study, or STUDY:CELL."""
    from xstilts.plan.cell import find_cell

    study, colon, cell = name.rpartition(":")
    return find_cell(load_plan(study, changes, draft=True).cells if colon else cells, cell)
