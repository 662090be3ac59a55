"""JSON lines: one record of a paper a line.

Fields: `title`, and, where known, `abstract`, `id`, `arxiv`, `doi`, `version`, `authors` (a list or one text), `year`, `venue`,
`url`, `language`, `note`, and `sections`, a list of {"title", "text"}. Other fields are ignored. A line that is no such record is
refused, and the others are kept.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from xstilts.documents.names import choose_names
from xstilts.documents.paper import Extent, Paper, Section
from xstilts.documents.reading.files import Reading, as_year, decode, read_bytes, says_withdrawn, squeeze
from xstilts.errors import InputError
from xstilts.reading import parse_json


def read_jsonl(path: Path) -> Reading:
    """The papers of a file of JSON lines (may be `.gz`). Raises InputError if it cannot be read at all."""
    text, notes = decode(read_bytes(path), path)
    papers, refused = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                papers.append(_make_paper(line, path, number, notes))
            except InputError as error:
                refused.append(str(error))
    if not papers:
        raise InputError(f"{path}: no record of a paper; the first problem: {refused[0]}")
    return Reading(papers, refused)


def _make_paper(line: str, path: Path, number: int, notes: tuple[str, ...]) -> Paper:
    where = f"{path}:{number}"
    record = parse_json(line, where)
    if not isinstance(record, dict):
        raise InputError(f"{where}: expected a JSON object, found {type(record).__name__}")
    title, abstract = _get_text(record, "title", where), _get_text(record, "abstract", where)
    if not title:
        raise InputError(f"{where}: no title; expected the field 'title' with the title of a paper")
    sections = _get_sections(record, where)
    extent: Extent = "full text" if sections else "abstract" if abstract else "title"
    if abstract:
        sections = (Section("Abstract", abstract), *sections)
    identifier, arxiv = _get_text(record, "id", where), _get_text(record, "arxiv", where)
    names = (arxiv, identifier, _get_text(record, "doi", where))
    work, in_name, same = choose_names(names, f"{path.name}#{identifier or number}")
    said = _get_text(record, "version", where)
    version = _shorten_version(said) or in_name
    note = _get_text(record, "note", where)
    if said not in ("", version):
        notes = (*notes, f"Its source says of the version: {said}.")
    return Paper(
        work=work,
        version=version,
        title=title,
        origin=where,
        extent=extent,
        sections=sections,
        authors=_get_authors(record, where),
        year=as_year(record.get("year")),
        venue=_get_text(record, "venue", where),
        url=_get_text(record, "url", where),
        language=_get_text(record, "language", where) or "en",
        same=same,
        withdrawn=says_withdrawn(title, abstract, note),
        notes=(*notes, note) if note else notes,
    )


def _shorten_version(said: str) -> str:
    """ "v1" of "v1 (26 May 2020)", "published" of "published (N18-1089)"; anything else as it is."""
    found = re.match(r"(v\d+|published)\b", said)
    return found[1] if found else said


def _get_text(record: dict[str, Any], field: str, where: str) -> str:
    value = record.get(field)
    if value is None:
        return ""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return squeeze(str(value))
    raise InputError(f"{where}: field '{field}': expected text, found {type(value).__name__}")


def _get_authors(record: dict[str, Any], where: str) -> tuple[str, ...]:
    value = record.get("authors")
    if isinstance(value, str):
        return tuple(filter(None, map(squeeze, re.split(r"\s+and\s+|;", value))))
    if value is None or (isinstance(value, list) and all(isinstance(name, str) for name in value)):
        return tuple(filter(None, map(squeeze, value or ())))
    raise InputError(f"{where}: field 'authors': expected a list of names")


def _get_sections(record: dict[str, Any], where: str) -> tuple[Section, ...]:
    value = record.get("sections")
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
        raise InputError(f"{where}: field 'sections': expected a list of objects with 'title' and 'text'")
    sections = []
    for part in value:
        title, text = part.get("title") or "", part.get("text") or ""
        if not isinstance(title, str) or not isinstance(text, str):
            raise InputError(f"{where}: field 'sections': 'title' and 'text' must be text")
        paragraphs = filter(None, map(squeeze, re.split(r"\n\s*\n", text)))
        if text.strip():
            sections.append(Section(squeeze(title), "\n\n".join(paragraphs)))
    return tuple(sections)
