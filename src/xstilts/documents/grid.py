"""A table as a grid of values under labels, and which of its labels a sentence names.

Marks of layout go, heads of several lines are merged, rows without values head the rows below them, and every cell that begins
with a number is a value (12.3±0.5 is 12.3; "-" is missing). A run of a sentence's words names the labels that have all of them:
the labels that have no others if there are such, else every label that has them ("BERT" is BERT, and BERT-base and BERT-large
where there is no BERT alone). Words that every table has ("model", "score") name nothing by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import regex

from xstilts.documents.paper import PaperTable
from xstilts.documents.words import STOP, stem

Axis = Literal["row", "column"]

_MARKS = regex.compile(r"\[(?:BOLD|ITALIC|EMPTY|CONTINUE)\]|</?\w[^<>]{0,60}>")
_VALUE = regex.compile(
    r"""[~≈]?\s*(?P<sign>[+\-−–])?\s*(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)\s*(?P<scale>[kKMB]\b)?\s*
    (?:%|x|×|pts?\b)?(?:\s*(?:[±∗*†‡§↑↓^(\[]|\+/-|\\pm|$)|\s[+\-−–]\d)""",
    regex.VERBOSE,
)
_SCALE = {"k": 1e3, "m": 1e6, "b": 1e9}
_MISSING = regex.compile(r"[-–—−/ ]+|n/?a", regex.IGNORECASE)
_PAIR = regex.compile(r"(?:[\d.]+|[-–—])\s*/\s*(?:[\d.]+|[-–—])")
_TOKEN = regex.compile(r"\p{L}[\p{L}\p{M}]*|\p{N}+(?:\.\p{N}+)*")


@dataclass(frozen=True)
class Cell:
    """A value of a table: `row` and `column` are the labels it stands under; `exact`: a step of its last digit."""

    row: str
    column: str
    value: float
    exact: float
    text: str


def clean(text: str) -> str:
    """A cell without marks of layout."""
    return " ".join(_MARKS.sub(" ", text).replace("\xa0", " ").split())


def read_value(text: str) -> tuple[float, float] | None:
    """The value that a cell begins with, and a step of its last digit; None if it is no value."""
    match = _VALUE.match(clean(text))
    if match is None:
        return None
    digits = match["digits"].replace(",", "")
    scale = _SCALE[match["scale"].lower()] if match["scale"] else 1.0
    sign = -1.0 if match["sign"] and match["sign"] in "-−–" else 1.0
    return sign * float(digits) * scale, 10.0 ** -len(digits.partition(".")[2]) * scale


@dataclass(frozen=True)
class Grid:
    """`rows`, `columns`: labels, empty for a column that has no values. `parts`: of each row label its parts. `cells`: the values
    by the numbers of their row and column. `head`: what stands above the row labels."""

    caption: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    parts: tuple[tuple[str, ...], ...]
    cells: dict[tuple[int, int], Cell]
    head: str = ""


def read_grid(table: PaperTable) -> Grid:
    """The values of a table with their labels; see the module. Rows may be ragged."""
    columns = [clean(name) for name in table.columns]
    rows = [[clean(cell) for cell in row] for row in table.rows]
    width = max(map(len, [columns, *rows]))
    columns, *rows = [row + [""] * (width - len(row)) for row in [columns, *rows]]
    for c in reversed(range(width)):  # two values in one cell, "71.1/79.5"
        if len(rows) > 1 and all(_PAIR.fullmatch(row[c]) for row in rows):
            columns[c : c + 1] = [columns[c]] * 2
            for row in rows:
                row[c : c + 1] = [part.strip() for part in row[c].split("/")]
    width = len(columns)
    if width == 2 and read_value(columns[1]):  # the first row was taken for the head
        rows, columns = [columns, *rows], ["", ""]
    while len(rows) > 1 and _is_head(rows[0]):
        columns = [name if name == more else f"{name} {more}".strip() for name, more in zip(columns, rows.pop(0), strict=True)]
    valued = [c for c in range(width) if _has_values(row[c] for row in rows)]
    if len(valued) == width > 1 and _is_key([row[0] for row in rows]):
        valued = valued[1:]
    named = [c for c in range(width) if c not in valued]
    section, above = "", [""] * width
    sections, parts, kept = [], [], []
    for row in rows:
        said = {cell for cell in row if cell and not _MISSING.fullmatch(cell)}
        if width > 1 and len(said) == 1 and not any(map(read_value, row)):
            section = said.pop()
            continue
        for c in named[: max(1, len(named) - 1)]:  # a label that stands for several rows is written once
            row[c] = row[c] or above[c]
        above = row
        sections.append(section)
        parts.append(tuple(row[c] for c in named))
        kept.append(row)
    repeated = len(set(parts)) < len(parts)  # a section tells rows apart
    labels = [" ".join(dict.fromkeys(filter(None, [section, *part]))) for section, part in zip(sections, parts, strict=True)]
    cells = {
        (r, c): Cell(labels[r], columns[c], *value, row[c])
        for r, row in enumerate(kept)
        for c in valued
        if (value := read_value(row[c])) is not None
    }
    return Grid(
        clean(table.caption),
        tuple(labels),
        tuple(columns[c] if c in valued else "" for c in range(width)),
        tuple((section, *part) if repeated else part for section, part in zip(sections, parts, strict=True)),
        cells,
        " ".join(columns[c] for c in named),
    )


def _is_head(row: Sequence[str]) -> bool:
    return len(set(row)) > 2 and sum(map(bool, row[1:])) > len(row[1:]) / 2 and not any(map(read_value, row))


def _has_values(cells: Iterable[str]) -> bool:
    filled = [cell for cell in cells if cell and not _MISSING.fullmatch(cell)]
    return sum(read_value(cell) is not None for cell in filled) > len(filled) / 2


def _is_key(cells: Sequence[str]) -> bool:
    """Whether a column of numbers names its rows: whole numbers that rise."""
    values = [read_value(cell) for cell in cells]
    found = [value[0] for value in values if value and value[1] == 1]
    return len(found) == len(cells) > 1 and all(a < b for a, b in pairwise(found))


GENERIC = frozenset(
    stem(word)
    for word in """model method system approach score result performance set data dataset our ours proposed table use task
    train test dev number et al total average avg mean full type name metric value rate variant baseline all best other""".split()
)
_FILLERS = STOP | {stem(word) for word in ("model", "method", "system", "approach", "our", "ours", "proposed", "et", "al")}
_SHORT = {  # how heads write measures, and how sentences do
    "p": "precision", "prec": "precision", "r": "recall", "rec": "recall", "f": "fscore", "acc": "accuracy", "perp": "perplexity",
    "ppl": "perplexity", "b": "bleu", "c": "chrf", "avg": "average", "dev": "development",
}  # fmt: skip
_OURS = frozenset({"our", "ours", "proposed"})
_JOINED = regex.compile(r"[\s\-–+/_&@.]*|\s*\(")


@dataclass(frozen=True)
class Token:
    text: str  # as it is compared
    written: str
    start: int
    end: int


def list_tokens(text: str) -> list[Token]:
    """Words and numbers apart, also within a name: "DCGCN4" and "DCGCN(4)" are the same."""
    return [
        Token(stem(m.group()) if len(m.group()) > 3 else m.group().lower(), m.group(), m.start(), m.end())
        for m in _TOKEN.finditer(text)
    ]


def _same(label: Token, said: Token) -> bool:
    if label.text == said.text:
        return len(label.text) > 1 or label.text.isdigit() or said.written.isupper()
    if label.text in _SHORT:
        return said.text == stem(_SHORT[label.text])
    short, long = sorted((label.text, said.text), key=len)
    least = 3 if short == label.text and label.written.istitle() else 4
    return len(short) >= least and long.startswith(short) and short.isalpha()


@dataclass(frozen=True)
class Mention:
    """Words of the claim from `start` to `end` that name the labels `which` of an axis. `exact`: they are whole labels."""

    axis: Axis
    which: frozenset[int]
    start: int
    end: int
    exact: bool


def find_mentions(text: str, grid: Grid) -> list[Mention]:
    """What a sentence names in a table, in its order."""
    said = list_tokens(text)
    found = [*_find_on(said, text, "row", grid.rows, grid.head), *_find_on(said, text, "column", grid.columns, "")]
    whole = [one for one in found if one.exact]
    kept = [one for one in found if one.exact or not any(w.start <= one.start and one.end <= w.end for w in whole)]
    return sorted(kept, key=lambda one: (one.start, one.axis))


def _find_on(said: Sequence[Token], text: str, axis: Axis, labels: Sequence[str], head: str) -> Iterator[Mention]:
    written = [list_tokens(label) for label in labels]
    used = [which for which, label in enumerate(written) if label]
    keys = {token.text for token in list_tokens(head)}
    ours = frozenset(which for which in used if _OURS & {token.text for token in written[which]})

    def list_labels(token: Token) -> frozenset[int]:
        if token.written.lower() in STOP and not token.written.isupper():
            return frozenset()
        return frozenset(which for which in used if any(_same(one, token) for one in written[which]))

    has = [list_labels(token) for token in said]
    place = 0
    while place < len(said):
        which, run, last = has[place], [said[place]], place
        if said[place].text in _OURS and ours:
            yield Mention(axis, ours, said[place].start, said[place].end, True)
        for stop in range(place + 1, len(said)):
            if not which or stop - last > 2 or not _JOINED.fullmatch(text[said[stop - 1].end : said[stop].start]):
                break
            if has[stop] & which and said[stop].text not in {one.text for one in run}:
                which, last = which & has[stop], stop
                run.append(said[stop])
            elif said[stop].text not in GENERIC | STOP:
                break
        start, end = run[0].start, run[-1].end
        written_so = frozenset(w for w in which if labels[w].lower() == text[start:end].lower())
        telling = any(one.text not in GENERIC and not one.text[0].isdigit() for one in run)
        counted = run[0].text.isdigit() and any(one.text in keys for one in said[max(0, place - 3) : last + 3])
        if which and (telling or counted or (written_so and len(run) > 1)) and (len(which) < len(used) or len(used) == 1):
            exact = frozenset(
                w for w in which if all(any(_same(one, t) for t in run) for one in written[w] if one.text not in _FILLERS)
            )
            yield Mention(axis, written_so or exact or which, start, end, bool(exact))
        place = last + 1
