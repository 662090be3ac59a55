"""Public services that have papers. Each is a class with `search(query, limit, from_year, to_year)` and `by_id(ids)`, which give
a `Found`. They keep their answers in the folder `cache`, and ask no more often than their rules allow."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from xstilts.documents.paper import Found
from xstilts.documents.services.acl_anthology import AclAnthology
from xstilts.documents.services.arxiv import ArXiv
from xstilts.documents.services.openalex import OpenAlex
from xstilts.documents.services.semantic_scholar import SemanticScholar


class Service(Protocol):
    def search(self, query: str, limit: int = 100, from_year: int | None = None, to_year: int | None = None) -> Found: ...

    def by_id(self, ids: Sequence[str]) -> Found: ...


SERVICES: dict[str, Callable[[Path], Service]] = {
    "arxiv": ArXiv,
    "semantic-scholar": SemanticScholar,
    "openalex": OpenAlex,
    "acl-anthology": AclAnthology,
}
