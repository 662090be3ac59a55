"""Semantic Scholar by its Academic Graph API, https://api.semanticscholar.org/api-docs/graph. It does not tell versions apart.

A key in the environment variable S2_API_KEY is sent where there is one; without it, the service often answers 429."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xstilts.documents.names import choose_names, parse_name
from xstilts.documents.paper import Found, Paper, Section
from xstilts.documents.reading.files import as_year, says_withdrawn
from xstilts.documents.services.client import Client, get_list, get_text, parse_json
from xstilts.errors import InputError

NAME = "Semantic Scholar"
BASE = "https://api.semanticscholar.org"
INTERVAL = 1.1
PAGE = 100
MOST = 1000  # the service gives no more for one query
IDS_AT_ONCE = 500
FIELDS = "externalIds,title,abstract,year,venue,authors,url"
PREFIXES = {"arxiv:": "ARXIV:", "acl:": "ACL:", "doi:": "DOI:"}


@dataclass
class SemanticScholar:
    """The papers of Semantic Scholar."""

    cache: Path
    base: str = BASE
    interval: float = INTERVAL
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        key = os.environ.get("S2_API_KEY", "")
        self.client = Client(NAME, self.base, self.cache / "semantic-scholar", self.interval, {"x-api-key": key} if key else {})

    def search(self, query: str, limit: int = 100, from_year: int | None = None, to_year: int | None = None) -> Found:
        """The most relevant papers for words, at most `limit` and 1,000. Raises InputError."""
        if not query.strip():
            raise InputError("an empty query; expected words to search for")
        params = {"query": query.replace("-", " "), "fields": FIELDS}  # the service finds nothing for words with hyphens
        if from_year or to_year:
            params["year"] = f"{from_year or ''}-{to_year or ''}"
        papers: dict[str, Paper] = {}
        refused: list[str] = []
        date, start, total = "", 0, 0
        while start < min(limit, MOST):
            size = min(PAGE, limit - start, MOST - start)
            page, date_of_page = self.client.ask(
                "/graph/v1/paper/search", _parse_page, {**params, "offset": str(start), "limit": str(size)}
            )
            total, date = page["total"], date or date_of_page
            _add_records(get_list(page, "data", NAME), papers, refused)
            start = page["next"]
            if not start:
                break
        shown = f"{query} ({params['year']})" if "year" in params else query
        notes = [f"{total:,} records match; the first {len(papers):,} by relevance were read."] if total > len(papers) else []
        return Found(NAME, shown, date, total, list(papers.values()), refused, notes)

    def by_id(self, ids: Sequence[str]) -> Found:
        """Papers by arXiv id, ACL Anthology id, DOI, or the service's own id. Those it does not know are in `refused`."""
        wanted = list(dict.fromkeys(map(_spell_id, ids)))
        papers: dict[str, Paper] = {}
        refused: list[str] = []
        date = ""
        for begin in range(0, len(wanted), IDS_AT_ONCE):
            some = wanted[begin : begin + IDS_AT_ONCE]
            answer, date_of_page = self.client.ask(
                "/graph/v1/paper/batch", lambda path: parse_json(path, NAME), {"fields": FIELDS}, {"ids": some}
            )
            date = date or date_of_page
            if not isinstance(answer, list) or len(answer) != len(some):
                raise InputError(f"{NAME}: expected one record for each id: its format may have changed; report it")
            refused += [f"{NAME} has no paper {x}" for x, record in zip(some, answer, strict=True) if record is None]
            _add_records(get_list(answer, "data", NAME), papers, refused)
        return Found(NAME, ", ".join(wanted), date, len(wanted), list(papers.values()), refused)


def _parse_page(path: Path) -> dict[str, Any]:
    page = parse_json(path, NAME)
    if not isinstance(page, dict) or not isinstance(page.get("total"), int):
        raise InputError(f"{NAME}: the answer has no number 'total': its format may have changed; report it")
    following = page.get("next")
    return {"total": page["total"], "next": following if isinstance(following, int) else 0, "data": page.get("data") or []}


def _spell_id(text: str) -> str:
    """An id as the service wants it: "ARXIV:2005.13013"."""
    name = parse_name(text)
    if name is None:
        return text.strip()
    prefix = name[0][: name[0].index(":") + 1]
    return PREFIXES[prefix] + name[0].removeprefix(prefix)


def _add_records(records: Sequence[dict[str, Any]], papers: dict[str, Paper], refused: list[str]) -> None:
    for record in records:
        identifier, title = get_text(record, "paperId"), get_text(record, "title")
        if not identifier or not title:
            refused.append(f"{NAME}: record {identifier or 'without paperId'}: no title")
            continue
        outside = record.get("externalIds") or {}
        names = [get_text(outside, key) for key in ("ArXiv", "ACL", "DOI")]
        work, version, same = choose_names([x for x in names if x], f"s2:{identifier}")
        abstract = get_text(record, "abstract")
        papers.setdefault(
            identifier,
            Paper(
                work=work,
                version="" if work.startswith("arxiv:") else version,
                title=title,
                origin=f"https://www.semanticscholar.org/paper/{identifier}",
                extent="abstract" if abstract else "title",
                sections=(Section("Abstract", abstract),) if abstract else (),
                authors=tuple(filter(None, (get_text(author, "name") for author in record.get("authors") or ()))),
                year=as_year(record.get("year")),
                venue=get_text(record, "venue"),
                url=get_text(record, "url"),
                same=same,
                withdrawn=says_withdrawn(title, abstract),
            ),
        )
