"""BibTeX: each entry is a paper of which the abstract, or only the title, is known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xstilts.documents.libraries import need
from xstilts.documents.names import choose_names
from xstilts.documents.paper import Paper, Section
from xstilts.documents.reading.files import Reading, as_year, decode, quiet, read_bytes, says_withdrawn, squeeze
from xstilts.documents.reading.latex import to_text
from xstilts.errors import InputError


def read_bibtex(path: Path) -> Reading:
    """The papers of a BibTeX file (may be `.gz`); an entry that cannot be read is refused, and the others are kept. Raises
    InputError if it has no entry."""
    text, notes = decode(read_bytes(path), path)
    papers, refused = parse_bibtex(text, str(path), path.name, notes)
    if not papers:
        raise InputError(refused[0] if refused else f"{path}: no entry with a title; expected BibTeX")
    return Reading(papers, refused)


def parse_bibtex(text: str, origin: str, name: str, notes: tuple[str, ...] = ()) -> tuple[list[Paper], list[str]]:
    """Papers and refusals of BibTeX text. An entry without a known identifier is the work `name#key`."""
    library = _parse(text, origin)
    papers, refused = [], []
    for entry in library.entries:
        fields = {str(field.key).lower(): str(field.value) for field in entry.fields}
        where = f"{origin}: entry {entry.key}"
        title = to_text(fields.get("title", ""))
        if not title:
            if entry.entry_type.lower() not in ("proceedings", "string", "comment"):
                refused.append(f"{where}: no title; expected the field 'title'")
            continue
        abstract = to_text(fields.get("abstract", ""))
        archive = (
            fields.get("eprint", "")
            if "arxiv" in (fields.get("archiveprefix", "") + fields.get("eprinttype", "")).lower()
            else ""
        )
        in_text = re.search(
            r"arxiv[:.]\s*(\d{4}\.\d{4,5}(?:v\d+)?)", " ".join(fields.get(x, "") for x in ("journal", "note", "doi")), re.I
        )
        names = (archive, in_text[1] if in_text else "", fields.get("url"), fields.get("doi"), entry.key)
        work, version, same = choose_names(names, f"{name}#{entry.key}")
        papers.append(
            Paper(
                work=work,
                version=version,
                title=title,
                origin=where,
                extent="abstract" if abstract else "title",
                sections=(Section("Abstract", abstract),) if abstract else (),
                authors=tuple(_read_authors(fields.get("author", ""))),
                year=as_year(fields.get("year") or fields.get("date")),
                venue=to_text(fields.get("booktitle") or fields.get("journal") or ""),
                url=fields.get("url", ""),
                same=same,
                withdrawn=says_withdrawn(title, abstract, to_text(fields.get("note", ""))),
                notes=notes,
            )
        )
    for block in library.failed_blocks:
        reason = squeeze(str(getattr(block, "error", ""))) or "it is not closed"
        refused.append(f"{origin}:{(block.start_line or 0) + 1}: an entry that is not BibTeX ({reason[:200]}); mend or remove it")
    return papers, refused


def _parse(text: str, origin: str) -> Any:
    bibtexparser = need("bibtexparser")
    try:
        with quiet("bibtexparser"):
            return bibtexparser.parse_string(text)
    except Exception as error:  # its parser raises many kinds of errors on text that is not BibTeX
        raise InputError(f"{origin}: not BibTeX ({squeeze(str(error))[:200]})") from None


def _read_authors(value: str) -> Iterator[str]:
    for name in re.split(r"\s+and\s+", value):
        family, comma, given = name.partition(",")
        if text := to_text(f"{given} {family}" if comma else name):
            yield text
