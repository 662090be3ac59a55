"""The verb that runs stages by their keys, for executors and for a close look at what fails."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xstilts.cli.app import RUN, app, open_console, print_error
from xstilts.cli.options import DEFAULT_STORE, StoreOption

if TYPE_CHECKING:
    from xstilts.stages.job import Outcome

TRY_LATER = 75  # the exit code of a temporary failure, as in sysexits.h


@app.command(rich_help_panel=RUN)
def stage(
    keys: Annotated[list[str], typer.Argument(metavar="KEY", help="A stage's key, or its first digits (`xstilts plan --json`).")],
    store: StoreOption = DEFAULT_STORE,
    at_once: Annotated[int, typer.Option("--at-once", min=1, metavar="N", help="So many of several stages side by side.")] = 1,
    outcomes: Annotated[
        Path | None, typer.Option("--outcomes", metavar="FOLDER", help="Leave word of each stage's end there (for executors).")
    ] = None,
    code: Annotated[
        str, typer.Option("--code", metavar="ID", help="Refuse to run unless this is the same code (for executors).")
    ] = "",
) -> None:
    """Run stages of the store in this process, by their keys.

    A run writes each stage's record into the store before it hands the stage out; the record is all that this needs. Ctrl-C
    leaves a checkpoint, and the same command goes on from it. The next stage begins whether or not the one before succeeded.

    Example:

        xstilts stage 9eba6a7c5557 --store xstilts-store
    """
    import os
    import signal
    import threading

    from xstilts.execution.environment import worker_environment

    os.environ.update(worker_environment())
    from xstilts.errors import InputError
    from xstilts.execution.code_identity import check_code
    from xstilts.execution.one_stage import run_stages, write_outcome
    from xstilts.stages.job import Outcome
    from xstilts.store.lease import HIDDEN_SECONDS
    from xstilts.store.store import Store

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    patience = HIDDEN_SECONDS if outcomes else 0.0
    exit_code = 0
    try:
        if code:
            check_code(code)
        found = run_stages(Store(store), keys, stop, at_once, patience)
    except InputError as error:
        refused = Outcome("failed", str(error), input_error=True)
        found = iter([(key, refused) for key in keys])
    for key, outcome in found:
        if outcomes:
            write_outcome(outcomes, key, outcome)
        exit_code = max(exit_code, _tell(outcome, f"{key[:12]}: " if len(keys) > 1 else ""))
    if exit_code:
        raise SystemExit(exit_code)


def _tell(outcome: Outcome, name: str) -> int:
    """Print how an attempt ended; gives the exit code that says the same."""
    match outcome.outcome:
        case "done":
            open_console().print(f"{name}done" if outcome.seconds is None else f"{name}done in {outcome.seconds:.1f} s")
            return 0
        case "interrupted":
            print_error(f"{name}interrupted; run the same command again to go on from the checkpoint")
            return 130
        case "held":
            print_error(f"{name}{outcome.error}; wait for it")
            return TRY_LATER
        case "lost":
            print_error(f"{name}{outcome.error}; run the same command again to go on from the checkpoint")
            return TRY_LATER
        case _:
            print_error(f"{name}{outcome.error}")
    return 2 if outcome.input_error else 1
