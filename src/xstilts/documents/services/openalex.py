"""OpenAlex by its API, https://developers.openalex.org. Abstracts come as an index of words, and are put together again.

The service wants a key (free; environment variable OPENALEX_API_KEY) for more than a few requests a day, and is glad of a mail
address (OPENALEX_MAILTO). Neither is part of what the cache knows of a request."""

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

NAME = "OpenAlex"
BASE = "https://api.openalex.org"
INTERVAL = 0.2
PAGE = 100
IDS_AT_ONCE = 50


@dataclass
class OpenAlex:
    """The works of OpenAlex."""

    cache: Path
    base: str = BASE
    interval: float = INTERVAL
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        known = {"api_key": os.environ.get("OPENALEX_API_KEY", ""), "mailto": os.environ.get("OPENALEX_MAILTO", "")}
        secret = {key: value for key, value in known.items() if value}
        self.client = Client(NAME, self.base, self.cache / "openalex", self.interval, secret=secret)

    def search(self, query: str, limit: int = 100, from_year: int | None = None, to_year: int | None = None) -> Found:
        """The most relevant works for words, at most `limit`. Raises InputError."""
        if not query.strip():
            raise InputError("an empty query; expected words to search for")
        params = {"search": query}
        limits = [f"from_publication_date:{from_year}-01-01"] if from_year else []
        limits += [f"to_publication_date:{to_year}-12-31"] if to_year else []
        if limits:
            params["filter"] = ",".join(limits)
        papers: dict[str, Paper] = {}
        refused: list[str] = []
        date, cursor, total, read = "", "*", 0, 0
        while cursor and read < limit:
            page, date_of_page = self._ask({**params, "per_page": str(min(PAGE, limit)), "cursor": cursor})
            total, date = page["meta"]["count"], date or date_of_page
            records = get_list(page, "results", NAME)[: limit - read]
            _add_records(records, papers, refused)
            read += len(records)
            cursor = get_text(page, "meta", "next_cursor") if records else ""
        shown = f"{query} ({params['filter']})" if limits else query
        notes = [f"{total:,} records match; the first {read:,} by relevance were read."] if total > read else []
        if (repeated := read - len(papers) - len(refused)) > 0:
            notes.append(f"{repeated} records came twice in the pages of the answer.")
        return Found(NAME, shown, date, total, list(papers.values()), refused, notes)

    def by_id(self, ids: Sequence[str]) -> Found:
        """Works by DOI, arXiv id or ACL Anthology id (by the DOIs that arXiv and the ACL give them). Those that are not found are
        in `refused`. Raises InputError for another id."""
        wanted = list(dict.fromkeys(map(_spell_doi, ids)))
        papers: dict[str, Paper] = {}
        refused: list[str] = []
        date = ""
        for begin in range(0, len(wanted), IDS_AT_ONCE):
            some = wanted[begin : begin + IDS_AT_ONCE]
            page, date_of_page = self._ask({"filter": f"doi:{'|'.join(some)}", "per_page": str(PAGE)})
            date = date or date_of_page
            records = get_list(page, "results", NAME)
            _add_records(records, papers, refused)
            found = {get_text(record, "doi").lower().partition("doi.org/")[2] for record in records}
            refused += [f"{NAME} has no work with the DOI {x}" for x in some if x not in found]
        return Found(NAME, ", ".join(wanted), date, len(wanted), list(papers.values()), refused)

    def _ask(self, params: dict[str, str]) -> tuple[dict[str, Any], str]:
        return self.client.ask("/works", _parse_page, params)


def _parse_page(path: Path) -> dict[str, Any]:
    page = parse_json(path, NAME)
    if not isinstance(page, dict) or not isinstance(page.get("meta"), dict) or not isinstance(page["meta"].get("count"), int):
        raise InputError(f"{NAME}: the answer has no 'meta' with 'count': its format may have changed; report it")
    return page


def _spell_doi(text: str) -> str:
    name = parse_name(text)
    if name is None:
        raise InputError(f"{text}: no DOI, arXiv id or ACL Anthology id; expected one such as 10.18653/v1/2020.aacl-main.56")
    kind, _, rest = name[0].partition(":")
    return {"arxiv": f"10.48550/arxiv.{rest}", "acl": f"10.18653/v1/{rest}".lower()}.get(kind, rest)


def join_abstract(index: Any) -> str:
    """The abstract of an inverted index, word -> its positions."""
    if not isinstance(index, dict):
        return ""
    places = [
        (place, str(word))
        for word, found in index.items()
        if isinstance(found, list)
        for place in found
        if isinstance(place, int)
    ]
    return " ".join(word for _, word in sorted(places))


def _add_records(records: Sequence[dict[str, Any]], papers: dict[str, Paper], refused: list[str]) -> None:
    for record in records:
        identifier = get_text(record, "id").rpartition("/")[2]
        title = get_text(record, "title") or get_text(record, "display_name")
        if not identifier or not title:
            refused.append(f"{NAME}: record {identifier or 'without id'}: no title")
            continue
        places = [place for place in record.get("locations") or () if isinstance(place, dict)]
        first = record.get("primary_location") if isinstance(record.get("primary_location"), dict) else {}
        names = [get_text(record, "doi"), *(get_text(place, "landing_page_url") for place in (first, *places))]
        work, version, same = choose_names([x for x in names if x], f"openalex:{identifier}")
        published = get_text(first, "version") == "publishedVersion" or version == "published"
        abstract = join_abstract(record.get("abstract_inverted_index"))
        papers.setdefault(
            identifier,
            Paper(
                work=work,
                version="published" if published and not work.startswith("arxiv:") else "",
                title=title,
                origin=f"https://openalex.org/{identifier}",
                extent="abstract" if abstract else "title",
                sections=(Section("Abstract", abstract),) if abstract else (),
                authors=tuple(filter(None, (get_text(x, "author", "display_name") for x in record.get("authorships") or ()))),
                year=as_year(record.get("publication_year")),
                venue=get_text(first, "source", "display_name"),
                url=get_text(first, "landing_page_url") or get_text(record, "doi"),
                language=get_text(record, "language") or "en",
                same=same,
                withdrawn=record.get("is_retracted") is True or says_withdrawn(title, abstract),
            ),
        )
