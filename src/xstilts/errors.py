"""The one error that a user sees as a sentence instead of a stack trace."""

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """Something the user gave is wrong. The message names the file, line or field, what was expected, and what to do.

    The command line prints it on one line and exits with code 2."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint ` (did you mean 'x'?)`, or the known names if none is near."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f" (did you mean '{close[0]}'?)" if close else f" (known: {', '.join(names)})"
