"""The one error that a user sees as a sentence instead of a stack trace."""

import difflib
from collections.abc import Iterable

MOST_LINES = 12
LONGEST_LINE = 1_000


class InputError(Exception):
    """Something the user gave is wrong. The message names the file, line or field, what was expected, and what to do.

    The command line prints it and exits with code 2. Of a message of many lines the first are kept, of a long line its beginning
    and its end, where the advice stands: a message may show what somebody else wrote."""

    def __init__(self, message: str):
        lines = message.split("\n")
        kept = [
            line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE // 2]} … {line[-LONGEST_LINE // 2 :]}" for line in lines
        ]
        more = [f"and {len(lines) - MOST_LINES:,} more lines"] if len(lines) > MOST_LINES else []
        super().__init__("\n".join(kept[:MOST_LINES] + more))


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint ` (did you mean 'x'?)`, or the known names if none is near."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f" (did you mean '{close[0]}'?)" if close else f" (known: {', '.join(names)})"
