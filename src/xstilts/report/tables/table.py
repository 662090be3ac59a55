"""The record of a table, and the words that several captions share. Nothing here knows a markup language.

Scores are written 0-100 and gains in points. Every rendering (HTML, PDF, Markdown, LaTeX) prints the same tables.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from xstilts.analysis import formatting as fmt
from xstilts.report.findings import Findings

Line = tuple[str, ...]
ORACLE = "§"
LEAK_REMARK = "oracle (leak)"
WORDY = 45  # letters


@dataclass(frozen=True)
class Table:
    """`groups` are (title, rows); a title "" means no heading. `numeric` are the columns to align right."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: Line
    groups: tuple[tuple[str, tuple[Line, ...]], ...]
    numeric: frozenset[int] = frozenset()

    @property
    def rows(self) -> int:
        return sum(len(lines) for _, lines in self.groups)

    @property
    def wordy(self) -> bool:
        """Whether a third of the rows hold a sentence. A phone then shows each row as a list."""
        long = [max(map(len, line[1:]), default=0) > WORDY for _, lines in self.groups for line in lines]
        return 3 * sum(long) >= max(len(long), 1)


def make_table(caption: str, columns: Line, rows: Sequence[Line], numeric: Iterable[int] = ()) -> Table | None:
    """A table of one group; None without rows. Columns without content are dropped."""
    return make_grouped_table(caption, columns, [("", tuple(rows))], numeric) if rows else None


def make_grouped_table(
    caption: str, columns: Line, groups: Iterable[tuple[str, tuple[Line, ...]]], numeric: Iterable[int] = ()
) -> Table:
    """A table of several groups. Columns without content are dropped."""
    groups, numeric = tuple(groups), set(numeric)
    lines = [line for _, rows in groups for line in rows]
    kept = [index for index in range(len(columns)) if not lines or any(line[index] for line in lines)]
    return Table(
        caption,
        tuple(columns[index] for index in kept),
        tuple((title, tuple(tuple(line[index] for index in kept) for line in rows)) for title, rows in groups),
        frozenset(place for place, index in enumerate(kept) if index in numeric),
    )


def group_by_encoder(findings: Findings, rows: Iterable[tuple[str, Line]]) -> list[tuple[str, tuple[Line, ...]]]:
    """Groups of a table from (encoder, line); without titles if the study has one encoder."""
    groups: dict[str, list[Line]] = {}
    for encoder, line in rows:
        groups.setdefault(encoder, []).append(line)
    return [(encoder if findings.several_encoders else "", tuple(lines)) for encoder, lines in groups.items()]


def describe_leaks(leaks: bool) -> str:
    """What a caption says about remarks on leaks; "" where there is none."""
    text = f" A gain marked {LEAK_REMARK} used target-language dev data to choose weights: it is an upper bound, not evidence."
    return text if leaks else ""


def describe_limits(findings: Findings) -> str:
    """What a caption says about limited data; "" where data are whole."""
    limits = list_limits(findings)
    return f". Examples limited to {limits}" if limits else ""


def describe_partial_data(findings: Findings) -> str:
    """What a caption says about missing languages and limited data; "" where data are whole."""
    partial = any(info.coverage for info in findings.results.targets)
    return (". n/m: n of the target's m languages have data" if partial else "") + describe_limits(findings)


def list_limits(findings: Findings) -> str:
    """train 1,000 and test 500"""
    return fmt.listed(f"{name} {value:,}" for name, value in findings.results.limits.items())


def name_targets(findings: Findings) -> dict[str, str]:
    """Each target with its coverage where languages are missing: tydiqa 8/9."""
    return {info.name: f"{info.name} {info.coverage}".strip() for info in findings.results.targets}
