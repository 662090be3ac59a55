"""Ranking: a query -> a ranking of the candidates of a pool (retrieval of answers by a dual encoder)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Ranking:
    """Queries and a pool of candidates in, a ranking of the candidates for each query out."""

    name: ClassVar[str] = "rank"


@dataclass(frozen=True, slots=True)
class RankingExample:
    """A query and the text that answers it, with the text around that (training data of format Ranking)."""

    id: str
    query: str
    text: str
    context: str

    @property
    def answer(self) -> tuple[str, ...]:
        """Its own id: among the texts of pairs, its own is the one that answers its query."""
        return (self.id,)
