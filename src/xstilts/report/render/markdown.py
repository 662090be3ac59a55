"""The report as Markdown, for a repository or a pull request: the same document without its figures."""

import re
from collections.abc import Iterable

from xstilts.report.document import Block, Bullets, Document, Fold, Heading, Text
from xstilts.report.figures.heat_map import HeatMap
from xstilts.report.tables.gains import gains_table
from xstilts.report.tables.table import Table


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
    lines = [escape(table.caption), "", _line(map(escape, table.columns)), _line(rule)]
    for title, rows in table.groups:
        if title:
            lines.append(_line([f"**{escape(title)}**", *[""] * (len(table.columns) - 1)]))
        lines += [_line(escape(text) for text in row) for row in rows]
    return "\n".join(lines)


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {escape(line)}" for line in lines)


def _block(block: Block) -> str:
    """A block as text; "" for a figure, whose numbers are in the tables."""
    if isinstance(block, Table):
        return render_table(block)
    if isinstance(block, Text):
        return escape(block.text)
    if isinstance(block, Bullets):
        return _list(block.lines)
    if isinstance(block, Heading):
        return f"### {escape(block.text)}"
    if isinstance(block, Fold):
        return "\n\n".join([f"### {escape(block.title)}", *map(_block, block.blocks)])
    return ""


def _is_lone_heading(text: str) -> bool:
    return text.startswith("### ") and "\n" not in text


def render_markdown(document: Document) -> str:
    """The whole report as text. A table of the gains takes the place of the heat map."""
    findings = document.findings
    parts = [f"# {escape(findings.results.study)}"]
    if findings.results.question:
        parts.append(f"*{escape(findings.results.question)}*")
    parts.append(f"**{escape(findings.answer.sentence)}**")
    for section in document.sections:
        blocks = [_block(block) for block in section.blocks]
        if any(isinstance(block, HeatMap) for block in section.blocks):
            blocks.insert(0, render_table(gains_table(findings.gains_over("none"), findings)))
        after = [*blocks[1:], ""]  # a heading above nothing but a figure is left out too
        blocks = [text for text, other in zip(blocks, after, strict=True) if other or not _is_lone_heading(text)]
        if any(blocks):
            parts += [f"## {escape(section.title)}", *blocks]
    parts += ["---", escape(document.foot)]
    return "\n\n".join(part for part in parts if part) + "\n"
