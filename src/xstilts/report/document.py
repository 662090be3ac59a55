"""The report as a document, before any markup: a short paper that each rendering (page, Markdown, PDF) sets in its own way.

Question, answer first, method, results, claims, limitations, quality of the evidence, cost, references. What a study has
nothing of is left out, so a report of half a plan is a short one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from xstilts.analysis import formatting as fmt
from xstilts.report.answer.limitations import limitations
from xstilts.report.answer.quality import quality_sentence, quality_table
from xstilts.report.figures.dots import DotPlots, language_plots, part_plots
from xstilts.report.figures.figures import (
    Bars,
    Forest,
    HeatMap,
    compared_forest,
    cost_bars,
    gain_forest,
    heat_maps,
)
from xstilts.report.figures.layers import LayerChart, layer_charts
from xstilts.report.figures.scale import ScaleChart, contrast_table, scale_chart, scale_forest
from xstilts.report.findings import Findings
from xstilts.report.provenance.numbers import Number, claim_id
from xstilts.report.references import Reference, references
from xstilts.report.tables import content, cost
from xstilts.report.tables.breakdown import best_sentence, best_table, gaps_table, parts_table
from xstilts.report.tables.comparisons import compared_table, control_tables
from xstilts.report.tables.content import Table
from xstilts.report.tables.data import licence_lines, training_table
from xstilts.report.tables.other_tests import TITLE, other_tests_sentence, other_tests_table
from xstilts.report.tables.suites import suite_tables

LONG_TABLE = 30  # rows; a longer table by group is folded, since its figure stands beside it


@dataclass(frozen=True)
class Text:
    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True)
class Bullets:
    kind: ClassVar[str] = "points"
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class References:
    kind: ClassVar[str] = "references"
    works: tuple[Reference, ...]


@dataclass(frozen=True)
class Fold:
    """What most readers pass over: folded on the page, open in print."""

    kind: ClassVar[str] = "fold"
    title: str
    blocks: tuple[Block, ...]


Block = Text | Bullets | Heading | Table | HeatMap | Forest | DotPlots | LayerChart | ScaleChart | Bars | References | Fold


@dataclass(frozen=True)
class Section:
    """`aside`: for those who look things up, and set smaller."""

    title: str
    blocks: tuple[Block, ...]
    aside: bool = False


@dataclass(frozen=True)
class Document:
    title: str
    question: str
    verdict: str
    answer: str
    support: tuple[str, ...]
    sections: tuple[Section, ...]
    foot: str


def build_document(findings: Findings) -> Document:
    """The document; sections without a block are left out."""
    results = findings.results
    sections = (
        Section("Method", _method(findings)),
        Section("The question's own comparisons", _compared(findings)),
        Section("Transfer gains", _gains(findings)),
        *(Section(title, (Text(text), table)) for title, text, table in control_tables(findings)),
        Section("Where the gains are", _parts(findings)),
        Section("Encoder by encoder", _kept([scale_chart(findings) or scale_forest(findings), contrast_table(findings)])),
        Section("Scores", _scores(findings)),
        Section("Benchmark averages", _averages(findings)),
        _layers(findings),
        Section("Claims", _claims(findings)),
        Section("Limitations", _points(limitations(findings))),
        Section("Quality of the evidence", _quality(findings)),
        Section("What it cost", _cost(findings)),
        Section("What is missing", _missing(findings)),
        Section(TITLE, _other_tests(findings), aside=True),
        Section("Protocol notes", _points(results.notes), aside=True),
        Section("References", _references(findings), aside=True),
    )
    return Document(
        title=results.study,
        question=results.question,
        verdict=findings.answer.verdict,
        answer=findings.answer.sentence,
        support=findings.answer.support,
        sections=tuple(section for section in sections if section.blocks),
        foot=f"xstilts {results.version} · {results.made} · fingerprint {results.fingerprint}",
    )


def _kept(blocks: Iterable[Block | None]) -> tuple[Block, ...]:
    return tuple(block for block in blocks if block is not None)


def _points(lines: Sequence[str]) -> tuple[Block, ...]:
    return (Bullets(tuple(lines)),) if lines else ()


def _method(findings: Findings) -> tuple[Block, ...]:
    results = findings.results
    recipes = content.recipes_table(findings)
    details = _kept(
        [
            recipes if len(recipes.columns) > 1 else None,
            content.data_table(findings) if results.targets else None,
            training_table(findings),
            *_points(content.data_notes(findings)),
        ]
    )
    return _kept(
        [
            Bullets((*content.method_lines(findings), *licence_lines(findings))),
            content.chains_table(findings) if results.chains else None,
            Fold("Recipes, data and licences", details) if details else None,
        ]
    )


def _compared(findings: Findings) -> tuple[Block, ...]:
    """What the study asks, where that is not a gain over no chain."""
    table = compared_table(findings)
    if table is None:
        return ()
    text = (
        "The question is about one chain against another. Both are fine-tuned alike and paired by seed and example, as with "
        "gains over no chain. Holm's correction runs over these comparisons alone, and apart over their means over targets."
    )
    if any(len(others) > 1 for _, others in findings.results.compare):
        text += " Where a chain is compared with several, it is with the mean of their scores, seed by seed."
    long = table.rows > LONG_TABLE
    return _kept([Text(text), compared_forest(findings), Fold("Every comparison in numbers", (table,)) if long else table])


def _gains(findings: Findings) -> tuple[Block, ...]:
    return _kept([*heat_maps(findings), gain_forest(findings)])


def _parts(findings: Findings) -> tuple[Block, ...]:
    sentence = best_sentence(findings)
    table = parts_table(findings)
    blocks = [
        Fold("Every group in numbers", (table,)) if table is not None and table.rows > LONG_TABLE else table,
        part_plots(findings),
        gaps_table(findings),
        Text(sentence) if sentence else None,
        best_table(findings),
    ]
    found = _kept(blocks)
    intro = (
        "The same gains as means over groups of targets and of languages. By group nothing is corrected for the number of "
        "comparisons: a difference between groups is a question for the next study, not a result."
    )
    return (Text(intro), *found) if found else ()


def _scores(findings: Findings) -> tuple[Block, ...]:
    if not findings.summaries:
        return ()
    return _kept([*content.scores_tables(findings), Heading("By language"), language_plots(findings)])


def _averages(findings: Findings) -> tuple[Block, ...]:
    tables = suite_tables(findings)
    text = (
        "What a leaderboard would print, English included. It is not a transfer gain: an average can rise because English does."
    )
    return (Text(text), *tables) if tables else ()


def _layers(findings: Findings) -> Section:
    charts = layer_charts(findings)
    title = "Retrieval by layer" if any(chart.panels for chart in charts) else "Retrieval, plain and centred"
    text = (
        "Retrieval uses sentence vectors without training on the target, so its score is also a choice of layer, of pooling and "
        "of centring. Read a gain against all of them, and against an encoder with random weights, which already finds what is "
        "spelled alike."
    )
    blocks: list[Block] = [Text(text)]
    for chart in charts:
        name = f"{chart.target}, {chart.encoder}" if len(findings.results.encoders) > 1 else chart.target
        blocks += [Heading(name), *([chart] if chart.panels else []), chart.table]
    return Section(title, tuple(blocks) if charts else ())


def _claims(findings: Findings) -> tuple[Block, ...]:
    """The claims that this study decides, with their evidence, and how many it does not."""
    found = findings.claims
    decided, others = [one for one in found if one.decided], [one for one in found if not one.decided]
    rows = [
        (
            f"{one.text} ({one.source})",
            one.verdict,
            Number(one.measured, claim_id(one.id)) if one.measured else "",
            one.coverage,
            one.reason,
            fmt.listed((key[:12] for key in one.evidence), 2),
        )
        for one in decided
    ]
    caption = "Claims, decided by a fixed rule from the score artefacts of this study, which are named as evidence."
    columns = ("claim", "verdict", "measured", "coverage", "why", "evidence")
    verdicts = dict.fromkeys(one.verdict for one in others)
    counts = fmt.listed(f"{sum(one.verdict == verdict for one in others)} {verdict}" for verdict in verdicts)
    what = f"Of {fmt.count(len(found), 'claim')} in the ledger this study decides {len(decided) or 'none'}"
    left = f"; the others: {counts}. “xstilts claims {findings.results.study}” gives the reason for each." if others else "."
    return _kept([content.plain(caption, columns, rows) if rows else None, Text(what + left) if found else None])


def _quality(findings: Findings) -> tuple[Block, ...]:
    table = quality_table(findings)
    return (Text(quality_sentence(findings)), table) if table else ()


def _other_tests(findings: Findings) -> tuple[Block, ...]:
    table = other_tests_table(findings)
    return (Text(other_tests_sentence(findings)), Fold("Every gain", (table,))) if table else ()


def _cost(findings: Findings) -> tuple[Block, ...]:
    if not findings.results.costs:
        return ()
    return _kept(
        [
            Text(cost.saved_sentence(findings)),
            cost_bars(findings.kinds),
            cost.cost_table(findings),
            cost.phases_table(findings) if findings.phases else None,
            Bullets(findings.anomalies) if findings.anomalies else None,
            cost.slowest_table(findings) if findings.slowest else None,
        ]
    )


def _missing(findings: Findings) -> tuple[Block, ...]:
    lines = cost.missing_lines(findings)
    return (*map(Text, lines), *([cost.failed_table(findings)] if findings.failed else []))


def _references(findings: Findings) -> tuple[Block, ...]:
    works = references(findings)
    return (References(works),) if findings.results.targets else ()
