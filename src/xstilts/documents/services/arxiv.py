"""arXiv by its Atom API, https://info.arxiv.org/help/api/user-manual.html: one request in three seconds, versions told apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from xstilts.documents.libraries import need
from xstilts.documents.names import choose_names, parse_name
from xstilts.documents.paper import Found, Paper, Section
from xstilts.documents.reading.files import as_year, says_withdrawn, squeeze
from xstilts.documents.reading.headings import find_abstract
from xstilts.documents.reading.pdf import read_pdf
from xstilts.documents.services.client import Client, Retry, refuse_page
from xstilts.errors import InputError

NAME = "arXiv"
BASE = "https://export.arxiv.org"
INTERVAL = 3.0
PAGE = 100
IDS_AT_ONCE = 50

ATOM = "{http://www.w3.org/2005/Atom}"
ARXIV = "{http://arxiv.org/schemas/atom}"
OPENSEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"

_FIELD = re.compile(r"\b(?:ti|au|abs|co|jr|cat|rn|id|all|submittedDate):")


@dataclass
class ArXiv:
    """arXiv's papers. With `full_text`, the PDF of each paper's version is fetched and read, too."""

    cache: Path
    base: str = BASE
    interval: float = INTERVAL
    full_text: bool = False
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(NAME, self.base, self.cache / "arxiv", self.interval)

    def search(self, query: str, limit: int = 100, from_year: int | None = None, to_year: int | None = None) -> Found:
        """The most relevant papers, at most `limit`. `query`: words, all of which must occur, with "phrases" in quotes; or the
        syntax of arXiv (ti:, abs:, AND, OR). Years are those of the first version. Raises InputError."""
        asked = make_query(query, from_year, to_year)
        papers: dict[str, Paper] = {}
        total, date, start = 0, "", 0
        while True:
            size = min(PAGE, limit - start)
            entries, total, date_of_page = self._ask(
                {
                    "search_query": asked,
                    "start": str(start),
                    "max_results": str(size),
                    "sortBy": "relevance",
                    "sortOrder": "descending",
                },
                start,
                limit,
            )
            date = date or date_of_page
            for entry in entries:
                papers.setdefault(entry.id, entry)
            start += size
            if start >= min(limit, total):
                break
        notes = [f"{total:,} records match; the first {limit:,} by relevance were read."] if total > limit else []
        if (repeated := min(limit, total) - len(papers)) > 0:
            notes.append(f"{repeated} records came twice in the pages of the answer, or had no title.")
        return Found(NAME, asked, date, total, [self._add_text(paper) for paper in papers.values()], (), notes)

    def by_id(self, ids: Sequence[str]) -> Found:
        """Papers by arXiv ids such as "2005.13013v1"; without a version, the latest one. Ids that arXiv does not know are in
        `refused`. Raises InputError for what is no arXiv id."""
        names = [parse_name(x) for x in ids]
        for x, name in zip(ids, names, strict=True):
            if name is None or not name[0].startswith("arxiv:"):
                raise InputError(f"{x}: not an arXiv id; expected one such as 2005.13013v1")
        wanted = list(dict.fromkeys(f"{work[6:]}{version}" for name in names if name for work, version in [name]))
        papers: list[Paper] = []
        refused: list[str] = []
        date = ""
        for begin in range(0, len(wanted), IDS_AT_ONCE):
            some = wanted[begin : begin + IDS_AT_ONCE]
            entries, _, date_of_page = self._ask({"id_list": ",".join(some), "max_results": str(len(some))}, 0, len(some))
            date = date or date_of_page
            for x in some:
                found = [p for p in entries if x in (p.work[6:], p.id[6:])]
                if found:
                    papers.append(max(found, key=lambda paper: int(paper.version[1:] or 0)))  # x may name no version
                else:
                    refused.append(f"{NAME} has no paper {x}")
        return Found(NAME, ", ".join(wanted), date, len(wanted), [self._add_text(paper) for paper in papers], refused)

    def _ask(self, params: dict[str, str], start: int, limit: int) -> tuple[list[Paper], int, str]:
        """Papers of one page, how many match in all, and the date. An empty page where there are papers, which arXiv gives at
        times, is asked for again."""

        def parse(path: Path) -> tuple[list[Paper], int]:
            papers, total, entries = parse_feed(path)
            if not entries and start < min(limit, total):
                raise Retry("the page of the answer is empty")
            return papers, total

        (papers, total), date = self.client.ask("/api/query", parse, params)
        return papers, total, date

    def _add_text(self, paper: Paper) -> Paper:
        """The paper with the text of its PDF; with a note if that cannot be had."""
        if not self.full_text or paper.withdrawn:
            return paper
        request = f"/pdf/{paper.id[6:]}"
        place = self.client.locate(request, suffix=".pdf")
        try:
            self.client.ask(request, _check_pdf, suffix=".pdf")
            read = read_pdf(place).papers[0]
        except InputError as error:
            return replace(
                paper, notes=(*paper.notes, f"Its full text could not be had ({str(error).replace(str(place), 'its PDF')}).")
            )
        sections = read.sections if find_abstract(read.sections) else (*paper.sections, *read.sections)
        return replace(paper, extent="full text", sections=sections, tables=read.tables, notes=(*paper.notes, *read.notes))


def _check_pdf(path: Path) -> None:
    refuse_page(path, NAME, "a PDF")
    with path.open("rb") as file:
        if b"%PDF-" not in file.read(1024):
            raise Retry("the answer is no PDF")


def make_query(query: str, from_year: int | None, to_year: int | None) -> str:
    """A query in arXiv's syntax."""
    if not query.strip():
        raise InputError("an empty query; expected words to search for")
    if not _FIELD.search(query):
        terms = [phrase or word.strip(".,;:!?()") for phrase, word in re.findall(r"(\"[^\"]+\")|([^\s\"]+)", query)]
        query = " AND ".join(f"all:{term}" for term in terms if term not in ("", "AND", "and"))
    if from_year or to_year:
        query = f"({query}) AND submittedDate:[{from_year or 1991}01010000 TO {to_year or 2099}12312359]"
    return query


def parse_feed(path: Path) -> tuple[list[Paper], int, int]:
    """The papers of an Atom feed of arXiv, how many match the query in all, and how many entries are here."""
    refuse_page(path, NAME, "Atom")
    etree = need("lxml.etree")
    try:
        root = etree.fromstring(path.read_bytes(), etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    except (etree.XMLSyntaxError, ValueError):
        raise Retry("the answer is cut off, or no XML") from None
    total = root.findtext(f"{OPENSEARCH}totalResults")
    if root.tag != f"{ATOM}feed" or not (total or "").strip().isdecimal():
        raise InputError(f"{NAME}: the answer is no Atom feed with a count: its format may have changed; report it")
    papers, entries = [], 0
    for entry in root.iterfind(f"{ATOM}entry"):
        entries += 1
        address, title = (squeeze(entry.findtext(f"{ATOM}{tag}") or "") for tag in ("id", "title"))
        if "/api/errors" in address:
            raise InputError(f"{NAME}: {squeeze(entry.findtext(f'{ATOM}summary') or 'an error')}; mend the query or the ids")
        if title and parse_name(address):  # an id that arXiv does not know gives an entry without them
            papers.append(_make_paper(entry, address))
    return papers, int(total), entries


def _make_paper(entry: Any, address: str) -> Paper:
    def text(tag: str) -> str:
        return squeeze(entry.findtext(tag) or "")

    abstract, comment = text(f"{ATOM}summary"), text(f"{ARXIV}comment")
    work, version, same = choose_names([address, text(f"{ARXIV}doi")], address)
    return Paper(
        work=work,
        version=version,
        title=text(f"{ATOM}title"),
        origin=address,
        extent="abstract" if abstract else "title",
        sections=(Section("Abstract", abstract),) if abstract else (),
        authors=tuple(squeeze(name.text or "") for name in entry.iterfind(f"{ATOM}author/{ATOM}name")),
        year=as_year(text(f"{ATOM}published")),
        venue=text(f"{ARXIV}journal_ref"),
        url=address,
        same=same,
        withdrawn=says_withdrawn(comment, abstract),
        notes=(f"Comment of its authors: {comment}",) if comment else (),
    )
