"""The command line: verbs only, in one file for each sort. Importing them costs no time; each verb imports what it needs."""

from __future__ import annotations

from xstilts.cli.app import app, complain
from xstilts.errors import InputError

# Importing them adds their verbs, in the order of --help.
from xstilts.cli import study, answer, data, benchmark, stage


def main() -> None:
    """The console script: errors of the user's input end in one line and exit code 2."""
    try:
        app()
    except InputError as error:
        complain(str(error))
        raise SystemExit(2) from None
    except BrokenPipeError:
        raise SystemExit(0) from None
