"""Does a table support a claim? Values are looked up by rule; each verdict names the cells that it rests on.

1. What the claim names in the table is found as `grid.py` says, clause by clause.
2. A comparison ("A outperforms B on C", "A has the lowest error") is tested on every pair of values that it speaks of. It holds
   if more than half of them agree, all of them where the claim says everywhere. Where quality is compared, less is better of
   errors, perplexity and time; sizes do not count; of precision, recall and F the F counts.
3. A number must be a value of what is named, rounded, or the difference, ratio or change between such a value and one of the
   same row or column. One that is not is wrong where the claim names one cell, or where it is the value of another cell.
4. Anything that fails contradicts the claim; otherwise anything that holds supports it; a claim with nothing to look up, or that
   names nothing in the table, is unsupported.

Comparisons are read in English only. What a claim implies and does not name is not found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import regex

from xstilts.documents.claim import StatedClaim
from xstilts.documents.grid import GENERIC, Axis, Cell, Grid, Mention, find_mentions, list_tokens, read_grid
from xstilts.documents.numbers import POINTS, Quantity, agree
from xstilts.documents.paper import PaperTable
from xstilts.documents.polarity import find_polarity
from xstilts.documents.words import STOP, stem

TableVerdict = Literal["supported", "contradicted", "unsupported"]
# What is compared: quality or size, each with some labels, with all, or with what something was added to or taken from.
Sense = Literal["better", "more", "best", "most", "gain", "change"]
_SENSES: tuple[tuple[Sense, int, str], ...] = (
    ("best", 1, r"best|state[- ]of[- ]the[- ]art|strongest|top[- ]performing"),
    ("best", 1, r"(?:outperforms?|surpass(?:es)?|beats?|exceeds?|better than)\s+(?:all|every|any|the\s+(?:other|rest))"),
    ("best", -1, r"worst|poorest|weakest"),
    ("most", 1, r"highest|largest|greatest|longest|biggest"),
    ("most", -1, r"lowest|smallest|fewest|shortest|least"),
    ("better", 1, r"outperform(?:s|ed|ing)?|better|surpass(?:es|ed|ing)?|exceed(?:s|ed|ing)?|beats?|superior|stronger"),
    ("better", 1, r"(?:improv(?:es?|ed|ing|ements?)|gains?|advantages?)\s+(?:\w+\s+)?(?:over|upon|compared|on top)"),
    ("better", -1, r"underperform(?:s|ed|ing)?|worse|inferior|poorer|weaker|lags?\s+behind|behind"),
    ("more", 1, r"higher|larger|greater|bigger|longer|more"),
    ("more", -1, r"lower|smaller|fewer|shorter|less"),
    ("gain", 1, r"improv(?:es?|ed|ing|ements?)|boosts?|help(?:s|ful)?|benefits?|beneficial|enhanc(?:es?|ed|ing)"),
    ("gain", -1, r"hurts?|degrad(?:es?|ed|ing)|harm(?:s|ful)?|deteriorat\w+"),
    ("change", 1, r"increas(?:es?|ed|ing)"),
    ("change", -1, r"drops?|decreas(?:es?|ed|ing)|declin(?:es?|ed|ing)|reduc(?:es?|ed|ing|tions?)"),
)  # fmt: skip


def _compile(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern, regex.IGNORECASE | regex.VERBOSE)


_CUES = [(sense, sign, regex.compile(rf"\b(?:{words})\b", regex.IGNORECASE)) for sense, sign, words in _SENSES]
_BETTER_LESS = _compile(
    r"""↓ | \b(?:err(?:or)?s? | perplexit(?:y|ies) | perp | ppl | loss | [wtcs]er | rmse | mae | mse | time | latency | seconds? |
    params? | distance | divergence | fid | eer | miss(?:es|ed)? | wrong | iters? | iterations? | memory | nll | cost |
    false)\b"""
)
_BETTER_MORE = _compile(r"↑ | \b(?:acc(?:uracy)? | f1 | bleu | rouge | precision | recall | auc | score)\b")
_ASIDE = _compile(
    r"[#Δ] | \b(?:params? | size | p-value | std | time | diff | depth | epochs? | layers? | count | length | len)\b"
)
_PARTIAL = regex.compile(r"\b(?:P|R|Prec|Rec|Precision|Recall)\b")
_HARMONIC = regex.compile(r"\bF ?1?\b|F[- ]?(?:score|measure)", regex.IGNORECASE)
_EVERYWHERE = _compile(
    r"""\b(?:all | every | each | both | any)\s+(?:of\s+)?(?:the\s+)?(?:\S+\s+){0,2}?
    (?:metric | measure | data | corp | language | task | case | setting | categor | domain | test | class | condition | criteri |
    aspect | level | group | pair | set) | \b(?:always | consistently | in\ all | across)\b"""
)
_MOSTLY = _compile(r"\b(?:most(?:ly)? | majority | general(?:ly)? | overall | usually | almost | nearly | average | except)\b")
_CLAUSE = _compile(
    r"""[.;:](?=\s|$) | ,?\s\b(?:while | whereas | although | though | but | however | because | since | showing | suggesting |
    indicating | which | where)\b | ,\s+(?:and | demonstrating | implying)\b | \[CONTINUE\]"""
)
_THAN = _compile(
    r"""\b(?:than | over | compared | against | versus | vs | relative | upon | comparison | outperform\w* | surpass\w* | beats? |
    exceeds?)\b"""
)
_TOLD = _compile(rf"{_THAN.pattern}[^,;]*$")
_WHOM = _compile(r"(?:\s*(?:than | over | compared\ (?:to|with) | against | versus | vs\.? | upon | to))+\s+(?P<what>[^,.;()]*)")
_ANYONE = frozenset(map(stem, ("other", "rest", "previous", "prior", "existing", "compared", "competing", "recent")))
_PREPOSITION = _compile(r"\b(?:on | in | for | of | under | with | at | by | to | from | per)\s+(?:the\s+)?(?:[^\s,;]+\s+)?$")
_BUT_BEST = _compile(
    r"\b(?:than | over | against | previous | with)\b(?:\s+\w+){0,3}\s*$"
)  # "better than the best of the others"
_IS = _compile(r"\b(?:is | are | was | were | by | using | with | from)\b")  # "the best of all is A"
_LISTED = _compile(r"[\s,(]*(?:and | or | as\ well\ as | both)?[\s(]*")
_ABSENT = _compile(r"(?:^|\s)(?:[-−–]\s?\p{L} | w/o\b | without\b | no\b)")  # a label of what is left
_ADDED = _compile(r"[+\-−–&] | w/ | with | no\b")
_REMOVING = _compile(r"\b(?:remov | without | ablat | exclud | delet | dropping)")
_MEASURED = _compile(r"(?:high|low|larg|small|great|few|long|short)(?:er|est) | more | less | better | worse | best | worst")
_BOUNDS = _compile(r"\b(?:human | gold | oracle | upper | reference | ground)\b")  # labels that nobody competes with
_EXCEPT = _compile(r"\b(?:except | excluding | apart\ from | exception\ of)\b(?:\s+\w+){0,2}\s*$")
_SCORE = _compile(r"\b(?:score | performance | result | value | number | accurac)")  # of any column
_DERIVED = _compile(
    r"""\b(?:by | points? | more | less | fewer | higher | lower | better | worse | improv\w* | gains? | drops? | differences? |
    gap | margin | over | times | relative\w* | increas\w* | decreas\w* | reduc\w* | than | boost | behind | faster | slower |
    larger |    smaller | compared | deficit | advantage)\b"""
)
_CHANCE = _compile(r"\bp\W{1,4}(?:cid:\d+\W*)?$")  # p < .05
_TIMES = _compile(r"\s*(?:x\b | × | times | -?fold)")
_BOUND = _compile(r"\s*(?:\w+\s*)?\(\s*")  # "A (27.7 %)"


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
            _Clause(text[a:b], a, tuple(m for m in self.mentions if a <= m.start < b)) for a, b in pairwise(borders) if a < b
        ]

    def get(self, axis: Axis, which: int, other: int) -> Cell | None:
        return self.grid.cells.get((which, other) if axis == "row" else (other, which))

    def labels(self, axis: Axis) -> tuple[str, ...]:
        return self.grid.rows if axis == "row" else self.grid.columns

    def list_all(self, axis: Axis) -> list[int]:
        """All that has values on an axis."""
        return sorted({place[axis == "column"] for place in self.grid.cells})

    def list_context(self, axis: Axis, clause: _Clause, quality: bool) -> list[int]:
        """Where on an axis a comparison of the other axis is made: what is named; else all, but measures of quality only if
        quality is compared, and of precision, recall and F the F."""
        excepted = [m for m in clause.mentions if _EXCEPT.search(self.text[clause.start : m.start])]
        named = name_labels(axis, (m for m in clause.mentions if m not in excepted)) or name_labels(
            axis, (m for m in self.mentions if m not in excepted)
        )
        if named:
            return sorted(named)
        without = name_labels(axis, excepted)
        found, labels = [k for k in self.list_all(axis) if k not in without], self.labels(axis)
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
            named = (named & one.which) or (named | one.which)
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
    if superlative and _BUT_BEST.search(lead):
        return None
    before = [m for m in clause.mentions if m.end <= clause.start + match.start()]
    after = [m for m in clause.mentions if m.start >= clause.start + match.end()]

    def read_up_to(one: Mention) -> str:
        return look.text[clause.start + match.end() : one.start]

    measure = None
    than = _THAN.search(rest)
    turned = than is not None and not superlative and not before  # "better on A than on B"
    if than and turned:
        border = clause.start + match.end() + than.start()
        before, after = [m for m in after if m.end <= border], [m for m in after if m.start > border]
    elif after and _MEASURED.fullmatch(match.group()) and regex.fullmatch(r"\W+(?:(?!than|over)\w+\W+)?", read_up_to(after[0])):
        measure = after[0]  # "higher BLEU": what stands before is compared, not BLEU
        before, after = [m for m in before if m.axis != measure.axis], [m for m in after if m.axis != measure.axis]
    if superlative and not before:
        after = [m for m in after if _IS.search(read_up_to(m))]
    axis = _choose_axis(before, after, clause, superlative)
    if axis is None:
        return None
    subjects, objects = [m for m in before if m.axis == axis], [m for m in after if m.axis == axis]
    if superlative:
        subjects, objects = subjects or objects, []
    else:
        told = [m for m in subjects if _TOLD.search(look.text[clause.start : m.start])]  # "compared to B, A is better"
        subjects = subjects if turned else _last_group(look.text, [m for m in subjects if m not in told])
        objects = objects or told
    ours = name_labels(axis, subjects)
    theirs = name_labels(axis, objects) - ours
    if not ours:
        return None
    needs_than = sense == "more" and measure is None
    if sense in ("better", "more") and not theirs and not _compares_with_all(rest, needs_than):
        return None
    if sense == "better" and match.group().endswith("ed") and regex.match(r"\s+by\b", rest):
        sign = -sign  # "is outperformed by"
    other: Axis = "column" if axis == "row" else "row"
    # A change of what is not named is one of quality: "performance drops".
    quality = sense in ("best", "better", "gain") or (sense == "change" and not name_labels(other, clause.mentions))
    if (
        axis == "row"
        and not quality
        and not measure
        and not turned
        and not name_labels(other, look.mentions)
        and not _SCORE.search(clause.text)
    ):
        return None  # what is higher?
    if measure:
        named = set(measure.which)
        for m in clause.mentions:
            named = (named & m.which if m.axis == other else set()) or named
        context = sorted(named)
    else:
        context = look.list_context(other, clause, quality)
    results = list(_compare(look, clause, axis, ours, theirs, context, sense, sign, quality))
    if not results:
        return None
    right = sum(one for one, _, _ in results)
    holds = right == len(results) if clause.everywhere else right > len(results) / 2
    denied = find_polarity(" ".join([*lead.split()[-6:], match.group()])).denied
    a, b = next((a, b) for one, a, b in results if one == holds)
    said = f'"{match.group()}" is {"denied and " if denied else ""}true of {right} of {len(results)} pairs of values'
    said += f", {'' if holds else 'not '}of {a.text} ({_say(a)}) and {b.text} ({_say(b)})"
    return Finding(holds != denied, said, tuple(dict.fromkeys(cell for _, a, b in results for cell in (a, b))))


def _choose_axis(before: Sequence[Mention], after: Sequence[Mention], clause: _Clause, superlative: bool) -> Axis | None:
    """What is compared: labels of rows or of columns."""
    leading = before or (after if superlative else [])
    axes = {m.axis for m in leading}
    if len(axes) < 2:
        return next(iter(axes), None)
    both = axes & {m.axis for m in after}
    if len(both) == 1 and not superlative:
        return next(iter(both))
    free = [m for m in leading if not _PREPOSITION.search(clause.text[: m.start - clause.start])]
    return (free or leading)[0].axis


def _last_group(text: str, mentions: Sequence[Mention]) -> list[Mention]:
    """The last mention with those that it is listed with: "A, B and C"."""
    group = list(mentions[-1:])
    for one in reversed(mentions[:-1]):
        if not _LISTED.fullmatch(text[one.end : group[0].start]):
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
    look: _Look,
    clause: _Clause,
    axis: Axis,
    ours: set[int],
    theirs: set[int],
    context: Sequence[int],
    sense: Sense,
    sign: int,
    quality: bool,
) -> Iterator[tuple[bool, Cell, Cell]]:
    """Pairs of values, and whether each is as the claim says. Of labels that are named together the best counts as the best."""
    labels = look.labels(axis)
    for k in context:
        groups: dict[tuple[int, ...], list[tuple[int, Cell]]] = {}  # by what they are compared with
        for w in sorted(ours):
            if theirs:
                rivals = _match_names(labels, w, theirs)
            elif sense in ("gain", "change"):
                rivals = _list_bases(look, axis, w)
            else:
                rivals = _list_rivals(look, axis, w, ours)
            mine = look.get(axis, w, k)
            if mine is None or not any(look.get(axis, v, k) for v in rivals):
                continue
            flip = sign
            if quality and _is_less_better(mine, look.grid.caption):
                flip = -flip
            if sense in ("gain", "change") and _ABSENT.search(labels[w]) and not _REMOVING.search(clause.text):
                flip = -flip  # the label is of what is left when the gain is taken away
            groups.setdefault(tuple(rivals), []).append((flip, mine))
        for chosen, own in groups.items():
            against = [cell for v in chosen if (cell := look.get(axis, v, k)) is not None]
            if sense in ("best", "most"):
                flip, mine = max(own, key=lambda one: one[0] * one[1].value)
                rival = max(against, key=lambda cell: flip * cell.value)
                yield flip * mine.value >= flip * rival.value, mine, rival
            else:
                yield from ((flip * mine.value > flip * cell.value, mine, cell) for flip, mine in own for cell in against)


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


def check_numbers(look: _Look, quantities: Sequence[Quantity]) -> list[tuple[_Clause, Finding]]:
    """The numbers of the claim that can be looked up."""
    found = []
    for one in quantities:
        written = one.text[:1]
        if written.isalpha() or any(m.start <= one.start < m.end for m in look.mentions):
            continue
        before = look.text[: one.start]
        if _CHANCE.search(before) or (written == "." and before[-1:].strip()):
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
    if bound and bound[-1].axis == "row":
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
        for a, b in _list_pairs(named, named if rows and columns and len(named) > 1 else cells):
            how = _derive(one, a, b, look.text)
            if how:
                return Finding(True, f"{one.text} is the {how} of {_say(a)} and {_say(b)}", (a, b))
    measured = one.percent or one.exact < 1 or one.unit == POINTS
    if not measured or not (bound or (rows and columns)):
        return None
    other = next((cell for cell in cells.values() if _fits(one, cell.value, cell.exact)), None)
    if other is not None and (bound or not _is_mentioned(look, other)):
        return Finding(False, f"{one.text} is the value of {_say(other)}, which the claim does not name", (other,))
    if other is not None:
        return None
    values = list(named.values())
    if len(values) == 1 and not _DERIVED.search(clause.text):
        return Finding(False, f"the claim says {one.text}, the table {values[0].text} for {_say(values[0])}", (values[0],))
    if len(values) == 2 and _DERIVED.search(clause.text):
        a, b = values
        difference = abs(a.value - b.value)
        return Finding(False, f"{_say(a)} and {_say(b)} differ by {difference:g}, not by {one.text}", (a, b))
    return None


def _is_mentioned(look: _Look, cell: Cell) -> bool:
    """Whether the claim names both labels of a cell, if not together."""
    row, column = next(place for place, one in look.grid.cells.items() if one is cell)
    return any(m.axis == "row" and row in m.which for m in look.mentions) and any(
        m.axis == "column" and column in m.which for m in look.mentions
    )


def _say(cell: Cell) -> str:
    return " / ".join(filter(None, [cell.row, cell.column])) or cell.text


def _derive(one: Quantity, a: Cell, b: Cell, text: str) -> str:
    """How a number comes from two values: "difference", "relative difference", "ratio"; empty if it does not."""
    if agree(one, _as_quantity(a.value - b.value, one.exact + 2 * max(a.exact, b.exact), one)):  # both values were rounded
        return "difference"
    if b.value and one.percent and agree(one, _as_quantity(100 * (a.value - b.value) / b.value, one.exact, one)):
        return "relative difference"
    times = b.value and not one.percent and _TIMES.match(text, one.end)
    return "ratio" if times and agree(one, _as_quantity(a.value / b.value, one.exact, one)) else ""


def _as_quantity(value: float, exact: float, like: Quantity) -> Quantity:
    return Quantity(value, exact, like.unit, frozenset(), "=", "", 0, 0)


def _fits(one: Quantity, value: float, exact: float) -> bool:
    """Whether a number of the claim is a value of the table; a share may be written as 0.93 or as 93 %."""
    if agree(one, _as_quantity(value, exact, one)):
        return True
    return one.percent and abs(value) <= 1 and agree(one, _as_quantity(100 * value, 100 * exact, one))


def _list_pairs(named: dict[tuple[int, int], Cell], cells: dict[tuple[int, int], Cell]) -> Iterator[tuple[Cell, Cell]]:
    """Of what is named each value with each of some cells of the same row or column, in both orders."""
    for (r, c), a in named.items():
        for (s, d), b in cells.items():
            if (r == s) != (c == d):
                yield a, b
                yield b, a
