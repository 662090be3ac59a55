"""The report as Markdown: the same sentences and tables, for a repository or a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable

from xstilts.report import content, cost_tables
from xstilts.report.analysis import Analysis
from xstilts.report.content import Table
from xstilts.report.figures import layer_charts
from xstilts.report.page import layer_table
from xstilts.report.suites import suite_tables


def escape(text: str) -> str:
    """Text that can neither break a table cell nor be taken for HTML."""
    for found, written in (("&", "&amp;"), ("<", "&lt;"), ("\\", "\\\\"), ("|", "\\|"), ("*", "\\*"), ("`", "\\`")):
        text = text.replace(found, written)
    return re.sub(r"[ \t\r\n]+", " ", text)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def render_table(table: Table) -> str:
    """A pipe table; the title of a group is a bold line of its own."""
    rule = ["---:" if index in table.numeric else "---" for index in range(len(table.columns))]
    lines = [escape(table.caption), "", _line(table.columns), _line(rule)]
    for title, rows in table.groups:
        if title:
            lines.append(_line([f"**{escape(title)}**", *[""] * (len(table.columns) - 1)]))
        lines += [_line(escape(text) for text in row) for row in rows]
    return "\n".join(lines)


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {escape(line)}" for line in lines)


def render_markdown(analysis: Analysis) -> str:
    results = analysis.results
    parts = [f"# {escape(results.study)}"]
    if results.question:
        parts.append(f"*{escape(results.question)}*")
    parts += [f"**{escape(analysis.answer.sentence)}**", _list(analysis.answer.support)]
    if analysis.against_none():
        caption = (
            "Gain in points over no chain: mean of the languages other than English, with its 95 % interval, English "
            "beside it, and each seed."
        )
        parts += ["## Transfer gains", render_table(content.gains_table(analysis.against_none(), analysis, caption))]
    for title, explanation, table in content.control_tables(analysis):
        parts += [f"## {title}", escape(explanation), render_table(table)]
    if analysis.summaries:
        parts += ["## Scores", *map(render_table, content.scores_tables(analysis))]
    averages = suite_tables(analysis)
    if averages:
        parts += ["## Benchmark averages", *map(render_table, averages)]
    charts = layer_charts(analysis)
    if charts:
        parts.append("## Retrieval by layer")
        for chart in charts:
            parts += [f"### {escape(chart.target)}, {escape(chart.encoder)}", render_table(layer_table(chart))]
    parts += ["## Method", _list(content.method_lines(analysis))]
    for wanted, make in (
        (results.chains, content.chains_table),
        (len(content.recipes_table(analysis).columns) > 1, content.recipes_table),
        (results.targets, content.data_table),
    ):
        if wanted:
            parts.append(render_table(make(analysis)))
    if results.costs:
        parts += ["## What it cost", escape(cost_tables.saved_sentence(analysis)), render_table(cost_tables.cost_table(analysis))]
        if analysis.phases:
            parts.append(render_table(cost_tables.phases_table(analysis)))
        parts.append(_list(analysis.oddities))
        if analysis.slowest:
            parts.append(render_table(cost_tables.slowest_table(analysis)))
    missing = cost_tables.missing_lines(analysis)
    if analysis.failed or missing:
        parts += ["## What is missing", *map(escape, missing)]
        if analysis.failed:
            parts.append(render_table(cost_tables.failed_table(analysis)))
    if results.notes:
        parts += ["## Protocol notes", _list(results.notes)]
    parts += ["---", escape(f"xstilts {results.version} · {results.made} · fingerprint {results.fingerprint}")]
    return "\n\n".join(part for part in parts if part) + "\n"
