"""Verbs that answer: claims, where a number comes from, how two studies differ, and how much it takes to see an effect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xstilts.cli.app import DEFAULT_STORE, JsonOption, SetOption, StoreOption, StudyArgument, app, plan_of, print_json, terminal
from xstilts.errors import InputError


@app.command()
def claims(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    files: Annotated[
        list[Path], typer.Option("--claims", metavar="FILE", help="Claims of your own (YAML) instead of the built-in ones.")
    ] = [],
    changes: SetOption = [],
    as_json: JsonOption = False,
) -> None:
    """Judge claims from the scores of a study: supported, refuted, inconclusive, not tested or out of scope, and why.

    Fifteen claims about English intermediate-task training are built in. A verdict rests on score artefacts alone, and a check
    that would say the same without them is rejected.
    """
    from xstilts.claims import ledger_json, run_claims
    from xstilts.cli.views.claims import ledger_block
    from xstilts.store.store import Store

    name, rows = run_claims(study, Store(store), files=files, changes=changes)
    if as_json:
        print(ledger_json(name, rows))
    else:
        terminal().print(ledger_block(rows))


@app.command()
def explain(
    study: StudyArgument,
    number: Annotated[str, typer.Argument(metavar="NUMBER-ID", help="As it stands in scores.csv, gains.csv or the page.")],
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
) -> None:
    """Say where a number of the report comes from: how it was made, and the chain of stages behind it."""
    from xstilts.analysis.gather import gather
    from xstilts.report.findings import compute_findings
    from xstilts.report.provenance.explain import explain as trace
    from xstilts.report.provenance.explain import write_trace
    from xstilts.store.store import Store

    findings = compute_findings(gather(plan_of(study, changes, draft=True), Store(store)))
    for line in write_trace(trace(findings, number)):
        terminal().print(line, markup=False, soft_wrap=True)


@app.command()
def diff(
    first: Annotated[str, typer.Argument(metavar="FIRST", help="A built-in study or a YAML file.")],
    second: Annotated[str, typer.Argument(metavar="SECOND", help="Another, or the same one in another store.")],
    store: StoreOption = DEFAULT_STORE,
    other: Annotated[
        Path | None, typer.Option("--other-store", help="The store of the second study (default: the same).")
    ] = None,
    changes: Annotated[
        list[str], typer.Option("--set", metavar="FIELD=VALUE", help="Change a field of the second study only.")
    ] = [],
    as_json: JsonOption = False,
) -> None:
    """Say how two studies differ: in design, field by field, and in result, cell by cell with tests.

    Example:  xstilts diff real-mini real-mini --set recipes.default.lr=2e-5
    """
    from xstilts.analysis.diff import as_record, compare, table_of
    from xstilts.analysis.gather import gather
    from xstilts.store.store import Store

    plans = (plan_of(first, [], draft=True), plan_of(second, changes, draft=True))
    stores = (Store(store), Store(other or store))
    old, new = (gather(plan, place) for plan, place in zip(plans, stores, strict=True))
    found = compare(old, new, (plans[0].study.model_dump(mode="json"), plans[1].study.model_dump(mode="json")))
    if as_json:
        print_json(as_record(found))
        return
    console = terminal()
    console.print("Design: " + ("the same" if not found.design else ""))
    for line in found.design:
        console.print(f"  {line}", markup=False, soft_wrap=True)
    if found.rows:
        console.print("\nScores in languages other than English, second minus first, in points")
        console.print(table_of(found))
    else:
        console.print("\nNo cell has scores on both sides.")
    for side, cell in found.alone:
        console.print(f"only in the {side}: {cell}", markup=False, soft_wrap=True)


@app.command()
def power(
    effect: Annotated[float | None, typer.Argument(metavar="[POINTS]", help="The gain to be seen, e.g. 1.5.")] = None,
    examples: Annotated[int, typer.Option(min=1, help="Test examples of a language.")] = 1000,
    discordance: Annotated[
        float, typer.Option(min=0.0, max=100.0, help="Percent of the examples on which the two systems differ.")
    ] = 10.0,
    seeds: Annotated[int, typer.Option(min=1, help="Pairs of runs.")] = 6,
    languages: Annotated[int, typer.Option(min=1, help="Languages that are averaged.")] = 1,
    seed_sd: Annotated[float, typer.Option(min=0.0, help="Standard deviation of the gain over seeds, in points.")] = 0.4,
    parallel: Annotated[bool, typer.Option("--parallel/--own-examples", help="The same examples in every language.")] = True,
    like: Annotated[str, typer.Option(metavar="STUDY", help="Measure all of these in a study that was run, by target.")] = "",
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
    as_json: JsonOption = False,
) -> None:
    """Say how many seeds and examples it takes to see an effect, and what a design can see, with 80 % chance at 95 %.

    Discordance is typically 8 to 10 % on PAWS-X and XNLI, 15 % on XQuAD, 20 to 25 % on Tatoeba and XCOPA.

    Example:  xstilts power 1.5 --examples 5010 --discordance 10 --seeds 3 --languages 14
    Example:  xstilts power 1.5 --like demo
    """
    if like:
        _power_like(like, store, changes, effect, as_json)
        return
    from xstilts.metrics.power import Design, detectable, examples_needed, seeds_needed
    from xstilts.metrics.power import power as chance

    if discordance == 0:
        raise InputError("power: --discordance 0 means that the two systems never differ; expected more than 0 percent")
    design = Design(examples, discordance / 100, seeds, languages, seed_sd / 100, shared_by_languages=1.0 if parallel else 0.0)
    found: dict[str, float | int | None] = {"detectable_points": 100 * detectable(design)}
    if effect is not None:
        share = effect / 100
        found |= {
            "power": chance(design, share),
            "seeds_needed": seeds_needed(design, share),
            "examples_needed": examples_needed(design, share),
        }
    if as_json:
        print_json(found)
        return
    console = terminal()
    console.print(f"{seeds} seeds, {examples:,} examples, {languages} languages: sees {found['detectable_points']:.2f} points")
    if effect is not None:
        console.print(f"a gain of {effect:g} points is seen with a chance of {100 * (found['power'] or 0):.0f} %")
        for name, least in (("seeds", found["seeds_needed"]), ("examples a language", found["examples_needed"])):
            said = f"at least {least:,} {name}" if least is not None else f"no number of {name} is enough"
            console.print(f"  for 80 %, the rest as it is: {said}")
    if seeds < 6:
        console.print("with fewer than six seeds a result is exploratory: no sign-flip test over seeds can reach 5 %")


def _power_like(study: str, store: Path, changes: list[str], effect: float | None, as_json: bool) -> None:
    from xstilts.analysis.gather import gather
    from xstilts.analysis.planning import as_record, lines, planned
    from xstilts.store.store import Store

    rows = planned(gather(plan_of(study, changes, draft=True), Store(store)))
    if not rows:
        raise InputError(f"power: {study} has no scores of a chain and of none for the same seed yet; run it first")
    share = None if effect is None else effect / 100
    if as_json:
        print_json([as_record(row, share) for row in rows])
        return
    for line in lines(rows, share):
        terminal().print(line, markup=False, soft_wrap=True)
