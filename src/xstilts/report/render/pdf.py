"""The report as a PDF for print, set by Typst (https://typst.app, Apache-2.0) in this process: no network, no system package.

Typst is an optional package, since it is large. The template reads the document as JSON, so that nothing in a study is taken for
markup; figures come as SVG. The fonts are those inside the `typst` package, which makes the file the same on every machine.
Letters that these fonts lack come from the system's fonts.
"""

import importlib.util
import json
from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from importlib import resources
from typing import Any

from xstilts.report.document import Block, Document, ExampleBrowser, Fold, Section
from xstilts.report.figures.drawing import Drawing, LegendEntry, Panel, RowFigure
from xstilts.report.figures.language_map import LanguageMaps
from xstilts.report.figures.svg import draw_standalone, read_palette
from xstilts.report.tables.table import Table

NO_TYPST = "No PDF: Typst is not installed. To get one: pip install 'xstilts[pdf]'"
SHORT_COLUMN = 26  # letters; longer columns of text share what is left of the line
LINE = 112  # letters of a table's line at full size
LARGEST, SMALLEST = 8.0, 5.0
LANDSCAPE = 1.5  # lines; what is longer has a page of its own, on its side
POINTS_PER_PX = 0.58  # the size of drawings on paper
ROW_WIDTHS = {"forest": 380, "bars": 560, "dots": 255}  # px
SINGLE_PLOT, PANEL, SAMPLE = 420, 400, 22  # px: a dot plot that stands alone, a panel, a sample in a legend
TEXT_MM, NAME_MM, CELL_MM = 170, 18, 7.5  # widths: of the text, and in a map by language of a name and of a cell
MAP_HEAD, MOST_LINES = 4, 50  # lines of such a map besides its rows, and of all maps before the appendix
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
    results, answer = document.findings.results, document.findings.answer
    return {
        "palette": read_palette(),
        "title": results.study,
        "question": results.question,
        "answer": answer.sentence,
        "foot": document.foot,
        **{place: [_section(section) for section in found] for place, found in _arrange(document.sections).items()},
    }


def _arrange(sections: Iterable[Section]) -> dict[str, list[Section]]:
    """The sections before the appendix and in it. Folds of the first, and maps by language that take more than half a page, are
    in the appendix too."""
    front, appendix, later = [], [], []
    for section in sections:
        if section.place == "appendix":
            appendix.append(section)
            continue
        apart = [block for block in section.blocks if isinstance(block, Fold) or _is_long(block)]
        later += [
            replace(section, title=block.title if isinstance(block, Fold) else section.title, blocks=(block,)) for block in apart
        ]
        kept = tuple(block for block in section.blocks if block not in apart)
        front += [replace(section, blocks=kept)] if kept else []
    return {"front": front, "appendix": [*later, *appendix]}


def _is_long(block: Block) -> bool:
    """Whether maps by language are too long for the first pages."""
    if not isinstance(block, LanguageMaps):
        return False
    rows = [len(map.rows) + MAP_HEAD for map in block.maps]
    columns = count_columns(block)
    return sum(max(rows[start : start + columns]) for start in range(0, len(rows), columns)) > MOST_LINES


def count_columns(maps: LanguageMaps) -> int:
    """How many maps by language stand side by side."""
    return max(1, int(TEXT_MM / (NAME_MM + CELL_MM * max(len(map.chains) for map in maps.maps))))


def _section(section: Section) -> dict[str, Any]:
    blocks = [_block(block) for block in section.blocks if not isinstance(block, ExampleBrowser)]
    return {"title": section.title, "blocks": blocks}


def _block(block: Block) -> dict[str, Any]:
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Fold):
        return {"kind": block.kind, "title": block.title, "blocks": [_block(inner) for inner in block.blocks]}
    if isinstance(block, LanguageMaps):
        return {"kind": block.kind, "columns": count_columns(block), "name": NAME_MM, "cell": CELL_MM, **_record(block, 0)}
    width = PANEL
    if isinstance(block, RowFigure):
        width = SINGLE_PLOT if block.sort == "dots" and len(block.plots) == 1 else ROW_WIDTHS[block.sort]
    return {"kind": block.kind, "width": width * POINTS_PER_PX, **_record(block, width)}


def _record(record: Any, width: float) -> dict[str, Any]:
    """The fields of a record. Drawings become SVG, `width` px wide; those of legends and panels have sizes of their own."""
    return {field.name: _value(getattr(record, field.name), width) for field in fields(record)}


def _value(value: Any, width: float) -> Any:
    if isinstance(value, Drawing):
        return _drawing(value, width)
    if isinstance(value, Panel):
        return {"title": value.title, "drawing": _drawing(value.drawing, width, PANEL_HEIGHT * value.drawing.height)}
    if isinstance(value, LegendEntry):
        return {"label": value.label, "sample": _drawing(value.sample, SAMPLE)}
    if is_dataclass(value):
        return _record(value, width)
    return [_value(one, width) for one in value] if isinstance(value, tuple) else value


def _drawing(drawing: Drawing, width: float, height: float = 0) -> dict[str, Any]:
    return {"svg": draw_standalone(drawing, width, height), "width": width * POINTS_PER_PX, "label": drawing.label}


def _table(table: Table) -> dict[str, Any]:
    lines = [table.columns, *(line for _, lines in table.groups for line in lines)]
    lengths = [max(len(line[index]) for line in lines) for index in range(len(table.columns))]
    fits = sum(length + 2 for length in lengths) <= LINE
    wide = [not fits and index not in table.numeric and length > SHORT_COLUMN for index, length in enumerate(lengths)]
    widths = [round(10 * length**0.55) if more else 0 for length, more in zip(lengths, wide, strict=True)]
    fixed = sum(length + 2 for length, width in zip(lengths, widths, strict=True) if not width)
    total = fixed + sum(min(length, 22) for length, width in zip(lengths, widths, strict=True) if width)
    line = LINE if total <= LANDSCAPE * LINE else 1.45 * LINE
    return {
        "kind": table.kind,
        "caption": table.caption,
        "columns": table.columns,
        "widths": widths,
        "size": round(max(SMALLEST, min(LARGEST, LARGEST * line / max(total, 1))), 2),
        "landscape": total > LANDSCAPE * LINE,
        "numeric": sorted(table.numeric),
        "groups": [{"title": title, "rows": lines} for title, lines in table.groups],
    }
