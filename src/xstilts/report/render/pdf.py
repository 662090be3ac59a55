"""The report as a PDF for print, set by Typst (https://typst.app, Apache-2.0) in this process: no network, no system package.

The template reads the document as JSON, so that nothing of a study is ever taken for markup. The fonts are those inside the
`typst` wheel, which makes the file the same on every machine; letters that they lack come from the system's fonts.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from importlib import resources
from typing import Any

from xstilts.analysis import formatting as fmt
from xstilts.report.document import Block, Bullets, Document, Fold, Heading, References, Text, build_document
from xstilts.report.figures.dots import DotPlots
from xstilts.report.figures.figures import Bars, Forest, HeatMap
from xstilts.report.figures.layers import LayerChart
from xstilts.report.figures.scale import ScaleChart
from xstilts.report.findings import Findings
from xstilts.report.tables.content import Table

SHORT_COLUMN = 26  # letters; longer columns of text share what is left of the line
LINE = 112  # letters of a table's line at full size
LARGEST, SMALLEST = 8.0, 5.0
LONG_WORD = 14
LANDSCAPE = 1.5  # lines; what is longer has a page of its own, on its side


def render_pdf(findings: Findings, document: Document | None = None) -> bytes:
    """The pages as bytes of a PDF."""
    import typst

    template = (resources.files("xstilts.report") / "templates" / "report.typ").read_bytes()
    data = json.dumps(document_data(document or build_document(findings)), ensure_ascii=False)
    made = typst.compile(template, format="pdf", sys_inputs={"data": data})
    assert isinstance(made, bytes)
    return made


def document_data(document: Document) -> dict[str, Any]:
    """What the template reads."""
    return {
        "title": document.title,
        "question": document.question,
        "answer": document.answer,
        "support": document.support,
        "foot": document.foot,
        "sections": [
            {"title": section.title, "aside": section.aside, "blocks": [_block(block) for block in section.blocks]}
            for section in document.sections
        ],
    }


def breakable(text: str) -> str:
    """Long words may be broken after a slash, an underscore and the like (a zero-width space follows)."""

    def soften(found: re.Match[str]) -> str:
        word = found.group()
        return re.sub(r"([/_+&.@=~-])(?=.)", "\\1\u200b", word) if len(word) > LONG_WORD else word

    return re.sub(r"\S+", soften, text)


def _block(block: Block) -> dict[str, Any]:
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Text | Heading):
        return {"kind": block.kind, "text": block.text}
    if isinstance(block, Bullets):
        return {"kind": "points", "lines": block.lines}
    if isinstance(block, References):
        return {"kind": "references", "lines": [f"{work.written} [{work.why}]" for work in block.works]}
    if isinstance(block, Fold):
        return {"kind": "fold", "title": block.title, "blocks": [_block(inner) for inner in block.blocks]}
    if isinstance(block, HeatMap):
        return _heat(block)
    return {"kind": block.kind, **_figure(block)}


def _table(table: Table) -> dict[str, Any]:
    lines = [table.columns, *(line for _, lines in table.groups for line in lines)]
    lengths = [max(len(line[index]) for line in lines) for index in range(len(table.columns))]
    widths = [
        0 if index in table.numeric or length <= SHORT_COLUMN else round(10 * length**0.55)
        for index, length in enumerate(lengths)
    ]
    if sum(length + 2 for length in lengths) <= LINE:
        widths = [0] * len(lengths)
    fixed = sum(length + 2 for length, width in zip(lengths, widths, strict=True) if not width)
    total = fixed + sum(min(length, 22) for length, width in zip(lengths, widths, strict=True) if width)
    line = LINE if total <= LANDSCAPE * LINE else 1.45 * LINE
    return {
        "kind": "table",
        "caption": table.caption,
        "columns": [breakable(name) for name in table.columns],
        "widths": widths,
        "size": round(max(SMALLEST, min(LARGEST, LARGEST * line / max(total, 1))), 2),
        "landscape": total > LANDSCAPE * LINE,
        "numeric": sorted(table.numeric),
        "groups": [
            {"title": title, "rows": [[breakable(text) for text in line] for line in lines]} for title, lines in table.groups
        ],
    }


def _heat(heat: HeatMap) -> dict[str, Any]:
    rows = []
    for name, role, cells in heat.rows:
        row = []
        for cell in cells:
            interval = cell.gain.interval if cell.gain else None
            row.append(
                {
                    "text": fmt.points(interval.estimate) if interval else fmt.NOTHING,
                    "range": fmt.bracket(interval.low, interval.high) if interval else "",
                    "sign": cell.sign,
                    "strength": cell.strength,
                    "clear": bool(cell.gain and cell.gain.verdict in ("gain", "loss")),
                    "void": bool(cell.gain and cell.gain.verdict in ("near chance", "same", "oracle")),
                    "marks": list(cell.marks),
                }
            )
        rows.append({"name": breakable(name), "role": role if role != name else "", "cells": row})
    targets = [breakable(name) for name in heat.targets]
    return {"kind": "heat", "encoder": heat.encoder, "targets": targets, "rows": rows, "caption": heat.caption}


def _figure(block: Forest | DotPlots | LayerChart | ScaleChart | Bars) -> dict[str, Any]:
    if isinstance(block, Forest):
        groups = [
            {
                "title": title,
                "rows": [
                    {
                        "label": row.label,
                        "note": row.note,
                        "text": row.text,
                        "range": row.range,
                        "left": row.whisker.left,
                        "at": row.whisker.at,
                        "right": row.whisker.right,
                        "sign": row.whisker.sign,
                    }
                    for row in rows
                ],
            }
            for title, rows in block.groups
        ]
        return {"groups": groups, "caption": block.caption}
    if isinstance(block, DotPlots):
        plots = [
            {
                "title": plot.title,
                "mark": plot.mark,
                "line": plot.line,
                "ticks": plot.ticks,
                "rows": [
                    {
                        "label": row.label,
                        "note": row.note,
                        "dots": [{"x": dot.x, "names": dot.name.split(), "stroke": dot.stroke} for dot in row.dots],
                    }
                    for row in plot.rows
                ],
            }
            for plot in block.plots
        ]
        return {"plots": plots, "legend": _legend(block.legend), "caption": block.caption}
    if isinstance(block, LayerChart):
        panels = [
            {
                "title": panel.title,
                "lines": [{"names": line.name.split(), "points": line.points} for line in panel.lines],
                "grid": panel.grid,
                "used": panel.used,
                "x": panel.ticks_x,
                "y": panel.ticks_y,
            }
            for panel in block.panels
        ]
        return {"panels": panels, "legend": _legend(block.legend), "caption": block.caption}
    if isinstance(block, ScaleChart):
        spots = [[{**asdict(spot), "names": spot.name.split()} for spot in panel.spots] for panel in block.panels]
        return {
            "panels": [{"title": panel.title, "spots": own} for panel, own in zip(block.panels, spots, strict=True)],
            "names": [asdict(name) for name in block.names],
            "lines": block.lines,
            "zero": block.zero,
            "x": block.ticks_x,
            "y": block.ticks_y,
            "legend": _legend(block.legend),
            "caption": block.caption,
        }
    rows = [{"label": row.label, "spent": row.spent, "spared": row.spared, "text": row.text} for row in block.rows]
    return {"rows": rows, "caption": block.caption}


def _legend(entries: tuple[tuple[str, str], ...]) -> list[dict[str, Any]]:
    return [{"label": label, "names": name.split()} for label, name in entries]
