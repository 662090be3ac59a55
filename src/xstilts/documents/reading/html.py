"""HTML of papers: pages of arXiv, ar5iv (LaTeXML), the ACL Anthology, and others.

Sections begin at headings, and a <table> is a table. What is no text of the paper is left out: scripts, navigation, headers,
footers, and lists of references.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xstilts.documents.libraries import need
from xstilts.documents.names import choose_names, find_year
from xstilts.documents.paper import Extent, Paper, PaperTable, Section
from xstilts.documents.reading.files import Reading, as_year, decode, read_bytes, says_withdrawn, squeeze, strip_suffixes
from xstilts.documents.reading.headings import find_abstract, gather_sections
from xstilts.errors import InputError

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
LEFT_OUT = frozenset(
    {
        "script",
        "style",
        "noscript",
        "template",
        "nav",
        "header",
        "footer",
        "aside",
        "form",
        "button",
        "select",
        "svg",
        "head",
        "iframe",
    }
)
BLOCKS = frozenset(
    {"p", "div", "section", "article", "main", "li", "ul", "ol", "dl", "dt", "dd", "blockquote", "figure", "figcaption"}
)
BREAKS = BLOCKS | HEADINGS | {"body", "br", "hr", "pre", "table", "tr"}
LEFT_OUT_CLASSES = frozenset(
    {
        "ltx_bibliography",
        "ltx_page_footer",
        "ltx_page_header",
        "ltx_page_navbar",
        "ltx_TOC",
        "ltx_authors",
        "ltx_dates",
        "ltx_role_footnotemark",
    }
)

_ERROR_PAGE = re.compile(
    r"^\W*(?:(?:error\s*)?[45]\d\d\b|error\b|page not found|not found|access denied|forbidden|just a moment|attention required"
    r"|are you (?:a robot|human)|captcha|service unavailable|too many requests|log ?in|sign in|bad gateway|moved permanently)",
    re.IGNORECASE,
)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
_DATE = ("citation_publication_date", "citation_date", "citation_online_date", "citation_year", "dc.date")


def read_html(path: Path) -> Reading:
    """The paper of an HTML file. Raises InputError if it is no HTML, an error page, or has no text."""
    raw = read_bytes(path)
    declared = _CHARSET.search(raw[:4096])
    text, notes = decode(raw, path, declared[1].decode("ascii") if declared else "")
    if not re.search(r"<\s*(?:!doctype|html|head|body|title|h1|p|div|article)\b", text[:100_000], re.IGNORECASE):
        raise InputError(f"{path}: no HTML; expected a page of a paper")
    etree = need("lxml.etree")
    try:
        parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
        root = etree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text).encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise InputError(f"{path}: no HTML that can be read ({error})") from None
    if root is None:
        raise InputError(f"{path}: no HTML; expected a page of a paper")
    meta = _read_meta(root)
    heading = _find_class(root, "ltx_title_document")
    heading = heading if heading is not None else next(root.iter("h1"), None)
    page_title = _all_text(next(root.iter("title"), None))
    title = next(filter(None, (*meta.get("citation_title", ()), _strip_label(_all_text(heading)), page_title)), "")
    tables: list[PaperTable] = []
    sections = gather_sections(_walk(root, tables, title))
    abstract = _find_abstract(root, meta) or find_abstract(sections)
    length = sum(len(section.text) for section in sections)
    for name in (page_title, title):
        if _ERROR_PAGE.match(name) and length < 3000:
            raise InputError(f"{path}: an error page ('{name[:80]}'), not a paper; get the page again")
    if not length and not abstract:
        raise InputError(f"{path}: a page without text; expected a paper, in HTML that needs no script to show it")
    is_abstract_page = bool(abstract) and _is_abstract_page(root, meta)
    if is_abstract_page:
        sections, tables = (Section("Abstract", abstract),), []
    if "may be truncated or damaged" in text:
        notes = (*notes, "The page says that it may be truncated or damaged.")
    extent: Extent = "abstract" if is_abstract_page else "full text"
    links = [link.get("href") or "" for link in root.iter("link") if link.get("rel") == "canonical"]
    names = [
        strip_suffixes(path),
        *meta.get("citation_arxiv_id", ()),
        *links,
        *meta.get("citation_doi", ()),
        *meta.get("citation_pdf_url", ()),
    ]
    work, version, same = choose_names(names, path.name)
    if work.startswith("arxiv:") and (watermark := _find_id(root, "watermark-tr")) is not None:
        found = re.search(re.escape(work[6:]) + r"(v\d+)", _all_text(watermark))
        version = version or (found[1] if found else "")
    return Reading(
        [
            Paper(
                work=work,
                version=version,
                title=title or strip_suffixes(path),
                origin=str(path),
                extent=extent,
                sections=sections,
                tables=tuple(tables),
                authors=tuple(map(_turn_name, meta.get("citation_author", ()))),
                year=next((year for key in _DATE for value in meta.get(key, ()) if (year := as_year(value))), find_year(work)),
                venue=next(iter((*meta.get("citation_conference_title", ()), *meta.get("citation_journal_title", ()))), ""),
                url=next(iter(links), ""),
                language=(root.get("lang") or "en")[:2].lower(),
                same=same,
                withdrawn=says_withdrawn(
                    title, abstract, *(_all_text(x) for x in root.iter("td") if "comments" in (x.get("class") or ""))
                ),
                notes=notes if title else (*notes, "The page has no title; its name stands for it."),
            )
        ]
    )


def _read_meta(root: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for tag in root.iter("meta"):
        if name := (tag.get("name") or tag.get("property") or "").lower():
            found.setdefault(name, []).append(squeeze(tag.get("content") or ""))
    return found


def _is_abstract_page(root: Any, meta: dict[str, list[str]]) -> bool:
    """A page about a paper, which has its abstract only: arXiv's /abs/ and the pages of the ACL Anthology."""
    pdf = meta.get("citation_pdf_url", ())
    return any(_find_class(root, name) is not None for name in ("acl-abstract", "abstract mathjax")) or (
        bool(pdf) and _find_class(root, "ltx_document") is None and sum(1 for _ in root.iter("h2", "h3")) < 4
    )


def _find_abstract(root: Any, meta: dict[str, list[str]]) -> str:
    for name in ("ltx_abstract", "acl-abstract", "abstract"):
        element = _find_class(root, name)
        if element is not None and (text := re.sub(r"^abstract[:.]?\s*", "", _all_text(element), flags=re.IGNORECASE)):
            return text
    return next(filter(None, meta.get("citation_abstract", ())), "")


def _find_class(root: Any, name: str) -> Any:
    wanted = set(name.split())
    return next((x for x in root.iter() if wanted <= set((x.get("class") or "").split())), None)


def _find_id(root: Any, name: str) -> Any:
    return next((x for x in root.iter() if x.get("id") == name), None)


def _all_text(element: Any) -> str:
    """The text of an element on one line, with each formula once: LaTeXML writes it as MathML and as TeX."""
    if element is None:
        return ""
    pieces: list[str] = []
    inside = None
    for event, part in need("lxml.etree").iterwalk(element, events=("start", "end")):
        if inside is None and event == "start":
            formula = part.get("alttext") if part.tag == "math" else None
            inside = part if formula else None
            pieces += [" " if part.tag in BREAKS else "", formula or part.text or ""]
        elif event == "end" and (inside is None or part is inside):
            inside = None
            pieces += [" " if part.tag in BREAKS else "", (part.tail or "") if part is not element else ""]
    return squeeze("".join(pieces))


def _strip_label(title: str) -> str:
    return re.sub(r"^Title:\s*", "", title)


def _turn_name(name: str) -> str:
    """ "Ada Lovelace" of "Lovelace, Ada"."""
    family, comma, given = name.partition(",")
    return squeeze(f"{given} {family}") if comma else name


def _walk(root: Any, tables: list[PaperTable], title: str) -> Iterator[tuple[str | None, str]]:
    """Headings and paragraphs in order, without recursion; what a <table> holds goes into `tables`."""
    etree = need("lxml.etree")
    pieces: list[str] = []
    heading, skipped = False, None

    def flush() -> Iterator[tuple[str | None, str]]:
        text = squeeze("".join(pieces))
        pieces.clear()
        if heading and text:
            if squeeze(text) != title:
                yield text, ""
        elif text:
            yield None, text

    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = element.tag
        if skipped is not None:
            if event == "end" and element is skipped:
                skipped = None
                pieces.append(element.tail or "")
            continue
        if event == "start":
            classes = set((element.get("class") or "").split())
            if tag == "math" and element.get("alttext"):
                pieces.append(element.get("alttext"))
                skipped = element
            elif tag in LEFT_OUT or classes & LEFT_OUT_CLASSES:
                skipped = element
            elif tag == "table" and not any("equation" in name or "eqn" in name for name in classes):
                yield from flush()
                if table := _read_table(element):
                    tables.append(table)
                    skipped = element
                else:
                    pieces.append(element.text or "")
            else:
                if tag in BREAKS:
                    yield from flush()
                heading = heading or tag in HEADINGS or (tag == "div" and "ltx_title" in classes)
                pieces.append(element.text or "")
        else:
            if tag in BREAKS:
                yield from flush()
                heading = False
            pieces.append((" " if tag in ("td", "th") else "") + (element.tail or ""))
    yield from flush()


def _read_table(element: Any) -> PaperTable | None:
    """The table, or None if it only lays out the page (one column, or tables within it)."""
    rows = []
    if next(element.iterdescendants("table"), None) is not None:
        return None
    for row in element.iter("tr"):
        cells = []
        for cell in row.iterchildren("td", "th"):
            span = cell.get("colspan") or "1"
            cells += [_all_text(cell)] + [""] * (min(int(span), 50) - 1 if span.isdecimal() else 0)
        if any(cells):
            rows.append(cells)
    width = max(map(len, rows), default=0)
    if width < 2 or len(rows) < 2 or max(len(cell) for row in rows for cell in row) > 1000:
        return None
    head, *body = [(*row, *[""] * (width - len(row))) for row in rows]
    caption = element.find("caption")
    figure = next((x for x in element.iterancestors("figure")), None)
    if caption is None and figure is not None:
        caption = figure.find(".//figcaption")
    return PaperTable(_all_text(caption), tuple(head), tuple(body))
