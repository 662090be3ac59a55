"""Verbs that run studies and show what came of them."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xstilts.cli.app import (
    DEFAULT_STORE,
    JsonOption,
    OutOption,
    SetOption,
    StoreOption,
    StudyArgument,
    WorkersOption,
    app,
    complain,
    plan_of,
    print_json,
    terminal,
)
from xstilts.errors import InputError

if TYPE_CHECKING:
    from xstilts.execution.execute import State
    from xstilts.plan.compile import Plan
    from xstilts.store.store import Store


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
    from xstilts.cli.running import exit_code, failures, run_plan
    from xstilts.cli.views.live import clock
    from xstilts.execution.execute import execute
    from xstilts.report.render.terminal import end_of_run
    from xstilts.store.store import Store
    from xstilts.study.study import study_path

    started = time.monotonic()
    console = terminal()
    path = study_path(name)
    before = path.read_bytes()
    plan = plan_of(name, changes)
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
        repeated = plan_of(name, changes)
        _write(repeated, store, execute(repeated, store, workers), folder)
        console.print(f"cold {seconds:.1f} s, warm (all of it again, from the store) {time.monotonic() - again:.1f} s")
    for failure in failures(plan, state):
        complain(failure)
    if path.read_bytes() != before:
        complain(f"{path} changed while the study ran; these are the results of the study as it was. Run again for the new one.")
    console.print(f"report: {report}", soft_wrap=True)
    if code := exit_code(state):
        raise SystemExit(code)


def _write(plan: Plan, store: Store, state: State | None, folder: Path) -> tuple[Any, Path]:
    from xstilts.analysis.gather import gather
    from xstilts.report.findings import analyse
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
    from xstilts.cli.running import exit_code, failures, run_plan
    from xstilts.plan.pretrain import check_free, compile_pretraining, make_pretraining, summarise
    from xstilts.stages.export import export_cell
    from xstilts.store.store import Store

    check_free(out)
    study = make_pretraining(folder, parallel, steps, vocabulary, {"layers": layers, "hidden": hidden}, seed, changes)
    plan, trained = compile_pretraining(study)
    state = run_plan(terminal(), plan, Store(store), workers)
    for failure in failures(plan, state):
        complain(failure)
    if code := exit_code(state):
        raise SystemExit(code)
    written = export_cell(Store(store), trained, out)
    terminal().print(f"{written} written to {out}: {summarise(Store(store), trained)}", soft_wrap=True)


@app.command()
def plan(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
    flops: Annotated[
        float | None, typer.Option("--flops", min=1.0, help="FLOP/s of a training, for GPU-hours (default: 40 % of an H100).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what would run, what is cached, which field made it new, and what it costs. Runs nothing; needs no data, no network.

    A study in YAML needs a name, a question, encoders, chains, targets and seeds:

    [dim]name: mine[/dim]
    [dim]question: Does SNLI help Swahili?[/dim]
    [dim]encoders: [./xlm-roberta-base]          # a folder, or Hub id@commit[/dim]
    [dim]chains: {none: [], snli: [snli], both: [{mix: [snli, squad_v1]}]}[/dim]
    [dim]targets: [tydiqa, {task: xnli, train: snli}][/dim]
    [dim]languages: [en, sw][/dim]
    [dim]seeds: [0, 1, 2][/dim]
    """
    from xstilts.cli.views.plan import plan_record, print_plan
    from xstilts.execution.execute import inspect, reasons
    from xstilts.plan.cost.estimate import RATE, estimate
    from xstilts.store.store import Store

    made = plan_of(study, changes, draft=True)
    state = inspect(made, Store(store), thorough=False)
    why = reasons(made, state)
    cost = estimate(made, {key for key, status in state.status.items() if status != "done"}, flops or RATE)
    if as_json:
        print_json(plan_record(made, state, why, cost))
    else:
        print_plan(terminal(), made, state, why, cost)


@app.command()
def status(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it anew every second until nothing is left to run.")] = False,
    serve: Annotated[bool, typer.Option("--serve", help="Show it in a browser, as a page for this machine only.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port of --serve; 0 takes any free one.")] = 8765,
    as_json: JsonOption = False,
) -> None:
    """Say what is done, running, failed or not yet begun, and how long the rest may take.

    It only reads the store, whoever runs the study, here or elsewhere. Ctrl-C ends the view and not the run.

    Example:  xstilts status demo --serve --port 9000
    """
    import signal

    from rich.text import Text

    from xstilts.cli.views.live import follow, print_status
    from xstilts.execution.status import Watch
    from xstilts.store.store import Store

    if watch + serve + as_json > 1:
        raise InputError("status: --watch, --serve and --json exclude each other; give one of them")
    made = plan_of(study, changes, draft=True)
    if not as_json:
        for sentence in made.unresolved:
            terminal().print(Text(f"before it can run: {sentence}", style="yellow"), soft_wrap=True)
    eye = Watch(made, Store(store), least_seconds=0.5)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if as_json:
            print_json(eye.look().record())
        elif serve:
            from xstilts.cli.views.web import StatusServer

            eye.look()
            with StatusServer(eye, port) as server:
                terminal().print(f"{made.study.name}: {server.url} (Ctrl-C ends it)", soft_wrap=True)
                server.serve_forever()
        elif watch:
            follow(terminal(), eye)
        else:
            print_status(terminal(), eye.look())
    except KeyboardInterrupt:
        return


@app.command()
def report(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the report of what is there: HTML, Markdown and CSV. What is missing is said to be missing."""
    from xstilts.report.render.csv import score_rows
    from xstilts.report.render.terminal import end_of_run
    from xstilts.store.store import Store

    made = plan_of(study, changes, draft=True)
    analysis, path = _write(made, Store(store), None, out or Path("reports") / made.study.name)
    if as_json:
        print_json(
            {
                "study": made.study.name,
                "question": made.study.question,
                "answer": dataclasses.asdict(analysis.answer),
                "report": str(path),
                "scores": score_rows(analysis.results),
            }
        )
        return
    console = terminal()
    console.print(end_of_run(analysis))
    console.print(f"\nreport: {path}", soft_wrap=True)


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
    from xstilts.plan.cell import find_cell
    from xstilts.stages.export import export_cell
    from xstilts.store.store import Store

    made = plan_of(study, changes)
    written = export_cell(Store(store), find_cell(made.cells, cell).checkpoint, out)
    terminal().print(f"{written} written to {out}", soft_wrap=True)
