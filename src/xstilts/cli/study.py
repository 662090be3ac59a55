"""Verbs that plan, run and watch a study."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xstilts.cli.app import RUN, app, load_plan, open_console, print_error, print_json
from xstilts.cli.options import (
    DEFAULT_STORE,
    ClusterOption,
    ExecutorOption,
    JsonOption,
    NotifyOption,
    ReportOption,
    SetOption,
    StoreOption,
    StudyArgument,
    WorkersOption,
)
from xstilts.errors import InputError

if TYPE_CHECKING:
    from xstilts.execution.executors.base import StartExecutor
    from xstilts.execution.notify import Ending


@app.command(rich_help_panel=RUN)
def demo(store: StoreOption = DEFAULT_STORE, workers: WorkersOption = None, out: ReportOption = None) -> None:
    """Run a complete study on six synthetic languages, without data, model hub or GPU.

    It freezes the design, pre-trains a tiny XLM-R on six languages, trains it on an English intermediate task and English target
    tasks, and tests it in two other languages. It ends with the answer, the truth beside it, and the path of an HTML report. The
    second time, everything comes from the store.

    Example:

        xstilts demo --workers 2
    """
    from xstilts.execution.executors.local import start_local
    from xstilts.execution.notify import Ending

    _run("demo", [], store, workers, out, start_local, Ending(), demo=True)


@app.command(rich_help_panel=RUN)
def plan(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
    flops: Annotated[
        float | None, typer.Option("--flops", min=1.0, help="FLOP/s of a training, for GPU-hours (default: 40 % of an H100).")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="How long it takes on so many workers (default: 1, 8, 64, 512).")
    ] = None,
    freezing: Annotated[
        bool, typer.Option("--freeze", help="Keep the design in the store with its date, before the study is run.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what a run would do and cost, and why. Runs nothing.

    It says which stages are new and which are in the store, which changed field made a stage new, how many GPU-hours the new ones
    take, how long that is on 1 to 512 workers, and which chain of stages no worker can shorten. It needs no data and no
    network. A study in YAML needs these fields:

        name: mine
        question: Does SNLI help Swahili?
        encoders: [./xlm-roberta-base]          # a folder, or Hub id@commit
        chains: {none: [], snli: [snli], both: [{mix: [snli, squad_v1]}]}
        targets: [tydiqa, {task: xnli, train: snli}]
        seeds: [0, 1, 2]

    Example:

        xstilts plan phang2020 --set 'seeds=[0]'
        xstilts plan swahili.yaml --freeze
    """
    from xstilts.analysis.planning import assume_designs, describe_assumed, to_record
    from xstilts.cli.views.frozen import describe_freezing, describe_known
    from xstilts.cli.views.plan import WORKERS, plan_record, print_plan
    from xstilts.execution.execute import inspect, reasons
    from xstilts.execution.freeze import freeze, read_frozen
    from xstilts.execution.schedule import schedule_open
    from xstilts.plan.cost.estimate import RATE, estimate
    from xstilts.store.store import Store

    made = load_plan(study, changes, draft=True)
    state = inspect(made, Store(store), thorough=False)
    why = reasons(made, state)
    cost = estimate(made, {key for key, status in state.status.items() if status != "done"}, flops or RATE)
    schedule, counts = schedule_open(state, cost.rate), (workers,) if workers else WORKERS
    earlier = read_frozen(made, Store(store))
    if freezing:
        said = describe_freezing(*freeze(made, Store(store)), earlier)
    else:
        said = describe_known(made, earlier)
    designs = assume_designs(made)
    if as_json:
        frozen = [one.record() for one in read_frozen(made, Store(store))]
        sees = [to_record(one, None) for one in designs]
        print_json(plan_record(made, state, why, cost, schedule, counts) | {"sees": sees, "frozen": frozen})
        return
    print_plan(open_console(), made, state, why, cost, schedule, counts)
    for line in (*describe_assumed(made.study, designs), *said):
        open_console().print(line, soft_wrap=True)


@app.command(rich_help_panel=RUN)
def run(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    workers: WorkersOption = None,
    changes: SetOption = [],
    out: ReportOption = None,
    executor: ExecutorOption = "local",
    cluster: ClusterOption = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Submit the run itself as a Slurm job (`driver` in the cluster file), and return.")
    ] = False,
    notify: NotifyOption = "",
) -> None:
    """Run what the store lacks of a study, then write its report.

    Finished stages are never run again. A run that was killed continues from its last checkpoints. Two runs of the same study
    share the work. On a Slurm cluster, jobs go on if this program ends, and the next run of the study finds them.

    Examples:

        XSTILTS_DATA=~/data xstilts run real-small --set 'encoders=[~/models/multilingual-e5-small]' --set 'seeds=[0]'
        xstilts run phang2020 --executor slurm --cluster cluster.yaml --store ~/xstilts-store --detach
        xstilts run demo --notify 'echo "$XSTILTS_SUMMARY" | mail -s "$XSTILTS_STUDY: $XSTILTS_OUTCOME" me@example.org'
    """
    from xstilts.cli.running import detach_run
    from xstilts.execution.executors.choose import choose_executor
    from xstilts.execution.notify import notify_at_end

    if detach:
        if executor != "slurm":
            raise InputError("run: --detach submits a job to Slurm; give --executor slurm with it")
        detach_run(study, changes, store, workers, out, cluster, notify)
        return
    with notify_at_end(notify, study, print_error) as ending:
        _run(study, changes, store, workers, out, choose_executor(executor, cluster), ending)


def _run(
    name: str,
    changes: list[str],
    store_folder: Path,
    workers: int | None,
    out: Path | None,
    start: StartExecutor,
    ending: Ending,
    demo: bool = False,
) -> None:
    """`ending`: what came of it is noted there. `demo`: freeze the design first, and repeat the finished run, to show how long a
    run takes that finds everything in the store."""
    from xstilts.cli.running import choose_exit_code, print_failures, run_plan, write_study_report
    from xstilts.cli.views.progress import format_seconds
    from xstilts.execution.execute import execute
    from xstilts.execution.freeze import freeze
    from xstilts.execution.partial import run_what_is_there
    from xstilts.report.render.terminal import summarise_run
    from xstilts.report.write import check_folder
    from xstilts.store.store import Store
    from xstilts.study import find_study

    started = time.monotonic()
    console = open_console()
    path = find_study(name)
    before = path.read_bytes()
    plan = load_plan(name, changes)
    store = Store(store_folder)
    folder = out or Path("reports") / plan.study.name
    check_folder(folder)
    if demo:
        freeze(plan, store)
    plan, states = run_what_is_there(plan, lambda one: run_plan(console, one, store, workers, start))
    state = states[-1]
    with console.status("writing the report"):
        findings, report = write_study_report(plan, store, state, folder)
    seconds = time.monotonic() - started
    console.print()
    console.print(summarise_run(findings))
    made = state.count("done") - len(state.cached)
    failed = f", {state.count('failed')} failed, {state.count('blocked')} blocked" if state.errors else ""
    ending.summary = f"{made} stages run, {len(state.cached)} from the store{failed} · {format_seconds(seconds)} min"
    ending.report = report
    console.print(f"\n{ending.summary}")
    if demo and made and not state.errors:
        again = time.monotonic()
        repeated = load_plan(name, changes)
        write_study_report(repeated, store, execute(repeated, store, workers), folder)
        console.print(f"cold {seconds:.1f} s, warm (all of it again, from the store) {time.monotonic() - again:.1f} s")
    for one in states:
        print_failures(one, name)
    if path.read_bytes() != before:
        print_error(f"{path} changed while the study ran; these results are of the file before the change. Run it again.")
    console.print(f"report: {report}", soft_wrap=True)
    if demo:
        console.print("next: xstilts review world (what invented papers claim of this world, beside these runs)", soft_wrap=True)
    if code := max(choose_exit_code(one) for one in states):
        raise SystemExit(code)


@app.command(rich_help_panel=RUN)
def status(
    study: StudyArgument,
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Refresh every second until nothing is left to run.")] = False,
    serve: Annotated[bool, typer.Option("--serve", help="Show it as a web page, for this machine only.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port of --serve; 0 takes any free one.")] = 8765,
    as_json: JsonOption = False,
) -> None:
    """Show which stages are done, running, pending, failed or blocked, and the time left.

    It only reads the store, so it works beside any run on any machine that sees the store. Ctrl-C ends the view, not the run.

    Examples:

        xstilts status demo --watch
        xstilts status demo --serve --port 9000
    """
    import signal

    from rich.text import Text

    from xstilts.cli.views.frozen import describe_known
    from xstilts.cli.views.status import follow_status, print_status
    from xstilts.execution.freeze import read_frozen
    from xstilts.execution.status import StatusReader
    from xstilts.store.store import Store

    if watch + serve + as_json > 1:
        raise InputError("status: --watch, --serve and --json exclude each other; give one of them")
    made = load_plan(study, changes, draft=True)
    if not as_json:
        for sentence in made.unresolved:
            open_console().print(Text(f"before it can run: {sentence}", style="yellow"), soft_wrap=True)
        for sentence in describe_known(made, read_frozen(made, Store(store))):
            open_console().print(sentence, soft_wrap=True)
    reader = StatusReader(made, Store(store), least_seconds=0.5)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if as_json:
            print_json(reader.read().record())
        elif serve:
            from xstilts.cli.views.web import StatusServer

            reader.read()  # an unreadable store is an error now, not in the browser
            with StatusServer(reader, port) as server:
                open_console().print(f"{made.study.name}: {server.url} (Ctrl-C ends it)", soft_wrap=True)
                server.serve_forever()
        elif watch:
            follow_status(open_console(), reader)
        else:
            print_status(open_console(), reader.glance())
    except KeyboardInterrupt:
        return
