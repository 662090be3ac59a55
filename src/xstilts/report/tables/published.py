"""Published numbers beside ours, as a table and in sentences."""

from collections.abc import Sequence

from xstilts.analysis import formatting as fmt
from xstilts.claims.published import PublishedComparison, PublishedPaper, published_papers
from xstilts.claims.published.population import count_languages
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import Number, published_id
from xstilts.report.tables.table import Line, Table, describe_limits, make_grouped_table

COLUMNS = ("chain", "target", "ours", "95 %", "theirs", "ours − theirs", "95 %", "theirs inside", "languages", "verdict here")
NUMERIC = (2, 3, 4, 5, 6)


def list_covered_papers(findings: Findings) -> list[tuple[PublishedPaper, list[PublishedComparison]]]:
    """The papers of which the study covers a cell, and these cells."""
    found = [(paper, [one for one in findings.published if one.cell.paper == paper.id]) for paper in published_papers()]
    return [(paper, own) for paper, own in found if own]


def describe_published(found: Sequence[PublishedComparison]) -> str:
    """How many published numbers lie within our intervals."""
    return " ".join(filter(None, (_count([one for one in found if one.gain]), _count([one for one in found if not one.gain]))))


def _count(found: Sequence[PublishedComparison]) -> str:
    if not found:
        return ""
    noun = "published gain" if found[0].gain else "published score without a chain"
    inside = [one for one in found if one.inside]
    text = f"{len(inside)} of {fmt.count(len(found), noun, noun.replace('gain', 'gains').replace('score', 'scores'))} "
    text += "lies within our interval." if len(found) == 1 else "lie within our intervals."
    wide = sum(one.holds_zero for one in inside) if found[0].gain else 0
    if wide:
        text += f" Of these intervals, {wide} also {'holds' if wide == 1 else 'hold'} 0: too wide to tell their gain from none."
    return text


def published_table(findings: Findings, paper: PublishedPaper, found: Sequence[PublishedComparison]) -> Table:
    """A row for each covered cell: gains first, then scores without a chain."""
    groups: dict[str, list[Line]] = {}
    for one in found:
        title = "gain over no chain, in points" if one.gain else "score without a chain, 0 to 100"
        groups.setdefault(findings.label(title, one.encoder), []).append(_line(one, paper))
    tables = fmt.listed(dict.fromkeys(one.cell.table.locator for one in found))
    caption = (
        f"{paper.name}, {tables}, beside this study. Ours is the mean over all languages, English included, as theirs"
        f"{describe_limits(findings)}."
    )
    return make_grouped_table(caption, COLUMNS, [(title, tuple(lines)) for title, lines in groups.items()], NUMERIC)


def _line(one: PublishedComparison, paper: PublishedPaper) -> Line:
    write = fmt.points if one.gain else fmt.score
    theirs, ours = count_languages(paper, one.cell.target), len(one.languages)
    return (
        one.chain,
        one.cell.target,
        Number(write(one.ours.estimate), published_id(one)),
        Number(fmt.bracket(one.ours.low, one.ours.high), published_id(one)),
        write(one.cell.value),
        fmt.points(one.difference),
        fmt.bracket(*one.difference_range),
        "yes" if one.inside else "no",
        f"{ours} of {theirs}" if ours != theirs else str(ours),
        one.gain.verdict if one.gain else "",
    )
