"""The verb that runs one stage, for executors and for a close look at what fails."""

from typing import Annotated

import typer

from xstilts.cli.app import RUN, app, open_console, print_error
from xstilts.cli.options import DEFAULT_STORE, StoreOption

TRY_LATER = 75  # the exit code of a temporary failure, as in sysexits.h


@app.command(rich_help_panel=RUN)
def stage(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A stage's key, or its first digits (see `xstilts plan --json`).")],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Run one stage of the store in this process.

    A run writes each stage's record into the store before it hands the stage out; the record is all that this needs. Ctrl-C
    leaves a checkpoint, and the same command goes on from it.

    Example:

        xstilts stage 9eba6a7c5557 --store xstilts-store
    """
    import os
    import signal
    import threading

    from xstilts.execution.environment import worker_environment

    os.environ.update(worker_environment())
    from xstilts.execution.one_stage import run_stage
    from xstilts.store.store import Store

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    found = run_stage(Store(store), key, stop)
    match found.outcome:
        case "done":
            open_console().print("done" if found.seconds is None else f"done in {found.seconds:.1f} s")
            return
        case "interrupted":
            print_error("interrupted; run the same command again to go on from the checkpoint")
            raise SystemExit(130)
        case "held":
            print_error(f"{found.error}; wait for it")
            raise SystemExit(TRY_LATER)
        case "lost":
            print_error(f"{found.error}; run the same command again to go on from the checkpoint")
            raise SystemExit(TRY_LATER)
        case _:
            print_error(found.error)
    raise SystemExit(2 if found.input_error else 1)
