"""Writes a report folder: HTML, PDF, Markdown, LaTeX tables in `tables/`, references, and every number as CSV and Parquet.

Each file is renamed into place when it is complete.
"""

import os
import uuid
from pathlib import Path

from xstilts.errors import InputError
from xstilts.report.document import build_document
from xstilts.report.findings import Findings
from xstilts.report.references import list_references, write_bibtex
from xstilts.report.render.csv import SCORE_COLUMNS, render_csv, score_rows, to_parquet
from xstilts.report.render.html import render_html
from xstilts.report.render.latex import render_latex
from xstilts.report.render.markdown import render_markdown
from xstilts.report.render.pdf import has_typst, render_pdf

_LONGEST_PART = 240  # bytes of a file's name, with room for a temporary one


def write_report(findings: Findings, folder: Path) -> Path:
    """Writes the files into `folder`, which is made if needed, and returns the path of the page. Without the package `typst`
    there is no PDF, and one from an earlier report is removed. Raises InputError if it cannot be written."""
    check_folder(folder)
    try:
        return _write_files(findings, folder)
    except OSError as error:
        raise InputError(
            f"report {folder}: cannot be written ({error.strerror}); no result is lost. Free some space, or name another folder: "
            "`xstilts report` with the same study, --set and --store, and -o FOLDER"
        ) from None


def check_folder(folder: Path) -> None:
    """Raises InputError if no report can be written there: a run asks before its work, not after it."""
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path) or path == path.parent)
    if any(len(os.fsencode(part)) > _LONGEST_PART for part in folder.parts):
        reason = f"a name of more than {_LONGEST_PART} bytes"
    elif not there.is_dir():
        reason = f"{there} is no folder"
    elif not os.access(there, os.W_OK | os.X_OK):
        reason = f"writing in {there} is not permitted"
    else:
        return
    raise InputError(f"report {folder!s:.300}: cannot be written ({reason}); name another folder with -o")


def _write_files(findings: Findings, folder: Path) -> Path:
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    for name, text in render_csv(findings).items():
        replace_file(folder / name, text)
    replace_file(folder / "scores.parquet", to_parquet(score_rows(findings.results), SCORE_COLUMNS))
    for name, text in render_latex(findings).items():
        replace_file(folder / "tables" / f"{name}.tex", text)
    replace_file(folder / "references.bib", write_bibtex(list_references(findings)))
    document = build_document(findings)
    replace_file(folder / "report.md", render_markdown(document))
    page = folder / "report.html"
    replace_file(page, render_html(document))
    pdf = folder / "report.pdf"
    if has_typst():
        replace_file(pdf, render_pdf(document))
    else:
        pdf.unlink(missing_ok=True)
    return page


def replace_file(path: Path, content: str | bytes) -> None:
    """A reader sees the old file or the new one, never a part of either."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        temporary.write_bytes(content if isinstance(content, bytes) else content.encode())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
