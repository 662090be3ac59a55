"""Writes a report folder: report.html, report.md, scores.csv, gains.csv, costs.csv, each renamed into place when it is whole."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from xstilts.report.analysis import Analysis, analyse
from xstilts.report.markdown import render_markdown
from xstilts.report.page import render_html
from xstilts.report.results import Results
from xstilts.report.tables import COST_COLUMNS, GAIN_COLUMNS, SCORE_COLUMNS, cost_rows, gain_rows, score_rows, to_csv


def _replace(path: Path, text: str) -> None:
    """A reader sees the old file or the new one, never a half of either."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_analysis(analysis: Analysis, folder: Path) -> Path:
    """As `write_report`, for those who need the analysis as well (the terminal's table, a study's exit code)."""
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / "scores.csv", to_csv(score_rows(analysis.results), SCORE_COLUMNS))
    _replace(folder / "gains.csv", to_csv(gain_rows(analysis), GAIN_COLUMNS))
    _replace(folder / "costs.csv", to_csv(cost_rows(analysis.results), COST_COLUMNS))
    _replace(folder / "report.md", render_markdown(analysis))
    page = folder / "report.html"
    _replace(page, render_html(analysis))
    return page


def write_report(results: Results, folder: Path) -> Path:
    """Writes the five files below `folder`, which is made, and returns the path of the page."""
    return write_analysis(analyse(results), folder)
