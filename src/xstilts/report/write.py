"""Writes a report folder: the page, the PDF, Markdown, LaTeX tables, references, and every number as CSV and Parquet.

Each file is renamed into place when it is whole. The LaTeX tables lie in `tables/`.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from xstilts.analysis.results import Results
from xstilts.report.document import build_document
from xstilts.report.findings import Findings, compute_findings
from xstilts.report.references import bibtex, references
from xstilts.report.render.csv import (
    COST_COLUMNS,
    GAIN_COLUMNS,
    PART_COLUMNS,
    SCORE_COLUMNS,
    TEST_COLUMNS,
    cost_rows,
    gain_rows,
    other_test_rows,
    part_rows,
    score_rows,
    to_csv,
    to_parquet,
)
from xstilts.report.render.html import render_html
from xstilts.report.render.latex import latex_tables
from xstilts.report.render.markdown import render_markdown
from xstilts.report.render.pdf import render_pdf


def _replace(path: Path, content: str | bytes) -> None:
    """A reader sees the old file or the new one, never a half of either."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_analysis(findings: Findings, folder: Path) -> Path:
    """As `write_report`, for those who need the findings as well (the terminal's table, a study's exit code)."""
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    scores = score_rows(findings.results)
    _replace(folder / "scores.csv", to_csv(scores, SCORE_COLUMNS))
    _replace(folder / "scores.parquet", to_parquet(scores, SCORE_COLUMNS))
    _replace(folder / "gains.csv", to_csv(gain_rows(findings), GAIN_COLUMNS))
    _replace(folder / "tests.csv", to_csv(other_test_rows(findings), TEST_COLUMNS))
    _replace(folder / "parts.csv", to_csv(part_rows(findings), PART_COLUMNS))
    _replace(folder / "costs.csv", to_csv(cost_rows(findings.results), COST_COLUMNS))
    tables = latex_tables(findings)
    for name, text in tables.items():
        _replace(folder / "tables" / f"{name}.tex", text)
    _replace(folder / "references.bib", bibtex(references(findings)))
    document = build_document(findings)
    _replace(folder / "report.md", render_markdown(findings, document))
    page = folder / "report.html"
    _replace(page, render_html(findings, document))
    _replace(folder / "report.pdf", render_pdf(findings, document))
    return page


def write_report(results: Results, folder: Path) -> Path:
    """Writes the files below `folder`, which is made, and returns the path of the page."""
    return write_analysis(compute_findings(results), folder)
