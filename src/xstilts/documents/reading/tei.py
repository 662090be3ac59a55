"""TEI XML as GROBID writes it: https://grobid.readthedocs.io/en/latest/TEI-encoding-of-results/. Entities are never resolved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xstilts.documents.libraries import need
from xstilts.documents.names import choose_names, find_year
from xstilts.documents.paper import Extent, Paper, PaperTable, Section
from xstilts.documents.reading.files import Reading, as_year, read_bytes, says_withdrawn, squeeze, strip_suffixes
from xstilts.documents.reading.headings import gather_sections
from xstilts.errors import InputError

TEI = "{http://www.tei-c.org/ns/1.0}"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


def read_tei(path: Path) -> Reading:
    """The paper of a TEI file (may be `.gz`). Raises InputError if it is not well-formed, or not TEI."""
    root = _parse(read_bytes(path), path)
    if root.tag != f"{TEI}TEI":
        raise InputError(f"{path}: its root is <{str(root.tag).rpartition('}')[2]}>; expected <TEI>, as GROBID writes it")
    head = f"{TEI}teiHeader"
    title = _text(root.find(f"{head}//{TEI}title"))
    source = root.find(f"{head}//{TEI}sourceDesc")
    source = root if source is None else source
    names = [_text(name) for name in source.iter(f"{TEI}idno")]
    work, version, same = choose_names([strip_suffixes(path), *names], path.name)
    abstract = "\n\n".join(_paragraphs(root.find(f"{head}//{TEI}abstract")))
    body = root.find(f"{TEI}text")
    sections = gather_sections(_walk(body)) if body is not None else ()
    extent: Extent = "full text" if sections else "abstract" if abstract else "title"
    if not (title or abstract or sections):
        raise InputError(f"{path}: a TEI file without title and text; expected what GROBID makes of a whole paper")
    date = root.find(f"{head}//{TEI}publicationStmt/{TEI}date")
    date = root.find(f"{head}//{TEI}imprint/{TEI}date") if date is None else date
    paper = Paper(
        work=work,
        version=version,
        title=title or strip_suffixes(path),
        origin=str(path),
        extent=extent,
        sections=(Section("Abstract", abstract), *sections) if abstract else sections,
        tables=tuple(_tables(body)) if body is not None else (),
        authors=tuple(
            filter(None, (_text(name, " ") for name in source.iterfind(f".//{TEI}analytic/{TEI}author/{TEI}persName")))
        ),
        year=(as_year(date.get("when") or _text(date)) if date is not None else None) or find_year(work),
        venue=_text(root.find(f"{head}//{TEI}monogr/{TEI}title")),
        language=(body.get(LANGUAGE) if body is not None else None) or "en",
        same=same,
        withdrawn=says_withdrawn(title, abstract),
        notes=() if title else ("The file gives no title; its name stands for it.",),
    )
    return Reading([paper])


def _parse(raw: bytes, path: Path) -> Any:
    etree = need("lxml.etree")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True)
    try:
        return etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise InputError(f"{path}: not well-formed XML ({error}); get it again, or make it anew with GROBID") from None


def _text(element: Any, between: str = "") -> str:
    return squeeze(between.join(element.itertext())) if element is not None else ""


def _paragraphs(element: Any) -> list[str]:
    if element is None:
        return []
    found = [_text(part) for part in element.iter(f"{TEI}p")] or [_text(element)]
    return [text for text in found if text]


def _walk(body: Any) -> Iterator[tuple[str | None, str]]:
    """Headings and paragraphs in order, without figures, tables and the list of references."""
    for division in body.iter(f"{TEI}div"):
        if division.get("type") == "references":
            continue
        head = division.find(f"{TEI}head")
        title = squeeze(f"{head.get('n', '')} {_text(head)}") if head is not None else division.get("type", "").title()
        if title or division.getprevious() is not None:
            yield title, ""
        for part in division.iterchildren(f"{TEI}p", f"{TEI}list", f"{TEI}note"):
            yield None, _text(part)
    yield "Footnotes", ""
    for note in body.iterfind(f".//{TEI}note[@place='foot']"):
        if note.getparent().tag not in (f"{TEI}div", f"{TEI}p"):
            yield None, _text(note)


def _tables(body: Any) -> Iterator[PaperTable]:
    for figure in body.iter(f"{TEI}figure"):
        rows = [tuple(_text(cell) for cell in row.iter(f"{TEI}cell")) for row in figure.iter(f"{TEI}row")]
        if rows := [row for row in rows if any(row)]:
            width = max(map(len, rows))
            head, *rest = [(*row, *[""] * (width - len(row))) for row in rows]
            caption = squeeze(f"{_text(figure.find(f'{TEI}head'))} {_text(figure.find(f'{TEI}figDesc'))}")
            yield PaperTable(caption, head, tuple(rest))
