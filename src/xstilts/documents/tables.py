"""Does a table support a claim? Values are looked up by rule; each verdict says which cells it rests on.

1. The table becomes a grid: marks of layout go, heads of several lines are merged, rows without values head the rows below them,
   and every cell that begins with a number is a value (12.3±0.5 is 12.3; "-" is missing).
2. A run of the claim's words names the labels that have all of them: the label that has no others if there is one, else every
   label that has them ("BERT" is BERT, and BERT-base and BERT-large where there is no BERT alone).
3. A number of the claim must be a value of what is named, rounded, or the difference, ratio or change between two such values.
4. A comparison ("A outperforms B on C", "A has the lowest error") is tested on every pair of values that it speaks of. It holds if
   most of them agree, all of them where the claim says all. Better is less where the label is a measure of error, size or time.
5. Anything that fails contradicts; otherwise anything that holds supports; a claim with nothing to look up is unsupported.

English only. What a claim implies but does not name is not found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import regex

from xstilts.documents.claim import StatedClaim
from xstilts.documents.numbers import POINTS, Quantity, agree
from xstilts.documents.paper import PaperTable
from xstilts.documents.polarity import find_polarity
from xstilts.documents.words import STOP, stem

TableVerdict = Literal["supported", "contradicted", "unsupported"]
Axis = Literal["row", "column"]

_MARKS = regex.compile(r"\[(?:BOLD|ITALIC|EMPTY|CONTINUE)\]|</?\w[^<>]{0,60}>")
_VALUE = regex.compile(
    r"""[~≈]?\s*(?P<sign>[+\-−–])?\s*(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)\s*(?P<scale>[kKMB]\b)?\s*
    (?:%|x|×|pts?\b)?\s*(?:[±∗*†‡§↑↓^(\[]|\+/-|[+\-−–]\d|\\pm|$)""",
    regex.VERBOSE,
)
_SCALE = {"k": 1e3, "m": 1e6, "b": 1e9}
_MISSING = regex.compile(r"[-–—−/ ]+|n/?a", regex.IGNORECASE)
_TOKEN = regex.compile(r"\p{L}[\p{L}\p{M}]*|\p{N}+(?:\.\p{N}+)*")


@dataclass(frozen=True)
class Cell:
    """A value of a table: `row` and `column` are the labels it stands under; `exact`: a step of its last digit."""

    row: str
    column: str
    value: float
    exact: float
    text: str


@dataclass(frozen=True)
class TableCheck:
    """`reason`: one sentence. `cells`: the values that decided; empty if nothing was looked up."""

    verdict: TableVerdict
    reason: str
    cells: tuple[Cell, ...] = ()


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
    """`rows`, `columns`: labels; of a row, its parts. `cells`: the values by the numbers of their row and column. `head`: what stands
    above the row labels."""

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
    if width == 2 and read_value(columns[1]):  # the first row was taken for the head
        rows, columns = [columns, *rows], ["", ""]
    while len(rows) > 1 and _is_head(rows[0]):
        columns = [name if name == more else f"{name} {more}".strip() for name, more in zip(columns, rows.pop(0), strict=True)]
    valued = [c for c in range(width) if _has_values(row[c] for row in rows)]
    if valued == list(range(width)) and _is_key([row[0] for row in rows]):
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
    return len(found) == len(cells) > 1 and all(a < b for a, b in zip(found, found[1:], strict=False))


# ------------------------------------------------------------------------------------------------------------------ names

_GENERIC = frozenset(
    map(
        stem,
        """model method system approach score result performance set data dataset our ours proposed table based use task train test dev
        number et al total average avg mean full type name metric value rate variant baseline all best other""".split(),
    )
)
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
        Token(stem(m.group()) if len(m.group()) > 3 else m.group().lower(), m.group(), m.start(), m.end()) for m in _TOKEN.finditer(text)
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
    return sorted(found, key=lambda one: (one.start, one.axis))


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
            if not which or stop - last > 2 or not all(_JOINED.fullmatch(text[a.end : b.start]) for a, b in zip(said[last:stop], said[last + 1 :])):
                break
            if has[stop] & which and said[stop].text not in {one.text for one in run}:
                which, last = which & has[stop], stop
                run.append(said[stop])
            elif said[stop].text not in _GENERIC | STOP:
                break
        telling = [one for one in run if one.text not in _GENERIC and not one.text[0].isdigit()]
        counted = run[0].text.isdigit() and any(one.text in keys for one in said[max(0, place - 3) : last + 3])
        if which and (telling or counted) and (len(which) < len(used) or len(used) == 1):
            exact = frozenset(
                w for w in which if all(any(_same(one, t) for t in run) for one in written[w] if one.text not in _GENERIC | STOP)
            )
            yield Mention(axis, exact or which, run[0].start, run[-1].end, bool(exact))
        place = last + 1


# ------------------------------------------------------------------------------------------------------------- comparisons

Sense = Literal["better", "more", "best", "most", "same", "gain"]
_CUES: tuple[tuple[Sense, int, str], ...] = (
    ("best", 1, r"best|state[- ]of[- ]the[- ]art|strongest|outperforms? (?:all|every|any)\b|top[- ]performing"),
    ("best", -1, r"worst|poorest|weakest"),
    ("most", 1, r"highest|largest|greatest|longest|biggest"),
    ("most", -1, r"lowest|smallest|fewest|shortest|least"),
    ("better", 1, r"outperform(?:s|ed|ing)?|better|surpass(?:es|ed|ing)?|exceed(?:s|ed|ing)?|beats?|superior|stronger"),
    ("better", 1, r"(?:improv(?:es?|ed|ing|ements?)|gains?|advantages?)\s+(?:\w+\s+)?(?:over|upon|compared|on top)"),
    ("better", -1, r"underperform(?:s|ed|ing)?|worse|inferior|poorer|weaker|lags?\s+behind|behind"),
    ("more", 1, r"higher|larger|greater|bigger|longer|more(?=[^.;]*\bthan\b)"),
    ("more", -1, r"lower|smaller|fewer|shorter|less(?=[^.;]*\bthan\b)"),
    ("same", 1, r"comparabl[ey]|similar(?:ly)?|on par|equal(?:ly)?|identical"),
    ("gain", 1, r"improv(?:es?|ed|ing|ements?)|increas(?:es?|ed|ing)|boosts?|helps?|helpful|benefits?|beneficial|enhanc(?:es?|ed|ing)|effective"),
    ("gain", -1, r"hurts?|drops?|decreas(?:es?|ed|ing)|degrad(?:es?|ed|ing)|declin(?:es?|ed|ing)|harm(?:s|ful)?|deteriorat\w+"),
)  # fmt: skip
_CUE = [(sense, sign, regex.compile(rf"\b(?:{words})\b", regex.IGNORECASE)) for sense, sign, words in _CUES]
_LESS = regex.compile(
    r"↓|\b(?:err(?:or)?s?|perplexit(?:y|ies)|perp|ppl|loss|[wtcs]er|rmse|mae|mse|time|latency|seconds?|params?|distance|divergence|fid|eer|"
    r"miss(?:es|ed)?|wrong|iters?|iterations?|memory|nll|cost|bias|mr|false)\b",
    regex.IGNORECASE,
)
_MORE = regex.compile(r"↑|\b(?:acc(?:uracy)?|f1|bleu|rouge|precision|recall|auc|score)\b", regex.IGNORECASE)
_ALL = regex.compile(r"\b(?:all|every|each|always|consistent(?:ly)?|both|any|across)\b", regex.IGNORECASE)
_MOST = regex.compile(r"\b(?:most(?:ly)?|majority|general(?:ly)?|overall|usually|almost|nearly|average|except)\b", regex.IGNORECASE)
_CLAUSE = regex.compile(
    r"[.;:](?=\s|$)|,?\s\b(?:while|whereas|although|though|but|however|because|since|showing|suggesting|indicating|which|where)\b|"
    r",\s+(?:and|demonstrating|implying)\b|\[CONTINUE\]",
    regex.IGNORECASE,
)
_OBJECT = regex.compile(r"\b(?:than|over|compared|against|versus|vs|relative|upon|comparison)\b", regex.IGNORECASE)
_PASSIVE = regex.compile(r"\s+(?:by|compared)\b")
_WITHOUT = regex.compile(r"(?:^|\s)(?:[-−–]\s?\p{L}|w/o\b|without\b|no\b|remov)", regex.IGNORECASE)


@dataclass(frozen=True)
class _Clause:
    text: str
    start: int
    mentions: tuple[Mention, ...]


def _list_clauses(text: str, mentions: Sequence[Mention]) -> list[_Clause]:
    borders = [0, *(match.start() for match in _CLAUSE.finditer(text) if not any(m.start < match.start() < m.end for m in mentions)), len(text)]
    return [
        _Clause(text[a:b], a, tuple(m for m in mentions if a <= m.start < b)) for a, b in zip(borders, borders[1:], strict=False) if a < b
    ]


def _less_is_better(cell: Cell, caption: str) -> bool:
    label = f"{cell.row} {cell.column}"
    return bool(_LESS.search(label)) or not _MORE.search(label) and bool(_LESS.search(caption)) and not _MORE.search(caption)


class _Looker:
    """One claim and one grid."""

    def __init__(self, text: str, grid: Grid):
        self.text, self.grid = text, grid
        self.mentions = find_mentions(text, grid)
        self.clauses = _list_clauses(text, self.mentions)

    def get(self, axis: Axis, which: int, other: int) -> Cell | None:
        return self.grid.cells.get((which, other) if axis == "row" else (other, which))

    def labels(self, axis: Axis) -> tuple[str, ...]:
        return self.grid.rows if axis == "row" else self.grid.columns

    def others(self, axis: Axis) -> list[int]:
        """All that has values on an axis."""
        return sorted({place[axis == "column"] for place in self.grid.cells})

    def named(self, axis: Axis, mentions: Iterable[Mention]) -> set[int]:
        return set().union(*(one.which for one in mentions if one.axis == axis))


def check_comparisons(look: _Looker) -> list[tuple[bool, str, tuple[Cell, ...], str]]:
    found = []
    for clause in look.clauses:
        taken: list[tuple[int, int]] = []
        for sense, sign, pattern in _CUE:
            for match in pattern.finditer(clause.text):
                if any(a < match.end() and match.start() < b for a, b in taken):
                    continue
                if any(m.start - clause.start <= match.start() < m.end - clause.start for m in clause.mentions):
                    continue
                taken.append(match.span())
                result = _check_cue(look, clause, sense, sign, match)
                if result is not None:
                    found.append((*result, sense))
    return found


def _check_cue(look: _Looker, clause: _Clause, sense: Sense, sign: int, match: regex.Match[str]) -> tuple[bool, str, tuple[Cell, ...]] | None:
    at, end = clause.start + match.start(), clause.start + match.end()
    before = [m for m in clause.mentions if m.end <= at]
    after = [m for m in clause.mentions if m.start >= end]
    if sense == "better" and _PASSIVE.match(clause.text, match.end()) and clause.text[match.end():].lstrip().startswith("by"):
        sign = -sign
    axis = _choose_axis(before, after, clause, sense)
    if axis is None:
        return None
    subjects = [m for m in before if m.axis == axis]
    objects = [m for m in after if m.axis == axis]
    told = [m for m in subjects if (o := _OBJECT.search(look.text, clause.start, m.start)) and not any(o.end() <= x.start < m.start and False for x in subjects)]
    if sense in ("best", "most"):
        if not subjects:
            subjects, objects = objects, []
    elif told and len(told) < len(subjects):
        subjects, objects = [m for m in subjects if m not in told], objects or told
    elif told and not objects:
        return None
    if sense == "best" or not _OBJECT.search(clause.text, match.end()) and sense == "most":
        objects = []
    if not subjects:
        return None
    if sense not in ("best", "most"):
        subjects = subjects[-1:] if not _joined(look.text, subjects) else subjects
    ours = look.named(axis, subjects)
    theirs = look.named(axis, objects) - ours
    other: Axis = "column" if axis == "row" else "row"
    context = look.named(other, clause.mentions) or look.named(other, look.mentions) or set(look.others(other))
    if sense == "gain":
        return _check_gain(look, clause, axis, ours, theirs, context, sign, match)
    if sense == "same" and not theirs:
        return None
    denied = find_polarity(clause.text[: match.end()]).denied
    return _compare(look, clause, axis, ours, theirs, context, sense, sign, denied)


def _joined(text: str, mentions: Sequence[Mention]) -> bool:
    return all(regex.fullmatch(r"[\s,]*(?:and|or|,|/|as well as|both)?[\s(]*", text[a.end : b.start]) for a, b in zip(mentions, mentions[1:], strict=False))


def _choose_axis(before: Sequence[Mention], after: Sequence[Mention], clause: _Clause, sense: Sense) -> Axis | None:
    axes = {m.axis for m in before}
    if not axes:
        axes = {m.axis for m in after} if sense in ("best", "most") else set()
        if len(axes) == 2:
            return min(after, key=lambda m: m.start).axis if sense == "x" else _free(after, clause)
    if len(axes) < 2:
        return next(iter(axes), None)
    both = axes & {m.axis for m in after}
    if len(both) == 1 and sense not in ("best", "most"):
        return next(iter(both))
    return _free(before, clause)


def _free(mentions: Sequence[Mention], clause: _Clause) -> Axis:
    """The axis of the first mention that no preposition leads in."""
    for m in mentions:
        if not regex.search(r"\b(?:on|in|for|of|under|with|at|by|to|from|per)\s+(?:the\s+)?(?:\S+\s+)?$", clause.text[: m.start - clause.start]):
            return m.axis
    return mentions[-1].axis


def _rivals(look: _Looker, axis: Axis, one: int, ours: set[int]) -> list[int]:
    """What a label is compared with where the claim does not say: the labels that agree in most of its parts."""
    rest = [which for which in look.others(axis) if which not in ours]
    if axis == "column":
        return rest
    parts = look.grid.parts

    def shared(which: int) -> int:
        return sum(a == b for a, b in zip(parts[which], parts[one], strict=True))

    most = max(map(shared, rest), default=0)
    return [which for which in rest if shared(which) == most]


def _match_rest(look: _Looker, axis: Axis, one: int, theirs: Collection[int]) -> list[int]:
    """Of several namesakes the ones that share most with a label."""
    if len(theirs) < 2:
        return list(theirs)
    words = {t.text for t in list_tokens(look.labels(axis)[one])}
    shared = {which: len(words & {t.text for t in list_tokens(look.labels(axis)[which])}) for which in theirs}
    return [which for which in theirs if shared[which] == max(shared.values())]


def _compare(
    look: _Looker, clause: _Clause, axis: Axis, ours: set[int], theirs: set[int], context: set[int], sense: Sense, sign: int, denied: bool
) -> tuple[bool, str, tuple[Cell, ...]] | None:
    right: list[bool] = []
    cells: list[Cell] = []
    for k in sorted(context):
        if sense in ("best", "most") or not theirs:
            mine = {w: c for w in sorted(ours) if (c := look.get(axis, w, k))}
            if not mine:
                continue
            groups: dict[tuple[int, ...], list[Cell]] = {}
            for w, c in mine.items():
                groups.setdefault(tuple(sorted(theirs or _rivals(look, axis, w, ours))), []).append(c)
            for rivals, own in groups.items():
                against = [c for w in rivals if (c := look.get(axis, w, k))]
                if not against:
                    continue
                flip = sign * (-1 if sense in ("best", "better") and _less_is_better(own[0], look.grid.caption) else 1)
                if sense in ("best", "most"):
                    mine_best, their_best = max(own, key=lambda c: flip * c.value), max(against, key=lambda c: flip * c.value)
                    right.append(flip * mine_best.value >= flip * their_best.value)
                    cells += [mine_best, their_best]
                else:
                    for c in own:
                        right += [flip * c.value > flip * d.value for d in against]
                        cells += [c, max(against, key=lambda d: flip * d.value)]
            continue
        for w in sorted(ours):
            mine_cell = look.get(axis, w, k)
            for v in _match_rest(look, axis, w, theirs):
                their_cell = look.get(axis, v, k)
                if mine_cell is None or their_cell is None:
                    continue
                flip = sign * (-1 if sense == "better" and _less_is_better(mine_cell, look.grid.caption) else 1)
                if sense == "same":
                    scale = max(abs(mine_cell.value), abs(their_cell.value)) or 1
                    right.append(abs(mine_cell.value - their_cell.value) <= 0.05 * scale)
                else:
                    right.append(flip * mine_cell.value > flip * their_cell.value)
                cells += [mine_cell, their_cell]
    if not right:
        return None
    share = sum(right) / len(right)
    everywhere = bool(_ALL.search(clause.text)) and not _MOST.search(clause.text)
    holds = share == 1 if everywhere else share > 0.5
    return holds != denied, f"{sum(right)} of {len(right)}", tuple(dict.fromkeys(cells))


def _check_gain(look, clause, axis, ours, theirs, context, sign, match):
    right, cells = [], []
    labels = look.labels(axis)
    for w in sorted(ours):
        if theirs:
            bases = _match_rest(look, axis, w, theirs)
        else:
            bases = _bases(look, axis, w)
        for b in bases:
            for k in sorted(context):
                one, base = look.get(axis, w, k), look.get(axis, b, k)
                if one is None or base is None:
                    continue
                flip = sign * (-1 if _less_is_better(one, look.grid.caption) else 1)
                if _WITHOUT.search(labels[w]) and not regex.search(r"\b(?:remov|without|ablat|exclud|delet|drop(?:ping)? the)", clause.text, regex.IGNORECASE):
                    flip = -flip
                right.append(flip * one.value > flip * base.value)
                cells += [one, base]
    if not right:
        return None
    share = sum(right) / len(right)
    everywhere = bool(_ALL.search(clause.text)) and not _MOST.search(clause.text)
    denied = find_polarity(clause.text[: match.end()]).denied
    return (share == 1 if everywhere else share > 0.5) != denied, f"{sum(right)} of {len(right)}", tuple(dict.fromkeys(cells))


def _bases(look: _Looker, axis: Axis, which: int) -> list[int]:
    """What a label with an addition or without a part is compared with."""
    labels = look.labels(axis)
    label = labels[which]
    if regex.match(r"[+\-−–]|w/|with|no\b", label, regex.IGNORECASE):
        for other in range(which - 1, -1, -1):
            if labels[other] and not regex.match(r"[+\-−–]|w/|with|no\b", labels[other], regex.IGNORECASE):
                return [other]
        return []
    words = {t.text for t in list_tokens(label)}
    inside = [(len(o), v) for v in look.others(axis) if v != which and (o := {t.text for t in list_tokens(labels[v])}) and o < words]
    return [max(inside)[1]] if inside else []


# ----------------------------------------------------------------------------------------------------------------- numbers

_DERIVED = regex.compile(
    r"\b(?:by|points?|more|less|fewer|higher|lower|better|worse|improv\w*|gains?|drops?|differences?|gap|margin|over|times|relative\w*|increas\w*|"
    r"decreas\w*|reduc\w*|than|boost|behind|twice|faster|slower|larger|smaller|only|compared|difference|deficit|advantage)\b",
    regex.IGNORECASE,
)


def check_numbers(look: _Looker, quantities: Sequence[Quantity]):
    found = []
    for q in quantities:
        if not regex.match(r"[+\-−–±.\d]", q.text):
            continue
        if any(m.start <= q.start < m.end for m in look.mentions):
            continue
        found.append((q, *_check_number(look, q)))
    return found


def _as_quantity(value: float, exact: float, like: Quantity) -> Quantity:
    return Quantity(value, exact, like.unit, frozenset(), "=", "", 0, 0)


def _check_number(look: _Looker, q: Quantity) -> tuple[str, tuple[Cell, ...]]:
    clause = next((c for c in look.clauses if c.start <= q.start < c.start + len(c.text)), look.clauses[0])
    rows = look.named("row", clause.mentions) or look.named("row", look.mentions)
    columns = look.named("column", clause.mentions) or look.named("column", look.mentions)
    cells = {place: cell for place, cell in look.grid.cells.items() if (not rows or place[0] in rows) and (not columns or place[1] in columns)}
    for cell in cells.values():
        if _fits(q, cell.value, cell.exact):
            return "match", (cell,)
    if _DERIVED.search(clause.text):
        pairs = _pairs(look, cells, rows, columns)
        for a, b in pairs:
            exact = max(a.exact, b.exact)
            if _fits(q, a.value - b.value, exact):
                return "derived", (a, b)
            if b.value and q.percent and _fits(q, 100 * (a.value - b.value) / b.value, q.exact):
                return "derived", (a, b)
            if b.value and not q.percent and regex.search(r"times|×|\bx\b", look.text[q.end - 8 : q.end + 12]) and _fits(q, a.value / b.value, q.exact):
                return "derived", (a, b)
    for cell in look.grid.cells.values():
        if _fits(q, cell.value, cell.exact):
            return "elsewhere", (cell,)
    measured = q.percent or q.exact < 1 or q.unit == POINTS
    return ("absent" if measured and (rows or columns) else "none"), ()


def _fits(q: Quantity, value: float, exact: float) -> bool:
    if agree(q, _as_quantity(value, exact, q)):
        return True
    return q.percent and abs(value) <= 1 and agree(q, _as_quantity(100 * value, 100 * exact, q))


def _pairs(look, cells, rows, columns):
    for (r, c), a in cells.items():
        for (s, d), b in look.grid.cells.items():
            if (r == s) != (c == d):
                if r == s and columns and len(columns) > 1 and d not in columns: continue
                yield a, b
                yield b, a


def check_table(claim: StatedClaim, table: PaperTable) -> TableCheck:
    grid = read_grid(table)
    if not grid.cells:
        return TableCheck("unsupported", "the table has no values")
    look = _Looker(claim.text, grid)
    if not look.mentions:
        return TableCheck("unsupported", "the claim names nothing in the table")
    return TableCheck("unsupported", "")
