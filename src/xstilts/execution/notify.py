"""A command that is run when a run has ended, however it ended.

It is told by the environment, changes neither results nor exit code, and is ended when it takes too long.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

LIMIT_SECONDS = 60.0
INTERRUPTED = 130


@dataclass
class Ending:
    """What came of a run: a line about it, and its report if it was written."""

    summary: str = ""
    report: Path | None = None


@contextmanager
def notify_at_end(command: str, study: str, complain: Callable[[str], None]) -> Iterator[Ending]:
    """Run a shell command once what is inside has ended: done, failed (an exception, an exit code) or interrupted. `complain`
    gets a sentence if the command fails. SIGTERM counts as Ctrl-C. Without a command it does nothing."""
    ending = Ending()
    if not command:
        yield ending
        return
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    outcome: Literal["done", "failed", "interrupted"] = "failed"
    try:
        yield ending
        outcome = "done"
    except KeyboardInterrupt:
        outcome = "interrupted"
        raise
    except SystemExit as error:
        outcome = "interrupted" if error.code == INTERRUPTED else "failed" if error.code else "done"
        raise
    except Exception as error:
        ending.summary = ending.summary or next(iter(str(error).splitlines()), "") or type(error).__name__
        raise
    finally:
        variables = {"STUDY": study, "OUTCOME": outcome, "SUMMARY": ending.summary or f"{outcome}, without a report"}
        variables["REPORT"] = str(ending.report.absolute()) if ending.report else ""
        if trouble := _run_command(command, {f"XSTILTS_{name}": value for name, value in variables.items()}):
            complain(f"--notify: {trouble}; the run itself is not affected")


def _run_command(command: str, variables: dict[str, str]) -> str:
    """Gives what went wrong; empty if nothing did. The command is a session of its own, which a Ctrl-C does not reach."""
    try:
        process = subprocess.Popen(
            command, shell=True, stdin=subprocess.DEVNULL, env={**os.environ, **variables}, start_new_session=True
        )
    except (OSError, ValueError) as error:
        return f"the command could not be started ({error})"
    try:
        code = process.wait(LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        return f"the command took longer than {LIMIT_SECONDS:.0f} s, and was ended"
    except KeyboardInterrupt:
        return "the command was ended by Ctrl-C"
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return f"the command ended with exit code {code}" if code else ""
