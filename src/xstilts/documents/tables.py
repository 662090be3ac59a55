"""Does a table support a claim? Values are looked up by rule; each verdict names the cells that it rests on.

1. What the claim names in the table is found as `grid.py` says, clause by clause.
2. A comparison ("A outperforms B on C", "A has the lowest error") is tested on every pair of values that it speaks of. It holds if
   more than half of them agree, all of them where the claim says everywhere. Where quality is compared, less is better of errors,
   perplexity and time; sizes do not count; of precision, recall and F the F counts.
3. A number must be a value of what is named, rounded, or the difference, ratio or change between such a value and one of the same row
   or column. A number that is not is wrong where the claim names one cell, or where it is the value of another cell.
4. Anything that fails contradicts the claim; otherwise anything that holds supports it; a claim with nothing to look up, or that
   names nothing in the table, is unsupported.

Comparisons are read in English only. What a claim implies and does not name is not found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import regex

from xstilts.documents.claim import StatedClaim
from xstilts.documents.grid import GENERIC, Axis, Cell, Grid, Mention, find_mentions, list_tokens, read_grid
from xstilts.documents.numbers import POINTS, Quantity, agree
from xstilts.documents.paper import PaperTable
from xstilts.documents.polarity import find_polarity
from xstilts.documents.words import STOP, stem

TableVerdict = Literal["supported", "contradicted", "unsupported"]
# What is compared: quality or size; with some or with all; or a label with what it was added to.
Sense = Literal["better", "more", "best", "most", "gain"]
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
_ASIDE = regex.compile(
    r"#|\b(?:params?|size|p-value|std|time|diff|depth|epochs?|layers?|count|length|len)\b|Δ", regex.IGNORECASE
)  # not quality
_PARTIAL = regex.compile(r"\b(?:P|R|Prec|Rec|Precision|Recall)\b\.?")
_HARMONIC = regex.compile(r"\bF\s?1?\b|F-?(?:score|measure)|F1", regex.IGNORECASE)
_EVERYWHERE = regex.compile(
    r"\b(?:all|every|each|both|any)\s+(?:of\s+)?(?:the\s+)?(?:\S+\s+){0,2}?(?:metric|measure|data|corp|language|task|case|setting|categor|domain|"
    r"test|class|condition|criteri|aspect|level|group|pair|set)|\b(?:always|consistently|in all|across)\b",
    regex.IGNORECASE,
)
_MOSTLY = regex.compile(
    r"\b(?:most(?:ly)?|majority|general(?:ly)?|overall|usually|almost|nearly|average|except)\b", regex.IGNORECASE
)
_CLAUSE = regex.compile(
    r"[.;:](?=\s|$)|,?\s\b(?:while|whereas|although|though|but|however|because|since|showing|suggesting|indicating|which|where)\b|"
    r",\s+(?:and|demonstrating|implying)\b|\[CONTINUE\]",
    regex.IGNORECASE,
)
_THAN = regex.compile(
    r"\b(?:than|over|compared|against|versus|vs|relative|upon|comparison|outperform\w*|surpass\w*|beats?|exceeds?)\b",
    regex.IGNORECASE,
)
_WHOM = regex.compile(
    r"(?:\s*(?:than|over|compared (?:to|with)|against|versus|vs\.?|upon|to))+\s+(?P<what>[^,.;()]*)", regex.IGNORECASE
)
_ANYONE = frozenset(map(stem, "other others rest previous prior existing compared competing recent".split()))
_ABSENT = regex.compile(r"(?:^|\s)(?:[-−–]\s?\p{L}|w/o\b|without\b|no\b)", regex.IGNORECASE)  # a label of what was left out
_ADDED = regex.compile(r"[+\-−–&]|w/|with|no\b", regex.IGNORECASE)
_REMOVING = regex.compile(r"\b(?:remov|without|ablat|exclud|delet|dropping)", regex.IGNORECASE)
_OF_A_MEASURE = frozenset(
    "higher lower larger smaller greater more less fewer longer shorter better worse highest lowest largest smallest best worst".split()
)
_BOUNDS = regex.compile(r"\b(?:human|gold|oracle|upper|reference|ground)\b", regex.IGNORECASE)  # labels that nobody competes with


@dataclass(frozen=True)
class TableCheck:
    """`reason`: one sentence. `cells`: the values that decided; none if nothing was looked up."""

    verdict: TableVerdict
    reason: str
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True)
class Finding:
    """Something that was looked up, and whether it is as the claim says."""

    holds: bool
    said: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class _Clause:
    text: str
    start: int
    mentions: tuple[Mention, ...]

    @property
    def everywhere(self) -> bool:
        return bool(_EVERYWHERE.search(self.text)) and not _MOSTLY.search(self.text)


def check_table(claim: StatedClaim, table: PaperTable) -> TableCheck:
    """Whether a table supports a claim; see the module."""
    grid = read_grid(table)
    if not grid.cells:
        return TableCheck("unsupported", "the table has no values")
    look = _Look(claim.text, grid)
    if not look.mentions:
        return TableCheck("unsupported", "the claim names nothing in the table")
    english = claim.language == "en"
    compared = check_comparisons(look) if english else []
    found = [finding for _, finding in compared]
    for clause, finding in check_numbers(look, claim.quantities):
        if not english or not find_polarity(clause.text).denied or any(clause == other for other, _ in compared):
            found.append(finding)
        elif finding.holds:  # "does not reach 71.3"
            found.append(Finding(False, f"{finding.said}, which the claim denies", finding.cells))
    failed = [one for one in found if not one.holds]
    if failed:
        return TableCheck("contradicted", failed[0].said, failed[0].cells)
    if found:
        return TableCheck("supported", found[0].said, tuple(dict.fromkeys(cell for one in found for cell in one.cells)))
    return TableCheck("unsupported", "the claim says nothing about its values that can be looked up")


class _Look:
    """One claim and one grid: what the claim names, clause by clause."""

    def __init__(self, text: str, grid: Grid):
        self.text, self.grid = text, grid
        self.mentions = find_mentions(text, grid)
        found = (match.start() for match in _CLAUSE.finditer(text))
        borders = [0, *(at for at in found if not any(m.start < at < m.end for m in self.mentions)), len(text)]
        self.clauses = [
            _Clause(text[a:b], a, tuple(m for m in self.mentions if a <= m.start < b))
            for a, b in zip(borders, borders[1:], strict=False)
            if a < b
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
    measure = (
        after[0]
        if after
        and match.group().lower() in _OF_A_MEASURE
        and regex.fullmatch(r"\W+(?:(?!than|over)\w+\W+)?", look.text[clause.start + match.end() : after[0].start])
        else None
    )
    if measure is not None:  # "higher BLEU": not rows of BLEU are compared, but of what stands before
        before, after = [m for m in before if m.axis != measure.axis], [m for m in after if m.axis != measure.axis]
    if superlative and not before:
        after = [
            m
            for m in after
            if regex.search(r"\b(?:is|are|was|were|by|using|with|from)\b", look.text[clause.start + match.end() : m.start])
        ]
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
    if not ours:
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
    a, b = next((a, b) for one, a, b in results if one == holds)
    said = f'"{match.group()}" is {"denied and " if denied else ""}true of {right} of {len(results)} pairs of values, {"" if holds else "not "}of '
    return Finding(holds != denied, f"{said}{a.text} ({_say(a)}) and {b.text} ({_say(b)})", cells)


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
    return not words or any(word in _ANYONE for word in words) or all(word in GENERIC for word in words[:2])


def _compare(
    look: _Look, clause: _Clause, axis: Axis, ours: set[int], theirs: set[int], context: Sequence[int], sense: Sense, sign: int
) -> Iterator[tuple[bool, Cell, Cell]]:
    """Pairs of values, and whether each is as the claim says."""
    labels = look.labels(axis)
    for k in context:
        best: dict[tuple[int, ...], tuple[Cell, Cell]] = {}
        for w in sorted(ours):
            mine = look.get(axis, w, k)
            rivals = (
                _match_names(labels, w, theirs)
                if theirs
                else _list_bases(look, axis, w)
                if sense == "gain"
                else _list_rivals(look, axis, w, ours)
            )
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
    inside = [
        (len(o), v) for v in look.list_all(axis) if v != which and (o := {t.text for t in list_tokens(labels[v])}) and o < words
    ]
    return [max(inside)[1]] if inside else []


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
    named = {
        place: cell for place, cell in cells.items() if (not rows or place[0] in rows) and (not columns or place[1] in columns)
    }
    exactly = [cell for cell in named.values() if _fits(one, cell.value, cell.exact)]
    if exactly:
        return Finding(True, f"{one.text} is the value of {_say(exactly[0])}", tuple(exactly[:1]))
    if _DERIVED.search(clause.text):
        for a, b in _list_pairs(named, cells):
            how = _derive(one, a, b, look.text)
            if how:
                return Finding(True, f"{one.text} is the {how} of {_say(a)} and {_say(b)}", (a, b))
    measured = one.percent or one.exact < 1 or one.unit == POINTS
    if not measured or not (bound or (rows and columns)):
        return None
    other = next((cell for cell in cells.values() if _fits(one, cell.value, cell.exact)), None)
    if other is not None:
        return Finding(False, f"{one.text} is the value of {_say(other)}, which the claim does not name", (other,))
    if len(named) == 1 and not _DERIVED.search(clause.text):
        cell = next(iter(named.values()))
        return Finding(False, f"the claim says {one.text}, the table {cell.text} for {_say(cell)}", (cell,))
    return None


def _say(cell: Cell) -> str:
    return " / ".join(filter(None, [cell.row, cell.column])) or cell.text


def _derive(one: Quantity, a: Cell, b: Cell, text: str) -> str:
    if agree(one, _as_quantity(a.value - b.value, one.exact + 2 * max(a.exact, b.exact), one)):  # both values were rounded
        return "difference"
    if b.value and one.percent and agree(one, _as_quantity(100 * (a.value - b.value) / b.value, one.exact, one)):
        return "relative difference"
    if (
        b.value
        and not one.percent
        and _TIMES.match(text, one.end)
        and agree(one, _as_quantity(a.value / b.value, one.exact, one))
    ):
        return "ratio"
    return ""


def _as_quantity(value: float, exact: float, like: Quantity) -> Quantity:
    return Quantity(value, exact, like.unit, frozenset(), "=", "", 0, 0)


def _fits(one: Quantity, value: float, exact: float) -> bool:
    """Whether a number of the claim is a value of the table; a share may be written as 0.93 or as 93 %."""
    return (
        agree(one, _as_quantity(value, exact, one))
        or one.percent
        and abs(value) <= 1
        and agree(one, _as_quantity(100 * value, 100 * exact, one))
    )


def _list_pairs(named: dict[tuple[int, int], Cell], cells: dict[tuple[int, int], Cell]) -> Iterator[tuple[Cell, Cell]]:
    """Of what is named each value with each of the same row or column, first with those that are named too."""
    for pool in (named, cells):
        for (r, c), a in named.items():
            for (s, d), b in pool.items():
                if (r == s) != (c == d):
                    yield a, b
                    yield b, a
