"""Verbs that read results: the report, claims, where a number comes from, how two studies differ, and statistical power."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from xstilts.cli.app import READ, app, load_plan_of_store, load_results, open_console, print_json
from xstilts.cli.options import DEFAULT_STORE, JsonOption, ReportOption, SetOption, StoreOption, StudyArgument
from xstilts.errors import InputError


@app.command(rich_help_panel=READ)
def report(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
    out: ReportOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the report of a study from the scores that the store has.

    `xstilts run` writes it too. A report of an unfinished study says which scores are missing.

    Example:

        xstilts report swahili.yaml -o reports/swahili
    """
    from xstilts.cli.running import write_study_report
    from xstilts.report.registration import registration_record
    from xstilts.report.render.csv import published_rows, score_rows
    from xstilts.report.render.terminal import summarise_run
    from xstilts.store.store import Store

    kept = Store(store)
    plan = load_plan_of_store(study, changes, kept)
    findings, path = write_study_report(plan, kept, None, out or Path("reports") / plan.study.name)
    if as_json:
        record = {"study": plan.study.name, "question": plan.study.question, "answer": dataclasses.asdict(findings.answer)}
        calibration = findings.calibration and dataclasses.asdict(findings.calibration)
        more = {"registration": registration_record(findings.registration), "calibration": calibration, "report": str(path)}
        print_json({**record, **more, "published": published_rows(findings), "scores": score_rows(findings.results)})
    else:
        open_console().print(summarise_run(findings))
        open_console().print(f"\nreport: {path}", soft_wrap=True)


@app.command(rich_help_panel=READ)
def claims(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="A built-in study or a YAML file; none with --check.")] = "",
    store: StoreOption = DEFAULT_STORE,
    files: Annotated[
        list[Path], typer.Option("--claims", metavar="FILE", help="Claims of your own (YAML), instead of the built-in ones.")
    ] = [],
    check: Annotated[
        bool, typer.Option("--check", help="Test the claims themselves: each must give the verdicts of its artefact sets.")
    ] = False,
    changes: SetOption = [],
    as_json: JsonOption = False,
) -> None:
    """Judge published claims by the scores of a study, and give the reasons.

    A claim is supported, refuted, inconclusive, not tested or out of scope. What Phang et al. 2020 claim about English
    intermediate-task training is built in, and what others repeat of it. A verdict rests on scores alone: a check that would give
    the same verdict without them is rejected. With --check no study is read: the claims are tested on scores made up by hand, and
    a verdict that is wrong, or that no scores give, is an error.

    Examples:

        xstilts claims swahili.yaml
        xstilts claims --check
    """
    from xstilts.claims import built_in_claims, describe_properties, judge_claims, read_claims, run_sets, to_json
    from xstilts.cli.views.claims import describe_sets, ledger_block

    if bool(study) == check:
        raise InputError(f"claims: --check reads no study; leave out {study}" if check else "claims: expected STUDY or --check")
    chosen = [claim for path in files for claim in read_claims(path)] or list(built_in_claims())
    if check:
        found = run_sets(chosen)
        if as_json:
            print_json([dataclasses.asdict(one) | {"right": one.right} for one in found])
        if wrong := [one for one in found if not one.right]:
            raise InputError("\n".join(describe_sets(wrong)))
        if not as_json:
            without = len(chosen) - len({one.claim for one in found})
            open_console().print(f"{len(found)} artefact sets give their verdicts; {without} of {len(chosen)} claims have none")
        return
    results = load_results(study, changes, store)
    rows, properties = judge_claims(results, chosen), describe_properties(results, chosen)
    if as_json:
        print(to_json(results.study, rows, properties))
    else:
        open_console().print(ledger_block(rows, properties))


@app.command(rich_help_panel=READ)
def explain(
    study: StudyArgument,
    number: Annotated[str, typer.Argument(metavar="NUMBER-ID", help="An id from scores.csv, gains.csv or the HTML report.")],
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
) -> None:
    """Show how a number of the report was made, and the stages behind it.

    Example:

        xstilts explain swahili.yaml gain/xlm-roberta-base/squad/tydiqa/sw
    """
    from xstilts.report.findings import compute_findings
    from xstilts.report.provenance.explain import explain as trace
    from xstilts.report.provenance.explain import write_trace

    for line in write_trace(trace(compute_findings(load_results(study, changes, store)), number)):
        open_console().print(line, soft_wrap=True)


@app.command(rich_help_panel=READ)
def diff(
    first: Annotated[str, typer.Argument(metavar="FIRST", help="A built-in study or a YAML file.")],
    second: Annotated[str, typer.Argument(metavar="SECOND", help="Another study, or the same with changes or another store.")],
    store: StoreOption = DEFAULT_STORE,
    other: Annotated[
        Path | None, typer.Option("--other-store", help="The store of the second study (default: the same).")
    ] = None,
    changes: Annotated[
        list[str], typer.Option("--set", metavar="FIELD=VALUE", help="Change a field of the second study only.")
    ] = [],
    as_json: JsonOption = False,
) -> None:
    """Show how two studies differ in their fields and in their scores.

    The scores of each cell are compared with a test.

    Example:

        xstilts diff real-small real-small --set recipes.default.lr=2e-5
    """
    from xstilts.analysis.diff import build_table, compare_studies, to_record
    from xstilts.study import load_study

    designs = (load_study(first), load_study(second, changes))
    old, new = load_results(first, [], store), load_results(second, changes, other or store)
    found = compare_studies(old, new, (designs[0].model_dump(mode="json"), designs[1].model_dump(mode="json")))
    if as_json:
        print_json(to_record(found))
        return
    console = open_console()
    console.print("Design: " + ("the same" if not found.design else ""))
    for line in found.design:
        console.print(f"  {line}", soft_wrap=True)
    if found.rows:
        console.print("\nScores in languages other than English, second minus first, in points")
        console.print(build_table(found))
    else:
        console.print("\nNo cell has scores in both studies.")
    for side, cell in found.alone:
        console.print(f"only in the {side}: {cell}", soft_wrap=True)


@app.command(rich_help_panel=READ)
def power(
    effect: Annotated[float | None, typer.Argument(metavar="POINTS", help="The gain to be detected, e.g. 1.5.")] = None,
    examples: Annotated[int, typer.Option(min=1, help="Test examples per language.")] = 1000,
    discordance: Annotated[
        float, typer.Option(min=0.0, max=100.0, help="Percentage of the examples on which the two systems differ.")
    ] = 10.0,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds, i.e. pairs of runs.")] = 6,
    languages: Annotated[int, typer.Option(min=1, help="Languages that are averaged.")] = 1,
    seed_sd: Annotated[float, typer.Option(min=0.0, help="Standard deviation of the gain over seeds, in points.")] = 0.4,
    parallel: Annotated[bool, typer.Option("--parallel/--own-examples", help="The same examples in every language.")] = True,
    family: Annotated[int, typer.Option(min=1, help="Comparisons that Holm's correction covers.")] = 1,
    like: Annotated[str, typer.Option(metavar="STUDY", help="Take all of these, by target, from a study that was run.")] = "",
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
    as_json: JsonOption = False,
) -> None:
    """Show how many seeds and examples it takes to detect a gain.

    Without POINTS it gives the smallest gain that a design can detect. Both are for a power of 80 % at the 5 % level, after
    Holm's correction for a family of comparisons (with --like: the study's own family).
    Discordance is typically 8 to 10 % on PAWS-X and XNLI, 15 % on XQuAD, 20 to 25 % on Tatoeba and XCOPA.

    Examples:

        xstilts power 1.5 --examples 5010 --discordance 10 --seeds 6 --languages 14 --family 12
        xstilts power 1.5 --like demo
    """
    if like:
        _print_power_like(like, store, changes, effect, as_json)
        return
    from xstilts.metrics.power import Design, detectable, examples_needed, seeds_needed
    from xstilts.metrics.power import power as power_of

    if discordance == 0:
        raise InputError("power: --discordance 0 means that the two systems never differ; expected more than 0 percent")
    design = Design(examples, discordance / 100, seeds, languages, seed_sd / 100, shared_by_languages=1.0 if parallel else 0.0)
    found: dict[str, float | int | None] = {"detectable_points": 100 * detectable(design, family)}
    if effect is not None:
        share = effect / 100
        found |= {"power": power_of(design, share, family), "seeds_needed": seeds_needed(design, share, family)}
        found["examples_needed"] = examples_needed(design, share, family)
    if as_json:
        print_json(found)
        return
    console = open_console()
    among = f", {family} comparisons" if family > 1 else ""
    sees = f"detects {found['detectable_points']:.2f} points"
    console.print(f"{seeds} seeds, {examples:,} examples, {languages} languages{among}: {sees}")
    if effect is not None:
        console.print(f"a gain of {effect:g} points is detected with a probability of {100 * (found['power'] or 0):.0f} %")
        for name, least in (("seeds", found["seeds_needed"]), ("examples per language", found["examples_needed"])):
            needed = f"at least {least:,} {name}" if least is not None else f"no number of {name} is enough"
            console.print(f"  for 80 %, the rest unchanged: {needed}")
    if seeds < 6:
        console.print("with fewer than six seeds a result is exploratory: no sign-flip test over seeds can reach 5 %")


def _print_power_like(study: str, store: Path, changes: list[str], effect: float | None, as_json: bool) -> None:
    from xstilts.analysis.planning import describe_designs, measure_designs, to_record

    rows = measure_designs(load_results(study, changes, store))
    if not rows:
        raise InputError(f"power: {study} has no seed with scores both of a chain and of 'none' yet; run it first")
    share = None if effect is None else effect / 100
    if as_json:
        print_json([to_record(row, share) for row in rows])
        return
    for line in describe_designs(rows, share):
        open_console().print(line, soft_wrap=True)
