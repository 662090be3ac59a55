"""A review as a folder: one self-contained page, JSON, the claims as CSV, and BibTeX. The page loads nothing from elsewhere."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import jinja2
import regex
from markupsafe import Markup, escape

from xstilts.data.csv_cells import guard_cell
from xstilts.documents.verify import PaperVerdict
from xstilts.documents.words import STOP, list_words
from xstilts.errors import InputError
from xstilts.report.figures.svg import read_template
from xstilts.report.references import write_bibtex
from xstilts.report.write import check_folder, replace_file
from xstilts.review import describe
from xstilts.review.agreement import list_disagreements
from xstilts.review.overrides import latest
from xstilts.review.run import Review

SHOWN = 5  # papers of a claim that the page shows; the JSON has all
LISTED = 300  # papers in the list
_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{N}\p{M}.,'’]*[\p{L}\p{N}\p{M}]|[\p{L}\p{N}]")


def render_page(review: Review) -> str:
    """The page as text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("xstilts.review", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    papers = [paper for one in review.claims for paper in one.papers]
    return environment.get_template("review.html.j2").render(
        review=review,
        describe=describe,
        style=Markup(read_template("style.css")),
        mark=mark_words,
        latest=latest,
        apart=list_disagreements(papers),
        pairs=len(papers),
        shown=SHOWN,
        listed=LISTED,
    )


def mark_words(one: PaperVerdict) -> Markup:
    """The passage that decided, with the claim's words and numbers marked."""
    if one.passage is None:
        return Markup()
    text, wanted = one.passage.text, set(one.case.claim.words)
    spans = [m.span() for m in _WORD.finditer(text) if m.group().lower() not in STOP and set(list_words(m.group())) & wanted]
    spans += [_find(text, check.found.text) for check in one.case.numbers if check.found is not None]
    pieces, place = [], 0
    for start, end in sorted(span for span in spans if span is not None):
        if start >= place:
            pieces += [escape(text[place:start]), Markup("<mark>{}</mark>").format(text[start:end])]
            place = end
    return Markup("").join([*pieces, escape(text[place:])])


def _find(text: str, part: str) -> tuple[int, int]:
    start = text.find(part)
    return (start, start + len(part)) if start >= 0 else (len(text), len(text))


def render_csv(review: Review) -> str:
    """A row for each claim. A cell that a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    fields = [name for name, _ in describe.list_fields(review.claims[0].claim)] if review.claims else []
    writer.writerow(["id", "text", "from", "documents", "on cited", "on found", "runs", "reason", *fields])
    for one in review.claims:
        values = [value for _, value in describe.list_fields(one.claim)]
        row = [one.claim.id, one.claim.text, one.claim.origin, one.verdict, one.cited or "", one.found or ""]
        row += [describe.describe_runs(one.claim, review), one.reason, *values]
        writer.writerow(map(guard_cell, row))
    return out.getvalue()


def write_review(review: Review, folder: Path) -> Path:
    """Writes the files into `folder`, which is made if needed, and returns the path of the page. Each is renamed into place.
    Raises InputError if they cannot be written."""
    check_folder(folder)
    references = [describe.make_reference(paper) for paper in describe.cited_papers(review)]
    texts = {
        "review.html": render_page(review),
        "review.json": json.dumps(describe.to_json(review), indent=1, ensure_ascii=False) + "\n",
        "claims.csv": render_csv(review),
        "references.bib": write_bibtex(references),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            replace_file(folder / name, text)
    except OSError as error:
        raise InputError(f"review {folder}: cannot be written ({error.strerror}); name another folder with -o") from None
    return folder / "review.html"
