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
_SENSES: tuple[tuple[Sense, int, str], ...] = (
    ("best", 1, r"best|state[- ]of[- ]the[- ]art|strongest|top[- ]performing"),
    ("best", 1, r"(?:outperforms?|surpass(?:es)?|beats?|exceeds?|superior to|better than)\s+(?:all|every|any|the\s+(?:other|rest))"),
    ("best", -1, r"worst|poorest|weakest"),
    ("most", 1, r"highest|largest|greatest|longest|biggest"),
    ("most", -1, r"lowest|smallest|fewest|shortest|least"),
    ("better", 1, r"outperform(?:s|ed|ing)?|better|surpass(?:es|ed|ing)?|exceed(?:s|ed|ing)?|beats?|superior|stronger"),
    ("better", 1, r"(?:improv(?:es?|ed|ing|ements?)|gains?|advantages?)\s+(?:\w+\s+)?(?:over|upon|compared|on top)"),
    ("better", -1, r"underperform(?:s|ed|ing)?|worse|inferior|poorer|weaker|lags?\s+behind|behind"),
    ("more", 1, r"higher|larger|greater|bigger|longer|more"),
    ("more", -1, r"lower|smaller|fewer|shorter|less"),
    ("same", 1, r"comparabl[ey]|similar(?:ly)?|on par|equal(?:ly)?|identical"),
    ("gain", 1, r"improv(?:es?|ed|ing|ements?)|increas(?:es?|ed|ing)|boosts?|helps?|helpful|benefits?|beneficial|enhanc(?:es?|ed|ing)"),
    ("gain", -1, r"hurts?|drops?|decreas(?:es?|ed|ing)|degrad(?:es?|ed|ing)|declin(?:es?|ed|ing)|harm(?:s|ful)?|deteriorat\w+"),
)  # fmt: skip
_CUES = [(sense, sign, regex.compile(rf"\b(?:{words})\b", regex.IGNORECASE)) for sense, sign, words in _SENSES]
_BETTER_LESS = regex.compile(
    r"↓|\b(?:err(?:or)?s?|perplexit(?:y|ies)|perp|ppl|loss|[wtcs]er|rmse|mae|mse|time|latency|seconds?|params?|distance|divergence|fid|eer|"
    r"miss(?:es|ed)?|wrong|iters?|iterations?|memory|nll|cost|false)\b",
    regex.IGNORECASE,
)
_BETTER_MORE = regex.compile(r"↑|\b(?:acc(?:uracy)?|f1|bleu|rouge|precision|recall|auc|score)\b", regex.IGNORECASE)
_ASIDE = regex.compile(r"#|\b(?:params?|size|p-value|std|time|diff|depth|epochs?|layers?|count|length|len)\b|Δ", regex.IGNORECASE)  # not quality
_PARTIAL = regex.compile(r"\b(?:P|R|Prec|Rec|Precision|Recall)\b\.?")
_HARMONIC = regex.compile(r"\bF\s?1?\b|F-?(?:score|measure)|F1", regex.IGNORECASE)
_EVERYWHERE = regex.compile(
    r"\b(?:all|every|each|both|any)\s+(?:of\s+)?(?:the\s+)?(?:\S+\s+){0,2}?(?:metric|measure|data|corp|language|task|case|setting|categor|domain|"
    r"test|class|condition|criteri|aspect|level|group|pair|set)|\b(?:always|consistently|in all|across)\b",
    regex.IGNORECASE,
)
_MOSTLY = regex.compile(r"\b(?:most(?:ly)?|majority|general(?:ly)?|overall|usually|almost|nearly|average|except)\b", regex.IGNORECASE)
_CLAUSE = regex.compile(
    r"[.;:](?=\s|$)|,?\s\b(?:while|whereas|although|though|but|however|because|since|showing|suggesting|indicating|which|where)\b|"
    r",\s+(?:and|demonstrating|implying)\b|\[CONTINUE\]",
    regex.IGNORECASE,
)
_THAN = regex.compile(r"\b(?:than|over|compared|against|versus|vs|relative|upon|comparison|outperform\w*|surpass\w*|beats?|exceeds?)\b", regex.IGNORECASE)
_WHOM = regex.compile(r"(?:\s*(?:than|over|compared (?:to|with)|against|versus|vs\.?|upon|to))+\s+(?P<what>[^,.;()]*)", regex.IGNORECASE)
_ANYONE = frozenset(map(stem, "other others rest previous prior existing compared competing recent".split()))
_ABSENT = regex.compile(r"(?:^|\s)(?:[-−–]\s?\p{L}|w/o\b|without\b|no\b)", regex.IGNORECASE)  # a label of what was left out
_ADDED = regex.compile(r"[+\-−–&]|w/|with|no\b", regex.IGNORECASE)
_REMOVING = regex.compile(r"\b(?:remov|without|ablat|exclud|delet|dropping)", regex.IGNORECASE)
_OF_A_MEASURE = frozenset("higher lower larger smaller greater more less fewer longer shorter better worse highest lowest largest smallest best worst".split())
_BOUNDS = regex.compile(r"\b(?:human|gold|oracle|upper|reference|ground)\b", regex.IGNORECASE)  # labels that nobody competes with
_NEAR = 0.05  # "comparable": at most so much apart, relative to the greater


@dataclass(frozen=True)
class Finding:
    """What was tested and whether it holds; `said` is a sentence."""

    holds: bool
    said: str
    cells: tuple[Cell, ...]
    sense: str = ""


@dataclass(frozen=True)
class _Clause:
    text: str
    start: int
    mentions: tuple[Mention, ...]

    @property
    def everywhere(self) -> bool:
        return bool(_EVERYWHERE.search(self.text)) and not _MOSTLY.search(self.text)


class _Look:
    """One claim and one grid: what the claim names, clause by clause."""

    def __init__(self, text: str, grid: Grid):
        self.text, self.grid = text, grid
        self.mentions = find_mentions(text, grid)
        found = (match.start() for match in _CLAUSE.finditer(text))
        borders = [0, *(at for at in found if not any(m.start < at < m.end for m in self.mentions)), len(text)]
        self.clauses = [
            _Clause(text[a:b], a, tuple(m for m in self.mentions if a <= m.start < b)) for a, b in zip(borders, borders[1:], strict=False) if a < b
        ]

    def get(self, axis: Axis, which: int, other: int) -> Cell | None:
        return self.grid.cells.get((which, other) if axis == "row" else (other, which))

    def labels(self, axis: Axis) -> tuple[str, ...]:
        return self.grid.rows if axis == "row" else self.grid.columns

    def list_all(self, axis: Axis) -> list[int]:
        """All that has values on an axis."""
        return sorted({place[axis == "column"] for place in self.grid.cells})

    def list_context(self, axis: Axis, clause: _Clause, quality: bool) -> list[int]:
        """Where on an axis a comparison of the other axis is made: what is named; else all, but measures of quality only if quality
        is compared, and of precision, recall and F the F."""
        named = name_labels(axis, clause.mentions) or name_labels(axis, self.mentions)
        if named:
            return sorted(named)
        found, labels = self.list_all(axis), self.labels(axis)
        if quality:
            found = [k for k in found if not _ASIDE.search(labels[k])] or found
            if any(_PARTIAL.search(labels[k]) for k in found):
                found = [k for k in found if _HARMONIC.search(labels[k])] or found
        return found


def name_labels(axis: Axis, mentions: Iterable[Mention]) -> set[int]:
    """The labels of an axis that mentions name together: what they have in common ("F1 of trigger classification"), all of them
    where they have nothing in common ("BLEU and METEOR")."""
    named: set[int] = set()
    for one in mentions:
        if one.axis == axis:
            named = named & one.which or named | one.which
    return named


def check_comparisons(look: _Look) -> list[tuple[_Clause, Finding]]:
    """What the claim compares, clause by clause, as far as it can be looked up."""
    found = []
    for clause in look.clauses:
        taken = [(m.start - clause.start, m.end - clause.start) for m in clause.mentions]
        for sense, sign, pattern in _CUES:
            for match in pattern.finditer(clause.text):
                if any(a < match.end() and match.start() < b for a, b in taken):
                    continue
                taken.append(match.span())
                finding = _check_cue(look, clause, sense, sign, match)
                if finding is not None:
                    found.append((clause, finding))
    return found


def _check_cue(look: _Look, clause: _Clause, sense: Sense, sign: int, match: regex.Match[str]) -> Finding | None:
    superlative = sense in ("best", "most")
    lead, rest = clause.text[: match.start()], clause.text[match.end() :]
    if superlative and regex.search(r"\b(?:than|over|against|previous|with)\b(?:\s+\w+){0,3}\s*$", lead):
        return None  # "better than the best of the others" says who is compared, not who is best
    before = [m for m in clause.mentions if m.end <= clause.start + match.start()]
    after = [m for m in clause.mentions if m.start >= clause.start + match.end()]
    measure = after[0] if after and match.group().lower() in _OF_A_MEASURE and regex.fullmatch(r"\W+(?:(?!than|over)\w+\W+)?", look.text[clause.start + match.end() : after[0].start]) else None
    if measure is not None:  # "higher BLEU": not rows of BLEU are compared, but of what stands before
        before, after = [m for m in before if m.axis != measure.axis], [m for m in after if m.axis != measure.axis]
    if superlative and not before:
        after = [m for m in after if regex.search(r"\b(?:is|are|was|were|by|using|with|from)\b", look.text[clause.start + match.end() : m.start])]
    axis = _choose_axis(before, after, clause, superlative)
    if axis is None:
        return None
    subjects, objects = [m for m in before if m.axis == axis], [m for m in after if m.axis == axis]
    if superlative:
        subjects, objects = subjects or objects, []
    else:
        told = [m for m in subjects if _THAN.search(look.text, clause.start, m.start)]  # "compared to B, A is better"
        if told:
            subjects, objects = [m for m in subjects if m not in told], objects or told
        subjects = _last_group(look.text, subjects)
    ours = name_labels(axis, subjects)
    theirs = name_labels(axis, objects) - ours
    if not ours or sense == "same" and not theirs:
        return None
    if not superlative and not theirs and sense != "gain" and not _compares_with_all(rest, sense == "more" and measure is None):
        return None
    if sense == "better" and regex.match(r"\s+by\b", rest) and match.group().endswith("ed"):
        sign = -sign  # "is outperformed by"
    other: Axis = "column" if axis == "row" else "row"
    context = sorted(measure.which) if measure else look.list_context(other, clause, sense in ("best", "better", "gain"))
    results = list(_compare(look, clause, axis, ours, theirs, context, sense, sign))
    if not results:
        return None
    right = sum(one for one, _, _ in results)
    holds = right == len(results) if clause.everywhere else right > len(results) / 2
    denied = find_polarity(" ".join([*lead.split()[-6:], match.group()])).denied
    cells = tuple(dict.fromkeys(cell for _, a, b in results for cell in (a, b)))
    said = f'"{match.group()}"{" is denied and" if denied else ""} holds for {right} of {len(results)} pairs of values'
    return Finding(holds != denied, said, cells, sense)


def _choose_axis(before: Sequence[Mention], after: Sequence[Mention], clause: _Clause, superlative: bool) -> Axis | None:
    """What is compared: labels of rows or of columns."""
    leading = before or (after if superlative else [])
    axes = {m.axis for m in leading}
    if len(axes) < 2:
        return next(iter(axes), None)
    both = axes & {m.axis for m in after}
    if len(both) == 1 and not superlative:
        return next(iter(both))
    led = r"\b(?:on|in|for|of|under|with|at|by|to|from|per)\s+(?:the\s+)?(?:\S+\s+)?$"
    free = [m for m in leading if not regex.search(led, clause.text[: m.start - clause.start])]
    return (free or leading)[0].axis


def _last_group(text: str, mentions: Sequence[Mention]) -> list[Mention]:
    """The last mention with those that it is listed with: "A, B and C"."""
    group = list(mentions[-1:])
    for one in reversed(mentions[:-1]):
        if not regex.fullmatch(r"[\s,(]*(?:and|or|as well as|both)?[\s(]*", text[one.end : group[0].start]):
            break
        group.insert(0, one)
    return group


def _compares_with_all(rest: str, needs_than: bool) -> bool:
    """Whether nothing that the table does not have is said to be compared with."""
    match = _WHOM.search(rest)
    if match is None:
        return not needs_than
    words = [t.text for t in list_tokens(match["what"]) if t.written.lower() not in STOP]
    return not words or any(word in _ANYONE for word in words) or all(word in _GENERIC for word in words[:2])


def _compare(
    look: _Look, clause: _Clause, axis: Axis, ours: set[int], theirs: set[int], context: Sequence[int], sense: Sense, sign: int
) -> Iterator[tuple[bool, Cell, Cell]]:
    """Pairs of values, and whether each is as the claim says."""
    labels = look.labels(axis)
    for k in context:
        best: dict[tuple[int, ...], tuple[Cell, Cell]] = {}
        for w in sorted(ours):
            mine = look.get(axis, w, k)
            rivals = _match_names(labels, w, theirs) if theirs else _list_bases(look, axis, w) if sense == "gain" else _list_rivals(look, axis, w, ours)
            against = [cell for v in rivals if (cell := look.get(axis, v, k)) is not None]
            if mine is None or not against:
                continue
            flip = sign
            if sense in ("best", "better", "gain") and _is_less_better(mine, look.grid.caption):
                flip = -flip
            if sense == "gain" and _ABSENT.search(labels[w]) and not _REMOVING.search(clause.text):
                flip = -flip  # the row is of what is left when the gain is taken away
            if sense in ("best", "most"):
                rival = max(against, key=lambda cell: flip * cell.value)
                old = best.get(tuple(rivals))
                if old is None or flip * mine.value > flip * old[0].value:
                    best[tuple(rivals)] = mine, rival
                    if old:
                        continue
            elif sense == "same":
                for cell in against:
                    yield abs(mine.value - cell.value) <= _NEAR * max(abs(mine.value), abs(cell.value)), mine, cell
            else:
                for cell in against:
                    yield flip * mine.value > flip * cell.value, mine, cell
        for mine, rival in best.values():
            flip = sign * (-1 if sense == "best" and _is_less_better(mine, look.grid.caption) else 1)
            yield flip * mine.value >= flip * rival.value, mine, rival


def _is_less_better(cell: Cell, caption: str) -> bool:
    label = f"{cell.row} {cell.column}"
    if _BETTER_LESS.search(label) or _BETTER_MORE.search(label):
        return bool(_BETTER_LESS.search(label))
    return bool(_BETTER_LESS.search(caption)) and not _BETTER_MORE.search(caption)


def _list_rivals(look: _Look, axis: Axis, one: int, ours: set[int]) -> list[int]:
    """What a label is compared with where the claim does not say: the labels that have most parts in common with it."""
    labels = look.labels(axis)
    rest = [which for which in look.list_all(axis) if which not in ours and not _BOUNDS.search(labels[which])]
    if axis == "column":
        return rest
    parts = look.grid.parts
    shared = {which: sum(a == b for a, b in zip(parts[which], parts[one], strict=True)) for which in rest}
    return [which for which in rest if shared[which] == max(shared.values())]


def _match_names(labels: Sequence[str], one: int, theirs: Collection[int]) -> list[int]:
    """Of several namesakes those that have most words in common with a label: the same data, the same measure."""
    words = {t.text for t in list_tokens(labels[one])}
    shared = {which: len(words & {t.text for t in list_tokens(labels[which])}) for which in theirs}
    return sorted(which for which in theirs if shared[which] == max(shared.values()))


def _list_bases(look: _Look, axis: Axis, which: int) -> list[int]:
    """What a label with an addition, or of what is left without a part, is compared with."""
    labels = look.labels(axis)
    if _ADDED.match(labels[which]):
        return [v for v in range(which - 1, -1, -1) if labels[v] and not _ADDED.match(labels[v])][:1]
    words = {t.text for t in list_tokens(labels[which])}
    inside = [(len(o), v) for v in look.list_all(axis) if v != which and (o := {t.text for t in list_tokens(labels[v])}) and o < words]
    return [max(inside)[1]] if inside else []


# ----------------------------------------------------------------------------------------------------------------- numbers

_DERIVED = regex.compile(
    r"\b(?:by|points?|more|less|fewer|higher|lower|better|worse|improv\w*|gains?|drops?|differences?|gap|margin|over|times|relative\w*|"
    r"increas\w*|decreas\w*|reduc\w*|than|boost|behind|twice|faster|slower|larger|smaller|compared|deficit|advantage)\b",
    regex.IGNORECASE,
)
_CHANCE = regex.compile(r"\bp\W{1,4}(?:cid:\d+\W*)?$")  # p < .05
_TIMES = regex.compile(r"\s*(?:x\b|×|times|fold|-fold)", regex.IGNORECASE)
_BOUND = regex.compile(r"\s*(?:\w+\s*)?\(\s*")


def check_numbers(look: _Look, quantities: Sequence[Quantity]) -> list[tuple[_Clause, Finding]]:
    """The numbers of the claim that can be looked up."""
    found = []
    for one in quantities:
        written = one.text[:1]
        if written.isalpha() or any(m.start <= one.start < m.end for m in look.mentions):
            continue
        if _CHANCE.search(look.text[: one.start]) or written == "." and regex.search(r"\S$", look.text[: one.start]):
            continue
        clause = next(c for c in reversed(look.clauses) if c.start <= one.start)
        finding = _check_number(look, clause, one)
        if finding is not None:
            found.append((clause, finding))
    return found


def _check_number(look: _Look, clause: _Clause, one: Quantity) -> Finding | None:
    rows = name_labels("row", clause.mentions) or name_labels("row", look.mentions)
    columns = name_labels("column", clause.mentions) or name_labels("column", look.mentions)
    bound = [m for m in clause.mentions if m.end <= one.start and _BOUND.fullmatch(look.text[m.end : one.start])]
    if bound and bound[-1].axis == "row":  # "A (27.7 %)"
        rows = set(bound[-1].which)
    elif bound:
        columns = set(bound[-1].which)
    cells = look.grid.cells
    named = {place: cell for place, cell in cells.items() if (not rows or place[0] in rows) and (not columns or place[1] in columns)}
    exactly = [cell for cell in named.values() if _fits(one, cell.value, cell.exact)]
    if exactly:
        return Finding(True, f"{one.text} is the value of {_say(exactly[0])}", tuple(exactly[:1]), "match")
    if _DERIVED.search(clause.text):
        for a, b in _list_pairs(named, cells):
            how = _derive(one, a, b, look.text)
            if how:
                return Finding(True, f"{one.text} is the {how} of {_say(a)} and {_say(b)}", (a, b), "derived")
    measured = one.percent or one.exact < 1 or one.unit == POINTS
    if not measured or not (bound or (rows and columns)):
        return None
    other = next((cell for cell in cells.values() if _fits(one, cell.value, cell.exact)), None)
    if other is not None:
        return Finding(False, f"{one.text} is the value of {_say(other)}, which the claim does not name", (other,), "elsewhere")
    if len(named) == 1 and not _DERIVED.search(clause.text):
        cell = next(iter(named.values()))
        return Finding(False, f"the claim says {one.text}, the table {cell.text} for {_say(cell)}", (cell,), "differs")
    return None


def _say(cell: Cell) -> str:
    return " / ".join(filter(None, [cell.row, cell.column])) or cell.text


def _derive(one: Quantity, a: Cell, b: Cell, text: str) -> str:
    if agree(one, _as_quantity(a.value - b.value, one.exact + 2 * max(a.exact, b.exact), one)):  # both values were rounded
        return "difference"
    if b.value and one.percent and agree(one, _as_quantity(100 * (a.value - b.value) / b.value, one.exact, one)):
        return "relative difference"
    if b.value and not one.percent and _TIMES.match(text, one.end) and agree(one, _as_quantity(a.value / b.value, one.exact, one)):
        return "ratio"
    return ""


def _as_quantity(value: float, exact: float, like: Quantity) -> Quantity:
    return Quantity(value, exact, like.unit, frozenset(), "=", "", 0, 0)


def _fits(one: Quantity, value: float, exact: float) -> bool:
    """Whether a number of the claim is a value of the table; a share may be written as 0.93 or as 93 %."""
    return agree(one, _as_quantity(value, exact, one)) or one.percent and abs(value) <= 1 and agree(one, _as_quantity(100 * value, 100 * exact, one))


def _list_pairs(named: dict[tuple[int, int], Cell], cells: dict[tuple[int, int], Cell]) -> Iterator[tuple[Cell, Cell]]:
    """Of what is named each value with each of the same row or column, first with those that are named too."""
    for pool in (named, cells):
        for (r, c), a in named.items():
            for (s, d), b in pool.items():
                if (r == s) != (c == d):
                    yield a, b
                    yield b, a


def check_table(claim: StatedClaim, table: PaperTable) -> TableCheck:
    """Whether a table supports a claim; see the module."""
    grid = read_grid(table)
    if not grid.cells:
        return TableCheck("unsupported", "the table has no values")
    look = _Look(claim.text, grid)
    if not look.mentions:
        return TableCheck("unsupported", "the claim names nothing in the table")
    found = [*check_comparisons(look), *check_numbers(look, claim.quantities)]
    return TableCheck("unsupported", "")
