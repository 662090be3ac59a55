"""The command line: verbs only. Each imports what it needs when it runs, so that `--help` answers at once."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xstilts.errors import InputError

if TYPE_CHECKING:
    from xstilts.store.store import Store
    from xstilts.study.compile import Plan
    from xstilts.study.execute import State

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="\n\n".join(
        (
            "Does an English intermediate task improve zero-shot cross-lingual transfer?",
            "A study trains an encoder on English intermediate tasks (chains), then on English target tasks, tests it in other "
            "languages, and reports the gain with its uncertainty.",
            "[bold]xstilts demo[/bold] shows all of it on the embedded world in a few minutes, with nothing to download.\n"
            "[bold]xstilts tasks[/bold] lists the tasks and where their data was found.\n"
            "[bold]xstilts plan STUDY[/bold], then [bold]xstilts run STUDY[/bold], with your own YAML or a built-in study.",
            "Data is looked for in $XSTILTS_DATA (official file names, .gz as they are). Results are kept in $XSTILTS_STORE "
            "(or ./xstilts-store): nothing is computed twice, and anything can be killed and run again.",
        )
    ),
)

StudyArgument = Annotated[str, typer.Argument(metavar="STUDY", help="A built-in study (demo, real-mini) or a YAML file.")]
StoreOption = Annotated[Path, typer.Option("--store", envvar="XSTILTS_STORE", help="The folder that keeps all results.")]
SetOption = Annotated[
    list[str],
    typer.Option("--set", metavar="FIELD=VALUE", help="Change a field of the study, e.g. limits.train=500 or 'seeds=[0,1]'."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]
WorkersOption = Annotated[int | None, typer.Option("--workers", min=1, help="Worker processes (default: one per core).")]
OutOption = Annotated[Path | None, typer.Option("--out", "-o", help="The folder for the report (default: reports/STUDY).")]
FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder with a folder of files for each task.")]
SuiteOption = Annotated[str, typer.Option("--suite", metavar="SUITE", help="The benchmark: xtreme or xtreme-r.")]
LabelsOption = Annotated[
    Path | None,
    typer.Option("--labels", metavar="FOLDER", help="Gold out of label files in XTREME's layout, not out of $XSTILTS_DATA."),
]
DEFAULT_STORE = Path("xstilts-store")


def main() -> None:
    """The console script: errors of the user's input end in one line and exit code 2."""
    try:
        app()
    except InputError as error:
        _complain(str(error))
        raise SystemExit(2) from None
    except BrokenPipeError:
        raise SystemExit(0) from None


def _complain(text: str) -> None:
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True, soft_wrap=True).print(Text("Error: ", style="bold red") + Text(text))


def _plan(name: str, changes: list[str]) -> Plan:
    from xstilts.study.compile import compile_study
    from xstilts.study.study import load_study, study_path

    return compile_study(load_study(name, changes), base=study_path(name).parent)


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False)


@app.command()
def demo(store: StoreOption = DEFAULT_STORE, workers: WorkersOption = None, out: OutOption = None) -> None:
    """Run the whole job on the embedded synthetic world: no data, no model hub, no GPU, a few minutes.

    Pre-trains a tiny XLM-R on six synthetic languages, trains it on English intermediate tasks and English target tasks,
    tests it zero-shot in five other languages, and ends with a table and the path of an HTML report. The second time
    everything comes from the store.
    """
    _run("demo", [], store, workers, out, twice=True)


@app.command()
def run(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    workers: WorkersOption = None,
    changes: SetOption = [],
    out: OutOption = None,
) -> None:
    """Run what a study lacks, then write its report.

    What is done is never done again; a run that was killed goes on where it was; two runs of one study share the work.

    Example:  XSTILTS_DATA=~/data  xstilts run real-mini --set 'encoders=[~/models/mini-xlmr]' --set 'seeds=[0]'
    """
    _run(study, changes, store, workers, out)


def _run(name: str, changes: list[str], store_folder: Path, workers: int | None, out: Path | None, twice: bool = False) -> None:
    """`twice`: go through a finished study once more, to show what a run that finds everything in the store takes."""
    from xstilts.report.terminal import end_of_run
    from xstilts.store.store import Store
    from xstilts.study.execute import execute
    from xstilts.study.live import clock
    from xstilts.study.run import exit_code, failures, run_plan
    from xstilts.study.study import study_path

    started = time.monotonic()
    console = _console()
    path = study_path(name)
    before = path.read_bytes()
    plan = _plan(name, changes)
    store = Store(store_folder)
    state = run_plan(console, plan, store, workers)
    folder = out or Path("reports") / plan.study.name
    with console.status("writing the report"):
        analysis, report = _write(plan, store, state, folder)
    seconds = time.monotonic() - started
    console.print()
    console.print(end_of_run(analysis))
    made = state.count("done") - len(state.cached)
    failed = f", {state.count('failed')} failed, {state.count('blocked')} blocked" if state.errors else ""
    console.print(f"\n{made} stages run, {len(state.cached)} from the store{failed} · {clock(seconds)} min")
    if twice and made and not state.errors:
        again = time.monotonic()
        repeated = _plan(name, changes)
        _write(repeated, store, execute(repeated, store, workers), folder)
        console.print(f"cold {seconds:.1f} s, warm (all of it again, from the store) {time.monotonic() - again:.1f} s")
    for failure in failures(plan, state):
        _complain(failure)
    if path.read_bytes() != before:
        _complain(f"{path} changed while the study ran; these are the results of the study as it was. Run again for the new one.")
    console.print(f"report: {report}", soft_wrap=True)
    if code := exit_code(state):
        raise SystemExit(code)


def _write(plan: Plan, store: Store, state: State | None, folder: Path) -> tuple[Any, Path]:
    from xstilts.report.analysis import analyse
    from xstilts.report.gather import gather
    from xstilts.report.write import write_analysis

    analysis = analyse(gather(plan, store, state))
    return analysis, write_analysis(analysis, folder)


@app.command()
def pretrain(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Text: a file <code>.txt or <code>.txt.gz for each language.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="MODEL", help="The folder to write; it must not exist or be empty.")
    ],
    parallel: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Translations too: <name>.<code>.txt aligned by line, or <code>.tsv.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of masked language modelling.")] = 20_000,
    vocabulary: Annotated[int, typer.Option(min=32, help="Ids of the tokenizer, special ones included.")] = 20_000,
    layers: Annotated[int, typer.Option(min=1, help="Transformer blocks.")] = 6,
    hidden: Annotated[int, typer.Option(min=4, help="Hidden size; a head for every 64.")] = 256,
    seed: Annotated[int, typer.Option(help="Draws the weights, the order and the masks.")] = 0,
    store: StoreOption = DEFAULT_STORE,
    workers: WorkersOption = None,
    changes: SetOption = [],
) -> None:
    """Pre-train an encoder from scratch: train a tokenizer, draw random weights, learn masked language modelling.

    A text file has a sentence a line and a blank line between documents; languages are seen with probability ~ size to the
    power of 0.3. Killed or interrupted, the same command goes on where it was. What is written is a Hugging Face folder with
    its language modelling head, which `encoders` of a study take.

    Example:  xstilts pretrain text -o my-xlmr --steps 50000 --set recipes.default.lr=3e-4 --set recipes.default.precision=bf16
    """
    from xstilts.stages.export import export_cell
    from xstilts.store.store import Store
    from xstilts.study.pretrain import check_free, compile_pretraining, pretraining, summary
    from xstilts.study.run import exit_code, failures, run_plan

    check_free(out)
    study = pretraining(folder, parallel, steps, vocabulary, {"layers": layers, "hidden": hidden}, seed, changes)
    plan, trained = compile_pretraining(study)
    state = run_plan(_console(), plan, Store(store), workers)
    for failure in failures(plan, state):
        _complain(failure)
    if code := exit_code(state):
        raise SystemExit(code)
    written = export_cell(Store(store), trained, out)
    _console().print(f"{written} written to {out}: {summary(Store(store), trained)}", soft_wrap=True)


@app.command()
def plan(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
    as_json: JsonOption = False,
) -> None:
    """Say what would run, what is cached, and which field made it new. Runs nothing, needs no data.

    A study in YAML needs a name, a question, encoders, chains, targets and seeds:

    [dim]name: mine[/dim]
    [dim]question: Does SNLI help Swahili?[/dim]
    [dim]encoders: [./xlm-roberta-base]          # a folder, or Hub id@commit[/dim]
    [dim]chains: {none: [], snli: [snli], both: [{mix: [snli, squad_v1]}]}[/dim]
    [dim]targets: [tydiqa, {task: xnli, train: snli}][/dim]
    [dim]languages: [en, sw][/dim]
    [dim]seeds: [0, 1, 2][/dim]
    """
    from xstilts.store.store import Store
    from xstilts.study.controls import arms
    from xstilts.study.execute import inspect, reasons

    made = _plan(study, changes)
    state = inspect(made, Store(store), thorough=False)
    why = reasons(made, state)
    if as_json:
        _print_json(
            {
                "study": made.study.name,
                "stages": [
                    {
                        "kind": s.kind,
                        "slug": s.slug,
                        "key": s.key,
                        "status": "cached" if state.status[s.key] == "done" else "new",
                        "because": why.get(s.key, []),
                        "used_by": made.uses[s.key],
                        "inputs": {name: i.key for name, i in s.inputs.items()},
                        "config": dict(s.config),
                    }
                    for s in made.stages
                ],
                "cells": len(made.cells),
                "leaking_cells": sum(cell.leak for cell in made.cells),
                "controls": {arm.name: {"control": arm.control, "of": arm.of} for arm in arms(made.study) if arm.control},
                "missing": made.missing,
                "notes": made.notes,
                "seconds_left": state.seconds_left() if state.count("pending") else 0.0,
            }
        )
        return
    from xstilts.study.live import print_plan

    print_plan(_console(), made, state, why)


@app.command()
def status(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
    as_json: JsonOption = False,
) -> None:
    """Say what is done, running, failed or not yet begun."""
    from xstilts.store.store import Store
    from xstilts.study.live import stage_states

    made = _plan(study, changes)
    found = stage_states(made, Store(store))
    if as_json:
        _print_json({"study": made.study.name, "stages": found})
        return
    from xstilts.study.live import print_status

    print_status(_console(), made, found)


@app.command()
def report(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the report of what is there: HTML, Markdown and CSV. What is missing is said to be missing."""
    from xstilts.report.tables import score_rows
    from xstilts.report.terminal import end_of_run
    from xstilts.store.store import Store

    made = _plan(study, changes)
    analysis, path = _write(made, Store(store), None, out or Path("reports") / made.study.name)
    if as_json:
        _print_json(
            {
                "study": made.study.name,
                "question": made.study.question,
                "answer": dataclasses.asdict(analysis.answer),
                "report": str(path),
                "scores": score_rows(analysis.results),
            }
        )
        return
    console = _console()
    console.print(end_of_run(analysis))
    console.print(f"\nreport: {path}", soft_wrap=True)


@app.command()
def tasks(
    names: Annotated[
        list[str], typer.Argument(metavar="[NAME]...", help="Tasks, a suite (xtreme), or a file that declares one; all tasks.")
    ] = [],
    check: Annotated[bool, typer.Option("--check", help="Read all files: count, compare, find damage.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the tasks: format, metric, languages, licence, and where their data was found. With a NAME, tell all about it; of
    a task in a file of your own, with its first examples.

    With --check every file of the data folder is read to its end, its examples are counted and its sha256 compared with
    what is published: a task is complete, partial (with which languages), missing (with where it can be had) or damaged.
    Exit code 1 if something is damaged.
    """
    from xstilts.study.catalogue import print_samples, print_task, print_tasks, task_record
    from xstilts.study.compile import data_root
    from xstilts.study.data_view import check_tasks, print_check, where_to_get
    from xstilts.tasks.catalogue import CATALOGUE
    from xstilts.tasks.check import record
    from xstilts.tasks.download import chosen
    from xstilts.tasks.own import named, preview

    console, root = _console(), data_root()
    picked = [task for task, _ in chosen(named(names))] or list(CATALOGUE.values())
    if check:
        picked = [task for task in picked if not task.embedded]
        found = check_tasks(_console(), picked, root)
        if as_json:
            told = [{**record(result), "get": where_to_get(task)} for task, result in zip(picked, found, strict=True)]
            _print_json({"folder": str(root), "tasks": told})
        else:
            print_check(console, picked, found, root)
        raise SystemExit(int(any(result.status == "damaged" for result in found)))
    if as_json:
        _print_json([task_record(task, root) for task in picked])
    elif names:
        for task in picked:
            print_task(console, task, root)
            if task.declared:
                print_samples(console, preview(task, root))
    else:
        print_tasks(console, picked, root)


@app.command()
def download(
    names: Annotated[list[str], typer.Argument(metavar="TASK...", help="Tasks, or a suite: xtreme, xtreme-r, stilts-9.")],
    splits: Annotated[list[str], typer.Option("--split", metavar="SPLIT", help="train, dev or test; again for more.")] = [],
    languages: Annotated[list[str], typer.Option("--lang", metavar="CODE", help="A language; again for more.")] = [],
    folder: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="Where to put the files (default: $XSTILTS_DATA, else ./data).")
    ] = None,
) -> None:
    """Download the official files of tasks, as far as there are public ones, and check them.

    What was cut off goes on where it was, what is there already is left alone. A suite brings its test data, its languages
    and the English training data that it needs.

    Example:  xstilts download xquad --lang de --lang zh --to ~/data
    """
    from xstilts.data.language import LANGUAGES
    from xstilts.errors import nearest
    from xstilts.study.compile import data_root
    from xstilts.study.data_view import download_all
    from xstilts.tasks.download import chosen
    from xstilts.tasks.task import SPLITS

    for given, known, what in ((splits, SPLITS, "split"), (languages, LANGUAGES, "language")):
        for word in given:
            if word not in known:
                raise InputError(f"no {what} {word!r}{nearest(word, known)}")
    root = folder.expanduser().absolute() if folder else data_root()
    try:
        errors = download_all(_console(), chosen(names, languages), splits or SPLITS, root)
    except KeyboardInterrupt:
        print("\nInterrupted. Run the same command again to go on where it was.", file=sys.stderr)
        raise SystemExit(130) from None
    for error in errors:
        _complain(error)
    if errors:
        raise SystemExit(2)


@app.command()
def export(
    study: StudyArgument,
    cell: Annotated[
        str, typer.Argument(help="CHAIN/TARGET/SEED, e.g. squad_v1/tydiqa/0 (ENCODER/ in front if there are several).")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write; it must not exist or be empty.")],
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
) -> None:
    """Write one trained cell as a Hugging Face model folder that plain `AutoModel...from_pretrained` loads."""
    from xstilts.stages.export import export_cell
    from xstilts.store.store import Store
    from xstilts.study.cells import find_cell

    made = _plan(study, changes)
    written = export_cell(Store(store), find_cell(made, cell), out)
    _console().print(f"{written} written to {out}", soft_wrap=True)


@app.command()
def score(
    folder: FolderArgument,
    suite: SuiteOption,
    labels: LabelsOption = None,
    out: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the scores as JSON to this file.")] = None,
) -> None:
    """Score a folder of prediction files, complete or not, as the benchmark's own scorer does (0 to 100).

    The folder is laid out as XTREME asks for submissions: xnli/test-de.tsv, xquad/test-de.json ... What is missing is
    said to be missing; an average over a part is called PARTIAL.

    Example:  XSTILTS_DATA=~/data  xstilts score predictions --suite xtreme --json scores.json
    """
    from xstilts.study.compile import data_root
    from xstilts.submission.score import score_folder
    from xstilts.submission.terminal import print_score
    from xstilts.tasks.suites import find_suite

    scored = score_folder(folder, find_suite(suite), data_root(), labels)
    print_score(_console(), scored)
    if out is not None:
        out.write_text(json.dumps(scored.record(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@app.command()
def validate(folder: FolderArgument, suite: SuiteOption, labels: LabelsOption = None) -> None:
    """Check a submission folder that anyone made: files, languages, counts, labels, ids, encodings. Exit code 1 if invalid.

    All problems are named with file and line. A folder that lacks files, but has nothing wrong with it, is PARTIAL (and the
    exit code is 0); one that a benchmark would take as it is, is OK.
    """
    from xstilts.study.compile import data_root
    from xstilts.submission.terminal import print_validation
    from xstilts.submission.validate import validate_folder
    from xstilts.tasks.suites import find_suite

    validation = validate_folder(folder, find_suite(suite), data_root(), labels)
    print_validation(_console(), validation)
    if validation.state == "invalid":
        raise SystemExit(1)


@app.command()
def submit(
    study: StudyArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write; it must not exist or be empty.")],
    suite: SuiteOption = "xtreme",
    chain: Annotated[str | None, typer.Option(help="Only this chain (default: one folder for each).")] = None,
    seed: Annotated[int | None, typer.Option(help="Only this seed (default: one folder for each).")] = None,
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
) -> None:
    """Write a study's predictions as benchmark submissions in the published formats, and validate what was written.

    Example:  xstilts submit mine.yaml --chain squad_v1 --seed 0 -o submission
    """
    from xstilts.store.store import Store
    from xstilts.study.compile import data_root, short_name
    from xstilts.study.submit import submit as write
    from xstilts.submission.terminal import print_validation
    from xstilts.tasks.suites import find_suite

    console, invalid = _console(), False
    for made in write(_plan(study, changes), Store(store), find_suite(suite), out, data_root(), chain, seed):
        console.print(
            f"[bold]{made.folder}[/bold]  {short_name(made.encoder)}, chain {made.chain}, seed {made.seed}", soft_wrap=True
        )
        if made.lacking:
            console.print(f"not scored yet, so not in it: {', '.join(made.lacking)}")
        print_validation(console, made.validation)
        invalid |= made.validation.state == "invalid"
    if invalid:
        raise SystemExit(1)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=1, ensure_ascii=False, default=str))


if __name__ == "__main__":
    main()
