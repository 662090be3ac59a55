"""The report as Markdown: the same document without its figures, for a repository or a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable

from xstilts.report.document import Block, Bullets, Document, Fold, Heading, References, Text, build_document
from xstilts.report.figures.figures import HeatMap
from xstilts.report.findings import Findings
from xstilts.report.tables import content
from xstilts.report.tables.content import Table


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
    """A block as text; "" for a figure, whose numbers stand in the tables."""
    if isinstance(block, Table):
        return render_table(block)
    if isinstance(block, Text):
        return escape(block.text)
    if isinstance(block, Bullets):
        return _list(block.lines)
    if isinstance(block, Heading):
        return f"### {escape(block.text)}"
    if isinstance(block, References):
        return _list(f"{work.written} [{work.why}]" for work in block.works)
    if isinstance(block, Fold):
        return "\n\n".join([f"### {escape(block.title)}", *map(_block, block.blocks)])
    return ""


def _lone_heading(text: str) -> bool:
    return text.startswith("### ") and "\n" not in text


def render_markdown(findings: Findings, document: Document | None = None) -> str:
    document = document or build_document(findings)
    parts = [f"# {escape(document.title)}"]
    if document.question:
        parts.append(f"*{escape(document.question)}*")
    parts += [f"**{escape(document.answer)}**", _list(document.support)]
    for section in document.sections:
        blocks = [_block(block) for block in section.blocks]
        if any(isinstance(block, HeatMap) for block in section.blocks):
            blocks.insert(0, render_table(_gains(findings)))
        after = [*blocks[1:], ""]  # a heading with nothing but a figure below it goes too
        blocks = [text for text, other in zip(blocks, after, strict=True) if other or not _lone_heading(text)]
        if any(blocks):
            parts += [f"## {escape(section.title)}", *blocks]
    parts += ["---", escape(document.foot)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _gains(findings: Findings) -> Table:
    caption = (
        "Gain in points over no chain: mean of the languages other than English, with its 95 % interval, English beside it, "
        "and each seed."
    )
    return content.gains_table(findings.against_none(), findings, caption)
