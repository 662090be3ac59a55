"""The command line: `app` has the application and what all verbs share, the other files have the verbs, `views` what they print.

Importing it costs almost no time: each verb imports what it needs.
"""

import gc

from xstilts.cli.app import app, print_error
from xstilts.errors import InputError

# Importing these registers their verbs, in the order of --help.
from xstilts.cli import study, logs, stage, store, answer, review, model, attack, data, benchmark


def main() -> None:
    """The console script. An InputError is printed on one line, and the exit code is 2."""
    gc.set_threshold(50_000, 20, 20)  # a plan has very many objects that stay: each search for others would look at them all
    try:
        app()
    except InputError as error:
        print_error(str(error))
        raise SystemExit(2) from None
    except BrokenPipeError:
        raise SystemExit(0) from None
