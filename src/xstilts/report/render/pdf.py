"""The report as a PDF for print, set by Typst (https://typst.app, Apache-2.0) in this process: no network, no system package.

Typst is an optional package, since it is large. The template reads the document as JSON, so that nothing in a study is taken for
markup; figures come as SVG. The fonts are those inside the `typst` package, which makes the file the same on every machine.
Letters that these fonts lack come from the system's fonts.
"""

from __future__ import annotations

import importlib.util
import json
import re
from importlib import resources
from typing import Any

from xstilts.report.document import Block, Bullets, Document, Fold, Heading, References, Text
from xstilts.report.figures.drawing import Drawing, PanelFigure, RowFigure
from xstilts.report.figures.heat_map import HeatMap
from xstilts.report.figures.svg import read_palette, standalone
from xstilts.report.tables.table import Table

NO_TYPST = "No PDF: Typst is not installed. To get one: pip install 'xstilts[pdf]'"
SHORT_COLUMN = 26  # letters; longer columns of text share what is left of the line
LINE = 112  # letters of a table's line at full size
LARGEST, SMALLEST = 8.0, 5.0
LONG_WORD = 14
LANDSCAPE = 1.5  # lines; what is longer has a page of its own, on its side
POINTS_PER_PX = 0.58  # the size of drawings on paper
DRAWING_WIDTHS = {"forest": 380, "bars": 560, "dots": 255}  # px
SINGLE_PLOT, PANEL, SAMPLE = 420, 400, 22  # px: a dot plot that stands alone, a panel, a sample in a legend
PANEL_HEIGHT = 0.75  # of a panel on the page


def has_typst() -> bool:
    return importlib.util.find_spec("typst") is not None


def render_pdf(document: Document) -> bytes:
    """The PDF. It needs the package `typst` (`has_typst`)."""
    import typst

    template = (resources.files("xstilts.report") / "templates" / "report.typ").read_bytes()
    data = json.dumps(write_data(document), ensure_ascii=False)
    made = typst.compile(template, format="pdf", sys_inputs={"data": data})
    assert isinstance(made, bytes)
    return made


def write_data(document: Document) -> dict[str, Any]:
    """What the template reads."""
    return {
        "palette": read_palette(),
        "title": document.title,
        "question": document.question,
        "answer": document.findings.answer.sentence,
        "support": document.findings.answer.support,
        "foot": document.foot,
        "sections": [
            {"title": section.title, "aside": section.aside, "blocks": [_block(block) for block in section.blocks]}
            for section in document.sections
        ],
    }


def break_words(text: str) -> str:
    """A long word may wrap after a slash, an underscore and the like (a zero-width space follows)."""

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
        return {"kind": block.kind, "lines": block.lines}
    if isinstance(block, References):
        return {"kind": block.kind, "lines": [f"{work.entry} [{work.why}]" for work in block.works]}
    if isinstance(block, Fold):
        return {"kind": block.kind, "title": block.title, "blocks": [_block(inner) for inner in block.blocks]}
    if isinstance(block, HeatMap):
        return _heat_map(block)
    legend = [{"label": label, "drawing": _drawing(sample, SAMPLE)} for label, sample in block.legend]
    shared = {"kind": block.kind, "legend": legend, "caption": block.caption}
    if isinstance(block, PanelFigure):
        panels = [
            {"title": panel.title, "drawing": _drawing(panel.drawing, PANEL, PANEL_HEIGHT * panel.drawing.height)}
            for panel in block.panels
        ]
        return {**shared, "panels": panels}
    return {**shared, **_rows(block)}


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
        "kind": table.kind,
        "caption": table.caption,
        "columns": [break_words(name) for name in table.columns],
        "widths": widths,
        "size": round(max(SMALLEST, min(LARGEST, LARGEST * line / max(total, 1))), 2),
        "landscape": total > LANDSCAPE * LINE,
        "numeric": sorted(table.numeric),
        "groups": [
            {"title": title, "rows": [[break_words(text) for text in line] for line in lines]} for title, lines in table.groups
        ],
    }


def _heat_map(heat: HeatMap) -> dict[str, Any]:
    rows = [
        {
            "name": break_words(name),
            "role": role,
            "cells": [
                {
                    "text": cell.text,
                    "range": cell.range,
                    "sign": cell.sign,
                    "strength": cell.strength,
                    "weight": cell.weight,
                    "remarks": cell.remarks,
                }
                for cell in cells
            ],
        }
        for name, role, cells in heat.rows
    ]
    targets = [break_words(name) for name in heat.targets]
    return {"kind": heat.kind, "encoder": heat.encoder, "targets": targets, "rows": rows, "caption": heat.caption}


def _rows(figure: RowFigure) -> dict[str, Any]:
    width = SINGLE_PLOT if figure.sort == "dots" and len(figure.plots) == 1 else DRAWING_WIDTHS[figure.sort]
    plots = [
        {
            "title": plot.title,
            "remark": plot.remark,
            "rows": [
                {
                    "label": row.label,
                    "note": row.note,
                    "text": row.text,
                    "range": row.range,
                    "drawing": _drawing(row.drawing, width),
                }
                for row in plot.rows
            ],
            "axis": _drawing(plot.axis, width) if plot.axis else None,
        }
        for plot in figure.plots
    ]
    return {"sort": figure.sort, "plots": plots, "width": width * POINTS_PER_PX}


def _drawing(drawing: Drawing, width: float, height: float = 0) -> dict[str, Any]:
    return {"svg": standalone(drawing, width, height), "width": width * POINTS_PER_PX, "label": drawing.label}
