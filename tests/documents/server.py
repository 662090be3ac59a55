"""A server on this machine that speaks the formats of the public services, as far as they are documented, with their failures.

Papers are invented. `fail(...)` gives the next answers a failure each: "429", "500", "cut", "half", "html", "empty", "slow",
"shape", or None.
"""

from __future__ import annotations

import gzip
import json
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = "<!DOCTYPE html><html><head><title>Log in</title></head><body>Welcome to the hotel's network.</body></html>"


@dataclass(frozen=True)
class Record:
    """A paper of the server. `versions`: the abstract of each version on arXiv."""

    title: str
    authors: tuple[str, ...]
    year: int
    versions: tuple[str, ...]
    arxiv: str = ""
    acl: str = ""
    doi: str = ""
    comment: str = ""


RECORDS = [
    Record(
        "Bending Trees Across Languages",
        ("Ada Fern", "Bo Moss"),
        2020,
        ("Bending trees gains 8.4 points on seven tasks.", "Bending trees gains 5.4 points on nine tasks."),
        "2005.90001",
        "2020.trees-main.56",
        "10.18653/v1/2020.trees-main.56",
    ),
    Record("Trees & Leaves", ("Cy Oak",), 2021, ("Trees have no <leaves> in winter.",), "2101.90002"),
    Record(
        "Trees That Fell",
        ("Di Elm",),
        2022,
        ("This paper has been withdrawn by its authors.",),
        "2201.90003",
        comment="This paper has been withdrawn: the trees fell",
    ),
    Record("Old Trees of the Anthology", ("Ed Yew",), 2018, ("Old trees are measured.",), acl="P18-9001"),
]


@dataclass
class FakeServices:
    """`base`: its address. `requests`: (path, parameters, body, headers) of each request. `repeat`: records come twice."""

    base: str
    records: list[Record]
    requests: list[tuple[str, dict[str, str], Any, dict[str, str]]] = field(default_factory=list)
    failures: list[str | None] = field(default_factory=list)
    repeat: bool = False
    pdf: bytes = b""

    def fail(self, *modes: str | None) -> None:
        self.failures += modes

    def found(self, words: str) -> list[Record]:
        wanted = [word for word in words.lower().replace('"', "").split() if word != "and"]
        found = [r for r in self.records if all(word in f"{r.title} {' '.join(r.versions)}".lower() for word in wanted)]
        return [x for r in found for x in ([r, r] if self.repeat else [r])]


@contextmanager
def serve(records: list[Record] | None = None) -> Iterator[FakeServices]:
    services = FakeServices("", list(RECORDS if records is None else records))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.answer(None)

        def do_POST(self) -> None:
            self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def answer(self, body: Any) -> None:
            parts = urlsplit(self.path)
            params = {key: values[0] for key, values in parse_qs(parts.query).items()}
            services.requests.append((parts.path, params, body, dict(self.headers)))
            mode = services.failures.pop(0) if services.failures else None
            if mode and mode.startswith("429"):
                return self.send(429, b"slow down", "text/plain", {"Retry-After": mode.partition(" ")[2] or "7"})
            if mode == "500":
                return self.send(500, b"oops", "text/plain")
            if mode == "html":
                return self.send(200, PAGE.encode(), "text/html")
            if mode == "slow":
                time.sleep(0.5)
            found = route(services, parts.path, params, body, mode)
            if found is None:
                return self.send(404, b"not found", "text/plain")
            content, kind = found
            if mode == "cut":
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2])
                self.close_connection = True
                return None
            if mode == "half":  # all that was announced, but not all there is
                content = content[: len(content) // 2]
            return self.send(200, content, kind)

        def send(self, status: int, content: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    services.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield services
    finally:
        server.shutdown()
        server.server_close()


def route(services: FakeServices, path: str, params: dict[str, str], body: Any, mode: str | None) -> tuple[bytes, str] | None:
    if path == "/api/query":
        return arxiv_feed(services, params, mode), "application/atom+xml"
    if path.startswith("/pdf/"):
        return (services.pdf, "application/pdf") if services.pdf else None
    if path == "/graph/v1/paper/search":
        return as_json(semantic_scholar_page(services, params, mode))
    if path == "/graph/v1/paper/batch":
        return as_json([semantic_scholar_paper(services, identifier) for identifier in body["ids"]])
    if path == "/works":
        return as_json(openalex_page(services, params, mode))
    if path == "/anthology+abstracts.bib.gz":
        return gzip.compress("".join(bibtex(r) for r in services.records if r.acl).encode()), "application/gzip"
    if path.endswith(".bib"):
        entries = [bibtex(r) for r in services.records if r.acl == path[1:-4]]
        return (entries[0].encode(), "text/plain") if entries else None
    return None


def as_json(value: Any) -> tuple[bytes, str]:
    return json.dumps(value).encode(), "application/json"


def arxiv_feed(services: FakeServices, params: dict[str, str], mode: str | None) -> bytes:
    if "id_list" in params:
        pairs = []
        for identifier in params["id_list"].split(","):
            name, _, version = identifier.partition("v")
            pairs += [(r, int(version or len(r.versions))) for r in services.records if r.arxiv == name]
    else:
        query = params["search_query"].partition(" AND submittedDate")[0].strip("()")
        words = " ".join(term.removeprefix("all:") for term in query.split(" AND "))
        pairs = [(r, len(r.versions)) for r in services.found(words) if r.arxiv]
    total = len(pairs)
    start = int(params.get("start", 0))
    shown = [] if mode == "empty" else pairs[start : start + int(params["max_results"])]
    count = "" if mode == "shape" else f"<opensearch:totalResults>{total}</opensearch:totalResults>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom" '
        'xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom">'
        f"<title>arXiv Query</title>{count}{''.join(arxiv_entry(r, v) for r, v in shown)}</feed>"
    ).encode()


def arxiv_entry(record: Record, version: int) -> str:
    authors = "".join(f"<author><name>{name}</name></author>" for name in record.authors)
    comment = f"<arxiv:comment>{escape(record.comment)}</arxiv:comment>" if record.comment else ""
    doi = f"<arxiv:doi>{record.doi}</arxiv:doi>" if record.doi else ""
    return (
        f"<entry><id>http://arxiv.org/abs/{record.arxiv}v{version}</id><published>{record.year}-05-26T17:00:00Z</published>"
        f"<updated>{record.year}-10-01T17:00:00Z</updated><title>{escape(record.title)}</title>"
        f"<summary>  {escape(record.versions[version - 1])}\n</summary>{authors}{comment}{doi}</entry>"
    )


def semantic_scholar_page(services: FakeServices, params: dict[str, str], mode: str | None) -> Any:
    if mode == "shape":
        return {"message": "changed"}
    found = services.found(params["query"])
    start, size = int(params["offset"]), int(params["limit"])
    page: dict[str, Any] = {"total": len(found), "offset": start}
    page["data"] = [semantic_scholar_record(r) for r in ([] if mode == "empty" else found[start : start + size])]
    if start + size < len(found):
        page["next"] = start + size
    return page


def semantic_scholar_record(record: Record) -> dict[str, Any]:
    outside = {"ArXiv": record.arxiv, "ACL": record.acl, "DOI": record.doi, "CorpusId": 7}
    return {
        "paperId": f"{hash_of(record):040x}",
        "externalIds": {key: value for key, value in outside.items() if value},
        "title": record.title,
        "abstract": record.versions[-1] if record.arxiv != "2101.90002" else None,
        "year": record.year,
        "venue": "Forest",
        "authors": [{"authorId": "1", "name": name} for name in record.authors],
        "url": "https://www.semanticscholar.org/paper/x",
    }


def semantic_scholar_paper(services: FakeServices, identifier: str) -> dict[str, Any] | None:
    kind, _, name = identifier.partition(":")
    for record in services.records:
        if {"ARXIV": record.arxiv, "ACL": record.acl, "DOI": record.doi}.get(kind) == name:
            return semantic_scholar_record(record)
    return None


def openalex_page(services: FakeServices, params: dict[str, str], mode: str | None) -> Any:
    if mode == "shape":
        return [1, 2]
    if "search" in params:
        found = services.found(params["search"])
    else:
        wanted = params["filter"].removeprefix("doi:").split("|")
        found = [r for r in services.records if doi_of(r).lower() in wanted]
    cursor = params.get("cursor", "*")
    start, size = 0 if cursor == "*" else int(cursor), int(params["per_page"])
    rest = start + size < len(found)
    return {
        "meta": {"count": len(found), "per_page": size, "next_cursor": str(start + size) if rest else None},
        "results": [openalex_record(r) for r in ([] if mode == "empty" else found[start : start + size])],
    }


def openalex_record(record: Record) -> dict[str, Any]:
    index: dict[str, list[int]] = {}
    for place, word in enumerate(record.versions[-1].split()):
        index.setdefault(word, []).append(place)
    return {
        "id": f"https://openalex.org/W{hash_of(record)}",
        "doi": f"https://doi.org/{doi_of(record)}" if doi_of(record) else None,
        "title": record.title,
        "publication_year": record.year,
        "language": "en",
        "authorships": [{"author": {"display_name": name}} for name in record.authors],
        "primary_location": {"source": {"display_name": "Forest"}, "version": "submittedVersion", "landing_page_url": None},
        "locations": [{"landing_page_url": f"http://arxiv.org/abs/{record.arxiv}"}] if record.arxiv else [],
        "abstract_inverted_index": index,
        "is_retracted": bool(record.comment),
    }


def doi_of(record: Record) -> str:
    return record.doi or (f"10.48550/arXiv.{record.arxiv}" if record.arxiv else "")


def hash_of(record: Record) -> int:
    return zlib.crc32(record.title.encode())


def bibtex(record: Record) -> str:
    return (
        f'@inproceedings{{key-{record.acl},\n    title = "{record.title}",\n    author = "{" and ".join(record.authors)}",\n'
        f'    year = "{record.year}",\n    url = "https://aclanthology.org/{record.acl}/",\n'
        f'    abstract = "{record.versions[-1]}"\n}}\n'
    )
