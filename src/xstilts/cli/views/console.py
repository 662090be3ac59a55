"""The edge to the terminal: what a study, a file or a path says is shown as it is written, whatever it says.

Words in brackets are no markup and words between colons no emoji, so styles are given beside texts (`Text`, `style=`), never
inside. Characters that a terminal obeys (ESC) or that turn the direction of a line around are shown as `SIGN`.
"""

import re
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
from rich.segment import Segment

SIGN = "\N{REPLACEMENT CHARACTER}"
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class PlainConsole(Console):
    def __init__(self, **options: Any):
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for part in super().render(renderable, options):
            yield part if part.control else Segment(_OBEYED.sub(SIGN, part.text), part.style)


def open_progress(console: Console, *columns: ProgressColumn) -> Progress:
    """The description of each task, as it is written, and these columns (by default: a bar)."""
    words = TextColumn("{task.description}", markup=False)
    return Progress(words, *(columns or (BarColumn(),)), console=console, transient=True, disable=not console.is_terminal)
