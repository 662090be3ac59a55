"""The verb that tells what happened in the attempts at stages."""

from typing import Annotated

import typer

from xstilts.cli.app import RUN, app, load_plan, load_plan_of_store, open_console, print_json
from xstilts.cli.options import DEFAULT_STORE, JsonOption, SetOption, StoreOption, StudyArgument


@app.command(rich_help_panel=RUN)
def logs(
    study: StudyArgument,
    stage: Annotated[
        str, typer.Argument(metavar="STAGE", help="A stage's name or a part of it, or the beginning of its key.")
    ] = "",
    store: StoreOption = DEFAULT_STORE,
    changes: SetOption = [],
    as_json: JsonOption = False,
) -> None:
    """Show which attempts at stages failed or were cut off, or all that is known of those at one stage.

    Of a stage: when and where each attempt ran, how it ended, its error and traceback, what it reported last and what it printed
    (the last 200 lines), and what the jobs of a cluster printed that were to run it.

    Examples:

        xstilts logs demo
        xstilts logs demo 9eba6a7c5557
    """
    from xstilts.cli.views.logs import print_attempts, print_troubles
    from xstilts.execution.logs import find_stage, list_troubles, read_attempts, read_job_logs, read_printed
    from xstilts.store.store import Store

    kept, console = Store(store), open_console()
    plans = (load_plan(study, changes, draft=True), load_plan_of_store(study, changes, kept))
    stages = {one.key: one for plan in plans for one in plan.stages}.values()
    if stage:
        found = find_stage(stages, kept, stage)
        attempts, jobs = read_attempts(kept, [found]), read_job_logs(kept, found)
        if as_json:
            printed = [read_printed(one) for one in attempts]
            records = [
                {**one.record(), "printed": list(text.lines) if text else []} for one, text in zip(attempts, printed, strict=True)
            ]
            print_json({"attempts": records, "jobs": {str(job.path): list(job.lines) for job in jobs}})
        else:
            print_attempts(console, found, kept.folder(found.kind, found.slug, found.key), attempts, jobs)
        return
    troubles = list_troubles(read_attempts(kept, stages))
    if as_json:
        print_json([one.record() for one in troubles])
    elif troubles:
        print_troubles(console, troubles)
        console.print(f"\nmore of one: xstilts logs {study} {troubles[-1].stage.key[:12]}", soft_wrap=True)
    else:
        console.print("No attempt failed or was cut off.")
